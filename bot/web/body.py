"""A request's body is read as it comes, counted by us and not by what its headers claim, and given up in time."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from starlette.types import Receive

from bot.domain.errors import Overloaded


class TooLarge(Exception):
    """The body is over the limit."""


class CutOff(Exception):
    """The sender went away, or took too long: nobody is there to be answered."""


class Room:
    """Memory for bodies that are being read and taken. What doesn't fit is refused, with a moment to come back at."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._used = 0

    @property
    def used(self) -> int:
        """Bytes that are held now."""
        return self._used

    @contextmanager
    def share(self) -> Iterator["Share"]:
        """One request's part, given back at its end."""
        share = Share(self)
        try:
            yield share
        finally:
            self.shrink(share.size)

    def grow(self, size: int) -> None:
        """Take so many bytes more. Raises Overloaded."""
        if self._used + size > self._limit:
            raise Overloaded(
                "Too many deliveries arrive at once.", not_done="This one was not taken.", next_step="Send it again."
            )
        self._used += size

    def shrink(self, size: int) -> None:
        """Give so many bytes back."""
        self._used -= size


class Share:
    """What one request holds of the room."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self.size = 0

    def grow(self, size: int) -> None:
        """Take so many bytes more. Raises Overloaded."""
        self._room.grow(size)
        self.size += size


async def read_body(receive: Receive, claimed: int, share: Share, *, limit: int, seconds: float) -> bytes:
    """The whole body, at most `limit` bytes; `claimed` is what its sender says. Raises TooLarge, CutOff, Overloaded.

    A body that is too large is refused as soon as that is known. The server reads away what its sender still sends,
    so that the answer gets through.
    """
    if claimed > limit:
        raise TooLarge
    parts: list[bytes] = []
    more = True
    try:
        async with asyncio.timeout(seconds):
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise CutOff
                part = message.get("body", b"")
                if share.size + len(part) > limit:
                    raise TooLarge
                share.grow(len(part))
                parts.append(part)
                more = message.get("more_body", False)
    except TimeoutError as error:
        raise CutOff from error
    return parts[0] if len(parts) == 1 else b"".join(parts)


def claimed_size(headers: Mapping[str, str]) -> int:
    """What the headers say that a body has, in bytes; 0 when they say nothing that could be."""
    text = headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0
