"""Draws what is owed and shows it, one chart at a time and behind everything else; each hangs in its thread once.

Before a picture is hung it is kept which files they are. When no answer came, or the process ended, the thread is
looked at before anything else is done.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.domain.chart import Chart, Picture, TimeChart, in_words
from bot.domain.errors import BotError, IntegrationError, RateLimited, Refused, Unauthorized
from bot.ports.charts import SLACK, Artist, Brought, Gallery, NotDrawn, Wall
from bot.ports.clock import Clock
from bot.ports.store import Store, Timer, Transaction
from bot.usecases import notify
from bot.usecases.charting import compose
from bot.usecases.charting.compose import Facts
from bot.usecases.charting.owed import LEASE, Occasion, Phase, Progress, drop, keep, progress, put_off
from bot.usecases.setup import Setup
from bot.usecases.systems import Systems

WITHIN = 120.0
"""Seconds for one chart, all in all: less than the lease."""
SETTLED = timedelta(seconds=45)
"""A file that was completed is shown when Slack has processed it; only then its absence says something."""
STALE = timedelta(hours=1)
"""A chart of the beginning that could not be shown for so long is not news any more."""
TRIES = 8
AGAIN = (30, 60, 120, 300, 600)
"""Seconds until the next try, by the number of failed ones."""
NO_CARD = 15.0
"""Seconds until it is looked again whether the incident has a card, at first."""
_LATER = "the first one is not shown yet"
_LIVE = "it goes on"

_log = logging.getLogger(__name__)


def _patience(since: datetime | None, now: datetime) -> float:
    """Seconds until it is looked again: the longer it has waited, the more there is to do for others."""
    waited = 0.0 if since is None else (now - since).total_seconds()
    return max(NO_CARD, waited / 2)


@dataclass(frozen=True, slots=True)
class Held:
    """A chart that this process works on."""

    number: int
    occasion: Occasion
    so_far: Progress
    facts: Facts
    wall: Wall


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing more is owed."""

    outcome: str
    shown: bool = False


@dataclass(frozen=True, slots=True)
class Later:
    """Not now. `failed`: it counts as a try."""

    seconds: float
    outcome: str
    failed: bool = False
    limited: float = 0.0
    """Seconds that Slack wants us to wait."""


