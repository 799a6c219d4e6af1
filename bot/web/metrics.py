"""The figures of the HTTP side, in a registry of their own."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest

from bot.usecases.ingest import Receipt

CONTENT_TYPE = CONTENT_TYPE_LATEST
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class WebMetrics:
    """Counts deliveries and what came of them. Labels are slugs of connected integrations, never what was sent."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
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

    def delivery(self, integration: str, outcome: str) -> None:
        """One delivery: `taken`, `dead letter`, `forged`, `unauthorized`, `too large`, `cut off`, `put off`."""
        self._deliveries.labels(integration, outcome).inc()

    def taken(self, integration: str, receipt: Receipt, seconds: float) -> None:
        """A delivery that was committed."""
        self.delivery(integration, "taken")
        for effect in ("opened", "joined", "refreshed", "resolved", "ignored"):
            self._alerts.labels(integration, effect).inc(getattr(receipt, effect))
        self._seconds.labels(integration).observe(max(seconds, 0.0))

    def error(self) -> None:
        """A request ended in a fault of ours."""
        self._errors.inc()

    def text(self) -> bytes:
        """Everything in OpenMetrics' text format."""
        return generate_latest(self.registry)
