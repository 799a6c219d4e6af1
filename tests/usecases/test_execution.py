"""Carrying out an approved rollback: once, looked at, and told as it is, whatever happens on the way."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.errors import Conflict, Indeterminate, IntegrationError, RateLimited, Refused, Unauthorized
from bot.domain.incident import Status
from bot.domain.models import Propagation, Verdict
from bot.domain.operation import OperationState, Stage
from bot.domain.plan import CheckResult
from bot.domain.timeline import Kind
from bot.ports.manifest import Guarantees
from tests.fakes.systems import Killed, down, unconfirmed
from tests.usecases.world import DEVI, FRAUD, MIKA, JumpingClock, World, a_setup

STEPS = ("begin", "move the pointer", "tell the serving side", "see it serve", "watch")


async def carried_out(world: World, number: int):
    assert await world.carry_out() == 1
    return await world.operation(number)


async def test_the_whole_story(world: World) -> None:
    incident = await world.fire()
    await world.say(f"ack INC-{incident}", MIKA)
    number = await world.approved()
    world.ends_when_watched()
    operation = await carried_out(world, number)
    assert (operation.state, operation.stage) == (OperationState.SUCCEEDED, Stage.SERVING_CONFIRMED)
    assert operation.outcome.startswith("Serving confirmed: version 2 answers. Recovered: all its alerts ended within ")
    assert world.registry.aliases[FRAUD, "champion"] == "2"
    assert [(move.before, move.after) for move in world.registry.our_moves] == [("3", "2")]
    assert (await world.incident(incident)).status is Status.RESOLVED
    told = [kind for kind in await world.kinds(incident) if kind not in {Kind.ALERT_FIRED, Kind.ROUTED, Kind.PAGED}]
    assert told == [
        Kind.OPENED, Kind.ACKNOWLEDGED, Kind.REQUESTED, Kind.PLANNED, Kind.APPROVED, Kind.INTENDED, Kind.CHANGED,
        Kind.VERIFIED, Kind.MITIGATED, Kind.ALERT_RESOLVED, Kind.RESOLVED, Kind.SUCCEEDED,
    ]  # fmt: skip


async def test_the_ledger_afterwards(world: World) -> None:
    incident = await world.fire()
    await carried_out(world, await world.approved())
    spans = await world.store.read(lambda tx: tx.ledger.spans(FRAUD, "production"))
    assert [(span.version, span.verdict) for span in spans[-2:]] == [("3", Verdict.UNHEALTHY), ("2", Verdict.UNKNOWN)]
    assert spans[-2].incident == incident
    assert spans[-2].until == spans[-1].since
    assert spans[-1].cause == "OP-1"
    assert (await world.operation(1)).state is OperationState.NOT_RECOVERED
    changes = await world.store.read(lambda tx: tx.changes.of(FRAUD, tx.now.replace(year=2026, month=1)))
    assert (changes[0].kind, changes[0].by, changes[0].text) == ("rollback", "Mika Laine", "OP-1: version 3 → 2")


async def test_the_three_states_are_shown_one_after_the_other(world: World) -> None:
    number = await world.approved()
    world.engine.kill_before = "see it serve"
    with pytest.raises(Killed):
        await world.carry_out()
    operation = await world.operation(number)
    assert (operation.state, operation.stage) == (OperationState.VERIFYING, Stage.REGISTRY_CHANGED)
    assert "whether it serves is being looked at" in operation.outcome
    assert "serving confirmed" not in " ".join(e.text for e in await world.timeline(operation.incident))


async def test_the_registry_is_away_for_a_moment(world: World) -> None:
    number = await world.approved()
    world.registry.faults.order("move", down(), times=3)
    operation = await carried_out(world, number)
    assert operation.state is OperationState.SUCCEEDED
    assert len(world.registry.our_moves) == 1


async def test_the_registry_asks_to_wait(world: World) -> None:
    number = await world.approved()
    world.registry.faults.order("move", RateLimited("Slow down.", retry_after=7.0))
    before = world.clock.now()
    assert (await carried_out(world, number)).state is OperationState.SUCCEEDED
    assert (world.clock.now() - before).total_seconds() >= 7


async def test_the_registry_stays_away(world: World) -> None:
    number = await world.approved()
    world.registry.faults.always("move", down())
    operation = await carried_out(world, number)
    assert operation.state is OperationState.FAILED
    assert operation.outcome == "The registry does not answer. Nothing was sent."
    assert world.registry.aliases[FRAUD, "champion"] == "3"


@pytest.mark.parametrize(
    "error",
    [Refused("The registry declined.", not_done="Nothing was changed."),
     Unauthorized("The token may only read.", not_done="Nothing was changed.", next_step="Give it the right to write.")],
    ids=["refused", "unauthorized"],
)  # fmt: skip
async def test_the_registry_says_no(world: World, error: IntegrationError) -> None:
    number = await world.approved()
    world.registry.faults.order("move", error)
    operation = await carried_out(world, number)
    assert operation.state is OperationState.FAILED
    assert operation.outcome == str(error)
    assert operation.stage is Stage.REQUESTED


async def test_the_world_moved_after_the_approval(world: World) -> None:
    number = await world.approved()
    world.registry.point(FRAUD, "champion", "1")
    operation = await carried_out(world, number)
    assert operation.state is OperationState.STALE
    assert "points at version 1 now" in operation.outcome
    assert f"ask anew: /mlops rollback {FRAUD}" in operation.outcome
    assert world.registry.aliases[FRAUD, "champion"] == "1"
    assert not world.registry.our_moves


async def test_no_answer_and_it_was_done(world: World) -> None:
    """Found by looking, not sent again."""
    number = await world.approved()
    world.registry.faults.order("move", unconfirmed(), after=True)
    operation = await carried_out(world, number)
    assert operation.state is OperationState.SUCCEEDED
    assert len(world.registry.our_moves) == 1
    changed = (await world.timeline(operation.incident, Kind.CHANGED))[0]
    assert "found done by looking" in changed.text


async def test_no_answer_and_it_was_not_done(world: World) -> None:
    """A call that may be repeated is repeated, after looking."""
    number = await world.approved()
    world.registry.faults.order("move", unconfirmed())
    assert (await carried_out(world, number)).state is OperationState.SUCCEEDED
    assert len(world.registry.our_moves) == 1


async def test_no_answer_not_repeatable_and_not_seen(world: World) -> None:
    """In doubt: looked at for an hour, never repeated; then it is up to people, and the model is not stuck."""
    world.systems = replace(world.systems, guarantees={"registry": Guarantees()})
    world.rebuild()
    number = await world.approved()
    world.registry.faults.order("move", unconfirmed())
    operation = await carried_out(world, number)
    assert operation.state is OperationState.IN_DOUBT
    assert "/mlops cancel OP-1 ends it" in operation.outcome
    assert not world.registry.our_moves
    assert len(await world.timeline(operation.incident, Kind.IN_DOUBT)) == 2
    assert "OP-1 is going on" in (await world.say(f"rollback {FRAUD}", MIKA)).title
    assert (await world.say("cancel OP-1 I looked: it still is 3", DEVI)).ok
    ended = await world.operation(number)
    assert ended.state is OperationState.FAILED
    assert "the bot does not know" in ended.outcome
    assert (await world.request(MIKA)) == 2


async def test_in_doubt_and_then_seen(world: World) -> None:
    world.systems = replace(world.systems, guarantees={"registry": Guarantees()})
    world.rebuild()
    number = await world.approved()
    world.registry.faults.order("move", unconfirmed())
    looks = 0

    def arrives_late() -> None:
        nonlocal looks
        looks += 1
        if looks == 20:
            world.registry.point(FRAUD, "champion", "2")

    world.clock.on_sleep = arrives_late
    operation = await carried_out(world, number)
    assert operation.state is OperationState.SUCCEEDED
    kinds = await world.kinds(operation.incident)
    assert kinds.index(Kind.IN_DOUBT) < kinds.index(Kind.CHANGED) < kinds.index(Kind.SUCCEEDED)


async def test_in_doubt_is_looked_at_again_after_a_restart(world: World) -> None:
    world.systems = replace(world.systems, guarantees={"registry": Guarantees()})
    world.rebuild()
    number = await world.approved()
    world.registry.faults.order("move", unconfirmed())
    slept = 0

    def ends() -> None:
        nonlocal slept
        slept += 1
        if slept == 20:
            raise Killed

    world.clock.on_sleep = ends
    with pytest.raises(Killed):
        await world.carry_out()
    assert (await world.operation(number)).state is OperationState.IN_DOUBT
    slept = 0

    def arrives_late() -> None:
        nonlocal slept
        slept += 1
        if slept == 20:
            world.registry.point(FRAUD, "champion", "2")

    world.clock.on_sleep = arrives_late
    await world.restart()
    operation = await carried_out(world, number)
    assert operation.state is OperationState.SUCCEEDED
    assert not world.registry.our_moves, "what was in doubt is never sent again"


async def test_no_answer_and_the_registry_can_not_be_asked_either(world: World) -> None:
    number = await world.approved()
    world.registry.faults.order("move", unconfirmed(), after=True)
    world.registry.faults.order("resolve", down(), times=12)
    operation = await carried_out(world, number)
    assert operation.state is OperationState.SUCCEEDED
    doubt = (await world.timeline(operation.incident, Kind.IN_DOUBT))[0]
    assert "never repeated blindly" in doubt.text
    assert len(world.registry.our_moves) == 1


async def test_somebody_else_moved_it_while_no_answer_came(world: World) -> None:
    number = await world.approved()
    world.registry.faults.order("move", unconfirmed())
    world.registry.point(FRAUD, "champion", "1")
    operation = await carried_out(world, number)
    assert operation.state is OperationState.IN_DOUBT
    assert not world.registry.our_moves
    assert "somebody else has changed it" in (await world.timeline(operation.incident, Kind.IN_DOUBT))[0].text


async def test_the_serving_side_never_follows(world: World) -> None:
    incident = await world.fire()
    world.serving.endpoints["fraud"].follows = False
    operation = await carried_out(world, await world.approved())
    assert operation.state is OperationState.INCONCLUSIVE
    assert operation.stage is Stage.REGISTRY_CHANGED
    assert "that version 2 serves is not confirmed: fraud answers with version 3" in operation.outcome
    assert (await world.incident(incident)).status is Status.OPEN, "nothing is mitigated that was not seen"
    assert await world.store.read(lambda tx: tx.ledger.open_span(FRAUD, "production").version) == "3"


async def test_the_serving_side_falls_silent(world: World) -> None:
    number = await world.approved()
    world.serving.faults.always("observe", down("serving"))
    operation = await carried_out(world, number)
    assert operation.state is OperationState.INCONCLUSIVE
    assert "The serving does not answer." in operation.outcome


async def test_it_answers_and_says_that_it_is_ill(world: World) -> None:
    number = await world.approved()
    world.serving.endpoints["fraud"].healthy = False
    assert (await carried_out(world, number)).state is OperationState.INCONCLUSIVE


async def test_nothing_serves_the_model(world: World) -> None:
    binding = replace(world.setup.bindings[0], serving=(), propagation=Propagation.NONE)
    world.setup = replace(world.setup, bindings=(binding,))
    world.rebuild()
    operation = await carried_out(world, await world.approved())
    assert operation.state is OperationState.INCONCLUSIVE
    assert "no serving target is configured" in operation.outcome


async def test_slow_serving_is_waited_for(world: World) -> None:
    number = await world.approved()
    world.serving.endpoints["fraud"].lag = 100
    assert (await carried_out(world, number)).state is OperationState.SUCCEEDED


async def test_who_approved_may_no_longer(world: World) -> None:
    """Rights are looked at again when it begins: the table may have been changed between."""
    number = await world.approved()
    setup = a_setup()
    fillings = dict(setup.roster.fillings["default"])
    fillings = {role: replace(f, people=("omar",)) if f.people == ("devi",) else f for role, f in fillings.items()}
    world.setup = replace(setup, roster=replace(setup.roster, fillings={"default": fillings}))
    world.rebuild()
    operation = await carried_out(world, number)
    assert operation.state is OperationState.FAILED
    assert operation.outcome == "Devi Rao may no longer approve it. Nothing was changed."
    assert not world.registry.our_moves


async def test_the_model_was_taken_out_of_the_configuration(world: World) -> None:
    number = await world.approved()
    world.setup = replace(world.setup, bindings=())
    world.rebuild()
    operation = await carried_out(world, number)
    assert operation.state is OperationState.FAILED
    assert "no longer bound to a registry" in operation.outcome


def unbound(world: World) -> None:
    world.setup = replace(world.setup, bindings=())


def without_the_integration(world: World) -> None:
    world.systems = replace(world.systems, registries={}, servings={})


def with_another_alias(world: World) -> None:
    """What was approved is not what would be done."""
    moved = tuple(
        replace(b, pointer=replace(b.pointer, alias="candidate")) if b.pointer and b.environment == "production" else b
        for b in world.setup.bindings
    )
    world.setup = replace(world.setup, bindings=moved)


CHANGES = pytest.mark.parametrize("change", [unbound, without_the_integration, with_another_alias])


@CHANGES
async def test_the_configuration_changed_before_it_began(world: World, change: Callable[[World], None]) -> None:
    number = await world.approved()
    await world.restart()
    change(world)
    world.rebuild()
    operation = await carried_out(world, number)
    assert operation.state is OperationState.FAILED
    assert operation.outcome.endswith("Nothing was changed.")
    assert not world.registry.our_moves


@CHANGES
@pytest.mark.parametrize("arrived", [True, False])
async def test_the_configuration_changed_while_the_call_is_in_doubt(
    world: World, change: Callable[[World], None], arrived: bool
) -> None:
    """It ended in its call. What can't be looked at any more is not called unchanged: a person decides, and can."""
    number = await world.approved()
    world.registry.faults.order("move", Killed(), after=arrived)
    with pytest.raises(Killed):
        await world.carry_out()
    await world.restart()
    change(world)
    world.rebuild()
    operation = await carried_out(world, number)
    assert operation.state is OperationState.IN_DOUBT
    assert "may have been made" in operation.outcome
    assert "Nothing was changed" not in operation.outcome
    assert len(world.registry.our_moves) == arrived
    assert (await world.say(f"cancel OP-{number}", DEVI)).ok
    assert (await world.operation(number)).state is OperationState.FAILED