class Charter:
    """One per process. `replica` is its name among those that share the store."""

    def __init__(
        self, store: Store, setup: Setup, systems: Systems, clock: Clock, artist: Artist, gallery: Gallery,
        replica: str = "the only one",
    ) -> None:  # fmt: skip
        self._store = store
        self._setup = setup
        self._systems = systems
        self._clock = clock
        self._artist = artist
        self._gallery = gallery
        self._replica = replica
        self._waiting: asyncio.Queue[tuple[int, Occasion]] = asyncio.Queue()
        self._known: set[tuple[int, Occasion]] = set()
        self._said: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Work in the background."""
        self._task = asyncio.create_task(self._run(), name="charts")

    async def stop(self) -> None:
        """Stop; what is not shown yet stays owed."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def want(self, timer: Timer) -> None:
        """A chart is due. What waits already waits once."""
        one = (timer.ref, Occasion(timer.detail))
        if one not in self._known:
            self._known.add(one)
            self._waiting.put_nowait(one)

    async def _run(self) -> None:
        while True:
            one = await self._waiting.get()
            try:
                await self.carry(*one)
            except Exception:  # noqa: BLE001 - the edge of a background job: it must go on, and the timer rings again
                _log.exception("the chart of INC-%s could not be made", one[0])
            finally:
                self._known.discard(one)

    # ------------------------------------------------------------ one chart

    async def carry(self, number: int, occasion: Occasion) -> None:
        """Bring a chart on its way, as far as it goes now."""
        held = await self._store.write(lambda tx: self._hold(tx, number, occasion))
        if held is None:
            return
        end: Done | Later
        try:
            async with asyncio.timeout(WITHIN):
                end = await (self._settle(held) if held.so_far.phase is Phase.HANGING else self._show(held))
        except (BotError, TimeoutError) as error:
            end = self._judge(held, error)
        await self._store.write(lambda tx: self._keep(tx, held, end))

    def _hold(self, tx: Transaction, number: int, occasion: Occasion) -> Held | None:
        """Take it, when it is still owed, nobody else works on it, and there is a card to show it under."""
        so_far = progress(tx, number, occasion) or Progress()
        incident = tx.incidents.get(number)
        if incident is None or so_far.phase is Phase.DONE:
            drop(tx, number, occasion)
            return None
        if so_far.held_by_another(self._replica, tx.now):
            return None
        if so_far.phase is Phase.OWED:
            over = self._not_owed(tx, number, occasion, live=incident.status.live)
            if occasion is Occasion.START and tx.now - incident.opened_at > STALE:
                over = "it could not be shown in time"
            if over == _LATER:
                put_off(tx, number, occasion, _patience(incident.resolved_at, tx.now))
                return None
            if over:
                self._end(tx, number, occasion, replace(so_far, outcome=over), forget=over == _LIVE)
                return None
        card = tx.posts.get(notify.card_key(number))
        if card is None or not card.ts:
            put_off(tx, number, occasion, _patience(incident.opened_at, tx.now))
            return None
        put_off(tx, number, occasion, LEASE.total_seconds())
        so_far = replace(so_far, held_by=self._replica, held_until=tx.now + LEASE)
        keep(tx, number, occasion, so_far)
        wall = Wall(card.channel, card.channel_id, card.ts)
        return Held(number, occasion, so_far, compose.facts_of(tx, incident), wall)

    def _not_owed(self, tx: Transaction, number: int, occasion: Occasion, *, live: bool) -> str:
        """Why the second chart is not owed, not yet, or not now."""
        if occasion is Occasion.START:
            return ""
        if live:
            return _LIVE
        first = progress(tx, number, Occasion.START) or Progress()
        if first.phase is not Phase.DONE:
            return _LATER
        return "" if first.shown else "there was no first one"

    def _keep(self, tx: Transaction, held: Held, end: Done | Later) -> None:
        """What came of it. Another process may have taken it meanwhile: then this is its business."""
        if isinstance(end, Later) and end.limited:
            self._gallery.slow_down(tx, held.wall, end.limited)
        now = progress(tx, held.number, held.occasion) or Progress()
        if now.held_by != self._replica:
            return
        free = replace(now, held_by="", held_until=None, outcome=end.outcome)
        if isinstance(end, Later):
            free = replace(free, tries=now.tries + end.failed)
            keep(tx, held.number, held.occasion, free)
            put_off(tx, held.number, held.occasion, end.seconds)
            return
        self._end(tx, held.number, held.occasion, replace(free, shown=end.shown))

    def _end(self, tx: Transaction, number: int, occasion: Occasion, now: Progress, *, forget: bool = False) -> None:
        drop(tx, number, occasion)
        if not forget:
            keep(tx, number, occasion, replace(now, phase=Phase.DONE))

    # ------------------------------------------------------------ showing it

    async def _show(self, held: Held) -> Done | Later:
        charts = await self._charts(held)
        if not charts:
            return Done("there is nothing to draw")
        wait = await self._store.write(lambda tx: self._gallery.pay(tx, held.wall))
        if wait > 0:
            return Later(max(wait, 1.0), "Slack's limits")
        pictures = [await self._picture(held, chart) for chart in charts]
        brought = [await self._gallery.bring(picture) for picture in pictures]
        words = "\n".join(picture.words for picture in pictures)
        if not await self._store.write(lambda tx: self._about_to_hang(tx, held, brought, words)):
            return Later(LEASE.total_seconds(), "another process has it")
        await self._gallery.hang(brought, held.wall, words)
        return Done("shown", shown=True)

    async def _charts(self, held: Held) -> Sequence[Chart]:
        about, found = compose.asked(held.facts, self._systems), list[Chart]()
        if about is not None:
            try:
                chart = await compose.over_time(held.facts, about, self._setup.mapping, self._clock.now())
                found += [chart] if chart is not None else []
            except IntegrationError as error:
                self._once(f"a chart is missing: {error}")
                if not isinstance(error, Refused) and held.so_far.tries + 1 < TRIES:
                    raise
        bars = compose.drifted(held.facts) if held.occasion is Occasion.START else None
        return [*found, *([bars] if bars is not None else [])]

    async def _picture(self, held: Held, chart: Chart) -> Picture:
        name = f"inc-{held.number}-{'course' if isinstance(chart, TimeChart) else 'drift'}-{held.occasion.value}.png"
        png = await self._artist.draw(chart)
        return Picture(name, f"{held.facts.incident.ref}: {chart.title}", in_words(chart), png)

    def _about_to_hang(self, tx: Transaction, held: Held, brought: Sequence[Brought], words: str) -> bool:
        now = progress(tx, held.number, held.occasion) or Progress()
        if now.held_by != self._replica or now.phase is not held.so_far.phase:
            return False
        files, titles = tuple(one.file for one in brought), tuple(one.title for one in brought)
        hanging = replace(now, phase=Phase.HANGING, files=files, titles=titles, words=words, since=tx.now)
        keep(tx, held.number, held.occasion, replace(hanging, hung=now.hung + 1))
        return True

    async def _settle(self, held: Held) -> Done | Later:
        """It may hang there already. When it surely doesn't, it is hung once more, as the same files."""
        so_far = held.so_far
        if await self._gallery.hangs(so_far.files, held.wall):
            return Done("shown", shown=True)
        rest = 0.0 if so_far.since is None else (so_far.since + SETTLED - self._clock.now()).total_seconds()
        if rest > 0:
            return Later(rest, "it is not known yet whether it was shown")
        brought = [Brought(*one) for one in zip(so_far.files, so_far.titles, strict=True)]
        if so_far.hung > 1 or not await self._store.write(
            lambda tx: self._about_to_hang(tx, held, brought, so_far.words)
        ):
            return Done("in doubt: Slack was told twice, and the thread does not show it")
        try:
            await self._gallery.hang(brought, held.wall, so_far.words)
        except Refused as error:
            return Done(f"in doubt: it was shown before, or can't be: {error.what}"[:300], shown=True)
        return Done("shown", shown=True)

    # ------------------------------------------------------------ when it goes wrong

    def _judge(self, held: Held, error: BotError | TimeoutError) -> Done | Later:
        """What follows from a failure. Nothing else suffers from it, so it is said once and not again."""
        told = str(error) if isinstance(error, BotError) else f"it took longer than {WITHIN:g} s"
        lasting = isinstance(error, Refused | Unauthorized) or (isinstance(error, NotDrawn) and error.lasting)
        if isinstance(error, RateLimited):
            seconds = max(error.retry_after, 1.0)
            return Later(seconds, told[:300], limited=seconds if error.system == SLACK else 0.0)
        self._once(f"a chart is missing: {told}")
        if lasting or held.so_far.tries + 1 >= TRIES:
            return Done(told[:300])
        return Later(AGAIN[min(held.so_far.tries, len(AGAIN) - 1)], told[:300], failed=True)

    def _once(self, text: str) -> None:
        if text not in self._said and len(self._said) < 100:
            self._said.add(text)
            _log.warning("%s", text)
