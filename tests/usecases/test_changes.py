"""Traffic, schedules, fallbacks, the way back, and what is started without approval: all by the same path."""

from dataclasses import replace

import pytest

from bot.domain.operation import OperationState, Stage
from bot.domain.plan import OperationKind
from bot.domain.timeline import Kind
from bot.usecases.reply import Tone
from tests.fakes.systems import Killed, down, unconfirmed
from tests.usecases.plant import PIPELINE, Plant
from tests.usecases.world import FRAUD, MIKA, OMAR, PAULA, STRANGER, shown

S = OperationState


NOUNS = {
    "rollback": "rollback", "promote": "promotion", "freeze": "freeze", "shift 10": "traffic shift", "retrain": "retraining",
    "pause": "pipeline pause", "resume": "pipeline resumption",
}  # fmt: skip


@pytest.mark.parametrize("command", NOUNS)
async def test_whatever_is_asked_for_is_called_by_a_noun(plant: Plant, command: str) -> None:
    incident = await plant.fire()
    verb, _, more = command.partition(" ")
    reply = await plant.say(f"{verb} {FRAUD} {more}", PAULA)
    assert reply.title == f"The {NOUNS[command]} of {FRAUD} was not planned."
    (entry,) = await plant.timeline(incident, Kind.REFUSAL)
    assert entry.text.startswith(f"Paula Brandt asked for a {NOUNS[command]} of {FRAUD}: not permitted")


async def test_a_promotion_is_told_as_one(plant: Plant) -> None:
    plant.registry.point(FRAUD, "champion", "2")
    await plant.learn()
    number = await plant.wish(f"promote {FRAUD} --to 3", MIKA)
    incident = await plant.incident((await plant.operation(number)).incident or 0)
    assert incident.title == f"Planned promotion of {FRAUD}"
    (entry,) = await plant.timeline(incident.number, Kind.OPENED)
    assert entry.text == f"Mika Laine opened {incident.ref} by asking for a promotion."
    (entry,) = await plant.timeline(incident.number, Kind.REQUESTED)
    assert f"promotion of {FRAUD} (production) from version 2 to version 3" in entry.text
    reply = await plant.say(f"shift {FRAUD} 10", MIKA)
    assert "The traffic shift was not planned: one change at a time." in shown(reply)


# ---------------------------------------------------------------- traffic


async def test_traffic_is_shifted_once_and_watched(plant: Plant) -> None:
    number = await plant.wish("shift churn 10 --to 2", MIKA)
    planned = await plant.operation(number)
    assert planned.plan.aim.headline == "version 2 0 % → 10 %"
    assert "version 2 back to 0 %" in planned.plan.undo
    await plant.approve(number)
    assert await plant.carry_out() == 1
    done = await plant.operation(number)
    assert (done.state, done.stage) == (S.SUCCEEDED, Stage.TRAFFIC_SHIFTED)
    assert "Nothing got worse" in done.outcome
    assert plant.splitter.shifts == [("churn", "2", 10)]


@pytest.mark.parametrize(("words", "said"), [
    ("churn", "How many percent?"), ("churn 101 --to 2", "A whole number from 0 to 100"), ("churn 100 --to 1", "has 100 % already"),
    ("churn 10 --to 9", "Deployed for churn now: version 2, version 1."), (f"{FRAUD} 10", "Nothing that serves"),
])  # fmt: skip
async def test_traffic_that_cannot_be_shared(plant: Plant, words: str, said: str) -> None:
    reply = await plant.say(f"shift {words}", MIKA)
    assert said in shown(reply)
    assert not await plant.operations()


async def test_traffic_that_somebody_else_has_moved_is_left_alone(plant: Plant) -> None:
    number = await plant.wish("shift churn 10 --to 2", MIKA)
    await plant.approve(number)
    plant.splitter.put("churn", {"2": 50, "1": 50})
    await plant.carry_out()
    operation = await plant.operation(number)
    assert operation.state is S.STALE
    assert "ask anew: /mlops shift churn" in operation.outcome
    assert plant.splitter.shifts == []


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_shift_whose_answer_is_lost(plant: Plant, after: bool) -> None:
    number = await plant.wish("shift churn 10 --to 2", MIKA)
    await plant.approve(number)
    plant.splitter.faults.order("shift", unconfirmed("splitter"), after=after)
    await plant.carry_out()
    operation = await plant.operation(number)
    assert operation.state is (S.SUCCEEDED if after else S.IN_DOUBT)
    assert len(plant.splitter.shifts) == (1 if after else 0)


# ---------------------------------------------------------------- schedules