@CHANGES
async def test_the_configuration_changed_after_the_registry_did(world: World, change: Callable[[World], None]) -> None:
    number = await world.approved()
    world.engine.kill_after = "move the pointer"
    with pytest.raises(Killed):
        await world.carry_out()
    await world.restart()
    change(world)
    world.rebuild()
    operation = await carried_out(world, number)
    assert operation.stage is not Stage.REQUESTED
    assert operation.state in {OperationState.INCONCLUSIVE, OperationState.SUCCEEDED}
    assert len(world.registry.our_moves) == 1


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
async def test_the_process_ends_around_any_step(world: World, step: str, after: bool) -> None:
    incident = await world.fire()
    number = await world.approved()
    world.ends_when_watched()
    if after:
        world.engine.kill_after = step
    else:
        world.engine.kill_before = step
    with pytest.raises(Killed):
        await world.carry_out()
    await world.restart()
    operation = await carried_out(world, number)
    assert operation.state is OperationState.SUCCEEDED
    assert len(world.registry.our_moves) == 1
    if not (step == STEPS[-1] and after):
        recovered = await world.timeline(incident, Kind.RECOVERED)
        assert "the bot was restarted while it was" in recovered[0].text
    for kind in (Kind.CHANGED, Kind.VERIFIED, Kind.SUCCEEDED, Kind.MITIGATED, Kind.INTENDED):
        assert len(await world.timeline(incident, kind)) == 1, kind


