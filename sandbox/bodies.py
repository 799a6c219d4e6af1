"""Reading a request's body, up to a limit, and JSON that is JSON."""

import json
from typing import Any, NoReturn

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


def loads(text: str) -> Any:
    """JSON, without what only Python takes: NaN, half characters, endless nesting. Raises ValueError."""
    try:
        found = json.loads(text, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if "\\ud" in text.lower():
        json.dumps(found, ensure_ascii=False).encode()  # fails where half of a character stands alone
    return found


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")
