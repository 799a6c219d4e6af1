"""A number of a model rises and falls, and the real Prometheus and Alertmanager say so."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.domain.alert import Alert, AlertStatus
from bot.kit.http import HttpClients
from bot.ports.clock import SystemClock
from integrations.alertmanager.adapter import PolledAlertmanager, build
from integrations.alertmanager.manifest import Settings
from tests.integrations.deliveries import delivery
from tests.needs import needs
from tests.servers.asgi import serving
from tests.servers.monitoring import Monitoring, alertmanager, exporter, monitoring, prometheus

pytestmark = needs("prometheus", "alertmanager")
TOKEN = "token-of-this-test"
DRIFT = {"model_name": "fraud-detector", "model_version": "3", "feature": "amount"}
PATIENCE = 30


class Receiver:
    """Where Alertmanager delivers to, until a test lets it fail; `next` waits for the next alert."""

    def __init__(self) -> None:
        self.status = 200
        self.refused = asyncio.Event()
        self._got: asyncio.Queue[tuple[bytes, dict[str, str]]] = asyncio.Queue()

    async def receive(self, request: Request) -> Response:
        if self.status == 200:
            await self._got.put((await request.body(), dict(request.headers)))
        else:
            self.refused.set()
        return Response(status_code=self.status)

    async def next(self, poll: PolledAlertmanager, status: AlertStatus) -> Alert:
        """The next one with this status; Alertmanager repeats ended ones for a while."""
        async with asyncio.timeout(PATIENCE):
            while True:
                body, headers = await self._got.get()
                request = delivery(body, headers=headers)
                assert poll.verify(request) is True
                for alert in poll.alerts(request):
                    if alert.status is status:
                        return alert


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
async def address(receiver: Receiver) -> AsyncIterator[str]:
    async with serving(Starlette(routes=[Route("/alerts", receiver.receive, methods=["POST"])])) as url:
        yield f"{url}/alerts"


@pytest.fixture
async def watched(address: str, tmp_path: Path) -> AsyncIterator[Monitoring]:
    async with monitoring(tmp_path, address, token=TOKEN) as running:
        yield running


def adapter(url: str, clients: HttpClients) -> PolledAlertmanager:
    made = build(Settings(url=url, bearer_token=SecretStr(TOKEN)), clients, SystemClock())
    assert isinstance(made, PolledAlertmanager)
    return made


@pytest.fixture
async def clients() -> AsyncIterator[HttpClients]:
    made = HttpClients()
    yield made
    await made.aclose()


async def test_a_number_rises_and_falls_and_both_arrive(
    watched: Monitoring, receiver: Receiver, clients: HttpClients
) -> None:
    poll = adapter(watched.alertmanager.url, clients)
    watched.exporter.set("model_feature_psi", 0.31, **DRIFT)
    fired = await receiver.next(poll, AlertStatus.FIRING)
    assert (fired.name, fired.ends_at) == ("ModelFeatureDrift", None)
    assert fired.labels.items() >= {**DRIFT, "severity": "warning", "environment": "production"}.items()
    assert fired.annotations["value"] == "0.31"
    (asked,) = await poll.firing()
    assert (asked.instance, asked.fingerprint, asked.starts_at) == (fired.instance, fired.fingerprint, fired.starts_at)

    watched.exporter.set("model_feature_psi", 0.05, **DRIFT)
    ended = await receiver.next(poll, AlertStatus.RESOLVED)
    assert (ended.instance, ended.fingerprint, ended.starts_at) == (fired.instance, fired.fingerprint, fired.starts_at)
    assert ended.ends_at is not None
    assert list(await poll.firing()) == []
    assert await poll.probe() == "Alertmanager 0.25.0, 0 alerts fire"


async def test_an_alert_whose_deliveries_fail_is_found_by_asking(
    watched: Monitoring, receiver: Receiver, clients: HttpClients
) -> None:
    poll = adapter(watched.alertmanager.url, clients)
    receiver.status = 500
    watched.exporter.set("model_error_ratio", 0.07, model_name="fraud-detector")
    await asyncio.wait_for(receiver.refused.wait(), PATIENCE)
    (asked,) = await poll.firing()
    assert (asked.name, asked.labels["severity"]) == ("ModelErrorRateHigh", "critical")
    receiver.status = 200
    told = await receiver.next(poll, AlertStatus.FIRING)
    assert (told.instance, told.fingerprint, told.starts_at) == (asked.instance, asked.fingerprint, asked.starts_at)


async def test_resolved_is_said_when_prometheus_stops_too(
    address: str, receiver: Receiver, clients: HttpClients, tmp_path: Path
) -> None:
    with exporter() as numbers:
        async with alertmanager(tmp_path, address, token=TOKEN) as manager:
            poll = adapter(manager.url, clients)
            async with prometheus(tmp_path, numbers.port, manager.url):
                numbers.set("model_feature_psi", 0.31, **DRIFT)
                fired = await receiver.next(poll, AlertStatus.FIRING)
            ended = await receiver.next(poll, AlertStatus.RESOLVED)  # nobody has looked at the number since
    assert ended.fingerprint == fired.fingerprint