@pytest.mark.parametrize("effect", [False, True], ids=["before it was made", "after it was made"])
async def test_the_process_ends_in_the_irreversible_call(world: World, effect: bool) -> None:
    number = await world.approved()
    world.registry.faults.order("move", Killed(), after=effect)
    with pytest.raises(Killed):
        await world.carry_out()
    await world.restart()
    assert (await carried_out(world, number)).state is OperationState.SUCCEEDED
    assert len(world.registry.our_moves) == 1


async def test_a_process_that_lost_its_lease_sends_nothing(world: World) -> None:
    number = await world.approved()
    world.fence.lost = Conflict("Another one has taken over.", not_done="The call was not made.")
    with pytest.raises(Conflict):
        await world.carry_out()
    assert not world.registry.our_moves
    assert (await world.operation(number)).state is OperationState.EXECUTING
    await world.restart()
    assert (await carried_out(world, number)).state is OperationState.SUCCEEDED


async def test_carrying_out_twice_changes_nothing_more(world: World) -> None:
    number = await world.approved()
    await carried_out(world, number)
    before = await world.kinds(1)

    class Straight:
        async def run(self, name, step):
            return await step()

    await world.executor.story(number, Straight())
    assert len(world.registry.our_moves) == 1
    assert await world.kinds(1) == before


