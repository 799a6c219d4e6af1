"""Grafana's JSON: webhook bodies of unified alerting (version "1") and of the old alerting, and alerts of its API.

Field names from Grafana's documentation of the webhook notifier and of legacy notifications.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, RootModel

from bot.kit.parsing import Moment, Number, Text, Texts, Wire

Status = Literal["firing", "resolved"]


def _numbers(value: object) -> object:
    """`values` holds a number or `null` per reference letter; what isn't one says nothing."""
    if not isinstance(value, dict):
        return {}
    return {key: item for key, item in value.items() if isinstance(item, int | float)}


Values = Annotated[dict[str, Number], BeforeValidator(_numbers)]


class WebhookAlert(Wire):
    """One alert of a delivery. Old bodies lack labels or a fingerprint; times may have any zone."""

    status: Status | None = None
    labels: Texts = Field(default_factory=dict)
    annotations: Texts = Field(default_factory=dict)
    starts_at: Moment = Field(default=None, alias="startsAt")
    ends_at: Moment = Field(default=None, alias="endsAt")
    generator_url: Text = Field(default="", alias="generatorURL")
    fingerprint: Text = ""
    silence_url: Text = Field(default="", alias="silenceURL")
    dashboard_url: Text = Field(default="", alias="dashboardURL")
    panel_url: Text = Field(default="", alias="panelURL")
    image_url: Text = Field(default="", alias="imageURL")
    values: Values = Field(default_factory=dict)
    value_string: Text = Field(default="", alias="valueString")


class Webhook(Wire):
    """A delivery of unified alerting."""

    status: Status | None = None
    alerts: tuple[WebhookAlert, ...]
    group_labels: Texts = Field(default_factory=dict, alias="groupLabels")
    common_labels: Texts = Field(default_factory=dict, alias="commonLabels")
    external_url: Text = Field(default="", alias="externalURL")
    truncated_alerts: int | None = Field(default=0, alias="truncatedAlerts")


class LegacyState(StrEnum):
    """The states of the old alerting. Only the first three say something about the thing that is watched."""

    ALERTING = "alerting"
    OK = "ok"
    NO_DATA = "no_data"
    PENDING = "pending"
    PAUSED = "paused"
    UNKNOWN = "unknown"


class EvalMatch(Wire):
    """One series that broke a rule's condition."""

    metric: Text = ""
    value: Number = None
    tags: Texts = Field(default_factory=dict)


def _matches(value: object) -> object:
    return [] if value is None else value


class Legacy(Wire):
    """A delivery of the old alerting: one rule, one state, no time."""

    state: LegacyState
    rule_id: Text = Field(default="", alias="ruleId")
    rule_name: Text = Field(default="", alias="ruleName")
    rule_url: Text = Field(default="", alias="ruleUrl")
    org_id: Text = Field(default="", alias="orgId")
    dashboard_id: Text = Field(default="", alias="dashboardId")
    panel_id: Text = Field(default="", alias="panelId")
    title: Text = ""
    message: Text = ""
    image_url: Text = Field(default="", alias="imageUrl")
    tags: Texts = Field(default_factory=dict)
    matches: Annotated[tuple[EvalMatch, ...], BeforeValidator(_matches)] = Field(default=(), alias="evalMatches")


class ApiStatus(Wire):
    """`unprocessed`, `active` or `suppressed` (silenced or inhibited)."""

    state: str = "active"


class ApiAlert(Wire):
    """One alert of the API. Private labels and annotations (`__x__`) are there, which deliveries leave out."""

    fingerprint: str
    labels: Texts
    annotations: Texts = Field(default_factory=dict)
    starts_at: Moment = Field(alias="startsAt")
    generator_url: Text = Field(default="", alias="generatorURL")
    status: ApiStatus = Field(default_factory=ApiStatus)


class ApiAlerts(RootModel[tuple[ApiAlert, ...]]):
    """The answer of `GET /api/alertmanager/grafana/api/v2/alerts`."""


class MeasuredValues(Wire):
    """The annotation `__values__`, which is JSON in a text."""

    values: Values = Field(default_factory=dict)


class ServerHealth(Wire):
    """`GET /api/health`, which asks for no permission."""

    version: Text = ""
