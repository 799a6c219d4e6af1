"""Which of Airflow's two APIs answers, and who we are there: found out once, and a token anew when it has expired."""

import asyncio
from dataclasses import dataclass

from pydantic import SecretStr

from bot.domain.errors import Refused, Unauthorized, Unreadable
from bot.kit.http import Http, HttpFactory, Response
from bot.kit.httpauth import NO_AUTH, Auth, basic, bearer, headers
from bot.kit.parsing import T, read_value
from integrations.airflow.manifest import MANIFEST, Settings
from integrations.airflow.wire import Token, Version

SLUG = MANIFEST.slug
RENEWED_AFTER = (" with 401", "Invalid JWT token")
"""Airflow 3 answers an expired token with 403, as it does for a permission that is missing."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """One of the two APIs, where they differ."""

    path: str
    health: str
    new: bool
    """Airflow 3: it wants a token, and a `logical_date` also where there is none, which Airflow 2 refuses."""


AIRFLOW_3 = Dialect("/api/v2", "/monitor/health", new=True)
AIRFLOW_2 = Dialect("/api/v1", "/health", new=False)


class Session:
    """One Airflow. As a source of credentials it is asked before every request."""

    def __init__(self, settings: Settings, http: HttpFactory) -> None:
        self._settings = settings
        self._given = headers(settings.headers) | (bearer(settings.token) if settings.token is not None else NO_AUTH)
        secrets = () if settings.password is None else (settings.password,)
        self._before = http(settings.url, system=SLUG, auth=self._given, secrets=secrets)
        self._dialect: Dialect | None = None
        self._release = ""
        self._token: Token | None = None
        self._one_at_a_time = asyncio.Lock()

    @property
    def http(self) -> Http:
        """A client for what is asked before anybody is known."""
        return self._before

    @property
    def likely(self) -> Dialect:
        """What answers as far as is known without asking."""
        return self._dialect or AIRFLOW_3

    @property
    def release(self) -> str:
        """The release of the server when it was asked."""
        return self._release

    async def dialect(self) -> Dialect:
        """What answers. Raises IntegrationErrors; Refused when it is no Airflow."""
        if self._dialect is None:
            for one in (AIRFLOW_3, AIRFLOW_2):
                response = await self._before.get(f"{one.path}/version", accept=(404,))
                if response.status == 200:
                    self._release = understood(Version, response).version[:40]
                    self._dialect = one
                    break
            else:
                raise _no_airflow()
        return self._dialect

    def forget_dialect(self) -> None:
        """Find it out anew: an Airflow 2 may have become an Airflow 3."""
        self._dialect = None

    async def __call__(self) -> Auth:
        """What a request carries now. Raises IntegrationErrors when Airflow gives no token."""
        password = self._settings.password
        if password is None:
            return self._given
        if not (await self.dialect()).new:
            return self._given | basic(self._settings.username, password)
        return self._given | bearer(SecretStr((await self._current()).access_token))

    async def _current(self) -> Token:
        """The token, or a new one; whoever comes while one is fetched waits for that one."""
        async with self._one_at_a_time:
            if self._token is None:
                self._token = await self._log_in()
            return self._token

    async def _log_in(self) -> Token:
        assert self._settings.password is not None
        who = {"username": self._settings.username, "password": self._settings.password.get_secret_value()}
        response = await self._before.query("/auth/token", who, accept=(404, 405))
        if response.status in {404, 405}:
            raise _gives_no_token(response)
        return understood(Token, response)

    @property
    def token(self) -> object:
        """Which token is used now; to be given to `renewable`."""
        return self._token

    def renewable(self, error: Unauthorized, used: object) -> bool:
        """Whether the same request may go through with a new token. It was turned away before it had any effect."""
        if used is None or not any(words in error.what for words in RENEWED_AFTER):
            return False
        if self._token is used:
            self._token = None
        return True


def understood(kind: type[T], response: Response) -> T:
    """An answer as a typed value. Raises Unreadable."""
    try:
        return read_value(kind, response.json(), SLUG)
    except Unreadable as error:
        raise Unreadable(
            error.what, system=SLUG, not_done=error.not_done or "Nothing follows from it.",
            next_step=error.next_step or "Check url in integrations.airflow of the configuration.",
        ) from None  # fmt: skip


def _no_airflow() -> Refused:
    return Refused(
        "What answers at the address of Airflow has neither its API v2 (Airflow 3) nor its API v1 (Airflow 2).",
        system=SLUG,
        not_done="Nothing was read.",
        next_step="Check url in integrations.airflow of the configuration: it is the address before /api/.",
    )


def _gives_no_token(response: Response) -> Unauthorized:
    return Unauthorized(
        f"This Airflow gives no token for a user name and a password (POST /auth/token: {response.status}).",
        system=SLUG,
        not_done="Nothing was read or changed.",
        next_step="Its auth manager has another way: set token in integrations.airflow of the configuration.",
    )
