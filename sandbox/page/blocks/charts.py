"""`data_visualization` as SVG, with its numbers below for whoever can't or won't read a chart."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from sandbox.page.html import Json, el, items, join, obj, string
from sandbox.page.sheet import Sheet

WIDTH, HEIGHT = 560, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 14, 34
_PLOT_W, _PLOT_H = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM
_LABELS_SHOWN = 7
_POINTS = 200
_SERIES = 12


@dataclass(frozen=True, slots=True)
class Series:
    """A name and its values, one for each label."""

    name: str
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to heights in the drawing."""

    low: float
    high: float

    def y(self, value: float) -> float:
        return _TOP + _PLOT_H * (1 - (value - self.low) / (self.high - self.low))


def data_visualization(block: Json, _sheet: Sheet) -> Markup:
    """A pie, bar, line or area chart."""
    chart = obj(block.get("chart"))
    kind = string(chart.get("type"))
    title = string(block.get("title"))
    if kind == "pie":
        labels, series = _segments(chart)
        drawn = _pie(labels, series[0].values)
        names = labels
    else:
        labels, series = _series(chart)
        drawn = _plot(kind, labels, series, obj(chart.get("axis_config")))
        names = [one.name for one in series]
    picture = el(
        "svg", drawn, viewBox=f"0 0 {WIDTH} {HEIGHT}", class_=f"chart {kind if kind in _KINDS else 'line'}",
        role="img", aria_label=f"{kind} chart: {title}", preserveAspectRatio="xMidYMid meet",
    )  # fmt: skip
    legend = el("ul", [_key(n, name) for n, name in enumerate(names)], class_="legend")
    return el("figure", el("figcaption", title), picture, legend, _numbers(labels, series), class_="chart-box")


_KINDS = {"pie", "bar", "line", "area"}


def _number(value: object) -> float:
    """A finite number, or zero."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    try:
        number = float(value)
    except OverflowError:
        return 0.0
    return number if math.isfinite(number) and abs(number) < 1e15 else 0.0


def _segments(chart: Json) -> tuple[list[str], list[Series]]:
    segments = items(chart.get("segments"))[:_SERIES]
    labels = [string(s.get("label")) for s in segments]
    return labels, [Series("value", tuple(max(_number(s.get("value")), 0) for s in segments))]


def _series(chart: Json) -> tuple[list[str], list[Series]]:
    rows = [(string(s.get("name")), items(s.get("data"))[:_POINTS]) for s in items(chart.get("series"))[:_SERIES]]
    categories = obj(chart.get("axis_config")).get("categories")
    labels = [string(c) for c in categories][:_POINTS] if isinstance(categories, list) else []
    if not labels and rows:
        labels = [string(point.get("label")) for point in rows[0][1]]
    found = []
    for name, points in rows:
        by_label = {string(p.get("label")): _number(p.get("value")) for p in points}
        found.append(Series(name, tuple(by_label.get(label, 0.0) for label in labels)))
    return labels, found


# ---------------------------------------------------------------- axes


def _plot(kind: str, labels: Sequence[str], series: Sequence[Series], axes: Json) -> Markup:
    if not labels or not series:
        return el("text", "no data", x=WIDTH / 2, y=HEIGHT / 2, class_="axis", text_anchor="middle")
    scale = _scale([value for one in series for value in one.values], from_zero=kind != "line")
    marks = _bars(labels, series, scale) if kind == "bar" else _lines(kind, labels, series, scale)
    return join([_grid(scale), _categories(labels), marks, _axis_names(axes)])


def _scale(values: Sequence[float], *, from_zero: bool) -> Scale:
    """Round ends: 0 … 0.35 becomes 0 … 0.4."""
    low, high = min(values), max(values)
    if from_zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        low, high = low - abs(low or 1) / 2, high + abs(high or 1) / 2
    step = _step(low, high)
    return Scale(math.floor(low / step) * step, math.ceil(high / step) * step)


def _step(low: float, high: float) -> float:
    raw = (high - low) / 4
    size: float = 10.0 ** math.floor(math.log10(raw))
    return next(size * nice for nice in (1, 2, 2.5, 5, 10) if size * nice >= raw * 0.999)


def _grid(scale: Scale) -> Markup:
    step = _step(scale.low, scale.high)
    count = round((scale.high - scale.low) / step)
    lines: list[Markup] = []
    for n in range(min(count, 10) + 1):
        value = scale.low + n * step
        y = f"{scale.y(value):.1f}"
        lines.append(el("line", x1=_LEFT, x2=WIDTH - _RIGHT, y1=y, y2=y, class_="grid"))
        lines.append(el("text", _short(value), x=_LEFT - 8, y=y, dy="0.32em", class_="axis", text_anchor="end"))
    return join(lines)


def _categories(labels: Sequence[str]) -> Markup:
    every = math.ceil(len(labels) / _LABELS_SHOWN)
    return join(
        el("text", label[:20], x=f"{_x(n, len(labels)):.1f}", y=HEIGHT - 16, class_="axis", text_anchor="middle")
        for n, label in enumerate(labels)
        if n % every == 0
    )


def _axis_names(axes: Json) -> Markup:
    x, y = string(axes.get("x_label"))[:40], string(axes.get("y_label"))[:40]
    return join(
        [
            el("text", x, x=WIDTH - _RIGHT, y=HEIGHT - 3, class_="axis name", text_anchor="end") if x else None,
            el("text", y, x=_LEFT, y=10, class_="axis name") if y else None,
        ]
    )


def _x(place: int, count: int) -> float:
    """The middle of a label's share of the width."""
    return _LEFT + _PLOT_W * (place + 0.5) / count


