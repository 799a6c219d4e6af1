"""One held post on its way to Slack: looked for when it may be there already, then posted or edited, once."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from slack_sdk.errors import SlackApiError

from bot.domain.post import Post
from bot.ports.clock import Clock
from bot.slack.blocks.message import Message
from bot.slack.connection import Connection
from bot.slack.finder import Finder
from bot.slack.holding import Work

FRESH = 3.0
"""Seconds: lookups that take longer renew the hold before the post, whose call may take twice its time-out."""


class TakenError(Exception):
    """Another process holds the post by now."""


class Sender:
    """Makes the calls. `hold` takes a post for longer, and gives nothing when another process has it."""

    def __init__(
        self, connection: Connection, finder: Finder, clock: Clock, hold: Callable[[Work], Awaitable[Work | None]]
    ) -> None:
        self._connection = connection
        self._finder = finder
        self._clock = clock
        self._hold = hold

    async def send(self, work: Work, message: Message) -> Post:
        """The post as it is afterwards. Raises TakenError, LookupFailed, SlackApiError, and what the network raises."""
        return await (self._update(work, message) if work.post.ts else self._post(work, message))

    async def _post(self, work: Work, message: Message) -> Post:
        post = work.post
        channel = post.channel_id or await self._finder.channel(post.channel)
        if post.sending:
            ts = await self._finder.message(channel, post, work.parent_ts)
            if ts:  # remembered before anything else is tried; the next round brings it up to date
                return replace(post, sending=False, channel_id=channel, ts=ts)
        if (self._clock.now() - work.since).total_seconds() >= FRESH and await self._hold(work) is None:
            raise TakenError
        answer = await self._connection.client.chat_postMessage(
            channel=channel,
            text=message.text,
            blocks=[dict(block) for block in message.blocks],
            metadata=_metadata(message),
            thread_ts=work.parent_ts or None,
            unfurl_links=False,
            unfurl_media=False,
        )
        return replace(post, shown=post.wanted, sending=False, channel_id=str(answer["channel"]), ts=str(answer["ts"]))

    async def _update(self, work: Work, message: Message) -> Post:
        post = work.post
        await self._connection.client.chat_update(
            channel=post.channel_id,
            ts=post.ts,
            text=message.text,
            blocks=[dict(block) for block in message.blocks],
            metadata=_metadata(message),
        )
        return replace(post, shown=post.wanted, sending=False)


def retry_after(error: SlackApiError) -> float:
    """Seconds that Slack asks us to wait."""
    headers = {str(name).lower(): value for name, value in (error.response.headers if error.response else {}).items()}
    try:
        return max(float(headers.get("retry-after", "30")), 1.0)
    except (TypeError, ValueError):
        return 30.0


def _metadata(message: Message) -> dict[str, object] | None:
    if message.metadata is None:
        return None
    return {"event_type": message.metadata.event_type, "event_payload": dict(message.metadata.payload)}
