"""A way through to another server on which a test can stand: hold a request, lose its answer, or answer in its place."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.servers.asgi import serving

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
HOP_BY_HOP = {"connection", "content-length", "host", "keep-alive", "transfer-encoding", "content-encoding"}


class Held:
    """One request at which the world stands still."""

    def __init__(self) -> None:
        self.arrived = asyncio.Event()
        self._go_on = asyncio.Event()

    def release(self) -> None:
        self._go_on.set()

    async def stand_still(self) -> None:
        self.arrived.set()
        await self._go_on.wait()


@dataclass
class Proxy:
    """Every request is passed on, unless `before` or `after` says otherwise."""

    target: str
    url: str = ""
    passed: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of what reached the target, in order."""
    before: Callable[[Request], Awaitable[Response | None]] | None = None
    """Called first; a response is given in the target's place, and the target never hears of the request."""
    after: Callable[[Request], Awaitable[None]] | None = None
    """Called when the target has done it, before its answer goes back."""

    def count(self, method: str, ending: str) -> int:
        """How many requests of this kind reached the target."""
        return sum(1 for m, path in self.passed if m == method and path.endswith(ending))


@contextlib.asynccontextmanager
async def proxy(target: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[Proxy]:
    """A proxy in this process; `tls` says whom it trusts."""
    made = Proxy(target)
    async with httpx.AsyncClient(trust_env=False, timeout=30, verify=False if tls is None else tls) as http:

        async def through(request: Request) -> Response:
            if made.before is not None and (instead := await made.before(request)) is not None:
                return instead
            answer = await http.request(
                request.method,
                f"{made.target}{request.url.path}",
                params=request.query_params.multi_items(),
                content=await request.body(),
                headers={k: v for k, v in request.headers.items() if k not in HOP_BY_HOP},
            )
            made.passed.append((request.method, request.url.path))
            if made.after is not None:
                await made.after(request)
            headers = {k: v for k, v in answer.headers.items() if k not in HOP_BY_HOP}
            return Response(answer.content, answer.status_code, headers)

        app = Starlette(routes=[Route("/{path:path}", through, methods=METHODS)])
        async with serving(app) as made.url:
            yield made
