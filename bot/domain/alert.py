"""One thing one monitoring system says is wrong: its identity, its episode, and what it is about."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum


class AlertStatus(StrEnum):
    """Alertmanager's words."""

    FIRING = "firing"
    RESOLVED = "resolved"


class Direction(StrEnum):
    """On which side of its threshold a value is bad. It flips for p-values."""

    ABOVE = "above"
    BELOW = "below"


@dataclass(frozen=True, slots=True)
class Reading:
    """A metric against its threshold. `value` and `threshold` are in the metric's own unit."""

    metric: str
    value: float | None
    threshold: float | None = None
    direction: Direction = Direction.ABOVE


@dataclass(frozen=True, slots=True)
class FeatureDrift:
    """How far one feature has moved."""

    feature: str
    score: float
    threshold: float | None
    drifted: bool


class DriftKind(StrEnum):
    """What has moved against its reference."""

    DATA = "data drift"
    PREDICTION = "prediction drift"
    CONCEPT = "concept drift"


@dataclass(frozen=True, slots=True)
class Drift:
    """A drift verdict as a first-class value. `sample_size` counts rows; the window was compared with the reference."""

    kind: DriftKind
    method: str
    score: float | None
    threshold: float | None
    direction: Direction
    features: tuple[FeatureDrift, ...] = ()
    sample_size: int | None = None
    window_start: datetime | None = None
    window_end: datetime | None = None
    report_url: str = ""


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert as an integration read it out of a delivery.

    `labels` are as the source sent them; an integration that knows the model puts it there under a
    candidate name of `Mapping` (`model_name`, `model_version`, `environment`, `feature`).
    Times have a zone. `ends_at` is only set on a resolved alert.
    """

    source: str
    """The integration's slug."""
    instance: str
    """Which of several installations of the source: its external address."""
    fingerprint: str
    name: str
    status: AlertStatus
    starts_at: datetime
    ends_at: datetime | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    reading: Reading | None = None
    drift: Drift | None = None
    url: str = ""
    monitoring_fault: bool = False
    """The monitor itself is at fault (NoData, DatasourceError): not a finding about the model."""
    truncated: bool = False
    """The source left out other alerts of this delivery."""
    muted: bool = False
    """It fires, but is silenced or inhibited at the source: not told to anybody, and not over."""
    low_fidelity: bool = False
    """Read from the words of a message in a channel: its labels, and when it really began, are not known."""

    @property
    def summary(self) -> str:
        """The source's own sentence about it, or the name."""
        for key in ("summary", "title", "message", "description"):
            text = self.annotations.get(key, "").strip()
            if text:
                return text
        return self.name


# ---------------------------------------------------------------- what it is about


@dataclass(frozen=True, slots=True)
class Subject:
    """Which model (and version, environment, feature) an alert is about. `None` is said, never guessed."""

    model: str | None
    version: str | None = None
    environment: str | None = None
    feature: str | None = None
    why: str = ""
    """Where the model's name came from, or why it is unknown."""


@dataclass(frozen=True, slots=True)
class LabelMapping:
    """Ordered label candidates, from the survey of public rules: there is no convention in the wild."""

    model: tuple[str, ...] = (
        "model_name", "model", "modelname", "ModelName", "deployment_name", "service_name",
        "inferenceservice", "EndpointName", "datasetId", "module",
    )  # fmt: skip
    version: tuple[str, ...] = ("model_version", "version", "service_version", "revision", "ModelVersion")
    environment: tuple[str, ...] = ("environment", "env", "stage", "namespace", "cluster")
    feature: tuple[str, ...] = ("feature", "feature_name", "column", "field")
    value: tuple[str, ...] = ("value", "current_value", "score", "drift_score")
    threshold: tuple[str, ...] = ("threshold", "limit")
    aliases: Mapping[str, str] = field(default_factory=dict)
    """What sources call a model → what the config calls it."""


NAME_LIMIT = 200
"""Longer names are not names; a label of 20,000 characters identifies nothing."""


def subject_of(alert: Alert, mapping: LabelMapping, known_models: Sequence[str] = ()) -> Subject:
    """Which model an alert is about, by the first candidate label that has a value."""
    label, name = _first(alert.labels, mapping.model)
    version = _first(alert.labels, mapping.version)[1]
    environment = _first(alert.labels, mapping.environment)[1]
    feature = _first(alert.labels, mapping.feature)[1]
    if name is None and alert.low_fidelity:
        name, why = _mentioned(alert, mapping, known_models)
    elif name is None:
        why = "none of its labels names a model"
    else:
        name = mapping.aliases.get(name, name)
        why = f"label {label}"
        if known_models and name not in known_models:
            why = f"label {label}; this model is not in the configuration"
    return Subject(name, _plain_version(version), environment, feature, why)


