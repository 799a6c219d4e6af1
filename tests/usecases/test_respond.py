"""What people do about an incident, by the commands they type; each is an answer, a timeline entry, and a new card."""

from dataclasses import replace

import pytest

from bot.domain.alert import AlertStatus
from bot.domain.incident import Status
from bot.domain.routing import Phase
from bot.domain.severity import Severity
from bot.domain.timeline import Kind
from bot.usecases.desk import Place
from bot.usecases.reply import Mentions, Tone
from tests.usecases.world import DANA, DEVI, FRAUD, MIKA, OMAR, PAULA, STRANGER, World, an_alert, shown


async def test_acknowledging_stops_the_escalation_and_is_told(world: World) -> None:
    number = await world.fire("ModelFeatureDrift")
    card = await world.post(f"card:{number}")
    reply = await world.say(f"ack INC-{number}", DANA)
    assert reply.tone is Tone.DONE
    assert reply.title == f"INC-{number} is yours now."
    incident = await world.incident(number)
    assert (incident.status, incident.acknowledged_by, incident.assignee) == (Status.ACKNOWLEDGED, "dana", "dana")
    assert (await world.timeline(number, Kind.ACKNOWLEDGED))[0].actor.id == "dana"
    assert (await world.post(f"card:{number}")).wanted > card.wanted
    world.clock.advance(world.setup.policies.escalate_after)
    await world.clockwork.timers()
    assert await world.post(f"page:{number}:mika") is None, "the Accountable may sleep on"


async def test_acknowledging_twice_is_harmless_and_said(world: World) -> None:
    number = await world.fire()
    await world.say(f"ack {number}", MIKA)
    again = await world.say(f"ack INC-{number}", MIKA)
    assert again.ok
    assert "already" in again.title
    other = await world.say(f"ack INC-{number}", DEVI)
    assert other.tone is Tone.REFUSED
    assert "acknowledged already" in other.title
    assert len(await world.timeline(number, Kind.ACKNOWLEDGED)) == 1


async def test_a_page_shows_that_somebody_has_it(world: World) -> None:
    number = await world.fire()
    before = await world.post(f"page:{number}:mika")
    await world.say(f"ack INC-{number}", DEVI)
    assert (await world.post(f"page:{number}:mika")).wanted == before.wanted + 1


async def test_resolving_with_a_reason(world: World) -> None:
    number = await world.fire()
    await world.say(f"ack INC-{number}", MIKA)
    reply = await world.say(f"resolve INC-{number} the upstream table was back at 03:40", MIKA)
    assert reply.title == f"INC-{number} is resolved."
    assert "1 of its alerts still fire" in shown(reply)
    incident = await world.incident(number)
    assert (incident.status, incident.confirmed) == (Status.RESOLVED, True)
    assert "the upstream table was back at 03:40" in (await world.timeline(number, Kind.RESOLVED))[0].text
    assert await world.post(f"summary:{number}:0:paula") is not None


async def test_a_person_confirms_what_the_source_said(world: World) -> None:
    number = await world.fire()
    await world.send(an_alert(world.clock, status=AlertStatus.RESOLVED, ends_at=world.clock.now()))
    assert not (await world.incident(number)).confirmed
    reply = await world.say(f"resolve INC-{number}", DEVI)
    assert reply.ok
    assert (await world.incident(number)).confirmed


async def test_reopening_pages_again_in_a_message_of_its_own(world: World) -> None:
    number = await world.fire()
    await world.say(f"resolve INC-{number}", MIKA)
    reply = await world.say(f"reopen INC-{number} errors are back", MIKA)
    assert reply.ok
    incident = await world.incident(number)
    assert (incident.status, incident.reopened) == (Status.OPEN, 1)
    pages = await world.store.read(lambda tx: [p.key for p in tx.posts.due(tx.now, limit=100) if "page:" in p.key])
    assert len([key for key in pages if ":mika" in key]) == 2


