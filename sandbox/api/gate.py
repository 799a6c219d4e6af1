"""The way in: faults, token, rate limit, scope, required arguments; then the method, and everything is written down."""

import asyncio
import logging
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.api.arguments import Arguments, merged
from sandbox.api.ask import Ask
from sandbox.api.faults import Fault, Faults
from sandbox.api.method import Handler
from sandbox.api.rates import RateLimits
from sandbox.api.refused import Refused
from sandbox.api.table import METHODS
from sandbox.bodies import TooLarge
from sandbox.delivery import Sockets
from sandbox.interactions import Exchanges
from sandbox.specs import Reference, common_errors, methods
from sandbox.workspace.later import Later
from sandbox.workspace.state import Workspace
from sandbox.workspace.values import Call, Json

APP_LEVEL = frozenset({"apps.connections.open"})
WITHOUT_TOKEN = frozenset({"api.test"})
OWN_WORD = {"conversations.create": {"name": "invalid_name_required"}}
"""Where a missing argument has an error code of its own."""
EITHER = {"chat.appendStream": {"markdown_text": "chunks"}}
"""Arguments that the reference calls required although another one may stand for them."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answered:
    """What a call came to."""

    body: Json
    status: int = 200
    retry_after: int | None = None


class WebApi:
    """The endpoint of `/api/{method}`."""

    def __init__(
        self, workspace: Workspace, exchanges: Exchanges, sockets: Sockets | None, faults: Faults, rates: RateLimits
    ) -> None:
        self.revoked = False
        """Whether the bot token was revoked."""
        self.later = Later(workspace)
        self.closing = asyncio.Event()
        self._workspace = workspace
        self._exchanges = exchanges
        self._sockets = sockets
        self._faults = faults
        self._rates = rates

    async def answer(self, request: Request) -> Response:
        """Answer one call."""
        method = request.path_params["method"]
        begun = time.perf_counter()
        try:
            arguments = Arguments(await merged(request))
        except TooLarge:
            return Response("request entity too large", 413)
        except Refused as refused:
            return self._response(method, Answered(_refusal(refused)))
        fault = self._faults.take(method)
        self._workspace.call_number += 1
        number = self._workspace.call_number
        if fault is not None and fault.kind != "lost_answer":
            self._record(number, method, arguments, fault.kind if fault.kind != "slack_error" else fault.error, begun)
            return await self._faulty(request, method, fault)
        answered = self._answer(method, arguments, request, number)
        error = "lost_answer" if fault else answered.body.get("error")
        self._record(number, method, arguments, error, begun, answered.body)
        return await self._cut(request) if fault else self._response(method, answered)

    def _answer(self, method: str, arguments: Arguments, request: Request, number: int) -> Answered:
        """Everything that can be said without waiting."""
        handler = METHODS.get(method)
        if handler is None:
            return Answered({"ok": False, "error": "unknown_method", "req_method": method})
        reference = methods()[method]
        try:
            self._authenticate(method, arguments, request)
            seconds = self._rates.wait(method, reference.tier, self._channel_id(arguments))
            if seconds is not None:
                return Answered({"ok": False, "error": "ratelimited"}, 429, seconds)
            ask = Ask(self._workspace, self._exchanges, self._sockets, self.later, arguments, number)
            return Answered(_called(handler, ask, method, reference))
        except Refused as refused:
            return Answered(_listed(method, reference, refused))
        except Exception:  # noqa: BLE001 - the edge of a request: it must be answered, and written down
            _log.exception("%s broke", method)
            return Answered({"ok": False, "error": "internal_error"})

    def _authenticate(self, method: str, arguments: Arguments, request: Request) -> None:
        """The token of a header counts before that of an argument; an app-level one comes by header only."""
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        header = given.strip() if scheme.lower() == "bearer" else ""
        token = header or ("" if method in APP_LEVEL else arguments.text("token"))
        app = self._workspace.app
        right, wrong = (app.app_token, app.bot_token) if method in APP_LEVEL else (app.bot_token, app.app_token)
        if method in WITHOUT_TOKEN and not token:
            return
        if not token:
            raise Refused("not_authed")
        if secrets.compare_digest(token.encode(), wrong.encode()):
            raise Refused("not_allowed_token_type")
        if not secrets.compare_digest(token.encode(), right.encode()):
            raise Refused("invalid_auth")
        if self.revoked and method not in APP_LEVEL:
            raise Refused("token_revoked")

    def _channel_id(self, arguments: Arguments) -> str:
        """What a post's limit is counted by: a channel has one, whether it is called by its name or its id."""
        given = arguments.text("channel")
        bare = given.removeprefix("#")
        named = (c.id for c in self._workspace.conversations.values() if c.name and c.name == bare)
        return next(named, given)

    # ------------------------------------------------------------ answers, good and bad

    def _response(self, method: str, answered: Answered) -> Response:
        reference = methods().get(method)
        headers = {
            "X-OAuth-Scopes": ",".join(sorted(self._workspace.app.scopes)),
            "X-Accepted-OAuth-Scopes": ",".join(reference.scopes if reference else ()),
            "X-Slack-Req-Id": secrets.token_hex(16),
        }
        if answered.retry_after is not None:
            headers["Retry-After"] = str(answered.retry_after)
        return JSONResponse(answered.body, answered.status, headers)

    async def _faulty(self, request: Request, method: str, fault: Fault) -> Response:
        match fault.kind:
            case "http_500" | "http_503":
                return Response("upstream error\n", int(fault.kind.removeprefix("http_")), media_type="text/plain")
            case "rate_limited":
                limited = Answered({"ok": False, "error": "ratelimited"}, 429, fault.retry_after)
                return self._response(method, limited)
            case "invalid_json":
                return Response("<html><body>Our servers are over capacity", media_type="text/html")
            case "empty_body":
                return Response("")
            case "slack_error":
                return self._response(method, Answered({"ok": False, "error": fault.error}))
            case _:
                return await self._silence(request)

    async def _silence(self, request: Request) -> Response:
        """Say nothing until the client gives up, or we close."""
        gone = asyncio.ensure_future(request.receive())
        closing = asyncio.ensure_future(self.closing.wait())
        try:
            await asyncio.wait((gone, closing), return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            closing.cancel()
        return await self._cut(request)

    async def _cut(self, request: Request) -> Response:
        """Break the connection without an answer."""
        request.scope["state"]["transport"].abort()
        await request.receive()
        return Response()

    def _record(
        self,
        number: int,
        method: str,
        arguments: Arguments,
        error: str | None,
        begun: float,
        answer: Json | None = None,
    ) -> None:
        ms = (time.perf_counter() - begun) * 1000
        at = self._workspace.clock.now()
        call = Call(number, at, method, arguments.shown(), error is None, error, ms)
        self._workspace.recorded.append(call)
        self._workspace.changed("call")
        self._workspace.note("call", call.json() | {"answer": answer})


def _called(handler: Handler, ask: Ask, method: str, reference: Reference) -> Json:
    if reference.scopes:
        ask.need(*reference.scopes)  # one of them; where the kind of conversation matters, the method asks for its own
    _required(method, reference.required, ask.arguments)
    answer: Json = {"ok": True} | handler(ask)
    if ask.warnings:
        answer["response_metadata"] = {"warnings": list(ask.warnings)} | answer.get("response_metadata", {})
    return answer


def _required(method: str, names: Sequence[str], arguments: Arguments) -> None:
    other: Mapping[str, str] = EITHER.get(method, {})
    missing = [n for n in names if n not in arguments and other.get(n, n) not in arguments and not _may_be_empty(n)]
    missing += [name for name in names if _may_be_empty(name) and not arguments.given(name)]
    for name in missing:
        if code := OWN_WORD.get(method, {}).get(name):
            raise Refused(code)
    if missing:
        said = [f"[ERROR] missing required field: {name}" for name in missing]
        raise Refused("invalid_arguments", said)


def _may_be_empty(name: str) -> bool:
    return name in {"topic", "purpose", "status"}


def _listed(method: str, reference: Reference, refused: Refused) -> Json:
    """A code that the reference doesn't list would be a mistake of ours: say that instead."""
    if refused.code not in reference.errors | common_errors() and method != "api.test":
        _log.error("%s wanted to answer %s, which Slack never does", method, refused.code)
        return {"ok": False, "error": "internal_error"}
    return _refusal(refused)


def _refusal(refused: Refused) -> Json:
    answer: Json = {"ok": False, "error": refused.code} | refused.more
    return answer | ({"response_metadata": {"messages": list(refused.messages)}} if refused.messages else {})
