"""The Slack side as a whole: built here, started and stopped by the composition root."""

import asyncio
from collections.abc import Awaitable, Callable

from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from starlette.requests import Request
from starlette.responses import Response

from bot.ports.clock import Clock
from bot.ports.store import Store
from bot.slack.connection import Connection, Identity, SlackSettings
from bot.slack.finder import Finder
from bot.slack.gallery import Gallery
from bot.slack.listeners import interactions
from bot.slack.listeners.adopted import Adopter
from bot.slack.listeners.edge import Edge
from bot.slack.listeners.messages import SlackEvents
from bot.slack.projector import Projector
from bot.slack.render import TEAM_URL
from bot.usecases.adopt import Adopting
from bot.usecases.desk import Desk
from bot.usecases.setup import Setup
from bot.usecases.systems import Systems


class SlackSide:
    """Listeners, connection and projector. The projector can be nudged before anything is connected."""

    def __init__(
        self,
        settings: SlackSettings,
        store: Store,
        setup: Setup,
        clock: Clock,
        replica: str = "the only one",
        *,
        systems: Systems | None = None,
    ) -> None:
        """`replica` is this process's name among those that share the store; `systems` read what other bots post."""
        self._settings = settings
        self._store = store
        self._clock = clock
        self._setup = setup
        self._systems = systems or Systems()
        self._connection = Connection(settings, clock, self._remember)
        self._projector = Projector(store, setup, self._connection, clock, replica)
        self._edge: Edge | None = None
        self._handler: AsyncSlackRequestHandler | None = None
        self._inbox: asyncio.Task[None] | None = None

    @property
    def gallery(self) -> Gallery:
        """Shows pictures; usable once it is started."""
        return Gallery(self._connection)

    def nudge(self) -> None:
        """There is something new to show."""
        self._projector.nudge()

    async def start(self, desk: Desk) -> None:
        """Connect in the background; that Slack is away stops nothing else."""
        await self._connection.open()

        async def authorize() -> AuthorizeResult:  # a plain function: Bolt stumbles over the `self` of a method
            return self._connection.authorized()

        app = AsyncApp(
            client=self._connection.client_for_bolt(),
            authorize=authorize,
            signing_secret=self._settings.signing_secret or None,
            request_verification_enabled=self._settings.mode == "http",
        )
        edge = Edge(desk, lambda: self._connection.client)
        self._edge = edge
        events = SlackEvents(edge, self._store, self._clock, self._adopter())
        events.register(app)
        interactions.register(app, edge)
        self._handler = AsyncSlackRequestHandler(app)
        await self._connection.connect(app)
        await self._projector.start()
        self._inbox = asyncio.create_task(events.keep_up(), name="slack-inbox")

    def _adopter(self) -> Adopter | None:
        if not self._setup.adoptions:
            return None
        adopting = Adopting(self._store, self._setup, self._systems, self.nudge)
        return Adopter(self._setup.adoptions, adopting, Finder(self._connection, self._setup), self._store)

    async def stop(self) -> None:
        """Finish what is being answered, then let go."""
        if self._inbox is not None:
            self._inbox.cancel()
            await asyncio.gather(self._inbox, return_exceptions=True)
            self._inbox = None
        if self._edge is not None:
            await self._edge.finish()
        await self._projector.stop()
        await self._connection.close()

    async def _remember(self, who: Identity) -> None:
        """Links to cards need the workspace's address."""
        if who.url and await self._store.read(lambda tx: tx.keys.get("slack", TEAM_URL)) != who.url:
            await self._store.write(lambda tx: tx.keys.put("slack", TEAM_URL, who.url))

    def fault(self) -> str | None:
        """What is wrong, for readiness."""
        return self._connection.fault or self._projector.fault

    @property
    def http_handler(self) -> Callable[[Request], Awaitable[Response]] | None:
        """What answers `POST /slack/events` in HTTP mode."""
        if self._settings.mode != "http":
            return None
        return self._handle

    async def _handle(self, request: Request) -> Response:
        if self._handler is None:
            return Response(status_code=503)
        return await self._handler.handle(request)
