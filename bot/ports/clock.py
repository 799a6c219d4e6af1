"""Time is handed in, and so is waiting."""

import asyncio
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Says what time it is, with a zone, and waits."""

    def now(self) -> datetime:
        """The present moment in UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Come back after so many seconds by this clock."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present moment in UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Come back after so many seconds."""
        await asyncio.sleep(seconds)
