"""The outermost layer: headers that keep pages harmless, and an answer for whatever was not expected."""

import logging
import secrets

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.web.metrics import WebMetrics
from bot.web.problems import problem

HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
CSP = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

_HEADERS = [(name.encode(), value.encode()) for name, value in (HEADERS | {"content-security-policy": CSP}).items()]

_log = logging.getLogger(__name__)


class Edge:
    """Wraps the application."""

    def __init__(self, app: ASGIApp, metrics: WebMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = message["headers"] = list(message.get("headers", ()))
                present = {name for name, _ in headers}
                headers += [(name, value) for name, value in _HEADERS if name not in present]
            await send(message)

        try:
            await self._app(scope, receive, guarded)
        except Exception:
            self._metrics.error()
            reference = secrets.token_hex(4)
            _log.exception("request %s %s failed (reference %s)", scope["method"], scope["path"], reference)
            if started:
                raise
            answer = problem(
                500, "internal", f"Something went wrong here (reference {reference}).",
                not_done="What was asked may not have been done.",
                next_step="Look for the reference in the bot's log.",
            )  # fmt: skip
            await answer(scope, receive, guarded)