# ---------------------------------------------------------------- where a person must restart what serves


@pytest.fixture
def restarted(world: World) -> World:
    """It could be told, too; but it loads the alias when it starts, so that a version would be told in vain."""
    binding = replace(world.setup.bindings[0], propagation=Propagation.RESTART)
    world.setup = replace(world.setup, bindings=(binding, *world.setup.bindings[1:]))
    world.deployers["serving"] = world.serving
    world.serving.endpoints["fraud"].follows = False
    world.rebuild()
    return world


async def test_somebody_is_asked_to_restart_what_serves_and_it_is_waited_for(restarted: World) -> None:
    number = await restarted.approved()
    plan = (await restarted.operation(number)).plan
    assert [call.integration for call in plan.calls] == ["registry"]
    check = next(check for check in plan.checks if check.name == "restart: fraud")
    assert check.result is CheckResult.WARN
    assert check.evidence.startswith("somebody must restart it when the registry was changed")
    began = restarted.clock.now()

    def ten_minutes_later() -> None:
        if restarted.clock.now() - began >= timedelta(minutes=10):
            restarted.serving.endpoints["fraud"].version = restarted.registry.aliases[FRAUD, "champion"]

    assert isinstance(restarted.clock, JumpingClock)
    restarted.clock.on_sleep = ten_minutes_later
    operation = await carried_out(restarted, number)
    assert operation.state is OperationState.SUCCEEDED, operation.outcome
    assert restarted.serving.deployments == []
    said = [entry.text for entry in await restarted.timeline(operation.incident, Kind.CHANGED)]
    assert said[0].endswith("Restart fraud now: it loads the alias only at a start. It is waited for 15 min.")


