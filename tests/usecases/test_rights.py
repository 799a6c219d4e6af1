"""P7: every command and button × every role is what the shipped RACI table says; each refusal is told and recorded.

What is expected is worked out here from the table's letters, not by the rules under test.
"""

import itertools
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio

from bot.domain.operation import Operation, OperationState, Stage
from bot.domain.people import Person
from bot.domain.plan import Plan
from bot.domain.routing import Letter, Phase, PhaseChoice, Right, Role, may
from bot.domain.timeline import Kind, stamp
from bot.ports.store import Transaction
from bot.usecases import respond
from bot.usecases.operate import route_of
from bot.usecases.reply import Reply, Tone
from bot.usecases.rights import DEEDS, Deed, permission
from tests.usecases.world import DEVI, FRAUD, MIKA, ROLES, STRANGER, World, shown

EVERYBODY: dict[Role | None, Person] = {**ROLES, None: STRANGER}
R, A = Letter.RESPONSIBLE, Letter.ACCOUNTABLE

ON_INCIDENTS = {
    "ack": ("ack {}", Right.ACKNOWLEDGE),
    "button Acknowledge": ("incident.acknowledge", Right.ACKNOWLEDGE),
    "resolve": ("resolve {}", Right.RESPOND),
    "button Resolve": ("incident.resolve", Right.RESPOND),
    "assign": ("assign {} @omar", Right.RESPOND),
    "severity": ("severity {} sev4", Right.RESPOND),
    "reopen": ("reopen {}", Right.RESPOND),
    "note": ("note {} a look", Right.READ),
    "timeline": ("timeline {}", Right.READ),
    "runbook": ("runbook {}", Right.READ),
    "button Runbook": ("incident.runbook", Right.READ),
    "who": ("who fraud-detector", Right.READ),
    "changes": ("changes fraud-detector", Right.READ),
    "incidents": ("incidents", Right.READ),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """One world for the whole table; each cell has an incident of its own."""
    here = World(Path(tmp_path_factory.mktemp("rights")) / "world.db")
    await here.open()
    await here.learn()
    yield here
    await here.close()


async def an_incident_in(world: World, phase: Phase, *, resolved: bool) -> int:
    """An incident of this phase that paged nobody: being paged is a right of its own."""

    def put(tx) -> int:
        respond.declare(tx, world.setup, "x", FRAUD, None, MIKA)
        number = tx.incidents.newest(limit=1)[0].number
        route = world.setup.route_for(PhaseChoice(phase, "test", "asked for"), FRAUD)
        incident = replace(tx.incidents.get(number), number=number + 1, route=route)
        tx.incidents.add(incident)
        if resolved:
            tx.incidents.save(respond.rules.resolve(incident, MIKA.actor, tx.now, why="over")[0])
        return incident.number

    return await world.store.write(put)


async def do(world: World, text: str, ref: str, by: Person) -> Reply:
    if text.startswith(("incident.", "operation.")):
        return await world.press(text, ref, by)
    return await world.say(text.format(ref), by)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("action", list(ON_INCIDENTS))
@pytest.mark.parametrize("phase", list(Phase), ids=lambda phase: phase.name)
async def test_incidents(shared: World, phase: Phase, action: str) -> None:
    text, right = ON_INCIDENTS[action]
    row = shared.setup.table.cells[phase]
    for role, person in EVERYBODY.items():
        number = await an_incident_in(shared, phase, resolved=action == "reopen")
        expected = right is Right.READ or bool(role and {R, A} & row[role])
        route = (await shared.incident(number)).route
        assert may(person.id, right, route).allowed == expected
        reply = await do(shared, text, f"INC-{number}", person)
        assert reply.ok == expected, f"{role} {phase.name} {action}: {shown(reply)}"
        refusals = await shared.timeline(number, Kind.REFUSAL)
        if expected:
            assert not refusals
        else:
            assert reply.tone is Tone.REFUSED
            assert "This needs somebody who is" in shown(reply)
            assert f"Why: /mlops who {FRAUD}" in shown(reply)
            for other, cell in row.items():
                named = ROLES[other].name in shown(reply).split("That is", 1)[1]
                assert named == bool({R, A} & cell), "who may is named, and nobody else"
            assert [entry.actor.id for entry in refusals] == [person.id]
            assert "not permitted" in refusals[0].text


DECISIONS = ("approve", "reject", "cancel")


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("by_button", [False, True], ids=["command", "button"])
@pytest.mark.parametrize("verb", DECISIONS)
async def test_decisions_about_a_rollback(shared: World, verb: str, by_button: bool) -> None:
    row = shared.setup.table.cells[Phase.DEPLOYMENT]
    askers = [role for role in Role if {R, A} & row[role]]
    for asker, (role, person) in itertools.product(askers, EVERYBODY.items()):
        number = await shared.request(ROLES[asker])
        operation = await shared.operation(number)
        accountable = bool(role and A in row[role])
        asked = person is ROLES[asker]
        expected = {"approve": accountable and not asked, "reject": accountable, "cancel": accountable or asked}[verb]
        text = f"operation.{verb}" if by_button else f"{verb} {{}}"
        reply = await do(shared, text, f"OP-{number}", person)
        assert reply.ok == expected, f"{role} {verb} of {asker}'s: {shown(reply)}"
        before = await shared.timeline(operation.incident, Kind.REFUSAL)
        state = (await shared.operation(number)).state
        if expected:
            assert state is not OperationState.AWAITING_APPROVAL
        else:
            assert reply.tone is Tone.REFUSED
            assert "Nothing was changed." in shown(reply) or "Nobody else is configured" in shown(reply)
            assert before[-1].actor.id == person.id
            assert state is OperationState.AWAITING_APPROVAL
        await shared.store.write(lambda tx, n=number: _end(tx, n))


def _end(tx, number: int) -> None:
    """Free the model, whatever was decided."""
    operation = tx.operations.get(number)
    if not operation.state.final:
        tx.operations.save(replace(operation, state=OperationState.CANCELLED), expected=operation.state)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("phase", list(Phase), ids=lambda phase: phase.name)
async def test_asking_for_a_rollback_is_a_right_of_deployment_whatever_the_incident(
    shared: World, phase: Phase
) -> None:
    row = shared.setup.table.cells[Phase.DEPLOYMENT]
    for (role, person), button in itertools.product(EVERYBODY.items(), (False, True)):
        number = await an_incident_in(shared, phase, resolved=False)
        expected = bool(role and {R, A} & row[role])
        if button:
            reply = await shared.press("incident.rollback", f"INC-{number}", person)
        else:
            reply = await shared.say(f"rollback {FRAUD} --incident INC-{number}", person)
        assert reply.ok == expected, shown(reply)
        if expected:
            newest = (await shared.operations())[0]
            assert newest.incident == number
            await shared.store.write(lambda tx, n=newest.number: _end(tx, n))
        else:
            assert [entry.actor.id for entry in await shared.timeline(number, Kind.REFUSAL)] == [person.id]
            assert "Devi Rao" in shown(reply)
            assert "Mika Laine" in shown(reply)


async def test_a_refusal_without_any_incident_is_kept_too(world: World) -> None:
    reply = await world.say(f"rollback {FRAUD}", STRANGER)
    assert reply.tone is Tone.REFUSED
    key = f"{stamp(world.clock.now())}:{STRANGER.id}"
    kept = await world.store.read(lambda tx: tx.keys.get("refusal", key))
    assert kept is not None
    assert "Sam" in kept


async def test_a_delegate_may_acknowledge(delegating: World) -> None:
    """A delegate is paged when nobody answers; then it may be theirs."""
    number = await delegating.fire("ModelErrorRateHigh")
    assert (await delegating.say(f"ack INC-{number}", ROLES[Role.DATA_SCIENTIST])).ok, "Dana is Devi's delegate"


async def test_the_requester_never_approves_even_as_the_accountable(world: World) -> None:
    await world.learn()
    number = await world.request(DEVI)
    reply = await world.say(f"approve OP-{number}", DEVI)
    assert reply.tone is Tone.REFUSED
    assert "You asked for it, so somebody else must approve it." in shown(reply)
    assert "Nobody else is configured for it" in shown(reply)


async def test_a_delegate_approves_what_the_accountable_asked_for(delegating: World) -> None:
    await delegating.learn()
    number = await delegating.request(DEVI)
    assert (await delegating.say(f"approve OP-{number}", ROLES[Role.DATA_SCIENTIST])).ok


@pytest.mark.parametrize(
    ("action", "value"),
    [("incident.acknowledge", "INC-x"), ("incident.acknowledge", ""), ("operation.approve", "INC-1"),
     ("incident.explode", "INC-1"), ("operation.explode", "OP-1"), ("", ""), ("incident.acknowledge", "INC-77")],
)  # fmt: skip
async def test_a_press_that_means_nothing_is_answered(world: World, action: str, value: str) -> None:
    reply = await world.press(action, value, MIKA)
    assert not reply.ok
    assert "Nothing was" in shown(reply)


# ---------------------------------------------------------------- every deed × every state × every role


def _in_state(operation: Operation, state: OperationState) -> Operation:
    """As if its story had come so far."""
    done = state not in {OperationState.AWAITING_APPROVAL, OperationState.APPROVED}
    return replace(operation, state=state, stage=Stage.SERVING_CONFIRMED if done else Stage.REQUESTED)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("by_button", [False, True], ids=["command", "button"])
@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.command)
@pytest.mark.parametrize("state", OperationState)
async def test_the_whole_table(shared: World, state: OperationState, deed: Deed, by_button: bool) -> None:
    """What `/mlops rights` says is what happens: in each state, by each role, by command and by button."""
    if by_button and not deed.button:
        deed = replace(deed, button="operation.break-glass")  # a press that no message offers does nothing
    asked = await shared.request(MIKA)
    plan = (await shared.operation(asked)).plan
    await shared.say(f"cancel OP-{asked}", MIKA)
    if deed.command == "undo":  # what was carried out is what serves
        shared.registry.aliases[FRAUD, "champion"] = plan.move.target.version
    incident = await an_incident_in(shared, Phase.DEPLOYMENT, resolved=False)
    for role, person in EVERYBODY.items():
        number = await shared.store.write(lambda tx: _put(tx, plan, state, shared, incident))
        before = await shared.operation(number)
        refused = len(await shared.timeline(before.incident or 0, Kind.REFUSAL))
        reply = await do(
            shared, deed.button if by_button else f"{deed.command} {{}} for good reasons", f"OP-{number}", person
        )
        allowed = permission(shared.setup, before.kind, deed.right, FRAUD, person.id, MIKA.id).allowed
        offered = not (by_button and deed.command == "break-glass")
        expected = (
            allowed and offered and state in deed.states and not (deed.command == "undo" and not before.can_be_undone)
        )
        after = await shared.operation(number)
        planned = [o for o in await shared.operations() if o.undoes == number]
        changed = after != before or bool(planned)
        assert changed == expected, f"{role} {deed.command} of what is {state.value}: {shown(reply)}"
        told = len(await shared.timeline(before.incident or 0, Kind.REFUSAL)) - refused
        if offered and state in deed.states and not allowed:
            assert told == 1, "a refusal is recorded"
            assert reply.tone is Tone.REFUSED
        elif not expected:
            assert told == 0, "who is too late is not refused"
        numbers = {number, *(o.number for o in planned)}
        await shared.store.write(partial(_clear, numbers=numbers))
    shared.registry.aliases[FRAUD, "champion"] = plan.move.now.version


