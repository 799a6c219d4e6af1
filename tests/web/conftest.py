"""The HTTP side with the real store and the real adapters: asked in memory, or through a socket of its own."""

import asyncio
import contextlib
import functools
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import uvicorn
from pydantic import SecretStr
from starlette.types import ASGIApp

from bot.kit.http import HttpClients
from bot.ports.systems import AlertSource
from bot.store.sqlstore import SqlStore
from bot.usecases.ingest import Intake
from bot.usecases.systems import Systems
from bot.web import WebParts, build_web, signing_key
from integrations.alertmanager import adapter as alertmanager
from integrations.alertmanager.manifest import Settings as AlertmanagerSettings
from integrations.cloudevents import adapter as cloudevents
from integrations.cloudevents.manifest import Settings as CloudEventsSettings
from integrations.evidently import adapter as evidently
from integrations.evidently.manifest import Settings as EvidentlySettings
from integrations.grafana import adapter as grafana
from integrations.grafana.manifest import Settings as GrafanaSettings
from tests.fakes.clock import FakeClock
from tests.fakes.databases import lay_out
from tests.usecases.ingest_world import setup

TOKEN = "token-of-the-program"
BEARER = {"authorization": f"Bearer {TOKEN}"}
HMAC_SECRET = "secret-of-grafana"
BASE = "http://bot.example"
SLUGS = ("alertmanager", "cloudevents", "evidently", "grafana")


def adapters(clock: FakeClock, *, signing: bool = False) -> dict[str, AlertSource]:
    """The real adapters; with `signing`, Grafana's has a secret of its own."""
    http = HttpClients()
    theirs = GrafanaSettings(hmac_secret=SecretStr(HMAC_SECRET)) if signing else GrafanaSettings()
    return {
        "alertmanager": alertmanager.build(AlertmanagerSettings(), http, clock),
        "cloudevents": cloudevents.build(CloudEventsSettings(), http, clock),
        "evidently": evidently.build(EvidentlySettings(), http, clock),
        "grafana": grafana.build(theirs, http, clock),
    }


@dataclass
class Site:
    """A site and what stands behind it: change `systems`, `intake` or a limit before the first question."""

    store: SqlStore
    clock: FakeClock
    systems: Systems
    intake: Intake
    token: str = TOKEN
    readiness: dict[str, Callable[[], str | None]] = field(default_factory=dict)
    limits: dict[str, object] = field(default_factory=dict)

    def parts(self) -> WebParts:
        return WebParts(
            intake=self.intake, store=self.store, setup=setup(), systems=self.systems, token=self.token,
            readiness=self.readiness, slack_events=None, base_url=BASE, signing_key=signing_key(self.token),
            **{"clock": self.clock, **self.limits},
        )  # type: ignore[arg-type]  # free limits  # fmt: skip

    @functools.cached_property
    def app(self) -> ASGIApp:
        """Built at the first question; `del site.app` builds it anew."""
        return build_web(self.parts())

    def client(self) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=True)
        return httpx.AsyncClient(transport=transport, base_url=BASE)

    async def ask(
        self, method: str, path: str, content: bytes | str = b"", headers: Mapping[str, str] = BEARER
    ) -> httpx.Response:
        async with self.client() as client:
            answer = await client.request(method, path, content=content, headers=dict(headers))
        assert_safe(answer)
        return answer

    async def post(
        self, slug: str, body: bytes | str, headers: Mapping[str, str] = BEARER, query: Mapping[str, str] | None = None
    ) -> httpx.Response:
        return await self.ask("POST", str(httpx.URL(f"/alerts/{slug}", params=query or {})), body, headers)

    async def deliveries(self) -> int:
        """How many deliveries are on disk, dead letters with them."""
        return await self.store.read(lambda tx: tx.deliveries.count())

    async def dead(self) -> list[tuple[str, str, bytes | None]]:
        """Dead letters: integration, reason, body."""
        found = await self.store.read(lambda tx: tx.deliveries.dead(limit=1_000))
        return [(record.integration, record.reason, record.body) for record in found]

    async def incidents(self) -> int:
        return len(await self.store.read(lambda tx: tx.incidents.newest(limit=1_000)))


def assert_safe(answer: httpx.Response) -> None:
    """What holds for every answer: never a redirect, never a fault, and headers that keep it harmless."""
    assert not 300 <= answer.status_code < 400
    assert answer.status_code != 500
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "server" not in answer.headers
    if answer.headers.get("content-type") == "application/json" and answer.status_code >= 400 and answer.content:
        problem = answer.json()
        assert {"error", "what", "not_done", "next"} <= problem.keys() or "parts" in problem


@contextlib.asynccontextmanager
async def a_site(path: Path, *, signing: bool = False) -> AsyncIterator[Site]:
    clock = FakeClock()
    store = SqlStore(lay_out(path), clock)
    await store.open()
    try:
        systems = Systems(sources=adapters(clock, signing=signing), registries={"mlflow": object()})  # type: ignore[dict-item]  # only its name counts
        yield Site(store, clock, systems, Intake(store, setup(), lambda: None))
    finally:
        await store.close()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with a_site(tmp_path / "site.db") as here:
        yield here


@pytest.fixture
async def signing(tmp_path: Path) -> AsyncIterator[Site]:
    """A site whose Grafana signs its deliveries."""
    async with a_site(tmp_path / "site.db", signing=True) as here:
        yield here


# ---------------------------------------------------------------- through a socket


class QuietServer(uvicorn.Server):
    """Leaves the signals to the tests."""

    @contextlib.contextmanager
    def capture_signals(self):
        yield


@dataclass
class Served:
    """The site at an address, for what must be said byte by byte."""

    site: Site
    port: int

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", headers=BEARER, trust_env=False)


@contextlib.asynccontextmanager
async def serving(site: Site) -> AsyncIterator[Served]:
    """Serve as the program does, on a free port of loopback."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        site.app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1, server_header=False
    )
    server = QuietServer(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        async with Served(site, listening.getsockname()[1]).client() as client:
            assert (await client.get("/livez")).status_code == 200
        yield Served(site, listening.getsockname()[1])
    finally:
        server.should_exit = True
        await task
