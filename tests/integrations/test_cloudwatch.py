"""CloudWatch: which messages of SNS are AWS's, what the three ways tell, and what nobody can make the bot do."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from pydantic import SecretStr, ValidationError

from bot.domain.alert import Alert, AlertStatus, Direction, Reading
from bot.domain.errors import Forged, IntegrationError, Unauthorized, Unreachable, Unreadable
from bot.ports.systems import Delivery
from integrations.cloudwatch.adapter import CloudWatch, PolledCloudWatch, build
from integrations.cloudwatch.manifest import Settings
from integrations.cloudwatch.sns import certificate_place, host_of
from tests.fakes.clock import FakeClock
from tests.integrations.deliveries import NOW, delivery, load
from tests.integrations.folders import clients

TOPIC = "arn:aws:sns:eu-west-1:123456789012:ml-alarms"
OTHER = "arn:aws:sns:eu-west-1:123456789012:others"
CERTIFICATE = f"https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-{'0a' * 16}.pem"
SNS = {"x-amz-sns-message-type": "Notification"}
SECRET = "secret-of-this-test"
PLAIN = build(Settings(), clients(lambda _: httpx.Response(500)), FakeClock())
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate(name: str = "sns.amazonaws.com", issuer: str = "Amazon", *, days: int = 30) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else [])
    by = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, issuer)])
    built = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(by).public_key(KEY.public_key())
        .serial_number(1).not_valid_before(NOW - timedelta(days=60)).not_valid_after(NOW + timedelta(days=days))
    )  # fmt: skip
    return built.sign(KEY, SHA256()).public_bytes(Encoding.PEM)


ALARM = {
    "AlarmName": "FraudDrift", "AlarmArn": "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:FraudDrift",
    "NewStateValue": "ALARM", "OldStateValue": "OK", "StateChangeTime": "2026-11-23T03:09:00.000+0000",
}  # fmt: skip


def signed(version: str = "2", *, change: Mapping[str, object] | None = None, **fields: str | None) -> Delivery:
    """A message of SNS as AWS signs it; `change` is done to it afterwards."""
    body: dict[str, object] = {
        "Type": "Notification", "MessageId": "1", "TopicArn": TOPIC, "Message": json.dumps(ALARM), "Subject": "An alarm",
        "Timestamp": NOW.strftime("%Y-%m-%dT%H:%M:%S.000Z"), "SignatureVersion": version, "SigningCertURL": CERTIFICATE,
    } | fields  # fmt: skip
    body = {name: value for name, value in body.items() if value is not None}
    names = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
    if body["Type"] != "Notification":
        names = ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    text = "".join(f"{name}\n{body[name]}\n" for name in names if name in body)
    digest = SHA1() if version == "1" else SHA256()
    body["Signature"] = base64.b64encode(KEY.sign(text.encode(), padding.PKCS1v15(), digest)).decode()
    return delivery(body | dict(change or {}), headers=SNS | {"x-amz-sns-message-type": str(body["Type"])})


class Amazon:
    """Gives its certificate, and confirms subscriptions."""

    def __init__(self) -> None:
        self.pem = certificate()
        self.asked: list[httpx.Request] = []
        self.confirmation = "<SubscriptionArn>arn</SubscriptionArn>"
        self.down = False

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if self.down:
            raise httpx.ConnectError("refused")
        if request.url.path.endswith(".pem"):
            return httpx.Response(200, content=self.pem)
        return httpx.Response(200, text=self.confirmation)

    def adapter(self, **more: object) -> CloudWatch:
        settings = Settings.model_validate({"topic_arns": [TOPIC], **more})
        return build(settings, clients(self.answer), FakeClock())


@pytest.fixture
def amazon() -> Amazon:
    return Amazon()


async def judged(source: CloudWatch, request: Delivery) -> bool:
    await source.prepare(request)
    return source.verify(request)


# ---------------------------------------------------------------- the signature


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("subject", ["An alarm", None])
async def test_what_amazon_has_signed_is_authentic(amazon: Amazon, version: str, subject: str | None) -> None:
    source = amazon.adapter()
    assert await judged(source, signed(version, Subject=subject)) is True
    assert await judged(source, signed(version, MessageId="2")) is True
    assert [str(request.url) for request in amazon.asked] == [CERTIFICATE]  # once


@pytest.mark.parametrize(
    "change",
    [
        {"Message": "{}"},
        {"MessageId": "2"},
        {"Subject": "Another"},
        {"TopicArn": OTHER},
        {"Type": "SubscriptionConfirmation"},
        {"Signature": "AAAA"},
        {"Signature": "no base64"},
        {"Signature": ""},
        {"SignatureVersion": "3"},
        {"SignatureVersion": "1"},
        {"Timestamp": "2026-11-23T03:09:59.000Z"},
        {"Timestamp": "yesterday"},
    ],
)
async def test_what_was_changed_is_forged(amazon: Amazon, change: dict[str, object]) -> None:
    with pytest.raises(Forged):
        await judged(amazon.adapter(), signed(change=change))


@pytest.mark.parametrize("minutes", [-61, 6])
async def test_what_is_too_old_or_not_yet_is_forged(amazon: Amazon, minutes: int) -> None:
    at = (NOW + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    with pytest.raises(Forged, match="last hour"):
        await judged(amazon.adapter(), signed(Timestamp=at))


@pytest.mark.parametrize(
    "pem",
    [
        certificate("sns.evil.example"),
        certificate(""),
        certificate("evil-sns.amazonaws.com.evil.example"),
        certificate(issuer="Somebody"),
        certificate(days=-1),
        b"no certificate",
        b"",
    ],
)
async def test_a_certificate_that_is_not_amazons_proves_nothing(amazon: Amazon, pem: bytes) -> None:
    amazon.pem = pem
    with pytest.raises(Forged):
        await judged(amazon.adapter(), signed())


@pytest.mark.parametrize(
    "url",
    [
        CERTIFICATE.replace("https", "http"),
        CERTIFICATE.replace("amazonaws.com", "amazonaws.com.evil.example"),
        CERTIFICATE.replace("sns.eu-west-1", "sns.us-east-1"),
        CERTIFICATE.replace("sns.eu-west-1", "s3"),
        CERTIFICATE.replace("https://", "https://evil.example@"),
        CERTIFICATE.replace(".com/", ".com:8443/"),
        CERTIFICATE + "?x=1",
        CERTIFICATE.replace("SimpleNotificationService-", "Mine-"),
        "https://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        "https://[",
        "",
    ],
)
async def test_nothing_is_fetched_from_anywhere_else(amazon: Amazon, url: str) -> None:
    with pytest.raises(Forged):
        await judged(amazon.adapter(), signed(change={"SigningCertURL": url}))
    assert amazon.asked == []


async def test_a_topic_that_is_not_ours_is_refused_before_anything_is_asked(amazon: Amazon) -> None:
    with pytest.raises(Forged, match="topic_arns"):
        await judged(amazon.adapter(), signed(TopicArn=OTHER))
    assert amazon.asked == []


async def test_raw_delivery_in_the_name_of_sns_carries_no_proof(amazon: Amazon) -> None:
    with pytest.raises(Forged, match="no message of SNS"):
        await judged(amazon.adapter(), delivery(ALARM, headers=SNS))


async def test_a_certificate_that_can_not_be_had_is_a_reason_to_come_again(amazon: Amazon) -> None:
    amazon.down = True
    source = amazon.adapter()
    with pytest.raises(Unreachable):
        await source.prepare(signed())
    with pytest.raises(Forged):
        source.verify(signed())
    amazon.down = False
    assert await judged(source, signed()) is True


async def test_strangers_can_not_make_us_fetch_without_end(amazon: Amazon) -> None:
    source = amazon.adapter()
    amazon.down = True
    for number in range(40):
        url = CERTIFICATE.replace("0a0a", f"{number:04x}", 1)
        with pytest.raises(Unreachable):
            await source.prepare(signed(change={"SigningCertURL": url}))
    assert len(amazon.asked) == 10


async def test_certificates_that_are_kept_are_few(amazon: Amazon) -> None:
    source = amazon.adapter()
    for number in range(30):
        url = CERTIFICATE.replace("0a0a", f"{number:04x}", 1)
        request = signed(change={"SigningCertURL": url})
        later = Delivery(request.body, request.headers, NOW + timedelta(minutes=number), {})
        await source.prepare(later)
    assert len(source._aws._certificates) == 16


def test_china_and_its_own_domain() -> None:
    assert host_of("cn-north-1") == "sns.cn-north-1.amazonaws.com.cn"
    topic = "arn:aws-cn:sns:cn-north-1:123456789012:ml"
    url = f"https://{host_of('cn-north-1')}/SimpleNotificationService-{'0' * 32}.pem"
    assert certificate_place(url, topic, "")[0] == "https://sns.cn-north-1.amazonaws.com.cn"


async def test_eventbridge_proves_itself_by_a_token_or_not_at_all(amazon: Amazon) -> None:
    event = load("cloudwatch", "own_eventbridge_alarm")
    assert await judged(amazon.adapter(), event) is False
    secured = amazon.adapter(bearer_token=SECRET)
    with pytest.raises(Forged):
        await judged(secured, event)
    headers = {**event.headers, "authorization": f"Bearer {SECRET}"}
    assert await judged(secured, Delivery(event.body, headers, NOW, {})) is True


# ---------------------------------------------------------------- the handshake


def confirmation(topic: str = TOPIC) -> Delivery:
    evil = "https://evil.example/confirm"
    return signed(Type="SubscriptionConfirmation", TopicArn=topic, Token="the-token", SubscribeURL=evil, Subject=None)


async def test_a_subscription_to_our_topic_is_confirmed_at_an_address_of_ours(amazon: Amazon) -> None:
    source = amazon.adapter()
    request = confirmation()
    assert await judged(source, request) is True
    assert list(source.alerts(request)) == []
    await source.handshake(request)
    asked = amazon.asked[-1].url
    assert (asked.scheme, asked.host) == ("https", "sns.eu-west-1.amazonaws.com")
    assert dict(asked.params) == {
        "Action": "ConfirmSubscription", "Version": "2010-03-31", "TopicArn": TOPIC, "Token": "the-token",
    }  # fmt: skip


async def test_with_credentials_it_is_signed_so_that_nobody_else_can_end_it(amazon: Amazon) -> None:
    source = amazon.adapter(access_key_id="TEST", secret_access_key=SECRET)
    await source.handshake(confirmation())
    asked = amazon.asked[-1]
    assert asked.method == "POST"
    assert dict(parse_qsl(asked.content.decode()))["AuthenticateOnUnsubscribe"] == "true"
    assert "/eu-west-1/sns/aws4_request" in asked.headers["authorization"]
    assert SECRET not in str(asked.headers)


async def test_nothing_else_is_answered(amazon: Amazon) -> None:
    source = amazon.adapter()
    await source.handshake(signed())
    await PLAIN.handshake(confirmation())
    assert amazon.asked == []
    with pytest.raises(Forged):
        await source.handshake(confirmation(OTHER))
    with pytest.raises(Unreadable, match="asks whether it may deliver here"):
        PLAIN.alerts(confirmation())
    amazon.confirmation = "<ErrorResponse/>"
    with pytest.raises(Unreadable, match="did not say"):
        await source.handshake(confirmation())


def test_the_end_of_a_subscription_is_kept_and_not_undone(amazon: Amazon) -> None:
    with pytest.raises(Unreadable, match="Somebody has ended the subscription"):
        amazon.adapter().alerts(signed(Type="UnsubscribeConfirmation", Token="t", SubscribeURL="u"))


# ---------------------------------------------------------------- what is told


def only(name: str) -> Alert:
    (alert,) = PLAIN.alerts(load("cloudwatch", name))
    return alert


def test_an_alarm_by_eventbridge() -> None:
    alert = only("own_eventbridge_alarm")
    assert (alert.name, alert.instance) == ("fraud-detector-psi", "123456789012/eu-west-1")
    assert alert.starts_at == datetime(2026, 11, 23, 1, 4, 40, 989_000, tzinfo=UTC)
    assert alert.labels.items() >= {"ModelName": "fraud-detector", "model_version": "3", "environment": "prod"}.items()
    assert "namespace" not in alert.labels
    assert alert.reading == Reading("psi", 0.31, 0.2)
    assert alert.url.endswith("#alarmsV2:alarm/fraud-detector-psi")
    ended = only("own_eventbridge_ok")
    assert (ended.fingerprint, ended.status) == (alert.fingerprint, AlertStatus.RESOLVED)


def test_both_ways_tell_one_identity() -> None:
    event = json.loads(load("cloudwatch", "own_eventbridge_alarm").body)
    message = {**ALARM, "AlarmArn": event["resources"][0], "AlarmName": "fraud-detector-psi"}
    message["StateChangeTime"] = event["detail"]["state"]["timestamp"]
    (by_sns,) = PLAIN.alerts(signed(Message=json.dumps(message)))
    by_event = only("own_eventbridge_alarm")
    assert (by_sns.instance, by_sns.fingerprint, by_sns.starts_at) == (
        by_event.instance, by_event.fingerprint, by_event.starts_at,
    )  # fmt: skip


def test_an_old_message_without_an_arn_is_in_its_topics_region() -> None:
    (alert, no_data) = PLAIN.alerts(load("cloudwatch", "sns_without_arn"))
    assert alert.instance == "1234567890/eu-west-1"
    assert alert.starts_at == datetime(2019, 2, 15, 23, 53, 45, 93_000, tzinfo=UTC)
    assert alert.reading == Reading("BucketSizeBytes", 1062305.0, 0.0)
    assert (no_data.status, no_data.monitoring_fault) == (AlertStatus.RESOLVED, True)


def test_missing_data_is_a_fault_of_the_monitoring_and_no_end() -> None:
    for name in ("sns_insufficient_data", "own_eventbridge_no_data"):
        alert = only(name)
        assert (alert.status, alert.monitoring_fault) == (AlertStatus.FIRING, True)
        assert "nobody knows whether it is over" in alert.summary


def test_events_that_say_nothing() -> None:
    for name in ("own_eventbridge_suppressed", "own_eventbridge_configuration"):
        assert list(PLAIN.alerts(load("cloudwatch", name))) == []
    sparse = json.loads(load("cloudwatch", "own_eventbridge_no_data").body)
    sparse["detail"]["previousState"]["value"] = "OK"
    assert list(PLAIN.alerts(delivery(sparse))) == []
    sparse["detail-type"] = "Something New"
    with pytest.raises(Unreadable, match="Something New"):
        PLAIN.alerts(delivery(sparse))


def test_raw_delivery_with_a_password_is_read() -> None:
    (alert,) = PLAIN.alerts(delivery(ALARM))
    assert alert.name == "FraudDrift"


def test_metric_math_tags_and_a_limit_from_below() -> None:
    stat = {"Metric": {"MetricName": "auc", "Namespace": "ML", "Dimensions": [{"name": "ModelName", "value": "fraud"}]}}
    trigger = {
        "ComparisonOperator": "LessThanLowerOrGreaterThanUpperThreshold", "Threshold": 0.8,
        "Metrics": [{"Id": "e1", "Expression": "m1/2"}, {"Id": "m1", "MetricStat": stat}],
    }  # fmt: skip
    tags = {"Severity": "critical", "team": "ml"}
    (alert,) = PLAIN.alerts(delivery({**ALARM, "Trigger": trigger, "alarmTags": tags}))
    assert alert.labels.items() >= {"ModelName": "fraud", "severity": "critical", "team": "ml"}.items()
    assert alert.reading == Reading("FraudDrift", None, 0.8, Direction.BELOW)


def test_alarms_with_another_beginning_are_left_out() -> None:
    source = build(Settings(alarm_prefix="Churn"), clients(lambda _: httpx.Response(500)), FakeClock())
    assert list(source.alerts(delivery(ALARM))) == []
    assert list(source.alerts(load("cloudwatch", "own_eventbridge_alarm"))) == []


# ---------------------------------------------------------------- asking


def described(name: str, state: str = "ALARM", **more: object) -> dict[str, object]:
    return {
        "AlarmName": name, "AlarmArn": f"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:{name}", "StateValue": state,
        "StateTransitionedTimestamp": 1763863740.0, "AlarmActions": [TOPIC], **more,
    }  # fmt: skip


def polled(pages: Mapping[tuple[str, str], object], **more: object) -> tuple[PolledCloudWatch, list[dict[str, object]]]:
    """`pages` by state and token."""
    asked: list[dict[str, object]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        wanted = json.loads(request.content)
        asked.append({**wanted, "host": request.url.host})
        found = pages.get((wanted["StateValue"], wanted.get("NextToken", "")), {"MetricAlarms": []})
        return httpx.Response(200, json=found)

    given = {"topic_arns": [TOPIC], "access_key_id": "TEST", "secret_access_key": SECRET, **more}
    made = build(Settings.model_validate(given), clients(answer), FakeClock())
    assert isinstance(made, PolledCloudWatch)
    return made, asked


async def test_all_pages_of_all_regions_are_read() -> None:
    pages = {
        ("ALARM", ""): {"MetricAlarms": [described("A")], "CompositeAlarms": [described("B")], "NextToken": "more"},
        ("ALARM", "more"): {
            "MetricAlarms": [described("C", AlarmActions=[OTHER]), described("D", ActionsEnabled=False)]
        },
        ("INSUFFICIENT_DATA", ""): {"MetricAlarms": [described("E", "INSUFFICIENT_DATA")]},
    }
    source, asked = polled(pages, regions=["eu-west-1", "cn-north-1"], alarm_prefix="F")
    found = {alert.name: alert.muted for alert in await source.firing()}
    assert found == {"A": False, "B": False, "C": True, "D": True, "E": True, "E has no data": True}
    assert {one["host"] for one in asked} == {
        "monitoring.eu-west-1.amazonaws.com", "monitoring.cn-north-1.amazonaws.com.cn",
    }  # fmt: skip
    assert all(one["AlarmNamePrefix"] == "F" for one in asked)


async def test_without_topics_everything_in_alarm_counts() -> None:
    source, _ = polled(
        {("ALARM", ""): {"MetricAlarms": [described("A", AlarmActions=[]), described("B", ActionsSuppressedBy="Alarm")]}},
        topic_arns=[], regions=["eu-west-1"],
    )  # fmt: skip
    assert {alert.name: alert.muted for alert in await source.firing()} == {"A": False, "B": True}


async def test_an_answer_without_end_is_not_taken_for_all() -> None:
    source, asked = polled({("ALARM", token): {"MetricAlarms": [], "NextToken": "again"} for token in ("", "again")})
    with pytest.raises(Unreadable, match="alarm_prefix"):
        await source.firing()
    assert len(asked) == 100


async def test_a_wrong_key_is_said_and_no_secret_with_it() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(403, json={"__type": "InvalidClientTokenId", "message": f"{SECRET} {request.headers}"})

    given = {"topic_arns": [TOPIC], "access_key_id": "TEST", "secret_access_key": SECRET}
    source = build(Settings.model_validate(given), clients(answer), FakeClock())
    assert isinstance(source, PolledCloudWatch)
    with pytest.raises(IntegrationError) as caught:
        await source.firing()
    assert isinstance(caught.value, Unauthorized)
    assert SECRET not in f"{caught.value} {caught.value!r}"


@pytest.mark.parametrize(
    "wrong",
    [
        {"topic_arns": ["arn:aws:sqs:eu-west-1:123456789012:ml"]},
        {"access_key_id": "TEST"},
        {"secret_access_key": SECRET},
        {"session_token": SECRET},
        {"access_key_id": "TEST", "secret_access_key": SECRET},
        {"regions": ["europe"]},
    ],
)
def test_settings_that_contradict_themselves(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate(wrong)
    assert SECRET not in str(caught.value.errors(include_input=False))


def test_a_session_token_is_sent() -> None:
    source, _ = polled({}, session_token=SECRET)
    assert source._aws.key is not None
    assert source._aws.key.token == SecretStr(SECRET)
