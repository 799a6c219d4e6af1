"""The addresses that Slack gives out: to upload to, to download from, to answer to, and of messages."""

import time
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.bodies import TooLarge, loads, read
from sandbox.interactions.exchanges import Refused
from sandbox.workspace import hooks
from sandbox.workspace.values import Call, Json
from sandbox.world import Sandbox

MOST_BYTES = 100_000_000
MOST_ANSWERED = 4_000_000
SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'",
}


class SideDoors:
    """Everything that is neither the Web API nor the control API nor the page."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._workspace = sandbox.workspace

    def routes(self) -> list[BaseRoute]:
        """Where they are found."""
        return [
            Route("/upload/v1/{id}", self.upload, methods=["POST"]),
            Route("/files/{id}/{name:path}", self.download, methods=["GET"]),
            Route("/response/{team}/{id}", self.respond, methods=["POST"]),
            Route("/archives/{channel}/{stamp}", self.message, methods=["GET"]),
            Route("/services/{team}/{bot}/{secret}", self.hook, methods=["POST"]),
        ]

    async def hook(self, request: Request) -> Response:
        """An incoming webhook of another app, called as its bot's id says: `/services/T0SANDBOX/B0ALERTS1/anything`."""
        try:
            body = _answer(await read(request, MOST_ANSWERED), request.headers.get("content-type", ""))
        except TooLarge:
            return PlainTextResponse("request entity too large", 413)
        if body is None:
            return PlainTextResponse("invalid_payload", 400)
        word = hooks.post(self._workspace, request.path_params["bot"], body)
        return PlainTextResponse("ok") if word is None else PlainTextResponse(word, hooks.STATUS.get(word, 400))

    async def upload(self, request: Request) -> Response:
        """The bytes of a file, raw or in a form; without any token."""
        file = self._workspace.files.get(request.path_params["id"])
        if file is None or file.done:
            return PlainTextResponse("not found", 404)
        try:
            data = await _uploaded(request)
        except TooLarge:
            return PlainTextResponse("file too large", 413)
        file.data = data
        return PlainTextResponse(f"OK - {len(data)}")

    async def download(self, request: Request) -> Response:
        """The bytes again. What somebody uploaded can't run as a page of this server."""
        file = self._workspace.files.get(request.path_params["id"])
        data = self._workspace.file_bytes(request.path_params["id"])
        if file is None or data is None:
            return PlainTextResponse("file_not_found", 404)
        name = urlencode({"": file.name})[1:]
        headers = dict(SAFE)
        if request.path_params["name"].startswith("download/"):
            headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{name}"
        return Response(data, media_type=file.mimetype, headers=headers)

    async def respond(self, request: Request) -> Response:
        """An answer to an interaction."""
        begun = time.perf_counter()
        try:
            answer = _answer(await read(request, MOST_ANSWERED), request.headers.get("content-type", ""))
        except TooLarge:
            return PlainTextResponse("request entity too large", 413)
        word = self._respond(request.path_params["id"], answer)
        self._record(answer or {}, word, begun)
        if word is None:
            return PlainTextResponse("ok")
        return PlainTextResponse(word, 404 if word.endswith("_url") else 400)

    async def message(self, request: Request) -> Response:
        """A permalink: the page at that message."""
        stamp = request.path_params["stamp"].removeprefix("p")
        ts = f"{stamp[:-6]}.{stamp[-6:]}"
        query = {"channel": request.path_params["channel"], "message": ts}
        if thread := request.query_params.get("thread_ts"):
            query["thread"] = thread
        return RedirectResponse(f"/?{urlencode(query)}")

    def _respond(self, exchange_id: str, answer: Json | None) -> str | None:
        if answer is None:
            return "invalid_payload"
        try:
            exchange = self._sandbox.interactions.exchanges.respond(exchange_id)
        except Refused as refused:
            return refused.word
        return self._sandbox.interactions.responses.show(exchange, answer)

    def _record(self, answer: Json, word: str | None, begun: float) -> None:
        """Among the calls, under a name that no method has."""
        self._workspace.call_number += 1
        ms = (time.perf_counter() - begun) * 1000
        now = self._workspace.clock.now()
        call = Call(self._workspace.call_number, now, "response_url", answer, word is None, word, ms)
        self._workspace.recorded.append(call)
        self._workspace.changed("call")
        self._workspace.note("call", call.json() | {"answer": None})


async def _uploaded(request: Request) -> bytes:
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return await read(request, MOST_BYTES)
    form = await request.form(max_files=1)
    uploads = [value for value in form.values() if isinstance(value, UploadFile)]
    return await uploads[0].read() if uploads else b""


def _answer(body: bytes, content_type: str) -> Json | None:
    """JSON, whether it is the body or the field `payload` of a form."""
    try:
        text = body.decode()
        if content_type.startswith("application/x-www-form-urlencoded"):
            text = dict(parse_qsl(text)).get("payload", "")
        found = loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
