"""Response times: drills are kept out, what did not happen is counted beside, and no mean stands alone."""

from datetime import timedelta
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.incident import Incident
from bot.domain.metrics import Times, response, spoken
from tests.unit.worlds import T0, an_incident, minutes

SPANS = st.timedeltas(timedelta(0), timedelta(days=30))
INCIDENTS = st.builds(
    lambda waited, acknowledged, resolved, drill, reopened: an_incident(
        started_at=T0 - waited,
        acknowledged_at=None if acknowledged is None else T0 + acknowledged,
        resolved_at=None if resolved is None else T0 + resolved,
        drill=drill,
        reopened=reopened,
    ),
    SPANS,
    st.none() | SPANS,
    st.none() | SPANS,
    st.booleans(),
    st.integers(0, 3),
)
NEAR = timedelta(milliseconds=1)


@given(st.lists(INCIDENTS, max_size=12))
def test_each_figure_counts_every_real_incident_once(incidents: list[Incident]) -> None:
    found = response(incidents)
    real = [i for i in incidents if not i.drill]
    assert found.incidents == len(real)
    assert found.reopened == sum(1 for i in real if i.reopened)
    for times in (found.to_acknowledge, found.to_mitigate, found.to_resolve, found.to_detect):
        assert times.count + times.without == len(real)
        assert (times.mean is None) == (times.median is None) == (times.count == 0)
    assert found.to_acknowledge.without == sum(1 for i in real if i.acknowledged_at is None)


@given(st.lists(INCIDENTS, max_size=12))
def test_mean_and_median_are_those_of_what_happened(incidents: list[Incident]) -> None:
    spans = [i.resolved_at - i.opened_at for i in incidents if not i.drill and i.resolved_at is not None]
    times = response(incidents).to_resolve
    if not spans:
        assert times == Times(0, times.without, None, None)
        return
    assert times.mean is not None
    assert times.median is not None
    assert min(spans) - NEAR <= times.mean <= max(spans) + NEAR
    assert abs(times.median - median(spans)) <= NEAR
    assert abs(times.mean - sum(spans, timedelta(0)) / len(spans)) <= NEAR


@given(st.lists(INCIDENTS, max_size=6), INCIDENTS)
def test_a_drill_changes_nothing(incidents: list[Incident], other: Incident) -> None:
    drill = an_incident(drill=True, acknowledged_at=other.acknowledged_at, resolved_at=other.resolved_at)
    assert response([*incidents, drill]) == response(incidents)


def test_a_source_whose_clock_is_ahead_makes_no_negative_time() -> None:
    times = response([an_incident(started_at=T0 + minutes(5))]).to_detect
    assert (times.mean, times.median) == (timedelta(0), timedelta(0))


def test_a_late_one_moves_the_mean_and_not_the_median() -> None:
    times = response([an_incident(acknowledged_at=T0 + minutes(m)) for m in (1, 2, 3, 4, 90)]).to_acknowledge
    assert times == Times(5, 0, minutes(20), minutes(3))


def test_without_incidents_nothing_is_averaged() -> None:
    found = response([])
    assert (found.incidents, found.reopened, found.to_resolve) == (0, 0, Times(0, 0, None, None))


@pytest.mark.parametrize(("span", "text"), [
    (None, "–"), (timedelta(0), "0 s"), (timedelta(seconds=-5), "0 s"), (timedelta(days=-400), "0 s"), (timedelta(seconds=59.9), "59 s"),
    (timedelta(seconds=60), "1 min"), (timedelta(seconds=119), "1 min"), (timedelta(minutes=59, seconds=59), "59 min"),
    (timedelta(hours=1), "1 h"), (timedelta(hours=3, minutes=5), "3 h 5 min"), (timedelta(hours=23, minutes=59), "23 h 59 min"),
    (timedelta(days=1), "1 d"), (timedelta(days=2, hours=4, minutes=50), "2 d 4 h"), (timedelta(days=400), "400 d"),
])  # fmt: skip
def test_times_are_spoken_with_at_most_two_units(span: timedelta | None, text: str) -> None:
    assert spoken(span) == text


@given(st.timedeltas(timedelta(0), timedelta(days=999)))
def test_what_is_spoken_is_never_more_than_what_it_was(span: timedelta) -> None:
    units = {"s": 1, "min": 60, "h": 3_600, "d": 86_400}
    words = spoken(span).split()
    seconds = sum(int(number) * units[unit] for number, unit in zip(words[::2], words[1::2], strict=True))
    smallest = (
        units[words[-1]]
        if len(words) == 4 or words[-1] in {"s", "min"}
        else units[words[-1]] / {"h": 60, "d": 24}[words[-1]]
    )
    assert seconds <= span.total_seconds() < seconds + smallest
