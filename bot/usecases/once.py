"""Every irreversible call goes through here: written down before, looked for before it is repeated.

The row with the idempotency key is committed first; then the fence is checked; then the call is made; then its result
is written down. A row without a result means that a process ended in between, or that no answer came: then there is a
doubt, the world is asked, and a call that can't be repeated harmlessly is never repeated. Once there was a doubt, not
even a refusal is believed without a look: it may be the late effect of the first call that made the second one fail.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from bot.domain.errors import BotError, Conflict, Indeterminate, RateLimited, Unreachable, Unreadable
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
        return step_key(self.operation, self.name)


def step_key(operation: int, step: str) -> str:
    """The key of an operation's step."""
    return f"OP-{operation}:{step}"


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a look gave; `None` with the trouble when the system could not be asked."""

    found: Found | None
    trouble: str = ""


GRACE = timedelta(seconds=3)
"""How long a request of a dead process may still be on its way."""
PATIENCE = timedelta(seconds=60)
"""How long a system is tried that can't be reached, asks us to slow down, or gives no answer."""


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
            case IntentState.CONFLICT:
                return Result(Outcome.CONFLICT, intent.result)
            case IntentState.INTENDED if fresh:
                return await self._settle(step, doubt="")
            case IntentState.INTENDED | IntentState.IN_DOUBT:
                return await self._settle(step, doubt="the process ended before the result was written down")

    async def begun(self, step: Step) -> bool:
        """Whether its intent is written down: then `do` finds out what became of it."""
        return await self._store.read(lambda tx: tx.intents.get(step.key)) is not None

    async def look(self, step: Step) -> Result:
        """Ask the world about a step that is in doubt; nothing is sent."""
        return await self._judge(step, _Seen(await step.find()), doubt="no answer came")

    async def _settle(self, step: Step, *, doubt: str) -> Result:
        """Look and call in turns, until it is known or patience is over. `doubt`: why a call may have had an effect."""
        deadline = self._clock.now() + PATIENCE
        while True:
            if doubt:
                seen = await self._look(step)
                over = self._clock.now() >= deadline
                if seen.found is not Found.AS_BEFORE or not step.repeatable or over:
                    return await self._judge(step, seen, doubt)
            match await self._call(step, deadline):
                case str(text):
                    return await self._finish(step, IntentState.DONE, Outcome.DONE, text)
                case Indeterminate() | Unreadable() as error:  # what can't be read may be the answer of a success
                    doubt = error.what
                case error:
                    return await self._declined(step, error, doubt)

    async def _call(self, step: Step, deadline: datetime) -> str | BotError:
        """Make the call; a system that takes nothing now is tried until the deadline. Raises only what is our own."""
        wait = 0.5
        while True:
            await self._fence.check()
            try:
                return await step.call()
            except (Unreachable, RateLimited) as error:
                pause = error.retry_after if isinstance(error, RateLimited) else wait
                if self._clock.now() + timedelta(seconds=pause) > deadline:
                    return error
            except BotError as error:
                return error
            await self._clock.sleep(pause)
            wait = min(wait * 2, 10)

    async def _declined(self, step: Step, error: BotError, doubt: str) -> Result:
        """Not done this time; after a doubt the first time counts, too."""
        unsent = isinstance(error, Unreachable | RateLimited)
        if doubt:
            seen = await self._ask(step)
            if unsent or seen.found is not Found.AS_BEFORE:
                return await self._judge(step, seen, doubt)
        text = f"{error.what} Nothing was sent." if unsent else str(error)
        if isinstance(error, Conflict):
            return await self._finish(step, IntentState.CONFLICT, Outcome.CONFLICT, text)
        return await self._finish(step, IntentState.REFUSED, Outcome.REFUSED, text)

    async def _look(self, step: Step) -> "_Seen":
        """Wait for a request that may still be on its way: the world as it was is believed only after the grace."""
        deadline = self._clock.now() + GRACE
        while True:
            seen = await self._ask(step)
            if seen.found in {Found.THERE, Found.OTHERWISE} or self._clock.now() >= deadline:
                return seen
            await self._clock.sleep(0.5)

    async def _ask(self, step: Step) -> "_Seen":
        try:
            return _Seen(await step.find())
        except BotError as error:
            return _Seen(None, error.what)

    async def _judge(self, step: Step, seen: "_Seen", doubt: str) -> Result:
        match seen.found:
            case Found.THERE:
                text = f"{step.describe}: found done by looking."
                return await self._finish(step, IntentState.DONE, Outcome.DONE, text)
            case Found.AS_BEFORE:
                text = f"{step.describe}: sent, not confirmed ({doubt}), and not seen."
            case Found.OTHERWISE:
                text = f"{step.describe}: somebody else has changed it meanwhile."
            case None:
                text = f"Sent, not confirmed ({doubt}); and it can't be asked: {seen.trouble}"
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
