"""The addresses, and what answers at each."""

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from bot.domain.errors import BotError
from bot.web.alerts import Deliveries
from bot.web.api import Api
from bot.web.edge import Edge
from bot.web.health import Health
from bot.web.page import Pages
from bot.web.parts import WebParts
from bot.web.problems import from_error, on_bot_error, on_http_error, problem


def build_web(parts: WebParts) -> Starlette:
    """The ASGI application. It starts and stops nothing."""
    deliveries, api, pages, health = Deliveries(parts), Api(parts), Pages(parts), Health(parts)

    async def take(request: Request) -> Response:
        return await deliveries(request)

    methods = ["POST", "PUT", "OPTIONS"]
    routes = [
        Route("/alerts/{integration}", take, methods=methods),
        Route("/alerts/{integration}/", take, methods=methods),
        Route("/slack/events", parts.slack_events or _no_slack, methods=["POST"]),
        Route("/livez", health.livez),
        Route("/readyz", health.readyz),
        Route("/metrics", health.metrics),
        Route("/api/incidents", api.incidents),
        Route("/api/incidents/{id}", api.incident),
        Route("/api/incidents/{id}/timeline", api.timeline),
        Route("/incidents/{id}", pages.timeline),
    ]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Edge, metrics=parts.metrics), Middleware(Shortcut, take=take)],
        exception_handlers={BotError: on_bot_error, HTTPException: on_http_error},
    )
    # A redirected POST loses its body, and one source counts the redirect's answer as success.
    app.router.redirect_slashes = False
    return app


class Shortcut:
    """Deliveries go straight to where they are taken; the routes below say the same, for everything else of them."""

    def __init__(self, app: ASGIApp, take: Callable[[Request], Awaitable[Response]]) -> None:
        self._app = app
        self._take = take

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        before, _, slug = scope.get("path", "").rpartition("/")
        if scope["type"] != "http" or scope["method"] != "POST" or before != "/alerts" or not slug:
            await self._app(scope, receive, send)
            return
        request = Request({**scope, "path_params": {"integration": slug}}, receive, send)
        try:
            answer = await self._take(request)
        except BotError as error:
            answer = from_error(error)
        await answer(scope, receive, send)


async def _no_slack(request: Request) -> Response:
    del request
    return problem(
        404, "socket_mode", "Slack is connected by Socket Mode, so nothing is expected here.",
        not_done="Nothing was taken.", next_step="Set MLOPS_BOT_SLACK__MODE=http to receive events by HTTP.",
    )  # fmt: skip
