"""Carrying out an approved operation: rights are checked again, then the story of its aim is told."""

from collections.abc import Callable

from bot.domain.operation import Operation, OperationState, move
from bot.domain.plan import Switch, TrafficMove, TrainingRun, VersionMove
from bot.domain.routing import Right, may
from bot.domain.timeline import Kind
from bot.ports.clock import Clock
from bot.ports.engine import Fence, Steps
from bot.ports.store import Store, Transaction
from bot.usecases import operate
from bot.usecases.policy import signature_holds
from bot.usecases.setup import Setup
from bot.usecases.stories.course import GO_ON, STOP, Course, finish, record
from bot.usecases.stories.switching import SwitchStory
from bot.usecases.stories.traffic import TrafficStory
from bot.usecases.stories.training import TrainingStory
from bot.usecases.stories.version import VersionStory
from bot.usecases.stories.watching import Watching
from bot.usecases.systems import Systems


class Executor:
    """Carries out approved operations."""

    def __init__(
        self, store: Store, setup: Setup, systems: Systems, clock: Clock, fence: Fence, nudge: Callable[[], None]
    ) -> None:
        self._course = Course(store, setup, systems, clock, fence, nudge)
        watching = Watching(self._course)
        self._version = VersionStory(self._course, watching)
        self._traffic = TrafficStory(self._course, watching)
        self._training = TrainingStory(self._course)
        self._switch = SwitchStory(self._course)

    async def story(self, number: int, steps: Steps) -> None:
        """Carry out operation `number`; the durable engine calls this, again after a crash."""
        await self._course.write(lambda tx: _begun_or_resumed(tx, number))
        if await steps.run("begin", lambda: self._begin(number)) == STOP:
            return
        operation = await self._course.read(number)
        match operation.plan.aim:
            case VersionMove():
                await self._version.tell(number, steps)
            case TrafficMove():
                await self._traffic.tell(number, steps)
            case TrainingRun():
                await self._training.tell(number, steps)
            case Switch():
                await self._switch.tell(number, steps)

    async def _begin(self, number: int) -> str:
        """Rights are checked again: the person who approved may have left the table since."""
        setup = self._course.setup

        def decide(tx: Transaction) -> str:
            operation = operate.get(tx, number)
            if operation.state is not OperationState.APPROVED:
                return STOP if operation.state.final else GO_ON
            if not _still_allowed(self._course.setup, operation):
                text = f"{setup.name(operation.decided_by or '')} may no longer approve it. Nothing was changed."
                return finish(tx, setup, operation, OperationState.FAILED, Kind.FAILED, text)
            after = move(operation, OperationState.EXECUTING)
            tx.operations.save(after, expected=OperationState.APPROVED)
            operate.show(tx, setup, after)
            return GO_ON

        return await self._course.write(decide)


def _still_allowed(setup: Setup, operation: Operation) -> bool:
    route = operate.route_of(setup, operation.kind, operation.model)
    decider = operation.decided_by or ""
    if decider.startswith("policy:"):
        return signature_holds(setup, operation.policy, operation.model)
    if operation.break_glass:
        return may(decider, Right.BREAK_GLASS, route).allowed
    return may(decider, Right.APPROVE, route, requester=operation.requested_by).allowed


def _begun_or_resumed(tx: Transaction, number: int) -> None:
    """The first time, remember that it was begun; the next time, say that it goes on."""
    begun = not tx.keys.first("story", f"{operate.EXECUTE}:{number}")
    operation = operate.get(tx, number)
    if begun and not operation.state.final:
        text = f"{operation.ref}: the bot was restarted while it was {operation.state.value}; it goes on from there."
        record(tx, operation, Kind.RECOVERED, text)
