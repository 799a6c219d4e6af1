"""A delivery is authentic when it carries a secret shared with its source; comparisons take constant time."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from pydantic import Field, SecretStr, model_validator

from bot.domain.errors import Forged
from bot.ports.manifest import IntegrationSettings

WINDOW = timedelta(minutes=5)
"""How far a signed time may be from ours, either way: enough for clocks that differ, too short for a replay."""


def same(given: str | bytes, expected: str | bytes) -> bool:
    """Whether two secrets are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(_bytes(given), _bytes(expected))


def hmac_sha256(secret: SecretStr, message: bytes) -> bytes:
    """The 32 bytes of HMAC-SHA256 (RFC 2104); sources send them as hex or as base64."""
    return hmac.new(_bytes(secret.get_secret_value()), message, hashlib.sha256).digest()


def fresh(seconds: str, now: datetime, window: timedelta = WINDOW) -> bool:
    """Whether a header's Unix seconds are near `now`; what is no whole number is not fresh."""
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) < 13):
        return False
    return abs(now.timestamp() - int(seconds)) <= window.total_seconds()


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a sender's `Authorization` header must hold; nothing configured means that we can't tell."""

    bearer: SecretStr | None = None
    user: str = ""
    password: SecretStr | None = None

    def check(self, headers: Mapping[str, str], system: str) -> bool:
        """`True`: the header fits. `False`: nothing is configured. Header names are lower-case.

        Raises:
            Forged: something is configured and the header doesn't fit it.

        """
        if self.bearer is None and self.password is None:
            return False
        scheme, _, given = headers.get("authorization", "").strip().partition(" ")
        expected = self._expected()
        fits = same(_decoded(given) if self.bearer is None else given.strip(), expected)
        if scheme.lower() != ("basic" if self.bearer is None else "bearer") or not fits:
            raise Forged(f"A delivery's Authorization header does not fit the settings of {system}.", system=system)
        return True

    def _expected(self) -> str:
        if self.bearer is not None:
            return self.bearer.get_secret_value()
        return f"{self.user}:{self.password.get_secret_value() if self.password else ''}"


class SenderSettings(IntegrationSettings):
    """Settings of an alert source that proves itself by a token or by a name and password. All are optional."""

    bearer_token: SecretStr | None = Field(
        default=None,
        title="Bearer token of deliveries",
        description="What the source sends as `Authorization: Bearer …`. Empty: the program's own token is asked for.",
        min_length=1,
    )
    basic_user: str = Field(
        default="",
        title="User name of deliveries",
        description="The name of HTTP basic authentication, when the source sends one instead of a bearer token.",
    )
    basic_password: SecretStr | None = Field(
        default=None,
        title="Password of deliveries",
        description="The password that belongs to `basic_user`.",
        min_length=1,
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.basic_user) != (self.basic_password is not None):
            raise ValueError("basic_user and basic_password belong together: set both, or none")
        if self.bearer_token is not None and self.basic_password is not None:
            raise ValueError("a delivery has one Authorization header: set bearer_token, or basic_user, not both")
        return self

    @property
    def credentials(self) -> Credentials:
        """What deliveries must carry."""
        return Credentials(self.bearer_token, self.basic_user, self.basic_password)


def _decoded(given: str) -> bytes:
    try:
        return base64.b64decode(given.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
