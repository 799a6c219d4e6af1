"""Events are delivered until they are acknowledged or Slack gives up; what a person waits for is tried once."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from sandbox.clock import within
from sandbox.delivery.transport import Ack, Kind, NotDelivered, Retry, Transport
from sandbox.workspace.state import Workspace
from sandbox.workspace.values import Json

DEADLINE = 3.0
"""Seconds that the app has to acknowledge."""
RETRY_AFTER = (0.0, 60.0, 300.0)
"""Seconds before each further attempt of an event."""
KEPT = 5_000
MESSAGE_KINDS = {"channel": "message.channels", "group": "message.groups", "im": "message.im", "mpim": "message.mpim"}


@dataclass(slots=True)
class Attempts:
    """An event on its way. `first` tells how its first attempt ended."""

    envelope: Json
    first: asyncio.Future[bool]
    reasons: list[str] = field(default_factory=list)
    acknowledged: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when there will be no further attempt."""


class Weather(Protocol):
    """What stands between Slack and the app on a bad day."""

    @property
    def lost(self) -> bool:
        """Whether nothing gets through."""
        ...

    async def until_back(self) -> None:
        """Wait until something does."""
        ...

    def ack_delay(self) -> float:
        """How much later the next acknowledgement arrives."""
        ...


class Deliveries:
    """Builds envelopes for what the app has subscribed to, and sees to it that they arrive."""

    def __init__(self, workspace: Workspace, transport: Transport, weather: Weather) -> None:
        self.transport = transport
        self.weather = weather
        self.sent: OrderedDict[str, Attempts] = OrderedDict()
        """Every event by its id, the newest ones kept."""
        self._workspace = workspace
        self._tasks: set[asyncio.Task[None]] = set()
        self._watchers: list[list[Attempts]] = []
        workspace.listen(self.event)

    # ------------------------------------------------------------ events

    def event(self, channel_id: str, event: Json) -> None:
        """Something happened: deliver it, if the app wants it and is where it happened."""
        if not self._wanted(channel_id, event):
            return
        envelope = self._envelope(event)
        attempts = Attempts(envelope, asyncio.get_running_loop().create_future())
        self.sent[envelope["event_id"]] = attempts
        while len(self.sent) > KEPT:
            self.sent.popitem(last=False)
        for watcher in self._watchers:
            watcher.append(attempts)
        self._go(attempts)

    async def redeliver(self, event_id: str) -> bool:
        """Deliver an event again, as if its acknowledgement had got lost. Returns whether it was acknowledged.

        Raises KeyError for an event that is not known.
        """
        attempts = self.sent[next(reversed(self.sent)) if event_id == "last" and self.sent else event_id]
        retry = Retry(1, self.transport.timeout_reason)
        try:
            await self._attempt("events_api", attempts.envelope, retry)
        except (NotDelivered, TimeoutError):
            return False
        return True

    @contextmanager
    def watching(self) -> Iterator[list[Attempts]]:
        """The events that are caused in this block."""
        seen: list[Attempts] = []
        self._watchers.append(seen)
        try:
            yield seen
        finally:
            self._watchers.remove(seen)

    # ------------------------------------------------------------ what a person waits for

    async def ask(self, kind: Kind, payload: Json) -> Ack:
        """One attempt within the deadline. Raises NotDelivered or TimeoutError."""
        return await self._attempt(kind, payload, Retry())

    async def close(self) -> None:
        """Give up on everything that is under way."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # ------------------------------------------------------------ the parts

    def _go(self, attempts: Attempts) -> None:
        task = asyncio.create_task(self._deliver(attempts))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, attempts: Attempts) -> None:
        clock, transport = self._workspace.clock, self.transport
        try:
            for number, pause in enumerate((0.0, *RETRY_AFTER)):
                await clock.sleep(pause)
                await self.weather.until_back()
                retry = Retry(number, attempts.reasons[-1] if attempts.reasons else "")
                try:
                    await self._attempt("events_api", attempts.envelope, retry)
                except TimeoutError:
                    attempts.reasons.append(transport.timeout_reason)
                except NotDelivered as error:
                    attempts.reasons.append(error.reason)
                    if error.final:
                        return
                else:
                    attempts.acknowledged = True
                    return
                _tell(attempts.first, outcome=False)
        finally:
            attempts.ended.set()
            _tell(attempts.first, outcome=attempts.acknowledged)

    async def _attempt(self, kind: Kind, payload: Json, retry: Retry) -> Ack:
        """Hand it over, once, and wait for the acknowledgement as long as Slack waits."""
        workspace = self._workspace
        if self.weather.lost:
            raise NotDelivered("connection_failed")
        facts: Json = {"type": kind, "payload": payload, "attempt": retry.attempt, "reason": retry.reason}
        number = workspace.note("delivery", facts)
        failed: str | None = "cancelled"
        payload_back: Json | None = None
        try:
            ack = await within(workspace.clock, DEADLINE, self._delivered(kind, payload, retry))
            failed, payload_back = None, ack.payload
            return ack
        except TimeoutError:
            failed = self.transport.timeout_reason
            raise
        except NotDelivered as error:
            failed = error.reason
            raise
        finally:
            workspace.note("ack", {"of": number, "failed": failed, "payload": payload_back})

    async def _delivered(self, kind: Kind, payload: Json, retry: Retry) -> Ack:
        ack = await self.transport.deliver(kind, payload, retry)
        if late := self.weather.ack_delay():
            await self._workspace.clock.sleep(late)
        return ack

    def _wanted(self, channel_id: str, event: Json) -> bool:
        app = self._workspace.app
        kind = MESSAGE_KINDS[event["channel_type"]] if event["type"] == "message" else event["type"]
        if kind not in app.events and event["type"] not in app.events:
            return False
        channel = self._workspace.conversations.get(channel_id)
        if channel is None:
            return True
        itself = event["type"].startswith("member_") and event.get("user") == app.user_id
        return itself or app.user_id in channel.members

    def _envelope(self, event: Json) -> Json:
        workspace = self._workspace
        number = workspace.new_id("Ev")
        person = {"enterprise_id": None, "team_id": workspace.team.id, "user_id": workspace.app.user_id}
        return {
            "token": workspace.app.verification_token,
            "team_id": workspace.team.id,
            "context_team_id": workspace.team.id,
            "context_enterprise_id": None,
            "api_app_id": workspace.app.id,
            "event": event,
            "type": "event_callback",
            "event_id": number,
            "event_time": int(workspace.clock.now()),
            "authorizations": [person | {"is_bot": True, "is_enterprise_install": False}],
            "is_ext_shared_channel": False,
            "event_context": f"4-{number}",
        }


def _tell(first: asyncio.Future[bool], *, outcome: bool) -> None:
    if not first.done():
        first.set_result(outcome)
