"""Deciding about a plan: another person's yes to exactly this plan, once, in time."""

import asyncio
from datetime import timedelta

import pytest

from bot.domain.operation import OperationState
from bot.domain.timeline import Kind
from bot.usecases import operate
from bot.usecases.reply import Tone
from tests.usecases.world import DANA, DEVI, FRAUD, MIKA, STRANGER, World, shown


async def test_the_accountable_approves_and_the_work_starts_in_the_same_commit(world: World) -> None:
    await world.learn()
    number = await world.request(MIKA)
    reply = await world.say(f"approve OP-{number} metrics look right", DEVI)
    assert reply.title == f"OP-{number} is approved and starts now."
    operation = await world.operation(number)
    assert (operation.state, operation.decided_by) == (OperationState.APPROVED, "devi")
    assert operation.decision_reason == "metrics look right"
    assert world.engine.started() == [(operate.EXECUTE, number)]
    entry = (await world.timeline(operation.incident, Kind.APPROVED))[0]
    assert entry.actor.id == "devi"
    assert entry.evidence == f"sha256:{operation.plan.digest}"
    assert "Reason: metrics look right" in entry.text
    assert (await world.post("ask:1:devi")).wanted == 2, "who was asked sees that it is decided"


async def test_a_plan_expires(world: World) -> None:
    await world.learn()
    number = await world.request(MIKA)
    world.clock.advance(world.setup.policies.plan_ttl)
    await world.clockwork.timers()
    operation = await world.operation(number)
    assert operation.state is OperationState.EXPIRED
    assert "Nothing was changed" in operation.outcome
    reply = await world.say(f"approve OP-{number}", DEVI)
    assert "is expired already" in reply.title
    assert world.engine.started() == []
    assert f"/mlops rollback {FRAUD}" in (await world.timeline(operation.incident, Kind.EXPIRED))[0].text


async def test_a_yes_that_comes_too_late_is_refused_also_before_the_timer_has_run(world: World) -> None:
    await world.learn()
    number = await world.request(MIKA)
    world.clock.advance(world.setup.policies.plan_ttl)
    reply = await world.say(f"approve OP-{number}", DEVI)
    assert reply.tone is Tone.REFUSED
    assert "its plan has expired" in reply.title
    assert f"Ask anew: /mlops rollback {FRAUD}" in shown(reply)
    assert (await world.operation(number)).state is OperationState.EXPIRED
    assert world.engine.started() == []


async def test_a_moment_before_it_is_in_time(world: World) -> None:
    await world.learn()
    number = await world.request(MIKA)
    world.clock.advance(world.setup.policies.plan_ttl - timedelta(microseconds=1))
    assert (await world.say(f"approve OP-{number}", DEVI)).ok


async def test_forty_racing_approvals_are_one(delegating: World) -> None:
    await delegating.learn()
    number = await delegating.request(MIKA)
    clicks = [delegating.press("operation.approve", f"OP-{number}", who) for who in (DEVI, DANA) for _ in range(20)]
    titles = [reply.title for reply in await asyncio.gather(*clicks)]
    assert titles.count(f"OP-{number} is approved and starts now.") == 1
    assert len([title for title in titles if "is approved already" in title]) == 39
    operation = await delegating.operation(number)
    assert len(await delegating.timeline(operation.incident, Kind.APPROVED)) == 1
    assert delegating.engine.started() == [(operate.EXECUTE, number)]


async def test_approvals_and_rejections_race_to_one_answer(delegating: World) -> None:
    await delegating.learn()
    number = await delegating.request(MIKA)
    verbs = ("approve", "reject", "cancel") * 10
    clicks = [delegating.press(f"operation.{verb}", f"OP-{number}", DEVI) for verb in verbs]
    await asyncio.gather(*clicks)
    operation = await delegating.operation(number)
    kinds = (Kind.APPROVED, Kind.REJECTED, Kind.CANCELLED)
    assert len(await delegating.timeline(operation.incident, *kinds)) == 1
    assert bool(delegating.engine.started()) == (operation.state is OperationState.APPROVED)


async def test_rejecting_with_a_reason(world: World) -> None:
    await world.learn()
    number = await world.request(MIKA)
    reply = await world.say(f"reject {number} look at the feature store first", DEVI)
    assert reply.title == f"OP-{number} is rejected."
    operation = await world.operation(number)
    assert operation.outcome == "Rejected by Devi Rao. Nothing was changed."
    assert "look at the feature store first" in (await world.timeline(operation.incident, Kind.REJECTED))[0].text
    assert "is rejected already (Devi Rao)" in (await world.say(f"approve OP-{number}", DEVI)).title


@pytest.mark.parametrize("verb", ["approve", "reject", "cancel"])
async def test_what_is_decided_already_is_said_before_who_may(world: World, verb: str) -> None:
    number = await world.approved()
    assert await world.carry_out() == 1
    for person in (MIKA, STRANGER):
        reply = await world.say(f"{verb} OP-{number}", person)
        assert (reply.tone, reply.title) == (Tone.INFO, f"OP-{number} is succeeded already (Devi Rao).")
    operation = await world.operation(number)
    assert operation.state is OperationState.SUCCEEDED
    assert not await world.timeline(operation.incident, Kind.REFUSAL)


async def test_the_requester_takes_it_back(world: World) -> None:
    await world.learn()
    number = await world.request(MIKA)
    assert (await world.say(f"cancel OP-{number} wrong model", MIKA)).ok
    assert (await world.operation(number)).state is OperationState.CANCELLED
    assert (await world.request(MIKA)) == number + 1, "the model is free again"


async def test_an_operation_that_is_not_there(world: World) -> None:
    for verb in ("approve", "reject", "cancel"):
        assert (await world.say(f"{verb} OP-9", DEVI)).title == "There is no OP-9."
        assert "They read OP-17" in (await world.say(verb, DEVI)).title
        assert "They read OP-17" in (await world.say(f"{verb} INC-1", DEVI)).title


async def test_an_approval_survives_a_restart(world: World) -> None:
    number = await world.approved()
    await world.restart()
    assert await world.carry_out() == 1
    assert (await world.operation(number)).state is OperationState.SUCCEEDED


async def test_the_reminder_of_a_long_incident_names_who_has_it(world: World) -> None:
    number = await world.fire()
    await world.say(f"ack INC-{number}", MIKA)
    world.clock.advance(world.setup.policies.remind_after)
    await world.clockwork.timers()
    assert "Reminded Mika Laine" in (await world.timeline(number, Kind.REMINDED))[0].text
    assert (await world.post(f"reminder:{number}:1")).thread == f"card:{number}"
