"""A clock that stands still until a test moves it, and wakes who sleeps by it."""

import asyncio
from datetime import UTC, datetime, timedelta

from bot.ports.clock import Clock

START = datetime(2026, 11, 23, 3, 10, tzinfo=UTC)


class FakeClock(Clock):
    """Time is handed in. `now` may be asked from any thread; the rest belongs to the event loop's."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self._sleepers: list[tuple[datetime, asyncio.Future[None]]] = []
        self._arrived = asyncio.Event()

    def now(self) -> datetime:
        return self._now

    def advance(self, by: timedelta | float) -> datetime:
        """Move on by a time, or by so many seconds, and wake everybody whose time has come, first come first."""
        return self.set(self._now + (by if isinstance(by, timedelta) else timedelta(seconds=by)))

    def set(self, to: datetime) -> datetime:
        """Move to a moment. Time doesn't run backwards."""
        assert to >= self._now, "time doesn't run backwards"
        self._now = to
        due = sorted((s for s in self._sleepers if s[0] <= to), key=lambda sleeper: sleeper[0])
        self._sleepers = [s for s in self._sleepers if s[0] > to]
        for _, waking in due:
            if not waking.done():
                waking.set_result(None)
        return to

    async def sleep(self, seconds: float) -> None:
        """Come back when the clock was moved so far. A sleep of nothing lets others run, as the real one does."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        waking: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        sleeper = (self._now + timedelta(seconds=seconds), waking)
        self._sleepers.append(sleeper)
        self._arrived.set()
        try:
            await waking
        finally:
            if sleeper in self._sleepers:
                self._sleepers.remove(sleeper)

    @property
    def sleeping(self) -> int:
        """How many sleep by this clock."""
        return len(self._sleepers)

    async def until_sleeping(self, count: int = 1, within: float = 10.0) -> None:
        """Wait until at least so many sleep: then `advance` wakes them, and nobody is missed."""
        async with asyncio.timeout(within):
            while len(self._sleepers) < count:
                self._arrived.clear()
                await self._arrived.wait()
