"""Further pointers follow what serves: each planned, moved once, read back and taken back by itself, and never in secret."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.errors import BotError, Refused
from bot.domain.models import VersionStatus
from bot.domain.operation import Operation, OperationState
from bot.domain.plan import CheckResult
from bot.domain.timeline import Kind
from bot.slack.blocks import operation as blocks
from bot.usecases.stories.mirrors import FOLLOW
from bot.usecases.views import operation_view
from tests.fakes.systems import Killed, down, unconfirmed
from tests.usecases.mirrored import ALIAS, COPY, LIVE, MOVES, TAG, Mirrored
from tests.usecases.test_policies import AUTO, with_
from tests.usecases.test_watching import UNDOING, worse
from tests.usecases.world import FRAUD, MIKA, shown

S = OperationState
BACK = f"rollback {FRAUD} --to 2"
FIRST, SECOND = f"alias {ALIAS} of {FRAUD} in registry", f"alias {LIVE} of {COPY} in vault"


@pytest.fixture
async def mirrored(tmp_path: Path) -> AsyncIterator[Mirrored]:
    here = Mirrored(tmp_path / "world.db")
    await here.open()
    yield here
    await here.close()


def checks(operation: Operation) -> dict[str, tuple[CheckResult, str]]:
    found = operation.plan.checks
    return {c.name.removeprefix("mirror: "): (c.result, c.evidence) for c in found if c.name.startswith("mirror: ")}


async def planned(world: Mirrored, text: str = BACK) -> Operation:
    return await world.operation(await world.wish(text))


async def rolled_back(world: Mirrored) -> Operation:
    """Asked for, approved and carried out; nothing fires that would have to be watched."""
    number = await world.wish(BACK)
    await world.approve(number)
    await world.carry_out()
    return await world.operation(number)


# ---------------------------------------------------------------- the plan


async def test_the_plan_has_a_call_for_each_in_its_order_and_says_where_each_stands(mirrored: Mirrored) -> None:
    operation = await planned(mirrored)
    moved = [(call.integration, re.findall(r'"version": "(\d+)"', call.body)) for call in operation.plan.calls]
    assert moved == [("registry", ["2"]), ("registry", ["2"]), ("vault", ["20"])]
    assert checks(operation) == {
        FIRST: (CheckResult.PASS, "version 3 → 2"), SECOND: (CheckResult.PASS, "version 30 → 20"),
    }  # fmt: skip
    assert operation.plan.undo == (
        f"The same way back: champion → version 3, {ALIAS} → version 3, {LIVE} → version 30."
    )
    view = await mirrored.store.read(lambda tx: operation_view(tx, mirrored.setup, operation.number))
    assert f"{SECOND}: version 30 → 20" in str(blocks.operation(view).blocks)


async def test_where_a_mirror_stood_is_part_of_what_is_approved(mirrored: Mirrored) -> None:
    plan = (await planned(mirrored)).plan
    (first, second) = plan.move.mirrors
    moved = replace(second, before=replace(second.before, version="10"))
    assert replace(plan, aim=replace(plan.move, mirrors=(first, moved))).digest != plan.digest


@pytest.mark.parametrize(
    ("why", "said"),
    [
        ("down", "The vault does not answer"),
        ("no alias", "there is no such alias; create it there once"),
        ("no version", f"there is no version with the tag {TAG}=2"),
        ("two versions", f"there are 2 versions with the tag {TAG}=2 (40, 20)"),
        ("not ready", "its version 20 is pending"),
        ("not connected", "The integration vault is not configured as a model registry"),
    ],
)
async def test_what_can_not_follow_is_left_out_and_keeps_nobody_from_rolling_back(
    mirrored: Mirrored, why: str, said: str
) -> None:
    match why:
        case "down":
            mirrored.vault.faults.always("resolve", down("vault"))
        case "no alias":
            del mirrored.vault.aliases[COPY, LIVE]
        case "no version":
            mirrored.vault.change(COPY, "20", tags={})
        case "two versions":
            mirrored.vault.register(COPY, replace(mirrored.vault.models[COPY]["20"], version="40"))
        case "not ready":
            mirrored.vault.change(COPY, "20", status=VersionStatus.PENDING)
        case _:
            mirrored.systems = replace(mirrored.systems, registries={"registry": mirrored.registry})
            mirrored.rebuild()
    operation = await planned(mirrored)
    assert checks(operation)[SECOND] == (CheckResult.WARN, f"it is left out, and stays as it is: {said}")
    assert len(operation.plan.calls) == 2
    await mirrored.approve(operation.number)
    await mirrored.carry_out()
    done = await mirrored.operation(operation.number)
    assert done.state is S.PARTLY
    assert done.outcome.startswith(f"Serving confirmed: version 2 answers. A{SECOND[1:]}: it is left out")
    assert said in done.outcome
    assert mirrored.our_moves == MOVES[:2]


async def test_one_that_is_there_already_is_not_moved(mirrored: Mirrored) -> None:
    mirrored.vault.aliases[COPY, LIVE] = "20"
    operation = await rolled_back(mirrored)
    assert checks(operation)[SECOND] == (CheckResult.PASS, "it is at version 20 already")
    assert operation.state is S.SUCCEEDED
    assert mirrored.our_moves == MOVES[:2]


async def test_one_that_had_not_followed_before_is_pointed_out(mirrored: Mirrored) -> None:
    mirrored.vault.aliases[COPY, LIVE] = "10"
    operation = await planned(mirrored)
    expected = (CheckResult.WARN, "version 10 → 20; it is not at what serves now")
    assert checks(operation)[SECOND] == expected


# ---------------------------------------------------------------- carrying it out


async def test_all_move_each_with_an_intent_of_its_own(mirrored: Mirrored) -> None:
    operation = await rolled_back(mirrored)
    assert (operation.state, operation.outcome) == (S.SUCCEEDED, "Serving confirmed: version 2 answers.")
    assert mirrored.our_moves == MOVES
    told = await mirrored.timeline(operation.incident or 0, Kind.INTENDED, Kind.CHANGED, Kind.VERIFIED)
    assert [entry.kind for entry in told] == [
        Kind.INTENDED, Kind.CHANGED, Kind.INTENDED, Kind.CHANGED, Kind.INTENDED, Kind.CHANGED, Kind.VERIFIED,
    ]  # fmt: skip
    assert told[4].text == f"{operation.ref}: moving {SECOND} from version 30 to version 20"
    assert told[5].text == f"{operation.ref}: mirror moved. vault: alias {LIVE} of {COPY} read back as version 20."


@pytest.mark.parametrize("command", ["promote", "freeze"])
async def test_a_promotion_and_a_freeze_move_them_as_well(mirrored: Mirrored, command: str) -> None:
    to, there = ("2", "20") if command == "promote" else ("1", "10")
    text = f"promote {FRAUD} --to 2" if command == "promote" else f"freeze {FRAUD}"
    mirrored.setup = replace(
        mirrored.setup, bindings=(replace(mirrored.setup.bindings[0], gate=()), *mirrored.setup.bindings[1:])
    )
    mirrored.rebuild()
    number = await mirrored.wish(text)
    await mirrored.approve(number)
    await mirrored.carry_out()
    assert (await mirrored.operation(number)).state is S.SUCCEEDED
    assert mirrored.stands == (to, to, there)


async def test_what_serves_is_told_before_anything_follows(mirrored: Mirrored) -> None:
    """A mirror that answers slowly must not keep a broken version serving."""
    mirrored.vault.faults.slow("move", 50)
    seen: list[str] = []
    mirrored.clock.on_sleep = lambda: seen.append(mirrored.registry.aliases[FRAUD, "champion"])  # type: ignore[attr-defined]
    await rolled_back(mirrored)
    assert seen
    assert set(seen) == {"2"}


NO = Refused("The vault declined.", system="vault", not_done="Nothing was changed.")


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (NO, Kind.REFUSAL, "is still at version 30: The vault declined."),
        (down("vault"), Kind.REFUSAL, "is still at version 30: The vault does not answer. Nothing was sent."),
    ],
    ids=["declined", "away"],
)
async def test_what_does_not_follow_is_said_and_the_rest_is_done(
    mirrored: Mirrored, error: BotError, kind: Kind, said: str
) -> None:
    number = await mirrored.wish(BACK)
    await mirrored.approve(number)
    mirrored.vault.faults.always("move", error)
    await mirrored.carry_out()
    operation = await mirrored.operation(number)
    assert operation.state is S.PARTLY
    assert operation.outcome.startswith(f"Serving confirmed: version 2 answers. A{SECOND[1:]} {said}")
    assert operation.outcome.endswith(f"/mlops rollback {FRAUD} --to 2 moves what is behind.")
    assert mirrored.our_moves == MOVES[:2]
    told = await mirrored.timeline(operation.incident or 0, kind)
    assert [SECOND in entry.text for entry in told] == [True]
    spans = await mirrored.store.read(lambda tx: tx.ledger.spans(FRAUD, "production"))
    assert spans[-1].version == "2", "the ledger follows what serves"
    view = await mirrored.store.read(lambda tx: operation_view(tx, mirrored.setup, number))
    assert view.can_undo


async def test_the_first_that_does_not_follow_keeps_no_other(mirrored: Mirrored) -> None:
    number = await mirrored.wish(BACK)
    await mirrored.approve(number)
    mirrored.registry.point(FRAUD, ALIAS, "1")
    await mirrored.carry_out()
    operation = await mirrored.operation(number)
    assert operation.state is S.PARTLY
    assert f"A{FIRST[1:]} is at version 1: somebody else has moved it." in operation.outcome
    assert mirrored.stands == ("2", "1", "20")


async def test_an_answer_that_is_lost_is_found_by_looking(mirrored: Mirrored) -> None:
    number = await mirrored.wish(BACK)
    await mirrored.approve(number)
    mirrored.vault.faults.order("move", unconfirmed("vault"), after=True)
    await mirrored.carry_out()
    assert (await mirrored.operation(number)).state is S.SUCCEEDED
    assert mirrored.our_moves == MOVES


async def test_in_doubt_is_said_where_it_may_not_be_repeated(tmp_path: Path) -> None:
    world = Mirrored(tmp_path / "world.db")
    world.repeatable = False
    await world.restart()
    number = await world.wish(BACK)
    await world.approve(number)
    world.vault.faults.order("move", unconfirmed("vault"))
    await world.carry_out()
    operation = await world.operation(number)
    assert operation.state is S.PARTLY
    assert "sent, not confirmed" in operation.outcome
    assert f"A{SECOND[1:]} is still at version 30" in operation.outcome
    assert await world.timeline(operation.incident or 0, Kind.IN_DOUBT)
    assert world.vault.asked.count("move") == 1, "never repeated"
    await world.close()


@pytest.mark.parametrize("where", ["champion", ALIAS])
async def test_each_is_read_back_at_the_end(mirrored: Mirrored, where: str) -> None:
    """Moved once is not there for ever: somebody else may move it while serving follows."""
    number = await mirrored.wish(BACK)
    await mirrored.approve(number)
    move, moved = mirrored.vault.move, []

    async def then_somebody_else(*args: str, **more: object) -> object:
        seen = await move(*args, **more)  # type: ignore[arg-type]
        mirrored.serving.endpoints["fraud"].follows = False
        mirrored.serving.endpoints["fraud"].version = "2"
        mirrored.registry.point(FRAUD, where, "1")
        moved.append(where)
        return seen

    mirrored.vault.move = then_somebody_else  # type: ignore[method-assign]
    await mirrored.carry_out()
    operation = await mirrored.operation(number)
    assert moved == [where]
    assert operation.state is S.PARTLY
    assert f"Alias {where} of {FRAUD} in registry is at version 1: somebody else has moved it." in operation.outcome


async def test_what_was_read_back_once_is_not_doubted_when_it_can_not_be_asked_again(mirrored: Mirrored) -> None:
    number = await mirrored.wish(BACK)
    await mirrored.approve(number)
    move = mirrored.vault.move

    async def then_away(*args: str, **more: object) -> object:
        seen = await move(*args, **more)  # type: ignore[arg-type]
        mirrored.vault.faults.always("resolve", down("vault"))
        return seen

    mirrored.vault.move = then_away  # type: ignore[method-assign]
    await mirrored.carry_out()
    assert (await mirrored.operation(number)).state is S.SUCCEEDED


async def test_where_serving_is_not_confirmed_what_did_not_follow_is_said_too(mirrored: Mirrored) -> None:
    mirrored.serving.endpoints["fraud"].follows = False
    number = await mirrored.wish(BACK)
    await mirrored.approve(number)
    mirrored.vault.faults.always("move", NO)
    await mirrored.carry_out()
    operation = await mirrored.operation(number)
    assert operation.state is S.INCONCLUSIVE
    assert "that version 2 serves is not confirmed" in operation.outcome
    assert f"A{SECOND[1:]} is still at version 30: The vault declined." in operation.outcome


async def test_a_mirror_that_has_left_the_configuration_stops_what_was_approved(mirrored: Mirrored) -> None:
    number = await mirrored.wish(BACK)
    await mirrored.approve(number)
    first = replace(mirrored.setup.bindings[0], mirrors=mirrored.setup.bindings[0].mirrors[:1])
    mirrored.setup = replace(mirrored.setup, bindings=(first, *mirrored.setup.bindings[1:]))
    mirrored.rebuild()
    await mirrored.carry_out()
    operation = await mirrored.operation(number)
    assert operation.state is S.FAILED
    assert "other calls would be made" in operation.outcome
    assert not mirrored.our_moves


# ---------------------------------------------------------------- the process ends


@pytest.mark.parametrize("kill", ["before", "after"])
@pytest.mark.parametrize("step", ["move the pointer", FOLLOW, "see it serve"])
async def test_the_process_ends_around_any_step(mirrored: Mirrored, step: str, kill: str) -> None:
    number = await mirrored.wish(BACK)
    await mirrored.approve(number)
    setattr(mirrored.engine, f"kill_{kill}", step)
    with pytest.raises(Killed):
        await mirrored.carry_out()
    await mirrored.restart()
    await mirrored.carry_out()
    operation = await mirrored.operation(number)
    assert operation.state is S.SUCCEEDED
    assert mirrored.our_moves == MOVES
    kinds = [entry.kind for entry in await mirrored.timeline(operation.incident or 0, Kind.INTENDED, Kind.CHANGED)]
    assert kinds == [Kind.INTENDED, Kind.CHANGED] * 3


@pytest.mark.parametrize("after", [False, True], ids=["before its effect", "after it"])
@pytest.mark.parametrize("place", [1, 2])
async def test_the_process_ends_in_a_mirrors_call(mirrored: Mirrored, place: int, after: bool) -> None:
    number = await mirrored.wish(BACK)
    await mirrored.approve(number)
    if place == 1:
        mirrored.registry.faults.slow("move", 0.0)  # the first call is the pointer's own
    registry = mirrored.registry if place == 1 else mirrored.vault
    registry.faults.order("move", Killed(), after=after)
    with pytest.raises(Killed):
        await mirrored.carry_out()
    await mirrored.restart()
    await mirrored.carry_out()
    assert (await mirrored.operation(number)).state is S.SUCCEEDED
    assert mirrored.our_moves == MOVES


# ---------------------------------------------------------------- the way back


async def test_undo_takes_all_back(mirrored: Mirrored) -> None:
    done = await rolled_back(mirrored)
    reply = await mirrored.say(f"undo {done.ref}", await mirrored.requester("rollback"))
    assert reply.ok, shown(reply)
    await mirrored.approve(done.number + 1)
    await mirrored.carry_out()
    assert (await mirrored.operation(done.number + 1)).state is S.SUCCEEDED
    assert mirrored.stands == ("3", "3", "30")


async def test_worse_is_taken_back_wherever_it_was_moved(mirrored: Mirrored) -> None:
    mirrored.setup = replace(mirrored.setup, policies=UNDOING)
    mirrored.rebuild()
    operation = await mirrored.operation(await worse(mirrored))
    assert operation.state is S.UNDONE, operation.outcome
    assert mirrored.stands == ("3", "3", "30")
    assert mirrored.our_moves == [
        *MOVES[:2], ("registry", "champion", "2", "3"), ("registry", ALIAS, "2", "3"),
        MOVES[2], ("vault", LIVE, "20", "30"),
    ]  # fmt: skip


async def test_only_what_had_followed_is_taken_back(mirrored: Mirrored) -> None:
    mirrored.setup = replace(mirrored.setup, policies=UNDOING)
    mirrored.rebuild()
    mirrored.vault.faults.order("move", NO)
    operation = await mirrored.operation(await worse(mirrored))
    assert operation.state is S.UNDONE, operation.outcome
    assert not mirrored.vault.our_moves
    assert mirrored.stands == ("3", "3", "30")


async def test_what_can_not_be_taken_back_is_said(mirrored: Mirrored) -> None:
    mirrored.setup = replace(mirrored.setup, policies=UNDOING)
    mirrored.rebuild()
    move = mirrored.vault.move

    async def then_somebody_else(*args: str, **more: object) -> object:
        seen = await move(*args, **more)  # type: ignore[arg-type]
        mirrored.vault.point(COPY, LIVE, "10")
        return seen

    mirrored.vault.move = then_somebody_else  # type: ignore[method-assign]
    operation = await mirrored.operation(await worse(mirrored))
    assert operation.state is S.PARTLY
    assert operation.outcome.startswith("It got worse, so it was undone: version 3 answers again.")
    assert f"A{SECOND[1:]} was not taken back: Alias {LIVE} of {COPY} points at version 10 now" in operation.outcome
    assert mirrored.stands == ("3", "3", "10")


@pytest.mark.parametrize("kill", ["before", "after"])
@pytest.mark.parametrize("step", ["undo: move the pointer back", "see it undone"])
async def test_the_process_ends_on_the_way_back(mirrored: Mirrored, step: str, kill: str) -> None:
    mirrored.setup = replace(mirrored.setup, policies=UNDOING)
    mirrored.rebuild()
    setattr(mirrored.engine, f"kill_{kill}", step)
    with pytest.raises(Killed):
        await worse(mirrored)
    await mirrored.restart()
    await mirrored.carry_out()
    (operation,) = await mirrored.operations()
    assert operation.state is S.UNDONE
    assert mirrored.stands == ("3", "3", "30")
    assert len(mirrored.our_moves) == 6


# ---------------------------------------------------------------- what was left behind


async def test_what_was_left_behind_follows_later_and_nothing_that_serves_is_touched(mirrored: Mirrored) -> None:
    mirrored.vault.faults.order("move", NO)
    assert (await rolled_back(mirrored)).state is S.PARTLY
    operation = await planned(mirrored)
    assert operation.plan.aim.headline == "mirrors → 2"
    assert [call.integration for call in operation.plan.calls] == ["vault"]
    assert "What serves is not changed" in operation.plan.undo
    await mirrored.approve(operation.number)
    incident = operation.incident or 0
    changed = len(await mirrored.timeline(incident, Kind.CHANGED))
    await mirrored.carry_out()
    done = await mirrored.operation(operation.number)
    assert (done.state, done.outcome) == (S.SUCCEEDED, "Serving confirmed: version 2 answers.")
    assert mirrored.our_moves == MOVES
    assert len(await mirrored.timeline(incident, Kind.CHANGED)) == changed + 1
    spans = await mirrored.store.read(lambda tx: tx.ledger.spans(FRAUD, "production"))
    assert [span.version for span in spans].count("2") == 2, "the span of long ago, and the one since the rollback"


async def test_what_serves_already_with_nothing_to_follow_is_no_plan(mirrored: Mirrored) -> None:
    reply = await mirrored.say(f"rollback {FRAUD} --to 3", MIKA)
    assert not reply.ok
    assert "Version 3 is the live one already, and nothing can follow it" in shown(reply)
    assert f"{SECOND}: it is at version 30 already" in shown(reply)


async def test_a_watch_that_ends_well_is_still_done_in_part(mirrored: Mirrored) -> None:
    incident = await mirrored.fire()
    await mirrored.learn()
    number = await mirrored.wish(f"{BACK} --incident INC-{incident}", MIKA)
    await mirrored.approve(number)
    mirrored.vault.faults.order("move", NO)
    mirrored.ends_when_watched()
    await mirrored.carry_out()
    operation = await mirrored.operation(number)
    assert operation.state is S.PARTLY
    assert "Serving confirmed: version 2 answers." in operation.outcome
    assert "is still at version 30" in operation.outcome
    assert "Recovered" in operation.outcome


@pytest.mark.parametrize(("away", "state"), [(False, S.APPROVED), (True, S.AWAITING_APPROVAL)])
async def test_a_policy_acts_by_itself_only_where_all_can_follow(mirrored: Mirrored, away: bool, state: S) -> None:
    await with_(mirrored, AUTO)
    if away:
        mirrored.vault.faults.always("resolve", down("vault"))
    await mirrored.fire()
    await mirrored.policies()
    (operation,) = await mirrored.operations()
    assert operation.state is state
