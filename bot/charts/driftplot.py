"""How far each feature has moved: a bar for each, the worst at the top."""

from dataclasses import replace

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bot.charts.sheet import BAD, BEHIND, FINE, GRID, INK, bare, drawable, titled, values_along
from bot.domain.alert import Direction
from bot.domain.chart import DriftChart, label, number


def plot(chart: DriftChart) -> Figure:
    """The picture of a verdict by feature."""
    chart = _bounded(chart)
    count = len(chart.bars) + chart.hidden
    side = "below" if chart.bad is Direction.BELOW else "above"
    left_out = f" · worst {len(chart.bars)} shown" if chart.hidden else ""
    under = f"{chart.method} · {chart.drifted} of {count} features drifted (bad: {side} the limit){left_out}"
    figure = titled(chart.title, under)
    size = min(17.0, 180 / max(len(chart.bars), 1))
    names = [label(bar.name, 26) for bar in chart.bars]
    left = min(0.36, 0.03 + max(len(name) for name in names) * size * 0.00086)
    axes = figure.add_axes((left, 0.1, 0.93 - left, 0.68))
    bare(axes)
    places = range(len(chart.bars))
    axes.barh(places, [bar.score for bar in chart.bars], height=0.68, zorder=3,
              color=[BAD if bar.drifted else FINE for bar in chart.bars])  # fmt: skip
    axes.set_yticks(places, names, fontsize=size)
    axes.set_ylim(max(len(chart.bars), 3) - 0.4, -0.6)
    values_along(axes.xaxis)
    axes.grid(axis="x", color=GRID, linewidth=1.2)
    reach = [bar.score for bar in chart.bars] + [bar.threshold for bar in chart.bars if bar.threshold is not None]
    low, high = min(0.0, *reach), max(0.0, *reach)
    axes.set_xlim(low - (0.12 * (high - low) if low < 0 else 0), high + 0.12 * ((high - low) or 1))
    for place, bar in enumerate(chart.bars):
        axes.annotate(
            number(bar.score), (bar.score, place), xytext=(6 if bar.score >= 0 else -6, 0), textcoords="offset points",
            va="center", ha="left" if bar.score >= 0 else "right", fontsize=size,
            fontweight="bold" if bar.drifted else "normal", zorder=6,
            bbox=BEHIND,
        )  # fmt: skip
    _limits(axes, chart)
    return figure


def _limits(axes: Axes, chart: DriftChart) -> None:
    """One line when all have the same limit, else a mark on each bar."""
    limits = {bar.threshold for bar in chart.bars}
    common = next(iter(limits)) if len(limits) == 1 else None
    if common is not None:
        axes.axvline(common, color=INK, linewidth=2.2, linestyle=(0, (5, 3)), zorder=4)
        axes.annotate(
            f"limit {number(common)}", (common, 1.0), xycoords=("data", "axes fraction"), xytext=(0, 3),
            textcoords="offset points", ha="center", va="bottom", fontsize=14, fontweight="bold",
        )  # fmt: skip
        return
    for place, bar in enumerate(chart.bars):
        if bar.threshold is not None:
            axes.plot([bar.threshold] * 2, [place - 0.42, place + 0.42], color=INK, linewidth=2.6, zorder=5)


def _bounded(chart: DriftChart) -> DriftChart:
    bars = (
        replace(bar, score=drawable(bar.score), threshold=None if bar.threshold is None else drawable(bar.threshold))
        for bar in chart.bars
    )
    return replace(chart, bars=tuple(bars))
