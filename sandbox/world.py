"""All parts of one workspace, put together."""

import asyncio
import random
from dataclasses import replace

from sandbox.api import Faults, RateLimits, WebApi, Which
from sandbox.clock import Clock, SystemClock
from sandbox.delivery import Deliveries, HttpTransport, Sockets, Transport
from sandbox.interactions import Interactions
from sandbox.workspace import App, Workspace
from sandbox.workspace.seed import APP


class Sandbox:
    """A workspace with everything around it. Made inside of a running loop, closed by whoever made it."""

    def __init__(
        self,
        clock: Clock | None = None,
        app: App = APP,
        *,
        app_url: str | None = None,
        limits: Which = "posts",
        chance: random.Random | None = None,
        workspace: Workspace | None = None,
    ) -> None:
        self.workspace = workspace or Workspace(clock or SystemClock(), app)
        self.clock: Clock = self.workspace.clock
        self.sockets = Sockets(self.workspace, chance or random.Random())  # noqa: S311 - which socket is no secret
        self.http = HttpTransport(app_url, lambda: self.workspace.app.signing_secret) if app_url else None
        transport: Transport = self.http or self.sockets
        self.faults = Faults(self.clock)
        self.deliveries = Deliveries(self.workspace, transport, self.faults)
        self.interactions = Interactions(self.workspace, self.deliveries)
        self.rates = RateLimits(self.clock, limits)
        self.api = WebApi(
            self.workspace,
            self.interactions.exchanges,
            None if app_url else self.sockets,
            self.faults,
            self.rates,
        )
        self.closing = asyncio.Event()
        """Set when everything that waits must end."""

    def change_app(self, **changes: object) -> None:
        """Give the app other scopes, events or commands."""
        self.workspace.app = replace(self.workspace.app, **changes)  # type: ignore[arg-type]

    def lose_workspace(self, seconds: float) -> None:
        """Cut every socket, and answer nothing for so long."""
        self.faults.lose_workspace(seconds)
        self.sockets.abort()

    async def close(self) -> None:
        """End every stream, socket, retry and held answer."""
        self.closing.set()
        self.api.closing.set()
        self.workspace.close()
        await self.api.later.close()
        await self.deliveries.close()
        await self.sockets.close()
        if self.http is not None:
            await self.http.close()
