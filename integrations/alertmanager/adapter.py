"""Alertmanager's deliveries become alerts, and so do its answers about what fires now, with the same identity.

So do its messages in a Slack channel: whole where `slack.tmpl` wrote them, else as far as its own title says it.
"""

from collections.abc import Mapping, Sequence

from bot.domain.alert import Alert, AlertStatus
from bot.domain.errors import Unreadable
from bot.kit.http import Http, HttpFactory
from bot.kit.httpauth import NO_AUTH, Auth, basic, bearer
from bot.kit.parsing import fingerprint_of, link, read, read_value, to_milliseconds
from bot.kit.told import Line, has_values, heard, hearsay_of, lines_of
from bot.ports.clock import Clock
from bot.ports.messages import ChannelMessage, Hearsay, MessageSource, Told
from bot.ports.systems import AlertPoll, AlertSource, Delivery, Health
from integrations.alertmanager.manifest import Settings
from integrations.alertmanager.wire import ApiAlert, ApiAlerts, ServerStatus, Webhook, WebhookAlert

SLUG = "alertmanager"
NAMELESS = "unnamed alert"


class Alertmanager(AlertSource, MessageSource):
    """Reads deliveries, and what it posts in channels. Their order means nothing, and each may come again."""

    def __init__(self, settings: Settings) -> None:
        self._credentials = settings.credentials
        self._instance = settings.instance or settings.url.rstrip("/")

    def verify(self, delivery: Delivery) -> bool:
        return self._credentials.check(delivery.headers, SLUG)

    def alerts(self, delivery: Delivery) -> Sequence[Alert]:
        webhook = read(Webhook, delivery.body, SLUG)
        instance = self._instance or webhook.external_url.rstrip("/")
        common = {**webhook.common_labels, **webhook.group_labels}
        return tuple(_from_webhook(alert, webhook, instance, common, delivery) for alert in webhook.alerts)

    def told_by(self, message: ChannelMessage) -> Told:
        alerts: list[Alert] = []
        hearsay: list[tuple[Hearsay, Alert]] = []
        for part in message.parts:
            lines = lines_of(part)
            if lines is not None and lines.lines:
                instance = self._instance or lines.address.rstrip("/")
                alerts += [_from_line(line, instance, truncated=lines.incomplete) for line in lines.lines]
            elif (words := hearsay_of(part)) is not None:
                instance = self._instance or link(part.link.partition("/#/")[0])
                hearsay.append((words, heard(words, part, message, SLUG, instance)))
        return Told(tuple(alerts), tuple(hearsay))

    def is_told(self, hearsay: Hearsay, alert: Alert) -> bool:
        return has_values(alert, hearsay.group)


def _from_line(line: Line, instance: str, *, truncated: bool) -> Alert:
    return Alert(
        source=SLUG,
        instance=instance,
        fingerprint=line.fingerprint,
        name=line.labels.get("alertname", "") or NAMELESS,
        status=line.status,
        starts_at=line.starts_at,
        ends_at=line.ends_at,
        labels=line.labels,
        annotations=line.annotations,
        url=line.url,
        truncated=truncated,
    )


def _from_webhook(
    alert: WebhookAlert, webhook: Webhook, instance: str, common: Mapping[str, str], delivery: Delivery
) -> Alert:
    status = alert.status or webhook.status
    if status is None:
        raise Unreadable("An alert of the body says neither firing nor resolved.", system=SLUG)
    labels = alert.labels
    if not common.keys() <= labels.keys():  # Alertmanager repeats all of them with each alert
        labels = {**common, **labels}
    resolved = status == "resolved"
    return Alert(
        source=SLUG,
        instance=instance,
        fingerprint=alert.fingerprint or _own_fingerprint(alert, webhook),
        name=labels.get("alertname", "") or NAMELESS,
        status=AlertStatus(status),
        starts_at=to_milliseconds(alert.starts_at or delivery.received_at),  # its API tells no more
        ends_at=(alert.ends_at or delivery.received_at) if resolved else None,
        labels=labels,
        annotations=alert.annotations,
        url=link(alert.generator_url),
        truncated=webhook.truncated_alerts > 0,
    )


def _own_fingerprint(alert: WebhookAlert, webhook: Webhook) -> str:
    """Old releases send none. Common labels are left out: they change with the company that an alert is sent in."""
    labels = {**webhook.group_labels, **alert.labels}
    return fingerprint_of(labels or {"generatorURL": alert.generator_url})


class PolledAlertmanager(Alertmanager, AlertPoll, Health):
    """Can be asked as well: what it says now has the identity that its deliveries have."""

    def __init__(self, settings: Settings, http: Http, clock: Clock) -> None:
        super().__init__(settings)
        self._http = http
        self._clock = clock

    async def firing(self) -> Sequence[Alert]:
        """What fires; what is silenced or inhibited is marked as muted. Raises IntegrationErrors."""
        wanted = {"active": True, "silenced": True, "inhibited": True, "unprocessed": True}
        answer = read_value(ApiAlerts, await self._http.get_json("/api/v2/alerts", wanted), SLUG)
        return tuple(self._from_api(alert) for alert in answer.root)

    def _from_api(self, alert: ApiAlert) -> Alert:
        return Alert(
            source=SLUG,
            instance=self._instance,
            fingerprint=alert.fingerprint,
            name=alert.labels.get("alertname", "") or NAMELESS,
            status=AlertStatus.FIRING,
            starts_at=to_milliseconds(alert.starts_at or self._clock.now()),
            labels=dict(alert.labels),
            annotations=dict(alert.annotations),
            url=link(alert.generator_url),
            muted=alert.status.state == "suppressed",
        )

    async def probe(self) -> str:
        """Its release, and how much fires."""
        status = read_value(ServerStatus, await self._http.get_json("/api/v2/status"), SLUG)
        count = len(await self.firing())
        return f"Alertmanager {status.version_info.version[:40]}, {count} alerts fire"


def build(settings: Settings, http: HttpFactory, clock: Clock) -> Alertmanager:
    """What these settings allow: with `url` it can be asked, too."""
    if not settings.url:
        return Alertmanager(settings)
    return PolledAlertmanager(settings, http(settings.url, system=SLUG, auth=_auth(settings)), clock)


def _auth(settings: Settings) -> Auth:
    if settings.api_token is not None:
        return bearer(settings.api_token)
    if settings.api_password is not None:
        return basic(settings.api_user, settings.api_password)
    return NO_AUTH
