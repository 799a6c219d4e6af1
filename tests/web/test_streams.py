"""Bodies as they come over a socket: too large, too slow, cut off, lied about; a few answers must come before the body."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from bot.web.body import Room
from tests.web.conftest import TOKEN, Served, Site, serving
from tests.web.test_alerts import BODY

MB = 1024 * 1024
LIMIT = MB
PATIENCE = 20.0


@pytest.fixture
async def served(site: Site) -> AsyncIterator[Served]:
    site.limits |= {"body_limit": LIMIT, "body_seconds": PATIENCE}
    async with serving(site) as here:
        yield here


def head(*lines: str, path: str = "/alerts/alertmanager", token: str = TOKEN) -> bytes:
    first = (f"POST {path} HTTP/1.1", "Host: bot.example", f"Authorization: Bearer {token}")
    return ("\r\n".join((*first, *lines)) + "\r\n\r\n").encode()


async def answered(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """One whole answer: status, headers, body."""
    async with asyncio.timeout(PATIENCE):
        start = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in start[1:] if line)
        }
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    return int(start[0].split()[1]), headers, body


async def still_works(served: Served) -> None:
    before = await served.site.deliveries()
    async with served.client() as client:
        assert (await client.post("/alerts/alertmanager", content=BODY)).status_code == 200
    assert await served.site.deliveries() == before + 1


async def test_a_claimed_size_over_the_limit_is_refused_before_anything_is_sent(served: Served) -> None:
    reader, writer = await served.connect()
    writer.write(head(f"Content-Length: {20 * MB}"))
    status, _, body = await answered(reader)
    assert (status, json.loads(body)["error"]) == (413, "too_large")
    assert json.loads(body)["what"] == "The body is larger than 1 MB."
    writer.close()
    await still_works(served)


async def test_who_sends_it_all_the_same_gets_the_answer_and_may_go_on(served: Served) -> None:
    """Many clients read the answer only after they have sent everything; a reset would take it from them."""
    reader, writer = await served.connect()
    writer.write(head(f"Content-Length: {20 * MB}"))
    for _ in range(20):
        writer.write(b"x" * MB)
        await writer.drain()
    assert (await answered(reader))[0] == 413
    writer.write(head(f"Content-Length: {len(BODY)}") + BODY)
    assert (await answered(reader))[0] == 200
    writer.close()


async def test_a_body_in_chunks_is_counted_by_what_comes(served: Served) -> None:
    reader, writer = await served.connect()
    writer.write(head("Transfer-Encoding: chunked"))
    for _ in range(3):
        writer.write(b"80000\r\n" + b"x" * 0x80000 + b"\r\n")
    assert (await answered(reader))[0] == 413
    writer.close()
    assert await served.site.deliveries() == 0
    await still_works(served)


async def test_a_body_in_small_chunks_is_taken_whole(served: Served) -> None:
    reader, writer = await served.connect()
    writer.write(head("Transfer-Encoding: chunked"))
    for at in range(0, len(BODY), 7):
        part = BODY[at : at + 7]
        writer.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        await writer.drain()
    writer.write(b"0\r\n\r\n")
    status, _, body = await answered(reader)
    assert (status, json.loads(body)["opened"]) == (200, 1)
    writer.close()


async def test_who_must_wait_for_a_word_before_sending_is_not_told_to_go_on(served: Served) -> None:
    reader, writer = await served.connect()
    writer.write(head(f"Content-Length: {20 * MB}", "Expect: 100-continue"))
    assert (await answered(reader))[0] == 413
    writer.close()
    reader, writer = await served.connect()
    writer.write(head(f"Content-Length: {len(BODY)}", "Expect: 100-continue"))
    assert (await answered(reader))[0] == 100
    writer.write(BODY)
    assert (await answered(reader))[0] == 200
    writer.close()


async def test_a_wrong_token_is_refused_before_the_body(served: Served) -> None:
    reader, writer = await served.connect()
    writer.write(head(f"Content-Length: {len(BODY)}", token="wrong"))
    assert (await answered(reader))[0] == 401
    writer.close()


async def test_a_sender_who_goes_away_in_the_middle_leaves_nothing(served: Served) -> None:
    for lines, part in (
        ((f"Content-Length: {len(BODY)}",), BODY[:-1]),
        (("Transfer-Encoding: chunked",), b"10\r\n" + BODY[:16] + b"\r\n"),
    ):
        reader, writer = await served.connect()
        writer.write(head(*lines) + part)
        await writer.drain()
        writer.write_eof()
        async with asyncio.timeout(PATIENCE):
            assert b"200 OK" not in await reader.read()
        writer.close()
    assert await served.site.deliveries() == 0
    await still_works(served)


async def test_what_follows_a_body_and_means_nothing_is_refused_and_never_taken_for_a_part_of_it(
    served: Served,
) -> None:
    reader, writer = await served.connect()
    writer.write(head(f"Content-Length: {len(BODY)}") + BODY + b"GARBAGE WITHOUT MEANING\r\n\r\n")
    assert await answered_or_closed(reader) == 400
    writer.close()
    assert await served.site.deliveries() == 0


async def answered_or_closed(reader: asyncio.StreamReader) -> int:
    async with asyncio.timeout(PATIENCE):
        line = await reader.readline()
    return int(line.split()[1]) if line else 0


@pytest.mark.parametrize(
    "line", ["Content-Length: -1", "Content-Length: 1e3", "Content-Length: 5\r\nContent-Length: 6"]
)
async def test_a_size_that_is_none_is_a_bad_request(served: Served, line: str) -> None:
    reader, writer = await served.connect()
    writer.write(head(line) + BODY)
    assert await answered_or_closed(reader) == 400
    writer.close()
    assert await served.site.deliveries() == 0


async def test_who_drips_a_body_is_given_up_in_time(site: Site) -> None:
    site.limits["body_seconds"] = 0.2
    async with serving(site) as served:
        reader, writer = await served.connect()
        writer.write(head(f"Content-Length: {len(BODY)}") + BODY[:5])
        status, headers, body = await answered(reader)
        assert (status, headers["connection"], json.loads(body)["error"]) == (408, "close", "cut_off")
        assert await reader.read() == b""
        writer.close()
        assert await site.deliveries() == 0
        await still_works(served)


class WatchedRoom(Room):
    """Room that says when it has changed."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self._changed = asyncio.Event()

    def grow(self, size: int) -> None:
        super().grow(size)
        self._changed.set()

    def shrink(self, size: int) -> None:
        super().shrink(size)
        self._changed.set()

    async def until(self, used: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while self.used != used:
                self._changed.clear()
                await self._changed.wait()


async def test_the_room_is_given_back_when_a_sender_goes_away(site: Site) -> None:
    room = WatchedRoom(2 * len(BODY) - 1)
    site.limits |= {"room": room, "body_seconds": PATIENCE}
    async with serving(site) as served:
        _, writer = await served.connect()
        writer.write(head(f"Content-Length: {len(BODY) + 1}") + BODY)
        await room.until(len(BODY))
        async with served.client() as client:
            answer = await client.post("/alerts/alertmanager", content=BODY)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        writer.close()
        await room.until(0)
        await still_works(served)
    assert room.used == 0


async def test_a_thousand_alerts_over_the_wire(served: Served) -> None:
    alerts = [{**json.loads(BODY)["alerts"][0], "fingerprint": f"f{n}"} for n in range(1_000)]
    async with served.client() as client:
        answer = await client.post("/alerts/alertmanager", json={"alerts": alerts}, timeout=PATIENCE * 3)
    assert (answer.status_code, answer.json()["joined"]) == (200, 999)


async def test_health_is_answered_while_bodies_trickle_in(served: Served) -> None:
    slow = [await served.connect() for _ in range(20)]
    for _, writer in slow:
        writer.write(head(f"Content-Length: {len(BODY)}") + BODY[:10])
        await writer.drain()
    async with served.client() as client:
        assert (await client.get("/livez")).status_code == 200
        assert (await client.get("/readyz")).status_code == 200
    for _, writer in slow:
        writer.write(BODY[10:])
    answers = [await answered(reader) for reader, _ in slow]
    assert [status for status, *_ in answers] == [200] * 20
    assert sum(json.loads(body)["opened"] for *_, body in answers) == 1
    for _, writer in slow:
        writer.close()
