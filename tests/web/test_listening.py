"""The port that the program takes answers at once: no answer waits for the acknowledgement of its own first packet."""

import asyncio
import contextlib
import socket

import pytest

from bot.app import listen
from bot.domain.errors import BadInput
from sandbox.server import bound


@pytest.mark.parametrize("take", [listen, bound], ids=["the bot", "the sandbox"])
async def test_small_packets_are_sent_at_once(take) -> None:
    taken = take("127.0.0.1", 0)
    delays: list[int] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader
        delays.append(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    async with await asyncio.start_server(answer, sock=taken):
        reader, writer = await asyncio.open_connection(*taken.getsockname())
        assert await reader.read() == b""
        writer.close()
    assert delays == [1]


async def test_a_port_that_somebody_has_is_said() -> None:
    with contextlib.closing(listen("127.0.0.1", 0)) as taken, pytest.raises(BadInput, match=r"can't be used"):
        listen("127.0.0.1", taken.getsockname()[1])
