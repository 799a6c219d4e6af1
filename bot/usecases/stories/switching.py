"""The story of a pipeline's schedule that is switched off or on: one call, read back."""

from bot.domain.models import Change
from bot.domain.operation import Operation, OperationState, Stage, move
from bot.domain.plan import Switch
from bot.domain.timeline import Kind
from bot.ports.engine import Steps
from bot.ports.store import Transaction
from bot.usecases.once import Found, Result, Step
from bot.usecases.stories.course import GO_ON, STOP, Course, finish, record

SWITCH = "switch the schedule"


class SwitchStory:
    """Carries out the switch of a schedule."""

    def __init__(self, course: Course) -> None:
        self._course = course

    async def tell(self, number: int, steps: Steps) -> None:
        """One step."""
        await steps.run(SWITCH, lambda: self._switch(number))

    async def _switch(self, number: int) -> str:
        operation = await self._course.read(number)
        if operation.state not in {OperationState.EXECUTING, OperationState.IN_DOUBT}:
            return STOP if operation.state.final else GO_ON
        off = await self._course.off_plan(number, SWITCH, self._switched)
        if off is not None:
            return off
        return await self._course.act(number, self._step(operation), self._switched, during=OperationState.EXECUTING)

    def _step(self, operation: Operation) -> Step:
        aim = _aim(operation)
        ref = aim.pipeline
        switch = self._course.systems.switches[ref.integration]
        orchestrator = self._course.systems.orchestrator(ref.integration)
        word = "off" if aim.paused else "on"

        async def call() -> str:
            seen = await switch.set_paused(ref.name, paused=aim.paused)
            return f"{ref.integration}: the schedule of {ref.name} read back as {'off' if seen.paused else 'on'}."

        async def find() -> Found:
            seen = await orchestrator.pipeline(ref.name)
            return Found.THERE if seen.paused is aim.paused else Found.AS_BEFORE

        assert operation.incident is not None
        return Step(
            operation=operation.number, incident=operation.incident, name=SWITCH,
            describe=f"switching the schedule of {ref.name} in {ref.integration} {word}",
            call=call, find=find, repeatable=True,
        )  # fmt: skip

    def _switched(self, tx: Transaction, operation: Operation, result: Result) -> str:
        if operation.state not in {OperationState.EXECUTING, OperationState.IN_DOUBT}:
            return GO_ON
        after = move(operation, OperationState.VERIFYING, stage=Stage.SWITCHED, evidence=result.text)
        tx.operations.save(after, expected=operation.state)
        record(tx, after, Kind.CHANGED, f"{operation.ref}: {result.text}")
        text = f"{operation.ref}: {_aim(operation).headline}"
        by = self._course.setup.name(operation.requested_by)
        tx.changes.add(Change(operation.model, operation.kind.value, text, tx.now, by, "", _aim(operation).url, "bot"))
        said = f"The schedule of {_aim(operation).pipeline.name} is {'off' if _aim(operation).paused else 'on'}."
        return finish(tx, self._course.setup, after, OperationState.SUCCEEDED, Kind.SUCCEEDED, said)


def _aim(operation: Operation) -> Switch:
    aim = operation.plan.aim
    assert isinstance(aim, Switch), "stories are told by their aim"
    return aim
