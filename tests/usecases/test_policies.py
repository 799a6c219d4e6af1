"""What the bot does by itself: nothing by default, a plan, or what its Accountable has signed, and never beyond that."""

from dataclasses import replace

import pytest

from bot.domain.operation import OperationState
from bot.domain.plan import OperationKind
from bot.domain.timeline import Kind
from bot.usecases.setup import FreezeWindow, Mode, Policies, Policy
from tests.fakes.systems import Killed, down
from tests.usecases.plant import HOUR, Plant
from tests.usecases.world import FRAUD, MIKA, an_alert, shown

S = OperationState
AUTO = Policy(
    "night", OperationKind.ROLLBACK, Mode.AUTO, (FRAUD,), ("ModelErrorRate*",), 1, "devi", origin="bot.yaml:9"
)


async def with_(plant: Plant, *rules: Policy, freezes: tuple[FreezeWindow, ...] = ()) -> Plant:
    plant.setup = replace(plant.setup, policies=Policies(rules=rules, freezes=freezes))
    plant.rebuild()
    # Whatever could be doubted about the plan is not what these tests are about.
    await plant.learn()
    return plant


async def test_nothing_by_default(plant: Plant) -> None:
    await plant.fire()
    assert plant.engine.started() == []
    await with_(plant, replace(AUTO, mode=Mode.SUGGEST))
    await plant.send(an_alert(plant.clock, "ModelErrorRateHigh", "churn"))
    assert plant.engine.started() == []


async def test_a_plan_is_made_and_waits(plant: Plant) -> None:
    await with_(plant, replace(AUTO, mode=Mode.APPROVE, signed_by=""))
    incident = await plant.fire()
    assert await plant.policies() == 1
    (operation,) = await plant.operations()
    assert (operation.state, operation.policy, operation.incident) == (S.AWAITING_APPROVAL, "night", incident)
    assert operation.requested_by == "policy:night"
    (entry,) = await plant.timeline(incident, Kind.REQUESTED)
    assert entry.text.startswith("The policy night asked for OP-1: rollback of fraud-detector")
    await plant.approve(operation.number)
    assert await plant.carry_out() == 1


async def test_what_is_signed_is_done(plant: Plant) -> None:
    await with_(plant, AUTO)
    incident = await plant.fire()
    await plant.policies()
    (operation,) = await plant.operations()
    assert (operation.state, operation.decided_by) == (S.APPROVED, "policy:night")
    assert operation.decision_reason == "signed by Devi Rao (bot.yaml:9)"
    plant.ends_when_watched()
    await plant.carry_out()
    assert (await plant.operation(operation.number)).state is S.SUCCEEDED
    assert plant.registry.aliases[FRAUD, "champion"] == "2"
    (entry,) = await plant.timeline(incident, Kind.APPROVED)
    assert "The policy night approved OP-1" in entry.text


@pytest.mark.parametrize(("rule", "said"), [
    (replace(AUTO, signed_by="mika"), "Mika Laine, who signed the policy, is not Accountable for it"),
    (replace(AUTO, signed_by=""), "is not Accountable for it"),
])  # fmt: skip
async def test_a_signature_that_does_not_hold(plant: Plant, rule: Policy, said: str) -> None:
    await with_(plant, rule)
    incident = await plant.fire()
    await plant.policies()
    (operation,) = await plant.operations()
    assert operation.state is S.AWAITING_APPROVAL
    assert said in (await plant.timeline(incident, Kind.NOTE))[-1].text


async def test_the_signature_is_looked_at_again_when_it_begins(plant: Plant) -> None:
    await with_(plant, AUTO)
    await plant.fire()
    await plant.policies()
    plant.setup = replace(plant.setup, policies=Policies(rules=(replace(AUTO, signed_by="omar"),)))
    plant.rebuild()
    await plant.carry_out()
    (operation,) = await plant.operations()
    assert operation.state is S.FAILED
    assert plant.registry.our_moves == []


async def test_any_doubt_is_left_to_people(plant: Plant) -> None:
    await with_(plant, AUTO)
    plant.serving.faults.always("observe", down("serving"))
    incident = await plant.fire()
    await plant.policies()
    (operation,) = await plant.operations()
    assert operation.state is S.AWAITING_APPROVAL
    assert "is not carried out by itself: serving: fraud" in (await plant.timeline(incident, Kind.NOTE))[-1].text


async def test_not_in_a_freeze_window(plant: Plant) -> None:
    now = plant.clock.now()
    await with_(plant, AUTO, freezes=(FreezeWindow(now - HOUR, now + HOUR),))
    await plant.fire()
    await plant.policies()
    (operation,) = await plant.operations()
    assert operation.state is S.AWAITING_APPROVAL


async def test_not_more_often_than_signed(plant: Plant) -> None:
    await with_(plant, AUTO)
    await plant.fire()
    await plant.policies()
    plant.ends_when_watched()
    await plant.carry_out()
    plant.clock.on_sleep = None  # type: ignore[union-attr]  # it jumps
    plant.clock.advance(2 * HOUR)
    plant.registry.point(FRAUD, "champion", "3")
    plant.serving.endpoints["fraud"].version = "3"
    await plant.learn()
    second = await plant.fire("ModelErrorRateWorse")
    await plant.policies()
    notes = " ".join(e.text for e in await plant.timeline(second, Kind.NOTE))
    newest = (await plant.operations())[0]
    assert newest.state is S.AWAITING_APPROVAL
    assert "the policy's 1 a day are used up" in notes or "is not carried out by itself" in notes


async def test_what_cannot_be_planned_is_said(plant: Plant) -> None:
    await with_(plant, AUTO)
    plant.registry.faults.always("resolve", down())
    incident = await plant.fire()
    await plant.policies()
    assert not await plant.operations()
    assert "wanted a rollback; it could not be planned" in (await plant.timeline(incident, Kind.NOTE))[-1].text


@pytest.mark.parametrize("step", ["plan", "approve"])
@pytest.mark.parametrize("after", [False, True])
async def test_the_process_ends_in_between(plant: Plant, step: str, after: bool) -> None:
    await with_(plant, AUTO)
    await plant.fire()
    if after:
        plant.engine.kill_after = step
    else:
        plant.engine.kill_before = step
    with pytest.raises(Killed):
        await plant.policies()
    await plant.restart()
    await plant.policies()
    (operation,) = await plant.operations()
    assert operation.state is S.APPROVED
    assert plant.engine.started() == [("operation", operation.number)]


async def test_a_second_alert_of_the_incident_asks_for_nothing_more(plant: Plant) -> None:
    await with_(plant, AUTO)
    await plant.fire()
    await plant.fire("ModelErrorRateWorse")
    assert len(plant.engine.started()) == 1


async def test_a_recovery_by_itself_is_evidence_of_maturity(plant: Plant) -> None:
    await with_(plant, AUTO)
    await plant.fire()
    await plant.policies()
    plant.ends_when_watched()
    await plant.carry_out()
    reply = await plant.say("digest maturity", MIKA)
    assert "OP-1 recovered it by itself on 2026-11-23" in shown(reply)
