"""The edge of every interaction: acknowledged first, worked on in a task of our own, always answered.

Bolt loses an acknowledgement when a listener raises soon after it, and it keeps no reference to what a listener
started. So a listener only acknowledges and hands the rest to `Edge.go`, which can't raise.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.blocks.message import File, Message
from bot.slack.blocks.replies import reply_message
from bot.usecases.desk import Desk, Place
from bot.usecases.reply import Reply, Tone, say

PATIENCE = 1.5
"""Seconds after which a person is told that we are at it."""
NETWORK = (SlackApiError, aiohttp.ClientError, TimeoutError, OSError)

_log = logging.getLogger(__name__)

Answer = Callable[[Message, bool], Awaitable[None]]
"""Shows a message to the person, or (`True`) to everybody in the channel."""


class Edge:
    """Where everything unexpected ends: the person is told, it is logged with a reference, it is counted."""

    def __init__(self, desk: Desk, client: Callable[[], AsyncWebClient]) -> None:
        self.desk = desk
        self._client = client
        self._tasks: set[asyncio.Task[None]] = set()
        self.unexpected = 0
        """How many interactions ended in an error that nobody foresaw."""

    @property
    def client(self) -> AsyncWebClient:
        """The shared Slack client."""
        return self._client()

    def go(self, work: Coroutine[Any, Any, None]) -> None:
        """Work in the background, and remember the task until it is done."""
        task = asyncio.create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: work.close())  # a task that is cancelled before it begins never awaits it

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception:  # noqa: BLE001 - the edge of a listener: nobody else would hear of it
            self.unexpected += 1
            _log.exception("unexpected error outside of an answer")

    async def finish(self, seconds: float = 5.0) -> None:
        """Let what is being worked on come to its end, for a bounded time."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)

    async def answer(self, work: Awaitable[Reply], answer: Answer, place: Place, user_id: str) -> None:
        """Do the work, and say what came of it; say that we are at it when it takes long."""
        try:
            reply = await self._patiently(work, answer)
        except Exception:  # noqa: BLE001 - the edge of a listener: tell the person, record, count
            reply = self._broken()
        message = reply_message(reply, self.desk.setup)
        try:
            await answer(message, reply.public)
        except NETWORK:
            _log.exception("an answer could not be shown: %s", reply.title)
            return
        for file in message.files:
            await self._hand_over(file, answer, place, user_id)

    async def _patiently(self, work: Awaitable[Reply], answer: Answer) -> Reply:
        task = asyncio.ensure_future(work)
        try:
            async with asyncio.timeout(PATIENCE):
                return await asyncio.shield(task)
        except TimeoutError:
            if task.done():
                return task.result()
            waiting = say("Working on it: asking the systems involved…", "The answer follows here.")
            with contextlib.suppress(*NETWORK):
                await answer(reply_message(waiting, self.desk.setup), False)
            return await task

    def _broken(self) -> Reply:
        self.unexpected += 1
        reference = secrets.token_hex(4)
        _log.exception("unexpected error %s", reference)
        return say(
            "Something broke on our side.",
            "What you asked for may not have been done; its card or message shows what is true.",
            f"Try again, or use mlops-bot do where the bot runs. Reference {reference}.",
            tone=Tone.FAULT,
        )

    async def _hand_over(self, file: File, answer: Answer, place: Place, user_id: str) -> None:
        try:
            await self._upload(file, place, user_id)
        except NETWORK:
            _log.exception("the file %s could not be uploaded", file.name)
            sorry = say(
                f"{file.name} could not be uploaded to Slack.",
                "Nothing is lost: it is made anew each time it is asked for.",
                "Try again, or use mlops-bot timeline export where the bot runs.",
                tone=Tone.FAULT,
            )
            with contextlib.suppress(*NETWORK):
                await answer(reply_message(sorry, self.desk.setup), False)

    async def _upload(self, file: File, place: Place, user_id: str) -> None:
        """Into the thread or channel where it was asked for; where we are no member, into the person's messages."""
        try:
            await self.client.files_upload_v2(
                filename=file.name, content=file.text, channel=place.channel_id, thread_ts=place.thread_ts or None
            )
        except SlackApiError:
            opened = await self.client.conversations_open(users=[user_id])
            await self.client.files_upload_v2(
                filename=file.name, content=file.text, channel=str(opened["channel"]["id"])
            )


def blocks_of(message: Message) -> list[dict[str, Any]]:
    """The blocks as the client wants them."""
    return [dict(block) for block in message.blocks]
