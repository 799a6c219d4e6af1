"""Alertmanager, Grafana (whose API is Alertmanager's own code) and Prometheus, asked for real what fires."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.catalog import having
from bot.domain.alert import Alert, AlertStatus
from bot.kit.http import HttpClients, Limits
from bot.ports.clock import SystemClock
from bot.ports.systems import AlertPoll
from integrations.alertmanager.adapter import PolledAlertmanager
from integrations.alertmanager.adapter import build as build_alertmanager
from integrations.alertmanager.manifest import Settings as AlertmanagerSettings
from integrations.grafana.adapter import build as build_grafana
from integrations.grafana.manifest import Settings as GrafanaSettings
from integrations.prometheus.adapter import build as build_prometheus
from integrations.prometheus.manifest import Settings as PrometheusSettings
from tests.contracts.alert_poll import MODEL, PATIENCE, AlertPollContract, until
from tests.integrations.deliveries import delivery
from tests.needs import needs
from tests.servers.asgi import serving
from tests.servers.monitoring import Exporter, Rule, alertmanager, exporter, prometheus
from tests.servers.vendors import kept

NOBODY = "http://127.0.0.1:9"
TOKEN = "token-of-this-test"
GRAFANA = "/api/alertmanager/grafana"


def as_poll(adapter: object) -> AlertPoll:
    return having({"it": adapter}, AlertPoll)["it"]


@pytest.fixture
async def clients() -> AsyncIterator[HttpClients]:
    made = HttpClients(limits=Limits(attempts=1, connect=2))
    yield made
    await made.aclose()


class Receiver:
    """Takes deliveries and keeps them."""

    def __init__(self) -> None:
        self._got: asyncio.Queue[tuple[bytes, dict[str, str]]] = asyncio.Queue()
        self.app = Starlette(routes=[Route("/alerts", self._receive, methods=["POST"])])

    async def _receive(self, request: Request) -> Response:
        await self._got.put((await request.body(), dict(request.headers)))
        return Response(status_code=200)

    async def next(self, reader: PolledAlertmanager, name: str) -> Alert:
        async with asyncio.timeout(PATIENCE):
            while True:
                body, headers = await self._got.get()
                for alert in reader.alerts(delivery(body, headers=headers)):
                    if (alert.name, alert.status) == (name, AlertStatus.FIRING):
                        return alert


# ---------------------------------------------------------------- Alertmanager


class AlertmanagerWorld:
    """Alerts are posted to it as Prometheus does."""

    source = "alertmanager"
    many = 300
    mutes = True

    def __init__(self, url: str, clients: HttpClients, http: httpx.AsyncClient, receiver: Receiver) -> None:
        self._http = http
        self._receiver = receiver
        self._started: dict[str, datetime] = {}
        made = build_alertmanager(AlertmanagerSettings(url=url), clients, SystemClock())
        assert isinstance(made, PolledAlertmanager)
        self.poll: AlertPoll = made
        self._reader = made
        self.deaf = as_poll(build_alertmanager(AlertmanagerSettings(url=NOBODY), clients, SystemClock()))

    async def fire(self, name: str) -> None:
        self._started[name] = datetime.now(UTC)
        await self._post(name, self._started[name] + timedelta(hours=1))

    async def end(self, name: str) -> None:
        await self._post(name, datetime.now(UTC))

    async def _post(self, name: str, ends_at: datetime) -> None:
        labels = {"alertname": name, "model_name": MODEL}
        times = {"startsAt": self._started[name].isoformat(), "endsAt": ends_at.isoformat()}
        answer = await self._http.post("/api/v2/alerts", json=[{"labels": labels, **times}])
        assert answer.status_code == 200, answer.text

    async def mute(self, name: str) -> None:
        now = datetime.now(UTC)
        silence = {
            "matchers": [{"name": "alertname", "value": name, "isRegex": False}], "createdBy": "a test", "comment": "-",
            "startsAt": now.isoformat(), "endsAt": (now + timedelta(hours=1)).isoformat(),
        }  # fmt: skip
        answer = await self._http.post("/api/v2/silences", json=silence)
        assert answer.status_code == 200, answer.text

    async def delivered(self, name: str) -> Alert | None:
        return await self._receiver.next(self._reader, name)


@needs("alertmanager")
class TestAlertmanager(AlertPollContract):
    @pytest.fixture
    async def world(self, tmp_path: Path, clients: HttpClients) -> AsyncIterator[AlertmanagerWorld]:
        receiver = Receiver()
        async with (
            serving(receiver.app) as address,
            alertmanager(tmp_path, f"{address}/alerts") as running,
            httpx.AsyncClient(base_url=running.url, trust_env=False) as http,
        ):
            yield AlertmanagerWorld(running.url, clients, http, receiver)


# ---------------------------------------------------------------- Grafana


class GrafanaWorld(AlertmanagerWorld):
    """The Alertmanager that is built into Grafana, behind its path and its token. What it delivers is Grafana's own."""

    source = "grafana"

    def __init__(self, url: str, front: str, clients: HttpClients, http: httpx.AsyncClient) -> None:
        super().__init__(url, clients, http, Receiver())
        settings = GrafanaSettings(url=front, token=SecretStr(TOKEN))
        self.poll = as_poll(build_grafana(settings, clients, SystemClock()))
        nobody = GrafanaSettings(url=NOBODY, token=SecretStr(TOKEN))
        self.deaf = as_poll(build_grafana(nobody, clients, SystemClock()))

    async def delivered(self, name: str) -> Alert | None:
        return None


