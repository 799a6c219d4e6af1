"""The bot's adapter and a person, both at the same real MLflow; and a way between them for what can go wrong there."""

from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from pydantic import SecretStr

from bot.demo.servers import MlflowServer
from bot.kit.http import HttpClients, Limits
from bot.ports.clock import SystemClock
from integrations.mlflow.adapter import Mlflow, build
from integrations.mlflow.manifest import Settings
from tests.contracts.registry import ALIAS, MODEL
from tests.servers.proxy import Proxy, proxy

API = "/api/2.0/mlflow"
MOVE = "registered-models/alias"
SECRET = "secret-of-this-tests-webhook"


class Direct:
    """A person at MLflow itself, past the bot."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def call(self, method: str, path: str, **body: object) -> dict[str, object]:
        answer = await self._http.request(method, f"{API}/{path}", json=body)
        assert answer.status_code == 200, answer.text
        value = answer.json()
        assert isinstance(value, dict)
        return value

    async def point(self, alias: str, version: str, model: str = MODEL) -> None:
        await self.call("POST", MOVE, name=model, alias=alias, version=version)


@pytest.fixture
async def direct(mlflow: MlflowServer) -> AsyncIterator[Direct]:
    """Whatever the test before has done: `champion` is on 3, `fallback` is nowhere."""
    async with httpx.AsyncClient(base_url=mlflow.url, trust_env=False) as http:
        found = Direct(http)
        await found.point(ALIAS, "3")
        await found.call("DELETE", MOVE, name=MODEL, alias="fallback")
        yield found


Connect = Callable[[str], Mlflow]


@pytest.fixture
async def connect_mlflow() -> AsyncIterator[Connect]:
    """Makes an adapter of MLflow at an address; it tries once."""
    made: list[HttpClients] = []

    def adapter(url: str) -> Mlflow:
        made.append(HttpClients(limits=Limits(read=5.0, attempts=1)))
        return build(Settings(url=url, webhook_secret=SecretStr(SECRET)), made[-1], SystemClock())

    yield adapter
    for clients in made:
        await clients.aclose()


@pytest.fixture
async def registry(mlflow: MlflowServer, direct: Direct, connect_mlflow: Connect) -> Mlflow:
    return connect_mlflow(mlflow.url)


@pytest.fixture
async def between(mlflow: MlflowServer, direct: Direct) -> AsyncIterator[Proxy]:
    """Between the bot and MLflow, for what can go wrong there."""
    async with proxy(mlflow.url) as made:
        yield made