def _mentioned(alert: Alert, mapping: LabelMapping, known_models: Sequence[str]) -> tuple[str | None, str]:
    """The one configured model that an alert's own words name; of several none is meant more than the others."""
    words = "\n".join([alert.name, *alert.annotations.values()])
    names = {**mapping.aliases, **{model: model for model in known_models}}
    found = sorted({model for name, model in names.items() if _has_word(words, name)})
    if len(found) == 1:
        return found[0], "mentioned in its text"
    if found:
        return None, f"its text mentions several: {', '.join(found[:5])}"
    return None, "read from a message, whose text names no configured model"


def _has_word(text: str, name: str) -> bool:
    """Whether a name stands there by itself: `churn` is no part of `churn-v2`, `my.churn` or `models/churn`."""
    return name in text and re.search(rf"(?<![\w./@-]){re.escape(name)}(?![\w/@-]|\.\w)", text) is not None


def reading_of(alert: Alert, mapping: LabelMapping) -> Reading | None:
    """The alert's number against its threshold: the integration's own, the drift's, or from annotations."""
    if alert.reading is not None:
        return alert.reading
    if alert.drift is not None and alert.drift.score is not None:
        drift = alert.drift
        return Reading(drift.method, drift.score, drift.threshold, drift.direction)
    both = {**alert.labels, **alert.annotations}
    value = _number(_first(both, mapping.value)[1])
    threshold = _number(_first(both, mapping.threshold)[1])
    if value is None and threshold is None:
        return None
    return Reading(both.get("metric", alert.name), value, threshold)


def _first(labels: Mapping[str, str], candidates: Sequence[str]) -> tuple[str, str | None]:
    for candidate in candidates:
        value = labels.get(candidate, "").strip()
        if value and len(value) <= NAME_LIMIT and "\n" not in value:
            return candidate, value
    return "", None


def _plain_version(version: str | None) -> str | None:
    """`v3` and `3` are the same version of a registry."""
    if version is not None and version[:1] in "vV" and version[1:].isdigit():
        return version[1:]
    return version


def _number(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        number = float(text.strip().rstrip("%"))
    except ValueError:
        return None
    return number if number == number and abs(number) != float("inf") else None  # noqa: PLR0124 - NaN is not a number to show


# ---------------------------------------------------------------- episodes


@dataclass(frozen=True, slots=True)
class Episode:
    """One time that an alert fired: identity is (source, instance, fingerprint, starts_at)."""

    source: str
    instance: str
    fingerprint: str
    starts_at: datetime
    status: AlertStatus
    first_seen: datetime
    last_seen: datetime
    ends_at: datetime | None = None
    deliveries: int = 1
    incident: int | None = None

    def delivered(self, now: datetime) -> "Episode":
        """Told once more."""
        return Episode(
            self.source, self.instance, self.fingerprint, self.starts_at, self.status, self.first_seen,
            max(now, self.last_seen), self.ends_at, self.deliveries + 1, self.incident,
        )  # fmt: skip

    def joins(self, incident: int) -> "Episode":
        """As part of an incident."""
        return Episode(
            self.source, self.instance, self.fingerprint, self.starts_at, self.status, self.first_seen,
            self.last_seen, self.ends_at, self.deliveries, incident,
        )  # fmt: skip


class EpisodeChange(StrEnum):
    """What a newly read alert means, given what is known of its fingerprint."""

    OPENED = "opened"
    """A new episode fires."""
    REFRESHED = "refreshed"
    """It still fires; nothing new but the time."""
    RESOLVED = "resolved"
    REPEATED = "repeated"
    """Resolved again: sources repeat old resolved alerts for 15 minutes. A no-op."""
    STALE = "stale"
    """Older than what is known (a retry of a dead delivery): recorded only."""
    UNKNOWN_RESOLVED = "resolved without firing"
    """Stored, opens nothing."""


def observe(
    known: Episode | None, newest: Episode | None, alert: Alert, now: datetime
) -> tuple[EpisodeChange, Episode]:
    """Fold one alert into the episode it belongs to.

    `known` is the episode with the alert's own `starts_at`, `newest` the newest episode of its fingerprint.
    """
    if known is None:
        fresh = Episode(
            alert.source,
            alert.instance,
            alert.fingerprint,
            alert.starts_at,
            alert.status,
            now,
            now,
            alert.ends_at,
        )
        if newest is not None and newest.starts_at > alert.starts_at:
            return EpisodeChange.STALE, fresh
        if alert.status is AlertStatus.RESOLVED:
            return EpisodeChange.UNKNOWN_RESOLVED, fresh
        return EpisodeChange.OPENED, fresh
    again = known.delivered(now)
    match (known.status, alert.status):
        case (AlertStatus.FIRING, AlertStatus.FIRING):
            return EpisodeChange.REFRESHED, again
        case (AlertStatus.FIRING, AlertStatus.RESOLVED):
            return EpisodeChange.RESOLVED, replace(again, status=AlertStatus.RESOLVED, ends_at=alert.ends_at or now)
        case (AlertStatus.RESOLVED, AlertStatus.FIRING):
            return EpisodeChange.STALE, again
        case _:
            return EpisodeChange.REPEATED, again
