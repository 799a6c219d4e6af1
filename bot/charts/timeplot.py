"""A metric over time: its lines, its limit, the time of the incident, and what was changed meanwhile."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from matplotlib.axes import Axes
from matplotlib.dates import date2num
from matplotlib.figure import Figure

from bot.charts.sheet import BAD, BEHIND, GRID, Style, bare, drawable, fitting, titled, values_along, width
from bot.domain.chart import Line, Marker, TimeChart, clock, label, number

CHANGE, OURS = "#7b3f98", "#00734f"
LINES = ("#0b5fa5", "#c47d00", "#00886c", "#b8528d", "#3f92c9")
"""Okabe and Ito's colours, darker: three to one against white, and apart for every kind of colour-blindness."""
STYLES = ("-", (0, (6, 2)), (0, (2, 1.5)), (0, (7, 2, 2, 2)), (0, (1, 1)))
NICE_MINUTES = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880)
TICKS = 6
LEFT, WIDE, BOTTOM, TOP = 0.095, 0.885, 0.155, 0.835
"""Where a plot over time stands, in parts of the picture."""
ROW = 0.055
"""The height of a row of words over it."""
NAMED: Style = {"fontsize": 13}
MARKED: Style = {"fontsize": 14, "fontweight": "bold"}


def plot(chart: TimeChart) -> Figure:
    """The picture of a metric over time."""
    chart = _bounded(chart)
    began = f"began {clock(chart.began, _days(chart))}"
    ended = f", ended {clock(chart.ended, _days(chart))}" if chart.ended else ""
    left_out = f" · {chart.hidden} more series not shown" if chart.hidden else ""
    figure = titled(chart.title, f"{label(chart.metric, 34)} · {began}{ended} UTC{left_out}")
    flags = _flags(figure, chart)
    named = -(-len(chart.lines) // 3) if len(chart.lines) > 1 else 0
    rows = max((flag.row for flag in flags), default=-1) + 1
    height = TOP - BOTTOM - ROW * rows - 0.06 * named
    axes = figure.add_axes((LEFT, BOTTOM, WIDE, height))
    bare(axes)
    axes.axvspan(_at(chart.began), _at(chart.ended or chart.end), color="#fdf0e6", zorder=0, linewidth=0)
    for place, line in enumerate(chart.lines):
        _line(axes, line, chart.step, place, fitting(figure, line.name, WIDE / 3 - 0.075, NAMED) or "–")
    _scale(axes, chart)
    _limit(axes, chart)
    for flag in flags:
        _flag(axes, flag, ROW / height)
    _last(axes, chart)
    if named:
        above = (LEFT - 0.01, BOTTOM + height + ROW * rows, WIDE, 0.06 * named)
        figure.legend(
            loc="lower left", bbox_to_anchor=above, ncols=3, fontsize=13, frameon=False, handlelength=2.2,
            columnspacing=1.2, borderaxespad=0.0,
        )  # fmt: skip
    return figure


def _days(chart: TimeChart) -> bool:
    return chart.start.astimezone(UTC).date() != chart.end.astimezone(UTC).date()


def _at(moment: datetime | float) -> float:
    given = datetime.fromtimestamp(moment, UTC) if isinstance(moment, float | int) else moment.astimezone(UTC)
    return float(date2num(given))


def _line(axes: Axes, line: Line, step: float, place: int, name: str) -> None:
    """`name` is for the legend. Where nothing was measured the line has a gap; a single point is a dot."""
    xs: list[float] = []
    ys: list[float] = []
    before: float | None = None
    for at, value in line.points:
        if before is not None and at - before > 2.5 * step:
            xs.append(_at((at + before) / 2))
            ys.append(math.nan)
        xs.append(_at(at))
        ys.append(value)
        before = at
    colour, style = LINES[place % len(LINES)], STYLES[place % len(STYLES)]
    dotted = len(line.points) <= 2
    axes.plot(
        xs, ys, color=colour, linestyle=style, linewidth=3, solid_capstyle="round", zorder=4,
        marker="o" if dotted else "", markersize=8, label=name,
    )  # fmt: skip


def _scale(axes: Axes, chart: TimeChart) -> None:
    axes.set_xlim(_at(chart.start), _at(chart.end + (chart.end - chart.start) * 0.02))
    values = [value for line in chart.lines for _, value in line.points]
    if chart.threshold is not None:
        values.append(chart.threshold.value)
    low, high = min(values, default=0.0), max(values, default=1.0)
    if 0 <= low <= 0.6 * high:
        low = 0.0  # what is small beside its own height is better seen from nothing
    span = (high - low) or abs(high) or 1.0
    axes.set_ylim(low if low == 0 else low - 0.08 * span, high + 0.16 * span)
    values_along(axes.yaxis)
    axes.grid(axis="y", color=GRID, linewidth=1.2)
    ticks = _moments(chart.start.astimezone(UTC), chart.end.astimezone(UTC))
    axes.set_xticks([_at(tick) for tick in ticks], _named(ticks, days=_days(chart)))


def _moments(start: datetime, end: datetime) -> Sequence[datetime]:
    """Round moments, at most so many that their names have room."""
    minutes = (end - start).total_seconds() / 60
    every = timedelta(minutes=next((nice for nice in NICE_MINUTES if minutes / nice <= TICKS), 10_080))
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    first = midnight + every * math.ceil((start - midnight) / every)
    return [first + every * count for count in range(int(max((end - first) / every, -1)) + 1)]


def _named(ticks: Sequence[datetime], *, days: bool) -> Sequence[str]:
    """With the day where it changes."""
    before = None
    names = []
    for tick in ticks:
        names.append(f"{tick:%H:%M}\n{tick:%d %b}" if days and tick.date() != before else f"{tick:%H:%M}")
        before = tick.date()
    return names


def _limit(axes: Axes, chart: TimeChart) -> None:
    if chart.threshold is None:
        return
    value = chart.threshold.value
    axes.axhline(value, color=BAD, linewidth=2.2, linestyle=(0, (5, 3)), zorder=3)
    axes.annotate(
        f"limit {number(value)}", (0.0, value), xycoords=("axes fraction", "data"), xytext=(6, 5),
        textcoords="offset points", color=BAD, fontsize=15, fontweight="bold", va="bottom", ha="left", zorder=6,
        bbox=BEHIND,
    )  # fmt: skip


def _last(axes: Axes, chart: TimeChart) -> None:
    """The newest value of a single line, in numbers."""
    if len(chart.lines) != 1 or not chart.lines[0].points:
        return
    at, value = chart.lines[0].points[-1]
    axes.plot([_at(at)], [value], "o", color=LINES[0], markersize=9, zorder=5)
    axes.annotate(
        number(value), (_at(at), value), xytext=(-8, 9), textcoords="offset points", fontsize=17, fontweight="bold",
        color=LINES[0], ha="right", va="bottom", zorder=6,
        bbox=BEHIND,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Flag:
    """A marker with its words: right or left of its line, in a row over the plot, the lowest one is 0."""

    marker: Marker
    words: str
    rightwards: bool
    row: int = 0


def _flags(figure: Figure, chart: TimeChart) -> Sequence[_Flag]:
    """The words of no marker cover another's; the earlier ones stand higher, so that no line crosses them."""
    span = max(chart.end - chart.start, timedelta(seconds=1)) * 1.02
    taken: list[list[tuple[float, float]]] = []
    flags: list[_Flag] = []
    for marker in sorted(chart.markers, key=lambda one: one.at, reverse=True):
        words = fitting(figure, f"{clock(marker.at, _days(chart))} {marker.text}", 0.5, MARKED)
        at, wide = (marker.at - chart.start) / span, width(figure, words, MARKED) / WIDE + 0.02
        rightwards = at + wide <= 1.0
        begin, end = (at, at + wide) if rightwards else (at - wide, at)
        free = (row for row, spans in enumerate(taken) if all(end < a or b < begin for a, b in spans))
        row = next(free, len(taken))
        if row == len(taken):
            taken.append([])
        for lower in taken[: row + 1]:
            lower.append((at - 0.01, at + 0.01))  # its line goes through the rows below
        taken[row].append((begin, end))
        flags.append(_Flag(marker, words, rightwards, row))
    return flags


def _flag(axes: Axes, flag: _Flag, row: float) -> None:
    """`row` is a row's height in parts of the plot's."""
    ours, side = flag.marker.kind == "operation", 1 if flag.rightwards else -1
    colour, x, middle = OURS if ours else CHANGE, _at(flag.marker.at), row * (flag.row + 0.5)
    axes.plot(
        [x, x], [0, 1 + middle + 0.4 * row], transform=axes.get_xaxis_transform(), color=colour, linewidth=2.2,
        clip_on=False, linestyle="-" if ours else (0, (2, 1.5)), zorder=2,
    )  # fmt: skip
    axes.annotate(
        flag.words, (x, 1 + middle), xycoords=axes.get_xaxis_transform(), xytext=(6 * side, 0),
        textcoords="offset points", color=colour, va="center_baseline", ha="left" if flag.rightwards else "right",
        annotation_clip=False, zorder=6, bbox=BEHIND, **MARKED,
    )  # fmt: skip


def _bounded(chart: TimeChart) -> TimeChart:
    lines = tuple(replace(line, points=tuple((at, drawable(v)) for at, v in line.points)) for line in chart.lines)
    limit = chart.threshold and replace(chart.threshold, value=drawable(chart.threshold.value))
    return replace(chart, lines=lines, threshold=limit)