@needs("alertmanager")
class TestGrafana(AlertPollContract):
    @pytest.fixture
    async def world(self, tmp_path: Path, clients: HttpClients) -> AsyncIterator[GrafanaWorld]:
        async with (
            alertmanager(tmp_path, NOBODY) as running,
            httpx.AsyncClient(base_url=running.url, trust_env=False) as http,
        ):

            async def through(request: Request) -> Response:
                if request.headers.get("authorization") != f"Bearer {TOKEN}":
                    return Response(status_code=401)
                path = request.url.path.removeprefix(GRAFANA)
                answer = await http.get(path, params=request.query_params.multi_items())
                return Response(answer.content, answer.status_code, media_type="application/json")

            async with serving(Starlette(routes=[Route(f"{GRAFANA}/{{path:path}}", through)])) as front:
                yield GrafanaWorld(running.url, front, clients, http)


# ---------------------------------------------------------------- Prometheus


class PrometheusWorld:
    """Two dozen rules, each about a number of its own."""

    source = "prometheus"
    many = 24
    mutes = False

    def __init__(self, url: str, clients: HttpClients, numbers: Exporter) -> None:
        self._numbers = numbers
        self.poll = as_poll(build_prometheus(PrometheusSettings(url=url, ask_alerts=True), clients, SystemClock()))
        deaf = PrometheusSettings(url=NOBODY, ask_alerts=True)
        self.deaf = as_poll(build_prometheus(deaf, clients, SystemClock()))

    async def fire(self, name: str) -> None:
        self._numbers.set("bad", 1.0, about=name, model_name=MODEL)

    async def end(self, name: str) -> None:
        self._numbers.set("bad", 0.0, about=name, model_name=MODEL)

    async def mute(self, name: str) -> None:
        raise AssertionError(f"nobody can mute {name} here")

    async def delivered(self, name: str) -> Alert | None:
        return None


def rules() -> list[Rule]:
    names = ["ModelDrift", "ModelErrors", *(f"Alert{number:03}" for number in range(PrometheusWorld.many))]
    return [Rule(name, f'bad{{about="{name}"}} > 0.5', threshold="0.5") for name in names]


@asynccontextmanager
async def watched(folder: Path) -> AsyncIterator[tuple[str, Exporter]]:
    async with AsyncExitStack() as stack:
        numbers = stack.enter_context(exporter())
        manager = await stack.enter_async_context(alertmanager(folder, NOBODY))
        running = await stack.enter_async_context(prometheus(folder, numbers.port, manager.url, rules=rules()))
        yield running.url, numbers


@pytest.fixture(scope="module")
def prometheus_and_numbers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Exporter]]:
    """One for all tests of this file: it takes its time to begin."""
    with kept(watched(tmp_path_factory.mktemp("prometheus"))) as running:
        yield running


@needs("prometheus", "alertmanager")
@pytest.mark.xdist_group("prometheus")
class TestPrometheus(AlertPollContract):
    @pytest.fixture
    async def world(self, prometheus_and_numbers: tuple[str, Exporter], clients: HttpClients) -> PrometheusWorld:
        url, numbers = prometheus_and_numbers
        made = PrometheusWorld(url, clients, numbers)

        async def quiet() -> bool:
            return not await made.poll.firing()

        for rule in rules():
            await made.end(rule.name)
        await until(quiet)
        return made
