"""Anything in any order, in a world that moves by itself: what is promised about operations holds all the same."""

import itertools
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.domain.models import Verdict
from bot.domain.operation import Operation, OperationState, Stage, legal
from bot.domain.timeline import Kind
from bot.ports.manifest import Guarantees
from tests.fakes.systems import Killed, down, unconfirmed
from tests.usecases.world import DANA, DEVI, FRAUD, MIKA, PAULA, World, a_setup

PEOPLE = {"mika": MIKA, "devi": DEVI, "dana": DANA, "paula": PAULA}
S = OperationState


async def ask(world: World, who: str) -> None:
    await world.say(f"rollback {FRAUD}", PEOPLE[who])


async def ask_for(world: World, version: str) -> None:
    await world.say(f"rollback {FRAUD} --to {version}", MIKA)


async def decide(world: World, what: str) -> None:
    verb, who = what.split()
    for operation in (await world.operations())[:2]:
        await world.say(f"{verb} {operation.ref}", PEOPLE[who])


async def carry_out(world: World, _: str) -> None:
    try:
        await world.carry_out()
    except Killed:
        await world.restart()


async def registry_fault(world: World, what: str) -> None:
    errors = {
        "down": (down(), False), "lost after": (unconfirmed(), True), "lost before": (unconfirmed(), False),
        "killed before": (Killed(), False), "killed after": (Killed(), True),
    }  # fmt: skip
    error, after = errors[what]
    world.registry.faults.order("move", error, after=after)


async def somebody_moves(world: World, version: str) -> None:
    world.registry.point(FRAUD, "champion", version)


async def serving(world: World, what: str) -> None:
    endpoint = world.serving.endpoints["fraud"]
    endpoint.follows, endpoint.healthy = what != "stuck", what != "ill"


async def time_passes(world: World, minutes: str) -> None:
    world.clock.advance(float(minutes) * 60)
    await world.clockwork.timers()


async def restart(world: World, _: str) -> None:
    await world.restart()


async def fire(world: World, _: str) -> None:
    await world.fire(fingerprint=str(world.nudges))


async def not_repeatable(world: World, _: str) -> None:
    world.systems.guarantees["registry"] = Guarantees()  # type: ignore[index]  # the world's own dictionary


ACTIONS: Mapping[str, tuple[Callable[[World, str], Awaitable[None]], tuple[str, ...]]] = {
    "ask": (ask, ("mika", "devi", "paula")),
    "ask for": (ask_for, ("1", "2", "3")),
    "decide": (decide, ("approve devi", "approve dana", "approve mika", "reject devi", "cancel mika", "cancel devi")),
    "carry out": (carry_out, ("",)),
    "registry": (registry_fault, ("down", "lost after", "lost before", "killed before", "killed after")),
    "somebody moves": (somebody_moves, ("1", "2", "3")),
    "serving": (serving, ("stuck", "ill", "well")),
    "time": (time_passes, ("1", "11")),
    "restart": (restart, ("",)),
    "fire": (fire, ("",)),
    "not repeatable": (not_repeatable, ("",)),
}
STEPS = st.sampled_from([(name, word) for name, (_, words) in ACTIONS.items() for word in words])
# What moves a story forward comes often enough that most of them come to an end.
STORY = st.tuples(st.just(("ask", "mika")), st.just(("decide", "approve devi")), STEPS, st.just(("carry out", "")))


def reachable(state: OperationState) -> set[OperationState]:
    """The state and everything that may follow."""
    found, ahead = {state}, [state]
    while ahead:
        new = legal(ahead.pop()) - found
        found |= new
        ahead += new
    return found


async def promises(world: World, before: Mapping[int, Operation]) -> dict[int, Operation]:
    now = {operation.number: operation for operation in await world.operations()}
    for number, operation in now.items():
        if number in before:
            assert operation.state in reachable(before[number].state)
            assert operation.plan.digest == before[number].plan.digest, "what was approved is what is done"
        if operation.state in {
            S.APPROVED, S.EXECUTING, S.VERIFYING, S.WATCHING, S.SUCCEEDED, S.NOT_RECOVERED, S.IN_DOUBT, S.INCONCLUSIVE,
        }:  # fmt: skip
            assert operation.decided_by in {"devi", "dana"} - {operation.requested_by}
        kinds = [entry.kind for entry in await world.timeline(operation.incident) if operation.ref in entry.text]
        assert kinds.count(Kind.INTENDED) <= 1, "one intent, however often it is interrupted"
        confirmed = operation.stage is Stage.SERVING_CONFIRMED
        served = operation.state in {S.WATCHING, S.SUCCEEDED, S.NOT_RECOVERED}
        assert confirmed == served == (Kind.VERIFIED in kinds)
    holding = [o for o in now.values() if o.state.holds_the_model]
    assert len(holding) <= 1
    for move in world.registry.our_moves:
        assert any(
            o.plan.move.now.version == move.before and o.plan.move.target.version == move.after for o in now.values()
        )
    done = [o for o in now.values() if o.decided_by and o.state not in {S.REJECTED, S.CANCELLED, S.AWAITING_APPROVAL}]
    assert len(world.registry.our_moves) <= len(done), "no approval moves the alias twice"
    spans = await world.store.read(lambda tx: tx.ledger.spans(FRAUD, "production"))
    assert len([span for span in spans if span.until is None]) <= 1
    assert all(a.until is not None and a.until <= b.since for a, b in itertools.pairwise(spans))
    assert all(span.verdict is not Verdict.HEALTHY for span in spans), "nobody has said so"
    return now


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(story=st.lists(st.one_of(STORY, st.tuples(STEPS)), min_size=2, max_size=8))
async def test_anything_in_any_order(story: list[tuple[tuple[str, str], ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder) / "world.db", a_setup(delegates=("dana",)))
        await world.open()
        try:
            await world.learn()
            known: dict[int, Operation] = {}
            for name, word in (step for part in story for step in part):
                await ACTIONS[name][0](world, word)
                known = await promises(world, known)
            world.registry.faults.clear()
            await world.restart()
            await carry_out(world, "")
            known = await promises(world, known)
            assert all(o.state.final or o.state in {S.AWAITING_APPROVAL, S.IN_DOUBT} for o in known.values())
        finally:
            await world.close()
