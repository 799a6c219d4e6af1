"""What happens by itself: due timers, digests, looking at models and sources. Each tick is one short transaction."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from bot.ports.clock import Clock
from bot.ports.store import Store, Timer, Transaction
from bot.usecases import adopt, notify, operate, telling
from bot.usecases import digest as digests
from bot.usecases.charting import owed
from bot.usecases.decide import expire
from bot.usecases.reply import Reply
from bot.usecases.setup import Setup
from bot.usecases.systems import Systems

Claim = Callable[[Transaction], bool]

AT_ONCE, ROUNDS = 50, 40
"""Timers of one commit, and commits of one tick: after a storm no escalation waits behind the charts that are due."""
AGAIN = timedelta(minutes=1)
"""When a timer that could not be rung is rung again."""

_log = logging.getLogger(__name__)


class Clockwork:
    """The jobs' bodies; when they run is the scheduler's business."""

    def __init__(
        self, store: Store, setup: Setup, systems: Systems, clock: Clock, nudge: Callable[[], None],
        charts: Callable[[Timer], None] | None = None,
    ) -> None:  # fmt: skip
        """`charts` is told which chart is due; without it none is made."""
        self._charts = charts
        self._store = store
        self._setup = setup
        self._systems = systems
        self._clock = clock
        self._nudge = nudge

    async def timers(self) -> int:
        """Do what is due: escalations, reminders, expiries. A timer and what it causes are one commit."""
        total = 0
        for _ in range(ROUNDS):
            done = await self._round()
            total += done
            if done < AT_ONCE:
                break
        return total

    async def _round(self) -> int:
        rung: list[Timer] = []
        try:
            done = await self._store.write(partial(self._ring_due, rung=rung))
            self._hand_over(rung)
        except Exception as error:  # noqa: BLE001 - one timer that can't be rung must not silence the others
            _log.warning("timers that are due together could not be rung, so they are rung one by one: %s", error)
            done = await self._one_by_one()
        if done:
            self._nudge()
        return done

    def _ring_due(self, tx: Transaction, rung: list[Timer]) -> int:
        rung[:] = tx.timers.take_due(tx.now, limit=AT_ONCE)
        for timer in rung:
            self._ring(tx, timer)
        return len(rung)

    def _hand_over(self, rung: Sequence[Timer]) -> None:
        """What takes time is begun after the commit."""
        for timer in rung:
            if timer.kind == owed.KIND and self._charts is not None:
                self._charts(timer)

    async def _one_by_one(self) -> int:
        """Ring each in a commit of its own; one that fails is rung again later."""
        done = 0
        while True:
            taken: list[Timer] = []
            try:
                await self._store.write(partial(self._ring_one, taken=taken))
            except Exception:
                if not taken:
                    raise  # the database itself
                _log.exception("the timer %s could not be rung", taken[0].key)
                await self._store.write(partial(_put_off, timer=taken[0]))
                continue
            if not taken:
                return done
            self._hand_over(taken)
            done += 1

    def _ring_one(self, tx: Transaction, taken: list[Timer]) -> None:
        taken[:] = tx.timers.take_due(tx.now, limit=1)
        for timer in taken:
            self._ring(tx, timer)

    def _ring(self, tx: Transaction, timer: Timer) -> None:
        match timer.kind:
            case notify.ESCALATE:
                notify.escalate(tx, self._setup, timer.ref)
            case notify.REMIND:
                notify.remind(tx, self._setup, timer.ref)
            case telling.TELL:
                telling.tell_due(tx, timer.ref)
            case adopt.ANSWER:
                adopt.answer_due(tx, timer)
            case owed.KIND if self._charts is not None:
                owed.ring(tx, timer)
            case operate.EXPIRE:
                expire(tx, self._setup, timer.ref)
            case _:
                pass

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


def _put_off(tx: Transaction, timer: Timer) -> None:
    tx.timers.set(replace(timer, due_at=tx.now + AGAIN))
