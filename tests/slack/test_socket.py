"""Sockets that look well and hear nothing: they are found out and replaced, and nobody who presses waits for it."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler

from bot.slack.ear import SILENT, Ear
from bot.slack.side import SlackSide
from tests.fakes.clock import FakeClock
from tests.slack.office import INCIDENTS, Office
from tests.usecases.world import MIKA


def client(side: SlackSide) -> Any:
    """The library's own."""
    socket = side._connection._socket
    assert socket is not None
    return socket.client


async def answered(here: Office) -> bool:
    done = await here.post("command", user=MIKA.slack_id, channel=INCIDENTS, command="/mlops", text="incidents")
    return bool(done["acknowledged"])


async def test_a_socket_that_says_nothing_for_long_is_replaced_while_slack_answers(here: Office) -> None:
    side = await here.start()
    first, faults = client(side), set()

    async def replaced() -> bool:
        faults.add(side.fault())
        now = side._connection._socket
        return now is not None and now.client is not first

    await here.as_time_passes(replaced, step=15.0)
    await here.as_time_passes(lambda: answered(here))
    assert faults == {None}, "the new one is there before the old one goes"
    assert first.closed


async def test_a_socket_that_says_something_is_left_alone(here: Office) -> None:
    side = await here.start()
    first, opened = client(side), len(await here.calls("apps.connections.open"))
    for _ in range(3):
        assert isinstance(here.world.clock, FakeClock)
        here.world.clock.advance(SILENT * 0.6)
        assert await answered(here)
    asked = len(await here.calls("auth.test"))

    async def asked_again() -> bool:
        return len(await here.calls("auth.test")) > asked

    await here.as_time_passes(asked_again, step=15.0)
    assert client(side) is first
    assert len(await here.calls("apps.connections.open")) == opened


@pytest.mark.parametrize("task", ["message_receiver", "message_processor"])
async def test_a_library_that_stopped_listening_is_begun_anew(here: Office, task: str) -> None:
    side = await here.start()
    first = client(side)
    getattr(first, task).cancel()

    async def replaced() -> bool:
        now = side._connection._socket
        return now is not None and now.client is not first and side.fault() is None

    await here.as_time_passes(replaced, step=5.0)
    assert await answered(here)


async def test_what_an_ear_hears() -> None:
    clock, running = FakeClock(), asyncio.get_running_loop().create_future()
    ended = asyncio.get_running_loop().create_future()
    ended.set_result(None)
    session, connected = SimpleNamespace(closed=False), [True]

    async def is_connected() -> bool:
        return connected[0]

    socket = SimpleNamespace(
        on_message_listeners=[], message_receiver=running, message_processor=running, aiohttp_client_session=session,
        is_connected=is_connected,
    )  # fmt: skip
    ear = Ear(socket, clock)
    assert not await ear.trouble()
    clock.advance(SILENT)
    assert ear.silent
    await socket.on_message_listeners[0]("a word")
    assert not ear.silent
    session.closed = True
    assert "closed its session" in await ear.trouble()
    session.closed, socket.message_receiver = False, ended
    assert "that reads" in await ear.trouble()
    socket.message_receiver, socket.message_processor = running, None
    assert "that handles" in await ear.trouble()
    connected[0] = False
    assert "lost" in await ear.trouble()


async def test_an_end_that_comes_at_the_moment_of_a_new_connection_is_an_end(
    here: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was lost there, and the bot did not stop."""
    side = await here.start()
    original, ends = AsyncSocketModeHandler.connect_async, []

    async def connected_and_ended(handler: AsyncSocketModeHandler) -> None:
        await original(handler)
        ends.append(asyncio.ensure_future(side._connection.close()))

    monkeypatch.setattr(AsyncSocketModeHandler, "connect_async", connected_and_ended)

    async def begun() -> bool:
        return bool(ends)

    await here.as_time_passes(begun, step=15.0)
    async with asyncio.timeout(10):
        await ends[0]
    assert side._connection._socket is None
