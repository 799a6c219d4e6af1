"""The figures of the HTTP side, in a registry of their own."""

from dataclasses import dataclass
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder

from bot.usecases.fold import Receipt

OPEN_METRICS = "application/openmetrics-text"
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


EFFECTS = ("opened", "joined", "refreshed", "resolved", "ignored")


@dataclass(frozen=True, slots=True)
class _OfIntegration:
    """Figures of one integration, found once: looking them up by their labels is dear."""

    taken: Counter
    effects: tuple[tuple[str, Counter], ...]
    seconds: Histogram


class WebMetrics:
    """Counts deliveries and what came of them. Labels are slugs of connected integrations, never what was sent."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self._mine: dict[str, _OfIntegration] = {}
        self._deliveries = Counter(
            "mlops_bot_deliveries", "Deliveries by integration and outcome.", ("integration", "outcome"),
            registry=self.registry,
        )  # fmt: skip
        self._alerts = Counter(
            "mlops_bot_alerts", "Alerts of deliveries by what they did.", ("integration", "effect"),
            registry=self.registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "mlops_bot_ingest_seconds", "From a delivery's last byte to its commit.", ("integration",),
            buckets=_BUCKETS, registry=self.registry,
        )  # fmt: skip
        self._errors = Counter("mlops_bot_http_errors", "Requests that met a fault of ours.", registry=self.registry)
        self.live_incidents = Gauge(
            "mlops_bot_live_incidents", "Incidents that are open, acknowledged or mitigated.", registry=self.registry
        )
        self.posts_waiting = Gauge(
            "mlops_bot_posts_waiting", "Messages that Slack should show and doesn't yet.", registry=self.registry
        )

        self._loops = Gauge(
            "mlops_bot_last_loop_timestamp_seconds", "When a job last came to a good end, in Unix seconds.", ("job",),
            registry=self.registry,
        )  # fmt: skip

    def loop(self, job: str, at: datetime) -> None:
        """A job of the bot came to a good end."""
        self._loops.labels(job).set(at.timestamp())

    def delivery(self, integration: str, outcome: str) -> None:
        """One delivery: `taken`, `dead letter`, `put off`, or why it was refused."""
        self._deliveries.labels(integration, outcome).inc()

    def taken(self, integration: str, receipt: Receipt, seconds: float) -> None:
        """A delivery that was committed."""
        mine = self._mine.get(integration) or self._make(integration)
        mine.taken.inc()
        for effect, counter in mine.effects:
            count = getattr(receipt, effect)
            if count:
                counter.inc(count)
        mine.seconds.observe(max(seconds, 0.0))

    def _make(self, integration: str) -> "_OfIntegration":
        made = self._mine[integration] = _OfIntegration(
            taken=self._deliveries.labels(integration, "taken"),
            effects=tuple((effect, self._alerts.labels(integration, effect)) for effect in EFFECTS),
            seconds=self._seconds.labels(integration),
        )
        return made

    def error(self) -> None:
        """A request ended in a fault of ours."""
        self._errors.inc()

    def text(self, accept: str = "") -> tuple[bytes, str]:
        """Everything, and its content type: OpenMetrics, or the older format for who takes nothing but plain text."""
        plain = "text/plain" in accept and not any(kind in accept for kind in (OPEN_METRICS, "*/*"))
        # The header itself is not handed on: the library fails on versions that are none.
        encode, content_type = choose_encoder("text/plain" if plain else OPEN_METRICS)
        return encode(self.registry), content_type
