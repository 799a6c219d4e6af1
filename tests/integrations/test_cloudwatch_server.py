"""LocalStack's SNS and CloudWatch: a subscription is confirmed, signatures hold, alarms arrive and are asked for."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.domain.alert import Alert, AlertStatus
from bot.domain.errors import Forged, Unreachable
from bot.kit.http import HttpClients, Limits
from bot.ports.clock import SystemClock
from bot.ports.systems import AlertPoll, Delivery
from integrations.cloudwatch.adapter import PolledCloudWatch, build
from integrations.cloudwatch.manifest import Settings
from tests.contracts.alert_poll import MODEL, PATIENCE, AlertPollContract, until
from tests.needs import needs
from tests.servers.asgi import serving
from tests.servers.localstack import ACCOUNT, REGION, LocalStack, Owner
from tests.web.conftest import Site, a_site

pytestmark = [needs("localstack"), pytest.mark.xdist_group("localstack")]
NOBODY = "http://127.0.0.1:9"


def adapter(url: str, topic: str, clients: HttpClients) -> PolledCloudWatch:
    settings = Settings(
        topic_arns=(topic,), access_key_id="TEST", secret_access_key=SecretStr("of-this-test"), endpoint_url=url
    )
    made = build(settings, clients, SystemClock())
    assert isinstance(made, PolledCloudWatch)
    return made


@pytest.fixture
async def clients() -> AsyncIterator[HttpClients]:
    made = HttpClients(limits=Limits(attempts=2))
    yield made
    await made.aclose()


class Kept(PolledCloudWatch):
    """The real one; what it has read is looked at by the tests."""

    deliveries: asyncio.Queue[tuple[Delivery, tuple[Alert, ...]]]

    def alerts(self, delivery: Delivery) -> tuple[Alert, ...]:
        found = tuple(super().alerts(delivery))
        self.deliveries.put_nowait((delivery, found))
        return found

    async def next(self, status: AlertStatus | None = None) -> tuple[Delivery, tuple[Alert, ...]]:
        async with asyncio.timeout(PATIENCE):
            while True:
                delivery, alerts = await self.deliveries.get()
                if status is None or status in {alert.status for alert in alerts}:
                    return delivery, alerts


class CloudWatchWorld:
    source = "cloudwatch"
    many = 110
    mutes = True

    def __init__(self, owner: Owner, topic: str, poll: Kept, deaf: AlertPoll, site: Site) -> None:
        self.owner = owner
        self.topic = topic
        self.poll: AlertPoll = poll
        self.deaf = deaf
        self.kept = poll
        self.site = site

    async def fire(self, name: str) -> None:
        await self.owner.alarm(name, self.topic, ModelName=MODEL, ModelVersion="3", Environment="prod")
        await self.owner.set_state(name, "ALARM")

    async def end(self, name: str) -> None:
        await self.owner.set_state(name, "OK")

    async def mute(self, name: str) -> None:
        await self.owner.watch("DisableAlarmActions", AlarmNames=[name])

    async def delivered(self, name: str) -> Alert | None:
        while True:
            _, alerts = await self.kept.next(AlertStatus.FIRING)
            for alert in alerts:
                if alert.name == name:
                    return alert


@pytest.fixture
async def world(
    localstack: LocalStack, owner: Owner, clients: HttpClients, tmp_path: Path
) -> AsyncIterator[CloudWatchWorld]:
    """A topic that is subscribed by a bot's own site, which confirms it."""
    topic = await owner.topic(f"alarms-{uuid.uuid4().hex[:8]}")
    poll = adapter(localstack.url, topic, clients)
    poll.__class__ = Kept
    assert isinstance(poll, Kept)
    poll.deliveries = asyncio.Queue()
    async with a_site(tmp_path / "site.db") as site:
        site.systems = replace(site.systems, sources={"cloudwatch": poll})
        site.limits["clock"] = SystemClock()
        async with serving(site.app) as url:
            await owner.sns("Subscribe", TopicArn=topic, Protocol="http", Endpoint=f"{url}/alerts/cloudwatch")
            await confirmed(owner, topic)
            yield CloudWatchWorld(owner, topic, poll, adapter(NOBODY, topic, clients), site)
        await owner.sns("DeleteTopic", TopicArn=topic)


