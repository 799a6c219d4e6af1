"""A workspace on this machine with the bot in it, in one process: everything goes through real sockets."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

from bot.domain.people import Person
from bot.slack.connection import SlackSettings
from bot.slack.side import SlackSide
from sandbox.clock import DrivenClock
from sandbox.server import serving
from sandbox.world import Sandbox
from tests.fakes.clock import FakeClock
from tests.usecases.world import World

INCIDENTS = "ml-incidents"
Json = Mapping[str, Any]


async def until(found: Callable[[], Awaitable[Any]], within: float = 15.0) -> Any:
    """What `found` gives as soon as it is something."""
    last: Any = None
    try:
        async with asyncio.timeout(within):
            while not (last := await found()):  # noqa: ASYNC110 - the condition is on the other side of a socket
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"it did not come about within {within} s; last: {last!r}") from None
    return last


@dataclass
class Office:
    """People on one side, the bot on the other."""

    world: World
    sandbox: Sandbox
    address: str
    http: httpx.AsyncClient
    mode: Literal["socket", "http"] = "socket"
    sides: list[SlackSide] = field(default_factory=list)

    # ------------------------------------------------------------ the bot

    def settings(self, **other: Any) -> SlackSettings:
        values = {
            "bot_token": "sandbox-bot-token", "app_token": "sandbox-app-token",
            "signing_secret": "sandbox-signing-secret", "api_url": f"{self.address}/api/", **other,
        }  # fmt: skip
        return SlackSettings(mode=self.mode, **values)  # type: ignore[arg-type]

    async def start(self, **other: Any) -> SlackSide:
        """The bot's Slack side; it is connected when this returns, unless its tokens are wrong."""
        world = self.world
        side = SlackSide(self.settings(**other), world.store, world.setup, world.clock, systems=world.systems)
        self.sides.append(side)
        self.world.on_nudge = side.nudge
        await side.start(self.world.desk)
        if not other.keys() & {"bot_token", "app_token"}:
            await self.as_time_passes(lambda: self._connected(side), step=0.5)
        return side

    async def _connected(self, side: SlackSide) -> bool:
        return side.fault() is None and (self.mode == "http" or (await self.get("state"))["connected"] > 0)

    async def stop(self) -> None:
        """The bot's Slack side ends; the store stays."""
        while self.sides:
            await self.sides.pop().stop()

    # ------------------------------------------------------------ what people do and see

    async def get(self, path: str, **query: Any) -> Any:
        answer = await self.http.get(f"/sandbox/{path}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, **body: Any) -> Any:
        answer = await self.http.post(f"/sandbox/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def command(self, by: Person, text: str, channel: str = INCIDENTS, **more: str) -> Json:
        """The answer to a command."""
        done = await self.post("command", user=by.slack_id, channel=channel, command="/mlops", text=text, **more)
        assert done["acknowledged"], done
        return await self.answer_to(done)

    async def click(self, by: Person, message: Json, action: str, channel: str = INCIDENTS) -> Json:
        """The answer to a press."""
        done = await self.post("click", user=by.slack_id, channel=channel, ts=message["ts"], action_id=action)
        assert done["acknowledged"], done
        return await self.answer_to(done)

    async def answer_to(self, interaction: Json, count: int = 1) -> Json:
        """The last of so many answers by the response URL."""
        found = await self.get(f"interactions/{interaction['interaction']}", responses=count, wait=15)
        assert len(found["responses"]) >= count, "nobody answered"
        return found["responses"][-1]

    async def messages(self, channel: str = INCIDENTS, **query: str) -> Sequence[Json]:
        return (await self.get("messages", channel=channel, **query))["messages"]

    async def calls(self, method: str = "*") -> Sequence[Json]:
        return (await self.get("calls", method=method))["calls"]

    async def cards(self, incident: int, channel: str = INCIDENTS) -> list[Json]:
        return [m for m in await self.messages(channel) if incident_of(m) == f"INC-{incident}"]

    async def card(self, incident: int, saying: str = "") -> Json:
        """The one card of an incident, as soon as it says this."""

        async def look() -> Json | None:
            found = await self.cards(incident)
            assert len(found) <= 1, "one incident, one card"
            return found[0] if found and saying in str(found[0]["blocks"]) else None

        return await until(look)

    async def known_card(self, incident: int) -> Json:
        """The one card, as soon as the bot knows it for its own: what stands in its thread is the incident's then."""
        card = await self.card(incident)
        channel = self.sandbox.workspace.channel(INCIDENTS)
        assert channel is not None
        await until(lambda: self.world.store.read(lambda tx: tx.posts.by_message(channel.id, card["ts"])))
        return card

    async def shown(self, key: str, channel: str = INCIDENTS, saying: str = "") -> Json:
        """A post other than a card, by its key, as soon as it says this."""

        async def look() -> Json | None:
            found = [m for m in await self.messages(channel) if key_of(m) == key]
            assert len(found) <= 1, "one post, one message"
            return found[0] if found and saying in str(found[0]["blocks"]) else None

        return await until(look)

    async def caught_up(self) -> None:
        """Everything that is wanted is shown; what waits for a later time gets it."""
        await self.as_time_passes(self._nothing_waits)

    async def _nothing_waits(self) -> bool:
        return await self.world.store.read(lambda tx: tx.posts.waiting()) == 0

    async def as_time_passes(self, found: Callable[[], Awaitable[Any]], step: float = 1.0) -> Any:
        """What `found` gives, while the bot's clock goes on."""

        async def look() -> Any:
            if answer := await found():
                return answer
            assert isinstance(self.world.clock, FakeClock)
            self.world.clock.advance(step)
            self.world.on_nudge()
            return None

        return await until(look, within=40)


def incident_of(message: Json) -> str:
    metadata = message.get("metadata") or {}
    return (
        metadata.get("event_payload", {}).get("incident", "") if metadata.get("event_type") == "mlops_incident" else ""
    )


def key_of(message: Json) -> str:
    return (message.get("metadata") or {}).get("event_payload", {}).get("key", "")


@contextlib.asynccontextmanager
async def office(
    path: Path, mode: Literal["socket", "http"] = "socket", *, driven: bool = False, world: World | None = None
) -> AsyncIterator[Office]:
    """A workspace and a world; the bot's Slack side is started by the test."""
    world = world or World(path / "world.db", clock=FakeClock())
    await world.open()
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/slack/events" if mode == "http" else None
    sandbox = Sandbox(DrivenClock() if driven else None, app_url=url)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(world.close)
        stack.callback(listener.close)
        address = await stack.enter_async_context(serving(sandbox))
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=address, timeout=30, trust_env=False))
        here = Office(world, sandbox, address, http, mode)
        if mode == "http":
            await stack.enter_async_context(_listening(here, listener))
        stack.push_async_callback(here.stop)
        yield here


async def _started(server: uvicorn.Server) -> bool:
    return server.started


@contextlib.asynccontextmanager
async def _listening(here: Office, listener: socket.socket) -> AsyncIterator[None]:
    """`POST /slack/events`, as the program's web side mounts it."""

    async def events(request):
        return await here.sides[-1].http_handler(request)

    routes = [Route("/slack/events", events, methods=["POST"])]
    config = uvicorn.Config(Starlette(routes=routes), log_config=None, lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign]
    task = asyncio.create_task(server.serve(sockets=[listener]))
    await until(lambda: _started(server))
    try:
        yield
    finally:
        server.should_exit = True
        await task