def _short(value: float) -> str:
    """`32000` → `32k`, `0.25` stays."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.4g}{unit}"
    return f"{value:.4g}"


# ---------------------------------------------------------------- marks


def _bars(labels: Sequence[str], series: Sequence[Series], scale: Scale) -> Markup:
    room = _PLOT_W / len(labels) * 0.7
    width = min(room / len(series), 44)
    zero = scale.y(0.0)
    bars: list[Markup] = []
    for s, one in enumerate(series):
        for n, value in enumerate(one.values):
            x = _x(n, len(labels)) + (s - len(series) / 2) * width
            top, bottom = sorted((scale.y(value), zero))
            bar = el(
                "rect", _hover(one.name, labels[n], value), x=f"{x + 1:.1f}", y=f"{top:.1f}", rx=2, class_=f"fill s{s}",
                width=f"{max(width - 2, 1):.1f}", height=f"{max(bottom - top, 0.5):.1f}",
            )  # fmt: skip
            bars.append(bar)
    return join(bars)


def _lines(kind: str, labels: Sequence[str], series: Sequence[Series], scale: Scale) -> Markup:
    drawn: list[Markup] = []
    floor = f"{scale.y(min(max(0.0, scale.low), scale.high)):.1f}"
    for s, one in enumerate(series):
        points = [(f"{_x(n, len(labels)):.1f}", f"{scale.y(value):.1f}") for n, value in enumerate(one.values)]
        path = "M" + "L".join(f"{x} {y}" for x, y in points)
        if kind == "area":
            closed = f"{path}L{points[-1][0]} {floor}L{points[0][0]} {floor}Z"
            drawn.append(el("path", d=closed, class_=f"shade s{s}"))
        drawn.append(el("path", d=path, class_=f"stroke s{s}"))
        drawn += [
            el("circle", _hover(one.name, labels[n], one.values[n]), cx=x, cy=y, r=3, class_=f"fill s{s}")
            for n, (x, y) in enumerate(points)
        ]
    return join(drawn)


def _pie(labels: Sequence[str], values: Sequence[float]) -> Markup:
    total = sum(values)
    cx, cy, radius = WIDTH / 2, HEIGHT / 2, HEIGHT / 2 - 10
    if total <= 0:
        return el("circle", cx=cx, cy=cy, r=radius, class_="grid")
    slices: list[Markup] = []
    turned = 0.0
    for n, value in enumerate(values):
        share = value / total
        hover = _hover(labels[n], f"{share:.0%}", value)
        if share > 0.9999:
            slices.append(el("circle", hover, cx=cx, cy=cy, r=radius, class_=f"fill s{n}"))
        elif share > 0:
            (x1, y1), (x2, y2) = (_around(cx, cy, radius, turn) for turn in (turned, turned + share))
            large = int(share > 0.5)
            path = f"M{cx} {cy}L{x1:.1f} {y1:.1f}A{radius} {radius} 0 {large} 1 {x2:.1f} {y2:.1f}Z"
            slices.append(el("path", hover, d=path, class_=f"fill slice s{n}"))
        turned += share
    return join(slices)


def _around(cx: float, cy: float, radius: float, turn: float) -> tuple[float, float]:
    angle = (turn - 0.25) * 2 * math.pi
    return cx + radius * math.cos(angle), cy + radius * math.sin(angle)


def _hover(name: str, label: str, value: float) -> Markup:
    return el("title", f"{name} · {label}: {value:g}")


def _key(place: int, name: str) -> Markup:
    swatch = el(
        "svg", el("rect", width=10, height=10, rx=3, class_=f"fill s{place}"), viewBox="0 0 10 10", aria_hidden="true"
    )
    return el("li", swatch, name)


def _numbers(labels: Sequence[str], series: Sequence[Series]) -> Markup:
    head = el("tr", el("th"), [el("th", one.name, scope="col") for one in series])
    rows = [
        el("tr", el("th", label, scope="row"), [el("td", f"{one.values[n]:g}", class_="right") for one in series])
        for n, label in enumerate(labels)
    ]
    numbers = el("div", el("table", el("thead", head), el("tbody", rows)), class_="table-scroll")
    return el("details", el("summary", "Numbers"), numbers, class_="numbers")
