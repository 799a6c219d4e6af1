"""Fixtures as deliveries: `NAME.json` is a body, `NAME.request.json` its headers and query, `NAME.dead.json` unreadable.

`NAME.message.json` is posted in a channel, `NAME.http.json` a conversation, `NAME.answer.json` an answer of an API,
`NAME.schema.json` a schema: no deliveries.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from bot.ports.systems import Delivery

NOW = datetime(2026, 11, 23, 3, 10, tzinfo=UTC)
ROOT = Path(__file__).parents[2] / "integrations"
NO_DELIVERY = (".message.json", ".request.json", ".http.json", ".answer.json", ".schema.json", ".dead.json")


def delivery(
    body: bytes | str | object,
    *,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    at: datetime = NOW,
) -> Delivery:
    """A delivery of these bytes, this text, or this value as JSON."""
    if isinstance(body, str):
        body = body.encode()
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    lower = {name.lower(): value for name, value in (headers or {}).items()}
    return Delivery(body, {"content-type": "application/json", **lower}, at, query or {})


def load(slug: str, name: str) -> Delivery:
    """One fixture, with its headers and query if it has some."""
    folder = ROOT / slug / "fixtures"
    beside = folder / f"{name.removesuffix('.dead')}.request.json"
    request = json.loads(beside.read_text()) if beside.exists() else {}
    body = (folder / f"{name}.json").read_bytes()
    return delivery(body, headers=request.get("headers"), query=request.get("query"))


def names(slug: str) -> list[str]:
    """The fixtures of an integration that are readable deliveries."""
    found = sorted((ROOT / slug / "fixtures").glob("*.json"))
    return [path.name.removesuffix(".json") for path in found if not path.name.endswith(NO_DELIVERY)]


def dead_names(slug: str) -> list[str]:
    """The fixtures of an integration that become dead letters."""
    return sorted(path.name.removesuffix(".json") for path in (ROOT / slug / "fixtures").glob("*.dead.json"))


def every(slug: str) -> Iterator[Delivery]:
    """All deliveries of an integration's fixtures."""
    return (load(slug, name) for name in names(slug))