async def test_nobody_restarts_it(restarted: World) -> None:
    began = restarted.clock.now()
    operation = await carried_out(restarted, await restarted.approved())
    assert operation.state is OperationState.INCONCLUSIVE
    assert "fraud answers with version 3" in operation.outcome
    assert operation.outcome.endswith("It serves that version when it was restarted.")
    assert timedelta(minutes=15) <= restarted.clock.now() - began <= timedelta(minutes=16)


# ---------------------------------------------------------------- where serving must be told


@pytest.fixture
def deploying(world: World) -> World:
    binding = replace(world.setup.bindings[0], propagation=Propagation.REDEPLOY)
    world.setup = replace(world.setup, bindings=(binding, *world.setup.bindings[1:]))
    world.deployers["serving"] = world.serving
    world.serving.endpoints["fraud"].follows = False
    world.rebuild()
    return world


async def test_a_serving_system_that_must_be_told_is_told_once(deploying: World) -> None:
    operation = await carried_out(deploying, await deploying.approved())
    assert operation.state is OperationState.SUCCEEDED
    assert deploying.serving.deployments == [("fraud", "2")]
    intended = [entry.text for entry in await deploying.timeline(operation.incident, Kind.INTENDED)]
    assert intended[-1] == "OP-1: making fraud serve version 2 instead of 3"


async def test_it_declines(deploying: World) -> None:
    number = await deploying.approved()
    deploying.serving.faults.order("serve", Refused("There is no room.", not_done="Nothing was changed."))
    operation = await carried_out(deploying, number)
    assert operation.state is OperationState.INCONCLUSIVE
    assert "the serving side was not: fraud was not changed: There is no room." in operation.outcome


async def test_it_gives_no_answer_and_did_it(deploying: World) -> None:
    number = await deploying.approved()
    deploying.serving.faults.order("serve", Indeterminate("No answer."), after=True)
    operation = await carried_out(deploying, number)
    assert operation.state is OperationState.SUCCEEDED
    assert deploying.serving.deployments == [("fraud", "2")]


async def test_the_process_ends_while_it_is_told(deploying: World) -> None:
    number = await deploying.approved()
    deploying.serving.faults.order("serve", Killed(), after=True)
    with pytest.raises(Killed):
        await deploying.carry_out()
    assert (await deploying.operation(number)).state is OperationState.VERIFYING
    await deploying.restart()
    assert (await carried_out(deploying, number)).state is OperationState.SUCCEEDED
    assert deploying.serving.deployments == [("fraud", "2")]


async def test_what_can_not_be_asked_is_not_told(deploying: World) -> None:
    number = await deploying.approved()
    deploying.serving.faults.always("observe", down("serving"))
    operation = await carried_out(deploying, number)
    assert operation.state is OperationState.INCONCLUSIVE
    assert "fraud was not told" in operation.outcome
    assert deploying.serving.deployments == []
