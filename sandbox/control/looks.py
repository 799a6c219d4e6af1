"""GET /sandbox/state, messages, views, calls, files …: what there is to see."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from sandbox.control.body import Endpoint
from sandbox.interactions import Impossible
from sandbox.workspace import Channel, Person
from sandbox.workspace.values import Change, Json
from sandbox.world import Sandbox

LONGEST_WAIT = 60.0


class Looks:
    """One endpoint for each view of the workspace."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._workspace = sandbox.workspace

    def endpoints(self) -> dict[str, Endpoint]:
        """By the last part of the path."""
        return {
            "state": self.state,
            "messages": self.messages,
            "views": self.views,
            "calls": self.calls,
            "events": self.events,
            "files": self.files,
            "canvases": self.canvases,
            "interactions/{id}": self.interaction,
            "stream": self.stream,
            "trouble": self.trouble,
        }

    async def state(self, request: Request) -> Response:
        del request
        workspace = self._workspace
        people = [p for p in workspace.members.values() if not p.is_bot]
        channels = [c for c in workspace.conversations.values() if c.kind in {"public", "private"}]
        return JSONResponse(
            {
                "team": {"id": workspace.team.id, "name": workspace.team.name, "domain": workspace.team.domain},
                "app": _app(self._sandbox),
                "users": [
                    {"id": p.id, "name": p.name, "real_name": p.real_name, "title": p.title} for p in people
                ],
                "channels": [_channel(channel) for channel in channels],
                "connected": workspace.sockets(),
            }
        )  # fmt: skip

    async def messages(self, request: Request) -> Response:
        user = request.query_params.get("user")
        person = self._person(user) if user else None
        channel = self._channel(request.query_params.get("channel", ""))
        found = self._workspace.messages(
            channel.id, person.id if person else None, request.query_params.get("thread_ts")
        )
        return JSONResponse({"messages": found})

    async def views(self, request: Request) -> Response:
        person = self._person(request.query_params.get("user", ""))
        shown = self._workspace.views_of(person.id)
        return JSONResponse({"views": shown, "home": self._workspace.home_of(person.id)})

    async def calls(self, request: Request) -> Response:
        since = _number(request, "since", 0)
        return JSONResponse(
            {"calls": self._workspace.calls(request.query_params.get("method") or "*", int(since))}
        )  # fmt: skip

    async def events(self, request: Request) -> Response:
        del request
        shown = [
            {
                "event_id": event_id,
                "event": one.envelope["event"],
                "acknowledged": one.acknowledged,
                "done": one.ended.is_set(),
                "failed": list(one.reasons),
            }
            for event_id, one in self._sandbox.deliveries.sent.items()
        ]
        return JSONResponse({"events": shown})

    async def files(self, request: Request) -> Response:
        del request
        files = self._workspace.files.values()
        shown = [file.json(self._workspace.address) for file in files if file.done and not file.deleted]
        return JSONResponse({"files": shown})

    async def canvases(self, request: Request) -> Response:
        del request
        return JSONResponse({"canvases": [canvas.json() for canvas in self._workspace.canvases.values()]})

    async def trouble(self, request: Request) -> Response:
        """What goes wrong at the moment, on purpose."""
        del request
        return JSONResponse({"faults": self._sandbox.faults.shown(), "revoked": self._sandbox.api.revoked})

    async def interaction(self, request: Request) -> Response:
        """Wait until the app has answered so often, opened a view, or the time is over."""
        exchange = self._sandbox.interactions.exchanges.get(request.path_params["id"])
        if exchange is None:
            raise Impossible("unknown_interaction", f"There was no interaction {request.path_params['id']!r}.")
        wanted = int(_number(request, "responses", 1))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(_number(request, "wait", 10.0), LONGEST_WAIT)):
                while len(exchange.responses) < wanted and exchange.view is None and not self._sandbox.closing.is_set():
                    exchange.more.clear()
                    await exchange.more.wait()
        view = exchange.view.json() if exchange.view else None
        return JSONResponse({"responses": exchange.responses, "view": view})

    async def stream(self, request: Request) -> Response:
        user = request.query_params.get("user")
        person = self._person(user) if user else None
        return StreamingResponse(
            self._changes(person), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
        )

    async def _changes(self, person: Person | None) -> AsyncIterator[str]:
        yield ": connected\n\n"
        async for change in self._workspace.subscribe():
            if person is None or self._concerns(change, person):
                yield f"data: {json.dumps(change.json())}\n\n"

    def _concerns(self, change: Change, person: Person) -> bool:
        channel = self._workspace.conversations.get(change.channel)
        hidden = channel is not None and channel.is_private and person.id not in channel.members
        return change.user in {"", person.id} and not hidden

    def _person(self, name: str) -> Person:
        found = self._workspace.person(name)
        if found is None:
            raise Impossible("unknown_user", f"There is no person {name!r} here.")
        return found

    def _channel(self, name: str) -> Channel:
        found = self._workspace.channel(name)
        if found is None:
            raise Impossible("unknown_channel", f"There is no channel {name!r} here.")
        return found


def _app(sandbox: Sandbox) -> Json:
    app = sandbox.workspace.app
    return {
        "id": app.id,
        "name": app.name,
        "user_id": app.user_id,
        "bot_id": app.bot_id,
        "mode": "socket" if sandbox.http is None else "http",
        "scopes": sorted(app.scopes),
        "events": sorted(app.events),
        "commands": sorted(app.commands),
        "shortcuts": [{"callback_id": s.callback_id, "name": s.name, "type": s.type} for s in app.shortcuts],
    }


def _channel(channel: Channel) -> Json:
    return {
        "id": channel.id,
        "name": channel.name,
        "is_private": channel.is_private,
        "is_archived": channel.archived,
        "members": list(channel.members),
    }


def _number(request: Request, name: str, default: float) -> float:
    given = request.query_params.get(name)
    if not given:
        return default
    try:
        return float(given)
    except ValueError:
        raise Impossible("invalid_field", f"{name!r} must be a number, not {given!r}.") from None
