"""Grafana's deliveries become alerts, and so do its answers about what fires now, with the same identity.

So do its messages in a Slack channel: whole where `slack.tmpl` wrote them, else as far as its own words say it.
"""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from bot.domain.alert import Alert, AlertStatus, Reading
from bot.domain.errors import Forged, Unreadable
from bot.kit.http import Http, HttpFactory
from bot.kit.httpauth import bearer
from bot.kit.parsing import fingerprint_of, link, read_json, read_value, to_milliseconds
from bot.kit.signatures import fresh, hmac_sha256, same
from bot.kit.told import Line, has_values, lines_of
from bot.ports.clock import Clock
from bot.ports.messages import ChannelMessage, Hearsay, MessageSource, Told
from bot.ports.systems import AlertPoll, AlertSource, Delivery, Health
from integrations.grafana import messages
from integrations.grafana.manifest import Settings
from integrations.grafana.wire import (
    ApiAlert,
    ApiAlerts,
    Legacy,
    LegacyState,
    MeasuredValues,
    ServerHealth,
    Webhook,
    WebhookAlert,
)

SLUG = "grafana"
NAMELESS = "unnamed alert"
FAULT_NAMES = ("DatasourceNoData", "DatasourceError")
"""How Grafana calls the alerts that it raises when a rule has no data or fails."""
TEST_NAME = "TestAlert"
"""How Grafana calls the alert of a contact point's Test button."""

_METRIC_NAME = re.compile(r"__name__=([A-Za-z_:][A-Za-z0-9_:]{0,99})")


