"""A model behind KServe is asked itself, and what it says is proof, doubt, or nothing at all."""

import json
from collections.abc import AsyncIterator

import pytest

from bot.domain.models import Evidence
from tests.integrations.kserve_world import PROBES, Connect, Model, World, model_server
from tests.servers.kube import ON_KUBE

pytestmark = ON_KUBE


@pytest.fixture
async def model() -> AsyncIterator[Model]:
    async with model_server() as made:
        yield made


async def test_the_models_own_answer_is_proof(kserve: World, connect_kserve: Connect, model: Model) -> None:
    await kserve.create("3")
    seen = await connect_kserve(model_url=model.url).observe("fraud", probes=PROBES)
    assert (seen.version, seen.evidence, seen.healthy, seen.in_progress) == ("3", Evidence.ANSWER, True, False)
    assert seen.detail == "(/v2/models/fraud answers as version 3)"
    (request,) = model.asked
    assert request.url.path == "/v2/models/fraud"
    assert kserve.api.bot not in str(request.headers), "the cluster's token is not for models"


@pytest.mark.parametrize("where", ["address", "url"])
async def test_its_address_is_taken_from_the_inferenceservice(
    kserve: World, connect_kserve: Connect, model: Model, where: str
) -> None:
    await kserve.create("3", mode="Standard")
    status = (await kserve.get())["status"] | {"url": "http://127.0.0.1:9"}
    said = f"{model.url}/v1/models/fraud:predict"
    await kserve.write_status(status | ({"address": {"url": said}} if where == "address" else {"url": said}))
    seen = await connect_kserve().observe("fraud", probes=PROBES)
    assert seen.evidence is Evidence.ANSWER


@pytest.mark.parametrize(
    "url", ["", "file:///etc/passwd", "http://user:word@127.0.0.1:1", "javascript:alert(1)", "http://"]
)
async def test_an_address_that_is_none_is_not_asked(kserve: World, connect_kserve: Connect, url: str) -> None:
    await kserve.create("3")
    status = {key: value for key, value in (await kserve.get())["status"].items() if key != "url"}
    await kserve.write_status(status | ({"url": url} if url else {}))
    seen = await connect_kserve().observe("fraud", probes=PROBES)
    assert (seen.version, seen.evidence) == ("3", Evidence.CONTROL_PLANE)
    assert "the model was not asked" in seen.detail


async def test_a_model_that_contradicts_kubernetes_leaves_it_open(
    kserve: World, connect_kserve: Connect, model: Model
) -> None:
    await kserve.create("2")
    seen = await connect_kserve(model_url=model.url).observe("fraud", probes=PROBES)
    assert (seen.version, seen.evidence) == (None, Evidence.ANSWER)
    assert seen.detail == "(/v2/models/fraud answers as version 3, its InferenceService says version 2)"


async def test_while_a_change_is_on_its_way_an_old_answer_proves_nothing(
    kserve: World, connect_kserve: Connect, model: Model
) -> None:
    await kserve.create("3")
    await kserve.roll_out("4")
    seen = await connect_kserve(model_url=model.url).observe("fraud", probes=PROBES)
    assert (seen.version, seen.evidence, seen.in_progress) == ("4", Evidence.CONTROL_PLANE, True)
    assert model.asked == []


@pytest.mark.parametrize(
    ("status", "body", "healthy", "words"),
    [
        (200, {"versions": ["v3"]}, True, "/v2/models/fraud answers as version 3"),
        (200, {"versions": []}, True, "/v2/models/fraud names no version at versions"),
        (200, {"versions": None}, True, "/v2/models/fraud names no version at versions"),
        (200, {"name": "fraud"}, True, "/v2/models/fraud names no version at versions"),
        (200, {"versions": ["2", "3"]}, True, "/v2/models/fraud answers as versions 2, 3"),
        (200, {"versions": [{"a": 1}, None, ["3"], "x" * 500]}, True, "/v2/models/fraud names no version at versions"),
        (200, {"versions": "3"}, True, "/v2/models/fraud answers as version 3"),
        (200, [], True, "/v2/models/fraud names no version at versions"),
        (200, b"<html><title>Log in</title></html>", True, "the answer of /v2/models/fraud can't be used"),
        (200, b"[" * 10_000, True, "the answer of /v2/models/fraud can't be used"),
        (200, b'"' + b"x" * 9_000_000 + b'"', True, "the answer of /v2/models/fraud can't be used"),
        (503, b"loading", False, "/v2/models/fraud is answered with 503"),
        (404, {"error": "no such model"}, False, "/v2/models/fraud is answered with 404"),
        (302, b"", False, "/v2/models/fraud is answered with 302"),
    ],
)
async def test_whatever_else_it_says_is_told_and_is_no_proof(
    kserve: World, connect_kserve: Connect, model: Model, status: int, body: object, healthy: bool, words: str
) -> None:
    await kserve.create("3", mode="ModelMesh")
    model.status, model.body = status, body if isinstance(body, bytes) else json.dumps(body).encode()
    seen = await connect_kserve(model_url=model.url).observe("fraud", probes=PROBES)
    proved = words == "/v2/models/fraud answers as version 3"
    assert seen.evidence is (Evidence.ANSWER if proved else Evidence.CONTROL_PLANE)
    assert (seen.version, seen.healthy) == ("3", healthy)
    assert words in seen.detail


async def test_a_model_that_can_not_be_reached_is_not_called_ill(kserve: World, connect_kserve: Connect) -> None:
    await kserve.create("3")
    adapter = connect_kserve(model_url="http://127.0.0.1:9")
    seen = await adapter.observe("fraud", probes=PROBES)
    assert (seen.version, seen.evidence, seen.healthy) == ("3", Evidence.CONTROL_PLANE, True)
    assert "/v2/models/fraud can't be asked" in seen.detail


async def test_a_rollback_is_confirmed_by_the_model_itself(
    kserve: World, connect_kserve: Connect, model: Model
) -> None:
    await kserve.create("3", mode="Standard")
    adapter = connect_kserve(model_url=model.url)
    before = await adapter.observe("fraud", probes=PROBES)
    assert before.evidence is Evidence.ANSWER
    told = await adapter.serve("fraud", "2", expected=before)
    assert (told.version, told.evidence, told.in_progress) == ("2", Evidence.CONTROL_PLANE, True)
    await kserve.settle()
    assert (await adapter.observe("fraud", probes=PROBES)).version is None, (
        "the pods are new, and the model says otherwise"
    )
    model.body = b'{"versions":["2"]}'
    seen = await adapter.observe("fraud", probes=PROBES)
    assert (seen.version, seen.evidence) == ("2", Evidence.ANSWER)
