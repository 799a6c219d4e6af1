"""After a change: recovered, not recovered, worse; taken back by itself only where a policy says so."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from bot.domain.models import Verdict
from bot.domain.operation import OperationState
from bot.domain.plan import OperationKind
from bot.domain.timeline import Kind
from bot.usecases.setup import Mode, Policies, Policy
from bot.usecases.stories.watching import WATCH_EVERY
from tests.fakes.systems import Killed
from tests.usecases.plant import QUERY, Plant
from tests.usecases.world import FRAUD, MIKA, JumpingClock, an_alert, shown

S = OperationState
UNDOING = Policies(rules=(Policy("take-back", OperationKind.ROLLBACK, Mode.SUGGEST, undo=True),))


def at_look(plant: Plant, place: int, happens: Callable[[], object]) -> None:
    """At the so-manieth look of the watch, which goes on when it has come to its end."""
    looks = 0

    def step() -> object:
        nonlocal looks
        assert isinstance(plant.clock, JumpingClock)
        looks += plant.clock.slept == WATCH_EVERY
        return happens() if looks == place and plant.clock.slept == WATCH_EVERY else None

    assert isinstance(plant.clock, JumpingClock)
    plant.clock.on_sleep = step


async def rolled_back(plant: Plant) -> int:
    incident = await plant.fire()
    await plant.learn()
    number = await plant.wish(f"rollback {FRAUD} --incident INC-{incident}", MIKA)
    await plant.approve(number)
    return number


async def test_the_value_of_the_alert_is_told(plant: Plant) -> None:
    plant.metrics.values[QUERY] = 0.31
    number = await rolled_back(plant)

    def better() -> None:
        plant.metrics.values[QUERY] = 0.02

    at_look(plant, 2, better)
    await plant.carry_out()
    operation = await plant.operation(number)
    assert operation.state is S.NOT_RECOVERED
    assert "Not recovered: 1 alert still firing after 10 min" in operation.outcome
    assert "The alert's own value went 0.31 → 0.02." in operation.outcome
    assert operation.watch is not None
    assert operation.watch.baseline == 0.31


async def test_recovered_makes_the_version_a_good_one(plant: Plant) -> None:
    number = await rolled_back(plant)
    plant.ends_when_watched()
    await plant.carry_out()
    assert (await plant.operation(number)).state is S.SUCCEEDED
    spans = await plant.store.read(lambda tx: tx.ledger.spans(FRAUD, "production"))
    assert (spans[-1].version, spans[-1].verdict) == ("2", Verdict.HEALTHY)


async def worse(plant: Plant) -> int:
    plant.metrics.values[QUERY] = 0.31
    number = await rolled_back(plant)

    def rise() -> None:
        plant.metrics.values[QUERY] = 0.62

    at_look(plant, 2, rise)
    await plant.carry_out()
    return number


async def test_worse_is_said_and_left_to_people(plant: Plant) -> None:
    number = await worse(plant)
    operation = await plant.operation(number)
    assert operation.state is S.NOT_RECOVERED
    assert "It got worse: the alert's own value got worse" in operation.outcome
    assert f"/mlops undo OP-{number} plans the way back" in operation.outcome
    assert plant.registry.aliases[FRAUD, "champion"] == "2"


async def test_worse_is_taken_back_where_a_policy_says_so(plant: Plant) -> None:
    plant.setup = replace(plant.setup, policies=UNDOING)
    plant.rebuild()
    number = await worse(plant)
    operation = await plant.operation(number)
    assert operation.state is S.UNDONE
    assert "version 3 answers again" in operation.outcome
    assert [(m.before, m.after) for m in plant.registry.our_moves] == [("3", "2"), ("2", "3")]
    kinds = [e.kind for e in await plant.timeline(operation.incident or 0) if operation.ref in e.text]
    assert kinds.count(Kind.INTENDED) == 2
    assert kinds[-1] is Kind.UNDONE
    spans = await plant.store.read(lambda tx: tx.ledger.spans(FRAUD, "production"))
    assert [s.version for s in spans[-2:]] == ["2", "3"]
    assert spans[-2].verdict is Verdict.UNHEALTHY


async def test_one_bad_look_is_noise(plant: Plant) -> None:
    plant.setup = replace(plant.setup, policies=UNDOING)
    plant.rebuild()
    plant.metrics.values[QUERY] = 0.31
    number = await rolled_back(plant)
    looks = iter((0.9, 0.9))

    def wobble() -> None:
        plant.metrics.values[QUERY] = next(looks, 0.3)

    assert isinstance(plant.clock, JumpingClock)
    plant.clock.on_sleep = wobble
    await plant.carry_out()
    assert (await plant.operation(number)).state is S.NOT_RECOVERED
    assert len(plant.registry.our_moves) == 1


async def test_what_somebody_else_moved_meanwhile_is_not_taken_back(plant: Plant) -> None:
    plant.setup = replace(plant.setup, policies=UNDOING)
    plant.rebuild()
    plant.metrics.values[QUERY] = 0.31
    number = await rolled_back(plant)

    def rise() -> None:
        plant.metrics.values[QUERY] = 0.9
        plant.registry.point(FRAUD, "champion", "1")

    at_look(plant, 1, rise)
    await plant.carry_out()
    operation = await plant.operation(number)
    assert operation.state is S.FAILED
    assert plant.registry.aliases[FRAUD, "champion"] == "1"
    assert len(plant.registry.our_moves) == 1


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", ["watch", "undo: move the pointer back", "see it undone"])
async def test_the_process_ends_on_the_way_back(plant: Plant, step: str, after: bool) -> None:
    plant.setup = replace(plant.setup, policies=UNDOING)
    plant.rebuild()
    plant.metrics.values[QUERY] = 0.31
    number = await rolled_back(plant)

    def rise() -> None:
        plant.metrics.values[QUERY] = 0.62

    at_look(plant, 1, rise)
    if after:
        plant.engine.kill_after = step
    else:
        plant.engine.kill_before = step
    with pytest.raises(Killed):
        await plant.carry_out()
    await plant.restart()
    at_look(plant, 1, rise)
    await plant.carry_out()
    operation = await plant.operation(number)
    assert operation.state is S.UNDONE
    assert [(m.before, m.after) for m in plant.registry.our_moves] == [("3", "2"), ("2", "3")]
    told = [entry for entry in await plant.timeline(operation.incident or 0) if "moved back" in entry.text]
    assert len(told) == 1


async def test_more_alerts_are_worse(plant: Plant) -> None:
    number = await rolled_back(plant)
    at_look(plant, 1, lambda: plant.send(an_alert(plant.clock, "ModelLatencyHigh")))
    await plant.carry_out()
    assert "It got worse: 2 alerts fire, 1 did" in (await plant.operation(number)).outcome


async def test_who_only_watches_holds_nobody_up(plant: Plant) -> None:
    number = await rolled_back(plant)
    asked: list[str] = []

    async def again() -> None:
        asked.append(shown(await plant.say(f"rollback {FRAUD} --to 1", MIKA)))

    at_look(plant, 1, again)
    await plant.carry_out()
    assert f"OP-{number + 1} is planned" in asked[0]


PROMOTED = Policies(rules=(Policy("take-back", OperationKind.PROMOTE, Mode.SUGGEST, undo=True),))


@pytest.mark.parametrize("policies", [PROMOTED, Policies()], ids=["a policy says so", "no policy"])
async def test_a_promotion_that_made_it_worse_is_taken_back_where_a_policy_says_so(
    plant: Plant, policies: Policies
) -> None:
    """Nothing fired when it was asked for; an alert that begins while it is watched is worse."""
    plant.setup = replace(plant.setup, policies=policies)
    plant.rebuild()
    plant.registry.point(FRAUD, "champion", "2")
    await plant.learn()
    number = await plant.wish(f"promote {FRAUD} --to 3", MIKA)
    await plant.approve(number)
    at_look(plant, 1, lambda: plant.send(an_alert(plant.clock)))
    await plant.carry_out()
    operation = await plant.operation(number)
    back = bool(policies.rules)
    assert operation.state is (S.UNDONE if back else S.NOT_RECOVERED), operation.outcome
    moves = [(move.before, move.after) for move in plant.registry.our_moves]
    assert moves == ([("2", "3"), ("3", "2")] if back else [("2", "3")])


SHIFTED = Policies(rules=(Policy("take-back", OperationKind.SHIFT_TRAFFIC, Mode.SUGGEST, undo=True),))


@pytest.mark.parametrize("elsewhere", [False, True], ids=["ours", "somebody else's"])
async def test_traffic_that_made_it_worse_is_shared_as_before_unless_somebody_has_moved_it(
    plant: Plant, elsewhere: bool
) -> None:
    plant.setup = replace(plant.setup, policies=SHIFTED)
    plant.rebuild()
    number = await plant.wish("shift churn 10 --to 2", MIKA)
    incident = (await plant.operation(number)).incident
    await plant.approve(number)

    async def rise() -> None:
        await plant.send(an_alert(plant.clock, "ModelErrorRateHigh", "churn"))
        if elsewhere:
            plant.splitter.put("churn", {"2": 50, "1": 50})

    at_look(plant, 1, rise)
    await plant.carry_out()
    operation = await plant.operation(number)
    assert operation.incident == incident
    assert operation.state is (S.FAILED if elsewhere else S.UNDONE), operation.outcome
    expected = [("churn", "2", 10)] if elsewhere else [("churn", "2", 10), ("churn", "2", 0)]
    assert plant.splitter.shifts == expected
    assert plant.splitter.share("churn", "2") == (50 if elsewhere else 0)