class Grafana(AlertSource, MessageSource):
    """Reads deliveries of unified and of the old alerting, posted or put, and what it posts in channels."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._instance = settings.instance or settings.url.rstrip("/")

    def verify(self, delivery: Delivery) -> bool:
        """Every check that is configured must pass: the signature, and the Authorization header."""
        known_sender = self._settings.credentials.check(delivery.headers, SLUG)
        return self._signed(delivery) or known_sender

    def _signed(self, delivery: Delivery) -> bool:
        """Hex HMAC-SHA256 over the body, or over `<Unix seconds>:<body>` where a timestamp header is configured."""
        secret = self._settings.hmac_secret
        if secret is None:
            return False
        message = delivery.body
        if self._settings.timestamp_header:
            seconds = delivery.headers.get(self._settings.timestamp_header.lower(), "")
            if not fresh(seconds, delivery.received_at):
                raise Forged("A delivery's signed time is missing, or more than five minutes from ours.", system=SLUG)
            message = seconds.encode() + b":" + message
        given = delivery.headers.get(self._settings.signature_header.lower(), "")
        if not same(given.strip().lower(), hmac_sha256(secret, message).hex()):
            raise Forged("A delivery's signature does not fit the HMAC secret.", system=SLUG)
        return True

    def alerts(self, delivery: Delivery) -> Sequence[Alert]:
        body = read_json(delivery.body, SLUG)
        if not isinstance(body, dict):
            raise Unreadable("The body is JSON, but no delivery of Grafana.", system=SLUG)
        if "alerts" in body:
            webhook = read_value(Webhook, body, SLUG)
            instance = self._instance or webhook.external_url.rstrip("/")
            return tuple(_unified(alert, webhook, instance, delivery) for alert in webhook.alerts)
        if "state" in body:
            return _legacy(read_value(Legacy, body, SLUG), self._instance, delivery)
        raise Unreadable(
            "The body names neither alerts nor a state: a test message, or a template of somebody's own.", system=SLUG
        )

    def told_by(self, message: ChannelMessage) -> Told:
        alerts: list[Alert] = []
        hearsay: list[tuple[Hearsay, Alert]] = []
        for part in message.parts:
            lines = lines_of(part)
            if lines is not None and lines.lines:
                webhook = Webhook(alerts=(), external_url=lines.address, truncated_alerts=int(lines.incomplete))
                instance = self._instance or lines.address.rstrip("/")
                alerts += [_from_line(line, webhook, instance, message) for line in lines.lines]
            else:
                hearsay += messages.hearsay(part, message, SLUG, self._instance or _site(part.link))
        return Told(tuple(alerts), tuple(hearsay))

    def is_told(self, hearsay: Hearsay, alert: Alert) -> bool:
        if hearsay.labels:
            return alert.labels.items() == hearsay.labels.items()
        return has_values(alert, hearsay.group)


# ---------------------------------------------------------------- unified alerting


def _from_line(line: Line, webhook: Webhook, instance: str, message: ChannelMessage) -> Alert:
    """A line of a message holds what a delivery would."""
    annotations = dict(line.annotations)
    values = {name: number for name, text in line.values.items() if (number := _number(text)) is not None}
    alert = WebhookAlert(
        status=line.status.value, labels=line.labels, starts_at=line.starts_at, ends_at=line.ends_at,
        generator_url=line.url, fingerprint=line.fingerprint, value_string=annotations.pop("value_string", ""),
        dashboard_url=annotations.pop("dashboard_url", ""), panel_url=annotations.pop("panel_url", ""),
        annotations=annotations, values=values,
    )  # fmt: skip
    return _unified(alert, webhook, instance, Delivery(b"", {}, message.said_at, {}))


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _unified(alert: WebhookAlert, webhook: Webhook, instance: str, delivery: Delivery) -> Alert:
    status = alert.status or webhook.status
    if status is None:
        raise Unreadable("An alert of the body says neither firing nor resolved.", system=SLUG)
    labels = {**webhook.common_labels, **webhook.group_labels, **alert.labels}
    name = labels.get("alertname", "") or NAMELESS
    if name == TEST_NAME:
        labels.setdefault("severity", "info")  # a press of the Test button wakes nobody
    resolved = status == "resolved"
    return Alert(
        source=SLUG,
        instance=instance,
        fingerprint=alert.fingerprint or _own_fingerprint(alert, webhook),
        name=name,
        status=AlertStatus(status),
        starts_at=to_milliseconds(alert.starts_at or delivery.received_at),  # its API tells no more
        ends_at=(alert.ends_at or delivery.received_at) if resolved else None,
        labels=labels,
        annotations=_annotations(alert),
        reading=_reading(alert.values, alert.value_string, name, alert.annotations),
        url=link(alert.generator_url) or link(alert.panel_url),
        monitoring_fault=_is_fault(name, alert.annotations),
        truncated=(webhook.truncated_alerts or 0) > 0,
    )


def _own_fingerprint(alert: WebhookAlert, webhook: Webhook) -> str:
    """Old bodies send none. Common labels are left out: they change with the company that an alert is sent in."""
    labels = {**webhook.group_labels, **alert.labels}
    return fingerprint_of(labels or {"generatorURL": alert.generator_url})


def _annotations(alert: WebhookAlert) -> Mapping[str, str]:
    """The rule's annotations, and the links that Grafana sends beside them under names that people use for them."""
    links = {
        "dashboard_url": link(alert.dashboard_url),
        "panel_url": link(alert.panel_url),
        "silence_url": link(alert.silence_url),
        "image_url": link(alert.image_url),
        "value_string": alert.value_string,
    }
    return {**{name: text for name, text in links.items() if text}, **alert.annotations}


def _is_fault(name: str, annotations: Mapping[str, str]) -> bool:
    reason = annotations.get("grafana_state_reason", "")
    return name in FAULT_NAMES or reason.startswith(("NoData", "Error"))


def _reading(
    values: Mapping[str, float | None], value_string: str, name: str, annotations: Mapping[str, str]
) -> Reading | None:
    """The measured number of a rule: by Grafana's habit the first of its letters; the last is the condition, 0 or 1."""
    value = values[min(values)] if values else None
    if value is None:
        return None
    metric = _METRIC_NAME.search(value_string[:10_000])
    return Reading(metric.group(1) if metric else name, value, _threshold(annotations))


def _threshold(annotations: Mapping[str, str]) -> float | None:
    """Deliveries name no threshold; rules that want one shown say it in an annotation."""
    text = annotations.get("threshold", "").strip()[:40]
    return float(text) if re.fullmatch(r"-?\d+(\.\d+)?([eE][-+]?\d{1,2})?", text, re.ASCII) else None


# ---------------------------------------------------------------- the old alerting


