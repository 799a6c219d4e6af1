"""Times of incidents: MTTA, MTTM, MTTR (time to *resolve*), each with its median and count."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import fmean, median

from bot.domain.incident import Incident


@dataclass(frozen=True, slots=True)
class Times:
    """A mean that never stands alone. `without` counts the incidents to which it does not apply (yet)."""

    count: int
    without: int
    mean: timedelta | None
    median: timedelta | None


@dataclass(frozen=True, slots=True)
class Response:
    """How a period's incidents went. Drills are kept out."""

    incidents: int
    to_acknowledge: Times
    to_mitigate: Times
    to_resolve: Times
    to_detect: Times
    reopened: int


def response(incidents: Iterable[Incident]) -> Response:
    """The figures of these incidents. Unacknowledged ones are counted beside, not averaged in."""
    real = [incident for incident in incidents if not incident.drill]
    return Response(
        incidents=len(real),
        to_acknowledge=_times([(i.opened_at, i.acknowledged_at) for i in real]),
        to_mitigate=_times([(i.opened_at, i.mitigated_at) for i in real]),
        to_resolve=_times([(i.opened_at, i.resolved_at) for i in real]),
        to_detect=_times([(i.started_at, i.opened_at) for i in real]),
        reopened=sum(1 for i in real if i.reopened),
    )


def _times(pairs: Sequence[tuple[datetime, datetime | None]]) -> Times:
    spans = [max(end - start, timedelta(0)).total_seconds() for start, end in pairs if end is not None]
    if not spans:
        return Times(0, len(pairs), None, None)
    return Times(len(spans), len(pairs) - len(spans), timedelta(seconds=fmean(spans)), timedelta(seconds=median(spans)))


def spoken(span: timedelta | None) -> str:
    """A time for people: `42 min`, `3 h 5 min`, `2 d 4 h`."""
    if span is None:
        return "–"
    seconds = int(span.total_seconds())
    if seconds < 60:
        return f"{max(seconds, 0)} s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if minutes < 60:
        return f"{minutes} min"
    if hours < 24:
        return f"{hours} h {minutes % 60} min" if minutes % 60 else f"{hours} h"
    return f"{days} d {hours % 24} h" if hours % 24 else f"{days} d"
