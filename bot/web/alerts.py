"""Deliveries come in here: checked, read, and answered with 2xx only after the commit.

What each status means to each source is the vendors' business: overload is 503 and never 429, because two of them
count a 4xx as delivered or drop it; nothing is ever redirected, because one of them follows with an empty GET and
counts that as success.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass

from starlette.responses import JSONResponse, Response

from bot.domain.alert import Alert
from bot.domain.errors import BotError, Forged, IntegrationError, Overloaded, Unreadable
from bot.domain.models import Change
from bot.ports.systems import AlertSource, Delivery
from bot.web.access import has_token
from bot.web.arrival import Arrival, Told
from bot.web.body import CutOff, TooLarge, claimed_size, read_body
from bot.web.parts import WebParts
from bot.web.problems import RETRY_AFTER, from_error, problem

THREAD_FROM = 256 * 1024
"""Bytes from which a body is read on a thread: parsing megabytes would hold up every card and press meanwhile."""

ASKING_SECONDS = 10.0

WELCOME = {"allow": "POST, PUT, OPTIONS", "webhook-allowed-origin": "*", "webhook-allowed-rate": "*"}
"""CloudEvents' senders ask before they send; each delivery is judged by itself, so anybody may try."""

_EFFECTS = ("opened", "joined", "refreshed", "resolved", "ignored", "changes")
_TAKEN = json.dumps({"status": "taken", **dict.fromkeys(_EFFECTS, "%d")}).replace('"%d"', "%d").encode()

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Read:
    """What was found in a delivery; `reason` says why it can't be read."""

    authentic: bool
    alerts: Sequence[Alert] = ()
    changes: Sequence[Change] = ()
    reason: str = ""


class Deliveries:
    """The endpoint of `POST /alerts/{integration}`."""

    def __init__(self, parts: WebParts) -> None:
        self._parts = parts
        self._known = _slugs(parts)

    async def __call__(self, arrival: Arrival) -> Response:
        slug, headers = arrival.slug, arrival.headers
        source = self._parts.systems.sources.get(slug)
        if source is None:
            return self._no_source(slug)
        if arrival.method == "OPTIONS":
            return Response(status_code=204, headers=WELCOME)
        trusted = has_token(headers.get("authorization", ""), self._parts.token)
        if not trusted and _needs_token(source, self._delivery(arrival, b"")):
            self._parts.metrics.delivery(slug, "unauthorized")
            return _unauthorized()
        if headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
            self._parts.metrics.delivery(slug, "encoded")
            return _encoded()
        with self._parts.room.share() as share:
            try:
                limit, seconds = self._parts.body_limit, self._parts.body_seconds
                body = await read_body(arrival.receive, claimed_size(headers), share, limit=limit, seconds=seconds)
            except TooLarge:
                self._parts.metrics.delivery(slug, "too large")
                return self._too_large()
            except CutOff:
                self._parts.metrics.delivery(slug, "cut off")
                return _cut_off()
            except Overloaded:
                self._parts.metrics.delivery(slug, "put off")
                raise
            return await self._take(slug, source, self._delivery(arrival, body), trusted=trusted)

    def _delivery(self, arrival: Arrival, body: bytes) -> Delivery:
        return Delivery(body, arrival.headers, self._parts.clock.now(), arrival.query)

    async def _take(self, slug: str, source: AlertSource, delivery: Delivery, *, trusted: bool) -> Response:
        try:
            if _overrides(source, "prepare"):
                await _within(source.prepare(delivery))
            found = await _read(slug, source, delivery, trusted=trusted)
        except Forged as error:
            _log.warning("a delivery to %s was refused: %s", slug, error.what)
            self._parts.metrics.delivery(slug, "forged")
            return _unauthorized()
        except (IntegrationError, TimeoutError) as error:
            self._parts.metrics.delivery(slug, "put off")
            return _later(slug, error)
        if not found.authentic:
            self._parts.metrics.delivery(slug, "unauthorized")
            return _unauthorized()
        try:
            if _overrides(source, "handshake"):
                await _within(source.handshake(delivery))
            return await self._keep(slug, delivery, found)
        except BotError as error:
            self._parts.metrics.delivery(slug, "put off")
            return from_error(error) if _status_is_503(error) else _later(slug, error)
        except Exception as error:  # noqa: BLE001 - the edge of a request: it was not taken, and the source must hear it
            self._parts.metrics.delivery(slug, "put off")
            return _later(slug, error)

    async def _keep(self, slug: str, delivery: Delivery, found: _Read) -> Response:
        if found.reason:
            await self._parts.intake.dead_letter(slug, delivery, found.reason)
            self._parts.metrics.delivery(slug, "dead letter")
            return JSONResponse({"status": "dead letter", "reason": found.reason})
        receipt = await self._parts.intake.take(slug, delivery, found.alerts, found.changes)
        spent = (self._parts.clock.now() - delivery.received_at).total_seconds()
        self._parts.metrics.taken(slug, receipt, spent)
        if self._parts.heard is not None:
            await self._parts.heard(slug, found.alerts)
        if any(alert.truncated for alert in found.alerts):
            self._parts.cut_short(slug)
        return Told(_TAKEN % tuple(getattr(receipt, effect) for effect in _EFFECTS))

    def _no_source(self, slug: str) -> Response:
        if slug in self._known:
            what = f"The integration {slug} is connected, but it does not send alerts."
        else:
            what = "There is no connected integration of this name."
        return problem(
            404, "unknown_integration", what, not_done="Nothing was taken.",
            next_step="mlops-bot integrations lists them.",
        )  # fmt: skip

    def _too_large(self) -> Response:
        limit = self._parts.body_limit
        size = f"{limit // 1024 // 1024} MB" if limit >= 1024 * 1024 else f"{limit} bytes"
        return problem(
            413, "too_large", f"The body is larger than {size}.", not_done="Nothing was taken.",
            next_step="Have the source send fewer alerts at a time, in smaller groups.",
        )  # fmt: skip


