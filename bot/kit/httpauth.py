"""How a request says who we are: headers that are sent, and never shown."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from pydantic import SecretStr


@dataclass(frozen=True, slots=True)
class Auth:
    """Headers with secret values. Its repr shows no value."""

    headers: Mapping[str, SecretStr] = field(default_factory=dict)
    parts: tuple[SecretStr, ...] = ()
    """What the headers were made of (a password), so that it can be redacted as well."""

    def plain(self) -> dict[str, str]:
        """The headers as they are sent."""
        return {name: value.get_secret_value() for name, value in self.headers.items()}

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every text that must not be shown; the scheme's word before a token is not secret."""
        values = [secret.get_secret_value() for secret in (*self.headers.values(), *self.parts)]
        return tuple(values) + tuple(value.split(" ", 1)[1] for value in values if " " in value)

    def __or__(self, other: "Auth") -> "Auth":
        """Both; the other's header wins where they meet."""
        return Auth({**self.headers, **other.headers}, (*self.parts, *other.parts))


NO_AUTH = Auth()


class AuthSource(Protocol):
    """Says who we are now: for credentials that are renewed while the program runs."""

    async def __call__(self) -> Auth:
        """Asked before every attempt. Raises IntegrationErrors when there are none; nothing is sent then."""
        ...


def basic(user: str, password: SecretStr) -> Auth:
    """HTTP basic authentication (RFC 7617), in UTF-8."""
    pair = base64.b64encode(f"{user}:{password.get_secret_value()}".encode()).decode()
    return Auth({"authorization": SecretStr(f"Basic {pair}")}, (password,))


def bearer(token: SecretStr) -> Auth:
    """`Authorization: Bearer …` (RFC 6750)."""
    return Auth({"authorization": SecretStr(f"Bearer {token.get_secret_value()}")}, (token,))


def headers(values: Mapping[str, SecretStr]) -> Auth:
    """Any headers: API keys, a proxy's token."""
    return Auth({name.lower(): value for name, value in values.items()})
