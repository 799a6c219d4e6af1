"""The story of requests that are shared otherwise: one call, read back, watched, and taken back if it got worse."""

from bot.domain.models import Change
from bot.domain.operation import Operation, OperationState, Stage, move
from bot.domain.plan import TrafficMove
from bot.domain.timeline import Kind
from bot.ports.engine import Steps
from bot.ports.store import Transaction
from bot.ports.systems import Split
from bot.usecases import operate
from bot.usecases.once import Found, Result, Step
from bot.usecases.stories.course import GO_ON, STOP, UNDO, Course, finish, record
from bot.usecases.stories.watching import Watching

SHIFT = "shift the traffic"
SHIFT_BACK = "undo: shift the traffic back"


class TrafficStory:
    """Carries out a change of traffic."""

    def __init__(self, course: Course, watching: Watching) -> None:
        self._course = course
        self._watching = watching

    async def tell(self, number: int, steps: Steps) -> None:
        """From the approved plan to what is true at the end."""
        if await steps.run(SHIFT, lambda: self._shift(number)) == STOP:
            return
        if await steps.run("begin to watch", lambda: self._begin_to_watch(number)) == STOP:
            return
        if await steps.run("watch", lambda: self._watching.watch(number)) == UNDO:
            await steps.run(SHIFT_BACK, lambda: self._shift_back(number))

    async def _shift(self, number: int) -> str:
        operation = await self._course.read(number)
        if operation.state not in {OperationState.EXECUTING, OperationState.IN_DOUBT}:
            return STOP if operation.state.final else GO_ON
        off = await self._course.off_plan(number, SHIFT, self._shifted)
        if off is not None:
            return off
        aim = _aim(operation)
        before = Split(aim.before, operation.plan.made_at, token=aim.token)
        step = self._step(operation, SHIFT, aim.percent, before)
        return await self._course.act(number, step, self._shifted, during=OperationState.EXECUTING)

    def _step(self, operation: Operation, name: str, percent: int, before: Split) -> Step:
        aim = _aim(operation)
        splitter = self._course.systems.splitters[aim.target.integration]

        async def call() -> str:
            seen = await splitter.shift(aim.target.name, aim.version, percent, expected=before)
            return f"{aim.target.name}: read back as {_shares(seen)}."

        async def find() -> Found:
            seen = await splitter.split(aim.target.name)
            if seen.share(aim.version) == percent:
                return Found.THERE
            return Found.AS_BEFORE if seen.share(aim.version) == before.share(aim.version) else Found.OTHERWISE

        guarantees = self._course.systems.guarantees.get(aim.target.integration)
        assert operation.incident is not None
        return Step(
            operation=operation.number, incident=operation.incident, name=name,
            describe=f"giving version {aim.version} {percent} % of the requests of {aim.target.name}",
            call=call, find=find, repeatable=guarantees is not None and guarantees.idempotent_write,
        )  # fmt: skip

    def _shifted(self, tx: Transaction, operation: Operation, result: Result) -> str:
        if operation.state not in {OperationState.EXECUTING, OperationState.IN_DOUBT}:
            return GO_ON
        after = move(
            operation, OperationState.VERIFYING, stage=Stage.TRAFFIC_SHIFTED, evidence=result.text,
            outcome="The traffic was shifted and read back.",
        )  # fmt: skip
        tx.operations.save(after, expected=operation.state)
        record(tx, after, Kind.CHANGED, f"{operation.ref}: traffic shifted. {result.text}")
        aim = _aim(operation)
        text = f"{operation.ref}: {aim.headline}"
        by = self._course.setup.name(operation.requested_by)
        tx.changes.add(Change(operation.model, operation.kind.value, text, tx.now, by, aim.version, "", "bot"))
        operate.show(tx, self._course.setup, after)
        return GO_ON

    async def _begin_to_watch(self, number: int) -> str:
        operation = await self._course.read(number)
        if operation.state is not OperationState.VERIFYING:
            return STOP if operation.state.final else GO_ON
        watch = await self._watching.begin(operation)
        text = f"Version {_aim(operation).version} gets {_aim(operation).percent} % of the requests."

        def decide(tx: Transaction) -> str:
            now = operate.get(tx, number)
            if now.state is not OperationState.VERIFYING:
                return STOP if now.state.final else GO_ON
            if watch is None:
                return finish(tx, self._course.setup, now, OperationState.SUCCEEDED, Kind.SUCCEEDED, text)
            return self._watching.go_on(tx, now, watch, text)

        return await self._course.write(decide)

    async def _shift_back(self, number: int) -> str:
        operation = await self._course.read(number)
        aim = _aim(operation)
        if operation.state is OperationState.UNDOING and aim.target.integration not in self._course.systems.splitters:
            text = f"It could not be undone: {aim.target.integration} is no longer configured."
            return await self._course.end(number, OperationState.INCONCLUSIVE, Kind.FAILED, text)
        now = await self._course.systems.splitters[aim.target.integration].split(aim.target.name)
        step = self._step(operation, SHIFT_BACK, aim.was, now)
        ours = now.share(aim.version) == aim.percent
        if operation.state is OperationState.UNDOING and not ours and not await self._course.once.begun(step):
            text = f"It got worse and was not undone: somebody else has shared it otherwise since ({_shares(now)})."
            return await self._course.end(number, OperationState.FAILED, Kind.FAILED, text)
        return await self._course.act(number, step, self._undone, during=OperationState.UNDOING)

    def _undone(self, tx: Transaction, operation: Operation, result: Result) -> str:
        text = f"It got worse, so it was undone: {result.text}"
        if operation.state is OperationState.IN_DOUBT:
            operation = move(operation, OperationState.UNDOING)
            tx.operations.save(operation, expected=OperationState.IN_DOUBT)
        return finish(tx, self._course.setup, operation, OperationState.UNDONE, Kind.UNDONE, text)


def _aim(operation: Operation) -> TrafficMove:
    aim = operation.plan.aim
    assert isinstance(aim, TrafficMove), "stories are told by their aim"
    return aim


def _shares(split: Split) -> str:
    return ", ".join(f"version {version} {percent} %" for version, percent in split.shares)
