"""The machine's clock, run fast: leases and pauses are as shipped, and a test needn't wait for them."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

from bot.ports.clock import Clock

SPEED = 3
_EPOCH = datetime(2026, 11, 23, tzinfo=UTC)


class FastClock(Clock):
    """Alike in all processes of this machine."""

    def now(self) -> datetime:
        return _EPOCH + timedelta(seconds=time.clock_gettime(time.CLOCK_BOOTTIME) * SPEED)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / SPEED)
