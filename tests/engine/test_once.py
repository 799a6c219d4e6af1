"""An irreversible call has one effect, or it is said that this is in doubt: wherever the process dies, whatever comes back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from bot.domain.errors import (
    BotError,
    Conflict,
    Indeterminate,
    NotFound,
    RateLimited,
    Refused,
    Unauthorized,
    Unreachable,
    Unreadable,
)
from bot.domain.operation import IntentState
from bot.domain.timeline import Kind
from bot.ports.engine import Fence, Fenced
from bot.ports.store import Store, Transaction
from bot.store.sqlstore import SqlStore
from bot.usecases.once import GRACE, PATIENCE, Found, Once, Outcome, Result, Step
from tests.fakes.clock import START, FakeClock
from tests.fakes.engine import FakeFence
from tests.fakes.world import Killed, World
from tests.unit.worlds import an_incident, an_operation


class Rushing(FakeClock):
    """Whoever sleeps by it has slept already."""

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)


class Dying(Store):
    """Passes on to a store, and lets the process end before or after a write, counted from now."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.die_before: int | None = None
        self.die_after: int | None = None

    async def write(self, decide: Callable[[Transaction], object]) -> object:
        if self.die_before == 0:
            raise Killed
        result = await self._store.write(decide)
        if self.die_after == 0:
            raise Killed
        self.die_before = None if self.die_before is None else self.die_before - 1
        self.die_after = None if self.die_after is None else self.die_after - 1
        return result

    async def read(self, look: Callable[[Transaction], object]) -> object:
        return await self._store.read(look)


@dataclass
class Process:
    """What dies and is started again; the store and the world stay."""

    store: Store
    world: World
    clock: FakeClock
    fence: Fence = field(default_factory=FakeFence)
    repeatable: bool = True
    meanwhile: str = ""

    def step(self) -> Step:
        async def find() -> Found:
            seen = self.meanwhile or await self.world.look()
            return {"after": Found.THERE, "before": Found.AS_BEFORE}.get(seen, Found.OTHERWISE)

        return Step(17, 42, "move", "moving the alias", self.world.change, find, self.repeatable)

    async def do(self) -> Result:
        return await Once(self.store, self.clock, self.fence).do(self.step())


@pytest.fixture
def clock() -> Rushing:
    return Rushing()


@pytest.fixture(autouse=True)
async def _operation(store: SqlStore) -> None:
    await store.write(lambda tx: (tx.incidents.add(an_incident()), tx.operations.add(an_operation())))


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def process(store: SqlStore, world: World, clock: Rushing) -> Process:
    return Process(store, world, clock)


async def state(store: SqlStore) -> IntentState | None:
    intent = await store.read(lambda tx: tx.intents.get("OP-17:move"))
    return None if intent is None else intent.state


REFUSAL = Refused("The registry said no.", system="mlflow")
SILENCE = Indeterminate("No answer came.", system="mlflow")
AWAY = Unreachable("The registry does not answer.", system="mlflow")
GARBAGE = Unreadable("The registry answered with a cat.", system="mlflow")
BUSY = RateLimited("Slow down.", retry_after=7, system="mlflow")
MOVED = Conflict("The alias is elsewhere.")


# ---------------------------------------------------------------- where the process dies


@pytest.mark.parametrize("repeatable", [True, False], ids=["repeatable", "not repeatable"])
@pytest.mark.parametrize(
    "where", ["before the intent", "after the intent", "in the call", "after the call", "after the result"]
)
async def test_wherever_the_process_dies_there_is_one_effect_or_a_doubt(
    store: SqlStore, world: World, process: Process, where: str, repeatable: bool
) -> None:
    dying, fence = Dying(store), FakeFence()
    mortal = Process(dying, world, process.clock, fence, repeatable)
    match where:
        case "before the intent":
            dying.die_before = 0
        case "after the intent":
            fence.lost = Killed()
        case "in the call":
            world.order(Killed(), "after")
        case "after the call":
            dying.die_before = 1
        case "after the result":
            dying.die_after = 1
    with pytest.raises(Killed):
        await mortal.do()
    process.repeatable = repeatable
    result = await process.do()
    unsent = where == "after the intent" and not repeatable  # it may have been on its way, for all that anybody knows
    assert result.outcome is (Outcome.IN_DOUBT if unsent else Outcome.DONE)
    assert world.effects == (0 if unsent else 1)
    assert await state(store) is (IntentState.IN_DOUBT if unsent else IntentState.DONE)
    assert (await process.do()).outcome is result.outcome  # and asking again changes nothing
    assert world.effects == (0 if unsent else 1)
    kinds = [entry.kind for entry in await store.read(lambda tx: tx.timeline.of(42))]
    assert kinds == [Kind.INTENDED]


