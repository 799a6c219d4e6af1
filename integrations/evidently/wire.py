"""Evidently's JSON: `Snapshot.json()` and `Snapshot.dump_dict()` of 0.7 (Apache-2.0), as its own runs produced them."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from bot.kit.parsing import Moment, Number, Text, Texts, Wire

DRIFT_METRIC = "ValueDrift"
SHARE_METRIC = "DriftedColumnsCount"
ROWS_METRIC = "RowCount"


class Params(Wire):
    """What a metric was configured with; `type` ends in its name (`evidently:metric_v2:ValueDrift`)."""

    type: Text = ""
    column: Text = ""
    method: Text = ""
    threshold: Number = None
    drift_share: Number = None

    @property
    def name(self) -> str:
        """The metric's name without its namespace."""
        return self.type.rpartition(":")[2]


class MetricConfig(Wire):
    """Which metric a test is about."""

    metric_id: Text = ""
    params: Params = Field(default_factory=Params)


class Test(Wire):
    """A test's verdict: SUCCESS, FAIL, WARNING (a failed test that isn't critical), ERROR or SKIPPED."""

    status: Text = ""
    metric_config: MetricConfig = Field(default_factory=MetricConfig)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def _object(value: object) -> object:
    return value if isinstance(value, dict) else {}


class Values(Wire):
    """A metric's value, where it is a number or counts columns; what is neither says nothing about drift."""

    value: Annotated[Number, BeforeValidator(_number)] = None
    share: Annotated[Number, BeforeValidator(_number)] = None


class Metric(Wire):
    """One metric of `Snapshot.json()`. Its value is a number, an object, or something that is no drift."""

    id: Text = ""
    config: Params = Field(default_factory=Params)
    value: Any = None

    @property
    def number(self) -> float | None:
        """The value when it is a number."""
        return Values(value=_number(self.value)).value

    @property
    def share(self) -> float | None:
        """The share of columns when it counts them."""
        return Values.model_validate(_object(self.value)).share


class Report(Wire):
    """`Snapshot.json()`."""

    metrics: tuple[Metric, ...]
    tests: tuple[Test, ...] = ()


class Location(Wire):
    """Which metric a result belongs to."""

    metric: MetricConfig = Field(default_factory=MetricConfig)


class Result(Wire):
    """One metric of `dump_dict()`: a single value, or a count and a share."""

    location: Location = Field(default_factory=Location, alias="metric_value_location")
    tests: tuple[Test, ...] = ()
    value: Any = None
    count: Any = None
    share: Any = None

    @property
    def as_metric(self) -> Metric:
        """The same in the form of the other format."""
        config = self.location.metric
        value = self.value
        if config.params.name == SHARE_METRIC:
            value = {"share": _inner(self.share)}
        elif config.params.name == ROWS_METRIC and value is None:
            value = _inner(self.count)
        return Metric(id=config.metric_id, config=config.params, value=value)


def _inner(value: object) -> object:
    return value.get("value") if isinstance(value, dict) else None


def _tags(value: object) -> object:
    return [tag for tag in value if isinstance(tag, str)] if isinstance(value, list) else []


class Dump(Wire):
    """`Snapshot.dump_dict()`: the only form that knows its time, metadata and tags. The time has no zone."""

    metric_results: dict[str, Result]
    timestamp: Moment = None
    metadata: Annotated[Texts, BeforeValidator(_object)] = Field(default_factory=dict)
    tags: Annotated[tuple[str, ...], BeforeValidator(_tags)] = ()

    @property
    def as_report(self) -> Report:
        """The same in the form of the other format."""
        results = tuple(self.metric_results.values())
        tests = tuple(test for result in results for test in result.tests)
        return Report(metrics=tuple(result.as_metric for result in results), tests=tests)
