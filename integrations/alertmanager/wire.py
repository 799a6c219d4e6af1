"""Alertmanager's JSON: webhook bodies of version 3 and 4 (0.25 to 0.34), and alerts of API v2.

Field names from `template/template.go` and `api/v2/openapi.yaml` of prometheus/alertmanager (Apache-2.0).
"""

from typing import Literal

from pydantic import Field, RootModel

from bot.kit.parsing import Moment, Text, Texts, Wire

Status = Literal["firing", "resolved"]


class WebhookAlert(Wire):
    """One alert of a delivery. Version 3 has no fingerprint; a firing alert ends in year 1."""

    status: Status | None = None
    labels: Texts = Field(default_factory=dict)
    annotations: Texts = Field(default_factory=dict)
    starts_at: Moment = Field(default=None, alias="startsAt")
    ends_at: Moment = Field(default=None, alias="endsAt")
    generator_url: Text = Field(default="", alias="generatorURL")
    fingerprint: Text = ""


class Webhook(Wire):
    """A delivery. `truncated_alerts` counts alerts that `max_alerts` cut off; they are never sent."""

    status: Status | None = None
    alerts: tuple[WebhookAlert, ...]
    group_labels: Texts = Field(default_factory=dict, alias="groupLabels")
    common_labels: Texts = Field(default_factory=dict, alias="commonLabels")
    external_url: Text = Field(default="", alias="externalURL")
    truncated_alerts: int = Field(default=0, alias="truncatedAlerts")


class ApiStatus(Wire):
    """`unprocessed`, `active` or `suppressed` (silenced or inhibited)."""

    state: str = "active"


class ApiAlert(Wire):
    """One alert of `GET /api/v2/alerts`. Its `endsAt` lies ahead: it is when the alert would expire."""

    fingerprint: str
    labels: Texts
    annotations: Texts = Field(default_factory=dict)
    starts_at: Moment = Field(alias="startsAt")
    generator_url: Text = Field(default="", alias="generatorURL")
    status: ApiStatus = Field(default_factory=ApiStatus)


class ApiAlerts(RootModel[tuple[ApiAlert, ...]]):
    """The answer of `GET /api/v2/alerts`."""


class VersionInfo(Wire):
    """Which release answers."""

    version: str = "unknown"


class ServerStatus(Wire):
    """`GET /api/v2/status`, as far as it is shown."""

    version_info: VersionInfo = Field(default_factory=VersionInfo, alias="versionInfo")
