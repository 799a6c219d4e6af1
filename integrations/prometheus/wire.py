"""The answers of Prometheus' HTTP API v1, as far as they are read (prometheus/prometheus, `web/api/v1`, Apache-2.0)."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from bot.kit.parsing import Moment, Number, Text, Texts, Wire

_SPELLED = {"+Inf": "inf", "-Inf": "-inf", "NaN": "nan"}


def _number(value: object) -> object:
    """Values are texts, so that NaN and infinity can be said."""
    return _SPELLED.get(value, value) if isinstance(value, str) else value


Value = Annotated[Number, BeforeValidator(_number)]
"""A finite number or nothing."""
Sample = tuple[float, Value]
"""Unix seconds and the value then."""


class Instant(Wire):
    """One series at one moment; one of histograms has no `value`."""

    metric: Texts = Field(default_factory=dict)
    value: Sample | None = None


class Vector(Wire):
    """What most queries give."""

    result_type: Literal["vector"] = Field(alias="resultType")
    result: tuple[Instant, ...]


class Scalar(Wire):
    """What `scalar(…)` or a number gives."""

    result_type: Literal["scalar"] = Field(alias="resultType")
    result: Sample


class Other(Wire):
    """What can't be one value: a text, or series over time."""

    result_type: Literal["string", "matrix"] = Field(alias="resultType")


class Instants(Wire):
    """The answer of `/api/v1/query`."""

    status: Literal["success"]
    data: Annotated[Vector | Scalar | Other, Field(discriminator="result_type")]


class Range(Wire):
    """One series over time; one of histograms has no `values`."""

    metric: Texts = Field(default_factory=dict)
    values: tuple[Sample, ...] = ()


class Matrix(Wire):
    """The data of `/api/v1/query_range`."""

    result_type: Literal["matrix"] = Field(alias="resultType")
    result: tuple[Range, ...]


class Ranges(Wire):
    """The answer of `/api/v1/query_range`."""

    status: Literal["success"]
    data: Matrix


class BuildInfo(Wire):
    """Which release answers."""

    version: Text = ""


class Build(Wire):
    """The answer of `/api/v1/status/buildinfo`."""

    data: BuildInfo


class RuleAlert(Wire):
    """One alert of a rule. `activeAt` is when its condition began to hold, before `for` had passed."""

    labels: Texts
    annotations: Texts = Field(default_factory=dict)
    state: Literal["firing", "pending", "inactive"]
    active_at: Moment = Field(default=None, alias="activeAt")
    value: Text = ""


class AlertingRule(Wire):
    """One rule with what it finds now; its own annotations are not filled in."""

    query: Text = ""
    alerts: tuple[RuleAlert, ...] = ()


class RuleGroup(Wire):
    """Rules that are judged together."""

    rules: tuple[AlertingRule, ...] = ()


class RuleGroups(Wire):
    """The data of `/api/v1/rules`."""

    groups: tuple[RuleGroup, ...]


class Rules(Wire):
    """The answer of `/api/v1/rules?type=alert`. Thanos answers in part when a ruler is away, and warns of it."""

    status: Literal["success"]
    data: RuleGroups
    warnings: tuple[Text, ...] = ()