async def test_nobody_answers_then_the_accountable_then_the_delegate_is_woken(delegating: World) -> None:
    number = await delegating.fire("ModelFeatureDrift")
    incident = await delegating.incident(number)
    assert incident.route.phase is Phase.RETRAINING
    accountable = incident.route.accountable
    assert accountable is not None
    assert accountable.person == "mika"
    assert await delegating.post(f"page:{number}:mika") is None
    delegating.clock.advance(delegating.setup.policies.escalate_after)
    await delegating.clockwork.timers()
    assert await delegating.post(f"page:{number}:mika") is not None
    delegating.clock.advance(delegating.setup.policies.escalate_after)
    await delegating.clockwork.timers()
    assert "nobody further to page" in (await delegating.timeline(number, Kind.REMINDED))[0].text


async def test_a_delegate_is_woken_after_the_accountable(delegating: World) -> None:
    number = await delegating.fire()
    for _ in range(2):
        delegating.clock.advance(delegating.setup.policies.escalate_after)
        await delegating.clockwork.timers()
    texts = [entry.text for entry in await delegating.timeline(number, Kind.PAGED)]
    assert any(text.startswith("Paged Dana Sutter") and "delegate of Devi Rao" in text for text in texts)
    assert (await delegating.say(f"ack INC-{number}", DANA)).ok


async def test_assigning_to_somebody_mentions_them(world: World) -> None:
    number = await world.fire()
    for word in ("@omar", "omar", f"<@{OMAR.slack_id}|omar>", "Omar Haddad", "omar@example.com"):
        reply = await world.say(f"assign INC-{number} {word}", MIKA)
        assert reply.public
        assert Mentions("Please take over:", ("omar",)) in reply.parts
    assert (await world.incident(number)).assignee == "omar"


async def test_who_it_is_assigned_to_may_act_on_it(world: World) -> None:
    number = await world.fire()
    assert not (await world.say(f"severity INC-{number} sev1", OMAR)).ok
    await world.say(f"assign INC-{number} @omar", MIKA)
    assert (await world.say(f"severity INC-{number} sev1", OMAR)).ok


async def test_assigning_to_nobody_names_who_there_is(world: World) -> None:
    number = await world.fire()
    reply = await world.say(f"assign INC-{number} @ghost", MIKA)
    assert reply.tone is Tone.REFUSED
    assert "dana, mika, devi, omar, paula" in shown(reply)
    assert "Usage: /mlops assign INC @person" in shown(await world.say(f"assign INC-{number}", MIKA))


@pytest.mark.parametrize("word", ["sev1", "SEV1", "1"])
async def test_changing_the_severity(world: World, word: str) -> None:
    number = await world.fire()
    reply = await world.say(f"severity INC-{number} {word}", MIKA)
    assert reply.title == f"INC-{number} is sev1 now: users are hurt now."
    assert (await world.incident(number)).severity is Severity.SEV1


async def test_a_severity_that_is_none(world: World) -> None:
    number = await world.fire()
    for word in ("sev5", "", "high"):
        reply = await world.say(f"severity INC-{number} {word}", MIKA)
        assert "sev1 (worst) to sev4" in reply.title


async def test_anybody_may_take_notes_and_they_are_kept_as_written(world: World) -> None:
    number = await world.fire()
    text = "Customer said “it —really— fails” <script>alert(1)</script> <!channel> & more"
    assert (await world.say(f"note INC-{number} {text}", STRANGER)).ok
    entry = (await world.timeline(number, Kind.NOTE))[-1]
    assert (entry.text, entry.actor.name) == (text, "Sam")
    assert "is empty" in (await world.say(f"note INC-{number}", PAULA)).title


async def test_declaring(world: World) -> None:
    reply = await world.say(f"declare “Checkout scores are all 0.5” —model {FRAUD} —severity sev1", PAULA)
    assert reply.ok
    incident = await world.incident(1)
    assert incident.title == "Checkout scores are all 0.5"
    assert (incident.model, incident.severity, incident.source) == (FRAUD, Severity.SEV1, "declared")
    assert await world.post("card:1") is not None
    assert {entry.kind for entry in await world.timeline(1)} >= {Kind.OPENED, Kind.ROUTED, Kind.PAGED}


