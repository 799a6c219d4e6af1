"""The HTTP kit: what each failure means, what is repeated, and that no secret is ever shown."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager

import httpx
import pytest
from pydantic import SecretStr

from bot.domain.errors import (
    BadInput,
    BotError,
    Conflict,
    Indeterminate,
    RateLimited,
    Refused,
    Unauthorized,
    Unreachable,
    Unreadable,
)
from bot.kit.http import Http, HttpClients, Limits, segment
from bot.kit.httpauth import NO_AUTH, Auth, AuthSource, basic, bearer, headers
from bot.kit.redaction import excerpt, redact

PASSWORD = SecretStr("correct-horse/battery+1")
BASE = "http://registry.example/base"

Answer = httpx.Response | Exception


class Server:
    """Answers in the order given (the last one again and again) and remembers what was asked."""

    def __init__(self, *answers: Answer | Callable[[httpx.Request], httpx.Response]) -> None:
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.slept: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else answer(request)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def client(self, auth: Auth | AuthSource = NO_AUTH, limits: Limits | None = None, base: str = BASE) -> Http:
        return Http(
            base,
            system="mlflow",
            auth=auth,
            limits=limits,
            transport=httpx.MockTransport(self),
            sleep=self.sleep,
            jitter=lambda: 1.0,
        )


def answer(status: int, body: object = None, **head: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    names = {name.replace("_", "-"): value for name, value in head.items()}
    return httpx.Response(status, content=content, headers=names)


async def failing(server: Server, method: str = "GET", **kind: bool) -> BotError:
    http = server.client()
    call: Coroutine[object, object, object] = (
        http.get_json("/thing")
        if method == "GET"
        else http.write(method, "/thing", {"a": 1}, idempotent=kind.get("idempotent", False))
    )
    with pytest.raises(BotError) as caught:
        await call
    await http.aclose()
    error = caught.value
    assert error.what
    assert error.not_done
    assert error.next_step
    return error


# ---------------------------------------------------------------- reading


async def test_a_read_gives_the_json() -> None:
    server = Server(answer(200, {"versions": [1, None, "ü"]}))
    http = server.client()
    assert await http.get_json("/thing", {"filter": "name='a&b'", "max": 3}) == {"versions": [1, None, "ü"]}
    (request,) = server.requests
    assert str(request.url) == "http://registry.example/base/thing?filter=name%3D%27a%26b%27&max=3"
    await http.aclose()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Refused),
        (401, Unauthorized),
        (403, Unauthorized),
        (404, Refused),
        (407, Unauthorized),
        (409, Conflict),
        (412, Conflict),
        (422, Refused),
        (429, RateLimited),
        (500, Unreachable),
        (501, Unreachable),
        (503, Unreachable),
    ],
)
async def test_what_a_status_means_for_a_read(status: int, kind: type[BotError]) -> None:
    error = await failing(Server(answer(status, {"error_code": "X", "message": "no such thing, sorry"})))
    assert type(error) is kind
    assert f"mlflow answered GET /base/thing with {status}: no such thing, sorry." in error.what
    assert error.not_done == "Nothing was read."


@pytest.mark.parametrize(
    ("status", "kind", "not_done"),
    [
        (400, Refused, "Nothing was changed."),
        (401, Unauthorized, "Nothing was changed."),
        (409, Conflict, "Nothing was changed."),
        (429, RateLimited, "Nothing was changed."),
        (302, Refused, "Nothing was changed."),
        (500, Indeterminate, "Whether anything was changed is not known."),
        (502, Indeterminate, "Whether anything was changed is not known."),
        (503, Indeterminate, "Whether anything was changed is not known."),
    ],
)
@pytest.mark.parametrize("idempotent", [True, False])
async def test_what_a_status_means_for_a_write(
    status: int, kind: type[BotError], not_done: str, idempotent: bool
) -> None:
    error = await failing(Server(answer(status)), "POST", idempotent=idempotent)
    assert type(error) is kind
    assert error.not_done == not_done


async def test_a_status_that_is_expected_comes_back_as_it_is() -> None:
    http = Server(answer(404, {"error_code": "RESOURCE_DOES_NOT_EXIST"})).client()
    response = await http.get("/thing", accept=(404,))
    assert response.status == 404
    assert response.json() == {"error_code": "RESOURCE_DOES_NOT_EXIST"}
    await http.aclose()


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe\x00", b"nul", b"[" * 100_000])
async def test_what_is_not_json_is_unreadable(body: bytes) -> None:
    error = await failing(Server(answer(200, body)))
    assert type(error) is Unreadable
    assert len(str(error)) < 600


async def test_a_login_page_instead_of_json_is_named() -> None:
    page = b"<!DOCTYPE html><html><head><title>Sign in\n to ACME</title></head><body>secret</body></html>"
    error = await failing(Server(answer(200, page, content_type="text/html")))
    assert type(error) is Unreadable
    assert "web page titled “Sign in to ACME” instead of JSON" in error.what
    assert "login page" in error.next_step
    assert "secret" not in str(error)


async def test_redirects_are_not_followed_and_say_where_they_lead() -> None:
    server = Server(answer(302, location="https://user:pw@sso.example/login?token=abcdef123"))
    error = await failing(server)
    assert type(error) is Refused
    assert "redirect (302) to sso.example/login, which is not followed" in error.what
    assert len(server.requests) == 1
    assert "abcdef123" not in str(error)
    assert "pw" not in error.what


async def test_an_answer_beyond_the_limit_is_not_read() -> None:
    small = Limits(size=1_000)
    http = Server(answer(200, b'"' + b"a" * 2_000 + b'"')).client(limits=small)
    with pytest.raises(Unreadable, match="more than 0 KiB"):
        await http.get_json("/thing")
    with pytest.raises(Indeterminate):
        await http.write("POST", "/thing", {}, idempotent=False)
    await http.aclose()


async def test_a_vendors_words_are_cut_and_freed_of_control_characters() -> None:
    error = await failing(Server(answer(400, {"message": "bad\u202e\x1b[31m\nname " + "x" * 5_000})))
    assert "bad[31m name xxx" in error.what
    assert len(error.what) < 400


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "quota exceeded"}},
        {"errors": [1], "detail": [{"msg": "x", "message": "quota exceeded"}]},
        {"error": "quota exceeded"},
        ["quota exceeded"],
        b"quota exceeded\n",
        b"<html><title>quota exceeded</title></html>",
    ],
)
async def test_a_vendors_words_are_found_wherever_they_stand(body: object) -> None:
    assert "with 400: quota exceeded." in (await failing(Server(answer(400, body)))).what


@pytest.mark.parametrize("body", [{"message": {"message": {"message": {"message": "deep"}}}}, {}, [], None, b"null"])
async def test_an_error_without_words_is_still_told(body: object) -> None:
    assert (await failing(Server(answer(400, body)))).what == "mlflow answered GET /base/thing with 400."


# ---------------------------------------------------------------- repeating


@pytest.mark.parametrize(
    "first",
    [
        answer(502),
        answer(503),
        answer(504),
        answer(429, retry_after="1"),
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("slow"),
        httpx.ReadTimeout("slow"),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("Server disconnected without sending a response."),
    ],
)
async def test_a_read_is_repeated_when_the_trouble_may_pass(first: Answer) -> None:
    server = Server(first, answer(200, {"ok": True}))
    http = server.client()
    assert await http.get_json("/thing") == {"ok": True}
    assert len(server.requests) == 2
    assert len(server.slept) == 1
    await http.aclose()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 500, 501])
async def test_a_read_is_not_repeated_when_the_trouble_stays(status: int) -> None:
    server = Server(answer(status))
    await failing(server)
    assert len(server.requests) == 1


async def test_three_attempts_with_growing_waits_are_enough() -> None:
    server = Server(httpx.ConnectError("refused"))
    error = await failing(server)
    assert type(error) is Unreachable
    assert len(server.requests) == 3
    assert server.slept == [0.5, 1.0]


async def test_a_write_that_may_not_be_repeated_is_sent_once() -> None:
    for trouble in (httpx.ConnectError("refused"), httpx.ReadTimeout("slow"), answer(503), answer(429)):
        server = Server(trouble)
        await failing(server, "POST", idempotent=False)
        assert len(server.requests) == 1


async def test_a_write_that_may_be_repeated_is() -> None:
    server = Server(httpx.ReadTimeout("slow"), answer(503), answer(200, {}))
    http = server.client()
    assert await http.post_json("/thing", {"a": "ü"}, idempotent=True) == {}
    assert [json.loads(r.content) for r in server.requests] == [{"a": "ü"}] * 3
    await http.aclose()


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (httpx.ConnectError("refused"), Unreachable),
        (httpx.ConnectTimeout("slow"), Unreachable),
        (httpx.PoolTimeout("busy"), Unreachable),
        (httpx.LocalProtocolError("Illegal header value"), Unreachable),
        (httpx.ReadTimeout("slow"), Indeterminate),
        (httpx.ReadError("reset"), Indeterminate),
        (httpx.WriteError("reset"), Indeterminate),
        (httpx.WriteTimeout("slow"), Indeterminate),
        (httpx.RemoteProtocolError("disconnected"), Indeterminate),
    ],
)
@pytest.mark.parametrize("idempotent", [True, False])
async def test_a_write_without_an_answer_says_whether_it_was_sent(
    trouble: Exception, kind: type[BotError], idempotent: bool
) -> None:
    error = await failing(Server(trouble), "POST", idempotent=idempotent)
    assert type(error) is kind
    assert error.not_done == (
        "Nothing was sent." if kind is Unreachable else "Whether anything was changed is not known."
    )


@pytest.mark.parametrize("after", [httpx.ConnectError("refused"), answer(403, {"message": "no"}), answer(409)])
async def test_an_unanswered_first_attempt_is_not_forgotten(after: Answer) -> None:
    server = Server(httpx.ReadTimeout("slow"), after)
    error = await failing(server, "PUT", idempotent=True)
    assert type(error) is Indeterminate
    assert "An earlier attempt got no answer" in error.what


async def test_a_garbled_answer_to_a_write_leaves_it_in_doubt() -> None:
    http = Server(answer(200, b"<html>login</html>")).client()
    with pytest.raises(Indeterminate, match="web page"):
        await http.post_json("/thing", {}, idempotent=True)
    await http.aclose()


async def test_a_question_that_is_a_post_counts_as_a_read() -> None:
    server = Server(answer(503), answer(200, [1]))
    http = server.client()
    assert await http.query_json("/search", {"q": 1}) == [1]
    error = Server(httpx.ReadTimeout("slow")).client()
    with pytest.raises(Unreachable):
        await error.query_json("/search", {})
    await http.aclose()
    await error.aclose()


@pytest.mark.parametrize(
    ("head", "seconds"),
    [
        ({"retry_after": "7"}, 7.0),
        (
            {"retry_after": "Mon, 23 Nov 2026 03:10:09 GMT", "date": "Mon, 23 Nov 2026 03:10:00 GMT"},
            9.0,
        ),
        ({"retry_after": "Mon, 23 Nov 2026 03:00:00 GMT", "date": "Mon, 23 Nov 2026 03:10:00 GMT"}, 0.0),
        ({"retry_after": "99999999999999999999"}, 5.0),
        ({"retry_after": "999999"}, 3600.0),
        ({"retry_after": "-4"}, 5.0),
        ({"retry_after": "soon"}, 5.0),
        ({}, 5.0),
    ],
)
async def test_how_long_we_are_asked_to_wait(head: dict[str, str], seconds: float) -> None:
    error = await failing(Server(answer(429, **head)))
    assert isinstance(error, RateLimited)
    assert error.retry_after == seconds


async def test_a_wait_beyond_the_budget_is_the_callers_to_decide() -> None:
    server = Server(answer(429, retry_after="600"))
    error = await failing(server)
    assert isinstance(error, RateLimited)
    assert server.slept == []
    assert len(server.requests) == 1


async def test_the_budget_ends_the_attempts() -> None:
    now = iter([0.0, 0.0, 44.9, 44.9, 44.9])
    server = Server(httpx.ReadTimeout("slow"))
    http = Http(
        BASE,
        system="mlflow",
        transport=httpx.MockTransport(server),
        sleep=server.sleep,
        monotonic=lambda: next(now, 100.0),
    )
    with pytest.raises(Unreachable, match="it took too long"):
        await http.get_json("/thing")
    assert len(server.requests) == 1
    await http.aclose()


# ---------------------------------------------------------------- secrets


async def test_credentials_are_sent_and_never_shown() -> None:
    token = base64.b64encode(f"bot:{PASSWORD.get_secret_value()}".encode()).decode()
    echo = {"message": f"denied for bot:{PASSWORD.get_secret_value()} (Basic {token})"}
    server = Server(answer(403, echo))
    http = server.client(auth=basic("bot", PASSWORD))
    with pytest.raises(Unauthorized) as caught:
        await http.get_json("/thing")
    assert server.requests[0].headers["authorization"] == f"Basic {token}"
    for shown in (str(caught.value), repr(caught.value), repr(http), repr(basic("bot", PASSWORD))):
        assert PASSWORD.get_secret_value() not in shown
        assert token not in shown
    assert "denied for bot:•••" in caught.value.what
    await http.aclose()


async def test_a_secret_at_the_edge_of_the_cut_is_not_half_shown() -> None:
    text = "x" * 290 + PASSWORD.get_secret_value()
    assert "correct" not in excerpt(text, [PASSWORD.get_secret_value()])


@pytest.mark.parametrize(
    "text",
    [
        "https://u:hunter2secret@host/x",
        "Authorization: Bearer hunter2secret",
        "authorization: basic hunter2secret==",
        "password=hunter2secret&x=1",
        '{"api_key": "hunter2secret"}',
        "access_token: hunter2secret",
    ],
)
def test_what_looks_like_credentials_is_taken_out_unknown_as_it_is(text: str) -> None:
    assert "hunter2secret" not in redact(text)


def test_every_spelling_of_a_secret_is_taken_out() -> None:
    secret = 'a"b/c d'
    text = 'a"b/c d · a%22b%2Fc%20d · a\\"b/c d · YSJiL2MgZA=='
    assert redact(text, [secret]) == "••• · ••• · ••• · •••"
    assert redact("nothing to hide", ["", "o"]) == "nothing to hide"


async def test_headers_of_any_name_can_be_added() -> None:
    server = Server(answer(200, {}))
    http = server.client(auth=bearer(SecretStr("token-of-test")) | headers({"X-Proxy-Key": SecretStr("key-of-test")}))
    await http.get_json("/thing")
    assert server.requests[0].headers["authorization"] == "Bearer token-of-test"
    assert server.requests[0].headers["x-proxy-key"] == "key-of-test"
    await http.aclose()


async def test_cookies_are_not_kept() -> None:
    server = Server(answer(200, {}, set_cookie="session=1; Path=/"))
    http = server.client()
    await http.get_json("/thing")
    await http.get_json("/thing")
    assert "cookie" not in server.requests[1].headers
    await http.aclose()


# ---------------------------------------------------------------- credentials that are renewed


class Renewed:
    """Another token for every attempt; the last one again and again."""

    def __init__(self, *tokens: str | BotError) -> None:
        self._tokens = list(tokens)

    async def __call__(self) -> Auth:
        token = self._tokens.pop(0) if len(self._tokens) > 1 else self._tokens[0]
        if isinstance(token, BotError):
            raise token
        return bearer(SecretStr(token))


async def test_a_source_of_credentials_is_asked_before_every_attempt() -> None:
    server = Server(answer(503), answer(200, {}))
    http = server.client(auth=Renewed("token-of-yesterday", "token-of-today"))
    await http.get_json("/thing")
    sent = [request.headers["authorization"] for request in server.requests]
    assert sent == ["Bearer token-of-yesterday", "Bearer token-of-today"]
    await http.aclose()


async def test_a_renewed_secret_is_kept_out_of_errors_like_any_other() -> None:
    server = Server(lambda request: answer(400, {"message": f"no: {request.headers['authorization']}"}))
    http = server.client(auth=Renewed("token-of-today"))
    with pytest.raises(Refused) as told:
        await http.get_json("/thing")
    accepted = await http.get("/thing", accept=(400,))
    assert "token-of-today" not in f"{told.value} {http.words(accepted)}"
    await http.aclose()


async def test_without_credentials_nothing_is_sent() -> None:
    server = Server(answer(200, {}))
    http = server.client(auth=Renewed(Unauthorized("The token can't be read.", not_done="Nothing was sent.")))
    with pytest.raises(Unauthorized, match="The token can't be read"):
        await http.write("POST", "/thing", {}, idempotent=True)
    assert server.requests == []
    await http.aclose()


async def test_credentials_that_are_lost_after_an_unanswered_attempt_do_not_hide_it() -> None:
    server = Server(httpx.ReadTimeout("slow"))
    http = server.client(auth=Renewed("token-of-today", Unauthorized("The token can't be read.")))
    with pytest.raises(Indeterminate, match="An earlier attempt got no answer"):
        await http.write("PUT", "/thing", {}, idempotent=True)
    await http.aclose()


# ---------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    "base",
    ["", "registry.example", "ftp://registry.example", "http://", "http://h:99999", "http://h/?a=1", "http://h/#x",
     "http://h/a b", "file:///etc/passwd"],
)  # fmt: skip
def test_an_address_that_is_none_is_refused_at_once(base: str) -> None:
    with pytest.raises(BadInput, match="mlflow"):
        Http(base, system="mlflow")


def test_credentials_in_an_address_are_refused_without_showing_them() -> None:
    with pytest.raises(BadInput, match="settings of their own") as caught:
        Http("http://bot:hunter2secret@registry.example", system="mlflow")
    assert "hunter2secret" not in str(caught.value)


async def test_half_a_character_in_a_question_is_told_and_not_sent() -> None:
    server = Server(answer(200, {}))
    http = server.client()
    with pytest.raises(Unreachable) as caught:
        await http.get("/thing", {"name": "\ud83d"})
    await http.aclose()
    assert caught.value.not_done == "Nothing was sent."
    assert server.requests == []


async def test_a_path_cannot_lead_to_another_host() -> None:
    server = Server(answer(200, {}))
    http = server.client()
    await http.get_json("//evil.example/x")
    assert server.requests[0].url.host == "registry.example"
    with pytest.raises(ValueError, match="begins with a slash"):
        await http.get_json("http://evil.example/x")
    with pytest.raises(ValueError, match="begins with a slash"):
        await http.get_json("@evil.example/x")
    await http.aclose()


@pytest.mark.parametrize(
    ("text", "piece"), [("a/b", "a%2Fb"), ("ü ?#", "%C3%BC%20%3F%23"), ("..%2f", "..%252f"), ("a\nb", "a%0Ab")]
)
def test_a_name_is_one_piece_of_a_path(text: str, piece: str) -> None:
    assert segment(text) == piece


@pytest.mark.parametrize("text", ["", ".", ".."])
def test_a_name_that_walks_the_path_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        segment(text)


async def test_the_programs_factory_closes_what_it_made() -> None:
    clients = HttpClients(transport=httpx.MockTransport(Server(answer(200, {}))))
    first, second = clients(BASE, system="mlflow"), clients(BASE, system="bentoml", auth=bearer(PASSWORD))
    assert await first.get_json("/x") == {}
    await clients.aclose()
    for http in (first, second):
        with pytest.raises(RuntimeError, match="closed"):
            await http.get_json("/x")


# ---------------------------------------------------------------- real sockets


@asynccontextmanager
async def listening(reply: bytes, *, hold: asyncio.Event | None = None) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that reads a request to its end, sends these bytes, and closes (or waits for `hold`)."""
    seen: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (int(x.split(b":")[1]) for x in head.lower().split(b"\r\n") if x.startswith(b"content-length")), 0
        )
        seen.append(await reader.readexactly(length))
        writer.write(reply)
        await writer.drain()
        if hold is not None:
            await hold.wait()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    try:
        yield f"http://{host}:{port}", seen
    finally:
        server.close()
        await server.wait_closed()


