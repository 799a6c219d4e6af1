"""What a picture in an incident's thread shows, and the same in words: no drawing, no colour, no system."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from bot.domain.alert import Direction, Drift, FeatureDrift

LABEL = 60
"""Characters of a label; more can't be read in a picture."""
WORDS = 700
"""Characters of the words beside a picture."""
MOST_LINES = 5
MOST_BARS = 15
MOST_MARKERS = 6


@dataclass(frozen=True, slots=True)
class Threshold:
    """The value from which on it is bad, in the metric's own unit."""

    value: float
    bad: Direction = Direction.ABOVE


@dataclass(frozen=True, slots=True)
class Line:
    """One series: Unix seconds and values, by time."""

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Marker:
    """Something that was changed: by others (`change`), or by an operation of ours (`operation`)."""

    at: datetime
    text: str
    kind: Literal["change", "operation"]


@dataclass(frozen=True, slots=True)
class TimeChart:
    """A metric over time. `step` is the seconds between two points: what is further apart was not measured."""

    title: str
    metric: str
    start: datetime
    end: datetime
    step: float
    began: datetime
    """When the incident's problem began."""
    lines: tuple[Line, ...]
    threshold: Threshold | None = None
    markers: tuple[Marker, ...] = ()
    """By time."""
    ended: datetime | None = None
    hidden: int = 0
    """Series that are left out."""
    kind: Literal["time"] = "time"


@dataclass(frozen=True, slots=True)
class Bar:
    """A feature's score, and what it is compared with."""

    name: str
    score: float
    threshold: float | None
    drifted: bool


@dataclass(frozen=True, slots=True)
class DriftChart:
    """How far each feature has moved, the worst first."""

    title: str
    method: str
    bars: tuple[Bar, ...]
    bad: Direction = Direction.ABOVE
    hidden: int = 0
    drifted: int = 0
    """How many have drifted, also of those that are left out."""
    kind: Literal["drift"] = "drift"


Chart = TimeChart | DriftChart


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart, drawn. `words` say its facts for who does not see it."""

    name: str
    """Of the file."""
    title: str
    words: str
    png: bytes


def label(text: str, limit: int = LABEL) -> str:
    """Text from outside as a label: one line, visible characters, bounded."""
    seen = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in text[: limit * 4])
    line = " ".join(seen.split())
    return line if len(line) <= limit else f"{line[: limit - 1].rstrip()}…"


def number(value: float) -> str:
    """A value for people: three significant digits, no exponent where it can be helped."""
    if value != 0 and not 1e-4 <= abs(value) < 1e6:
        return f"{value:.2e}"
    return f"{value:.3g}" if abs(value) < 1_000 else f"{value:,.0f}"


def drift_chart(title: str, drift: Drift) -> DriftChart | None:
    """The chart of a verdict that names its features; nothing when it names none."""
    if not drift.features:
        return None
    below = drift.direction is Direction.BELOW
    worst = sorted(drift.features, key=lambda one: (_badness(one, below=below), one.feature))
    bars = tuple(
        Bar(
            label(one.feature) or "–", one.score, one.threshold if one.threshold is not None else drift.threshold,
            one.drifted,
        )
        for one in worst[:MOST_BARS]
    )  # fmt: skip
    drifted = sum(one.drifted for one in drift.features)
    return DriftChart(label(title, 90), label(drift.method), bars, drift.direction, len(worst) - len(bars), drifted)


def _badness(one: FeatureDrift, *, below: bool) -> tuple[bool, float]:
    """What has drifted stands before what has not, and then what is furthest on the bad side."""
    return not one.drifted, one.score if below else -one.score


# ---------------------------------------------------------------- in words


def in_words(chart: Chart) -> str:
    """The facts of a chart as text, for screen readers and for who reads before the picture is there."""
    said = _time_in_words(chart) if isinstance(chart, TimeChart) else _drift_in_words(chart)
    return label(said, WORDS)


def _time_in_words(chart: TimeChart) -> str:
    points = [point for line in chart.lines for point in line.points]
    days = chart.end.date() != chart.start.date()
    if not points:
        return f"{chart.metric}: no value between {clock(chart.start, days)} and {clock(chart.end, days)} UTC."
    below = chart.threshold is not None and chart.threshold.bad is Direction.BELOW
    since = chart.began.timestamp() - chart.step
    at, worst = (min if below else max)([p for p in points if p[0] >= since] or points, key=lambda point: point[1])
    last_at, last = max(points, key=lambda point: point[0])
    if len(chart.lines) == 1 and number(last) == number(worst):
        at, worst = last_at, last  # it still is as bad as that
    name = chart.metric if len(chart.lines) == 1 else f"{chart.metric} ({_worst_line(chart.lines, (at, worst))})"
    said = f"{name} {number(worst)} at {clock(at, days)}"
    if chart.threshold is not None:
        said += f" against a limit of {number(chart.threshold.value)}"
    if len(chart.lines) == 1 and last_at > at + chart.step:
        said += f", {number(last)} at {clock(last_at, days)}"
    told = "; ".join(f"{marker.text} {clock(marker.at, days)}" for marker in chart.markers)
    more = f" {chart.hidden} more series are not shown." if chart.hidden else ""
    return f"{said}{f'; {told}' if told else ''} (UTC).{more}"


def _worst_line(lines: Sequence[Line], point: tuple[float, float]) -> str:
    return next((line.name for line in lines if point in line.points), "")


def _drift_in_words(chart: DriftChart) -> str:
    count = len(chart.bars) + chart.hidden
    which = ", ".join(f"{bar.name} {_against(bar)}" for bar in chart.bars[:5])
    side = "below" if chart.bad is Direction.BELOW else "above"
    return f"{chart.drifted} of {count} features drifted by {chart.method} (bad is {side} the limit); worst: {which}."


def _against(bar: Bar) -> str:
    return number(bar.score) if bar.threshold is None else f"{number(bar.score)} (limit {number(bar.threshold)})"


def clock(at: datetime | float, with_day: bool = False) -> str:
    """A moment in UTC with the minute; the day, too, when a chart shows more than one."""
    moment = datetime.fromtimestamp(at, UTC) if isinstance(at, float | int) else at.astimezone(UTC)
    return f"{moment:%d %b %H:%M}" if with_day else f"{moment:%H:%M}"


def nearest(markers: Iterable[Marker], start: datetime, end: datetime) -> tuple[Marker, ...]:
    """Those in a window, the newest ones when there are many; what is told twice (same minute, same words) once."""
    seen: dict[tuple[str, str], Marker] = {}
    for marker in sorted(markers, key=lambda one: one.at):
        if start <= marker.at <= end:
            seen.setdefault((clock(marker.at, True), marker.text), marker)
    return tuple(seen.values())[-MOST_MARKERS:]


def window(began: datetime, now: datetime, changes: Iterable[datetime]) -> tuple[datetime, datetime]:
    """From where to where: two hours before the beginning, more when something was changed not long before that."""
    recent = [at for at in changes if began - timedelta(hours=6) <= at <= began]
    first = min(recent, default=began)
    start = min(began - timedelta(hours=2), first - timedelta(minutes=15))
    return max(start, now - timedelta(days=7)), now