@pytest.mark.parametrize(
    ("text", "said"),
    [("declare", "needs a title"), ("declare --severity sev9 x", "There is no severity “sev9”"),
     ("declare API down --sev sev1", "There is no option --sev")],
)  # fmt: skip
async def test_declaring_badly_opens_nothing(world: World, text: str, said: str) -> None:
    reply = await world.say(text, PAULA)
    assert said in shown(reply)
    assert "Usage: /mlops declare TITLE" in shown(reply)
    assert await world.store.read(lambda tx: tx.incidents.newest(limit=1)) == []


async def test_declaring_about_a_model_that_is_not_configured_says_so(world: World) -> None:
    await world.say("declare odd --model ghost", PAULA)
    incident = await world.incident(1)
    assert (incident.model, incident.subject_why) == ("ghost", "not in the configuration")


@pytest.mark.parametrize("command", ["ack", "resolve", "reopen", "assign", "severity", "note", "timeline"])
async def test_an_incident_that_is_not_there(world: World, command: str) -> None:
    rest = {"assign": " @omar", "severity": " sev1", "note": " x"}.get(command, "")
    reply = await world.say(f"{command} INC-99{rest}", MIKA)
    assert reply.title == "There is no INC-99."
    assert "See /mlops incidents" in shown(reply)


@pytest.mark.parametrize("command", ["ack", "resolve", "reopen", "severity", "note", "timeline"])
async def test_outside_a_thread_the_incident_must_be_named(world: World, command: str) -> None:
    reply = await world.say(command, MIKA)
    assert "Outside its thread it must be named" in reply.title


async def test_inside_the_thread_it_may_be_left_out(world: World) -> None:
    number = await world.fire()
    place = await thread_of(world, number)
    assert (await world.say("ack", MIKA, place)).title == f"INC-{number} is yours now."
    assert (await world.say("note nothing new in the logs", MIKA, place)).ok
    assert (await world.say("severity sev1", MIKA, place)).ok
    assert (await world.say("assign @devi", MIKA, place)).ok
    assert f"INC-{number}" in shown(await world.say("help", MIKA, place))
    assert "Deployment" in shown(await world.say("who", MIKA, place))
    await world.learn()
    assert "version 3 promoted by Mika Laine" in shown(await world.say("changes", MIKA, place))
    assert (await world.say("resolve it is over", MIKA, place)).title == f"INC-{number} is resolved."


async def test_a_pinned_message_stands_once_on_the_timeline(world: World) -> None:
    number = await world.fire()
    place = await thread_of(world, number)
    said_at = world.clock.now()
    for _ in range(5):
        reply = await world.desk.pin("the queue is full", "Omar Haddad", said_at, "http://slack/p1", MIKA, place)
        assert reply.ok
    entries = await world.timeline(number, Kind.MESSAGE)
    assert [entry.text for entry in entries] == ["Omar Haddad: the queue is full (pinned by Mika Laine)"]
    assert entries[0].evidence == "http://slack/p1"


async def test_a_message_that_belongs_to_no_incident_is_not_pinned(world: World) -> None:
    reply = await world.desk.pin("hello", "Omar", world.clock.now(), "", MIKA, Place("C1", "", "9.9"))
    assert reply.tone is Tone.REFUSED


async def test_transitions_that_make_no_sense_say_what_to_do(world: World) -> None:
    number = await world.fire()
    await world.say(f"resolve INC-{number}", MIKA)
    for command in ("ack", "resolve", "assign {} @omar", "severity {} sev4"):
        text = command.format(f"INC-{number}") if "{}" in command else f"{command} INC-{number}"
        reply = await world.say(text, MIKA)
        assert reply.tone is Tone.REFUSED, text
        assert "is resolved" in reply.title
    assert "reopen" in shown(await world.say(f"ack INC-{number}", MIKA))


async def thread_of(world: World, number: int) -> Place:
    """As if the card had been posted."""

    def posted(tx) -> None:
        post = tx.posts.get(f"card:{number}")
        tx.posts.save(replace(post, channel_id="C0INCIDENT", ts="1700000000.000100", shown=post.wanted))

    await world.store.write(posted)
    return Place("C0INCIDENT", "1700000000.000100", "1700000000.000200")
