"""The web application that shows a recording: the page, what there is to see, and `/sandbox/replay` to move in it."""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.control.body import Body, guarded
from sandbox.control.looks import Looks
from sandbox.guard import Guard
from sandbox.interactions import Impossible
from sandbox.page import routes as page_routes
from sandbox.recording.replay import FASTEST, SLOWEST, Replay
from sandbox.side_doors import SideDoors
from sandbox.world import Sandbox

SEEN = ("state", "messages", "views", "calls", "files", "canvases", "stream")
"""What the control API shows of a recording, too."""
STEPS = 100_000_000


def build(sandbox: Sandbox, replay: Replay) -> Starlette:
    """Everything that is served at one address. The sandbox is that of the replay's workspace."""
    looks = Looks(sandbox).endpoints()
    controls = _Controls(replay)
    seen = [Route(f"/sandbox/{name}", guarded(looks[name]), methods=["GET"]) for name in SEEN]
    doors = SideDoors(sandbox)
    return Starlette(
        routes=[
            Route("/sandbox/replay", controls.look, methods=["GET"]),
            Route("/sandbox/replay", guarded(controls.move), methods=["POST"]),
            *seen,
            *page_routes(replay.workspace, replaying=True),
            Route("/files/{id}/{name:path}", doors.download, methods=["GET"]),
            Route("/archives/{channel}/{stamp}", doors.message, methods=["GET"]),
            *(
                Route(path, _nothing_is_done, methods=["GET", "POST"])
                for path in ("/sandbox/{p:path}", "/api/{p:path}")
            ),
        ],
        middleware=[Middleware(Guard, workspace=replay.workspace)],
    )


class _Controls:
    """The bar's buttons."""

    def __init__(self, replay: Replay) -> None:
        self._replay = replay

    async def look(self, request: Request) -> Response:
        del request
        return JSONResponse(self._replay.shown())

    async def move(self, request: Request) -> Response:
        """Any of `to`, `step`, `speed`, `play`, `pause`; a step or a jump ends playing."""
        body, replay = await Body.of(request), self._replay
        to, step, speed = _whole(body, "to"), _whole(body, "step"), body.number("speed")
        if not body.others() or body.others("to", "step", "speed", "play", "pause"):
            raise Impossible("invalid_field", "Say one of: to, step, speed, play, pause.")
        if speed is not None:
            if not SLOWEST <= speed <= FASTEST:
                raise Impossible("invalid_field", f"'speed' must be between {SLOWEST:g} and {FASTEST:g}.")
            replay.set_speed(speed)
        if to is not None or step is not None:
            replay.pause()
            replay.to(to if to is not None else replay.at + (step or 0))
        if body.flag("pause"):
            replay.pause()
        elif body.flag("play"):
            replay.play()
        return JSONResponse(replay.shown())


def _whole(body: Body, name: str) -> int | None:
    value = body.number(name)
    if value is None:
        return None
    if value != value // 1 or abs(value) > STEPS:
        raise Impossible("invalid_field", f"{name!r} must be a whole number.")
    return int(value)


async def _nothing_is_done(request: Request) -> Response:
    del request
    what = "This is a recording: nothing can be done in it. GET and POST /sandbox/replay show where one is, and move."
    return JSONResponse({"ok": False, "error": "replay", "what": what}, 403)
