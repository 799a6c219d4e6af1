"""An alarm becomes alerts, with one identity by whichever way it comes: SNS, EventBridge, or asked for.

The states: ALARM fires, OK is its end. INSUFFICIENT_DATA is neither: nobody knows whether the problem is over, so the
alarm goes on firing, and that its data is missing is an alert of its own, about the monitoring.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote

from bot.domain.alert import Alert, AlertStatus, Direction, Reading
from bot.kit.parsing import fingerprint_of, link, to_milliseconds
from integrations.cloudwatch.sns import SLUG, region_of
from integrations.cloudwatch.wire import AlarmMessage, DescribedAlarm, Dimension, Query, State, StateChange

_CANDIDATES = {
    "environment": "environment", "env": "environment", "stage": "environment",
    "feature": "feature", "featurename": "feature",
    "version": "model_version", "modelversion": "model_version",
    "severity": "severity",
}  # fmt: skip
"""Dimensions and tags are written as everybody likes; these labels are looked for by their names."""
_POINT = re.compile(r"\[(-?\d+(?:\.\d+)?(?:E-?\d+)?) \(")


@dataclass(frozen=True, slots=True)
class Alarm:
    """What the three ways tell alike. `at` is when the state began."""

    arn: str
    name: str
    state: State
    at: datetime
    before: str = ""
    description: str = ""
    reason: str = ""
    metric: str = ""
    namespace: str = ""
    dimensions: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    value: float | None = None
    threshold: float | None = None
    comparison: str = ""
    rule: str = ""
    muted: bool = False


# ---------------------------------------------------------------- the three ways


def from_message(message: AlarmMessage, topic: str, received_at: datetime) -> Alarm:
    """An alarm by SNS. An old one without an ARN is in its topic's region."""
    arn = message.arn or f"arn:aws:cloudwatch:{region_of(topic)}:{message.account}:alarm:{message.name}"
    point = _POINT.search(message.reason)
    return Alarm(
        arn, message.name, message.state, message.changed_at or received_at, message.before, message.description,
        message.reason, message.trigger.metric, message.trigger.namespace,
        _mapping(message.trigger.dimensions, message.trigger.metrics),
        message.tags, float(point[1]) if point else None, message.trigger.threshold, message.trigger.comparison,
        message.rule,
    )  # fmt: skip


def from_event(event: StateChange, value: float | None, threshold: float | None, received_at: datetime) -> Alarm:
    """An alarm by EventBridge; `value` and `threshold` are of its `reasonData`."""
    detail, state = event.detail, event.detail.state
    arn = next(iter(event.resources), f"arn:aws:cloudwatch:{event.region}:{event.account}:alarm:{detail.name}")
    metrics = [query.stat.metric for query in detail.configuration.metrics if query.stat is not None]
    dimensions = {key: text for metric in reversed(metrics) for key, text in metric.dimensions.items()}
    first = metrics[0] if len(metrics) == 1 else None
    return Alarm(
        arn, detail.name, state.value or State.NO_DATA, state.timestamp or event.time or received_at,
        detail.before.value or "", detail.configuration.description, state.reason, first.name if first else "",
        first.namespace if first else "", dimensions, {}, value, threshold, "", detail.configuration.rule,
        muted=bool(state.suppressed_by),
    )  # fmt: skip


def from_description(alarm: DescribedAlarm, topics: Iterable[str], now: datetime) -> Alarm:
    """An alarm that was asked for. One that notifies none of the topics tells nobody here."""
    topics = set(topics)
    told = not topics or (alarm.actions_enabled and not topics.isdisjoint(alarm.actions))
    point = _POINT.search(alarm.reason)
    return Alarm(
        alarm.arn, alarm.name, alarm.state, alarm.changed_at or alarm.updated_at or now, "", alarm.description,
        alarm.reason, alarm.metric, alarm.namespace, _mapping(alarm.dimensions, alarm.metrics), {},
        float(point[1]) if point else None, alarm.threshold, alarm.comparison, alarm.rule,
        muted=not told or bool(alarm.suppressed_by),
    )  # fmt: skip


