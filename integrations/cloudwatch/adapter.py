"""CloudWatch's alarms become alerts: delivered by SNS or EventBridge, and asked for."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from bot.domain.alert import Alert, AlertStatus
from bot.domain.errors import Forged, Unreachable, Unreadable
from bot.kit.http import HttpFactory
from bot.kit.parsing import read, read_json, read_value
from bot.ports.clock import Clock
from bot.ports.systems import AlertPoll, AlertSource, Delivery, Health
from integrations.cloudwatch.alarms import from_description, from_event, from_message, listed, told
from integrations.cloudwatch.api import Aws
from integrations.cloudwatch.manifest import Settings
from integrations.cloudwatch.sns import SLUG, certificate_place, check_signature
from integrations.cloudwatch.wire import AlarmMessage, Envelope, Event, ReasonData, State, StateChange

BY_SNS = "x-amz-sns-message-type"
STATE_CHANGE = "CloudWatch Alarm State Change"
SAYS_NOTHING = ("CloudWatch Alarm Configuration Change", "CloudWatch Alarm Contributor State Change")
FETCHES = 10
"""Certificates that are fetched in a minute at most: anybody can send something that names one."""
MINUTE = timedelta(minutes=1)


class CloudWatch(AlertSource):
    """Reads what SNS and EventBridge deliver."""

    def __init__(self, settings: Settings, aws: Aws) -> None:
        self._settings = settings
        self._topics = frozenset(settings.topic_arns)
        self._aws = aws
        self._fetching = asyncio.Lock()
        self._fetched: list[datetime] = []

    # ------------------------------------------------------------ authenticity

    async def prepare(self, delivery: Delivery) -> None:
        """Fetch the certificate that a message names, where it is one of AWS's for one of our topics.

        Raises Forged for any other, IntegrationErrors when it can't be had.
        """
        if not self._is_signed(delivery):
            return
        envelope = self._envelope(delivery)
        server, path = certificate_place(envelope.signing_cert_url, envelope.topic_arn, self._aws.endpoint)
        async with self._fetching:
            if self._aws.certificate(envelope.signing_cert_url) is not None:
                return
            self._fetched = [at for at in self._fetched if delivery.received_at - at < MINUTE]
            if len(self._fetched) >= FETCHES:
                raise Unreachable("Too many certificates of SNS were fetched lately.", system=SLUG)
            self._fetched.append(delivery.received_at)
            await self._aws.fetch_certificate(envelope.signing_cert_url, server, path)

    def verify(self, delivery: Delivery) -> bool:
        if not self._is_signed(delivery):
            return self._settings.credentials.check(delivery.headers, SLUG)
        envelope = self._envelope(delivery)
        certificate = self._aws.certificate(envelope.signing_cert_url)
        if certificate is None:
            raise Forged("A message in the name of SNS names a certificate that was not fetched.", system=SLUG)
        check_signature(envelope, certificate, by_aws=not self._aws.endpoint, now=delivery.received_at)
        return True

    def _is_signed(self, delivery: Delivery) -> bool:
        """Whether it comes from SNS and topics are configured: then only AWS's signature counts."""
        return bool(self._topics) and BY_SNS in delivery.headers

    def _envelope(self, delivery: Delivery) -> Envelope:
        """A signed message of one of our topics. Raises Forged."""
        try:
            envelope = read(Envelope, delivery.body, SLUG)
        except Unreadable:
            raise Forged("A delivery in the name of SNS is no message of SNS.", system=SLUG) from None
        if envelope.topic_arn not in self._topics:
            raise Forged("A message of SNS is of a topic that is not in topic_arns.", system=SLUG)
        return envelope

    # ------------------------------------------------------------ the handshake

    async def handshake(self, delivery: Delivery) -> None:
        """Confirm the subscription to one of our topics. Raises IntegrationErrors; SNS then asks again."""
        if not self._is_signed(delivery):
            return
        envelope = self._envelope(delivery)
        if envelope.type == "SubscriptionConfirmation":
            await self._aws.confirm(envelope)

    # ------------------------------------------------------------ what it says

    def alerts(self, delivery: Delivery) -> Sequence[Alert]:
        """The alarm's alerts; none of what is no change of an alarm's state."""
        body = read_json(delivery.body, SLUG)
        if isinstance(body, dict) and "Type" in body:
            return self._of_sns(read_value(Envelope, body, SLUG), delivery.received_at)
        if isinstance(body, dict) and "detail-type" in body:
            return self._of_event(body, delivery.received_at)
        # Raw delivery of SNS: the message without its envelope.
        return self._of_message(read_value(AlarmMessage, body, SLUG), "", delivery.received_at)

    def _of_sns(self, envelope: Envelope, received_at: datetime) -> Sequence[Alert]:
        if envelope.type == "SubscriptionConfirmation":
            if envelope.topic_arn in self._topics:
                return ()
            raise Unreadable(
                f"{envelope.topic_arn[:200]} asks whether it may deliver here.", system=SLUG,
                not_done="Its subscription was not confirmed.", next_step="Add it to topic_arns if it may.",
            )  # fmt: skip
        if envelope.type == "UnsubscribeConfirmation":
            raise Unreadable(
                f"Somebody has ended the subscription of this bot to {envelope.topic_arn[:200]}.", system=SLUG,
                not_done="It delivers nothing any more.", next_step="Subscribe again if that was not meant.",
            )  # fmt: skip
        message = read(AlarmMessage, envelope.message.encode(), SLUG)
        return self._of_message(message, envelope.topic_arn, received_at)

    def _of_message(self, message: AlarmMessage, topic: str, received_at: datetime) -> Sequence[Alert]:
        return self._ours(told(from_message(message, topic, received_at)), message.name)

    def _of_event(self, body: object, received_at: datetime) -> Sequence[Alert]:
        kind = read_value(Event, body, SLUG).detail_type
        if kind in SAYS_NOTHING:
            return ()
        if kind != STATE_CHANGE:
            raise Unreadable(f"Nothing here understands events of type {kind[:100]}.", system=SLUG)
        event = read_value(StateChange, body, SLUG)
        detail = event.detail
        if detail.state.value is State.NO_DATA and detail.before.value is not State.ALARM:
            return ()  # a sparse metric between two points, or an alarm that was just made
        alarm = from_event(event, *_measured(detail.state.reason_data), received_at)
        if alarm.muted and alarm.state is not State.OK:
            return ()
        return self._ours(told(alarm), detail.name)

    def _ours(self, alerts: Iterable[Alert], alarm: str) -> Sequence[Alert]:
        return tuple(alerts) if alarm.startswith(self._settings.alarm_prefix) else ()


