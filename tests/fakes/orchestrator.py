"""An orchestrator in memory that a test drives: runs stand still until it says so, and `start` loses its answer on order.

`faults.order("start", unconfirmed("orchestrator"), after=True)` loses the answer after the effect; without `after`, before.
`late` makes such a start visible to `find` only after so many looks: its request was still on its way.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from bot.domain.errors import NotFound, Refused
from bot.domain.plan import Call
from bot.ports.clock import Clock
from bot.ports.systems import (
    Orchestrator,
    Parameter,
    Pipeline,
    PipelineSwitch,
    Run,
    RunState,
    Scalar,
    Task,
    TaskState,
)
from tests.contracts.orchestrator import PARAMETERS, TASKS
from tests.fakes.systems import Faults

NOTHING = "Nothing was started."


@dataclass
class FakeOrchestrator(Orchestrator, PipelineSwitch):
    """Pipelines by name, and every run of them, the oldest first. A new one has three tasks and waits.

    `starts` counts the runs that each key really has; of a caller that looks before it repeats, never more than one.
    """

    clock: Clock
    name: str = "orchestrator"
    idempotent_start: bool = True
    """Whether a second start of one key is given the first's run; else it starts another one."""
    paused_starts: bool = False
    """Whether a paused pipeline can be started all the same."""
    late: int = 0
    """How many times `find` doesn't see a run yet whose start gave no answer."""
    starts: Counter[str] = field(default_factory=Counter)
    asked: list[str] = field(default_factory=list)
    switched: list[tuple[str, bool]] = field(default_factory=list)
    pipelines: dict[str, Pipeline] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.faults = Faults(self.clock)
        self._keys: dict[str, str] = {}
        self._unseen: dict[str, int] = {}

    # ------------------------------------------------------------ what the test arranges

    def declare(self, name: str, *parameters: Parameter, paused: bool = False, **what: object) -> Pipeline:
        """There is such a pipeline from now on, with the parameters of most tests unless it says which."""
        made = Pipeline(name, paused, parameters or PARAMETERS, f"http://orchestrator.example/pipelines/{name}")
        self.pipelines[name] = replace(made, **what)  # type: ignore[arg-type]
        return self.pipelines[name]

    def only(self) -> Run:
        """The one run there is."""
        (run,) = self.runs.values()
        return run

    def newest(self) -> Run:
        return next(reversed(self.runs.values()))

    def begin(self, run: str = "", *, task: str = "") -> Run:
        """The run runs, its tasks up to this one (the first) done, and this one under way."""
        have = self._have(run)
        names = [one.name for one in have.tasks]
        at = names.index(task) if task else 0
        states = [TaskState.SUCCEEDED] * at + [TaskState.RUNNING] + [TaskState.WAITING] * (len(names) - at - 1)
        return self._put(have, RunState.RUNNING, states)

    def succeed(self, run: str = "") -> Run:
        """Everything of it is done."""
        have = self._have(run)
        return self._put(have, RunState.SUCCEEDED, [TaskState.SUCCEEDED] * len(have.tasks))

    def fail(self, run: str = "", *, task: str = "", why: str = "") -> Run:
        """This task of it (the first) fails, and what comes after it is never tried."""
        have = self._have(run)
        names = [one.name for one in have.tasks]
        at = names.index(task) if task else 0
        states = [TaskState.SUCCEEDED] * at + [TaskState.FAILED] + [TaskState.SKIPPED] * (len(names) - at - 1)
        return self._put(have, RunState.FAILED, states, why or f"task {names[at]} failed")

    def stop(self, run: str = "") -> Run:
        """What was asked to stop has stopped; or somebody else has stopped it."""
        have = self._have(run)
        over = {TaskState.RUNNING: TaskState.CANCELLED, TaskState.WAITING: TaskState.SKIPPED}
        return self._put(have, RunState.CANCELLED, [over.get(task.state, task.state) for task in have.tasks])

    def forget(self, run: str = "") -> None:
        """Somebody has deleted it."""
        del self.runs[self._have(run).id]

    def somebody_starts(self, pipeline: str, parameters: Mapping[str, Scalar] | None = None) -> Run:
        """A run that is not ours."""
        return self._start(pipeline, parameters or {}, key="")

    # ------------------------------------------------------------ Orchestrator

    async def pipeline(self, name: str) -> Pipeline:
        self.asked.append("pipeline")
        async with self.faults.around("pipeline"):
            return self._pipeline(name)

    def plan_start(self, pipeline: str, parameters: Mapping[str, Scalar], *, key: str) -> Call:
        body = json.dumps({"key": key, "parameters": dict(parameters)}, sort_keys=True)
        return Call(self.name, "POST", f"http://orchestrator.example/pipelines/{pipeline}/runs", body)

    async def start(self, pipeline: str, parameters: Mapping[str, Scalar], *, key: str) -> Run:
        self.asked.append("start")
        made: Run | None = None
        try:
            async with self.faults.around("start"):
                self._startable(self._pipeline(pipeline), parameters)
                if self.idempotent_start and key in self._keys:
                    return self.runs[self._keys[key]]
                made = self._start(pipeline, parameters, key=key)
        except BaseException:
            if made is not None:
                self._unseen[made.id] = self.late
            raise
        return made

    async def find(self, pipeline: str, *, key: str) -> Run | None:
        self.asked.append("find")
        async with self.faults.around("find"):
            run = self._keys.get(key)
            if run not in self.runs or self.runs[run].pipeline != pipeline:
                return None
            if self._unseen.get(run, 0) > 0:
                self._unseen[run] -= 1
                return None
            return self.runs[run]

    async def run(self, pipeline: str, run: str) -> Run:
        self.asked.append("run")
        async with self.faults.around("run"):
            return self._of(pipeline, run)

    async def recent(self, pipeline: str, *, limit: int = 20) -> Sequence[Run]:
        self.asked.append("recent")
        async with self.faults.around("recent"):
            self._pipeline(pipeline)
            mine = [run for run in reversed(self.runs.values()) if run.pipeline == pipeline]
            return tuple(replace(run, tasks=()) for run in mine[:limit])

    async def cancel(self, pipeline: str, run: str) -> None:
        self.asked.append("cancel")
        async with self.faults.around("cancel"):
            have = self._of(pipeline, run)
            if not have.state.final:
                self.runs[run] = replace(have, state=RunState.CANCELLING, detail="asked to stop")

    # ------------------------------------------------------------ PipelineSwitch

    def plan_pause(self, pipeline: str, *, paused: bool) -> Call:
        body = json.dumps({"paused": paused})
        return Call(self.name, "PATCH", f"http://orchestrator.example/pipelines/{pipeline}", body)

    async def set_paused(self, pipeline: str, *, paused: bool) -> Pipeline:
        self.asked.append("set_paused")
        async with self.faults.around("set_paused"):
            self.pipelines[pipeline] = replace(self._pipeline(pipeline), paused=paused)
            self.switched.append((pipeline, paused))
            return self.pipelines[pipeline]

    # ------------------------------------------------------------ pieces

    def _pipeline(self, name: str) -> Pipeline:
        if name not in self.pipelines:
            raise NotFound(f"The orchestrator has no pipeline {name}.", not_done="Nothing was changed.")
        return self.pipelines[name]

    def _startable(self, pipeline: Pipeline, parameters: Mapping[str, Scalar]) -> None:
        declared = {one.name: one for one in pipeline.parameters or ()}
        why = pipeline.fault or ("it is paused" if pipeline.paused and not self.paused_starts else "")
        for name in (one.name for one in declared.values() if one.required and one.name not in parameters):
            why = why or f"{name} is missing"
        for name, value in parameters.items():
            fits = name in declared and _fits(declared[name], value)
            why = why or ("" if fits or pipeline.parameters is None else f"{name} can't be {value!r}")
        if why:
            raise Refused(f"{pipeline.name} was not started: {why}.", system=self.name, not_done=NOTHING)

    def _start(self, pipeline: str, parameters: Mapping[str, Scalar], *, key: str) -> Run:
        number = len(self._keys) + len(self.runs) + 1
        made = Run(
            key if key and key not in self.runs else f"run-{number}", pipeline, RunState.QUEUED, None, None,
            f"http://orchestrator.example/runs/{key or number}", dict(parameters),
            tuple(Task(name, TaskState.WAITING) for name in TASKS), len(TASKS), "queued",
        )  # fmt: skip
        self.runs[made.id] = made
        if key:
            self._keys.setdefault(key, made.id)
            self.starts[key] += 1
        return made

    def _of(self, pipeline: str, run: str) -> Run:
        if run not in self.runs or self.runs[run].pipeline != pipeline:
            raise NotFound(f"{pipeline} has no run {run}.", not_done="Nothing was changed.")
        return self.runs[run]

    def _have(self, run: str) -> Run:
        return self.runs[run] if run else self.newest()

    def _put(self, run: Run, state: RunState, states: Sequence[TaskState], detail: str = "") -> Run:
        now = self.clock.now()
        begun = {TaskState.RUNNING, TaskState.SUCCEEDED, TaskState.FAILED, TaskState.CANCELLED}
        tasks = tuple(
            replace(
                task, state=is_now,
                started_at=task.started_at or (now if is_now in begun else None),
                ended_at=None if is_now in {TaskState.RUNNING, TaskState.WAITING} else task.ended_at or now,
            )
            for task, is_now in zip(run.tasks, states, strict=True)
        )  # fmt: skip
        self.runs[run.id] = replace(
            run, state=state, tasks=tasks, started_at=run.started_at or now, ended_at=now if state.final else None,
            detail=detail or state.value,
        )  # fmt: skip
        return self.runs[run.id]


_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,),
}  # fmt: skip


def _fits(parameter: Parameter, value: Scalar) -> bool:
    kinds = _TYPES.get(parameter.type, ())
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        return False
    if parameter.choices and value not in parameter.choices:
        return False
    if isinstance(value, str):
        return not parameter.pattern or re.search(parameter.pattern, value) is not None
    low, high = parameter.minimum, parameter.maximum
    return (low is None or value >= low) and (high is None or value <= high)
