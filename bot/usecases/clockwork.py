"""What happens by itself: due timers, digests, looking at models and sources. Each tick is one short transaction."""

from collections.abc import Callable
from datetime import datetime

from bot.ports.clock import Clock
from bot.ports.store import Store, Transaction
from bot.usecases import digest as digests
from bot.usecases import notify, operate
from bot.usecases.decide import expire
from bot.usecases.reply import Reply
from bot.usecases.setup import Setup
from bot.usecases.systems import Systems

Claim = Callable[[Transaction], bool]


class Clockwork:
    """The jobs' bodies; when they run is the scheduler's business."""

    def __init__(self, store: Store, setup: Setup, systems: Systems, clock: Clock, nudge: Callable[[], None]) -> None:
        self._store = store
        self._setup = setup
        self._systems = systems
        self._clock = clock
        self._nudge = nudge

    async def timers(self) -> int:
        """Do what is due: escalations, reminders, expiries. A timer and what it causes are one commit."""

        def decide(tx: Transaction) -> int:
            due = tx.timers.take_due(tx.now)
            for timer in due:
                match timer.kind:
                    case notify.ESCALATE:
                        notify.escalate(tx, self._setup, timer.ref)
                    case notify.REMIND:
                        notify.remind(tx, self._setup, timer.ref)
                    case operate.EXPIRE:
                        expire(tx, self._setup, timer.ref)
                    case _:
                        pass
            return len(due)

        done = await self._store.write(decide)
        if done:
            self._nudge()
        return done

    async def daily_digest(self, tick: datetime, claim: Claim) -> None:
        """Post the daily digest of this tick, if no other process has."""

        def decide(tx: Transaction) -> None:
            if claim(tx):
                digests.post(tx, self._setup, "daily", digests.daily(tx, self._setup, now=tick), tick)

        await self._store.write(decide)
        self._nudge()

    async def maturity_digest(self, tick: datetime, claim: Claim) -> None:
        """Post the maturity digest of this tick, if no other process has."""
        evidence = await digests.collect(self._systems, self._setup, self._store, self._clock)

        def decide(tx: Transaction) -> Reply | None:
            if not claim(tx):
                return None
            reply = digests.maturity(tx, self._setup, evidence, now=tick)
            digests.post(tx, self._setup, "maturity", reply, tick)
            return reply

        await self._store.write(decide)
        self._nudge()
