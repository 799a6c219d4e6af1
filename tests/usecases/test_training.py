"""Retraining: guards before it, one run whatever happens, its progress, a challenger, and a promotion of its own."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.models import Verdict
from bot.domain.operation import OperationState, Stage, TaskStatus
from bot.domain.plan import OperationKind
from bot.domain.routing import Phase
from bot.domain.timeline import Kind, stamp
from bot.ports.systems import RunState
from bot.usecases.reply import Tone
from bot.usecases.setup import FreezeWindow, Policies
from tests.fakes.systems import Killed, down, unconfirmed
from tests.usecases.plant import AGE, HOUR, PIPELINE, Plant
from tests.usecases.world import FRAUD, shown

S = OperationState


async def asked(plant: Plant, text: str = f"retrain {FRAUD}") -> str:
    """What is said to somebody who asks."""
    reply = await plant.say(text, await plant.requester("retrain"))
    return shown(reply)


async def test_the_whole_story(plant: Plant) -> None:
    incident = await plant.fire()
    number = await plant.wish(f"retrain {FRAUD} --incident INC-{incident} --set epochs=5 rate=0.2")
    planned = await plant.operation(number)
    began = (await plant.incident(incident)).started_at
    assert dict(planned.plan.aim.parameters) == {"mode": "quick", "end": stamp(began), "epochs": 5, "rate": 0.2}  # type: ignore[union-attr]  # a training
    assert planned.plan.blocked == ()
    await plant.approve(number)
    plant.during(
        lambda: plant.orchestrator.begin(task="train"), lambda: None, plant.yields(), plant.orchestrator.succeed
    )
    assert await plant.carry_out() == 1
    done = await plant.operation(number)
    assert (done.state, done.stage) == (S.SUCCEEDED, Stage.CHALLENGER)
    assert done.result is not None
    assert done.result.version == "4"
    assert done.outcome.startswith("Version 4 is the challenger: auc 0.96 (champion 0.94)")
    assert f"/mlops promote {FRAUD} --to 4" in done.outcome
    assert done.run is not None
    assert [(t.name, t.status) for t in done.run.tasks] == [
        ("prepare", TaskStatus.COMPLETE), ("train", TaskStatus.COMPLETE), ("evaluate", TaskStatus.COMPLETE),
    ]  # fmt: skip
    assert plant.registry.aliases[FRAUD, "challenger"] == "4"
    assert plant.registry.aliases[FRAUD, "champion"] == "3", "nobody is served by it"
    assert list(plant.orchestrator.starts.values()) == [1]
    kinds = await plant.kinds(incident)
    assert [k for k in kinds if k in {Kind.INTENDED, Kind.CHANGED, Kind.VERIFIED, Kind.SUCCEEDED}] == [
        Kind.INTENDED, Kind.CHANGED, Kind.VERIFIED, Kind.INTENDED, Kind.CHANGED, Kind.SUCCEEDED,
    ]  # fmt: skip


async def test_the_progress_is_shown_as_it_goes(plant: Plant) -> None:
    seen: list[str] = []
    number = await plant.wish(f"retrain {FRAUD}")
    await plant.approve(number)

    def note() -> None:
        plant.orchestrator.begin(task="evaluate")

    plant.during(plant.orchestrator.begin, note, lambda: None, plant.yields(), plant.orchestrator.succeed)
    plant.on_nudge = lambda: seen.append("")
    assert await plant.carry_out() == 1
    assert len(seen) >= 5, "every new task is shown"


async def test_the_promotion_is_an_operation_of_its_own(plant: Plant) -> None:
    number = await plant.wish(f"retrain {FRAUD}")
    await plant.approve(number)
    plant.during(plant.yields(), plant.orchestrator.succeed)
    await plant.carry_out()
    trained = await plant.operation(number)
    reply = await plant.press("operation.promote", trained.ref, await plant.requester("promote"))
    assert reply.ok, shown(reply)
    promotion = await plant.operation(number + 1)
    assert (promotion.kind, promotion.plan.move.target.version) == (OperationKind.PROMOTE, "4")
    gate = next(check for check in promotion.plan.checks if check.name == "gate: auc")
    assert (gate.result.value, gate.evidence) == ("pass", "0.96, the champion has 0.94 (more is better)")
    await plant.approve(promotion.number)
    plant.during()
    assert await plant.carry_out() == 1
    done = await plant.operation(promotion.number)
    assert done.state is S.SUCCEEDED
    assert "Nothing got worse within 10 min" in done.outcome
    assert plant.registry.aliases[FRAUD, "champion"] == "4"
    spans = await plant.store.read(lambda tx: tx.ledger.spans(FRAUD, "production"))
    assert (spans[-1].version, spans[-1].verdict) == ("4", Verdict.HEALTHY)
    assert spans[-2].verdict is not Verdict.UNHEALTHY, "what is replaced by something better was not bad"


async def test_a_worse_challenger_is_not_promoted(plant: Plant) -> None:
    number = await plant.wish(f"retrain {FRAUD}")
    await plant.approve(number)
    plant.during(plant.yields(auc=0.90), plant.orchestrator.succeed)
    await plant.carry_out()
    reply = await plant.say(f"promote {FRAUD}", await plant.requester("promote"))
    assert reply.tone is Tone.REFUSED
    assert "gate: auc: 0.9, the champion has 0.94 (more is better)" in shown(reply)
    assert len(await plant.operations()) == 1


# ---------------------------------------------------------------- guards


async def test_not_while_it_runs(plant: Plant) -> None:
    run = plant.orchestrator.somebody_starts(PIPELINE)
    assert f"not running already: {run.id} is queued" in await asked(plant)
    assert not await plant.operations()


async def test_not_right_after_the_last_one(plant: Plant) -> None:
    plant.orchestrator.somebody_starts(PIPELINE)
    plant.orchestrator.succeed()
    plant.clock.advance(timedelta(minutes=20))
    assert "cool-down: the last run ended 20 min ago; 1 h must lie between" in await asked(plant)
    plant.clock.advance(timedelta(minutes=40))
    assert "is planned" in await asked(plant)


async def test_not_more_often_than_a_day_allows(tmp_path: Path) -> None:
    plant = Plant(tmp_path / "w.db", Policies(retrains_per_day=1))
    await plant.open()
    number = await plant.wish(f"retrain {FRAUD}")
    await plant.approve(number)
    plant.during(plant.yields(), plant.orchestrator.succeed)
    await plant.carry_out()
    plant.clock.advance(2 * HOUR)
    assert "budget of a day: 1 of 1 trainings were begun in the last 24 h" in await asked(plant)
    plant.clock.advance(23 * HOUR)
    plant.metrics.values[AGE] = 60.0
    assert "is planned" in await asked(plant)
    await plant.close()


async def test_not_with_old_data(plant: Plant) -> None:
    plant.metrics.values[AGE] = 30 * 3_600.0
    assert "the data is fresh: it is 30.0 h old, at most 24.0 h are taken" in await asked(plant)


async def test_not_while_its_data_is_in_trouble(plant: Plant) -> None:
    number = await plant.fire("FeatureIngestionLate")
    assert (await plant.incident(number)).route.phase is Phase.INGESTION
    assert f"its data is the subject of INC-{number}" in await asked(plant)


async def test_who_is_asked_about_the_data_does_not_answer(plant: Plant) -> None:
    plant.metrics.fault = down("metrics")
    assert "Mind: the data is fresh: metrics has no answer" in await asked(plant)


async def test_what_went_wrong_is_not_learned(plant: Plant) -> None:
    incident = await plant.fire()
    text = f"retrain {FRAUD} --incident INC-{incident} --set end={stamp(plant.clock.now())}"
    assert "the incident's data is left out: data up to" in await asked(plant, text)
    text = f"retrain {FRAUD} --incident INC-{incident} --set end=tomorrow"
    assert "end is no date: tomorrow" in await asked(plant, text)


async def test_not_in_a_freeze_window(tmp_path: Path) -> None:
    plant = Plant(tmp_path / "w.db")
    now = plant.clock.now()
    window = FreezeWindow(now - HOUR, now + HOUR, why="the year's end")
    plant.setup = replace(plant.setup, policies=Policies(freezes=(window,)))
    plant.rebuild()
    await plant.open()
    assert "freeze window: a freeze window is on until 2026-11-23 04:10 UTC: the year's end" in await asked(plant)
    await plant.learn()
    reply = await plant.say(f"rollback {FRAUD}", await plant.requester("rollback"))
    assert "Mind: freeze window" in shown(reply), "what brings a good version back is only warned of"
    await plant.close()


@pytest.mark.parametrize(("given", "said"), [
    ("rate=fast", "rate=fast can't be taken: it is no number"),
    ("rate=5", "rate=5 can't be taken: the most is 1"),
    ("epochs=0", "epochs=0 can't be taken: the least is 1"),
    ("epochs=1.5", "it is no integer"),
    ("mode=slow", "it takes full, quick"),
    ("dry=maybe", "it is no boolean"),
    ("speed=1", f"{PIPELINE} takes no parameter speed"),
    ("epochs", "“epochs” is no key=value"),
    ("rate=nan", "rate=nan can't be taken"),
    ("rate=1e400", "rate=1e400 can't be taken"),
])  # fmt: skip
async def test_parameters_are_what_the_pipeline_declares(plant: Plant, given: str, said: str) -> None:
    assert said in await asked(plant, f"retrain {FRAUD} --set {given}")
    assert not await plant.operations()


async def test_a_model_without_a_pipeline(plant: Plant) -> None:
    assert "No training pipeline of churn is configured." in await asked(plant, "retrain churn")


# ---------------------------------------------------------------- trouble


@pytest.mark.parametrize("after", [False, True], ids=["not started", "started"])
@pytest.mark.parametrize("idempotent", [True, False])
async def test_an_answer_that_is_lost_starts_nothing_twice(plant: Plant, idempotent: bool, after: bool) -> None:
    plant.orchestrator.idempotent_start = idempotent
    await plant.restart()
    number = await plant.wish(f"retrain {FRAUD}")
    await plant.approve(number)
    plant.orchestrator.faults.order("start", unconfirmed("orchestrator"), after=after)
    steps = [plant.yields(), lambda: plant.orchestrator.succeed() if plant.orchestrator.runs else None]
    plant.during(*([lambda: None] * 8), *steps * 3)
    await plant.carry_out()
    operation = await plant.operation(number)
    assert max(plant.orchestrator.starts.values(), default=0) <= 1
    if idempotent or after:
        assert operation.state is S.SUCCEEDED
    else:
        assert operation.state is S.IN_DOUBT, "a start that can't be repeated harmlessly is not repeated"


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    "step", ["begin", "start the run", "follow the run", "find the new version", "name the challenger"]
)
async def test_the_process_ends_around_any_step(plant: Plant, step: str, after: bool) -> None:
    number = await plant.wish(f"retrain {FRAUD}")
    await plant.approve(number)
    plant.during(plant.yields(), plant.orchestrator.succeed)
    if after:
        plant.engine.kill_after = step
    else:
        plant.engine.kill_before = step
    with pytest.raises(Killed):
        await plant.carry_out()
    await plant.restart()
    plant.during(plant.yields(), lambda: plant.orchestrator.succeed() if plant.orchestrator.runs else None)
    await plant.carry_out()
    operation = await plant.operation(number)
    assert (operation.state, operation.stage) == (S.SUCCEEDED, Stage.CHALLENGER)
    assert list(plant.orchestrator.starts.values()) == [1]
    assert len(plant.registry.our_moves) == 1


async def test_a_run_that_fails_changes_nothing(plant: Plant) -> None:
    number = await plant.wish(f"retrain {FRAUD}")
    await plant.approve(number)
    plant.during(plant.orchestrator.begin, lambda: plant.orchestrator.fail(task="train", why="out of memory"))
    await plant.carry_out()
    operation = await plant.operation(number)
    assert operation.state is S.FAILED
    assert "has failed in train: out of memory. What serves was not changed." in operation.outcome


async def test_a_run_is_stopped_at_the_wish_of_a_person(plant: Plant) -> None:
    requester = await plant.requester("retrain")
    number = await plant.wish(f"retrain {FRAUD}")
    await plant.approve(number)
    answers: list[str] = []

    async def cancel() -> None:
        answers.append(shown(await plant.say(f"cancel OP-{number}", requester)))
        answers.append(shown(await plant.say(f"cancel OP-{number}", requester)))

    tasks: list[asyncio.Task[None]] = []

    def stop_when_asked() -> None:
        if plant.orchestrator.only().state is RunState.CANCELLING:
            plant.orchestrator.stop()

    plant.during(
        plant.orchestrator.begin, lambda: tasks.append(asyncio.ensure_future(cancel())), *([stop_when_asked] * 200)
    )
    await plant.carry_out()
    await asyncio.gather(*tasks)
    operation = await plant.operation(number)
    assert operation.state is S.CANCELLED
    assert f"was stopped at the wish of {requester.name}" in operation.outcome
    assert "is asked to stop" in answers[0]
    assert "was asked to stop already" in answers[1]
    assert plant.orchestrator.asked.count("cancel") == 1


async def test_an_orchestrator_that_is_away_ends_nothing(plant: Plant) -> None:
    number = await plant.wish(f"retrain {FRAUD}")
    await plant.approve(number)
    plant.orchestrator.faults.order("run", down("orchestrator"), times=5)
    plant.during(*([lambda: None] * 6), plant.yields(), plant.orchestrator.succeed)
    await plant.carry_out()
    assert (await plant.operation(number)).state is S.SUCCEEDED


async def test_a_run_that_never_ends(plant: Plant) -> None:
    number = await plant.wish(f"retrain {FRAUD}")
    await plant.approve(number)
    plant.during(lambda: plant.clock.advance(13 * HOUR) and None)
    await plant.carry_out()
    operation = await plant.operation(number)
    assert operation.state is S.INCONCLUSIVE
    assert "has not ended within 12 h" in operation.outcome


async def test_which_version_it_is_is_never_guessed(plant: Plant) -> None:
    number = await plant.wish(f"retrain {FRAUD}")
    await plant.approve(number)
    plant.during(plant.yields("4"), plant.yields("5"), plant.orchestrator.succeed)
    await plant.carry_out()
    operation = await plant.operation(number)
    assert operation.state is S.INCONCLUSIVE
    assert "there are 2 that it may be (5, 4)" in operation.outcome
    assert (FRAUD, "challenger") not in plant.registry.aliases


async def test_a_long_training_keeps_nobody_from_rolling_back(plant: Plant) -> None:
    await plant.learn()
    number = await plant.wish(f"retrain {FRAUD}")
    second = await plant.wish(f"rollback {FRAUD}")
    assert second != number
    assert {o.kind for o in await plant.operations()} == {OperationKind.RETRAIN, OperationKind.ROLLBACK}


async def test_what_was_approved_is_what_is_started(plant: Plant) -> None:
    """The configuration may have changed between the approval and a restart."""
    number = await plant.wish(f"retrain {FRAUD}")
    await plant.approve(number)
    first = plant.setup.bindings[0]
    assert first.training is not None
    other = replace(first.training, pipeline=replace(first.training.pipeline, name="another"))
    plant.setup = replace(plant.setup, bindings=(replace(first, training=other), *plant.setup.bindings[1:]))
    plant.rebuild()
    plant.during(plant.yields(), plant.orchestrator.succeed)
    await plant.carry_out()
    (run,) = plant.orchestrator.runs.values()
    assert run.pipeline == PIPELINE, "the plan names its pipeline itself"