def _legacy(body: Legacy, instance: str, delivery: Delivery) -> tuple[Alert, ...]:
    match body.state:
        case LegacyState.ALERTING | LegacyState.NO_DATA:
            status = AlertStatus.FIRING
        case LegacyState.OK:
            status = AlertStatus.RESOLVED
        case LegacyState.PENDING | LegacyState.PAUSED | LegacyState.UNKNOWN:
            return ()
    name = body.rule_name or body.title or NAMELESS
    texts = {"title": body.title, "message": body.message, "image_url": link(body.image_url)}
    first = body.matches[0] if body.matches else None
    return (
        Alert(
            source=SLUG,
            instance=instance or _site(body.rule_url),
            fingerprint=_legacy_fingerprint(body, name),
            name=name,
            status=status,
            starts_at=delivery.received_at,
            ends_at=delivery.received_at if status is AlertStatus.RESOLVED else None,
            labels={**_shared_tags(body), **body.tags},
            annotations={key: text for key, text in texts.items() if text},
            reading=Reading(first.metric or name, first.value) if first else None,
            url=link(body.rule_url),
            monitoring_fault=body.state is LegacyState.NO_DATA,
        ),
    )


def _legacy_fingerprint(body: Legacy, name: str) -> str:
    """A rule has one state, so the rule is the identity; one without a number is known by its name."""
    rule = {"org": body.org_id, "rule": body.rule_id or name, "dashboard": body.dashboard_id, "panel": body.panel_id}
    return fingerprint_of(rule)


def _shared_tags(body: Legacy) -> Mapping[str, str]:
    """The tags on which all series agree that broke the condition; `__name__` is the metric, not a label."""
    if not body.matches:
        return {}
    shared = set(body.matches[0].tags.items())
    for match in body.matches[1:]:
        shared &= set(match.tags.items())
    return {key: value for key, value in sorted(shared) if key != "__name__"}


def _site(url: str) -> str:
    if not link(url):
        return ""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


# ---------------------------------------------------------------- asking


class PolledGrafana(Grafana, AlertPoll, Health):
    """Can be asked as well: what it says now has the identity that its deliveries have."""

    def __init__(self, settings: Settings, http: Http, clock: Clock) -> None:
        super().__init__(settings)
        self._http = http
        self._clock = clock

    async def firing(self) -> Sequence[Alert]:
        """What fires; what is silenced or inhibited is marked as muted. Raises IntegrationErrors."""
        wanted = {"active": True, "silenced": True, "inhibited": True}
        answer = await self._http.get_json("/api/alertmanager/grafana/api/v2/alerts", wanted)
        alerts = read_value(ApiAlerts, answer, SLUG).root
        return tuple(self._from_api(alert) for alert in alerts)

    def _from_api(self, alert: ApiAlert) -> Alert:
        labels, annotations = _public(alert.labels), _public(alert.annotations)
        name = labels.get("alertname", "") or NAMELESS
        value_string = alert.annotations.get("__value_string__", "")
        return Alert(
            source=SLUG,
            instance=self._instance,
            fingerprint=alert.fingerprint,
            name=name,
            status=AlertStatus.FIRING,
            starts_at=to_milliseconds(alert.starts_at or self._clock.now()),
            labels=labels,
            annotations=annotations,
            reading=_reading(_values(alert.annotations), value_string, name, annotations),
            url=link(alert.generator_url),
            monitoring_fault=_is_fault(name, annotations),
            muted=alert.status.state == "suppressed",
        )

    async def probe(self) -> str:
        """Its release, and how much fires."""
        health = read_value(ServerHealth, await self._http.get_json("/api/health"), SLUG)
        count = len(await self.firing())
        return f"Grafana {health.version[:40] or '(release not told)'}, {count} alerts fire"


def _public(texts: Mapping[str, str]) -> Mapping[str, str]:
    """Deliveries leave out what is named `__x__`; so do we, or the two would differ."""
    return {name: text for name, text in texts.items() if not (name.startswith("__") and name.endswith("__"))}


def _values(annotations: Mapping[str, str]) -> Mapping[str, float | None]:
    try:
        return read_value(MeasuredValues, {"values": read_json(annotations.get("__values__", "{}"), SLUG)}, SLUG).values
    except Unreadable:
        return {}


def build(settings: Settings, http: HttpFactory, clock: Clock) -> Grafana:
    """What these settings allow: with `url` and `token` it can be asked, too."""
    if not settings.url or settings.token is None:
        return Grafana(settings)
    return PolledGrafana(settings, http(settings.url, system=SLUG, auth=bearer(settings.token)), clock)
