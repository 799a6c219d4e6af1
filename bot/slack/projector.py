"""Slack is a projection of state: this worker makes it show the newest revision, and never the same thing twice.

A post is held and marked as being sent before the first attempt. When no answer came, or the process ended, the
message is looked for by its metadata before it is posted again. While one process holds a post no other touches it, so
that two never post the same thing, and an older state never goes over a newer one. What is rendered is always the
state of the moment of holding. Several posts are under way at once, so that a card never waits for a page's answer.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from slack_sdk.errors import SlackApiError

from bot.domain.errors import BotError
from bot.domain.post import Backlog, Post
from bot.ports.clock import Clock
from bot.ports.store import Store, Transaction
from bot.slack import aftermath
from bot.slack.aftermath import Aftermath
from bot.slack.blocks.plain import plainer
from bot.slack.connection import Connection, api_error
from bot.slack.finder import Finder, LookupFailed
from bot.slack.holding import LEASE, Taken, Taker, Work, again
from bot.slack.sending import Sender, TakenError
from bot.slack.shared import Shared
from bot.usecases.setup import Setup

__all__ = ["LEASE", "Projector"]

IDLE_SECONDS = 5.0
"""How often the store is asked when nobody nudges: what another replica wanted is shown, too."""
GAP_SECONDS, LONGEST_GAP = 0.03, 0.24
"""After a look that found nothing to do: in a storm many nudge for what has to wait anyhow. The gap doubles while they
do, for a look costs as much as taking ten alerts."""
IN_FLIGHT = 8
"""Posts that are under way at once."""
GIVEN_UP = 3
"""Calls without an answer, one after the other, until Slack counts as away; then one is tried at a time."""
PAUSES = (1, 2, 5, 10, 15)
"""Seconds between these tries."""
TOKEN_PAUSE = 30.0
OURS, TOKEN = "ours", "token"
JOINS = 3
"""Attempts of a post in which it is tried to join its channel."""

_log = logging.getLogger(__name__)


class Projector:
    """One per process. `nudge` wakes it."""

    def __init__(
        self, store: Store, setup: Setup, connection: Connection, clock: Clock, replica: str = "the only one"
    ) -> None:
        self._store = store
        self._setup = setup
        self._clock = clock
        self._finder = Finder(connection, setup)
        self._taker = Taker(setup, replica)
        self._sender = Sender(connection, self._finder, clock, self._hold_again)
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._busy: dict[str, asyncio.Task[bool]] = {}
        self._faults: dict[str, str] = {}
        self._failures = 0
        """Calls without an answer since the last answer."""
        self._paused_until: datetime | None = None
        self._backlog: Backlog | None = None

    @property
    def fault(self) -> str | None:
        """What keeps Slack from being up to date; `None` when all is well."""
        if not self._faults:
            return None
        return "; ".join((*self._faults.values(), *([self._backlog.told] if self._backlog else [])))

    def nudge(self) -> None:
        """There is something new to show."""
        self._wake.set()

    async def start(self) -> None:
        """Work in the background."""
        self._task = asyncio.create_task(self._run(), name="projector")

    async def stop(self) -> None:
        """Stop; what is not shown yet stays wanted."""
        tasks = [*self._busy.values(), *([self._task] if self._task is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._task = None

    # ------------------------------------------------------------ the loop

    async def _run(self) -> None:
        gap = GAP_SECONDS
        while True:
            self._wake.clear()
            wait = IDLE_SECONDS
            try:
                taken = await self._take()
                for work in taken.works:
                    self._go(work)
                if taken.wait is not None:
                    wait = min(wait, taken.wait)
                self._faults.pop(OURS, None)
                if taken.works:
                    gap = GAP_SECONDS
                else:
                    await asyncio.sleep(gap)
                    gap = min(gap * 2, LONGEST_GAP) if self._wake.is_set() else GAP_SECONDS
            except Exception as error:  # noqa: BLE001 - the edge of a background job
                # It must go on, and readiness says that something is wrong.
                self._own_fault(error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(wait, GAP_SECONDS)):
                    await self._wake.wait()

    def _go(self, work: Work) -> None:
        task = asyncio.create_task(self._carry(work), name=f"post {work.post.key}")
        self._busy[work.post.key] = task
        task.add_done_callback(lambda done: self._done(work.post.key, done))

    def _done(self, key: str, task: "asyncio.Task[bool]") -> None:
        """The next one may go; what was wanted meanwhile, and what waited for it, too."""
        del self._busy[key]
        if not task.cancelled() and (error := task.exception()) is not None:
            self._own_fault(error)
        self._wake.set()

    def _own_fault(self, error: BaseException) -> None:
        told = error.what if isinstance(error, BotError) else "an unexpected error; see the log"
        self._faults[OURS] = f"what Slack should show can't be brought there: {told}"
        _log.error("projector", exc_info=error)

    async def round(self) -> bool:
        """Show what is due and what the budget allows, and wait for it; True when something was shown."""
        taken = await self._take()
        return any(await asyncio.gather(*(self._carry(work) for work in taken.works)))

    async def _take(self) -> Taken:
        """Hold and render what may go now; afterwards all of it is marked as being sent."""
        paused = (self._paused_until - self._clock.now()).total_seconds() if self._paused_until else 0.0
        probing = self._failures >= GIVEN_UP
        slots = 0 if paused > 0 else (1 if probing else IN_FLIGHT) - len(self._busy)
        busy = frozenset(self._busy)
        taken = await self._store.write(lambda tx: self._taker.take(tx, max(slots, 0), busy, probing=probing))
        self._backlog = taken.backlog
        return replace(taken, wait=max(taken.wait, paused) if taken.wait is not None else None)

    async def _hold_again(self, work: Work) -> Work | None:
        return await self._store.write(lambda tx: again(tx, self._taker.replica, work))

    # ------------------------------------------------------------ one post

    async def _carry(self, work: Work) -> bool:
        """Bring it to Slack and keep what came of it; True when there is something to go on with."""
        post, message = work.post, work.message
        if work.fault:
            await self._keep(aftermath.later(post, work.fault, self._clock.now(), post.sending))
            return False
        if message is None or post.shown >= post.wanted:  # gone, or shown by another process meanwhile
            await self._keep(replace(post, shown=post.wanted, sending=False))
            return True
        try:
            after = await self._sender.send(work, message)
        except TakenError:
            return False
        except SlackApiError as error:
            if api_error(error) in aftermath.UNKNOWN_BLOCKS and not self._taker.plain and plainer(message) is not None:
                return await self._without_newer_blocks(post)
            return await self._failed(post, error)
        except (LookupFailed, *aftermath.NETWORK) as error:
            return await self._failed(post, error)
        self._faults.pop(TOKEN, None)
        self._faults.pop(post.channel, None)
        await self._keep(replace(after, attempts=0, not_before=None, last_error=""), *self._answered())
        return True

    async def _failed(self, post: Post, error: aftermath.Failure) -> bool:
        found = aftermath.of(post, error, self._clock.now())
        if found.code == "message_not_found" and post.ts:
            await self._keep(replace(post, ts="", sending=False))
            return True
        if found.code in aftermath.ABSENT and post.attempts < JOINS and await self._finder.join(post.channel):
            in_doubt = post.sending or isinstance(error, LookupFailed)
            await self._keep(replace(post, channel_id="", sending=in_doubt, attempts=post.attempts + 1))
            return True
        if found.advice is not None:
            self._faults[post.channel] = found.advice
        self._count(found)
        await self._keep(found.post, *self._to_note(found))
        return False

    def _count(self, found: Aftermath) -> None:
        """Whether Slack is away: then it is asked with one post, and the others stay as they are."""
        if found.code in aftermath.FATAL:
            self._faults[TOKEN] = f"Slack refuses our token ({found.code}): set MLOPS_BOT_SLACK__BOT_TOKEN"
            self._pause(TOKEN_PAUSE)
        elif found.away:
            self._failures += 1
            if self._failures >= GIVEN_UP:
                self._pause(PAUSES[min(self._failures - GIVEN_UP, len(PAUSES) - 1)])

    def _pause(self, seconds: float) -> None:
        self._paused_until = self._clock.now() + timedelta(seconds=seconds)

    def _answered(self) -> list[Callable[[Transaction], None]]:
        """Slack is there. When it was away, what waits for a later try goes on at once."""
        was_away = self._failures >= GIVEN_UP or self._paused_until is not None
        self._failures, self._paused_until = 0, None
        return [lambda tx: tx.posts.hurry()] if was_away else []

    def _to_note(self, found: Aftermath) -> list[Callable[[Transaction], None]]:
        """What else is kept about a failure: that somebody is not reached, how long Slack wants us to wait."""
        notes: list[Callable[[Transaction], None]] = []
        if found.unreached:
            notes.append(lambda tx: aftermath.note_unreached(tx, self._setup, found.post, found.code))
        if found.limited is not None:
            seconds = found.limited

            def slow_down(tx: Transaction) -> None:
                shared = Shared.of(tx)
                shared.budget.limited(found.post, seconds, self._clock.now())
                shared.keep(tx)

            notes.append(slow_down)
        return notes

    async def _without_newer_blocks(self, post: Post) -> bool:
        """Shown in older ones from now on, at once."""
        self._taker = replace(self._taker, plain=True)
        _log.warning("this workspace does not take task cards; progress is shown as lists")
        await self._keep(replace(post, sending=False))
        return True

    async def _keep(self, post: Post, *notes: Callable[[Transaction], None]) -> None:
        def keep(tx: Transaction) -> None:
            tx.posts.save(post, by=self._taker.replica)
            for note in notes:
                note(tx)

        await self._store.write(keep)