def _put(tx: Transaction, plan: Plan, state: OperationState, world: World, incident: int) -> int:
    number = tx.operations.next_number()
    operation = Operation(
        number, plan.kind, FRAUD, "production", OperationState.AWAITING_APPROVAL, plan,
        route_of(world.setup, plan.kind, FRAUD), MIKA.id, tx.now, "for good reasons", incident,
    )  # fmt: skip
    tx.operations.add(_in_state(operation, state))
    return number


def _clear(tx: Transaction, numbers: set[int]) -> None:
    """Nothing of it is in the way of the next."""
    for number in numbers:
        operation = tx.operations.get(number)
        assert operation is not None
        tx.operations.save(replace(operation, state=OperationState.REJECTED), expected=operation.state)


async def test_the_table_is_shown(world: World) -> None:
    text = shown(await world.say(f"rights {FRAUD}", STRANGER))
    assert "/mlops rollback | Deployment | Responsible, Accountable, or a delegate | Mika Laine, Devi Rao" in text
    assert "/mlops approve of what serves | Deployment | Accountable or a delegate, never who asked | Devi Rao" in text
    assert "/mlops retrain | Model Retraining & Versioning" in text
    assert "On which model?" in shown(await world.say("rights", STRANGER))
    assert "is not in the configuration" in shown(await world.say("rights nothing", STRANGER))
