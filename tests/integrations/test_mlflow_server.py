"""MLflow as it really is: a server of our own, with a trained model's three versions."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.demo.servers import MlflowServer
from bot.domain.errors import BadInput, BotError, Forged, NotFound
from bot.domain.models import Column, compare_signatures
from bot.ports.systems import Delivery
from integrations.mlflow.adapter import Mlflow
from tests.contracts.registry import ALIAS, MODEL
from tests.integrations.deliveries import delivery
from tests.integrations.mlflow_server import SECRET, Direct
from tests.needs import needs
from tests.servers.asgi import serving

pytestmark = [needs("mlflow", "bentoml"), pytest.mark.xdist_group("mlflow")]


# ---------------------------------------------------------------- reading


async def test_a_version_shows_what_was_measured_and_where_it_comes_from(
    registry: Mlflow, mlflow: MlflowServer
) -> None:
    version = await registry.version(MODEL, "3")
    assert version.metrics["auc"] > 0.99
    assert version.metrics["recent_auc"] < 0.85
    assert version.tags["git_commit"] == "91e7d2f4"
    assert version.description == "Monthly retraining on the payments of November."
    assert version.url == f"{mlflow.url}/#/models/fraud-detector/versions/3"
    assert version.signature is not None
    assert version.signature.inputs[0] == Column("amount", "double")
    assert [column.name for column in version.signature.outputs] == ["fraud"]


async def test_versions_of_one_model_can_be_exchanged(registry: Mlflow) -> None:
    three, two = await registry.version(MODEL, "3"), await registry.version(MODEL, "2")
    assert three.signature is not None
    assert two.signature is not None
    assert compare_signatures(three.signature, two.signature).compatible


async def test_ready_is_not_loadable(registry: Mlflow, direct: Direct) -> None:
    run = (await direct.call("POST", "runs/create", experiment_id="0"))["run"]
    assert isinstance(run, dict)
    run_id = run["info"]["run_id"]
    made = {"name": "hollow", "source": f"{run['info']['artifact_uri']}/nothing", "run_id": run_id}
    await direct.call("POST", "registered-models/create", name="hollow")
    await direct.call("POST", "model-versions/create", **made)
    await direct.call("POST", "model-versions/create", name="hollow", source="s3://no-such-bucket/model")
    hollow, elsewhere = await registry.version("hollow", "1"), await registry.version("hollow", "2")
    assert (hollow.status.value, hollow.artifact_loadable) == ("ready", False)
    assert (elsewhere.status.value, elsewhere.artifact_loadable) == (
        "ready",
        None,
    )  # a store that this server can't ask
    assert hollow.metrics == {}


async def test_an_unknown_model_is_answered_with_what_was_meant(registry: Mlflow) -> None:
    with pytest.raises(NotFound) as told:
        await registry.versions("fraud-detecter")
    assert str(told.value) == "MLflow has no model fraud-detecter. Nothing was changed. Did you mean fraud-detector?"
    with pytest.raises(NotFound, match=r"MLflow has no version 99 of fraud-detector\."):
        await registry.version(MODEL, "99")


@pytest.mark.parametrize(
    "version", ["", "0", "-1", "03", "1.0", "latest", "²", "٣", "9" * 20, "2147483648", "3\n", "'"]
)
async def test_what_is_no_number_is_no_version(registry: Mlflow, version: str) -> None:
    with pytest.raises(NotFound):
        await registry.version(MODEL, version)
    before = await registry.resolve(MODEL, ALIAS)
    with pytest.raises(BadInput) as refused:
        await registry.move(MODEL, ALIAS, version, expected=before)
    assert refused.value.not_done == "Nothing was changed."


async def test_aliases_are_told_apart_by_case(registry: Mlflow) -> None:
    assert (await registry.resolve(MODEL, "Champion")).version is None


@pytest.mark.parametrize(
    "name",
    [
        "it's",
        'say "x"',
        "a\\b",
        "a%b_c",
        "ünï 😀",
        "a;b--",
        "<b>&z",
        "*bold*`",
        " lead",
        "a.b",
        "name='a' OR 1=1",
        "é" * 200,
    ],
)
async def test_any_name_that_mlflow_takes_is_read_and_moved(
    registry: Mlflow, direct: Direct, mlflow: MlflowServer, name: str
) -> None:
    await direct.call("POST", "registered-models/create", name=name)
    for _ in "12":
        await direct.call("POST", "model-versions/create", name=name, source="s3://nowhere/model")
    none = await registry.resolve(name, ALIAS)
    await registry.move(name, ALIAS, "1", expected=none)
    versions = await registry.versions(name)
    assert [(v.model, v.version, v.aliases) for v in versions] == [(name, "2", ()), (name, "1", (ALIAS,))]
    assert (await registry.version(name, "1")).aliases == (ALIAS,)
    assert versions[0].url.startswith(f"{mlflow.url}/#/models/")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a/b",
        "..",
        "../../etc/passwd",
        "a:b",
        "' OR 1=1 --",
        "'\"",
        "a\nb",
        "nul\x00",
        "\ud83d",
        "x" * 5_000,
        "x" * 70_000,
    ],
)
async def test_no_name_does_harm(registry: Mlflow, name: str) -> None:
    for asked in (registry.versions(name), registry.version(name, "1"), registry.resolve(name, ALIAS)):
        with pytest.raises(BotError) as told:
            await asked
        assert len(str(told.value)) < 1_000
        assert "\n" not in str(told.value)
    with pytest.raises(BotError):
        await registry.resolve(name, "\ud83d")


async def test_many_versions_come_page_by_page(registry: Mlflow, direct: Direct) -> None:
    await direct.call("POST", "registered-models/create", name="prolific")
    await asyncio.gather(
        *(
            direct.call("POST", "model-versions/create", name="prolific", source="s3://nowhere/model")
            for _ in range(205)
        )
    )
    assert [v.version for v in await registry.versions("prolific")] == [str(number) for number in range(205, 0, -1)]


# ---------------------------------------------------------------- what was changed


async def test_the_feed_tells_who_promoted_what_and_when(registry: Mlflow) -> None:
    made = (await registry.version(MODEL, "3")).created_at
    changes = await registry.changes_since(MODEL, made - timedelta(hours=1))
    assert [(c.kind, c.text, c.by) for c in changes] == [
        ("promotion", "version 3 promoted by Dana", "Dana"),
        ("version", "version 3 registered by run train-fraud-144", ""),
    ]
    assert changes[1].at == made
    assert abs(changes[0].at - made - timedelta(minutes=16)) < timedelta(seconds=1)
    assert [c.kind for c in await registry.changes_since(MODEL, made + timedelta(minutes=1))] == ["promotion"]
    assert len(await registry.changes_since(MODEL, made - timedelta(days=100))) == 6


async def test_nobody_remembers_anything_of_an_unknown_model(registry: Mlflow) -> None:
    assert list(await registry.changes_since("no-such-model", datetime(2000, 1, 1, tzinfo=UTC))) == []


async def test_a_webhook_of_the_real_server_is_authentic_and_tells_of_the_move(
    registry: Mlflow, direct: Direct
) -> None:
    got: asyncio.Queue[Delivery] = asyncio.Queue()

    async def receive(request: Request) -> Response:
        await got.put(delivery(await request.body(), headers=dict(request.headers), at=datetime.now(UTC)))
        return Response()

    async with serving(Starlette(routes=[Route("/hook", receive, methods=["POST"])])) as url:
        events = [{"entity": "MODEL_VERSION_ALIAS", "action": "CREATED"}]
        made = await direct.call("POST", "webhooks", name="tests", url=f"{url}/hook", events=events, secret=SECRET)
        assert isinstance(made["webhook"], dict)
        try:
            told = await _moved_until_told(direct, got)
        finally:
            await direct.call("DELETE", f"webhooks/{made['webhook']['webhook_id']}")
    assert registry.verify(told) is True
    assert list(registry.alerts(told)) == []
    (change,) = registry.changes(told)
    assert (change.model, change.kind, change.version) == (MODEL, "promotion", "2")
    assert abs(change.at - datetime.now(UTC)) < timedelta(minutes=1)
    forged = Delivery(told.body.replace(b'"2"', b'"1"'), told.headers, told.received_at, told.query)
    with pytest.raises(Forged):
        registry.verify(forged)


async def _moved_until_told(direct: Direct, got: "asyncio.Queue[Delivery]") -> Delivery:
    """MLflow remembers for a second which webhooks there are, and may miss the first move."""
    async with asyncio.timeout(60):
        while True:
            await direct.point(ALIAS, "2")
            try:
                return await asyncio.wait_for(got.get(), 2)
            except TimeoutError:
                continue


async def test_the_doctor_sees_release_and_models(registry: Mlflow) -> None:
    said = await registry.probe()
    assert said.startswith("MLflow 3.17.2, ")
    assert said.endswith(" models")
