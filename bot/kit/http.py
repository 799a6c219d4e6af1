"""The one way to another system: time-outs, retries, size limits, and every failure as one of our errors, no secrets.

What a failure means for the caller is decided by one question: may the request have had an effect?
Reads never have. A write that was never sent has not (`Unreachable`). A write that was sent and got no proper answer
may have (`Indeterminate`); where it could be repeated harmlessly it is repeated here first.
"""

import asyncio
import json as jsonlib
import random
import ssl
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Protocol
from urllib.parse import quote, urlsplit

import httpx
from pydantic import SecretStr

from bot.domain.errors import BadInput, BotError, Indeterminate, Unreadable
from bot.kit import httperrors
from bot.kit.httpauth import NO_AUTH, Auth, AuthSource
from bot.kit.httperrors import Trouble
from bot.kit.parsing import read_json

Params = Mapping[str, str | int | bool | Sequence[str]]
_RANDOM = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Limits:
    """All times are in seconds."""

    connect: float = 5.0
    read: float = 30.0
    attempts: int = 3
    budget: float = 45.0
    """For one call with all its attempts and the waits between them; an attempt is cut off at its end."""
    size: int = 8 * 1024 * 1024
    """Bytes of an answer, unpacked."""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer whose status matters to the caller. Header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    system: str

    @property
    def text(self) -> str:
        """The body as text; what is not UTF-8 becomes replacement characters."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> object:
        """The body as JSON. Raises Unreadable."""
        try:
            return read_json(self.body, self.system)
        except Unreadable as error:
            raise httperrors.not_json(self.system, self.headers, self.body, error) from None


@dataclass(frozen=True, slots=True)
class Request:
    """One call: what is sent, whether it may have an effect, whether it may be sent twice."""

    method: str
    url: str
    params: Params = field(default_factory=dict)
    content: bytes | None = None
    reads: bool = True
    repeatable: bool = True
    accept: Collection[int] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


class Http:
    """A client of one system. Redirects are never followed and cookies never kept: credentials go where they belong."""

    def __init__(
        self,
        base_url: str,
        *,
        system: str,
        auth: Auth | AuthSource = NO_AUTH,
        secrets: Sequence[SecretStr] = (),
        tls: ssl.SSLContext | None = None,
        limits: Limits | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = _RANDOM.random,
    ) -> None:
        """A source of `auth` is asked before every attempt; `secrets` are further texts to keep out of errors.

        `tls` says whom to trust (`bot.kit.tls`); without it that is whom the machine trusts.

        Raises:
            BadInput: the address is none.

        """
        self.base_url = _checked(base_url, system)
        self.system = system
        self._auth = auth
        self._secrets = tuple(secret.get_secret_value() for secret in secrets)
        self._seen = auth.secrets if isinstance(auth, Auth) else ()
        self._limits = limits or Limits()
        self._sleep = sleep
        self._monotonic = monotonic
        self._jitter = jitter
        self._client = httpx.AsyncClient(
            headers={
                "user-agent": "mlops-bot",
                "accept": "application/json, text/plain;q=0.5, */*;q=0.1",
            },
            timeout=httpx.Timeout(self._limits.read, connect=self._limits.connect),
            follow_redirects=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            transport=transport,
            verify=True if tls is None else tls,
            limits=httpx.Limits(max_connections=20, max_keepalive_connections=5, keepalive_expiry=2.0),
        )

    def __repr__(self) -> str:
        return f"Http({self.system} at {self.base_url})"

    async def aclose(self) -> None:
        """Close the connections; a closed client can't be used again."""
        await self._client.aclose()

    # ------------------------------------------------------------ reading

    async def get(self, path: str, params: Params | None = None, *, accept: Collection[int] = ()) -> Response:
        """Read. Statuses in `accept` come back as they are; other bad ones are raised as IntegrationErrors."""
        return await self.send(Request("GET", self.url(path), params or {}, accept=accept))

    async def get_json(self, path: str, params: Params | None = None) -> object:
        """Read JSON. Raises IntegrationErrors, Unreadable for a body that is none."""
        return (await self.get(path, params)).json()

    async def get_text(self, path: str, params: Params | None = None) -> str:
        """Read text. Raises IntegrationErrors."""
        return (await self.get(path, params)).text

    async def query(self, path: str, json: object, *, accept: Collection[int] = ()) -> Response:
        """A POST that only asks; it may be repeated like any read. Raises IntegrationErrors."""
        return await self.send(Request("POST", self.url(path), content=_encode(json), headers=_JSON, accept=accept))

    async def query_json(self, path: str, json: object) -> object:
        """A POST that only asks, and its answer's JSON. Raises IntegrationErrors."""
        return (await self.query(path, json)).json()

    # ------------------------------------------------------------ writing

    async def write(
        self,
        method: str,
        path: str,
        json: object = None,
        *,
        idempotent: bool,
        params: Params | None = None,
        accept: Collection[int] = (),
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Change something. `idempotent`: sent twice it has the effect of one; only then is it repeated here.

        Raises:
            Indeterminate: sent, and what became of it is not known.
            Unreachable: nothing was sent.
            BotError: refused, for the reason that its class says; nothing was changed.

        """
        content = None if json is None else _encode(json)
        merged = {**(_JSON if content is not None else {}), **(headers or {})}
        return await self.send(
            Request(method, self.url(path), params or {}, content, False, idempotent, accept, merged)
        )

    async def post_json(self, path: str, json: object, *, idempotent: bool) -> object:
        """Change something, and read the answer's JSON; an answer that is none leaves the outcome unknown."""
        response = await self.write("POST", path, json, idempotent=idempotent)
        try:
            return response.json()
        except Unreadable as error:
            raise httperrors.unconfirmed(self.system, f"POST {path} was sent, and {_lower(error.what)}") from None

    # ------------------------------------------------------------ how

    def words(self, response: Response) -> str:
        """What the system says in an answer that was accepted as it is: one line, redacted, at most 300 characters."""
        return httperrors.words_of(response.body, (*self._seen, *self._secrets))

    def url(self, path: str) -> str:
        """The address of a path of this system; a path can't lead to another host."""
        if not path.startswith("/"):
            raise ValueError(f"a path begins with a slash: {path!r}")
        return self.base_url + path

    async def send(self, request: Request) -> Response:
        """Send, and again where that is harmless and useful, within the budget."""
        deadline = self._monotonic() + self._limits.budget
        attempt = 0
        doubt = False
        while True:
            attempt += 1
            outcome = await self._attempt(request, max(0.1, deadline - self._monotonic()))
            if isinstance(outcome, Response):
                return outcome
            wait = outcome.wait if outcome.wait is not None else self._backoff(attempt)
            late = self._monotonic() + wait > deadline
            if not (request.repeatable and outcome.passing) or attempt >= self._limits.attempts or late:
                raise _told(outcome.error, self.system, doubt=doubt)
            doubt = doubt or isinstance(outcome.error, Indeterminate)
            await self._sleep(wait)

    def _backoff(self, attempt: int) -> float:
        return min(8.0, 0.25 * 2.0**attempt) * (0.5 + self._jitter() / 2)

    async def _attempt(self, request: Request, seconds: float) -> Response | Trouble:
        """One try; what came of it is a value, so that the loop above decides."""
        try:
            auth = self._auth if isinstance(self._auth, Auth) else await self._auth()
        except BotError as error:
            return Trouble(error)
        self._seen = auth.secrets
        secrets = (*auth.secrets, *self._secrets)
        words = httperrors.Words(self.system, request.method, urlsplit(request.url).path, request.reads, secrets)
        try:
            async with asyncio.timeout(seconds):
                response = await self._exchange(request, auth)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            return words.not_sent(error)
        except _NOT_SENDABLE as error:
            return words.not_sendable(error)
        except (httpx.TransportError, httpx.DecodingError, TimeoutError) as error:
            return words.no_answer(error)
        except _TooBigError:
            return words.too_big(self._limits.size)
        if 200 <= response.status < 300 or response.status in request.accept:
            return response
        return words.bad_status(response.status, response.headers, response.body)

    async def _exchange(self, request: Request, auth: Auth) -> Response:
        built = self._client.build_request(
            request.method, request.url, params=dict(request.params) or None, content=request.content,
            headers={**auth.plain(), **request.headers},
        )  # fmt: skip
        answer = await self._client.send(built, stream=True)
        try:
            body = bytearray()
            async for chunk in answer.aiter_bytes(64 * 1024):
                body += chunk
                if len(body) > self._limits.size:
                    raise _TooBigError
        finally:
            await answer.aclose()
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Response(answer.status_code, headers, bytes(body), self.system)


class HttpFactory(Protocol):
    """Makes clients. Every integration's `build(settings, http, clock)` gets one as `http`."""

    def __call__(
        self,
        base_url: str,
        *,
        system: str,
        auth: Auth | AuthSource = NO_AUTH,
        secrets: Sequence[SecretStr] = (),
        tls: ssl.SSLContext | None = None,
    ) -> Http: ...


class HttpClients:
    """The factory of the program: remembers its clients, and closes them all. A test hands in its transport."""

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._limits = limits
        self._transport = transport
        self._sleep = sleep
        self._made: list[Http] = []
        self._machines_trust: ssl.SSLContext | None = None

    def __call__(
        self,
        base_url: str,
        *,
        system: str,
        auth: Auth | AuthSource = NO_AUTH,
        secrets: Sequence[SecretStr] = (),
        tls: ssl.SSLContext | None = None,
    ) -> Http:
        if tls is None and self._transport is None:
            # One for all: whom the machine trusts is a megabyte, and takes 20 ms to read.
            tls = self._machines_trust = self._machines_trust or httpx.create_ssl_context()
        made = Http(
            base_url, system=system, auth=auth, secrets=secrets, tls=tls, limits=self._limits,
            transport=self._transport, sleep=self._sleep,
        )  # fmt: skip
        self._made.append(made)
        return made

    async def aclose(self) -> None:
        """Close every client that was made."""
        while self._made:
            await self._made.pop().aclose()


def segment(text: str) -> str:
    """A text as one piece of a path: slashes and everything else that has a meaning there are escaped.

    `.` and `..` can't be escaped and would walk the path, so they are refused: BadInput.
    """
    if text in {"", ".", ".."}:
        raise BadInput(f"{text!r} can't be part of an address.", not_done="Nothing was sent.")
    return quote(text, safe="", errors="replace")


# ---------------------------------------------------------------- pieces

_JSON = {"content-type": "application/json"}
_NOT_SENDABLE = (
    httpx.LocalProtocolError,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
    httpx.ProxyError,
    UnicodeEncodeError,  # half of a character, which JSON can hold and an address can't
)


class _TooBigError(Exception):
    """The answer is longer than we read."""


def _told(error: BotError, system: str, *, doubt: bool) -> BotError:
    """An earlier attempt that may have had an effect outweighs what the last one says."""
    if doubt and not isinstance(error, Indeterminate):
        return httperrors.unconfirmed(system, f"An earlier attempt got no answer, and then: {_lower(error.what)}")
    return error


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _encode(value: object) -> bytes:
    return jsonlib.dumps(value, allow_nan=False, separators=(",", ":")).encode()


def _checked(base_url: str, system: str) -> str:
    """The address without a trailing slash."""
    try:
        parts = urlsplit(base_url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        httpx.URL(base_url)
    except (ValueError, httpx.InvalidURL):
        usable = False
        parts = urlsplit("")
    if not usable or parts.query or parts.fragment or any(c.isspace() for c in base_url):
        raise _wrong_address(system, "is not of the form http(s)://HOST[:PORT][/PATH]")
    if parts.username is not None or parts.password is not None:
        raise _wrong_address(system, "holds a user name or password; they have settings of their own")
    return base_url.rstrip("/")


def _wrong_address(system: str, what: str) -> BadInput:
    return BadInput(
        f"The address of {system} {what}.",
        not_done=f"{system} was not connected.",
        next_step=f"Correct the address in integrations.{system} of the configuration.",
    )
