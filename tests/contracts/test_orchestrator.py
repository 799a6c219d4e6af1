"""The orchestrator of the tests keeps the contract that the real ones are held to, also where a key doesn't protect."""

import pytest

from bot.domain.errors import Indeterminate, NotFound, Refused, Unreachable
from bot.ports.systems import Orchestrator, Run, RunState, TaskState
from tests.contracts.orchestrator import (
    GIVEN,
    PARAMETERS,
    PAUSED,
    PIPELINE,
    OrchestratorContract,
    PipelineSwitchContract,
)
from tests.fakes.clock import FakeClock
from tests.fakes.orchestrator import FakeOrchestrator
from tests.fakes.systems import down, unconfirmed


def arranged(**how: bool) -> FakeOrchestrator:
    made = FakeOrchestrator(FakeClock(), **how)
    made.declare(PIPELINE, *PARAMETERS)
    made.declare(PAUSED, *PARAMETERS, paused=True)
    return made


class TestFakeOrchestrator(OrchestratorContract):
    @pytest.fixture
    def orchestrator(self) -> FakeOrchestrator:
        return arranged()

    async def let_go(self, orchestrator: Orchestrator, run: Run, *, well: bool = True) -> None:
        assert isinstance(orchestrator, FakeOrchestrator)
        if well:
            orchestrator.succeed(run.id)
        else:
            orchestrator.fail(run.id, task="train")

    async def settle(self, orchestrator: Orchestrator, run: Run) -> None:
        assert isinstance(orchestrator, FakeOrchestrator)
        if run.state is RunState.CANCELLING:
            orchestrator.stop(run.id)
        elif run.state is RunState.QUEUED:
            orchestrator.begin(run.id, task="train")

    async def test_a_fault_before_leaves_the_world_as_it_was(self, orchestrator: FakeOrchestrator) -> None:
        orchestrator.faults.order("start", down("orchestrator"))
        with pytest.raises(Unreachable):
            await orchestrator.start(PIPELINE, GIVEN, key="op-1")
        assert await orchestrator.find(PIPELINE, key="op-1") is None
        assert orchestrator.starts["op-1"] == 0

    async def test_a_fault_after_has_had_its_effect(self, orchestrator: FakeOrchestrator) -> None:
        orchestrator.faults.order("start", unconfirmed("orchestrator"), after=True)
        with pytest.raises(Indeterminate):
            await orchestrator.start(PIPELINE, GIVEN, key="op-1")
        assert orchestrator.starts["op-1"] == 1
        assert await orchestrator.find(PIPELINE, key="op-1") == orchestrator.only()

    async def test_what_is_still_on_its_way_is_seen_later(self, orchestrator: FakeOrchestrator) -> None:
        orchestrator.late = 2
        orchestrator.faults.order("start", unconfirmed("orchestrator"), after=True)
        with pytest.raises(Indeterminate):
            await orchestrator.start(PIPELINE, GIVEN, key="op-1")
        seen = [await orchestrator.find(PIPELINE, key="op-1") for _ in range(3)]
        assert seen == [None, None, orchestrator.only()]
        await orchestrator.start(PIPELINE, GIVEN, key="op-2")
        assert await orchestrator.find(PIPELINE, key="op-2") is not None, "an answer that arrived is seen at once"

    async def test_what_can_not_be_started_is_refused(self, orchestrator: FakeOrchestrator) -> None:
        orchestrator.declare("broken", fault="it has import errors")
        with pytest.raises(Refused, match="it has import errors"):
            await orchestrator.start("broken", {}, key="op-1")
        for wrong in ({"epochs": 51}, {"epochs": 0}, {"epochs": True}, {"mode": "odd"}, {"since": "now"}, {"other": 1}):
            with pytest.raises(Refused, match=next(iter(wrong))):
                await orchestrator.start(PIPELINE, GIVEN | wrong, key="op-1")
        with pytest.raises(Refused, match="model"):
            await orchestrator.start(PIPELINE, {}, key="op-1")
        assert not orchestrator.runs

    async def test_a_run_is_driven_by_the_test(self, orchestrator: FakeOrchestrator) -> None:
        run = await orchestrator.start(PIPELINE, GIVEN, key="op-1")
        assert orchestrator.begin().state is RunState.RUNNING
        failed = orchestrator.fail(task="evaluate", why="AUC is below 0.8")
        assert [task.state for task in failed.tasks] == [TaskState.SUCCEEDED, TaskState.SUCCEEDED, TaskState.FAILED]
        assert (await orchestrator.run(PIPELINE, run.id)).detail == "AUC is below 0.8"
        orchestrator.forget()
        with pytest.raises(NotFound):
            await orchestrator.run(PIPELINE, run.id)

    async def test_somebody_elses_run_has_no_key(self, orchestrator: FakeOrchestrator) -> None:
        other = orchestrator.somebody_starts(PIPELINE)
        assert [run.id for run in await orchestrator.recent(PIPELINE)] == [other.id]
        assert not orchestrator.starts


class TestFakeThatStartsTwice(TestFakeOrchestrator):
    """A key is only attached to a run; a paused pipeline is one whose schedule is off."""

    idempotent_start = False
    paused_starts = True

    @pytest.fixture
    def orchestrator(self) -> FakeOrchestrator:
        return arranged(idempotent_start=False, paused_starts=True)

    async def test_starts_are_counted(self, orchestrator: FakeOrchestrator) -> None:
        for _ in range(2):
            await orchestrator.start(PIPELINE, GIVEN, key="op-1")
        assert orchestrator.starts["op-1"] == 2
        assert len(orchestrator.runs) == 2


class TestFakeSwitch(PipelineSwitchContract):
    @pytest.fixture
    def switch(self) -> FakeOrchestrator:
        return arranged()

    async def test_every_switch_is_remembered(self, switch: FakeOrchestrator) -> None:
        await switch.set_paused(PIPELINE, paused=True)
        switch.faults.order("set_paused", unconfirmed("orchestrator"), after=True)
        with pytest.raises(Indeterminate):
            await switch.set_paused(PIPELINE, paused=False)
        assert switch.switched == [(PIPELINE, True), (PIPELINE, False)]
