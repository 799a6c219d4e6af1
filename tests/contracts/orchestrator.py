"""What everything that runs pipelines must do: inherit from `OrchestratorContract`, say how one is arranged and driven."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Protocol

import pytest

from bot.domain.errors import BadInput, BotError, Indeterminate, IntegrationError, NotFound, Refused
from bot.ports.systems import Orchestrator, Parameter, PipelineSwitch, Run, RunState, Scalar, TaskState

PIPELINE = "retrain"
PAUSED = "nightly"
TASKS = ("prepare", "train", "evaluate")
LOOKS = 600
GIVEN: dict[str, Scalar] = {"model": "fraud-detector", "epochs": 5, "mode": "quick", "upload": False}
PARAMETERS = (
    Parameter("model", required=True, description="What is trained."),
    Parameter("epochs", "integer", default=3, minimum=1, maximum=50),
    Parameter("mode", default="full", choices=("full", "quick")),
    Parameter("since", default="2026-10-01", pattern=r"^\d{4}-\d{2}-\d{2}$"),
    Parameter("upload", "boolean", default=True),
)


class OrchestratorContract:
    """`orchestrator` has a pipeline `retrain` with `PARAMETERS` and the tasks prepare, train, evaluate, one after another.

    `train` waits in every run until the test lets it go on. `nightly` is the same and paused. There are no runs of the
    test's `key` yet; of others there may be some.
    """

    parameters: Sequence[Parameter] = PARAMETERS
    """What the system can tell of them: less than these, where it knows no bounds or patterns."""
    idempotent_start = True
    """The manifest's word."""
    paused_starts = False
    """Whether a paused pipeline can be started all the same; else that is refused."""
    ends_cancelled: Collection[RunState] = (RunState.CANCELLED,)
    """How a run that was cancelled ends, where the system has no word of its own for it."""

    @pytest.fixture
    def orchestrator(self) -> Orchestrator:
        raise NotImplementedError

    @pytest.fixture
    def key(self) -> str:
        """Another one in each test."""
        return "op-17-a1"

    async def let_go(self, orchestrator: Orchestrator, run: Run, *, well: bool = True) -> None:
        """`train` of this run goes on, to a good end or to a bad one."""
        raise NotImplementedError

    async def settle(self, orchestrator: Orchestrator, run: Run) -> None:
        """Called between two looks: let a moment pass, or whatever the system does by itself happen."""
        raise NotImplementedError

    async def until(
        self, orchestrator: Orchestrator, run: Run, wanted: Callable[[Run], bool], looks: int = LOOKS
    ) -> Run:
        """Look until it is so."""
        seen = run
        for _ in range(looks):
            seen = await orchestrator.run(run.pipeline, run.id)
            if wanted(seen):
                return seen
            await self.settle(orchestrator, seen)
        raise AssertionError(f"it never came to that: {seen}")

    # ------------------------------------------------------------ the pipeline

    async def test_a_pipeline_says_what_it_takes(self, orchestrator: Orchestrator) -> None:
        pipeline = await orchestrator.pipeline(PIPELINE)
        assert pipeline.name == PIPELINE
        assert pipeline.paused is not True
        assert pipeline.fault == ""
        assert pipeline.url.startswith("http")
        assert pipeline.parameters is not None
        by_name = {parameter.name: parameter for parameter in pipeline.parameters}
        assert by_name == {parameter.name: parameter for parameter in self.parameters}

    async def test_a_paused_one_says_so(self, orchestrator: Orchestrator) -> None:
        assert (await orchestrator.pipeline(PAUSED)).paused is True

    async def test_an_unknown_one_is_not_found_and_not_started(self, orchestrator: Orchestrator, key: str) -> None:
        with pytest.raises(NotFound):
            await orchestrator.pipeline("no-such-pipeline")
        with pytest.raises(BotError) as told:
            await orchestrator.start("no-such-pipeline", {}, key=key)
        assert told.value.not_done
        with pytest.raises(NotFound):
            await orchestrator.run("no-such-pipeline", key)

    # ------------------------------------------------------------ starting

    async def test_the_planned_call_names_what_will_be_sent_and_sends_nothing(
        self, orchestrator: Orchestrator, key: str
    ) -> None:
        call = orchestrator.plan_start(PIPELINE, GIVEN, key=key)
        assert call.method == "POST"
        for part in (PIPELINE, key, "fraud-detector", "epochs", "quick"):
            assert part in f"{call.url}{call.body}"
        assert orchestrator.plan_start(PIPELINE, GIVEN, key=key) == call, "the same plan is the same call"
        assert await orchestrator.find(PIPELINE, key=key) is None

    async def test_what_was_started_is_found_by_its_key(self, orchestrator: Orchestrator, key: str) -> None:
        assert await orchestrator.find(PIPELINE, key=key) is None
        started = await orchestrator.start(PIPELINE, GIVEN, key=key)
        assert started.pipeline == PIPELINE
        assert not started.state.final
        found = await orchestrator.find(PIPELINE, key=key)
        assert found is not None
        assert (found.id, found.pipeline) == (started.id, PIPELINE)
        assert found.url.startswith("http")
        assert found.parameters is not None
        assert GIVEN.items() <= found.parameters.items()
        assert (await orchestrator.run(PIPELINE, started.id)).id == started.id
        assert await orchestrator.find(PIPELINE, key=f"{key}1") is None, "a longer key is another key"
        assert await orchestrator.find(PIPELINE, key=key[:-1]) is None, "and so is a shorter one"
        assert await orchestrator.find(PAUSED, key=key) is None

    async def test_a_key_used_twice(self, orchestrator: Orchestrator, key: str) -> None:
        first = await orchestrator.start(PIPELINE, GIVEN, key=key)
        second = await orchestrator.start(PIPELINE, GIVEN, key=key)
        assert (first.id == second.id) is self.idempotent_start
        found = await orchestrator.find(PIPELINE, key=key)
        assert found is not None
        assert found.id == first.id, "the first is the one that counts"

    async def test_many_at_once_with_one_key(self, orchestrator: Orchestrator, key: str) -> None:
        """Who is crowded out may be left in doubt; never may there be a second run where the system promises one."""
        before = {run.id for run in await orchestrator.recent(PIPELINE, limit=100)}
        starts = [orchestrator.start(PIPELINE, GIVEN, key=key) for _ in range(4)]
        answers = await asyncio.gather(*starts, return_exceptions=True)
        started = {answer.id for answer in answers if isinstance(answer, Run)}
        assert all(isinstance(answer, Run | Indeterminate) for answer in answers), answers
        new = {run.id for run in await orchestrator.recent(PIPELINE, limit=100)} - before
        assert started <= new
        assert new
        assert len(new) == 1 or not self.idempotent_start

    @pytest.mark.parametrize("wrong", [{"epochs": "many"}, {"upload": "perhaps"}])
    async def test_what_a_parameter_can_not_be_is_refused_and_nothing_is_started(
        self, orchestrator: Orchestrator, key: str, wrong: dict[str, Scalar]
    ) -> None:
        with pytest.raises((Refused, BadInput)) as told:
            await orchestrator.start(PIPELINE, GIVEN | wrong, key=key)
        assert next(iter(wrong)) in told.value.what
        assert told.value.not_done
        assert await orchestrator.find(PIPELINE, key=key) is None

    async def test_a_paused_one_is_started_or_refused_but_never_left_waiting(
        self, orchestrator: Orchestrator, key: str
    ) -> None:
        if self.paused_starts:
            assert not (await orchestrator.start(PAUSED, GIVEN, key=key)).state.final
            return
        with pytest.raises(Refused) as told:
            await orchestrator.start(PAUSED, GIVEN, key=key)
        assert told.value.not_done
        assert await orchestrator.find(PAUSED, key=key) is None

    # ------------------------------------------------------------ following

    async def test_a_run_is_followed_task_by_task_to_a_good_end_and_then_left_alone(
        self, orchestrator: Orchestrator, key: str
    ) -> None:
        run = await orchestrator.start(PIPELINE, GIVEN, key=key)
        half = await self.until(orchestrator, run, _trains)
        assert half.state is RunState.RUNNING
        assert _states(half) == [TaskState.SUCCEEDED, TaskState.RUNNING, TaskState.WAITING]
        assert half.total in {None, 3}
        assert half.ended_at is None
        await self.let_go(orchestrator, run)
        done = await self.until(orchestrator, run, _final)
        assert done.state is RunState.SUCCEEDED, done
        assert [(task.name, task.state) for task in done.tasks] == [(name, TaskState.SUCCEEDED) for name in TASKS]
        _in_order(done.started_at, done.ended_at)
        for task in done.tasks:
            _in_order(task.started_at, task.ended_at)
        await orchestrator.cancel(PIPELINE, run.id)
        await self.settle(orchestrator, done)
        assert (await orchestrator.run(PIPELINE, run.id)).state is RunState.SUCCEEDED

    async def test_a_run_that_fails_says_where(self, orchestrator: Orchestrator, key: str) -> None:
        run = await orchestrator.start(PIPELINE, GIVEN, key=key)
        await self.until(orchestrator, run, _trains)
        await self.let_go(orchestrator, run, well=False)
        failed = await self.until(orchestrator, run, _final)
        assert failed.state is RunState.FAILED
        assert _states(failed)[:2] == [TaskState.SUCCEEDED, TaskState.FAILED]
        assert _states(failed)[2:] in ([], [TaskState.SKIPPED], [TaskState.WAITING])
        assert failed.detail
        assert "\n" not in failed.detail

    async def test_a_run_is_asked_to_stop_and_seen_to_have_stopped(self, orchestrator: Orchestrator, key: str) -> None:
        run = await orchestrator.start(PIPELINE, GIVEN, key=key)
        await self.until(orchestrator, run, _trains)
        await orchestrator.cancel(PIPELINE, run.id)
        await orchestrator.cancel(PIPELINE, run.id)
        assert (await orchestrator.run(PIPELINE, run.id)).state in {RunState.CANCELLING, *self.ends_cancelled}
        over = await self.until(orchestrator, run, _final)
        assert over.state in self.ends_cancelled
        assert TaskState.RUNNING not in _states(over)
        assert TaskState.SUCCEEDED not in _states(over)[1:]

    async def test_recent_runs_come_newest_first_whoever_started_them(
        self, orchestrator: Orchestrator, key: str
    ) -> None:
        first = await orchestrator.start(PIPELINE, GIVEN, key=key)
        second = await orchestrator.start(PIPELINE, GIVEN, key=f"{key}b")
        runs = await orchestrator.recent(PIPELINE, limit=2)
        assert [run.id for run in runs] == [second.id, first.id]
        assert all(run.pipeline == PIPELINE and run.tasks == () for run in runs)
        assert [run.id for run in await orchestrator.recent(PIPELINE, limit=1)] == [second.id]

    async def test_a_run_that_is_not_there_is_not_found(self, orchestrator: Orchestrator) -> None:
        with pytest.raises(NotFound):
            await orchestrator.run(PIPELINE, "no-such-run")
        with pytest.raises((NotFound, IntegrationError)) as told:
            await orchestrator.cancel(PIPELINE, "no-such-run")
        assert told.value.not_done


