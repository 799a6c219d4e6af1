"""What the charts of an incident show: its alert's own query over time, and how far each feature has moved."""

import asyncio
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.alert import Alert, LabelMapping, reading_of
from bot.domain.chart import (
    LABEL,
    MOST_LINES,
    Chart,
    DriftChart,
    Line,
    Marker,
    Threshold,
    TimeChart,
    drift_chart,
    label,
    nearest,
    window,
)
from bot.domain.errors import Unreachable
from bot.domain.incident import Incident
from bot.domain.models import Change
from bot.domain.operation import Operation, OperationState
from bot.domain.plan import VersionMove
from bot.ports.store import Transaction
from bot.ports.systems import Metrics, Series
from bot.usecases.systems import Systems

ASK_WITHIN = 20.0
"""Seconds for one query."""
POINTS = 240
"""More can't be told apart in a thousand pixels."""
FINEST = 15
"""Seconds: what is scraped is rarely finer."""
_NOT_BEGUN = {
    OperationState.AWAITING_APPROVAL, OperationState.REJECTED, OperationState.EXPIRED, OperationState.CANCELLED,
    OperationState.STALE,
}  # fmt: skip
_TOLD_BY_NOBODY = {"version", "alias"}
"""Kinds of changes by which nothing else serves than before."""
_SAME = timedelta(minutes=3)
"""Within it a promotion that is seen is the one that our own operation has made."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What an incident's charts are made of, read in one transaction. The alert that fired first stands first."""

    incident: Incident
    alerts: tuple[Alert, ...]
    changes: tuple[Change, ...]
    operations: tuple[Operation, ...]


def facts_of(tx: Transaction, incident: Incident) -> Facts:
    """Everything that a chart of it may need."""
    alerts = tuple(reversed(tx.episodes.alerts_of(incident.number, limit=20)))
    since = incident.started_at - timedelta(hours=6)
    changes = tx.changes.of(incident.model, since) if incident.model else ()
    return Facts(incident, alerts, tuple(changes), tuple(tx.operations.newest(limit=20, incident=incident.number)))


@dataclass(frozen=True, slots=True)
class Asked:
    """An alert whose own query can be asked."""

    alert: Alert
    metrics: Metrics
    query: str


def asked(facts: Facts, systems: Systems) -> Asked | None:
    """The first of its alerts that a connected system knows the query of."""
    found = (
        Asked(alert, metrics, query)
        for alert in facts.alerts
        for metrics in systems.metrics.values()
        if (query := metrics.query_of(alert)) is not None
    )
    return next(found, None)


def drifted(facts: Facts) -> DriftChart | None:
    """The newest verdict that names its features."""
    verdicts = (alert.drift for alert in reversed(facts.alerts) if alert.drift is not None and alert.drift.features)
    drift = next(verdicts, None)
    return None if drift is None else drift_chart(_title(drift.kind.value.capitalize(), facts.incident), drift)


async def over_time(facts: Facts, about: Asked, mapping: LabelMapping, now: datetime) -> Chart | None:
    """The alert's own query around the incident; nothing when it gives no series. Raises IntegrationErrors."""
    incident, markers = facts.incident, tuple(_markers(facts))
    start, end = window(incident.started_at, now, [one.at for one in markers])
    step = max(FINEST, math.ceil((end - start).total_seconds() / POINTS))
    count = math.ceil((end - start).total_seconds() / step)
    start = end - timedelta(seconds=step * count)
    try:
        async with asyncio.timeout(ASK_WITHIN):
            series = await about.metrics.range(about.query, start=start, end=end, step=step)
    except TimeoutError:
        raise Unreachable(f"A query over time was not answered within {ASK_WITHIN:g} s.") from None
    mine = _mine(series, about.alert)
    if not mine:
        return None
    lines = _lines(mine[:MOST_LINES])
    return TimeChart(
        title=_title(about.alert.name, incident), metric=_metric(mine, about.query), start=start, end=end, step=step,
        began=incident.started_at, lines=lines, threshold=_threshold(about, mapping),
        markers=nearest(markers, start, end), ended=incident.resolved_at, hidden=len(mine) - len(lines),
    )  # fmt: skip


def _title(what: str, incident: Incident) -> str:
    return label(f"{what} on {incident.model}" if incident.model else what, 90)


def _threshold(about: Asked, mapping: LabelMapping) -> Threshold | None:
    """The rule's own one is surely in the unit of what is drawn."""
    found = about.metrics.threshold_of(about.alert)
    reading = reading_of(about.alert, mapping)
    if found is not None or reading is None or reading.threshold is None:
        return found
    return Threshold(reading.threshold, reading.direction)


# ---------------------------------------------------------------- series


def _mine(series: Sequence[Series], alert: Alert) -> Sequence[Series]:
    """Those that the alert is about: few labels say otherwise (a rule's own may), and many the same."""
    ranks = [(*_agreement(one, alert), one) for one in series]
    best = min((rank[:2] for rank in ranks), default=None)
    return [one for otherwise, same, one in ranks if (otherwise, same) == best]


def _agreement(series: Series, alert: Alert) -> tuple[int, int]:
    shared = [(value, alert.labels[name]) for name, value in _labels(series).items() if name in alert.labels]
    same = sum(value == its for value, its in shared)
    return len(shared) - same, -same


def _labels(series: Series) -> Mapping[str, str]:
    return {name: value for name, value in series.labels.items() if name != "__name__"}


def _metric(series: Sequence[Series], query: str) -> str:
    names = {one.labels.get("__name__", "") for one in series}
    name = names.pop() if len(names) == 1 else ""
    return label(name or query, LABEL)


def _lines(series: Sequence[Series]) -> tuple[Line, ...]:
    """Named by what tells them apart; what several of them say alike is left out."""
    common = set.intersection(*(set(_labels(one).items()) for one in series))
    lines = []
    for one in series:
        own = [(name, value) for name, value in sorted(_labels(one).items()) if (name, value) not in common]
        name = own[0][1] if len(own) == 1 else ", ".join(f"{name}={value}" for name, value in own)
        lines.append(Line(label(name or one.name), one.points))
    return tuple(lines)


# ---------------------------------------------------------------- markers


def _markers(facts: Facts) -> Iterator[Marker]:
    """Promotions and the like by others, and what our own operations did."""
    ours = [one for one in facts.operations if one.state not in _NOT_BEGUN and one.decided_at is not None]
    for operation in ours:
        assert operation.decided_at is not None
        text = f"{operation.ref} {operation.kind.noun}, {operation.plan.aim.headline}"
        yield Marker(operation.decided_at, label(text), "operation")
    for change in facts.changes:
        told = change.integration == "bot" or change.kind in _TOLD_BY_NOBODY
        if not told and not any(_made_by(change, operation) for operation in ours):
            yield Marker(change.at, label(change.told), "change")


def _made_by(change: Change, operation: Operation) -> bool:
    aim, at = operation.plan.aim, operation.decided_at
    same = isinstance(aim, VersionMove) and aim.target.version == change.version
    return same and at is not None and at <= change.at <= at + max(_SAME, _lasted(operation))


def _lasted(operation: Operation) -> timedelta:
    ended = operation.watch.since if operation.watch is not None else operation.finished_at
    return timedelta() if ended is None or operation.decided_at is None else ended - operation.decided_at
