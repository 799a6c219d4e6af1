"""Serving a sandbox at an address: in this process, until told to stop."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from sandbox.site import build
from sandbox.world import Sandbox

GRACE = 2
"""Seconds that answers under way have when the server stops."""


class _Http(H11Protocol):
    """Hands the connection to the endpoint, so that it can be cut as a broken network cuts it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class Server(uvicorn.Server):
    """Leaves signals to whoever runs it, and ends what would keep connections open."""

    def __init__(self, sandbox: Sandbox, site: ASGIApp | None = None) -> None:
        config = uvicorn.Config(
            site or build(sandbox),
            http=_Http,
            ws="websockets-sansio",
            ws_ping_interval=None,
            lifespan="off",
            log_level="warning",
            access_log=False,
            date_header=False,
            timeout_graceful_shutdown=GRACE,
        )
        super().__init__(config)
        self.ready = asyncio.Event()
        self._sandbox = sandbox
        self._end = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def] # noqa: ANN201
        yield

    async def main_loop(self) -> None:
        """Nothing has to be done every moment: wait for the end."""
        await self.on_tick(0)
        await self._end.wait()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take nothing new, let what is under way end within the grace, cut the rest."""
        for server in self.servers:
            server.close()
        for listener in sockets or ():
            listener.close()
        await self._sandbox.close()
        connections = list(self.server_state.connections)
        for connection in connections:
            connection.shutdown()
        if self.server_state.tasks:
            _, slow = await asyncio.wait(self.server_state.tasks, timeout=GRACE)
            for task in slow:
                task.cancel()
        for connection in connections:
            if connection.transport is not None:
                connection.transport.abort()

    def stop(self) -> None:
        """End soon."""
        self.should_exit = True
        self._end.set()


def bound(host: str, port: int) -> socket.socket:
    """A socket at this address; port 0 takes a free one. Raises OSError when it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio switches Nagle off: an answer of two packets would wait 40 ms for the first one.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


def address_of(listener: socket.socket, host: str) -> str:
    """The address as a URL."""
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{listener.getsockname()[1]}"


@asynccontextmanager
async def serving(
    sandbox: Sandbox, host: str = "127.0.0.1", port: int = 0, site: ASGIApp | None = None
) -> AsyncIterator[str]:
    """Serve from the start to the end of a block; yields the address."""
    listener = bound(host, port)
    sandbox.workspace.address = address_of(listener, host)
    server = Server(sandbox, site)
    task = asyncio.create_task(server.serve([listener]))
    try:
        ready = asyncio.ensure_future(server.ready.wait())
        await asyncio.wait((ready, task), return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if task.done():
            task.result()
        yield sandbox.workspace.address
    finally:
        server.stop()
        await task
