"""The addresses, and what answers at each."""

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
from bot.web.arrival import Arrival
from bot.web.edge import Edge
from bot.web.health import Health
from bot.web.page import Pages
from bot.web.parts import WebParts
from bot.web.problems import from_error, on_bot_error, on_http_error, problem


def build_web(parts: WebParts) -> ASGIApp:
    """The ASGI application. It starts and stops nothing."""
    deliveries, api, pages, health = Deliveries(parts), Api(parts), Pages(parts), Health(parts)

    async def take(request: Request) -> Response:
        return await deliveries(Arrival(request.scope, request.receive, request.path_params["integration"]))

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
        middleware=[Middleware(Edge, metrics=parts.metrics)],
        exception_handlers={BotError: on_bot_error, HTTPException: on_http_error},
    )
    # A redirected POST loses its body, and one source counts the redirect's answer as success.
    app.router.redirect_slashes = False
    return Shortcut(app, Edge(Straight(deliveries), parts.metrics))


class Straight:
    """Where deliveries are taken, without what a request to another address goes through."""

    def __init__(self, deliveries: Deliveries) -> None:
        self._deliveries = deliveries

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = await self._deliveries(Arrival(scope, receive, scope["path"].rpartition("/")[2]))
        except BotError as error:
            answer = from_error(error)
        await answer(scope, receive, send)


class Shortcut:
    """Deliveries go `straight`; the routes of `app` say the same, for everything else of them."""

    def __init__(self, app: ASGIApp, straight: ASGIApp) -> None:
        self._app = app
        self._straight = straight

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        before, _, slug = scope.get("path", "").rpartition("/")
        is_delivery = scope["type"] == "http" and scope["method"] == "POST" and before == "/alerts" and slug
        await (self._straight if is_delivery else self._app)(scope, receive, send)


async def _no_slack(request: Request) -> Response:
    del request
    return problem(
        404, "socket_mode", "Slack is connected by Socket Mode, so nothing is expected here.",
        not_done="Nothing was taken.", next_step="Set MLOPS_BOT_SLACK__MODE=http to receive events by HTTP.",
    )  # fmt: skip
