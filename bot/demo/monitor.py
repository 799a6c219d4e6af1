"""What the monitoring does while a person plays: a second alert joins, and both end once a better version serves."""

import asyncio

import httpx
from rich.console import Console

from bot.demo.story import Story

SECOND_AFTER = 20.0
ENDS_AFTER = 6.0
"""Seconds; real alerts take minutes to see that it got better."""
LOOK_EVERY = 1.0
BAD = {"3", "v3"}


class Monitor:
    """Plays Prometheus' part."""

    def __init__(self, story: Story, console: Console) -> None:
        self._story = story
        self._console = console

    async def watch(self) -> None:
        """Until the process is stopped."""
        async with asyncio.TaskGroup() as group:
            second = group.create_task(self._second())
            group.create_task(self._recovery(second))

    async def _second(self) -> None:
        await asyncio.sleep(SECOND_AFTER)
        if await self._served() in BAD:
            await self._story.post_alert("errors")
            self._console.print("A second alert joined: ModelErrorRateHigh.")

    async def _recovery(self, second: "asyncio.Task[None]") -> None:
        while await self._served() in BAD:  # noqa: ASYNC110 - another process's state: it can only be asked again
            await asyncio.sleep(LOOK_EVERY)
        await second
        await asyncio.sleep(ENDS_AFTER)
        for name in ("drift", "errors"):
            await self._story.post_alert(name, ended=True)
        self._console.print("Version 2 serves: both alerts have ended.")
        await asyncio.Event().wait()

    async def _served(self) -> str:
        """The version that answers; a moment without an answer changes nothing."""
        try:
            return await self._story.served()
        except (httpx.HTTPError, ValueError, KeyError):
            return "3"
