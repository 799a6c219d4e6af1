"""What a chart shows, and its facts in words."""

from datetime import timedelta

import pytest

from bot.domain.alert import Direction, Drift, DriftKind, FeatureDrift
from bot.domain.chart import (
    LABEL,
    MOST_BARS,
    MOST_MARKERS,
    WORDS,
    DriftChart,
    Line,
    Marker,
    Threshold,
    drift_chart,
    in_words,
    label,
    nearest,
    number,
    window,
)
from tests.charts.drawn import BEGAN, a_chart


def at(minutes: float, value: float) -> tuple[float, float]:
    return (BEGAN + timedelta(minutes=minutes)).timestamp(), value


def one_line(*given: tuple[float, float]) -> Line:
    return Line("psi", given)


# ---------------------------------------------------------------- words


def test_the_facts_in_words() -> None:
    still = one_line(at(-60, 0.06), at(4, 0.31))
    assert in_words(a_chart(lines=(still,))) == (
        "psi 0.31 at 03:08 against a limit of 0.2; version 3 promoted 02:30 (UTC)."
    )
    better = one_line(at(-60, 0.06), at(4, 0.31), at(8, 0.04))
    assert in_words(a_chart(lines=(better,), markers=())) == (
        "psi 0.31 at 03:08 against a limit of 0.2, 0.04 at 03:12 (UTC)."
    )
    assert in_words(a_chart(lines=(), markers=())) == "psi: no value between 01:04 and 03:12 UTC."


def test_the_worst_is_the_lowest_where_low_is_bad() -> None:
    auc = one_line(at(-60, 0.94), at(4, 0.71), at(8, 0.93))
    chart = a_chart(lines=(auc,), threshold=Threshold(0.9, Direction.BELOW), markers=())
    assert in_words(chart) == "psi 0.71 at 03:08 against a limit of 0.9, 0.93 at 03:12 (UTC)."


def test_what_was_worse_long_before_the_incident_is_not_its_worst() -> None:
    chart = a_chart(lines=(one_line(at(-60, 0.9), at(4, 0.31)),), threshold=None, markers=())
    assert in_words(chart) == "psi 0.31 at 03:08 (UTC)."


def test_of_several_series_the_worst_is_named() -> None:
    lines = (Line("amount", (at(4, 0.31),)), Line("country", (at(4, 0.25),)))
    assert in_words(a_chart(lines=lines, markers=(), hidden=2)) == (
        "psi (amount) 0.31 at 03:08 against a limit of 0.2 (UTC). 2 more series are not shown."
    )


def test_more_than_a_day_is_told_with_the_day() -> None:
    chart = a_chart(start=BEGAN - timedelta(days=1), lines=(one_line(at(4, 0.31)),), markers=())
    assert "0.31 at 23 Nov 03:08" in in_words(chart)


def test_words_are_one_bounded_line_of_visible_characters() -> None:
    hostile = a_chart(metric="x\n\u202e" * 5_000, markers=tuple(Marker(BEGAN, "y" * 900, "change") for _ in range(6)))
    said = in_words(hostile)
    assert len(said) <= WORDS
    assert "\n" not in said
    assert "\u202e" not in said


def test_drift_in_words() -> None:
    chart = drift_chart("x", a_drift(Direction.BELOW, ("amount", 0.001, True), ("country", 0.3, False)))
    assert chart is not None
    assert in_words(chart) == (
        "1 of 2 features drifted by psi (bad is below the limit); worst: amount 0.001 (limit 0.2), country 0.3 (limit 0.2)."
    )


# ---------------------------------------------------------------- bars


def a_drift(bad: Direction, *features: tuple[str, float, bool]) -> Drift:
    found = tuple(FeatureDrift(name, score, None, drifted) for name, score, drifted in features)
    return Drift(DriftKind.DATA, "psi", 0.4, 0.2, bad, found)


@pytest.mark.parametrize(
    ("bad", "order"), [(Direction.ABOVE, ["b", "a", "d", "c"]), (Direction.BELOW, ["a", "b", "c", "d"])]
)
def test_the_worst_feature_stands_first_on_whichever_side_is_bad(bad: Direction, order: list[str]) -> None:
    drift = a_drift(bad, ("a", 0.1, True), ("b", 0.4, True), ("c", 0.01, False), ("d", 0.9, False))
    chart = drift_chart("x", drift)
    assert isinstance(chart, DriftChart)
    assert [bar.name for bar in chart.bars] == order
    assert {bar.threshold for bar in chart.bars} == {0.2}


def test_no_more_bars_than_can_be_read() -> None:
    chart = drift_chart("x", a_drift(Direction.ABOVE, *((f"f{n}", n / 100, n > 20) for n in range(40))))
    assert chart is not None
    assert (len(chart.bars), chart.hidden, chart.drifted) == (MOST_BARS, 25, 19)
    assert drift_chart("x", a_drift(Direction.ABOVE)) is None


# ---------------------------------------------------------------- pieces


@pytest.mark.parametrize(
    ("given", "shown"),
    [("a\nb\t c", "a b c"), ("\x00\x1b[31mred", "[31mred"), ("\u202eevil", "evil"), ("", ""), (" ", ""), ("x" * 60, "x" * 60)],
)  # fmt: skip
def test_a_label_is_one_line_of_visible_characters(given: str, shown: str) -> None:
    assert label(given) == shown


def test_a_long_label_is_cut_and_says_so() -> None:
    assert label("x" * 20_000) == "x" * (LABEL - 1) + "…"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.31, "0.31"), (0.0626, "0.0626"), (0, "0"), (1234.5, "1,234"), (2e9, "2.00e+09"), (1e-9, "1.00e-09"), (-0.5, "-0.5")],
)  # fmt: skip
def test_a_number_for_people(value: float, shown: str) -> None:
    assert number(value) == shown


def test_the_window_reaches_back_to_what_was_changed() -> None:
    now = BEGAN + timedelta(minutes=8)
    assert window(BEGAN, now, []) == (BEGAN - timedelta(hours=2), now)
    assert window(BEGAN, now, [BEGAN - timedelta(hours=4)])[0] == BEGAN - timedelta(hours=4, minutes=15)
    assert window(BEGAN, now, [BEGAN - timedelta(hours=9)])[0] == BEGAN - timedelta(hours=2)
    assert window(BEGAN, BEGAN + timedelta(days=30), [])[0] == BEGAN + timedelta(days=23)


def test_markers_in_the_window_the_newest_ones_each_once() -> None:
    many = [Marker(BEGAN - timedelta(minutes=n), f"version {n}", "change") for n in range(20)]
    found = nearest([*many, *many], BEGAN - timedelta(minutes=10), BEGAN)
    assert [marker.text for marker in found] == [f"version {n}" for n in reversed(range(MOST_MARKERS))]
