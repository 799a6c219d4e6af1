"""Every irreversible call goes through here: written down before, looked for before it is repeated.

The row with the idempotency key is committed first; then the fence is checked; then the call is made; then its result
is written down. A row without a result means that a process ended in between, or that no answer came: then the world
is asked, and a call that can't be repeated harmlessly is never repeated.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from bot.domain.errors import Conflict, Indeterminate, IntegrationError, RateLimited, Unreachable
from bot.domain.operation import Intent, IntentState
from bot.domain.timeline import BOT, Draft, Kind
from bot.ports.clock import Clock
from bot.ports.engine import Fence
from bot.ports.store import Store, Transaction


class Found(StrEnum):
    """What the world says about a call that may have been made."""

    THERE = "the effect is there"
    AS_BEFORE = "the world is as it was"
    OTHERWISE = "somebody else has changed it"


class Outcome(StrEnum):
    """What became of a call."""

    DONE = "done"
    CONFLICT = "conflict"
    """The world had moved; nothing was changed."""
    REFUSED = "refused"
    """Not done, and known not to be done."""
    IN_DOUBT = "in doubt"


@dataclass(frozen=True, slots=True)
class Result:
    """An outcome with a sentence for people."""

    outcome: Outcome
    text: str


@dataclass(frozen=True, slots=True)
class Step:
    """One irreversible call of an operation.

    `call` gives a sentence about what was done. `find` asks the world. `repeatable`: the same call twice has the
    effect of one, so that it may be made again when the world is as it was.
    """

    operation: int
    incident: int
    name: str
    describe: str
    call: Callable[[], Awaitable[str]]
    find: Callable[[], Awaitable[Found]]
    repeatable: bool

    @property
    def key(self) -> str:
        """The idempotency key."""
        return f"OP-{self.operation}:{self.name}"


GRACE = timedelta(seconds=3)
"""How long a request of a dead process may still be on its way."""
PATIENCE = timedelta(seconds=60)
"""How long a system that can't be reached is tried, before a step is given up with nothing sent."""


class Once:
    """Makes irreversible calls."""

    def __init__(self, store: Store, clock: Clock, fence: Fence) -> None:
        self._store = store
        self._clock = clock
        self._fence = fence

    async def do(self, step: Step) -> Result:
        """Make the call, or find out what became of it."""
        intent, fresh = await self._store.write(lambda tx: _intend(tx, step))
        match intent.state:
            case IntentState.DONE:
                return Result(Outcome.DONE, intent.result)
            case IntentState.REFUSED:
                return Result(Outcome.REFUSED, intent.result)
            case IntentState.INTENDED if fresh:
                return await self._call(step)
            case IntentState.INTENDED | IntentState.IN_DOUBT:
                return await self._look(step, why="the process ended before the result was written down")

    async def look(self, step: Step) -> Result:
        """Ask the world about a step that is in doubt; nothing is sent."""
        return await self._judge(step, await step.find())

    async def _call(self, step: Step) -> Result:
        deadline = self._clock.now() + PATIENCE
        wait = 0.5
        while True:
            await self._fence.check()
            try:
                text = await step.call()
            except Indeterminate as error:
                return await self._look(step, why=error.what)
            except (Unreachable, RateLimited) as error:
                if self._clock.now() >= deadline:
                    return await self._finish(
                        step, IntentState.REFUSED, Outcome.REFUSED, f"{error.what} Nothing was sent."
                    )
                await self._clock.sleep(error.retry_after if isinstance(error, RateLimited) else wait)
                wait = min(wait * 2, 10)
            except Conflict as error:
                return await self._finish(step, IntentState.REFUSED, Outcome.CONFLICT, str(error))
            except IntegrationError as error:
                return await self._finish(step, IntentState.REFUSED, Outcome.REFUSED, str(error))
            else:
                return await self._finish(step, IntentState.DONE, Outcome.DONE, text)

    async def _look(self, step: Step, *, why: str) -> Result:
        """Wait for a request that may still be on its way, then ask; repeat only what may be repeated."""
        deadline = self._clock.now() + GRACE
        found: Found | None = None
        trouble = ""
        while found is not Found.THERE:
            try:
                found = await step.find()
            except IntegrationError as error:
                trouble = error.what
            if found is Found.OTHERWISE or self._clock.now() >= deadline:
                break
            await self._clock.sleep(0.5)
        if found is None:
            text = f"Sent, not confirmed ({why}); and it can't be asked: {trouble}"
            return await self._finish(step, IntentState.IN_DOUBT, Outcome.IN_DOUBT, text)
        if found is Found.AS_BEFORE and step.repeatable:
            return await self._call(step)
        return await self._judge(step, found)

    async def _judge(self, step: Step, found: Found) -> Result:
        match found:
            case Found.THERE:
                text = f"{step.describe}: found done by looking."
                return await self._finish(step, IntentState.DONE, Outcome.DONE, text)
            case Found.AS_BEFORE:
                text = f"{step.describe}: sent, not confirmed, and not seen."
                return await self._finish(step, IntentState.IN_DOUBT, Outcome.IN_DOUBT, text)
            case Found.OTHERWISE:
                text = f"{step.describe}: somebody else has changed it meanwhile."
                return await self._finish(step, IntentState.IN_DOUBT, Outcome.IN_DOUBT, text)

    async def _finish(self, step: Step, state: IntentState, outcome: Outcome, text: str) -> Result:
        def decide(tx: Transaction) -> None:
            intent = tx.intents.get(step.key)
            if intent is not None:
                tx.intents.save(replace(intent, state=state, finished_at=tx.now, result=text))

        await self._store.write(decide)
        return Result(outcome, text)


def _intend(tx: Transaction, step: Step) -> tuple[Intent, bool]:
    """The intent row, and whether it was made just now."""
    have = tx.intents.get(step.key)
    if have is not None:
        tx.intents.save(replace(have, attempts=have.attempts + 1))
        return have, False
    intent = Intent(step.key, step.operation, step.name, IntentState.INTENDED, step.describe, tx.now)
    tx.intents.add(intent)
    tx.timeline.append(step.incident, Draft(Kind.INTENDED, f"OP-{step.operation}: {step.describe}", BOT, tx.now))
    return intent, True
