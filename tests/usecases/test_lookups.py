"""What people look up: for everybody, whoever they are, and never an error dump."""

import pytest

from bot.domain.routing import Phase, PhaseChoice, letters
from bot.usecases.grammar import NOT_BUILT, USAGE
from bot.usecases.reply import Table, Tone
from tests.usecases.world import DEVI, FRAUD, MIKA, PAULA, PEOPLE, STRANGER, World, shown


async def test_help_shows_what_is_built_and_nothing_else(world: World) -> None:
    text = shown(await world.say("", PAULA))
    for name, line in USAGE.items():
        assert (f"/mlops {line}" in text) == (name not in NOT_BUILT)


async def test_help_shows_first_what_waits_for_this_person(world: World) -> None:
    await world.learn()
    number = await world.request(MIKA)
    assert f"/mlops approve OP-{number}" in shown(await world.say("help", DEVI))
    assert f"/mlops approve OP-{number}" not in shown(await world.say("help", MIKA))


async def test_a_stranger_is_told_what_they_may_do(world: World) -> None:
    assert "You are not in the configuration" in shown(await world.say("help", STRANGER))


@pytest.mark.parametrize("name", list(NOT_BUILT))
async def test_what_is_not_built_says_so_and_does_nothing(world: World, name: str) -> None:
    await world.fire()
    before = await world.kinds(1)
    reply = await world.say(f"{name} INC-1 2h", MIKA)
    assert reply.tone is Tone.REFUSED
    assert "is not built yet" in reply.title
    assert "Nothing was done." in shown(reply)
    assert await world.kinds(1) == before


async def test_incidents_worst_first(world: World) -> None:
    assert (await world.say("incidents", PAULA)).title == "No incident is open."
    await world.fire("ModelFeatureDrift", FRAUD)
    await world.fire("KubePodCrash", None, labels={"severity": "critical"})
    reply = await world.say("incidents", STRANGER)
    assert reply.title == "2 incidents open"
    table = next(part for part in reply.parts if isinstance(part, Table))
    assert [row[0] for row in table.rows] == ["INC-2", "INC-1"]
    await world.say("resolve INC-2", MIKA)
    await world.say("resolve INC-1", MIKA)


async def test_many_incidents_are_counted(world: World) -> None:
    for place in range(25):
        await world.say(f"declare number {place}", PAULA)
    reply = await world.say("incidents", PAULA)
    assert reply.title == "25 incidents open"
    assert "… and 5 more." in shown(reply)


async def test_models_and_what_the_ledger_knows(world: World) -> None:
    assert "not seen yet" in shown(await world.say("models", PAULA))
    await world.learn()
    text = shown(await world.say("models", PAULA))
    assert f"{FRAUD} | production | 3 | 42 min ago | registry" in text
    assert "churn | production | 1" in text


async def test_operations(world: World) -> None:
    assert "There was no operation yet." in shown(await world.say("operations", PAULA))
    await world.learn()
    await world.request(MIKA)
    text = shown(await world.say("operations", PAULA))
    assert f"OP-1 | rollback | {FRAUD} | version 3 → 2 | awaiting approval | Mika Laine" in text


async def test_changes_newest_first_with_who_made_them(world: World) -> None:
    assert "Nothing is known to have changed" in shown(await world.say(f"changes {FRAUD}", PAULA))
    await world.learn()
    text = shown(await world.say(f"changes {FRAUD}", PAULA))
    assert "42 min ago: version 3 promoted by Mika Laine" in text
    assert "neither a configured model" in (await world.say("changes ghost", PAULA)).title


@pytest.mark.parametrize("phase", list(Phase))
async def test_who_says_the_whole_row_and_why(world: World, phase: Phase) -> None:
    text = shown(await world.say(f"who {phase.value}", STRANGER))
    row = world.setup.table.cells[phase]
    for role, cell in row.items():
        assert f"{role.label} {letters(cell)}" in text
    route = world.setup.route_for(PhaseChoice(phase, "asked", "asked for"), None)
    assert route.accountable is not None
    assert f"Accountable: {world.setup.name(route.accountable.person)}: {route.accountable.why}" in text
    assert world.setup.table.origin[phase] in text


