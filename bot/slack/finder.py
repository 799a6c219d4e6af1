"""Looks things up in Slack: a channel by its name, a direct message's channel, our own message by its metadata."""

import asyncio
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.domain.errors import BotError
from bot.domain.post import Post, PostKind
from bot.slack.blocks.message import INCIDENT_EVENT
from bot.slack.connection import Connection, api_error
from bot.usecases.setup import Setup

PAGES = 20
"""Pages of channels that are read at most (of 200 each)."""
LOOK_BACK = 200
"""Messages in one page of a channel or a thread."""
PAGES_BACK = 10
"""Pages that are looked through for our own message; a thread is read from its beginning."""


class LookupFailed(BotError):
    """A message could not be looked for; it must not be posted again before it can."""

    def __init__(self, code: str) -> None:
        super().__init__(f"Our own message could not be looked for ({code}).")
        self.code = code


class Finder:
    """Remembers what it has found for as long as the process lives."""

    def __init__(self, connection: Connection, setup: Setup) -> None:
        self._connection = connection
        self._setup = setup
        self._channels: dict[str, str] = {}
        self._asking: dict[str, asyncio.Lock] = {}

    async def channel(self, name: str) -> str:
        """A channel's id: of `#name`, of `@person` (the direct message's), or the id itself."""
        if name[:1] not in {"@", "#"}:
            return name
        if name in self._channels:
            return self._channels[name]
        async with self._asking.setdefault(
            name if name.startswith("@") else "#", asyncio.Lock()
        ):  # several posts may want the same channel
            return await self._asked(name)

    async def _asked(self, name: str) -> str:
        if name not in self._channels:
            found = await (self._direct(name[1:]) if name.startswith("@") else self._named(name[1:]))
            if found == name:  # not there now, or archived; that may change, and only posts may be sent to a name
                return found
            self._channels[name] = found
        return self._channels[name]

    async def join(self, name: str) -> bool:
        """Try to become a member of a public channel; False when that is a person's job."""
        if not name.startswith("#"):
            return False
        self._channels.pop(name, None)
        try:
            await self._connection.client.conversations_join(channel=await self._named(name[1:]))
        except (SlackApiError, BotError):
            return False
        return True

    async def message(self, channel: str, post: Post, thread_ts: str) -> str:
        """The time stamp of a message of ours that may have been posted, or nothing. Raises LookupFailed."""
        cursor = ""
        for _ in range(PAGES_BACK):
            try:
                answer = await self._page(channel, thread_ts, cursor)
            except SlackApiError as error:
                raise LookupFailed(api_error(error)) from error
            messages: list[dict[str, Any]] = answer.get("messages") or []
            found = next((str(m["ts"]) for m in messages if _is_ours(m, post)), "")
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""
            if found or not cursor:
                return found
        return ""

    async def _page(self, channel: str, thread_ts: str, cursor: str) -> AsyncSlackResponse:
        client, more = self._connection.client, cursor or None
        if thread_ts:
            return await client.conversations_replies(
                channel=channel, ts=thread_ts, limit=LOOK_BACK, cursor=more, include_all_metadata=True
            )
        return await client.conversations_history(
            channel=channel, limit=LOOK_BACK, cursor=more, include_all_metadata=True
        )

    async def _direct(self, person: str) -> str:
        slack_id = self._setup.person(person).slack_id
        if not slack_id:
            slack_id = person.removeprefix("slack:")
        answer = await self._connection.client.conversations_open(users=[slack_id])
        return str(answer["channel"]["id"])

    async def _named(self, name: str) -> str:
        cursor = ""
        for _ in range(PAGES):
            answer = await self._connection.client.conversations_list(
                limit=200, cursor=cursor or None, types="public_channel,private_channel", exclude_archived=True
            )
            for channel in answer.get("channels") or []:
                if channel.get("name") == name:
                    return str(channel["id"])
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                break
        # Slack takes a name, too, and its answer says what is wrong with it.
        return f"#{name}"


def _is_ours(message: dict[str, Any], post: Post) -> bool:
    metadata = message.get("metadata") or {}
    payload = metadata.get("event_payload") or {}
    if post.kind is PostKind.CARD:
        return metadata.get("event_type") == INCIDENT_EVENT and payload.get("incident") == f"INC-{post.ref}"
    return payload.get("key") == post.key
