"""What every integration with Kubernetes relies on, on an API server in memory and, where there is one, on a real one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.domain.errors import BotError, Conflict, Refused, Unauthorized
from bot.kit.http import HttpClients, Limits
from bot.kit.kubernetes import Kind, Kube, connect
from integrations.kserve.cluster import DEPLOYMENTS, SERVICES
from integrations.kserve.manifest import Settings
from tests.integrations.kserve_world import World, uri
from tests.servers.kube import ON_KUBE

pytestmark = ON_KUBE


@pytest.fixture
async def kube_client(kserve: World) -> AsyncIterator[Kube]:
    clients = HttpClients(limits=Limits(attempts=1))
    given = {"server": kserve.api.url, "ca_file": kserve.api.ca_file, "token": kserve.api.bot}
    yield connect(Settings.model_validate(given), clients, "kserve")
    await clients.aclose()


def patch(token: str, **predictor: object) -> dict[str, object]:
    return {"metadata": {"resourceVersion": token}, "spec": {"predictor": predictor}}


async def token_of(world: World) -> str:
    return str((await world.get())["metadata"]["resourceVersion"])


async def test_what_is_not_there_is_nothing(kserve: World, kube_client: Kube) -> None:
    assert await kube_client.get(SERVICES, kserve.namespace, "fraud") is None
    assert await kube_client.list(SERVICES, kserve.namespace) == ()


async def test_a_list_is_narrowed_by_labels(kserve: World, kube_client: Kube) -> None:
    for name in ("fraud", "churn"):
        await kserve.create("1", name=name, mode="Standard")
    labels = "serving.kserve.io/inferenceservice=churn,component=predictor"
    (found,) = await kube_client.list(DEPLOYMENTS, kserve.namespace, labels=labels)
    assert isinstance(found, dict)
    assert found["metadata"]["name"] == "churn-predictor"


async def test_a_rehearsal_finds_everything_and_stores_nothing(kserve: World, kube_client: Kube) -> None:
    await kserve.create("3", mode="ModelMesh")
    before = await kserve.get()
    token = await token_of(kserve)
    await kube_client.rehearse(SERVICES, kserve.namespace, "fraud", patch(token, canaryTrafficPercent=5))
    with pytest.raises(Conflict):
        await kube_client.rehearse(SERVICES, kserve.namespace, "fraud", patch("1", canaryTrafficPercent=5))
    assert await kserve.get() == before


@pytest.mark.parametrize("earnest", [True, False])
async def test_what_the_schema_forbids_is_refused_by_field(kserve: World, kube_client: Kube, earnest: bool) -> None:
    await kserve.create("3", mode="ModelMesh")
    send = kube_client.patch if earnest else kube_client.rehearse
    with pytest.raises(Refused, match=r"\(422: .*canaryTrafficPercent.*integer") as told:
        await send(SERVICES, kserve.namespace, "fraud", patch(await token_of(kserve), canaryTrafficPercent="zero"))
    assert told.value.not_done == "Nothing was changed."


async def test_one_condition_holds_for_one_write(kserve: World, kube_client: Kube) -> None:
    await kserve.create("3", mode="ModelMesh")
    change = patch(await token_of(kserve), canaryTrafficPercent=5)
    await kube_client.patch(SERVICES, kserve.namespace, "fraud", change)
    with pytest.raises(Conflict, match="the object has been modified"):
        await kube_client.patch(SERVICES, kserve.namespace, "fraud", change)
    managers = [one["manager"] for one in (await kserve.get())["metadata"]["managedFields"]]
    assert "mlops-bot" in managers


async def test_a_patch_of_what_is_gone_is_refused(kserve: World, kube_client: Kube) -> None:
    for send in (kube_client.rehearse, kube_client.patch):
        with pytest.raises(Refused, match="not found"):
            await send(SERVICES, kserve.namespace, "fraud", patch("1", canaryTrafficPercent=5))


async def test_kinds_that_are_not_installed_are_told_from_objects_that_are_not_there(
    kserve: World, kube_client: Kube
) -> None:
    rules = [{"apiGroups": ["example.com"], "resources": ["things"], "verbs": ["get", "list"]}]
    name = "/apis/rbac.authorization.k8s.io/v1"
    role = {"metadata": {"name": "mlops-bot-kserve"}, "rules": rules}
    await kserve.do("PUT", kserve.path(name, "roles", "mlops-bot-kserve"), role)
    things = Kind("example.com", "v1", "things")
    for asked in (kube_client.get(things, kserve.namespace, "x"), kube_client.list(things, kserve.namespace)):
        with pytest.raises(Refused, match=r"does not know things\.example\.com in version v1"):
            await asked


async def test_rights_are_asked_for_as_they_are(kserve: World, kube_client: Kube) -> None:
    assert await kube_client.may("patch", SERVICES, kserve.namespace)
    assert not await kube_client.may("delete", SERVICES, kserve.namespace)
    assert not await kube_client.may("patch", SERVICES, "somewhere-else")
    with pytest.raises(Unauthorized):
        await kube_client.get(SERVICES, "somewhere-else", "fraud")


async def test_a_token_that_ends_is_told_and_a_new_one_is_taken(kserve: World, tmp_path: Path) -> None:
    await kserve.create("3", mode="ModelMesh")
    file = tmp_path / "token"
    clients = HttpClients(limits=Limits(attempts=1))
    given = {"server": kserve.api.url, "ca_file": kserve.api.ca_file, "token_file": str(file)}
    kube = connect(Settings.model_validate(given), clients, "kserve")
    said: list[str] = []
    for token in (kserve.api.bot, "token-that-has-ended", kserve.api.bot):
        file.write_text(token)
        try:
            found = await kube.get(SERVICES, kserve.namespace, "fraud")
            assert isinstance(found, dict)
            said.append(found["spec"]["predictor"]["model"]["storageUri"])
        except BotError as error:
            said.append(type(error).__name__)
    assert said == [uri("3"), "Unauthorized", uri("3")]
    await clients.aclose()


# ---------------------------------------------------------------- what the one in memory must do like the real one

JSON_PATCH = "application/json-patch+json"
PERCENT = "/spec/predictor/canaryTrafficPercent"


@pytest.mark.parametrize(
    ("operations", "status", "percent"),
    [
        ([{"op": "add", "path": PERCENT, "value": 5}], 200, 5),
        ([{"op": "test", "path": PERCENT, "value": 20}, {"op": "replace", "path": PERCENT, "value": 5}], 200, 5),
        ([{"op": "test", "path": PERCENT, "value": 21}, {"op": "replace", "path": PERCENT, "value": 5}], 422, 20),
        ([{"op": "remove", "path": PERCENT}], 200, None),
        ([{"op": "remove", "path": "/spec/predictor/nothing"}], 422, 20),
        ([{"op": "replace", "path": PERCENT, "value": "zero"}], 422, 20),
    ],
)
async def test_a_list_of_operations_is_done_whole_or_not_at_all(
    kserve: World, operations: list[dict[str, object]], status: int, percent: int | None
) -> None:
    await kserve.create("3", mode="ModelMesh")
    await kserve.change({"spec": {"predictor": {"canaryTrafficPercent": 20}}})
    answer = await kserve.ask("PATCH", kserve.isvc(), operations, kind=JSON_PATCH)
    assert answer.status_code == status, answer.text
    assert (await kserve.get())["spec"]["predictor"].get("canaryTrafficPercent") == percent


async def test_a_change_of_nothing_is_no_change(kserve: World) -> None:
    await kserve.create("3", mode="ModelMesh")
    before = await kserve.get()
    await kserve.change({"spec": {"predictor": {"model": {"storageUri": uri("3")}, "canaryTrafficPercent": None}}})
    assert (await kserve.get())["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


async def test_a_generation_counts_what_is_wanted_only(kserve: World) -> None:
    await kserve.create("3", mode="ModelMesh")
    seen = []
    for patch_ in ({"metadata": {"labels": {"a": "b"}}}, {"spec": {"predictor": {"minReplicas": 2}}}):
        await kserve.change(patch_)
        seen.append((await kserve.get())["metadata"]["generation"])
    await kserve.write_status({"deploymentMode": "ModelMesh", "url": "http://elsewhere.example"})
    now = await kserve.get()
    assert [*seen, now["metadata"]["generation"]] == [1, 2, 2]
    await kserve.change({"status": {"url": "http://not-this-way.example"}})
    assert (await kserve.get())["status"]["url"] == "http://elsewhere.example"


async def test_other_bodies_are_not_taken(kserve: World) -> None:
    await kserve.create("3", mode="ModelMesh")
    answer = await kserve.ask("PATCH", kserve.isvc(), {}, kind="application/json")
    assert answer.status_code == 415