async def test_who_for_a_model_says_who_may_act(world: World) -> None:
    text = shown(await world.say(f"who {FRAUD}", STRANGER))
    assert "Deployment (to roll back)" in text
    assert "Accountable: Devi Rao" in text
    assert "Model Retraining & Versioning (to retrain)" in text


@pytest.mark.parametrize("word", ["deploy", "DEPLOYMENT", "monitoring", "retraining"])
async def test_who_finds_a_phase_by_a_part_of_its_name(world: World, word: str) -> None:
    assert (await world.say(f"who {word}", PAULA)).ok


async def test_who_for_nothing_known(world: World) -> None:
    reply = await world.say("who ghost", PAULA)
    assert "“ghost” is neither a configured model nor a phase." in reply.title
    assert FRAUD in shown(reply)
    assert "Usage: /mlops who MODEL|PHASE" in shown(await world.say("who", PAULA))


async def test_the_runbook_of_an_incident_has_its_commands_filled_in(world: World) -> None:
    number = await world.fire()
    text = shown(await world.say(f"runbook INC-{number}", PAULA))
    assert f"/mlops rollback {FRAUD} --incident INC-{number}" in text
    assert "It worked when" in text
    assert "{model}" not in text


async def test_runbooks_by_words_by_name_and_all(world: World) -> None:
    everything = shown(await world.say("runbook", PAULA))
    for runbook in world.setup.runbooks:
        assert runbook.slug in everything
        assert (await world.say(f"runbook {runbook.slug}", PAULA)).title == f"Runbook: {runbook.title}"
    assert "drift" in shown(await world.say("runbook drift", PAULA)).lower()
    assert "No runbook has the words “xyzzy”." in shown(await world.say("runbook xyzzy", PAULA))


async def test_an_incident_without_a_runbook(world: World) -> None:
    await world.say("declare something odd", PAULA)
    incident = await world.incident(1)
    reply = await world.say("runbook INC-1", PAULA)
    assert (incident.runbook is None) == ("No runbook" in reply.title or "no runbook" in shown(reply))


async def test_the_timeline_tells_who_did_what(world: World) -> None:
    number = await world.fire()
    await world.say(f"ack INC-{number}", MIKA)
    for place in range(25):
        await world.say(f"note INC-{number} look {place}", MIKA)
    text = shown(await world.say(f"timeline INC-{number}", PAULA))
    assert "Mika Laine: look 24" in text
    assert "earlier entries are left out" in text
    assert f"/mlops timeline INC-{number} export md" in text


async def test_a_timeline_is_exported_and_that_is_on_record(world: World) -> None:
    number = await world.fire()
    reply = await world.say(f"timeline INC-{number} export json", PAULA)
    assert reply.ok, shown(reply)
    refused = await world.say(f"timeline INC-{number} export docx", PAULA)
    assert "There is no export format “docx”." in refused.title
    assert "is not something a timeline can do" in (await world.say(f"timeline INC-{number} shred", PAULA)).title


async def test_the_doctor_where_there_is_none(world: World) -> None:
    assert "mlops-bot doctor" in shown(await world.say("doctor", PAULA))


@pytest.mark.parametrize(
    "text", ["<!channel> help", "help\x00", "*ack* INC-1", "ack `INC-1`", "; rm -rf /", "' OR 1=1 --", "{{7*7}}",
             "\u202eack INC-1", "ack INC-1" + "0" * 300, "note " + "𝔘" * 3_000, "🔥" * 1_000],
)  # fmt: skip
async def test_hostile_words_are_answered_like_any_others(world: World, text: str) -> None:
    for person in (*PEOPLE, STRANGER):
        reply = await world.say(text, person)
        assert reply.title
        assert reply.tone is not Tone.FAULT