async def test_a_write_whose_connection_is_cut_after_sending_is_in_doubt() -> None:
    async with listening(b"") as (base, seen):
        http = Http(base, system="mlflow")
        with pytest.raises(Indeterminate):
            await http.write("POST", "/alias", {"version": "2"}, idempotent=False)
        await http.aclose()
    assert seen == [b'{"version":"2"}']


async def test_a_write_cut_in_the_middle_of_its_answer_is_in_doubt() -> None:
    async with listening(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{") as (base, seen):
        http = Http(base, system="mlflow")
        with pytest.raises(Indeterminate):
            await http.write("POST", "/alias", {"version": "2"}, idempotent=False)
        await http.aclose()
    assert len(seen) == 1


async def test_an_answer_that_drips_for_ever_ends_with_the_budget() -> None:
    hold = asyncio.Event()
    async with listening(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{", hold=hold) as (base, _):
        http = Http(base, system="mlflow", limits=Limits(budget=0.2))
        with pytest.raises(Unreachable, match="took too long"):
            await http.get_json("/thing")
        await http.aclose()
        hold.set()


async def test_nobody_listening_means_that_nothing_was_sent() -> None:
    async with listening(b"") as (base, _):
        pass
    http = Http(base, system="mlflow", limits=Limits(attempts=1))
    with pytest.raises(Unreachable, match="can't be reached"):
        await http.write("POST", "/alias", {}, idempotent=True)
    await http.aclose()
