"""A workspace that is lost: whatever an app asks of Slack is cut off without an answer, and sockets are refused."""

from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.api import Faults

SLACKS = ("/api/", "/upload/", "/response/", "/link/")
"""What belongs to Slack; the page and the control API go on."""


class Outage:
    """In front of everything."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not (self._faults.lost and str(scope.get("path", "")).startswith(SLACKS)):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1013})
        elif transport := scope.get("state", {}).get("transport"):
            transport.abort()
            await receive()
            await Response()(scope, receive, send)  # to nobody
        else:  # called where it is, without a connection that could be cut
            await PlainTextResponse("service unavailable", 503)(scope, receive, send)
