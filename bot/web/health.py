"""Whether the process lives, whether its parts are ready and which are not, and its figures."""

import logging
from collections.abc import Callable
from math import nan

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bot.domain.post import Backlog
from bot.ports.store import Transaction
from bot.usecases.storm import backlog
from bot.web.parts import WebParts

_log = logging.getLogger(__name__)


class Health:
    """The endpoints `/livez`, `/readyz` and `/metrics`."""

    def __init__(self, parts: WebParts) -> None:
        self._parts = parts

    async def livez(self, request: Request) -> Response:
        """The event loop turns; nothing else is asked."""
        del request
        return JSONResponse({"alive": True})

    async def readyz(self, request: Request) -> Response:
        """Every part, and what is wrong with it. 503 when something is."""
        del request
        found = {name: _ask(name, check) for name, check in self._parts.readiness.items()}
        found["store"], backlog = await self._store()
        faults = [name for name, fault in found.items() if fault is not None]
        body = {
            "ready": not faults,
            "not_ready": faults,
            "parts": {name: fault or "ok" for name, fault in found.items()},
        }
        if backlog is not None:  # told, and no reason to send alerts elsewhere
            body["behind"] = backlog.told
        return JSONResponse(body, status_code=503 if faults else 200)

    async def metrics(self, request: Request) -> Response:
        """The figures. Those from a store that doesn't answer are NaN, and the rest is still told."""
        figures = self._parts.metrics
        try:
            live, waiting = await self._parts.store.read(_counts)
        except Exception as error:  # noqa: BLE001 - the edge of a request: the other figures matter most just now
            _log.warning("the store can't be asked for its figures: %s", error)
            live = waiting = nan
        figures.live_incidents.set(live)
        figures.posts_waiting.set(waiting)
        text, content_type = figures.text(request.headers.get("accept", ""))
        return Response(text, headers={"content-type": content_type, "vary": "accept"})

    async def _store(self) -> tuple[str | None, Backlog | None]:
        """What is wrong with the store; and what has waited for Slack for long."""
        try:
            return None, await self._parts.store.read(backlog)
        except Exception as error:  # noqa: BLE001 - whatever it is, the store is not ready, and that is the answer
            _log.warning("the store is not ready: %s", error)
            return "the database does not answer", None


def _counts(tx: Transaction) -> tuple[float, float]:
    return tx.incidents.count_live(), tx.posts.waiting()


def _ask(name: str, check: Callable[[], str | None]) -> str | None:
    try:
        return check()
    except Exception:  # noqa: BLE001 - a check that fails is a part that isn't ready
        _log.exception("the readiness check of %s failed", name)
        return "its check failed"
