"""What the HTTP side is made of, handed in as one value."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

from bot.domain.alert import Alert
from bot.ports.clock import Clock
from bot.ports.store import Store
from bot.usecases.ingest import Intake
from bot.usecases.setup import Setup
from bot.usecases.systems import Systems
from bot.web.body import Room
from bot.web.metrics import WebMetrics

BODY_LIMIT = 16 * 1024 * 1024
"""Bytes of one delivery: 2.6 MB were seen from a source without any limit of its own."""
ROOM = 8 * BODY_LIMIT
"""Bytes of all deliveries that are in work at the same moment."""


@dataclass(frozen=True, slots=True)
class WebParts:
    """Everything that the endpoints use.

    `readiness` maps a part's name to a check: `None` is fine, a text says what is not. `token` is the program's bearer
    token; an empty one lets nobody in. `signing_key` signs the links of timeline pages. `body_seconds` is how long a
    sender may take to send a body. `cut_short` hears of a source whose delivery said that it leaves alerts out,
    `heard` of every delivery that was taken.
    """

    intake: Intake
    store: Store
    setup: Setup
    systems: Systems
    clock: Clock
    token: str = field(repr=False)
    readiness: Mapping[str, Callable[[], str | None]]
    slack_events: Callable[[Request], Awaitable[Response]] | None
    base_url: str
    signing_key: bytes = field(repr=False)
    cut_short: Callable[[str], None] = lambda _: None
    heard: Callable[[str, Sequence[Alert]], Awaitable[None]] | None = None
    metrics: WebMetrics = field(default_factory=WebMetrics)
    body_limit: int = BODY_LIMIT
    body_seconds: float = 30.0
    room: Room = field(default_factory=lambda: Room(ROOM))
