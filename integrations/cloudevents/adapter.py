"""Drift events become alerts: what drifted fires, what did not is resolved, both with one fingerprint."""

from collections.abc import Sequence
from datetime import datetime

from bot.domain.alert import Alert, AlertStatus, Direction, Drift, DriftKind, FeatureDrift
from bot.domain.errors import Unreadable
from bot.kit.drift import NAMES, About, about, beyond, in_words, only_drifted, worst
from bot.kit.http import HttpFactory
from bot.kit.parsing import as_text, fingerprint_of, link, read_value
from bot.ports.clock import Clock
from bot.ports.systems import AlertSource, Delivery
from integrations.cloudevents.envelope import SLUG, data, events
from integrations.cloudevents.manifest import Settings
from integrations.cloudevents.wire import DRIFT_TYPE, Alibi, AlibiData, Event, Feature, Verdict


class CloudEvents(AlertSource):
    """Reads structured, batched and binary deliveries."""

    def __init__(self, settings: Settings) -> None:
        self._credentials = settings.credentials
        self._alibi_types = settings.alibi_types

    def verify(self, delivery: Delivery) -> bool:
        return self._credentials.check(delivery.headers, SLUG)

    def alerts(self, delivery: Delivery) -> Sequence[Alert]:
        """The alerts of all readable events; a batch is a dead letter only when none of its events can be read."""
        found: list[Alert] = []
        faults: list[Unreadable] = []
        for event in events(delivery):
            try:
                found.append(self._alert(event, delivery))
            except Unreadable as error:
                faults.append(error)
        if faults and not found:
            raise faults[0]
        return tuple(found)

    def _alert(self, event: Event, delivery: Delivery) -> Alert:
        if event.type == DRIFT_TYPE:
            return _verdict(event, read_value(Verdict, data(event), SLUG), delivery)
        if event.type in self._alibi_types:
            return _alibi(event, read_value(Alibi, data(event), SLUG), delivery)
        raise Unreadable(
            f"Nothing here understands events of type {event.type[:100]}.",
            system=SLUG,
            next_step=f"Send {DRIFT_TYPE}, or add the type to alibi_types if its data is alibi-detect's.",
        )


# ---------------------------------------------------------------- our own event


def _verdict(event: Event, verdict: Verdict, delivery: Delivery) -> Alert:
    what = About(verdict.model_name, verdict.model_version, verdict.environment)
    what = what.or_else(_subject(event.subject)).or_else(about(delivery))
    features = tuple(read for feature in verdict.features if (read := _feature(feature, verdict)) is not None)
    drift = Drift(
        kind=verdict.kind,
        method=verdict.method or verdict.metric or "score",
        score=verdict.score,
        threshold=verdict.threshold,
        direction=verdict.direction,
        features=features,
        sample_size=verdict.sample_size,
        window_start=verdict.window.start,
        window_end=verdict.window.end,
        report_url=link(verdict.links.report),
    )
    more = {
        "namespace": verdict.namespace,
        "service": verdict.service,
        "metric": verdict.metric,
        "severity": verdict.severity,
        "feature": verdict.feature or only_drifted(features),
    }
    identity = {
        "kind": verdict.kind.value,
        "feature": verdict.feature,
        "metric": verdict.metric,
        "service": verdict.service,
    }
    links = {"dashboard_url": link(verdict.links.dashboard), "runbook_url": link(verdict.links.runbook)}
    texts = {"summary": verdict.summary, **links}
    status = AlertStatus(verdict.status)
    return _drift_alert(event, delivery, what, drift, status, labels=more, identity=identity, texts=texts)


def _subject(subject: str) -> About:
    """`<model>` or `<model>/<version>`."""
    model, _, version = subject.partition("/")
    return About(model, version)


def _feature(feature: Feature, verdict: Verdict) -> FeatureDrift | None:
    if feature.score is None:
        return None
    threshold = feature.threshold if feature.threshold is not None else verdict.threshold
    drifted = feature.drifted
    if drifted is None:
        drifted = threshold is not None and beyond(feature.score, threshold, verdict.direction)
    return FeatureDrift(feature.name, feature.score, threshold, drifted)


# ---------------------------------------------------------------- alibi-detect's verdict


def _alibi(event: Event, verdict: Alibi, delivery: Delivery) -> Alert:
    """A p-value is bad below the threshold; a distance, which detectors without p-values give, above it."""
    found = verdict.data
    direction = Direction.BELOW if found.p_val else Direction.ABOVE
    scores = found.p_val or found.distance
    drift = Drift(
        kind=DriftKind.DATA,
        method=verdict.meta.name or "alibi-detect",
        score=worst([score for score in scores if score is not None], direction),
        threshold=worst([limit for limit in found.threshold if limit is not None], direction),
        direction=direction,
        features=_alibi_features(found, scores, direction),
    )
    what = about(delivery)
    namespace = as_text((event.model_extra or {}).get("namespace")) or ""
    status = AlertStatus.FIRING if any(found.is_drift) else AlertStatus.RESOLVED
    return _drift_alert(event, delivery, what, drift, status, labels={"namespace": namespace}, identity={}, texts={})


def _alibi_features(found: AlibiData, scores: Sequence[float | None], direction: Direction) -> tuple[FeatureDrift, ...]:
    """Features are numbered: a verdict doesn't name them. A single score is the whole batch's."""
    features: list[FeatureDrift] = []
    for number, score in enumerate(scores if len(scores) > 1 else ()):
        threshold = (
            found.threshold[number] if len(found.threshold) == len(scores) else next(iter(found.threshold), None)
        )
        if score is None:
            continue
        if len(found.is_drift) == len(scores):
            drifted = found.is_drift[number]
        else:
            drifted = threshold is not None and beyond(score, threshold, direction)
        features.append(FeatureDrift(f"feature {number}", score, threshold, drifted))
    return tuple(features)


# ---------------------------------------------------------------- both


def _drift_alert(
    event: Event,
    delivery: Delivery,
    what: About,
    drift: Drift,
    status: AlertStatus,
    *,
    labels: dict[str, str],
    identity: dict[str, str],
    texts: dict[str, str],
) -> Alert:
    """The model's version is no part of the identity: after a rollback the other version's verdict ends the problem."""
    at: datetime = event.time or delivery.received_at
    texts = {
        **texts,
        "summary": texts.get("summary", "") or in_words(drift, what),
        "cloudevent": f"{event.source}#{event.id}",
    }
    same = {"type": event.type, "model": what.model, "environment": what.environment, **identity}
    return Alert(
        source=SLUG,
        instance=event.source,
        fingerprint=fingerprint_of({**same, "namespace": labels.get("namespace", "")}),
        name=NAMES[drift.kind],
        status=status,
        starts_at=at,
        ends_at=at if status is AlertStatus.RESOLVED else None,
        labels={**what.labels, **{name: text for name, text in labels.items() if text}},
        annotations={name: text for name, text in texts.items() if text},
        drift=drift,
        url=drift.report_url or texts.get("dashboard_url", ""),
    )


def build(settings: Settings, http: HttpFactory, clock: Clock) -> CloudEvents:
    """Nothing is asked, so nothing but the settings is needed."""
    del http, clock
    return CloudEvents(settings)
