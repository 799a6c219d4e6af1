"""Alertmanager's deliveries become alerts, and so do its answers about what fires now, with the same identity."""

from collections.abc import Sequence

from bot.domain.alert import Alert, AlertStatus
from bot.domain.errors import Unreadable
from bot.kit.parsing import fingerprint_of, link, read
from bot.ports.clock import Clock
from bot.ports.systems import AlertSource, Delivery
from integrations.alertmanager.manifest import Settings
from integrations.alertmanager.wire import Webhook, WebhookAlert

SLUG = "alertmanager"
NAMELESS = "unnamed alert"


class Alertmanager(AlertSource):
    """Reads deliveries. Their order means nothing, and each may come again."""

    def __init__(self, settings: Settings) -> None:
        self._credentials = settings.credentials
        self._instance = settings.instance or settings.url.rstrip("/")

    def verify(self, delivery: Delivery) -> bool:
        return self._credentials.check(delivery.headers, SLUG)

    def alerts(self, delivery: Delivery) -> Sequence[Alert]:
        webhook = read(Webhook, delivery.body, SLUG)
        instance = self._instance or webhook.external_url.rstrip("/")
        return tuple(_from_webhook(alert, webhook, instance, delivery) for alert in webhook.alerts)


def _from_webhook(alert: WebhookAlert, webhook: Webhook, instance: str, delivery: Delivery) -> Alert:
    status = alert.status or webhook.status
    if status is None:
        raise Unreadable("An alert of the body says neither firing nor resolved.", system=SLUG)
    labels = {**webhook.common_labels, **webhook.group_labels, **alert.labels}
    resolved = status == "resolved"
    return Alert(
        source=SLUG,
        instance=instance,
        fingerprint=alert.fingerprint or _own_fingerprint(alert, webhook),
        name=labels.get("alertname", "") or NAMELESS,
        status=AlertStatus(status),
        starts_at=alert.starts_at or delivery.received_at,
        ends_at=(alert.ends_at or delivery.received_at) if resolved else None,
        labels=labels,
        annotations=dict(alert.annotations),
        url=link(alert.generator_url),
        truncated=webhook.truncated_alerts > 0,
    )


def _own_fingerprint(alert: WebhookAlert, webhook: Webhook) -> str:
    """Old releases send none. Common labels are left out: they change with the company that an alert is sent in."""
    labels = {**webhook.group_labels, **alert.labels}
    return fingerprint_of(labels or {"generatorURL": alert.generator_url})


def build(settings: Settings, http: object, clock: Clock) -> Alertmanager:
    """What these settings allow: with `url` it can be asked, too."""
    del http, clock
    return Alertmanager(settings)
