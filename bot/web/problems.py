"""Errors as JSON: what happened, what was not done because of it, what to do next."""

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bot.domain.errors import BadInput, BotError, IllegalTransition, NotFound, NotPermitted, Overloaded

RETRY_AFTER = 5
"""Seconds; sources that heed it come back then."""


def problem(
    status: int,
    error: str,
    what: str,
    *,
    not_done: str = "",
    next_step: str = "",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """One error. `error` is a word for machines."""
    body = {"error": error, "what": what, "not_done": not_done, "next": next_step}
    return JSONResponse(body, status_code=status, headers=dict(headers or {}))


def from_error(error: BotError) -> Response:
    """An error of the tree, with the status that tells a caller what to do."""
    status, word = _status(error)
    headers = {"retry-after": str(RETRY_AFTER)} if status == 503 else {}
    return problem(
        status, word, error.what, not_done=error.not_done, next_step=error.next_step, headers=headers
    )  # fmt: skip


def _status(error: BotError) -> tuple[int, str]:
    match error:
        case NotFound():
            return 404, "not_found"
        case BadInput():
            return 400, "bad_input"
        case NotPermitted():
            return 403, "not_permitted"
        case IllegalTransition():
            return 409, "conflict"
        case Overloaded():
            return 503, "overloaded"
        case _:
            return 503, "unavailable"


async def on_bot_error(request: Request, error: Exception) -> Response:
    """Starlette's handler for our own errors."""
    del request
    assert isinstance(error, BotError)
    return from_error(error)


_WORDS: Mapping[int, tuple[str, str, str]] = {
    404: ("not_found", "There is nothing at this address.", "Deliveries go to /alerts/INTEGRATION."),
    405: ("method_not_allowed", "This address does not take this method.", "The Allow header says which it takes."),
}


async def on_http_error(request: Request, error: Exception) -> Response:
    """Starlette's handler for what routing refuses."""
    del request
    assert isinstance(error, HTTPException)
    word, what, next_step = _WORDS.get(error.status_code, ("refused", str(error.detail), ""))
    return problem(
        error.status_code, word, what, not_done="Nothing was done.", next_step=next_step, headers=error.headers
    )  # fmt: skip
