"""Deliveries as a real Alertmanager sent them, with the times moved to now."""

import json
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

NEVER = "0001-01-01T00:00:00Z"
"""How Alertmanager writes that an alert has not ended."""


def delivery(name: str, *, began: datetime, ended: datetime | None = None) -> bytes:
    """The captured body of `drift` or `errors`, firing or (with `ended`) resolved."""
    state = "firing" if ended is None else "resolved"
    body: dict[str, Any] = json.loads(files(__name__).joinpath(f"{name}.{state}.json").read_text(encoding="utf-8"))
    for alert in body["alerts"]:
        alert["startsAt"] = _written(began)
        alert["endsAt"] = NEVER if ended is None else _written(ended)
    return json.dumps(body).encode()


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