def _measured(reason: str) -> tuple[float | None, float | None]:
    """The newest point and the threshold."""
    try:
        data = read_value(ReasonData, read_json(reason or "{}", SLUG), SLUG)
    except Unreadable:
        return None, None
    points = [point for point in data.datapoints if point is not None]
    return (points[-1] if points else None), data.threshold


# ---------------------------------------------------------------- asking


class PolledCloudWatch(CloudWatch, AlertPoll, Health):
    """Can be asked as well."""

    def __init__(self, settings: Settings, aws: Aws, clock: Clock) -> None:
        super().__init__(settings, aws)
        self._clock = clock

    async def firing(self) -> Sequence[Alert]:
        """What is in ALARM; muted is what notifies none of the topics, is suppressed, or has no data any more."""
        now = self._clock.now()
        alarms = [from_description(one, self._topics, now) for one in await self._aws.not_ok()]
        return tuple(alert for alarm in alarms for alert in listed(alarm))

    async def probe(self) -> str:
        """How much is in ALARM where."""
        count = sum(not alert.muted and alert.status is AlertStatus.FIRING for alert in await self.firing())
        return f"CloudWatch in {', '.join(self._settings.asked_regions)}, {count} alarms are in ALARM"


def build(settings: Settings, http: HttpFactory, clock: Clock) -> CloudWatch:
    """What these settings allow: with credentials it can be asked, too."""
    aws = Aws(settings, http, clock)
    return CloudWatch(settings, aws) if aws.key is None else PolledCloudWatch(settings, aws, clock)