async def test_a_schedule_is_paused_and_resumed(plant: Plant) -> None:
    done = await plant.done(f"pause {FRAUD}")
    assert (done.state, done.stage, done.outcome) == (
        S.SUCCEEDED, Stage.SWITCHED, f"The schedule of {PIPELINE} is off.",
    )  # fmt: skip
    assert "is off already" in shown(await plant.say(f"pause {FRAUD}", await plant.requester("pause")))
    reply = await plant.say(f"undo {done.ref}", await plant.requester("pause"))
    assert reply.ok, shown(reply)
    back = await plant.operation(done.number + 1)
    assert (back.kind, back.undoes) == (OperationKind.RESUME_PIPELINE, done.number)
    await plant.approve(back.number)
    await plant.carry_out()
    assert plant.orchestrator.switched == [(PIPELINE, True), (PIPELINE, False)]


async def test_a_switch_that_is_not_answered(plant: Plant) -> None:
    number = await plant.wish(f"pause {FRAUD}")
    await plant.approve(number)
    plant.orchestrator.faults.order("set_paused", unconfirmed("orchestrator"), after=True)
    await plant.carry_out()
    assert (await plant.operation(number)).state is S.SUCCEEDED
    assert len(plant.orchestrator.switched) == 1


# ---------------------------------------------------------------- fallback and the way back


async def test_a_model_is_frozen_to_its_fallback(plant: Plant) -> None:
    await plant.learn()
    done = await plant.done(f"freeze {FRAUD}")
    assert (done.state, done.plan.move.target.version) == (S.SUCCEEDED, "1")
    assert done.plan.move.target_why == "the fallback that the configuration names"
    assert plant.registry.aliases[FRAUD, "champion"] == "1"


async def test_a_model_without_a_fallback(plant: Plant) -> None:
    assert "churn has a single version (1); there is nothing to fall back to." in shown(
        await plant.say("freeze churn", MIKA)
    )
    first = plant.setup.bindings[0]
    plant.setup = replace(plant.setup, bindings=(replace(first, fallback=""), *plant.setup.bindings[1:]))
    plant.rebuild()
    assert f"No fallback version of {FRAUD} is configured." in shown(await plant.say(f"freeze {FRAUD}", MIKA))


async def test_the_way_back_is_a_plan_of_its_own(plant: Plant) -> None:
    await plant.learn()
    done = await plant.done(f"rollback {FRAUD}")
    reply = await plant.press("operation.undo", done.ref, MIKA)
    assert reply.ok, shown(reply)
    back = await plant.operation(done.number + 1)
    assert (back.state, back.undoes, back.reason) == (S.AWAITING_APPROVAL, done.number, f"undo of {done.ref}")
    assert (back.plan.move.now.version, back.plan.move.target.version) == ("2", "3")
    assert plant.registry.aliases[FRAUD, "champion"] == "2", "a click alone undoes nothing"


async def test_what_changed_nothing_has_no_way_back(plant: Plant) -> None:
    await plant.learn()
    number = await plant.wish(f"rollback {FRAUD}")
    reply = await plant.say(f"undo OP-{number}", MIKA)
    assert reply.tone is Tone.REFUSED
    assert "there is nothing of it to take back" in shown(reply)
    assert "There is no OP-99" in shown(await plant.say("undo OP-99", MIKA))
    assert "Which operation?" in shown(await plant.say("undo it", MIKA))


# ---------------------------------------------------------------- one at a time


async def test_what_is_urgent_goes_before_what_nobody_has_approved(plant: Plant) -> None:
    await plant.learn()
    promotion = await plant.wish(f"promote {FRAUD} --to 2", MIKA)
    rollback = await plant.wish(f"rollback {FRAUD}", MIKA)
    assert (await plant.operation(promotion)).state is S.STALE
    assert "asked for a rollback, which goes before it" in (await plant.operation(promotion)).outcome
    assert (await plant.operation(rollback)).state is S.AWAITING_APPROVAL
    reply = await plant.say(f"promote {FRAUD} --to 2", MIKA)
    assert reply.tone is Tone.REFUSED
    assert f"OP-{rollback} is going on for {FRAUD} already: rollback" in shown(reply)
    assert f"/mlops cancel OP-{rollback}" in shown(reply)


# ---------------------------------------------------------------- without approval


async def test_break_glass(plant: Plant) -> None:
    incident = await plant.fire()
    await plant.learn()
    number = await plant.wish(f"rollback {FRAUD} --incident INC-{incident}", MIKA)
    reply = await plant.say(f"break-glass OP-{number} payments fail and Devi does not answer", MIKA)
    assert reply.ok, shown(reply)
    assert "were told at once" in shown(reply) or "was told at once" in shown(reply)
    told = await plant.post(f"glass:{number}:devi")
    assert told is not None
    assert "without approval" in told.body
    await plant.carry_out()
    operation = await plant.operation(number)
    assert (operation.break_glass, operation.decided_by) == (True, "mika")
    assert plant.registry.aliases[FRAUD, "champion"] == "2"
    (entry,) = await plant.timeline(incident, Kind.BREAK_GLASS)
    assert "WITHOUT APPROVAL" in entry.text
    assert "payments fail and Devi does not answer" in entry.text
    export = await plant.say(f"timeline INC-{incident} export md", MIKA)
    assert "none: break-glass" in shown(export) or any(
        "none: break\\-glass" in str(p) or "none: break-glass" in str(p) for p in export.parts
    )


