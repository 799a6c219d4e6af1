"""A configuration with three pointers in a real MLflow and a real BentoML that is probed: from the file to the aliases."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.requests import Request

from bot.app import settings_classes
from bot.config.loader import load
from bot.demo.servers import MlflowServer, Serving
from bot.domain.operation import Operation, OperationState, Stage
from bot.kit.http import HttpClients, Limits
from bot.ports.clock import SystemClock
from bot.usecases.setup import Setup
from integrations.bentoml.adapter import build as build_bentoml
from integrations.bentoml.manifest import MANIFEST as BENTOML
from integrations.bentoml.manifest import Settings as BentomlSettings
from integrations.mlflow.adapter import Mlflow
from integrations.mlflow.manifest import MANIFEST as MLFLOW
from tests.contracts.registry import ALIAS, MODEL
from tests.integrations.mlflow_server import MOVE, Connect, Direct
from tests.needs import needs
from tests.servers.proxy import Held, Proxy
from tests.usecases.world import DEVI, MIKA, World, a_setup, shown

pytestmark = [needs("mlflow", "bentoml"), pytest.mark.xdist_group("mlflow")]

COPY, TAG = "fraud-detector-audited", "source_version"
CONFIGURATION = """
integrations:
  mlflow: {{url: "{mlflow}"}}
models:
  fraud-detector:
    environments:
      production:
        registry: {{integration: mlflow}}
        mirrors:
          - {{integration: mlflow, alias: published}}
          - {{integration: mlflow, model: fraud-detector-audited, alias: live, version_tag: source_version}}
        serving:
          - integration: bentoml
            target: "{bentoml}"
            probes:
              - {{path: /docs.json, version: info.version}}
              - path: /predict
                body: '{{"payments": [{{"amount": 12.5, "hour": 14, "merchant_risk": 0.1, "country_risk": 0.1}}]}}'
"""


class Office(World):
    """The use cases between a real registry and a real service."""

    def __init__(self, path: Path, setup: Setup, registry: Mlflow, clients: HttpClients) -> None:
        self.mlflow = registry
        self.bentoml = build_bentoml(BentomlSettings(), clients, SystemClock())
        super().__init__(path, setup)

    def _process(self) -> None:
        super()._process()
        self.systems = replace(
            self.systems, registries={"mlflow": self.mlflow}, servings={"bentoml": self.bentoml}, feeds={},
            guarantees={"mlflow": MLFLOW.guarantees, "bentoml": BENTOML.guarantees},
        )  # fmt: skip
        self.rebuild()

    async def done(self, text: str) -> Operation:
        """Asked for, approved, and carried out."""
        number = await self.request(MIKA, text)
        reply = await self.say(f"approve OP-{number}", DEVI)
        assert reply.ok, shown(reply)
        await self.carry_out()
        return await self.operation(number)


Open = Callable[[str], Awaitable[Office]]


@pytest.fixture
async def opened(
    tmp_path: Path, mlflow: MlflowServer, bentoml: Serving, direct: Direct, connect_mlflow: Connect
) -> AsyncIterator[Open]:
    """All three pointers are at version 2, while the service answers with 3; `audited` counts the other way round."""
    await _register_copies(direct)
    await direct.point(ALIAS, "2")
    await direct.point("published", "2")
    await direct.point("live", "2", COPY)
    file = tmp_path / "mlops-bot.yaml"
    file.write_text(CONFIGURATION.format(mlflow=mlflow.url, bentoml=bentoml.url))
    bindings = load(file, environ={}, schemas=settings_classes()).setup.bindings
    clients = HttpClients(limits=Limits(read=10.0, attempts=1))
    made: list[Office] = []

    async def open_(url: str) -> Office:
        made.append(Office(tmp_path / "office.db", replace(a_setup(), bindings=bindings), connect_mlflow(url), clients))
        await made[-1].open()
        return made[-1]

    yield open_
    for office in made:
        await office.close()
    await clients.aclose()
    await direct.call("DELETE", MOVE, name=MODEL, alias="published")
    await direct.call("DELETE", "registered-models/delete", name=COPY)


async def _register_copies(direct: Direct) -> None:
    await direct.call("POST", "registered-models/create", name=COPY)
    for number in ("3", "2", "1"):
        tags = [{"key": TAG, "value": number}]
        source = f"models:/{MODEL}/{number}"
        await direct.call("POST", "model-versions/create", name=COPY, source=source, tags=tags)


async def stands(registry: Mlflow) -> tuple[str | None, ...]:
    """Where the three pointers are."""
    pointers = ((MODEL, ALIAS), (MODEL, "published"), (COPY, "live"))
    return tuple([(await registry.resolve(model, alias)).version for model, alias in pointers])


async def test_every_pointer_is_moved_and_the_service_confirms_by_its_probes(
    opened: Open, mlflow: MlflowServer, registry: Mlflow
) -> None:
    office = await opened(mlflow.url)
    operation = await office.done(f"promote {MODEL} --to 3")
    assert (operation.state, operation.stage) == (OperationState.SUCCEEDED, Stage.SERVING_CONFIRMED), operation.outcome
    assert await stands(registry) == ("3", "3", "1")
    assert "/docs.json answers as version 3; /predict is answered" in operation.evidence
    assert [call.method for call in operation.plan.calls] == ["POST", "POST", "POST"]


async def test_one_that_somebody_else_moves_meanwhile_is_left_and_said(
    opened: Open, mlflow: MlflowServer, registry: Mlflow, direct: Direct
) -> None:
    office = await opened(mlflow.url)
    number = await office.request(MIKA, f"promote {MODEL} --to 3")
    assert (await office.say(f"approve OP-{number}", DEVI)).ok
    await direct.point("published", "1")
    await office.carry_out()
    operation = await office.operation(number)
    assert operation.state is OperationState.PARTLY
    assert f"Alias published of {MODEL} in mlflow is at version 1" in operation.outcome
    assert await stands(registry) == ("3", "1", "1")
    mended = await office.done(f"rollback {MODEL} --to 3")
    assert mended.state is OperationState.SUCCEEDED
    (call,) = mended.plan.calls
    assert "published" in call.body
    assert await stands(registry) == ("3", "3", "1")


@pytest.mark.parametrize("place", [1, 2, 3])
async def test_an_answer_that_is_lost_is_found_by_looking(
    opened: Open, between: Proxy, registry: Mlflow, place: int
) -> None:
    held, posts = Held(), []

    async def lose(request: Request) -> None:
        if request.method == "POST" and request.url.path.endswith(MOVE):
            posts.append(request)
            if len(posts) == place:
                await held.stand_still()

    office = await opened(between.url)
    between.after = lose
    operation = await office.done(f"promote {MODEL} --to 3")
    held.release()
    assert operation.state is OperationState.SUCCEEDED, operation.outcome
    assert len(posts) == 3, "nothing is sent twice"
    assert await stands(registry) == ("3", "3", "1")
