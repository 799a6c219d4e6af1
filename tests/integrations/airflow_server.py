"""The bot's adapter at the real Airflow, a person there as well, and a way between them for what can go wrong there."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from pydantic import SecretStr

from bot.kit.http import HttpClients, Limits
from bot.ports.clock import SystemClock
from bot.ports.systems import Run
from integrations.airflow.adapter import Airflow, build
from integrations.airflow.manifest import Settings
from tests.servers.airflow import BOT, PASSWORDS
from tests.servers.airflow import Airflow as Server
from tests.servers.proxy import Proxy, proxy

API = "/api/v2"
_COUNT = itertools.count(1)


class Admin:
    """A person at Airflow itself, past the bot."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def call(self, method: str, path: str, body: object = None, **params: str) -> httpx.Response:
        answer = await self._http.request(method, f"{API}{path}", json=body, params=params)
        assert answer.is_success, answer.text
        return answer

    async def stop(self, dag: str, run: str) -> None:
        """Airflow's scheduler and its API lock each other out at times; then it answers 500."""
        path = f"{API}/dags/{dag}/dagRuns/{run}"
        for _ in range(5):
            answer = await self._http.patch(path, json={"state": "failed"}, params={"update_mask": "state"})
            if answer.is_success:
                return
        raise AssertionError(answer.text)

    async def runs(self, dag: str, prefix: str) -> list[str]:
        """The runs whose names begin so."""
        listed = (await self.call("GET", f"/dags/{dag}/dagRuns", limit="100", order_by="-id")).json()["dag_runs"]
        return [run["dag_run_id"] for run in listed if run["dag_run_id"].startswith(prefix)]


@pytest.fixture
async def admin(airflow: Server) -> AsyncIterator[Admin]:
    async with httpx.AsyncClient(base_url=airflow.url, trust_env=False, timeout=60) as http:
        who = {"username": "admin", "password": PASSWORDS["admin"]}
        token = (await http.post("/auth/token", json=who)).json()["access_token"]
        http.headers["authorization"] = f"Bearer {token}"
        yield Admin(http)


@pytest.fixture
async def run_key(airflow: Server, admin: Admin) -> AsyncIterator[str]:
    """A name that no run has; runs whose names begin with it have ended afterwards."""
    made = f"op-{os.getpid()}-{next(_COUNT):04}"
    yield made
    for dag in ("retrain", "nightly", "features", "alarmed"):
        for run in await admin.runs(dag, made):
            airflow.say(run, "ok")
            await admin.stop(dag, run)


async def ended(airflow: Airflow, dag: str, run: str) -> Run:
    """The run when it has ended."""
    async with asyncio.timeout(60):
        while not (seen := await airflow.run(dag, run)).state.final:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    return seen


Connect = Callable[..., Airflow]


@pytest.fixture
async def connect_airflow() -> AsyncIterator[Connect]:
    """Makes an adapter of Airflow at an address; it tries once."""
    made: list[HttpClients] = []

    def adapter(url: str, **settings: object) -> Airflow:
        made.append(HttpClients(limits=Limits(read=20.0, attempts=1)))
        who = settings or {"username": BOT, "password": SecretStr(PASSWORDS[BOT])}
        return build(Settings(url=url, **who), made[-1], SystemClock())

    yield adapter
    for clients in made:
        await clients.aclose()


@pytest.fixture
async def at_airflow(airflow: Server, connect_airflow: Connect) -> Airflow:
    return connect_airflow(airflow.url)


@pytest.fixture
async def before_airflow(airflow: Server) -> AsyncIterator[Proxy]:
    """Between the bot and Airflow, for what can go wrong there."""
    async with proxy(airflow.url) as made:
        yield made