async def test_the_intent_is_there_before_the_call(store: SqlStore, process: Process) -> None:
    seen: list[IntentState | None] = []

    async def call() -> str:
        seen.append(await state(store))
        return "done"

    step = process.step()
    await Once(store, process.clock, process.fence).do(Step(17, 42, "move", "moving", call, step.find, True))
    assert seen == [IntentState.INTENDED]


async def test_a_request_of_the_dead_process_may_arrive_within_the_grace(
    store: SqlStore, world: World, process: Process, clock: Rushing
) -> None:
    world.order(Killed())
    with pytest.raises(Killed):
        await process.do()
    step = process.step()

    async def find() -> Found:
        if clock.now() - START >= GRACE / 2 and not world.effects:
            await world.change()
        return await step.find()

    result = await Once(store, clock, process.fence).do(Step(17, 42, "move", "moving", step.call, find, True))
    assert (result.outcome, world.effects, world.calls) == (Outcome.DONE, 1, 2)


# ---------------------------------------------------------------- what comes back


@pytest.mark.parametrize(
    ("error", "outcome", "kept", "said"),
    [
        (REFUSAL, Outcome.REFUSED, IntentState.REFUSED, "The registry said no."),
        (Unauthorized("The token may not write."), Outcome.REFUSED, IntentState.REFUSED, "may not write"),
        (NotFound("There is no version 2."), Outcome.REFUSED, IntentState.REFUSED, "no version 2"),
        (MOVED, Outcome.CONFLICT, IntentState.CONFLICT, "elsewhere"),
    ],
    ids=["refused", "unauthorized", "not found", "conflict"],
)
async def test_a_no_is_an_end(
    store: SqlStore, world: World, process: Process, error: BotError, outcome: Outcome, kept: IntentState, said: str
) -> None:
    world.order(error)
    result = await process.do()
    assert result.outcome is outcome
    assert said in result.text
    assert await state(store) is kept
    assert (await process.do()).outcome is outcome, "also after a restart"
    assert (world.calls, world.effects) == (1, 0)


@pytest.mark.parametrize("error", [SILENCE, GARBAGE], ids=["no answer", "garbage"])
@pytest.mark.parametrize(
    ("when", "repeatable", "outcome", "calls"),
    [
        ("after", True, Outcome.DONE, 1),
        ("after", False, Outcome.DONE, 1),
        ("before", True, Outcome.DONE, 2),
        ("before", False, Outcome.IN_DOUBT, 1),
    ],
)
async def test_without_an_answer_the_world_is_asked(
    world: World, process: Process, error: BotError, when: str, repeatable: bool, outcome: Outcome, calls: int
) -> None:
    world.order(error, when)
    process.repeatable = repeatable
    result = await process.do()
    assert result.outcome is outcome
    assert world.calls == calls
    assert world.effects == (0 if outcome is Outcome.IN_DOUBT else 1)
    assert ("not seen" in result.text) is (outcome is Outcome.IN_DOUBT)


async def test_a_system_that_is_away_or_busy_is_tried_until_it_takes_it(
    world: World, process: Process, clock: Rushing
) -> None:
    world.order(AWAY, times=3)
    world.order(BUSY, times=2)
    assert (await process.do()).outcome is Outcome.DONE
    assert (world.calls, world.effects) == (6, 1)
    assert clock.now() - START == timedelta(seconds=0.5 + 1 + 2 + 7 + 7)


@pytest.mark.parametrize(
    "error", [AWAY, RateLimited("Come back tomorrow.", retry_after=86_400)], ids=["away", "busy for a day"]
)
async def test_patience_ends_and_then_nothing_was_sent(
    store: SqlStore, world: World, process: Process, clock: Rushing, error: BotError
) -> None:
    world.order(error, times=100)
    result = await process.do()
    assert result.outcome is Outcome.REFUSED
    assert result.text == f"{error.what} Nothing was sent."
    assert clock.now() - START <= PATIENCE
    assert await state(store) is IntentState.REFUSED


