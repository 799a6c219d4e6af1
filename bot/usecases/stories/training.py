"""The story of a training: start the run once, follow it, find the version that it yields, name it the challenger.

Nothing serves what a run has yielded: promoting it is an operation of its own, with an approval of its own.
"""

from collections.abc import Sequence
from dataclasses import replace

from bot.domain.errors import BotError, NotFound
from bot.domain.metrics import spoken
from bot.domain.models import Binding, Change, Evidence, ModelVersion, Observation, Training
from bot.domain.operation import Operation, OperationState, RunProgress, Stage, TaskProgress, TaskStatus, move, progress
from bot.domain.plan import TrainingRun
from bot.domain.post import Lane
from bot.domain.timeline import Kind
from bot.ports.engine import Steps
from bot.ports.store import Transaction
from bot.ports.systems import Run, RunState, Task, TaskState
from bot.usecases import operate
from bot.usecases.once import Found, Outcome, Result, Step
from bot.usecases.plans.training import run_key
from bot.usecases.stories.course import GO_ON, STOP, Course, finish, record

START = "start the run"
NAME = "name the challenger"

FOLLOW_EVERY = 3.0
"""Seconds between looks at a run."""
TASKS_KEPT = 30
_STATUS = {
    TaskState.WAITING: TaskStatus.PENDING, TaskState.RUNNING: TaskStatus.IN_PROGRESS,
    TaskState.SUCCEEDED: TaskStatus.COMPLETE, TaskState.SKIPPED: TaskStatus.COMPLETE,
    TaskState.FAILED: TaskStatus.ERROR, TaskState.CANCELLED: TaskStatus.ERROR,
}  # fmt: skip
_SAID = {TaskState.SKIPPED: "skipped", TaskState.CANCELLED: "cancelled"}


