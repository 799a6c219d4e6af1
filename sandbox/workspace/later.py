"""What is to happen later happens when the clock says so: messages are posted, files are processed."""

import asyncio
from collections.abc import Callable

from sandbox.workspace import messages
from sandbox.workspace.state import Workspace
from sandbox.workspace.values import Scheduled


class Later:
    """One task for each thing."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._others: set[asyncio.Task[None]] = set()

    def add(self, scheduled: Scheduled) -> None:
        """Post this when its time has come."""
        self._workspace.scheduled[scheduled.id] = scheduled
        self._tasks[scheduled.id] = asyncio.create_task(self._post(scheduled))

    def remove(self, scheduled_id: str) -> None:
        """Do not post it after all."""
        del self._workspace.scheduled[scheduled_id]
        self._tasks.pop(scheduled_id).cancel()

    def after(self, seconds: float, work: Callable[[], None]) -> None:
        """Do something when so much time has passed."""
        task = asyncio.create_task(self._wait(seconds, work))
        self._others.add(task)
        task.add_done_callback(self._others.discard)

    async def close(self) -> None:
        """Nothing happens any more."""
        tasks = [*self._tasks.values(), *self._others]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _wait(self, seconds: float, work: Callable[[], None]) -> None:
        await self._workspace.clock.sleep(seconds)
        work()

    async def _post(self, scheduled: Scheduled) -> None:
        workspace = self._workspace
        await workspace.clock.sleep(scheduled.post_at - workspace.clock.now())
        del workspace.scheduled[scheduled.id]
        del self._tasks[scheduled.id]
        channel = workspace.conversations[scheduled.channel]
        if channel.archived or workspace.app.user_id not in channel.members:
            return
        body = dict(scheduled.body)
        thread_ts = str(body.pop("thread_ts", ""))
        known = thread_ts if thread_ts in channel.messages else ""
        bot = workspace.members[workspace.app.user_id]
        messages.post(workspace, channel, bot, body, thread_ts=known)
