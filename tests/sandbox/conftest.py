"""A served sandbox with Slack's own client, on a clock that the test moves."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
import httpx
import pytest
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.clock import DrivenClock
from sandbox.server import serving
from sandbox.site import build
from sandbox.workspace.files import PROCESSING
from sandbox.workspace.seed import APP
from sandbox.world import Sandbox

MIKA, DANA, DEVI, OMAR, PAULA = "U0MLENG01", "U0DATASCI", "U0DEVOPS1", "U0DATAENG", "U0PRODMGR"
BOT = "U0MLOPSBOT"
INCIDENTS, GENERAL, PLATFORM, LEADS = "C0INCIDENT", "C0GENERAL0", "C0PLATFORM", "C0PRIVATE1"
EVERY_SCOPE = frozenset(
    {
        "app_mentions:read", "assistant:write", "bookmarks:read", "bookmarks:write", "canvases:read", "canvases:write",
        "channels:history", "channels:join", "channels:manage", "channels:read", "chat:write", "commands", "files:read",
        "files:write", "groups:history", "groups:read", "groups:write", "im:history", "im:read", "im:write",
        "mpim:history", "mpim:read", "mpim:write", "pins:read", "pins:write", "reactions:read", "reactions:write",
        "team:read", "usergroups:read", "usergroups:write", "users.profile:read", "users:read", "users:read.email",
    }
)  # fmt: skip
EVERY_EVENT = frozenset(
    {
        "app_home_opened", "app_mention", "channel_archive", "channel_created", "channel_rename", "file_created",
        "file_shared", "member_joined_channel", "member_left_channel", "message.channels", "message.groups",
        "message.im", "message.mpim", "pin_added", "reaction_added", "reaction_removed",
    }
)  # fmt: skip


@dataclass
class World:
    """A sandbox that is served, and everything that a test needs to reach it."""

    sandbox: Sandbox
    clock: DrivenClock
    url: str
    slack: AsyncWebClient
    http: httpx.AsyncClient
    stack: AsyncExitStack

    async def get(self, path: str, **given: Any) -> Any:
        answer = await self.http.get(f"/sandbox/{path}", params=given)
        assert answer.is_success, answer.text
        return answer.json()

    async def act(self, path: str, **fields: Any) -> Any:
        answer = await self.http.post(f"/sandbox/{path}", json=fields)
        assert answer.is_success, answer.text
        return answer.json()

    def new_app(self) -> AsyncApp:
        """A real Bolt app that knows nothing but where Slack is."""
        return AsyncApp(client=self.slack, signing_secret=APP.signing_secret)

    async def connect(self, app: AsyncApp, sockets: int = 1) -> AsyncSocketModeHandler:
        """In Socket Mode, until the end of the test."""
        handler = AsyncSocketModeHandler(app, APP.app_token)
        self.stack.push_async_callback(handler.close_async)
        await handler.connect_async()
        await self.sandbox.sockets.until_connected(sockets)
        return handler

    def messages(self, channel: str = INCIDENTS, user: str | None = None) -> list[Any]:
        return self.sandbox.workspace.messages(channel, user)

    def texts(self, channel: str = INCIDENTS, user: str | None = None) -> list[str]:
        return [message["text"] for message in self.messages(channel, user)]


@asynccontextmanager
async def a_world(**made: Any) -> AsyncIterator[World]:
    clock = DrivenClock()
    app = made.pop("app", replace(APP, scopes=EVERY_SCOPE, events=EVERY_EVENT))
    sandbox = Sandbox(clock, app, **made)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(serving(sandbox))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=20))
        slack = AsyncWebClient(APP.bot_token, base_url=f"{url}/api/", session=session)
        yield World(sandbox, clock, url, slack, http, stack)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """An app that may everything and hears everything."""
    async with a_world() as made:
        yield made


@pytest.fixture
async def shipped() -> AsyncIterator[World]:
    """The app as the sandbox ships it."""
    async with a_world(app=APP) as made:
        yield made


@pytest.fixture
async def direct() -> AsyncIterator[World]:
    """As `world`, but without sockets: the application is called where it is. For many small questions."""
    async with direct_world() as made:
        yield made


@asynccontextmanager
async def direct_world(**made: Any) -> AsyncIterator[World]:
    clock = DrivenClock()
    sandbox = Sandbox(clock, made.pop("app", replace(APP, scopes=EVERY_SCOPE, events=EVERY_EVENT)), **made)
    sandbox.workspace.address = "http://sandbox"
    async with AsyncExitStack() as stack:
        stack.push_async_callback(sandbox.close)
        transport = httpx.ASGITransport(build(sandbox))
        http = await stack.enter_async_context(httpx.AsyncClient(base_url="http://sandbox", transport=transport))
        yield World(sandbox, clock, "http://sandbox", AsyncWebClient(base_url="http://nowhere.invalid"), http, stack)


async def error_of(call: Any) -> str:
    """The error code with which a call is refused."""
    with pytest.raises(SlackApiError) as caught:
        await call
    return str(caught.value.response["error"])


async def processed(world: World) -> None:
    """Let the time pass that Slack takes to see what completed files are."""
    world.clock.jump(PROCESSING)
    kept = world.sandbox.workspace.files
    await until(world, lambda: all(file.processed for file in kept.values() if file.done))


async def until(world: World, true: Callable[[], bool]) -> None:
    """Wait until something is so; it is looked at whenever the workspace changes."""
    changes = world.sandbox.workspace.subscribe()
    change = asyncio.ensure_future(anext(changes))
    await asyncio.sleep(0)  # so that it listens before the first look
    while not true():
        await change
        change = asyncio.ensure_future(anext(changes))
    change.cancel()
    await asyncio.gather(change, return_exceptions=True)
    await changes.aclose()
