"""Reading a request's body, up to a limit."""

from starlette.requests import Request


class TooLarge(Exception):
    """The body is larger than it may be."""


async def read(request: Request, most: int) -> bytes:
    """The body. Raises TooLarge as soon as it is clear."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise TooLarge
        parts.append(part)
    return b"".join(parts)
