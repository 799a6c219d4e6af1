"""A second opinion on the Web API: another stand-in for Slack gets the same calls, and answers the same, but for a list."""

import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.api import METHODS
from sandbox.clock import DrivenClock
from sandbox.server import serving
from sandbox.workspace import messages
from sandbox.workspace.seed import APP
from sandbox.world import Sandbox
from tests.needs import needs

from .conftest import EVERY_SCOPE
from .emulate import rooms, talk, things
from .emulate.asking import Side, differences
from .emulate.differences import DIFFERENCES
from .emulate.serving import POWERLESS, PROGRAM, emulate, token_of

pytestmark = pytest.mark.filterwarnings("ignore:The top-level `text` argument is missing:UserWarning")
"""Slack's client warns of messages without text; here they are sent on purpose."""

Chapter = Callable[[Side], Awaitable[None]]
CHAPTERS: tuple[Chapter, ...] = (
    rooms.identity, rooms.channels, rooms.members, rooms.direct, rooms.tokens, talk.messages, talk.threads, talk.pages,
    talk.later, talk.reactions, talk.pins, talk.bookmarks, things.files, things.views, things.homes,
)  # fmt: skip


@asynccontextmanager
async def our_side() -> AsyncIterator[Side]:
    """A sandbox without rate limits, which the other one hasn't, on a clock that stands still."""
    clock = DrivenClock(time.time())
    sandbox = Sandbox(clock, app=replace(APP, scopes=EVERY_SCOPE), limits="off")

    async def trigger(user: str, view_id: str) -> str:
        del view_id
        return sandbox.interactions.exchanges.begin(user).trigger_id

    async def says(handle: str, channel: str, text: str, thread_ts: str = "") -> str:
        workspace = sandbox.workspace
        who = workspace.person(handle)
        assert who is not None
        where = workspace.conversations[channel]
        return messages.post(workspace, where, who, {"text": text}, thread_ts=thread_ts).ts

    async with serving(sandbox) as url:
        client = AsyncWebClient(APP.bot_token, base_url=f"{url}/api/")
        yield Side(client, lambda: _without_scopes(sandbox, client), trigger, says, clock.jump, "C0GENERAL0")


@contextmanager
def _without_scopes(sandbox: Sandbox, client: AsyncWebClient) -> Iterator[AsyncWebClient]:
    sandbox.change_app(scopes=frozenset({"commands"}))
    try:
        yield client
    finally:
        sandbox.change_app(scopes=EVERY_SCOPE)


@asynccontextmanager
async def their_side(folder: Path) -> AsyncIterator[Side]:
    """Emulate, with the same team, people and app in it."""
    async with emulate(folder) as other:

        def client(token: str) -> AsyncWebClient:
            return AsyncWebClient(token, base_url=f"{other.url}/api/")

        async def trigger(user: str, view_id: str) -> str:
            given = {"user_id": user, "view_id": view_id}
            return str((await client(APP.bot_token).api_call("views.generateTriggerId", json=given))["trigger_id"])

        async def says(handle: str, channel: str, text: str, thread_ts: str = "") -> str:
            given = {"thread_ts": thread_ts} if thread_ts else {}
            return str((await client(token_of(handle)).chat_postMessage(channel=channel, text=text, **given))["ts"])

        listed = (await client(APP.bot_token).conversations_list())["channels"]
        general = next(str(one["id"]) for one in listed if one["name"] == "general")
        yield Side(client(APP.bot_token), lambda: nullcontext(client(POWERLESS)), trigger, says, other.jump, general)


@needs("emulate")
@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.__name__)
async def test_another_stand_in_answers_the_same_but_for_what_is_listed(chapter: Chapter, tmp_path: Path) -> None:
    async with our_side() as ours, their_side(tmp_path) as theirs:
        await chapter(ours)
        await chapter(theirs)
    listed = {one.key: (one.ours, one.theirs) for one in DIFFERENCES[chapter.__name__]}
    assert differences(ours.outcomes, theirs.outcomes) == listed


@needs("emulate")
async def test_every_method_that_both_have_is_asked() -> None:
    asked: set[str] = set()
    for chapter in CHAPTERS:
        async with our_side() as ours:
            await chapter(ours)
        asked |= {outcome.method for outcome in ours.outcomes}
    theirs = {name for part in PROGRAM.parent.glob("*.js") for name in re.findall(r'"/api/([\w.]+)"', part.read_text())}
    assert {"chat.postMessage", "conversations.leave"} <= theirs, "it is known what they have"
    assert asked == theirs & METHODS.keys()


def test_every_difference_belongs_to_a_chapter_and_has_its_reason() -> None:
    assert set(DIFFERENCES) == {chapter.__name__ for chapter in CHAPTERS}
    for one in (one for rows in DIFFERENCES.values() for one in rows):
        assert one.ours != one.theirs
        assert len(one.why) > 10, one.key
