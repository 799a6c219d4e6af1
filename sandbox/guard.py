"""Pages of other sites that happen to be open in the same browser can't act here, nor read what is said."""

import ipaddress
from urllib.parse import urlsplit

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.workspace.state import Workspace


class Guard:
    """Refuses requests that a browser makes for another site, and names of ours that only another site would use.

    Apps and programs send no `Origin`. While it listens on loopback, it is called by a loopback name (or its own): any
    other one was made to point here.
    """

    def __init__(self, app: ASGIApp, workspace: Workspace) -> None:
        self._app = app
        self._workspace = workspace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (fault := self._fault(dict(scope["headers"]))):
            await JSONResponse({"error": "forbidden", "what": fault}, 403)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _fault(self, headers: dict[bytes, bytes]) -> str | None:
        host = headers.get(b"host", b"").decode("latin-1")
        origin = headers.get(b"origin", b"").decode("latin-1")
        own = urlsplit(self._workspace.address).hostname or ""
        if _is_loopback(own) and not _is_loopback(_name(host)):
            return f"This server is called 127.0.0.1 or localhost, not {host}."
        if origin and origin not in {f"http://{host}", f"https://{host}"}:
            return f"Pages of {origin} can't use this server."
        return None


def _name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
