"""Where the control API is found."""

from starlette.routing import BaseRoute, Route

from sandbox.control.acts import Acts
from sandbox.control.body import guarded
from sandbox.control.breaks import Breaks
from sandbox.control.looks import Looks
from sandbox.world import Sandbox


def routes(sandbox: Sandbox) -> list[BaseRoute]:
    """All of `/sandbox/…`."""
    looks = Looks(sandbox).endpoints()
    posts = Acts(sandbox.interactions).endpoints() | Breaks(sandbox).endpoints()
    return [
        *(Route(f"/sandbox/{path}", guarded(endpoint), methods=["GET"]) for path, endpoint in looks.items()),
        *(Route(f"/sandbox/{path}", guarded(endpoint), methods=["POST"]) for path, endpoint in posts.items()),
    ]