class TrainingStory:
    """Carries out a training."""

    def __init__(self, course: Course) -> None:
        self._course = course

    async def tell(self, number: int, steps: Steps) -> None:
        """From the approved plan to a challenger with its metrics."""
        if await steps.run(START, lambda: self._start(number)) == STOP:
            return
        if await steps.run("follow the run", lambda: self._follow(number)) == STOP:
            return
        if await steps.run("find the new version", lambda: self._find_version(number)) == STOP:
            return
        await steps.run(NAME, lambda: self._name_challenger(number))

    # ------------------------------------------------------------ starting

    async def _start(self, number: int) -> str:
        operation = await self._course.read(number)
        if operation.state not in {OperationState.EXECUTING, OperationState.IN_DOUBT}:
            return STOP if operation.state.final else GO_ON
        off = await self._course.off_plan(number, START, self._started)
        if off is not None:
            return off
        return await self._course.act(number, self._step(operation), self._started, during=OperationState.EXECUTING)

    def _step(self, operation: Operation) -> Step:
        aim = aim_of(operation)
        ref, key = aim.pipeline, run_key(operation)
        orchestrator = self._course.systems.orchestrator(ref.integration)

        async def call() -> str:
            run = await orchestrator.start(ref.name, dict(aim.parameters), key=key)
            return f"{ref.integration} has started {run.id} of {ref.name}."

        async def find() -> Found:
            return Found.AS_BEFORE if await orchestrator.find(ref.name, key=key) is None else Found.THERE

        guarantees = self._course.systems.guarantees.get(ref.integration)
        assert operation.incident is not None
        return Step(
            operation=operation.number, incident=operation.incident, name=START,
            describe=f"starting {ref.name} in {ref.integration} with the key {key}",
            call=call, find=find, repeatable=guarantees is not None and guarantees.idempotent_start,
        )  # fmt: skip

    def _started(self, tx: Transaction, operation: Operation, result: Result) -> str:
        if operation.state not in {OperationState.EXECUTING, OperationState.IN_DOUBT}:
            return GO_ON
        after = move(
            operation, OperationState.RUNNING, stage=Stage.RUN_STARTED, evidence=result.text,
            outcome=result.text,
        )  # fmt: skip
        tx.operations.save(after, expected=operation.state)
        record(tx, after, Kind.CHANGED, f"{operation.ref}: run started. {result.text}")
        operate.show(tx, self._course.setup, after)
        return GO_ON

    # ------------------------------------------------------------ following

    async def _follow(self, number: int) -> str:
        """Until the run has ended. A system that can't be asked for a while ends nothing."""
        deadline = (await self._course.read(number)).requested_at + self._course.setup.policies.retrain_within
        asked_to_stop = False
        while True:
            operation = await self._course.read(number)
            if operation.state is not OperationState.RUNNING:
                return STOP if operation.state.final else GO_ON
            try:
                run = await self._look(operation)
                if operation.cancelled_by and not asked_to_stop and not run.state.final:
                    await self._cancel(operation, run)
                    asked_to_stop = True
            except BotError as error:
                await self._cannot_ask(number, error)
            else:
                if run.state.final:
                    return await self._course.write(lambda tx, seen=run: self._ended(tx, number, seen))  # type: ignore[misc]  # a loop's own value
                await self._show_progress(number, run)
            if self._course.clock.now() >= deadline:
                within = spoken(self._course.setup.policies.retrain_within)
                text = f"The run has not ended within {within}; it is not followed any more and was not stopped."
                return await self._course.end(number, OperationState.INCONCLUSIVE, Kind.IN_DOUBT, text)
            await self._course.clock.sleep(FOLLOW_EVERY)

    async def _look(self, operation: Operation) -> Run:
        ref = aim_of(operation).pipeline
        orchestrator = self._course.systems.orchestrator(ref.integration)
        if operation.run is not None:
            return await orchestrator.run(ref.name, operation.run.id)
        found = await orchestrator.find(ref.name, key=run_key(operation))
        if found is None:
            raise NotFound(f"{ref.integration} does not list the run yet.")
        return await orchestrator.run(ref.name, found.id)

    async def _cancel(self, operation: Operation, run: Run) -> None:
        ref = aim_of(operation).pipeline
        await self._course.systems.orchestrator(ref.integration).cancel(ref.name, run.id)

    async def _cannot_ask(self, number: int, error: BotError) -> None:
        """Said once for each trouble, so that nobody takes an old picture for a new one."""

        def decide(tx: Transaction) -> None:
            operation = operate.get(tx, number)
            text = f"The run can't be looked at now: {error.what}"
            if operation.state is OperationState.RUNNING and operation.outcome != text:
                after = progress(operation, outcome=text)
                tx.operations.save(after, expected=OperationState.RUNNING)
                operate.show(tx, self._course.setup, after)

        await self._course.write(decide)

    async def _show_progress(self, number: int, run: Run) -> None:
        def decide(tx: Transaction) -> bool:
            operation = operate.get(tx, number)
            seen = _progress(run)
            text = _going(operation, run, seen)
            if operation.state is not OperationState.RUNNING or (operation.run == seen and operation.outcome == text):
                return False
            after = progress(operation, run=seen, outcome=text)
            tx.operations.save(after, expected=OperationState.RUNNING)
            operate.show(tx, self._course.setup, after)
            return True

        await self._course.write(decide)

    def _ended(self, tx: Transaction, number: int, run: Run) -> str:
        operation = operate.get(tx, number)
        if operation.state is not OperationState.RUNNING:
            return STOP if operation.state.final else GO_ON
        seen = replace(operation, run=_progress(run))
        if run.state is RunState.SUCCEEDED:
            text = f"{run.id} has succeeded; the version that it has yielded is being looked for."
            after = move(seen, OperationState.VERIFYING, stage=Stage.RUN_SUCCEEDED, outcome=text)
            tx.operations.save(after, expected=OperationState.RUNNING)
            record(tx, after, Kind.VERIFIED, f"{operation.ref}: {run.id} has succeeded. {run.url}".rstrip())
            operate.show(tx, self._course.setup, after)
            return GO_ON
        if operation.cancelled_by:
            name = self._course.setup.name(operation.cancelled_by)
            text = f"{run.id} was stopped at the wish of {name} ({run.state.value}). No version was changed."
            return finish(tx, self._course.setup, seen, OperationState.CANCELLED, Kind.CANCELLED, text)
        failed = ", ".join(t.name for t in run.tasks if t.state is TaskState.FAILED)
        where = f" in {failed}" if failed else ""
        why = f": {run.detail}" if run.detail else ""
        text = f"{run.id} has {'failed' if run.state is RunState.FAILED else 'been cancelled'}{where}{why}."
        text = f"{text} What serves was not changed. {run.url}".rstrip()
        return finish(tx, self._course.setup, seen, OperationState.FAILED, Kind.FAILED, text)

    # ------------------------------------------------------------ what it has yielded

    async def _find_version(self, number: int) -> str:
        operation = await self._course.read(number)
        if operation.state is not OperationState.VERIFYING or operation.result is not None:
            return STOP if operation.state.final else GO_ON
        binding = self._course.setup.binding(operation.model, operation.environment)
        training = _configured(operation, binding)
        if binding is None or binding.pointer is None or training is None:
            text = f"The run has succeeded. {_not_looked_for(operation, binding)}"
            return await self._course.end(number, OperationState.SUCCEEDED, Kind.SUCCEEDED, text)
        deadline = self._course.clock.now() + self._course.setup.policies.confirm_within
        while True:
            try:
                new, why = await self._new_version(operation, binding, training)
            except BotError as error:
                new, why = None, error.what
            if new is not None:
                return await self._course.write(lambda tx, found=new: self._found(tx, number, found))  # type: ignore[misc]  # a loop's own value
            if self._course.clock.now() >= deadline:
                text = f"The run has succeeded; which version it has yielded is not known: {why}."
                return await self._course.end(number, OperationState.INCONCLUSIVE, Kind.IN_DOUBT, text)
            await self._course.clock.sleep(FOLLOW_EVERY)

    async def _new_version(
        self, operation: Operation, binding: Binding, training: Training
    ) -> tuple[ModelVersion | None, str]:
        """The version that carries the run's key, else the only new one; never a guess between several."""
        assert binding.pointer is not None
        registry = self._course.systems.registry(binding.pointer.integration)
        versions = await registry.versions(binding.pointer.model)
        new = _newer(versions, aim_of(operation).newest)
        if training.version_tag:
            keys = {run_key(operation), operation.run.id if operation.run else ""}
            new = [v for v in versions if v.tags.get(training.version_tag, "-") in keys]
        if len(new) != 1:
            names = ", ".join(v.version for v in new)
            return None, f"there are {len(new)} that it may be ({names})" if new else "there is no new one"
        return await registry.version(binding.pointer.model, new[0].version), ""

    def _found(self, tx: Transaction, number: int, version: ModelVersion) -> str:
        operation = operate.get(tx, number)
        if operation.state is not OperationState.VERIFYING:
            return STOP if operation.state.final else GO_ON
        text = f"The run has yielded version {version.version}; it is being named {aim_of(operation).challenger}."
        after = progress(operation, result=version, outcome=text)
        tx.operations.save(after, expected=OperationState.VERIFYING)
        operate.show(tx, self._course.setup, after)
        return GO_ON

    # ------------------------------------------------------------ the challenger

    async def _name_challenger(self, number: int) -> str:
        operation = await self._course.read(number)
        binding = self._course.setup.binding(operation.model, operation.environment)
        if operation.state is not OperationState.VERIFYING or operation.result is None:
            return STOP
        if binding is None or binding.pointer is None:
            text = f"Version {operation.result.version} was not named: the model is no longer bound to a registry."
            return await self._course.end(number, OperationState.INCONCLUSIVE, Kind.IN_DOUBT, text)
        step = await self._naming(operation, binding, operation.result.version)
        result = await self._course.once.do(step)
        if result.outcome is Outcome.DONE:
            return await self._course.write(lambda tx: self._named(tx, number))
        text = f"The run has yielded version {operation.result.version}; it was not named a challenger: {result.text}"
        return await self._course.end(number, OperationState.INCONCLUSIVE, Kind.IN_DOUBT, text)

    async def _naming(self, operation: Operation, binding: Binding, version: str) -> Step:
        pointer, alias = binding.pointer, aim_of(operation).challenger
        assert pointer is not None
        registry = self._course.systems.registry(pointer.integration)
        try:
            before = await registry.resolve(pointer.model, alias)
        except BotError:
            before = Observation(None, Evidence.REGISTRY, self._course.clock.now())

        async def call() -> str:
            seen = await registry.move(pointer.model, alias, version, expected=before)
            return f"{pointer.integration}: alias {alias} of {pointer.model} read back as version {seen.version}."

        async def find() -> Found:
            seen = await registry.resolve(pointer.model, alias)
            return Found.THERE if seen.version == version else Found.AS_BEFORE

        guarantees = self._course.systems.guarantees.get(pointer.integration)
        assert operation.incident is not None
        return Step(
            operation=operation.number, incident=operation.incident, name=NAME,
            describe=f"giving version {version} of {pointer.model} the alias {alias}",
            call=call, find=find, repeatable=guarantees is not None and guarantees.idempotent_write,
        )  # fmt: skip

    def _named(self, tx: Transaction, number: int) -> str:
        operation = operate.get(tx, number)
        if operation.state is not OperationState.VERIFYING or operation.result is None:
            return STOP
        version, aim = operation.result, aim_of(operation)
        text = f"Version {version.version} is the {aim.challenger}{_compared(version, aim.champion)}. "
        text += f"Nobody is served by it: /mlops promote {operation.model} --to {version.version} plans that."
        after = progress(operation, stage=Stage.CHALLENGER, evidence=version.url)
        record(tx, after, Kind.CHANGED, f"{operation.ref}: challenger registered, version {version.version}.")
        by = self._course.setup.name(operation.requested_by)
        what = f"{operation.ref}: version {version.version} trained by {aim.pipeline.name}"
        tx.changes.add(Change(operation.model, "training", what, tx.now, by, version.version, version.url, "bot"))
        finish(tx, self._course.setup, after, OperationState.SUCCEEDED, Kind.SUCCEEDED, text)
        operate.show(tx, self._course.setup, operate.get(tx, number), Lane.ACKNOWLEDGEMENT)
        return GO_ON


