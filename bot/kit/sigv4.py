"""AWS Signature Version 4: a request to AWS carries a hash of itself, made with a secret that is not sent.

Of our own: the vendor's library (botocore) takes 26 MB on disk and 49 MB of memory, and the small ones have few users
or speak HTTP themselves. It is held to AWS's published test suite, and to botocore, by the tests.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote

from pydantic import SecretStr

ALGORITHM = "AWS4-HMAC-SHA256"
_PLAIN = "-._~"


@dataclass(frozen=True, slots=True)
class Key:
    """Who signs. `token` belongs to temporary credentials."""

    id: str
    secret: SecretStr
    token: SecretStr | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """What is signed. `path` and `query` are not escaped yet; header names are in lower case and without `host`."""

    method: str
    host: str
    path: str = "/"
    query: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def signed(message: Message, key: Key, *, region: str, service: str, at: datetime) -> Mapping[str, str]:
    """The headers to send in addition to those of the message; good for five minutes from `at`."""
    stamp = at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    more = {"x-amz-date": stamp}
    if key.token is not None:
        more["x-amz-security-token"] = key.token.get_secret_value()
    headers = {**message.headers, "host": message.host, **more}
    names = ";".join(sorted(headers))
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    request = _canonical(message, headers, names)
    to_sign = "\n".join((ALGORITHM, stamp, scope, hashlib.sha256(request.encode()).hexdigest()))
    derived = f"AWS4{key.secret.get_secret_value()}".encode()
    for part in (stamp[:8], region, service, "aws4_request", to_sign):
        derived = hmac.new(derived, part.encode(), hashlib.sha256).digest()
    proof = f"Credential={key.id}/{scope}, SignedHeaders={names}, Signature={derived.hex()}"
    return {**more, "authorization": f"{ALGORITHM} {proof}"}


def _canonical(message: Message, headers: Mapping[str, str], names: str) -> str:
    query = sorted((quote(name, safe=_PLAIN), quote(value, safe=_PLAIN)) for name, value in message.query)
    lines = [f"{name}:{' '.join(headers[name].split())}" for name in sorted(headers)]
    return "\n".join(
        (
            message.method,
            quote(message.path, safe=f"/{_PLAIN}"),
            "&".join(f"{name}={value}" for name, value in query),
            *lines,
            "",
            names,
            hashlib.sha256(message.body).hexdigest(),
        )
    )
