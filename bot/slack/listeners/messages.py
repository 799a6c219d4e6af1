"""Slack events: 📌, App Home, a mention, another bot's alert. Each is persisted first, and handled once."""

import json
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.response import BoltResponse
from slack_sdk.errors import SlackApiError

from bot.domain.people import Person
from bot.ports.clock import Clock
from bot.ports.store import SlackEventRecord, Store
from bot.slack.blocks.home import home
from bot.slack.blocks.message import Message
from bot.slack.blocks.replies import reply_message
from bot.slack.connection import about_token, api_error
from bot.slack.listeners.adopted import Adopter
from bot.slack.listeners.edge import NETWORK, Edge, blocks_of
from bot.slack.listeners.said import after_mention, readable
from bot.usecases.desk import Place
from bot.usecases.reply import Reply, Tone, say

PIN = "pushpin"
CATCH_UP_SECONDS = 30.0
TRIES = 5
"""How often one process tries to handle an event; what fails that often fails by itself."""

TRIES_AWAY = 240
"""The same while Slack does not answer, or until people have mended something, at `CATCH_UP_SECONDS`: two hours."""

MENDED = {
    "invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive", "missing_scope",
    "not_in_channel", "channel_not_found",
}  # fmt: skip
"""Refusals that have nothing to do with the event: the bot needs another token, or must be let in again."""

_log = logging.getLogger(__name__)

Payload = Mapping[str, Any]


class SlackEvents:
    """The inbox: what Slack tells us is on disk before Bolt acknowledges it."""

    def __init__(self, edge: Edge, store: Store, clock: Clock, adopter: Adopter | None = None) -> None:
        """`adopter` takes the messages of other bots that are to be read; without one no message is looked at."""
        self._edge = edge
        self._adopter = adopter
        self._store = store
        self._clock = clock
        self._busy: set[str] = set()
        self._tries: Counter[str] = Counter()
        self._handlers: Mapping[str, Callable[[Payload], Awaitable[None]]] = {
            "reaction_added": self._reaction,
            "app_home_opened": self._home,
            "app_mention": self._mention,
        }
        if adopter is not None:
            self._handlers = {**self._handlers, "message": adopter.handle}

    def register(self, app: AsyncApp) -> None:
        """Middleware first: it runs before the listener, and so before the acknowledgement."""

        @app.middleware
        async def persist(body: Payload, next: Callable[[], Awaitable[BoltResponse]]) -> BoltResponse:  # noqa: A002 - Bolt's name
            event_id = body.get("event_id")
            kind = (body.get("event") or {}).get("type")
            if event_id is None or kind not in self._handlers or not self._wanted(body):
                return await next()
            text = json.dumps(body)
            fresh = await self._store.write(lambda tx: tx.inbox.put(str(event_id), text))
            if fresh:
                self._busy.add(str(event_id))
                self._edge.go(self._handle(str(event_id), body))
            return await next()

        for kind in dict.fromkeys((*self._handlers, "message")):
            app.event(kind)(_taken)

    def _wanted(self, body: Payload) -> bool:
        """Of messages only those that are to be read: the others are nobody's business, and not kept."""
        return body["event"]["type"] != "message" or (self._adopter is not None and self._adopter.wants(body))

    async def keep_up(self) -> None:
        """Handle what was persisted and not handled: by a process that ended, or because Slack was away. For ever."""
        while True:
            try:
                await self.catch_up()
            except Exception:  # noqa: BLE001 - the edge of a background job: it must go on
                _log.exception("Slack events could not be caught up with")
            await self._clock.sleep(CATCH_UP_SECONDS)

    async def catch_up(self) -> None:
        """One round. What has just come in is left to the process that took it."""
        pending = await self._store.read(lambda tx: tx.inbox.pending())
        due = self._clock.now() - timedelta(seconds=CATCH_UP_SECONDS)
        for record in pending:
            if record.received_at <= due and record.event_id not in self._busy:
                self._busy.add(record.event_id)
                await self._handle(record.event_id, _body(record))

    async def _handle(self, event_id: str, body: Payload) -> None:
        self._tries[event_id] += 1
        try:
            event = body["event"]
            await self._handlers[event["type"]](event)
        except Exception as error:  # noqa: BLE001 - the edge of a listener: record and count; the event stays in the inbox
            if not isinstance(error, NETWORK):
                self._edge.unexpected += 1
            _log.exception("Slack event %s", event_id)
            if self._tries[event_id] < (TRIES_AWAY if _away(error) else TRIES):
                self._busy.discard(event_id)
                return
            _log.error("Slack event %s is given up after %d tries", event_id, self._tries[event_id])
        await self._store.write(lambda tx: tx.inbox.done(event_id))
        self._busy.discard(event_id)
        del self._tries[event_id]

    # ------------------------------------------------------------ handlers

    async def _reaction(self, event: Payload) -> None:
        item = event["item"]
        if event["reaction"] != PIN or item.get("type") != "message":
            return
        message = await self._message(str(item["channel"]), str(item["ts"]))
        if message is None:
            return
        by = self._edge.desk.setup.people.by_slack(str(event["user"]))
        place = Place(str(item["channel"]), str(message.get("thread_ts") or ""), str(item["ts"]))
        reply = await pin_message(self._edge, message, by, place)
        if reply.tone is not Tone.REFUSED:  # people use 📌 for other things, too
            await self._whisper(place, str(event["user"]), reply)

    async def _home(self, event: Payload) -> None:
        if event.get("tab") not in {None, "home"}:
            return
        await show_home(self._edge, str(event["user"]))

    async def _mention(self, event: Payload) -> None:
        """A command, done at most once: what a restart has interrupted is not repeated, but said."""
        place = Place(str(event["channel"]), str(event.get("thread_ts") or ""), str(event["ts"]))
        by = self._edge.desk.setup.people.by_slack(str(event["user"]))
        key = f"{place.channel_id}:{place.message_ts}"
        if await self._store.write(lambda tx: tx.keys.first("mention", key)):
            reply = await self._edge.desk.command(after_mention(str(event.get("text") or "")), by, place)
        else:
            reply = say(
                "The bot was interrupted while it worked on this.",
                "It is not done a second time; it may have been done.",
                "Look at the card or the timeline, then ask again if it is still needed.",
                tone=Tone.FAULT,
            )
        await self._whisper(place, str(event["user"]), reply)

    # ------------------------------------------------------------ shared

    async def _message(self, channel: str, ts: str) -> Payload | None:
        """A message by its time stamp; thread replies are not in a channel's history, and come with their parent."""
        client = self._edge.client
        answer = await client.conversations_replies(
            channel=channel, ts=ts, oldest=ts, latest=ts, inclusive=True, limit=10
        )
        found: list[Payload] = answer.get("messages") or []
        exact = next((m for m in found if m.get("ts") == ts), None)
        if exact is None:
            history = await client.conversations_history(channel=channel, latest=ts, inclusive=True, limit=1)
            exact = next((m for m in history.get("messages") or [] if m.get("ts") == ts), None)
        return exact

    async def _whisper(self, place: Place, user_id: str, reply: Reply) -> None:
        message: Message = reply_message(reply, self._edge.desk.setup)
        await self._edge.client.chat_postEphemeral(
            channel=place.channel_id,
            user=user_id,
            text=message.text,
            blocks=blocks_of(message),
            thread_ts=place.thread_ts or None,
        )


