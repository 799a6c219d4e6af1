"""Slack events: 📌 on a message, App Home, a mention. Each is persisted before it is handled, and handled once."""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.response import BoltResponse

from bot.domain.people import Person
from bot.ports.store import Store
from bot.slack.blocks.home import home
from bot.slack.blocks.message import Message
from bot.slack.blocks.replies import reply_message
from bot.slack.listeners.edge import NETWORK, Edge, blocks_of
from bot.usecases.desk import Place
from bot.usecases.reply import Reply, Tone, say

PIN = "pushpin"

_log = logging.getLogger(__name__)

Payload = Mapping[str, Any]


class SlackEvents:
    """The inbox: what Slack tells us is on disk before Bolt acknowledges it."""

    def __init__(self, edge: Edge, store: Store) -> None:
        self._edge = edge
        self._store = store
        self._handlers: Mapping[str, Callable[[Payload], Awaitable[None]]] = {
            "reaction_added": self._reaction,
            "app_home_opened": self._home,
            "app_mention": self._mention,
        }

    def register(self, app: AsyncApp) -> None:
        """Middleware first: it runs before the listener, and so before the acknowledgement."""

        @app.middleware
        async def persist(body: Payload, next: Callable[[], Awaitable[BoltResponse]]) -> BoltResponse:  # noqa: A002 - Bolt's name
            event_id = body.get("event_id")
            kind = (body.get("event") or {}).get("type")
            if event_id is None or kind not in self._handlers:
                return await next()
            text = json.dumps(body)
            fresh = await self._store.write(lambda tx: tx.inbox.put(str(event_id), text))
            if fresh:
                self._edge.go(self._handle(str(event_id), body))
            return await next()

        for kind in (*self._handlers, "message"):
            app.event(kind)(_taken)

    async def catch_up(self) -> None:
        """Handle what was persisted and not handled before the process ended."""
        for record in await self._store.read(lambda tx: tx.inbox.pending()):
            await self._handle(record.event_id, json.loads(record.body))

    async def _handle(self, event_id: str, body: Payload) -> None:
        event = body["event"]
        try:
            await self._handlers[event["type"]](event)
        except NETWORK:
            _log.exception("Slack event %s could not be handled; it is tried again at the next start", event_id)
            return
        except Exception:  # noqa: BLE001 - the edge of a listener: record and count; the event stays in the inbox
            self._edge.unexpected += 1
            _log.exception("Slack event %s", event_id)
            return
        await self._store.write(lambda tx: tx.inbox.done(event_id))

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
        by = self._edge.desk.setup.people.by_slack(str(event["user"]))
        found = await self._edge.desk.home(by)
        await self._edge.client.views_publish(user_id=str(event["user"]), view=home(found.incidents, found.waiting))

    async def _mention(self, event: Payload) -> None:
        text = str(event.get("text") or "")
        words = text.split(">", 1)[1] if text.startswith("<@") and ">" in text else text
        place = Place(str(event["channel"]), str(event.get("thread_ts") or ""), str(event["ts"]))
        by = self._edge.desk.setup.people.by_slack(str(event["user"]))
        await self._whisper(place, str(event["user"]), await self._edge.desk.command(words, by, place))

    # ------------------------------------------------------------ shared

    async def _message(self, channel: str, ts: str) -> Payload | None:
        """A message by its time stamp; thread replies are not in a channel's history."""
        client = self._edge.client
        answer = await client.conversations_replies(channel=channel, ts=ts, latest=ts, inclusive=True, limit=1)
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
    return await edge.desk.pin(str(message.get("text") or ""), name, said_at, link, by, place)
