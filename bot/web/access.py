"""Who may come in: the program's bearer token, and links that carry their own signature and end."""

import base64
import binascii
import hashlib
import hmac
from datetime import datetime


def has_token(authorization: str, token: str) -> bool:
    """Whether an Authorization header holds the program's token: as a bearer, or as the password of HTTP basic.

    Sources differ in which of the two they can send. The comparison takes constant time, and an empty token fits
    nothing.
    """
    scheme, _, given = authorization.strip().partition(" ")
    match scheme.lower():
        case "bearer":
            candidate = given.strip()
        case "basic":
            candidate = _password(given.strip())
        case _:
            candidate = ""
    fits = hmac.compare_digest(candidate.encode("utf-8", "replace"), token.encode())
    return fits and bool(token)


def _password(credentials: str) -> str:
    try:
        decoded = base64.b64decode(credentials, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
    return decoded.partition(":")[2]


def signing_key(token: str) -> bytes:
    """The key of links: every process with the same token makes the same, and a new token ends all links."""
    return hashlib.sha256(b"incident links " + token.encode()).digest()


def signed_link(base_url: str, key: bytes, number: int, expires: datetime) -> str:
    """The address of an incident's timeline page, valid until `expires` for whoever has it."""
    end = int(expires.timestamp())
    return f"{base_url.rstrip('/')}/incidents/INC-{number}?e={end}&s={_signature(key, number, end)}"


def link_holds(key: bytes, number: int, expires: str, signature: str, now: datetime) -> bool:
    """Whether a link's signature is ours and its time isn't over."""
    if not (expires.isascii() and expires.isdigit() and len(expires) <= 12):
        return False
    end = int(expires)
    given = signature.encode("utf-8", "replace")
    return hmac.compare_digest(given, _signature(key, number, end).encode()) and now.timestamp() < end


def _signature(key: bytes, number: int, end: int) -> str:
    message = f"timeline page\n{number}\n{end}".encode()
    return base64.urlsafe_b64encode(hmac.new(key, message, hashlib.sha256).digest()).rstrip(b"=").decode()
