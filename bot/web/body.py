"""A request's body is read as it comes, counted by us and not by what its headers claim, and given up in time."""

import asyncio
from contextlib import aclosing

from starlette.requests import ClientDisconnect, Request

DRAIN_LIMIT = 64 * 1024 * 1024
"""Bytes read away of a body that is refused: who is still sending can't hear the answer."""


class TooLarge(Exception):
    """The body is over the limit."""


class CutOff(Exception):
    """The sender went away, or took too long: nobody is there to be answered."""


async def read_body(request: Request, *, limit: int, seconds: float) -> bytes:
    """The whole body, at most `limit` bytes. Raises TooLarge and CutOff; nothing of a longer one is kept.

    A longer body is read to its end, within reason, and forgotten: a connection that is closed under a sender's hands
    loses the answer.
    """
    claimed = _claimed(request)
    waits = "100-continue" in request.headers.get("expect", "").lower()
    if claimed > DRAIN_LIMIT or (claimed > limit and waits):
        raise TooLarge
    parts: list[bytes] = []
    size = 0
    too_large = claimed > limit
    try:
        async with asyncio.timeout(seconds), aclosing(request.stream()) as stream:
            async for part in stream:
                size += len(part)
                too_large = too_large or size > limit
                if size > DRAIN_LIMIT:
                    break
                if too_large:
                    parts.clear()
                else:
                    parts.append(part)
    except (ClientDisconnect, TimeoutError) as error:
        if not too_large:
            raise CutOff from error
    if too_large:
        raise TooLarge
    return b"".join(parts)


def _claimed(request: Request) -> int:
    text = request.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0