async def confirmed(owner: Owner, topic: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while "PendingConfirmation" in (listed := await owner.sns("ListSubscriptionsByTopic", TopicArn=topic)):  # noqa: ASYNC110
            await asyncio.sleep(0.05)  # between two questions
    assert f"{topic}:" in listed


class TestCloudWatch(AlertPollContract):
    @pytest.fixture
    def world(self, world: CloudWatchWorld) -> CloudWatchWorld:
        return world


async def test_an_alarm_fires_and_ends_and_is_one_incident(world: CloudWatchWorld) -> None:
    await world.fire("FraudDrift")
    _, (fired, *_) = await world.kept.next(AlertStatus.FIRING)
    assert fired.labels.items() >= {"ModelName": MODEL, "ModelVersion": "3", "environment": "prod"}.items()
    assert fired.annotations["summary"] == "FraudDrift of the tests"
    assert (fired.instance, fired.reading and fired.reading.threshold) == (f"{ACCOUNT}/{REGION}", 0.2)
    await world.end("FraudDrift")
    _, (ended,) = await world.kept.next(AlertStatus.RESOLVED)
    assert ended.fingerprint == fired.fingerprint
    assert await world.site.dead() == []

    async def kept() -> bool:
        return await world.site.incidents() == 1

    await until(kept)


async def test_missing_data_is_said_and_is_not_the_end(world: CloudWatchWorld) -> None:
    await world.fire("FraudDrift")
    await world.kept.next(AlertStatus.FIRING)
    await world.owner.set_state("FraudDrift", "INSUFFICIENT_DATA")
    _, (missing,) = await world.kept.next(AlertStatus.FIRING)
    assert (missing.name, missing.monitoring_fault) == ("FraudDrift has no data", True)
    assert {alert.name: alert.muted for alert in await world.poll.firing()} == {
        "FraudDrift": True, "FraudDrift has no data": True,
    }  # fmt: skip
    await world.end("FraudDrift")
    _, over = await world.kept.next(AlertStatus.RESOLVED)
    assert [alert.name for alert in over] == ["FraudDrift", "FraudDrift has no data"]
    assert list(await world.poll.firing()) == []


@pytest.mark.parametrize("version", ["1", "2"])
async def test_what_was_signed_is_taken_and_one_changed_letter_is_not(world: CloudWatchWorld, version: str) -> None:
    await world.owner.sns(
        "SetTopicAttributes", TopicArn=world.topic, AttributeName="SignatureVersion", AttributeValue=version
    )
    await world.fire("FraudDrift")
    delivery, _ = await world.kept.next(AlertStatus.FIRING)
    assert f'"SignatureVersion": "{version}"'.encode() in delivery.body
    assert world.kept.verify(delivery) is True
    with pytest.raises(Forged, match="signature does not fit"):
        world.kept.verify(replace(delivery, body=delivery.body.replace(b"FraudDrift", b"FraudDraft")))


async def test_an_alarm_of_another_topic_is_seen_and_not_told(world: CloudWatchWorld) -> None:
    other = await world.owner.topic("of-others")
    await world.owner.alarm("NotOurs", other)
    await world.owner.set_state("NotOurs", "ALARM")
    (seen,) = await world.poll.firing()
    assert (seen.name, seen.muted) == ("NotOurs", True)


async def test_the_doctor_is_told_how_much_is_in_alarm(world: CloudWatchWorld) -> None:
    await world.fire("FraudDrift")
    assert await world.kept.probe() == "CloudWatch in us-east-1, 1 alarms are in ALARM"


async def test_without_its_certificate_nothing_is_taken_and_sns_comes_again(
    world: CloudWatchWorld, clients: HttpClients
) -> None:
    await world.fire("FraudDrift")
    delivery, _ = await world.kept.next(AlertStatus.FIRING)
    away = adapter(NOBODY, world.topic, clients)
    body = delivery.body.replace(str(world.kept._aws.endpoint).encode(), NOBODY.encode())
    with pytest.raises(Unreachable):
        await away.prepare(replace(delivery, body=body))
    world.site.systems = replace(world.site.systems, sources={"cloudwatch": away})
    del world.site.app
    answer = await world.site.post("cloudwatch", body, {**delivery.headers, "host": "bot.example"})
    assert answer.status_code == 503
