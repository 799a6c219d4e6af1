"""Messages that are to be posted later are posted when the clock says so."""

import asyncio

from sandbox.workspace import messages
from sandbox.workspace.state import Workspace
from sandbox.workspace.values import Scheduled


class Later:
    """One task for each of them."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def add(self, scheduled: Scheduled) -> None:
        """Post this when its time has come."""
        self._workspace.scheduled[scheduled.id] = scheduled
        self._tasks[scheduled.id] = asyncio.create_task(self._post(scheduled))

    def remove(self, scheduled_id: str) -> None:
        """Do not post it after all."""
        del self._workspace.scheduled[scheduled_id]
        self._tasks.pop(scheduled_id).cancel()

    async def close(self) -> None:
        """Post nothing any more."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

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