def _needs_token(source: AlertSource, bodiless: Delivery) -> bool:
    """Whether the source has no secret of its own, so that the program's token decides: no body changes that."""
    try:
        return not source.verify(bodiless)
    except Forged:
        return False  # it has one; whether it fits is judged with the body


def _overrides(source: AlertSource, name: str) -> bool:
    """Most sources ask nobody; a time-out around nothing costs more than the rest of the answer."""
    return getattr(type(source), name) is not getattr(AlertSource, name)


async def _within(asking: Awaitable[None]) -> None:
    """What is asked elsewhere before a delivery is answered. Raises TimeoutError; no source waits longer than 15 s."""
    async with asyncio.timeout(ASKING_SECONDS):
        await asking


async def _read(slug: str, source: AlertSource, delivery: Delivery, *, trusted: bool) -> _Read:
    if len(delivery.body) < THREAD_FROM:
        return _look(slug, source, delivery, trusted)
    return await asyncio.to_thread(_look, slug, source, delivery, trusted)


def _look(slug: str, source: AlertSource, delivery: Delivery, trusted: bool) -> _Read:
    """Verify and read. Raises Forged. What can't be read is a finding: the source would only send it again."""
    if not source.verify(delivery) and not trusted:
        return _Read(authentic=False)
    try:
        return _Read(True, tuple(source.alerts(delivery)), tuple(source.changes(delivery)))
    except Unreadable as error:
        return _Read(True, reason=error.what)
    except Exception as error:  # noqa: BLE001 - an adapter's fault must not make its source repeat the same body forever
        _log.exception("%s failed to read a delivery; it is kept as a dead letter", slug)
        return _Read(True, reason=f"reading it failed ({type(error).__name__})")


def _unauthorized() -> Response:
    return problem(
        401, "unauthorized", "The delivery was not accepted.", not_done="Nothing was taken.",
        headers={"www-authenticate": "Bearer"},
    )  # fmt: skip


def _encoded() -> Response:
    """Nobody who sends alerts compresses them; what would be decoded here could be a bomb, and signatures differ."""
    return problem(
        415, "encoded", "The body is compressed.", not_done="Nothing was taken.",
        next_step="Send it without Content-Encoding.", headers={"accept-encoding": "identity"},
    )  # fmt: skip


def _cut_off() -> Response:
    return problem(
        408, "cut_off", "The body did not arrive whole.", not_done="Nothing was taken.",
        next_step="Send it again.", headers={"connection": "close"},
    )  # fmt: skip


def _status_is_503(error: BotError) -> bool:
    return from_error(error).status_code == 503


def _later(slug: str, error: Exception) -> Response:
    _log.error("a delivery to %s could not be taken", slug, exc_info=error)
    return problem(
        503, "unavailable", "The delivery could not be kept.", not_done="Nothing was taken.",
        next_step="Send it again.", headers={"retry-after": str(RETRY_AFTER)},
    )  # fmt: skip


def _slugs(parts: WebParts) -> frozenset[str]:
    s = parts.systems
    by_port = (s.sources, s.polls, s.registries, s.servings, s.deployers, s.feeds, s.health, s.guarantees)
    return frozenset(slug for mapping in by_port for slug in mapping)
