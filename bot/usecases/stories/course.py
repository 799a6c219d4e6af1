"""What every story uses: writing what is true now, and making one irreversible call once."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TypeVar

from bot.domain.errors import IntegrationError
from bot.domain.metrics import spoken
from bot.domain.operation import IntentState, Operation, OperationState, move, progress
from bot.domain.post import Lane
from bot.domain.timeline import BOT, Draft, Kind
from bot.ports.clock import Clock
from bot.ports.engine import Fence
from bot.ports.store import Store, Transaction
from bot.usecases import operate
from bot.usecases.once import Once, Outcome, Result, Step, step_key
from bot.usecases.setup import Setup
from bot.usecases.stories.offplan import off_plan
from bot.usecases.systems import Systems

T = TypeVar("T")

GO_ON = "go on"
STOP = "stop"
UNDO = "undo"

LOOK_EVERY = 15.0
"""Seconds between looks at an operation in doubt."""
LOOKS = 240
"""After an hour of looks a person must decide."""

Done = Callable[[Transaction, Operation, Result], str]
"""Folds a call that was made into the operation, and says how the story goes on."""


class Course:
    """The world as the stories see it."""

    def __init__(
        self, store: Store, setup: Setup, systems: Systems, clock: Clock, fence: Fence, nudge: Callable[[], None]
    ) -> None:
        self.store = store
        self.setup = setup
        self.systems = systems
        self.clock = clock
        self.once = Once(store, clock, fence)
        self._nudge = nudge

    async def read(self, number: int) -> Operation:
        """The operation as it is now."""
        return await self.store.read(lambda tx: operate.get(tx, number))

    async def write(self, decide: Callable[[Transaction], T]) -> T:
        """Write, and have Slack show it."""
        result = await self.store.write(decide)
        self._nudge()
        return result

    async def end(self, number: int, to: OperationState, kind: Kind, text: str) -> str:
        """End it, unless it has ended."""

        def decide(tx: Transaction) -> str:
            operation = operate.get(tx, number)
            return STOP if operation.state.final else finish(tx, self.setup, operation, to, kind, text)

        return await self.write(decide)

    # ------------------------------------------------------------ one irreversible call

    async def act(self, number: int, step: Step, done: Done, *, during: OperationState) -> str:
        """Make the call of a step once, and say what became of it. `during`: the state in which it is made."""
        operation = await self.read(number)
        if operation.state not in {during, OperationState.IN_DOUBT}:
            return STOP if operation.state.final else GO_ON
        if operation.state is OperationState.IN_DOUBT:
            return await self._keep_looking(number, step, done)
        result = await self.once.do(step)
        match result.outcome:
            case Outcome.DONE:
                return await self.write(lambda tx: self._fold(tx, number, result, done))
            case Outcome.CONFLICT if during is OperationState.EXECUTING:
                text = f"{result.text} The plan is out of date; ask anew: {operate.again(operation)}"
                return await self.end(number, OperationState.STALE, Kind.FAILED, text)
            case Outcome.CONFLICT | Outcome.REFUSED:
                return await self.end(number, OperationState.FAILED, Kind.FAILED, result.text)
            case Outcome.IN_DOUBT:
                await self.write(lambda tx: self._say_in_doubt(tx, number, result, during))
                return await self._keep_looking(number, step, done)

    def _fold(self, tx: Transaction, number: int, result: Result, done: Done) -> str:
        operation = operate.get(tx, number)
        return STOP if operation.state.final else done(tx, operation, result)

    async def off_plan(self, number: int, step: str, done: Done) -> str | None:
        """`None` when exactly what was approved can still be done; else what has become of it was written down."""
        operation = await self.read(number)
        fault = off_plan(self.setup, self.systems, operation)
        if not fault:
            return None
        return await self.write(lambda tx: self._off_plan(tx, number, fault, step, done))

    def _off_plan(self, tx: Transaction, number: int, fault: str, step: str, done: Done) -> str:
        """What was approved can't be done any more: what became of it is what is written down about its call."""
        operation = operate.get(tx, number)
        if operation.state not in {OperationState.EXECUTING, OperationState.IN_DOUBT}:
            return STOP if operation.state.final else GO_ON
        intent = tx.intents.get(step_key(number, step))
        match intent.state if intent is not None else None:
            case IntentState.DONE if intent is not None:
                return done(tx, operation, Result(Outcome.DONE, intent.result))
            case IntentState.INTENDED | IntentState.IN_DOUBT:
                said = "The call may have been made before; it can't be looked at by this configuration."
                text = f"{fault} {said} A person must look and decide: /mlops cancel {operation.ref} ends it."
                after = progress(operation, outcome=text)
                if operation.state is OperationState.EXECUTING:
                    after = move(operation, OperationState.IN_DOUBT, outcome=text)
                tx.operations.save(after, expected=operation.state)
                record(tx, after, Kind.IN_DOUBT, f"{operation.ref}: {text}")
                operate.show(tx, self.setup, after, Lane.ACKNOWLEDGEMENT)
                return STOP
            case _:
                text = f"{fault} Nothing was changed."
                return finish(tx, self.setup, operation, OperationState.FAILED, Kind.FAILED, text)

    # ------------------------------------------------------------ in doubt

    async def _keep_looking(self, number: int, step: Step, done: Done) -> str:
        """Until it is seen, or a person ends it; after a while a person is told that it is up to them."""
        for _ in range(LOOKS):
            await self.clock.sleep(LOOK_EVERY)
            operation = await self.read(number)
            if operation.state is not OperationState.IN_DOUBT:
                return STOP if operation.state.final else GO_ON
            try:
                seen = await self.once.look(step)
            except IntegrationError:
                continue
            if seen.outcome is Outcome.DONE:
                return await self.write(partial(self._fold, number=number, result=seen, done=done))
        await self.write(lambda tx: self._leave_to_people(tx, number))
        return STOP

    def _leave_to_people(self, tx: Transaction, number: int) -> None:
        operation = operate.get(tx, number)
        if operation.state is not OperationState.IN_DOUBT:
            return
        text = f"It was looked at for {spoken(timedelta(seconds=LOOKS * LOOK_EVERY))} and stays in doubt."
        text = f"{text} A person must look and decide: /mlops cancel {operation.ref} ends it."
        after = progress(operation, outcome=text)
        tx.operations.save(after, expected=OperationState.IN_DOUBT)
        record(tx, after, Kind.IN_DOUBT, f"{operation.ref}: {text}")
        operate.show(tx, self.setup, after, Lane.ACKNOWLEDGEMENT)

    def _say_in_doubt(self, tx: Transaction, number: int, result: Result, during: OperationState) -> None:
        operation = operate.get(tx, number)
        if operation.state is not during:
            return
        after = move(operation, OperationState.IN_DOUBT, outcome=result.text)
        tx.operations.save(after, expected=during)
        record(tx, after, Kind.IN_DOUBT, f"{operation.ref}: {result.text} It is looked at, never repeated blindly.")
        operate.show(tx, self.setup, after, Lane.ACKNOWLEDGEMENT)


# ---------------------------------------------------------------- shared


def finish(tx: Transaction, setup: Setup, operation: Operation, to: OperationState, kind: Kind, text: str) -> str:
    """End it with a sentence for people."""
    # `operation` may carry news of this very transaction; what the row holds decides.
    expected = operate.get(tx, operation.number).state
    after = move(replace(operation, state=expected), to, outcome=text, finished_at=tx.now)
    tx.operations.save(after, expected=expected)
    record(tx, after, kind, f"{operation.ref} {to.value}. {text}")
    operate.show(tx, setup, after, Lane.ACKNOWLEDGEMENT)
    return STOP


def record(tx: Transaction, operation: Operation, kind: Kind, text: str) -> None:
    """An entry of the bot's own on the incident's timeline."""
    if operation.incident is not None:
        tx.timeline.append(operation.incident, Draft(kind, text, BOT, tx.now))
