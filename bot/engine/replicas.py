"""Processes that share a database: each says that it is alive; the work of one that is silent goes on elsewhere.

A process that finds its lease taken over must not change the outside world any more: the fence is asked before every
irreversible call.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from bot.domain.errors import BotError
from bot.ports.clock import Clock
from bot.ports.engine import Fence, Fenced
from bot.ports.store import Store, Transaction

LEASE = timedelta(seconds=15)
BEAT_SECONDS = 3.0

_log = logging.getLogger(__name__)


class Heartbeat(Fence):
    """Keeps this replica's lease, and takes over the work of those whose lease ran out."""

    def __init__(self, store: Store, clock: Clock, replica: str, take_over: Callable[[str], Awaitable[int]]) -> None:
        self._store = store
        self._clock = clock
        self._replica = replica
        self._take_over = take_over
        self._task: asyncio.Task[None] | None = None
        self._last = self._steady_since = clock.now() - LEASE
        """Our newest beat; and since when no lease of ours has run out."""
        self._owing: set[str] = set()
        """Dead replicas that we have taken over and whose work is not continued yet."""
        self.lost = asyncio.Event()
        """Set when another replica has taken over: this process must end."""

    async def start(self) -> None:
        """Join under this name: whatever an earlier process of this name held is ours again."""

        def join(tx: Transaction) -> None:
            tx.replicas.leave(self._replica)
            tx.replicas.beat(self._replica, LEASE)

        await self._store.write(join)
        self._last = self._clock.now()
        self._task = asyncio.create_task(self._beat(), name="heartbeat")

    async def stop(self) -> None:
        """Leave, so that the others need not wait for the lease to run out."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if not self.lost.is_set():
            try:
                await self._store.write(lambda tx: tx.replicas.expire(self._replica))
            except BotError as error:
                _log.warning("the others must wait until the lease has run out: %s", error)

    async def check(self) -> None:
        """Raise Fenced when this replica may no longer change the outside world."""
        if await self._store.read(lambda tx: tx.replicas.alive(self._replica)):
            return
        # The lease ran out, because the database was away or we slept. When nobody has taken over it is still ours.
        if not await self._keep():
            raise Fenced(
                f"This process ({self._replica}) was silent for too long and another one has taken over.",
                not_done="The call was not made.",
                next_step="The other process goes on with it.",
            )

    async def _beat(self) -> None:
        while not self.lost.is_set():
            await self._clock.sleep(BEAT_SECONDS)
            try:
                await self.tick()
            except BotError as error:
                _log.warning("heartbeat: %s", error)
            except Exception:  # noqa: BLE001 - a heart that stops would be taken for dead, and not know it
                _log.exception("heartbeat")

    async def tick(self) -> None:
        """One beat, and one look at the others."""
        if not await self._keep():
            return
        if self._clock.now() - self._steady_since >= LEASE:
            self._owing.update(await self._store.write(lambda tx: tx.replicas.take_over(self._replica)))
        for dead in sorted(self._owing):
            try:
                count = await self._take_over(dead)
            except Exception:  # noqa: BLE001 - it is tried again at the next beat, and the other dead don't wait
                _log.exception("the operations of replica %s can't be continued yet", dead)
                continue
            self._owing.discard(dead)
            _log.warning("replica %s is silent: continuing %d of its operations", dead, count)

    async def _keep(self) -> bool:
        """Prolong the lease, or find out that it is lost.

        When ours had run out, the others' may have for the same reason (the database was away, the machine slept): they
        get the time of a lease to be heard again before anybody is taken for dead.
        """
        if await self._store.write(lambda tx: tx.replicas.beat(self._replica, LEASE)):
            before, self._last = self._last, self._clock.now()
            if self._last - before >= LEASE:
                self._steady_since = self._last
            return True
        self.lost.set()
        return False
