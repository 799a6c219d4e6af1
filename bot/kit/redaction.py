"""Secrets are taken out of every text that leaves for a person, a log or a store."""

import base64
import json
import re
from collections.abc import Iterable
from urllib.parse import quote

MASK = "•••"
SHORTEST = 3
"""Shorter secrets can't be replaced without making nonsense of the text."""

_AUTHORIZATION = re.compile(r"(?i)\b(bearer|basic|token|genie-?key|apikey)([\s:=]+)[A-Za-z0-9+/=._~\-]{8,}")
_IN_ADDRESS = re.compile(r"(?i)\b([a-z][a-z0-9+.\-]*://)[^/\s:@]*:[^/\s@]+@")
_ASSIGNED = re.compile(
    r"(?i)\b(password|passwd|secret|api[_-]?key|access[_-]?token|token)(\"?\s*[=:]\s*\"?)[^\s\"&,;}]{4,}"
)
_SPACE = re.compile(r"\s+")


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without these secrets, in any spelling met in HTTP, and without what looks like credentials."""
    spellings = {spelling for secret in secrets if len(secret) >= SHORTEST for spelling in _spellings(secret)}
    for spelling in sorted(spellings, key=len, reverse=True):
        text = text.replace(spelling, MASK)
    text = _IN_ADDRESS.sub(rf"\1{MASK}@", text)
    text = _AUTHORIZATION.sub(rf"\1\2{MASK}", text)
    return _ASSIGNED.sub(rf"\1\2{MASK}", text)


def excerpt(text: str, secrets: Iterable[str] = (), limit: int = 300) -> str:
    """One line of a vendor's text: redacted first, then freed of control characters, then cut."""
    line = _SPACE.sub(" ", redact(text, secrets))
    line = "".join(c for c in line if c.isprintable()).strip()
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def _spellings(secret: str) -> Iterable[str]:
    encoded = base64.b64encode(secret.encode("utf-8", "surrogatepass")).decode()
    return (secret, quote(secret, safe="", errors="replace"), json.dumps(secret)[1:-1], encoded, encoded.rstrip("="))