# ---------------------------------------------------------------- words


def aim_of(operation: Operation) -> TrainingRun:
    """The aim of a training."""
    aim = operation.plan.aim
    assert isinstance(aim, TrainingRun), "stories are told by their aim"
    return aim


def _configured(operation: Operation, binding: Binding | None) -> Training | None:
    """The training that was started, as the configuration has it now."""
    trainings = binding.trainings if binding is not None else ()
    return next((one for one in trainings if one.name == aim_of(operation).name), None)


def _not_looked_for(operation: Operation, binding: Binding | None) -> str:
    """Why the version that a run has yielded is left alone."""
    if binding is None or binding.pointer is None:
        return "No registry is configured in which its version could be looked for."
    aim = aim_of(operation)
    return (
        f"The training {aim.name or aim.pipeline.name} is no longer configured, so that its version was not looked for."
    )


def _newer(versions: Sequence[ModelVersion], newest: str) -> list[ModelVersion]:
    """Those before the one that was the newest when it was planned; the newest stand first."""
    found: list[ModelVersion] = []
    for version in versions:
        if version.version == newest:
            break
        found.append(version)
    return found


def _progress(run: Run) -> RunProgress:
    tasks = tuple(_task(task) for task in run.tasks[:TASKS_KEPT])
    return RunProgress(run.id, run.url, tasks, run.total)


def _task(task: Task) -> TaskProgress:
    lasted = spoken(task.ended_at - task.started_at) if task.ended_at and task.started_at else ""
    return TaskProgress(task.name, _STATUS[task.state], _SAID.get(task.state, lasted))


def _going(operation: Operation, run: Run, seen: RunProgress) -> str:
    done = f", {seen.done} of {seen.total} tasks" if seen.total else ""
    stopping = " It was asked to stop." if operation.cancelled_by else ""
    return f"{run.id} is {run.state.value}{done}.{stopping}"


def _compared(new: ModelVersion, champion: ModelVersion | None) -> str:
    """Its metrics beside the champion's."""
    old = dict(champion.metrics) if champion is not None else {}
    pairs = [
        f"{name} {value:.4g}" + (f" (champion {old[name]:.4g})" if name in old else "")
        for name, value in list(new.metrics.items())[:4]
    ]
    return f": {', '.join(pairs)}" if pairs else "; it has no metrics"
