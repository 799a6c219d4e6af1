"""The web application: Slack's side, the control API and the page."""

from importlib.util import find_spec

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from sandbox import control
from sandbox.guard import Guard
from sandbox.outage import Outage
from sandbox.side_doors import SideDoors
from sandbox.world import Sandbox


def build(sandbox: Sandbox) -> Starlette:
    """Everything that is served at one address."""
    return Starlette(
        routes=[
            Route("/api/{method:path}", sandbox.api.answer, methods=["GET", "POST"]),
            WebSocketRoute("/link/", sandbox.sockets.serve),
            *control.routes(sandbox),
            *_page(sandbox),
            *SideDoors(sandbox).routes(),
        ],
        middleware=[Middleware(Guard, workspace=sandbox.workspace), Middleware(Outage, faults=sandbox.faults)],
    )


def _page(sandbox: Sandbox) -> list[BaseRoute]:
    if find_spec("sandbox.page") is None:
        return [Route("/", _no_page, methods=["GET"])]
    from sandbox.page import routes  # noqa: PLC0415 - only when it is there

    return routes(sandbox.workspace)


async def _no_page(request: Request) -> Response:
    del request
    return PlainTextResponse("A Slack workspace on this machine. Web API: /api/, control API: /sandbox/state\n")
