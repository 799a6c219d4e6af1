"""A drift report becomes one alert: firing when something drifted, resolved when nothing did, with one fingerprint."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.domain.alert import Alert, AlertStatus, Direction, Drift, DriftKind, FeatureDrift
from bot.domain.errors import Unreadable
from bot.kit.drift import NAMES, About, about, in_words, only_drifted
from bot.kit.http import HttpFactory
from bot.kit.parsing import Moment, Wire, fingerprint_of, link, read_json, read_value
from bot.ports.clock import Clock
from bot.ports.systems import AlertSource, Delivery
from integrations.evidently.manifest import FireOn, Settings
from integrations.evidently.verdict import Verdict, verdict_of
from integrations.evidently.wire import Dump, Report

SLUG = "evidently"


class Evidently(AlertSource):
    """Reads what `Snapshot.json()` or `Snapshot.dump_dict()` gave."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def verify(self, delivery: Delivery) -> bool:
        return self._settings.credentials.check(delivery.headers, SLUG)

    def alerts(self, delivery: Delivery) -> Sequence[Alert]:
        body = read_json(delivery.body, SLUG)
        if not isinstance(body, dict) or not ({"metrics", "metric_results"} & body.keys()):
            raise Unreadable(
                "The body is no report of Evidently 0.7: it has neither metrics nor metric_results.", system=SLUG
            )
        dump = read_value(Dump, body, SLUG) if "metric_results" in body else None
        report = dump.as_report if dump is not None else read_value(Report, body, SLUG)
        verdict = verdict_of(report)
        if verdict is None:
            raise Unreadable(
                "The report holds no drift metric: neither ValueDrift nor DriftedColumnsCount.", system=SLUG
            )
        what = about(delivery) if dump is None else about(delivery).or_else(_recorded(dump))
        at = _time(delivery, dump)
        return (self._alert(verdict, what, at, delivery),)

    def _alert(self, verdict: Verdict, what: About, at: datetime, delivery: Delivery) -> Alert:
        fires = self._fires(verdict)
        kind = self._kind(verdict)
        drift = _drift(verdict, kind, delivery, fires=fires)
        monitor = _told(delivery, "monitor")
        labels = {**what.labels, "feature": only_drifted(drift.features), "monitor": monitor}
        if fires and verdict.dataset_drifted is False:
            labels["severity"] = "info"
        return Alert(
            source=SLUG,
            instance=monitor,
            fingerprint=fingerprint_of({"model": what.model, "environment": what.environment, "monitor": monitor}),
            name=NAMES[kind],
            status=AlertStatus.FIRING if fires else AlertStatus.RESOLVED,
            starts_at=at,
            ends_at=None if fires else at,
            labels={name: text for name, text in labels.items() if text},
            annotations={"summary": _summary(verdict, drift, what)},
            drift=drift,
            url=drift.report_url,
        )

    def _fires(self, verdict: Verdict) -> bool:
        if verdict.dataset_drifted is not None and self._settings.fire_on is FireOn.DATASET:
            return verdict.dataset_drifted
        return bool(verdict.dataset_drifted or verdict.drifted)

    def _kind(self, verdict: Verdict) -> DriftKind:
        moved = {column.name for column in verdict.drifted}
        only_predictions = bool(moved) and moved <= set(self._settings.prediction_columns)
        return DriftKind.PREDICTION if only_predictions else DriftKind.DATA


# ---------------------------------------------------------------- the verdict as a value


def _drift(verdict: Verdict, kind: DriftKind, delivery: Delivery, *, fires: bool) -> Drift:
    """The number shown is the one that decided: the share of drifted columns, or the worst column's score."""
    features = tuple(
        FeatureDrift(column.name, column.score, column.threshold, bool(column.drifted))
        for column in verdict.columns
        if column.score is not None
    )
    method, score, threshold, direction = _deciding(verdict, fires=fires)
    window = _Window.told(delivery)
    return Drift(
        kind=kind,
        method=method,
        score=score,
        threshold=threshold,
        direction=direction,
        features=features,
        sample_size=verdict.rows if verdict.rows is not None else window.sample_size,
        window_start=window.window_start,
        window_end=window.window_end,
        report_url=link(_told(delivery, "report_url")),
    )


def _deciding(verdict: Verdict, *, fires: bool) -> tuple[str, float | None, float | None, Direction]:
    by_columns = fires and not verdict.dataset_drifted
    if verdict.share is not None and not by_columns:
        return "share of drifted columns", verdict.share, verdict.limit, Direction.ABOVE
    candidates = verdict.drifted or tuple(sorted(verdict.columns, key=lambda column: -column.excess))
    if not candidates:
        return "drift", None, None, Direction.ABOVE
    first = candidates[0]
    return first.method or "drift score", first.score, first.threshold, first.direction


def _summary(verdict: Verdict, drift: Drift, what: About) -> str:
    text = in_words(drift, what)
    if verdict.dataset_drifted is False and verdict.drifted:
        text += f"; {len(verdict.drifted)} of {len(verdict.columns)} columns, too few for the dataset as a whole"
    return text


# ---------------------------------------------------------------- what the request and the dump add


class _Window(Wire):
    """What a report can't say and the job may add to its request."""

    sample_size: int | None = None
    window_start: Moment = None
    window_end: Moment = None
    timestamp: Moment = None

    @classmethod
    def told(cls, delivery: Delivery) -> "_Window":
        """Read the request. Raises Unreadable for a time that is none."""
        return read_value(cls, {name: text for name in cls.model_fields if (text := _told(delivery, name))}, SLUG)


def _told(delivery: Delivery, name: str) -> str:
    """`?report_url=…` or `X-Report-Url: …`."""
    header = f"x-{name.replace('_', '-')}"
    return delivery.query.get(name, "").strip() or delivery.headers.get(header, "").strip()


def _time(delivery: Delivery, dump: Dump | None) -> datetime:
    told = _Window.told(delivery).timestamp
    recorded = dump.timestamp if dump is not None else None
    return told or recorded or delivery.received_at


def _recorded(dump: Dump) -> About:
    """What the job wrote into metadata or into tags of the form `name=value` or `name:value`."""
    tags = dict(tag.replace(":", "=", 1).split("=", 1) for tag in dump.tags if "=" in tag or ":" in tag)
    return About(
        _first(dump.metadata, tags, "model_name", "model"),
        _first(dump.metadata, tags, "model_version", "version"),
        _first(dump.metadata, tags, "environment", "env"),
    )


def _first(metadata: Mapping[str, str], tags: Mapping[str, str], *names: str) -> str:
    return next(
        (text.strip() for place in (metadata, tags) for name in names if (text := place.get(name, "")).strip()), ""
    )


def build(settings: Settings, http: HttpFactory, clock: Clock) -> Evidently:
    """Nothing is asked, so nothing but the settings is needed."""
    del http, clock
    return Evidently(settings)
