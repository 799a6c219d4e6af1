"""Which series, names, limits and markers a chart has."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.domain.alert import Alert, AlertStatus, Direction, LabelMapping, Reading
from bot.domain.chart import Threshold, TimeChart
from bot.domain.errors import Unreachable
from bot.domain.models import Change
from bot.domain.operation import Operation, OperationState
from bot.ports.systems import Metrics, Series
from bot.usecases.charting import compose
from bot.usecases.charting.compose import Asked, Facts, over_time
from tests.fakes.clock import START
from tests.slack.states import an_incident, decided

NOW = START + timedelta(minutes=10)
POINTS = ((START.timestamp(), 0.06), (NOW.timestamp(), 0.31))
ABOUT = {"alertname": "Drift", "model": "fraud", "feature": "amount", "environment": "production"}


class Said(Metrics):
    """Answers with these series."""

    def __init__(self, *labels: dict[str, str], threshold: Threshold | None = None) -> None:
        self.series = [Series(str(sorted(one.items())), POINTS, one) for one in labels]
        self.threshold = threshold
        self.steps: list[float] = []

    def query_of(self, alert: Alert) -> str | None:
        return "psi"

    def threshold_of(self, alert: Alert) -> Threshold | None:
        return self.threshold

    async def value(self, query: str) -> float | None:
        raise NotImplementedError

    async def range(self, query: str, *, start: datetime, end: datetime, step: float) -> Sequence[Series]:
        self.steps.append(step)
        return self.series


def an_alert(**more: object) -> Alert:
    return Alert("alertmanager", "http://am", "f", "Drift", AlertStatus.FIRING, START, labels=ABOUT, **more)  # type: ignore[arg-type]


async def chart(metrics: Said, facts: Facts | None = None, now: datetime = NOW) -> TimeChart:
    alert = an_alert()
    facts = facts or Facts(an_incident(started_at=START, opened_at=START), (alert,), (), ())
    made = await over_time(facts, Asked(facts.alerts[0], metrics, "psi"), LabelMapping(), now)
    assert isinstance(made, TimeChart)
    return made


# ---------------------------------------------------------------- series


async def test_the_series_that_the_alert_is_about_is_drawn() -> None:
    mine = {"__name__": "psi", "model": "fraud", "feature": "amount"}
    made = await chart(Said({**mine, "feature": "country"}, mine, {**mine, "model": "churn"}))
    (line,) = made.lines
    assert line.points == POINTS
    assert made.metric == "psi"
    assert made.hidden == 0


async def test_a_label_that_the_rule_itself_sets_hides_nothing() -> None:
    series = {"model": "fraud", "feature": "amount", "environment": "prod-eu"}
    made = await chart(Said({**series, "feature": "country"}, series))
    assert len(made.lines) == 1


async def test_several_are_named_by_what_tells_them_apart() -> None:
    series = {"__name__": "psi", "model": "fraud"}
    made = await chart(Said({**series, "host": "a"}, {**series, "host": "b"}))
    assert [line.name for line in made.lines] == ["a", "b"]
    made = await chart(Said({**series, "host": "a", "zone": "x"}, {**series, "host": "b", "zone": "y"}))
    assert [line.name for line in made.lines] == ["host=a, zone=x", "host=b, zone=y"]


async def test_no_more_lines_than_can_be_told_apart() -> None:
    made = await chart(Said(*({"__name__": "psi", "host": f"h{n:02}"} for n in range(12))))
    assert len(made.lines) == 5
    assert made.hidden == 7


async def test_a_metric_without_a_name_is_called_by_its_query() -> None:
    assert (await chart(Said({"model": "fraud"}))).metric == "psi"


async def test_no_series_is_no_chart() -> None:
    facts = Facts(an_incident(started_at=START), (an_alert(),), (), ())
    assert await over_time(facts, Asked(facts.alerts[0], Said(), "psi"), LabelMapping(), NOW) is None


@pytest.mark.parametrize("hours", [0.1, 2, 24, 24 * 30])
async def test_never_more_points_than_can_be_seen(hours: float) -> None:
    metrics = Said({"model": "fraud"})
    made = await chart(metrics, now=START + timedelta(hours=hours))
    (step,) = metrics.steps
    assert step >= 15
    assert (made.end - made.start).total_seconds() / step <= 241
    assert made.end == START + timedelta(hours=hours)


async def test_one_that_never_answers_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compose, "ASK_WITHIN", 0.02)

    class Silent(Said):
        async def range(self, query: str, *, start: datetime, end: datetime, step: float) -> Sequence[Series]:
            await asyncio.Event().wait()
            raise AssertionError

    with pytest.raises(Unreachable, match="not answered within"):
        await chart(Silent())


# ---------------------------------------------------------------- the limit


async def test_the_rules_own_limit_goes_before_what_the_alert_says_of_it() -> None:
    said = replace(an_alert(), reading=Reading("psi", 31.0, 20.0, Direction.BELOW))
    facts = Facts(an_incident(started_at=START), (said,), (), ())
    series = {"model": "fraud"}
    assert (await chart(Said(series, threshold=Threshold(0.2)), facts)).threshold == Threshold(0.2)
    assert (await chart(Said(series), facts)).threshold == Threshold(20.0, Direction.BELOW)
    assert (await chart(Said(series))).threshold is None


# ---------------------------------------------------------------- markers


def a_change(minutes: float, version: str = "3", kind: str = "promotion", integration: str = "mlflow") -> Change:
    at = START + timedelta(minutes=minutes)
    return Change("fraud", kind, f"version {version} promoted by Mika", at, "Mika", version, "", integration)


async def told(*changes: Change, operations: Sequence[Operation] = ()) -> list[tuple[str, str]]:
    facts = Facts(an_incident(started_at=START), (an_alert(),), changes, tuple(operations))
    made = await chart(Said({"model": "fraud"}), facts)
    return [(marker.kind, marker.text) for marker in made.markers]


async def test_what_was_promoted_is_marked_and_what_changes_nothing_is_not() -> None:
    changes = (a_change(-34), a_change(-33, kind="version"), a_change(-32, kind="alias"), a_change(-600))
    assert await told(*changes) == [("change", "version 3 promoted by Mika")]


async def test_our_own_operation_is_marked_once() -> None:
    rollback = replace(decided(OperationState.EXECUTING), decided_at=START + timedelta(minutes=4))
    to = rollback.plan.move.target.version
    changes = (a_change(4.5, to), a_change(4.6, to, "rollback", "bot"), a_change(8, "9"))
    assert await told(*changes, operations=[rollback]) == [
        ("operation", f"{rollback.ref} rollback, {rollback.plan.aim.headline}"),
        ("change", "version 9 promoted by Mika"),
    ]


@pytest.mark.parametrize("state", [OperationState.REJECTED, OperationState.EXPIRED, OperationState.STALE])
async def test_what_was_never_begun_is_not_marked(state: OperationState) -> None:
    assert await told(operations=[replace(decided(state), decided_at=START)]) == []
