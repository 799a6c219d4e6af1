"""A Bolt app behind an HTTP address, as in production: uvicorn and Bolt's own handler."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.app.async_app import AsyncApp
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route


class AppServer:
    """An address that is known before the app is there."""

    def __init__(self, listener: socket.socket) -> None:
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.headers: list[dict[str, str]] = []
        """Those of every request, to see what retries say."""
        self.status: list[int] = []
        """Statuses to answer with instead, one by one."""
        self.answer_headers: dict[str, str] = {}
        self._handler: AsyncSlackRequestHandler | None = None

    def serve(self, app: AsyncApp) -> None:
        self._handler = AsyncSlackRequestHandler(app)

    async def endpoint(self, request: Request) -> Response:
        self.headers.append(dict(request.headers))
        if self.status:
            return PlainTextResponse("no", self.status.pop(0), self.answer_headers)
        assert self._handler is not None
        return await self._handler.handle(request)


@asynccontextmanager
async def listening() -> AsyncIterator[AppServer]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = AppServer(listener)
    web = Starlette(routes=[Route("/slack/events", server.endpoint, methods=["POST"])])
    uvicorn_server = uvicorn.Server(
        uvicorn.Config(web, log_level="warning", lifespan="off", timeout_graceful_shutdown=2)
    )
    task = asyncio.create_task(uvicorn_server._serve([listener]))
    try:
        yield server
    finally:
        uvicorn_server.should_exit = True
        await task
