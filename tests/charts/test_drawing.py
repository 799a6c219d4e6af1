"""What is drawn: a picture for a phone, with everything that the chart says, whatever the texts in it are."""

import json
import subprocess
import sys
from datetime import timedelta

import pytest

from bot.charts.worker import CHART
from bot.domain.alert import Direction, Drift, DriftKind, FeatureDrift
from bot.domain.chart import Bar, Chart, DriftChart, Line, Marker, Threshold, TimeChart, drift_chart
from tests.charts.drawn import BEGAN, a_chart, facts, points, rising

HOSTILE = (
    "$x^2$", "$\\frac{1}{", "\\", "{", "%s %(x)s {0}", "<b>&amp;", "a\nb\r\nc\td", "\x00\x1b[31m\u202e", "x" * 20_000,
    "مبلغ المعاملة", "特徴量", "🔥" * 50, "", " ", "_leading", "\ud800", "-", "None",
)  # fmt: skip


def drawn(*charts: Chart) -> list[bytes]:
    """By one process, as the bot's: started for it, and ending with its input."""
    asked = b"".join(CHART.dump_json(chart) + b"\n" for chart in charts)
    done = subprocess.run([sys.executable, "-m", "bot.charts.worker"], input=asked, capture_output=True, check=True)
    out, found = done.stdout, []
    for _ in charts:
        head, _, out = out.partition(b"\n")
        told = json.loads(head)
        assert "bytes" in told, told
        found.append(out[: told["bytes"]])
        out = out[told["bytes"] :]
    assert out == b""
    return found


def test_the_pictures_facts() -> None:
    operation = Marker(BEGAN + timedelta(minutes=3), "OP-1 rollback", "operation")
    whole = a_chart(markers=(*a_chart().markers, operation), ended=BEGAN + timedelta(minutes=6))
    drift = drift_chart("Data drift on fraud-detector", a_drift(Direction.ABOVE))
    assert drift is not None
    alone = a_chart(threshold=None, markers=())
    empty = a_chart(lines=(), markers=())
    flat = a_chart(lines=(Line("psi", points(BEGAN, BEGAN + timedelta(minutes=8), lambda _: 0.0)),), threshold=None)
    found = [facts(png) for png in drawn(whole, drift, alone, empty, flat)]
    assert [one.size for one in found] == [(1000, 500)] * 5
    assert all(one.white > 0.6 for one in found), "Slack is dark or light: the picture brings its own white"
    assert [sorted(one.inks) for one in found] == [
        ["change", "incident", "limit", "line", "ours"],
        ["fine", "limit"],
        ["incident", "line"],
        ["incident", "limit"],
        ["change", "incident", "line"],
    ]


def a_drift(bad: Direction, count: int = 22) -> Drift:
    scores = [0.5 / (n + 1) for n in range(count)]
    drifted = [score > 0.2 if bad is Direction.ABOVE else score < 0.05 for score in scores]
    features = tuple(
        FeatureDrift(f"feature_{n}", s, None, d) for n, (s, d) in enumerate(zip(scores, drifted, strict=True))
    )
    return Drift(DriftKind.DATA, "psi", 0.5, 0.2 if bad is Direction.ABOVE else 0.05, bad, features)


def test_the_largest_picture_is_small_enough_for_a_phone() -> None:
    lines = tuple(
        Line(f"feature_{n}", points(BEGAN - timedelta(days=7), BEGAN, lambda p, n=n: n + (p * 7919 * (n + 1)) % 1, 300))  # type: ignore[misc]
        for n in range(5)
    )
    markers = tuple(
        Marker(BEGAN - timedelta(hours=n), f"version {n} promoted by Mika Laine", "change") for n in range(6)
    )
    (png,) = drawn(a_chart(start=BEGAN - timedelta(days=7), lines=lines, markers=markers, step=2_016.0))
    assert facts(png).size == (1000, 500)
    assert len(png) < 150_000


def test_no_text_breaks_a_picture_or_becomes_a_formula() -> None:
    charts: list[Chart] = []
    for text in HOSTILE:
        safe = text.encode("utf-8", "replace").decode()
        marker = Marker(BEGAN, safe, "operation")
        two = tuple(Line(safe, points(BEGAN, BEGAN + timedelta(minutes=8), rising, n)) for n in (1, 30))
        charts.append(a_chart(title=safe, metric=safe, lines=two, markers=(marker,)))
        charts.append(DriftChart(safe, safe, (Bar(safe, 0.3, 0.2, True), Bar(safe, -1e9, None, False))))
    for png in drawn(*charts):
        assert facts(png).size == (1000, 500)


@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 0.0), (1e-12, 1e12), (-5.0, -5.0), (1e300, 1.0000001e300), (-1e308, 1e308), (5e-324, 5e-324)]
)  # fmt: skip
def test_any_numbers_can_be_drawn(low: float, high: float) -> None:
    start = BEGAN - timedelta(hours=2)
    steep = Line("x", points(start, BEGAN, lambda part: low if part < 0.5 else high))
    bars = DriftChart("x", "x", (Bar("a", low, high, True), Bar("b", high, low, False)))
    assert all(
        facts(png).size == (1000, 500) for png in drawn(a_chart(lines=(steep,), threshold=Threshold(high)), bars)
    )


def test_a_chart_survives_the_way_to_the_process() -> None:
    chart = a_chart(ended=BEGAN, hidden=3)
    assert CHART.validate_json(CHART.dump_json(chart)) == chart
    drift = drift_chart("x", a_drift(Direction.BELOW))
    assert drift is not None
    assert CHART.validate_json(CHART.dump_json(drift)) == drift
    assert isinstance(chart, TimeChart)