class Switchable(Orchestrator, PipelineSwitch, Protocol):
    """Its pipelines can be switched."""


class PipelineSwitchContract:
    """`switch` has a pipeline `retrain` that is not paused, and `nightly`, which is."""

    @pytest.fixture
    def switch(self) -> Switchable:
        raise NotImplementedError

    async def test_it_is_switched_off_and_on_and_read_back(self, switch: Switchable) -> None:
        for paused in (True, True, False, False):
            assert (await switch.set_paused(PIPELINE, paused=paused)).paused is paused
            assert (await switch.pipeline(PIPELINE)).paused is paused

    async def test_the_planned_call_names_what_will_be_sent_and_sends_nothing(self, switch: Switchable) -> None:
        for name in (PIPELINE, PAUSED):
            before = (await switch.pipeline(name)).paused
            call = switch.plan_pause(name, paused=not before)
            assert call.method in {"POST", "PUT", "PATCH"}
            assert name in f"{call.url}{call.body}"
            assert switch.plan_pause(name, paused=bool(before)) != call
            assert (await switch.pipeline(name)).paused is before

    async def test_an_unknown_one_is_an_error(self, switch: Switchable) -> None:
        with pytest.raises((NotFound, IntegrationError)) as told:
            await switch.set_paused("no-such-pipeline", paused=True)
        assert told.value.not_done


def _states(run: Run) -> list[TaskState]:
    return [task.state for task in run.tasks]


def _trains(run: Run) -> bool:
    return any(task.name == "train" and task.state is TaskState.RUNNING for task in run.tasks)


def _final(run: Run) -> bool:
    return run.state.final


def _in_order(first: datetime | None, second: datetime | None) -> None:
    assert first is not None
    assert second is not None
    assert first.tzinfo is not None
    assert first <= second
