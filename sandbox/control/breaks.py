"""POST /sandbox/fault, token, socket, membership …: what goes wrong in a workspace, on purpose."""

from typing import cast, get_args

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.api import FaultKind, Which
from sandbox.api.faults import KINDS, WHOLE
from sandbox.clock import DrivenClock, SystemClock
from sandbox.control.body import Body, Endpoint
from sandbox.interactions import Impossible
from sandbox.workspace import Channel, Person, channels
from sandbox.world import Sandbox

FARTHEST_JUMP = 366 * 24 * 3600.0


class Breaks:
    """One endpoint for each way of going wrong."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def endpoints(self) -> dict[str, Endpoint]:
        """By the last part of the path."""
        endpoints: dict[str, Endpoint] = {
            "fault": self.fault,
            "limits": self.limits,
            "token": self.token,
            "scopes": self.scopes,
            "socket": self.socket,
            "membership": self.membership,
            "archive": self.archive,
            "redeliver": self.redeliver,
            "clock": self.clock,
        }
        return {what: self._noted(what, endpoint) for what, endpoint in endpoints.items()}

    def _noted(self, what: str, endpoint: Endpoint) -> Endpoint:
        async def answer(request: Request) -> Response:
            response = await endpoint(request)
            self._sandbox.workspace.note("fault", {"what": what, "given": request.state.fields})
            return response

        return answer

    async def fault(self, request: Request) -> Response:
        body = await Body.of(request)
        kind = body.text("kind")
        if kind == "clear":
            self._sandbox.faults.clear()
            self._sandbox.workspace.changed("trouble")
            return _done()
        if kind not in KINDS | WHOLE:
            known = ", ".join(sorted(KINDS | WHOLE))
            raise Impossible("unknown_fault", f"There is no fault {kind!r}; there are: {known}, clear.")
        given = body.number("count")
        count = None if given is None else int(given)
        if kind in WHOLE:
            return self._whole(kind, _seconds(body), count)
        self._sandbox.faults.add(
            cast(FaultKind, kind),
            method=body.text_or("method", "*"),
            count=count,
            seconds=body.number("seconds"),
            retry_after=int(body.number("retry_after") or 1),
            error=body.text_or("error", "internal_error"),
        )
        self._sandbox.workspace.changed("trouble")
        return _done()

    def _whole(self, kind: str, seconds: float, count: int | None) -> Response:
        if kind == "slow_ack":
            self._sandbox.faults.slow_ack(seconds, count)
        else:
            self._sandbox.lose_workspace(seconds)
        self._sandbox.workspace.changed("trouble")
        return _done()

    async def limits(self, request: Request) -> Response:
        """Rate limits: off, for posts and edits, or for all methods."""
        which = (await Body.of(request)).text("which")
        if which not in get_args(Which):
            raise Impossible("invalid_field", f"'which' must be one of {', '.join(get_args(Which))}.")
        self._sandbox.rates.which = cast(Which, which)
        self._sandbox.rates.forget()
        return _done()

    async def token(self, request: Request) -> Response:
        self._sandbox.api.revoked = (await Body.of(request)).flag("revoke", default=True)
        self._sandbox.workspace.changed("trouble")
        return _done()

    async def scopes(self, request: Request) -> Response:
        """Give the token other scopes."""
        self._sandbox.change_app(scopes=frozenset((await Body.of(request)).names("scopes")))
        return _done()

    async def socket(self, request: Request) -> Response:
        what = (await Body.of(request)).text("what")
        match what:
            case "abort":
                told = self._sandbox.sockets.abort()
            case "half_open":
                told = self._sandbox.sockets.go_deaf()
            case "disconnect_warning" | "refresh_requested" | "warning":
                told = await self._sandbox.sockets.announce(what.removeprefix("disconnect_"))
            case _:
                known = "disconnect_warning, refresh_requested, abort, half_open"
                raise Impossible("invalid_field", f"'what' must be one of {known}.")
        return JSONResponse({"ok": True, "sockets": told})

    async def membership(self, request: Request) -> Response:
        body = await Body.of(request)
        channel, person = self._channel(body.text("channel")), self._person(body.text("user"))
        change = channels.join if body.flag("member") else channels.leave
        return JSONResponse({"ok": True, "changed": change(self._sandbox.workspace, channel, person)})

    async def archive(self, request: Request) -> Response:
        body = await Body.of(request)
        channel = self._channel(body.text("channel"))
        person = self._person(channel.creator)
        changed = channels.archive(
            self._sandbox.workspace, channel, person, archived=body.flag("archived", default=True)
        )
        return JSONResponse({"ok": True, "changed": changed})

    async def redeliver(self, request: Request) -> Response:
        event = (await Body.of(request)).text_or("event", "last")
        try:
            acknowledged = await self._sandbox.deliveries.redeliver(event)
        except KeyError:
            raise Impossible("unknown_event", f"No event {event!r} was sent.") from None
        return JSONResponse({"ok": True, "acknowledged": acknowledged})

    async def clock(self, request: Request) -> Response:
        """Let time pass at once: retries, scheduled messages and limits see it."""
        seconds = (await Body.of(request)).number("jump")
        if seconds is None or not 0 <= seconds <= FARTHEST_JUMP:
            raise Impossible("invalid_field", "'jump' must be a number of seconds, at most a year.")
        clock = self._sandbox.clock
        assert isinstance(clock, SystemClock | DrivenClock)
        clock.jump(seconds)
        return JSONResponse({"ok": True, "now": clock.now()})

    def _person(self, name: str) -> Person:
        found = self._sandbox.workspace.person(name)
        if found is None:
            raise Impossible("unknown_user", f"There is nobody {name!r} here.")
        return found

    def _channel(self, name: str) -> Channel:
        found = self._sandbox.workspace.channel(name)
        if found is None:
            raise Impossible("unknown_channel", f"There is no channel {name!r} here.")
        return found


def _seconds(body: Body) -> float:
    seconds = body.number("seconds")
    if seconds is None or not 0 <= seconds <= FARTHEST_JUMP:
        raise Impossible("invalid_field", "'seconds' must be a number of seconds, at most a year.")
    return seconds


def _done() -> Response:
    return JSONResponse({"ok": True})