@pytest.mark.parametrize(("by", "reason", "said"), [
    (MIKA, "", "needs a reason"), (MIKA, "now", "needs a reason"),
    (PAULA, "I think so, really", "This needs: Responsible for Deployment"),
    (STRANGER, "I think so, really", "This needs: Responsible for Deployment"),
])  # fmt: skip
async def test_break_glass_is_refused(plant: Plant, by, reason: str, said: str) -> None:
    await plant.learn()
    number = await plant.wish(f"rollback {FRAUD}", MIKA)
    reply = await plant.say(f"break-glass OP-{number} {reason}", by)
    assert reply.tone is Tone.REFUSED
    assert said in shown(reply)
    assert (await plant.operation(number)).state is S.AWAITING_APPROVAL
    assert plant.engine.started() == []


async def test_break_glass_with_a_plan_that_has_expired(plant: Plant) -> None:
    await plant.learn()
    number = await plant.wish(f"rollback {FRAUD}", MIKA)
    plant.clock.advance(601)
    reply = await plant.say(f"break-glass OP-{number} payments fail", MIKA)
    assert "its plan has expired" in shown(reply)
    assert (await plant.operation(number)).state is S.EXPIRED


async def test_who_broke_the_glass_must_still_be_responsible_when_it_begins(plant: Plant) -> None:
    await plant.learn()
    number = await plant.wish(f"rollback {FRAUD}", MIKA)
    await plant.say(f"break-glass OP-{number} payments fail", MIKA)
    fillings = dict(plant.setup.roster.fillings["default"])
    others = {
        role: replace(filling, people=("omar",)) for role, filling in fillings.items() if "mika" in filling.people
    }
    roster = replace(plant.setup.roster, fillings={"default": {**fillings, **others}})
    plant.setup = replace(plant.setup, roster=roster)
    plant.rebuild()
    await plant.carry_out()
    operation = await plant.operation(number)
    assert operation.state is S.FAILED
    assert "Mika Laine may no longer approve it" in operation.outcome
    assert plant.registry.our_moves == []


@pytest.mark.parametrize("text", [f"rollback {FRAUD}", "shift churn 10 --to 2", f"pause {FRAUD}", f"freeze {FRAUD}"])
async def test_the_process_ends_in_any_of_them(plant: Plant, text: str) -> None:
    """Killed in the call, before and after its effect."""
    await plant.learn()
    for after in (False, True):
        number = await plant.wish(text, MIKA if "pause" not in text else None)
        await plant.approve(number)
        for faults, call in ((plant.registry.faults, "move"), (plant.splitter.faults, "shift"),
                             (plant.orchestrator.faults, "set_paused")):  # fmt: skip
            faults.order(call, Killed(), after=after)
        before = len(plant.registry.our_moves) + len(plant.splitter.shifts) + len(plant.orchestrator.switched)
        with pytest.raises(Killed):
            await plant.carry_out()
        for faults in (plant.registry.faults, plant.splitter.faults, plant.orchestrator.faults):
            faults.clear()
        await plant.restart()
        await plant.carry_out()
        operation = await plant.operation(number)
        effects = len(plant.registry.our_moves) + len(plant.splitter.shifts) + len(plant.orchestrator.switched)
        if operation.state is S.IN_DOUBT:
            assert "shift" in text
            assert not after
            return
        assert operation.state is S.SUCCEEDED, operation.outcome
        assert effects - before == 1
        return


async def test_an_adapter_that_is_gone_by_then(plant: Plant) -> None:
    number = await plant.wish("shift churn 10 --to 2", MIKA)
    await plant.approve(number)
    plant.systems = replace(plant.systems, splitters={})
    plant.rebuild()
    await plant.carry_out()
    operation = await plant.operation(number)
    assert operation.state is S.FAILED
    assert "splitter is no longer configured as what can share requests" in operation.outcome


async def test_a_system_that_is_down_when_it_is_planned(plant: Plant) -> None:
    plant.splitter.faults.always("split", down("splitter"))
    reply = await plant.say("shift churn 10 --to 2", MIKA)
    assert reply.tone is Tone.FAULT
    assert "does not answer" in shown(reply)
    assert (await plant.say("shift churn 10 --to 2", OMAR)).tone is Tone.REFUSED
