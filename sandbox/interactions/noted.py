"""What people do is noted, with what came of it; and while the workspace is lost, they can do nothing."""

import inspect
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from sandbox.delivery import Deliveries
from sandbox.interactions.outcome import Impossible, Outcome
from sandbox.workspace.state import Workspace

P = ParamSpec("P")


class Hands(Protocol):
    """What acts stand in."""

    workspace: Workspace
    deliveries: Deliveries


H = TypeVar("H", bound=Hands)
Act = Callable[Concatenate[H, P], Awaitable[Outcome]]


def act(method: Act[H, P]) -> Act[H, P]:
    """Note it when it begins, and what came of it. Raises Impossible when Slack can't be reached."""
    signature = inspect.signature(method)

    @wraps(method)
    async def noted(self: H, /, *args: P.args, **kwargs: P.kwargs) -> Outcome:
        if self.deliveries.weather.lost:
            raise Impossible("workspace_lost", "The workspace can't be reached. Nothing was sent.")
        given = dict(signature.bind(self, *args, **kwargs).arguments)
        del given["self"]
        given |= given.pop("given", {})
        number = self.workspace.note("act", {"what": method.__name__, "given": given})
        try:
            outcome = await method(self, *args, **kwargs)
        except Impossible as impossible:
            self.workspace.note("outcome", {"of": number, "ok": False, "error": impossible.what})
            raise
        self.workspace.note("outcome", {"of": number} | outcome.json())
        return outcome

    return noted
