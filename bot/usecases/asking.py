"""A source that cut a delivery short is asked for the rest at once, after the answer and not only at the next round."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection

from bot.usecases.reconcile import Reconciled

PATIENCE = 5.0
"""Seconds that `stop` gives what is being asked."""

_log = logging.getLogger(__name__)


class Asking:
    """Asks in the background, each source once at a time; what is wanted meanwhile is one more time afterwards.

    Nothing of it has to survive a crash: the round of every `policies.reconcile_every` finds the same.
    """

    def __init__(self, sources: Collection[str], ask: Callable[[str], Awaitable[Reconciled]]) -> None:
        self._sources = sources
        self._ask = ask
        self._again: set[str] = set()
        self._running: dict[str, asyncio.Task[None]] = {}

    def now(self, source: str) -> None:
        """Ask this source as soon as the caller has given way. One that can't be asked is only named in the log."""
        if source not in self._sources:
            _log.warning("%s left alerts out of a delivery, and can't be asked for them", source)
            return
        if source in self._running:
            self._again.add(source)
            return
        task = asyncio.create_task(self._until_done(source), name=f"ask {source}")
        self._running[source] = task
        task.add_done_callback(lambda _: self._running.pop(source, None))

    async def _until_done(self, source: str) -> None:
        while True:
            self._again.discard(source)
            try:
                result = await self._ask(source)
            except Exception:  # noqa: BLE001 - the edge of a task: the next round asks again
                _log.exception("%s left alerts out of a delivery, and asking for them failed", source)
                return
            if result.fault:
                _log.warning("%s left alerts out of a delivery and could not be asked: %s", source, result.fault)
            if source not in self._again:
                return

    async def settled(self) -> None:
        """Wait until nothing is being asked."""
        while self._running:
            await asyncio.wait(list(self._running.values()))

    async def stop(self) -> None:
        """Let what runs come to its end, and cancel what takes too long."""
        tasks = list(self._running.values())
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=PATIENCE)
        for task in late:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