def _body(record: SlackEventRecord) -> Payload:
    """The event; one that can't be read holds nothing, and fails by itself without keeping back the others."""
    try:
        found = json.loads(record.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _away(error: Exception) -> bool:
    """Whether it is Slack that is away, or the bot that is shut out, and not this event that is refused."""
    if isinstance(error, SlackApiError):
        code = api_error(error)
        return code in MENDED or not about_token(code)
    return isinstance(error, NETWORK)


async def _taken() -> None:
    """Handled by the inbox already; Bolt wants a listener for what it acknowledges."""


async def pin_message(edge: Edge, message: Payload, by: Person, place: Place) -> Reply:
    """Put a message on the timeline, with its author, its time and its address."""
    ts = str(message["ts"])
    try:
        answer = await edge.client.chat_getPermalink(channel=place.channel_id, message_ts=ts)
        link = str(answer.get("permalink") or "")
    except NETWORK:
        link = ""
    author = str(message.get("user") or message.get("bot_id") or "")
    if not author:
        return say("This message has no author.", "It was not put on a timeline.", tone=Tone.REFUSED)
    name = edge.desk.setup.people.by_slack(author, str(message.get("username") or "")).name
    said_at = datetime.fromtimestamp(float(ts), tz=UTC)
    text = readable(str(message.get("text") or ""), edge.desk.setup.people)
    return await edge.desk.pin(text, name, said_at, link, by, place)


async def show_home(edge: Edge, user_id: str) -> None:
    """App Home as it is now for this person."""
    found = await edge.desk.home(edge.desk.setup.people.by_slack(user_id))
    await edge.client.views_publish(user_id=user_id, view=home(found.incidents, found.waiting, found.backlog))
