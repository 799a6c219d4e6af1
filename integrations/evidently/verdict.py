"""What a report says: per column and for all columns together, by its tests, or by its values where it has none."""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.domain.alert import Direction
from bot.kit.drift import beyond
from integrations.evidently.wire import DRIFT_METRIC, ROWS_METRIC, SHARE_METRIC, Metric, Report

P_VALUE_METHODS = frozenset({
    "anderson", "chisquare", "cramer_von_mises", "emperical_mmd", "es", "fisher_exact", "g_test", "ks", "mannw",
    "t_test", "tvd", "z",
})  # fmt: skip
"""The short names of methods whose score is a p-value (evidently/legacy/calculations/stattests)."""

_BY_TEST: Mapping[str, bool] = {"FAIL": True, "WARNING": True, "SUCCESS": False}


@dataclass(frozen=True, slots=True)
class Column:
    """One column's score. `drifted` is `None` when neither a test nor a threshold tells."""

    name: str
    method: str
    score: float | None
    threshold: float | None
    direction: Direction
    drifted: bool | None

    @property
    def excess(self) -> float:
        """How far the score is on the bad side, so that columns with different methods can be compared."""
        if self.score is None or not self.threshold:
            return 0.0
        if self.direction is Direction.ABOVE:
            return self.score / self.threshold
        return self.threshold / max(self.score, 1e-300)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A whole report's."""

    columns: tuple[Column, ...]
    share: float | None
    limit: float | None
    """From this share of drifted columns on, the dataset counts as drifted."""
    dataset_drifted: bool | None
    rows: int | None

    @property
    def drifted(self) -> tuple[Column, ...]:
        """The drifted columns, worst first."""
        return tuple(sorted((c for c in self.columns if c.drifted), key=lambda column: -column.excess))


def verdict_of(report: Report) -> Verdict | None:
    """What a report says about drift; `None` when it holds no drift metric."""
    tests = _tests(report)
    columns = [_column(m, tests) for m in report.metrics if m.config.name == DRIFT_METRIC]
    shares = [m for m in report.metrics if m.config.name == SHARE_METRIC]
    if not columns and not shares:
        return None
    rows = next((m.number for m in report.metrics if m.config.name == ROWS_METRIC), None)
    count = int(rows) if rows is not None and rows >= 0 else None
    if not shares:
        return Verdict(tuple(columns), None, None, None, count)
    share, limit = shares[0].share, shares[0].config.drift_share
    drifted = tests.get(_key(shares[0]))
    if drifted is None and share is not None and limit is not None:
        drifted = beyond(share, limit, Direction.ABOVE)
    return Verdict(tuple(columns), share, limit, drifted, count)


def direction_of(method: str) -> Direction:
    """On which side a method's score is bad: a p-value is bad when it is small, a distance when it is large."""
    plain = method.strip().lower()
    is_p = plain in P_VALUE_METHODS or any(word in plain for word in ("p_value", "p-value", "pvalue", "p value"))
    return Direction.BELOW if is_p else Direction.ABOVE


def _column(metric: Metric, tests: Mapping[str, bool]) -> Column:
    config, score = metric.config, metric.number
    direction = direction_of(config.method)
    drifted = tests.get(_key(metric))
    if drifted is None and score is not None and config.threshold is not None:
        drifted = beyond(score, config.threshold, direction)
    return Column(config.column, config.method, score, config.threshold, direction, drifted)


def _tests(report: Report) -> Mapping[str, bool]:
    """What tests say about each metric; one failed test is enough. ERROR and SKIPPED say nothing."""
    found: dict[str, bool] = {}
    for test in report.tests:
        failed = _BY_TEST.get(test.status.upper())
        key = test.metric_config.metric_id or f"{test.metric_config.params.name}/{test.metric_config.params.column}"
        if failed is not None:
            found[key] = found.get(key, False) or failed
    return found


def _key(metric: Metric) -> str:
    return metric.id or f"{metric.config.name}/{metric.config.column}"
