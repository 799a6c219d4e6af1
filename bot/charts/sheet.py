"""The sheet that every chart is drawn on: its size, colours and letters, and the two lines of words at its top."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from bot.domain.chart import label, number

Style = Mapping[str, Any]

WIDTH, HEIGHT, DPI = 10.0, 5.0, 100
"""Inches, and dots in each: 1000 × 500 pixels."""
INK, QUIET, GRID = "#1a1a1a", "#5c5c5c", "#e3e3e3"
BAD, FINE = "#c4500a", "#838f9c"
"""Vermillion and grey: they differ in lightness, too."""
BEHIND: Style = {"boxstyle": "square,pad=0.08", "facecolor": "white", "edgecolor": "none", "alpha": 0.85}
"""So that words can be read where a line goes through them."""
HUGE = 1e100

RC: Any = {
    "text.parse_math": False,
    "text.usetex": False,
    "axes.formatter.use_mathtext": False,
    "font.family": ["DejaVu Sans"],
    "font.size": 17,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": QUIET,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}


def titled(title: str, under: str) -> Figure:
    figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI)
    lines: Sequence[tuple[float, str, Style]] = (
        (0.945, title, {"fontsize": 20, "fontweight": "bold"}),
        (0.875, under, {"fontsize": 15, "color": QUIET}),
    )
    for place, text, style in lines:
        figure.text(0.02, place, fitting(figure, text, 0.96, style), va="center", ha="left", **style)
    return figure


def fitting(figure: Figure, text: str, wide: float, style: Style) -> str:
    """As much of a text as there is room for, in parts of the picture's width."""
    shown, limit = label(text, 120), 120
    while limit > 8 and width(figure, shown, style) > wide:
        limit = min(limit, len(shown)) - 3
        shown = label(text, limit)
    return shown


def width(figure: Figure, text: str, style: Style) -> float:
    """In parts of the picture's width."""
    probe = figure.text(0, 0, text, **style)
    wide = probe.get_window_extent(FigureCanvasAgg(figure).get_renderer()).width
    probe.remove()
    return float(wide) / (WIDTH * DPI)


def bare(axes: Axes) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0, pad=7)
    axes.set_axisbelow(True)


def drawable(value: float) -> float:
    """What has room on an axis: the span of two numbers must be one, too."""
    return max(-HUGE, min(HUGE, value))


def values_along(axis: Any) -> None:
    """Few, round numbers, written as everywhere else."""
    axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