def _mapping(dimensions: Iterable[Dimension], queries: Iterable[Query]) -> Mapping[str, str]:
    """Of metric math those of all its metrics; the first that names something wins."""
    below = [one for query in queries if query.stat is not None for one in query.stat.metric.dimensions]
    return {one.name: one.value for one in (*reversed(below), *dimensions) if one.name}


# ---------------------------------------------------------------- alerts


def told(alarm: Alarm) -> tuple[Alert, ...]:
    """What a change of state says."""
    match alarm.state:
        case State.ALARM:
            first = _alert(alarm, AlertStatus.FIRING)
        case State.OK:
            first = _alert(alarm, AlertStatus.RESOLVED)
        case State.NO_DATA:
            return (_no_data(alarm, AlertStatus.FIRING),)
    if alarm.before == State.NO_DATA:
        return first, _no_data(alarm, AlertStatus.RESOLVED)
    return (first,)


def listed(alarm: Alarm) -> tuple[Alert, ...]:
    """What an alarm that was asked for says now. Without data it is listed as muted: not told anew, and not over."""
    match alarm.state:
        case State.ALARM:
            return (_alert(alarm, AlertStatus.FIRING),)
        case State.NO_DATA:
            return _muted(_alert(alarm, AlertStatus.FIRING)), _muted(_no_data(alarm, AlertStatus.FIRING))
        case State.OK:
            return ()


def _muted(alert: Alert) -> Alert:
    return Alert(
        alert.source, alert.instance, alert.fingerprint, alert.name, alert.status, alert.starts_at, None, alert.labels,
        alert.annotations, alert.reading, None, alert.url, alert.monitoring_fault, muted=True,
    )  # fmt: skip


def _no_data(alarm: Alarm, status: AlertStatus) -> Alert:
    words = f"{alarm.name} has no data: nobody knows whether it is over. {alarm.reason}".strip()
    return _alert(alarm, status, what="no data", name=f"{alarm.name} has no data", summary=words)


def _alert(alarm: Alarm, status: AlertStatus, *, what: str = "", name: str = "", summary: str = "") -> Alert:
    at = to_milliseconds(alarm.at)
    parts = alarm.arn.split(":")
    account, region = (parts[4], parts[3]) if len(parts) >= 6 else ("", "")
    page = f"alarmsV2:alarm/{quote(alarm.name, errors='replace')}"
    texts = {"summary": summary or alarm.description or alarm.reason, "reason": alarm.reason, "rule": alarm.rule}
    return Alert(
        source=SLUG,
        instance=f"{account}/{region}",
        fingerprint=fingerprint_of({"arn": alarm.arn, **({"what": what} if what else {})}),
        name=name or alarm.name,
        status=status,
        starts_at=at,
        ends_at=at if status is AlertStatus.RESOLVED else None,
        labels=_labels(alarm, account, region),
        annotations={key: text for key, text in texts.items() if text},
        reading=_reading(alarm) if not what else None,
        url=link(f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#{page}"),
        monitoring_fault=bool(what),
        muted=alarm.muted,
    )


def _labels(alarm: Alarm, account: str, region: str) -> Mapping[str, str]:
    """Not `namespace`: by that label Kubernetes names an environment, and CloudWatch none."""
    own = {"alertname": alarm.name, "account": account, "region": region, "metric": alarm.metric}
    own["metric_namespace"] = alarm.namespace
    given = {**alarm.tags, **alarm.dimensions}
    found = {candidate: text for key, text in given.items() if (candidate := _CANDIDATES.get(key.lower()))}
    return {key: text for key, text in {**found, **given, **own}.items() if text}


def _reading(alarm: Alarm) -> Reading | None:
    if alarm.value is None and alarm.threshold is None:
        return None
    direction = Direction.BELOW if alarm.comparison.startswith("LessThan") else Direction.ABOVE
    return Reading(alarm.metric or alarm.name, alarm.value, alarm.threshold, direction)