async def test_a_system_that_never_answers_is_not_called_for_ever(
    world: World, process: Process, clock: Rushing
) -> None:
    world.order(SILENCE, times=1_000)
    result = await process.do()
    assert result.outcome is Outcome.IN_DOUBT
    assert "No answer came" in result.text
    assert clock.now() - START < PATIENCE + 2 * GRACE
    assert world.effects == 0


async def test_a_system_that_can_not_be_asked_leaves_a_doubt(world: World, process: Process) -> None:
    world.order(SILENCE, "after")
    world.reading.extend([AWAY, NotFound("There is no such model."), AWAY] * 10)
    result = await process.do()
    assert result.outcome is Outcome.IN_DOUBT
    assert "it can't be asked" in result.text
    assert world.calls == 1


async def test_what_somebody_else_changed_meanwhile_is_not_overwritten(world: World, process: Process) -> None:
    world.order(SILENCE)
    process.meanwhile = "another version"
    result = await process.do()
    assert result.outcome is Outcome.IN_DOUBT
    assert "somebody else" in result.text
    assert world.calls == 1


@pytest.mark.parametrize("second", [MOVED, REFUSAL], ids=["conflict", "refused"])
async def test_a_no_to_the_second_call_may_be_the_late_effect_of_the_first(
    store: SqlStore, world: World, process: Process, second: BotError
) -> None:
    world.order(SILENCE)
    world.order(second, "after")  # the first request arrives at last, and so the second one is refused
    result = await process.do()
    assert (result.outcome, world.effects) == (Outcome.DONE, 1)
    assert await state(store) is IntentState.DONE


@pytest.mark.parametrize(
    ("second", "outcome"), [(MOVED, Outcome.CONFLICT), (REFUSAL, Outcome.REFUSED), (AWAY, Outcome.IN_DOUBT)]
)
async def test_a_no_to_the_second_call_with_the_world_as_it_was(
    world: World, process: Process, second: BotError, outcome: Outcome
) -> None:
    world.order(SILENCE)
    world.order(second, times=100)
    result = await process.do()
    assert result.outcome is outcome
    assert "Nothing was sent" not in result.text
    assert world.effects == 0


async def test_a_fault_of_our_own_is_no_answer_of_the_world(store: SqlStore, world: World, process: Process) -> None:
    world.order(KeyError("version"), "after")
    with pytest.raises(KeyError):
        await process.do()
    assert await state(store) is IntentState.INTENDED
    assert (await process.do()).outcome is Outcome.DONE  # the engine runs the step again: it looks
    assert (world.calls, world.effects) == (1, 1)


# ---------------------------------------------------------------- the fence


@pytest.mark.parametrize("fault", [Fenced("Another one has taken over."), BotError("The database did not answer.")])
async def test_who_has_lost_the_lease_or_can_not_know_calls_nothing(
    store: SqlStore, world: World, process: Process, fault: BotError
) -> None:
    fence = FakeFence()
    fence.lost = fault
    with pytest.raises(type(fault)):
        await Process(store, world, process.clock, fence).do()
    assert world.calls == 0
    assert await state(store) is IntentState.INTENDED
    assert (await process.do()).outcome is Outcome.DONE
    assert world.effects == 1


async def test_the_fence_is_asked_before_every_call(world: World, process: Process) -> None:
    world.order(AWAY, times=2)
    await process.do()
    assert isinstance(process.fence, FakeFence)
    assert process.fence.checks == world.calls == 3


# ---------------------------------------------------------------- looking later


async def test_a_doubt_ends_by_looking_and_nothing_is_sent(store: SqlStore, world: World, process: Process) -> None:
    world.order(SILENCE)
    process.repeatable = False
    assert (await process.do()).outcome is Outcome.IN_DOUBT
    once = Once(store, process.clock, process.fence)
    assert (await once.look(process.step())).outcome is Outcome.IN_DOUBT
    world.value = "after"  # it arrived at last
    assert (await once.look(process.step())).outcome is Outcome.DONE
    assert await state(store) is IntentState.DONE
    assert world.calls == 1
