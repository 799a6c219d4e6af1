"""The real programs of the demo: prepared once, started side by side, following the alias, remembering across restarts."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from bot.demo.history import MODEL
from bot.demo.prepared import lay_out, prepared
from bot.demo.servers import fraud_serving, mlflow_server, registry_and_serving
from tests.needs import needs
from tests.servers.vendors import NOBODY

PATIENCE = 90.0
PAYMENT = {"amount": 120.0, "hour": 3, "merchant_risk": 0.4, "country_risk": 0.2}


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


class World:
    """Asks both sides, as people and callers do."""

    def __init__(self, http: httpx.AsyncClient, mlflow: str, serving: str) -> None:
        self._http, self._mlflow, self._serving = http, mlflow, serving

    async def post(self, path: str, **body: object) -> None:
        answer = await self._http.post(f"{self._mlflow}/api/2.0/mlflow/{path}", json=body)
        assert answer.status_code == 200, answer.text

    async def promote(self, version: str) -> None:
        await self.post("registered-models/alias", name=MODEL, alias="champion", version=version)

    async def answers(self) -> str:
        """The version that a caller's answer names; an error here is an outage."""
        answer = await self._http.post(f"{self._serving}/predict", json={"payments": [PAYMENT]})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["version"])

    async def until_it_answers(self, version: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while await self.answers() != version:  # noqa: ASYNC110
                await asyncio.sleep(0.1)


def http() -> httpx.AsyncClient:
    """Each request has a connection of its own, so that none is cut off by a switch."""
    return httpx.AsyncClient(trust_env=False, timeout=30, limits=httpx.Limits(max_keepalive_connections=0))


@needs("mlflow", "bentoml")
@pytest.mark.xdist_group("mlflow")
@pytest.mark.timeout(240)
async def test_serving_follows_the_alias_and_remembers_it(tmp_path: Path) -> None:
    async with registry_and_serving(tmp_path) as (mlflow, serving), http() as client:
        world = World(client, mlflow.url, serving.url)
        assert await world.answers() == "3"
        await world.promote("2")
        await world.until_it_answers("2")  # and no request fails meanwhile

        await world.post("model-versions/create", name=MODEL, source="s3://no-such-bucket/model")
        await world.promote("4")
        log = tmp_path / "serving.log"
        await until(lambda: "champion is v4, but its bento could not be built; v2 keeps answering" in log.read_text())
        assert await world.answers() == "2"
        await world.promote("1")  # is not kept waiting by the one that failed
        await world.until_it_answers("1")

        events = [{"entity": "MODEL_VERSION_ALIAS", "action": "CREATED"}]
        await world.post("webhooks", name="bot", url="http://127.0.0.1:9/", events=events, secret="of-a-webhook")

    async with mlflow_server(tmp_path) as again, http() as client:
        alias = {"name": MODEL, "alias": "champion"}
        answer = await client.get(f"{again.url}/api/2.0/mlflow/registered-models/alias", params=alias)
        assert answer.json()["model_version"]["version"] == "1"
        hooks = await client.get(f"{again.url}/api/2.0/mlflow/webhooks")
        assert [hook["name"] for hook in hooks.json()["webhooks"]] == ["bot"]  # its secret can still be read

    async with fraud_serving(tmp_path, NOBODY) as alone, http() as client:
        assert await World(client, NOBODY, alone.url).answers() == "1"


@needs("mlflow", "bentoml")
@pytest.mark.xdist_group("mlflow")
@pytest.mark.timeout(240)
async def test_a_first_start_may_be_interrupted_and_two_may_come_at_once(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = asyncio.create_task(prepared(cache))
    await until(lambda: any(cache.glob("*/mlflow/mlflow.db")))
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert not list(cache.glob("*/bentos"))

    one, two = await asyncio.gather(prepared(cache), prepared(cache))
    assert one == two
    assert [path.name for path in cache.iterdir() if path.is_dir()] == [one.name]
    assert {path.name for path in one.glob("bentos/bentos/fraud_detector/v*")} == {"v1", "v2", "v3"}
    assert (one / "mlflow" / "mlflow.db").exists()
    assert await prepared(cache) == one


def test_a_copy_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "deep" / "target"
    (source / "inside").mkdir(parents=True)
    (source / "inside" / "file").write_text("x")
    with pytest.raises(FileNotFoundError):
        lay_out(tmp_path / "nowhere", target)
    assert not target.exists()
    lay_out(source, target)
    assert (target / "inside" / "file").read_text() == "x"
    (source / "inside" / "file").write_text("y")
    lay_out(source, target)
    assert (target / "inside" / "file").read_text() == "x"  # what a run has changed since is its own
