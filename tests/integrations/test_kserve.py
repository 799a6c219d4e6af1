"""KServe: what an InferenceService says it serves, on an API server in memory and, where there is one, on a real one."""

from collections.abc import AsyncIterator, Mapping

import pytest

from bot.domain.errors import BadInput, Refused
from bot.domain.models import Evidence
from bot.ports.systems import Serving, TrafficSplitter
from integrations.kserve.adapter import KserveDeployer
from tests.contracts.deployer import DeployerContract, Told
from tests.contracts.serving import ServingContract
from tests.contracts.splitter import SplitterContract
from tests.integrations.kserve_world import APPS, PROBES, Connect, World, model_server, uri
from tests.servers.kube import ON_KUBE

pytestmark = ON_KUBE


@pytest.fixture(params=["Knative", "Standard"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class TestServing(ServingContract):
    naming = PROBES[0]

    @pytest.fixture
    async def serving(self, kserve: World, connect_kserve: Connect, mode: str) -> AsyncIterator[Serving]:
        await kserve.create("3", mode=mode)
        async with model_server() as model:
            yield connect_kserve(model_url=model.url)


class TestDeployer(DeployerContract):
    @pytest.fixture
    async def deployer(self, kserve: World, connect_kserve: Connect, mode: str) -> Told:
        self.world = kserve
        await kserve.create("3", mode=mode)
        adapter = connect_kserve()
        assert isinstance(adapter, KserveDeployer)
        return adapter

    async def settle(self, deployer: Told) -> None:
        await self.world.settle()


class TestSplitter(SplitterContract):
    @pytest.fixture
    async def splitter(self, kserve: World, connect_kserve: Connect) -> TrafficSplitter:
        self.world = kserve
        await kserve.create("2")
        await kserve.roll_out("3", canary=20)
        await kserve.settle()
        return connect_kserve()

    async def settle(self, splitter: TrafficSplitter) -> None:
        await self.world.settle()


# ---------------------------------------------------------------- what serves


async def test_kubernetes_word_is_called_what_it_is(kserve: World, connect_kserve: Connect, mode: str) -> None:
    await kserve.create("3", mode=mode)
    seen = await connect_kserve().observe("fraud")
    assert seen.evidence is Evidence.CONTROL_PLANE
    assert seen.healthy is True
    assert f"its InferenceService, {mode} mode" in seen.detail
    assert seen.token == (await kserve.get())["metadata"]["resourceVersion"]


async def test_a_target_may_name_its_namespace(kserve: World, connect_kserve: Connect) -> None:
    await kserve.create("3")
    assert (await connect_kserve(namespace="").observe(f"{kserve.namespace}/fraud")).version == "3"
    with pytest.raises(BadInput, match="'fraud' names no namespace"):
        await connect_kserve(namespace="").observe("fraud")
    for name in ("../fraud", "a/b/c", "Fraud", "", "ml/", "x" * 300, "fraud?watch=1", "\N{BELL}"):
        with pytest.raises(BadInput):
            await connect_kserve().observe(name)


@pytest.mark.parametrize("older", ["Serverless", "RawDeployment"])
async def test_the_modes_older_names_are_known(kserve: World, connect_kserve: Connect, older: str) -> None:
    await kserve.create("3", mode=older)
    newer = {"Serverless": "Knative", "RawDeployment": "Standard"}[older]
    assert f"{newer} mode" in (await connect_kserve().observe("fraud")).detail


async def test_what_was_told_is_in_progress_until_it_has_arrived(
    kserve: World, connect_kserve: Connect, mode: str
) -> None:
    await kserve.create("3", mode=mode)
    serving = connect_kserve()
    await kserve.roll_out("4")
    told = await serving.observe("fraud")
    assert (told.version, told.in_progress) == ("4", True), "the controller has not even looked at it"
    while await kserve.controller.reconcile("fraud"):
        assert (await serving.observe("fraud")).version == "4"
    assert not (await serving.observe("fraud")).in_progress


async def test_pods_that_are_being_replaced_are_in_progress(kserve: World, connect_kserve: Connect) -> None:
    await kserve.create("3", mode="Standard")
    await kserve.roll_out("4")
    await kserve.controller.reconcile("fraud")
    # KServe's status may still be the old one: the deployment itself says what it does.
    await kserve.write_status(kserve.controller.conditions(ready=True) | {"deploymentMode": "Standard"})
    seen = await connect_kserve().observe("fraud")
    assert (seen.version, seen.in_progress) == ("4", True)
    assert "its pods are being replaced" in seen.detail


@pytest.mark.parametrize(
    ("status", "arrived"),
    [
        ({"replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1}, True),
        ({"replicas": 4, "updatedReplicas": 4, "readyReplicas": 2, "availableReplicas": 2}, True),
        ({"replicas": 4, "updatedReplicas": 4, "unavailableReplicas": 4}, False),
        ({"replicas": 2, "updatedReplicas": 1, "readyReplicas": 2, "availableReplicas": 2}, False),
        ({"replicas": 1, "unavailableReplicas": 1}, False),
    ],
)
async def test_a_deployment_that_grows_or_has_lost_a_pod_is_not_being_changed(
    kserve: World, connect_kserve: Connect, status: Mapping[str, int], arrived: bool
) -> None:
    await kserve.create("3", mode="Standard")
    path = kserve.path(APPS, "deployments", "fraud-predictor")
    deployment = await kserve.do("GET", path)
    deployment["spec"]["replicas"] = 4
    deployment = await kserve.do("PUT", path, deployment)
    written = {"observedGeneration": deployment["metadata"]["generation"], **status}
    await kserve.do("PUT", f"{path}/status", deployment | {"status": written})
    seen = await connect_kserve().observe("fraud")
    assert (seen.version, seen.in_progress) == ("3", not arrived)


@pytest.mark.parametrize("mode", ["Knative", "Standard"])
async def test_an_older_kserve_does_not_say_its_mode(kserve: World, connect_kserve: Connect, mode: str) -> None:
    await kserve.create("3", mode=mode)
    await kserve.change({"metadata": {"annotations": {"serving.kserve.io/deploymentMode": None}}})
    status = await kserve.get()
    await kserve.write_status({key: value for key, value in status["status"].items() if key != "deploymentMode"})
    seen = await connect_kserve().observe("fraud")
    assert (seen.version, seen.in_progress) == ("3", False)
    assert f"{mode} mode" in seen.detail


async def test_an_observed_generation_is_believed_by_nobody(kserve: World, connect_kserve: Connect) -> None:
    await kserve.create("3", mode="Standard")
    await kserve.roll_out("4")
    status = (await kserve.get())["status"]
    await kserve.write_status(status | {"observedGeneration": 99})
    assert (await connect_kserve().observe("fraud")).in_progress


async def test_without_a_status_nothing_is_claimed(kserve: World, connect_kserve: Connect, mode: str) -> None:
    await kserve.create("3", mode=mode, settled=False)
    seen = await connect_kserve().observe("fraud")
    assert (seen.version, seen.in_progress, seen.healthy) == ("3", True, None)
    assert "no controller has written its status yet" in seen.detail


@pytest.mark.parametrize("mode", ["Standard", "Knative", "ModelMesh"])
async def test_a_version_that_can_not_be_loaded_is_unhealthy_with_the_reason(
    kserve: World, connect_kserve: Connect, mode: str
) -> None:
    await kserve.create("3", mode=mode)
    kserve.controller.broken = {"4"}
    await kserve.roll_out("4")
    await kserve.settle()
    if mode == "ModelMesh":
        await kserve.write_status(kserve.controller.conditions(ready=False) | {"deploymentMode": mode})
    seen = await connect_kserve().observe("fraud")
    assert (seen.version, seen.healthy, seen.in_progress) == ("4", False, False)
    assert "BlockedByFailedLoad: ModelLoadFailed no such bucket" in seen.detail
    assert mode != "Knative" or "requests now: version 3 100 %" in seen.detail


async def test_a_model_that_is_scaled_to_zero_is_at_rest(kserve: World, connect_kserve: Connect) -> None:
    kserve.controller.cold = True
    await kserve.create("3")
    assert (await kserve.get())["status"]["modelStatus"]["transitionStatus"] == "InProgress"
    seen = await connect_kserve().observe("fraud")
    assert (seen.version, seen.healthy, seen.in_progress) == ("3", True, False)


async def test_a_canary_means_that_no_single_version_serves(kserve: World, connect_kserve: Connect) -> None:
    await kserve.create("2")
    await kserve.roll_out("3", canary=20)
    await kserve.settle()
    seen = await connect_kserve().observe("fraud")
    assert (seen.version, seen.in_progress) == (None, False)
    assert "version 3 20 %, version 2 80 %" in seen.detail


async def test_a_canary_that_gets_nothing_does_not_count_even_when_it_is_broken(
    kserve: World, connect_kserve: Connect
) -> None:
    await kserve.create("2")
    kserve.controller.broken = {"3"}
    await kserve.roll_out("3", canary=0)
    await kserve.settle()
    seen = await connect_kserve().observe("fraud")
    assert (seen.version, seen.healthy, seen.in_progress) == ("2", True, False)
    assert "revision fraud-predictor-00002 is not ready and gets none" in seen.detail


async def test_another_canary_in_standard_mode_means_so_too(kserve: World, connect_kserve: Connect) -> None:
    await kserve.create("2", mode="Standard")
    candidate = {"name": "next", "model": {"modelFormat": {"name": "sklearn"}, "storageUri": uri("3")}}
    await kserve.change({"spec": {"canary": [{"trafficPercent": 10, "predictor": candidate}]}})
    seen = await connect_kserve().observe("fraud")
    assert seen.version is None
    assert "spec.canary gets 10 % of the requests" in seen.detail


async def test_a_deployment_that_somebody_took_away_is_missed(kserve: World, connect_kserve: Connect) -> None:
    await kserve.create("3", mode="Standard")
    await kserve.do("DELETE", kserve.path(APPS, "deployments", "fraud-predictor"))
    seen = await connect_kserve().observe("fraud")
    assert seen.in_progress
    assert "its deployment is not made yet" in seen.detail


async def test_one_that_is_being_deleted_is_not_well(kserve: World, connect_kserve: Connect, mode: str) -> None:
    await kserve.create("3", mode=mode, metadata={"finalizers": ["example.com/wait"]})
    await kserve.do("DELETE", kserve.isvc())
    seen = await connect_kserve().observe("fraud")
    assert (seen.healthy, seen.in_progress) == (False, True)
    assert "it is being deleted" in seen.detail
    await kserve.change({"metadata": {"finalizers": None}})


@pytest.mark.parametrize(
    ("metadata", "by", "owner"),
    [
        ({"labels": {"argocd.argoproj.io/instance": "fraud"}}, "", "Argo CD"),
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "models"}}, "", "Flux"),
        ({"annotations": {"meta.helm.sh/release-name": "fraud"}}, "", "Helm"),
        ({}, "argocd-controller", "Argo CD"),
        ({}, "kustomize-controller", "Flux"),
    ],
)
async def test_who_puts_it_back_is_named(
    kserve: World, connect_kserve: Connect, metadata: Mapping[str, object], by: str, owner: str
) -> None:
    await kserve.create("3")
    await kserve.change({"metadata": metadata, "spec": {"predictor": {"minReplicas": 2}}}, by=by or "kubectl")
    serving = connect_kserve()
    assert isinstance(serving, KserveDeployer)
    assert f"{owner} manages it and may put it back" in (await serving.observe("fraud")).detail
    assert f"{owner} manages it" in serving.plan_serve("fraud", "2").note
    assert f"{owner} manages it" in (await serving.split("fraud")).detail


async def test_an_unknown_name_is_told_with_the_nearest(kserve: World, connect_kserve: Connect) -> None:
    await kserve.create("3")
    with pytest.raises(Refused, match=r"There is no InferenceService ml-.*/fruad") as told:
        await connect_kserve().observe("fruad")
    assert told.value.next_step == "Did you mean fraud?"
    with pytest.raises(Refused) as told:
        await connect_kserve().observe("nothing-like-it")
    assert told.value.next_step.endswith("there are: fraud.")


# ---------------------------------------------------------------- which version that is


@pytest.mark.parametrize(
    ("annotation", "storage_uri", "settings", "version", "note"),
    [
        ("3", "s3://models/fraud/3", {}, "3", ""),
        ("3", "s3://models/fraud/4", {}, "4", "its annotation says version 3"),
        ("3", "gs://elsewhere/4", {}, "3", ""),
        ("", "gs://elsewhere/v4/", {}, "4", ""),
        ("", "s3://models/fraud/v12", {}, "12", ""),
        ("7", "gs://elsewhere/4", {"version_annotation": ""}, "4", ""),
        ("", "gs://elsewhere/run-9f/model", {"version_pattern": r"/run-(\w+)/"}, "9f", ""),
        ("", "gs://elsewhere/model", {"version_pattern": r"/run-(\w+)/"}, None, "it names no version"),
    ],
)
async def test_a_version_is_read_off_where_it_comes_from(
    kserve: World,
    connect_kserve: Connect,
    annotation: str,
    storage_uri: str,
    settings: Mapping[str, object],
    version: str | None,
    note: str,
) -> None:
    await kserve.create(annotation, mode="ModelMesh", storage_uri=storage_uri)
    seen = await connect_kserve(**settings).observe("fraud")
    assert seen.version == version
    assert note in seen.detail


async def test_a_team_has_an_annotation_of_its_own(kserve: World, connect_kserve: Connect) -> None:
    await kserve.create("3", mode="ModelMesh", storage_uri="gs://elsewhere/model")
    await kserve.change({"metadata": {"annotations": {"team.example/model": "v5"}}})
    serving = connect_kserve(version_annotation="team.example/model")
    assert (await serving.observe("fraud")).version == "5"
    await serving.serve("fraud", "2", expected=await serving.observe("fraud"))
    assert (await kserve.get())["metadata"]["annotations"]["team.example/model"] == "2"


async def test_a_custom_container_names_no_version(kserve: World, connect_kserve: Connect) -> None:
    container = {"name": "kserve-container", "image": "registry.example/fraud:3"}
    await kserve.create("", mode="ModelMesh", predictor={"containers": [container]})
    seen = await connect_kserve().observe("fraud")
    assert seen.version is None
    assert "it names no version" in seen.detail


# ---------------------------------------------------------------- how requests are shared


@pytest.mark.parametrize("other", ["Standard", "RawDeployment", "ModelMesh"])
async def test_requests_can_be_shared_in_knative_mode_only(kserve: World, connect_kserve: Connect, other: str) -> None:
    await kserve.create("3", mode=other)
    splitter = connect_kserve()
    with pytest.raises(BadInput, match=r"where KServe ignores canaryTrafficPercent\.") as told:
        await splitter.split("fraud")
    assert "Knative mode only" in told.value.next_step


async def test_without_an_earlier_revision_there_is_nothing_to_share_with(
    kserve: World, connect_kserve: Connect
) -> None:
    await kserve.create("3")
    splitter = connect_kserve()
    alone = await splitter.split("fraud")
    assert alone.shares == (("3", 100),)
    assert "there is no earlier revision to share with" in alone.detail
    with pytest.raises(BadInput, match="no two versions"):
        splitter.plan_shift("fraud", "3", 50, expected=alone)
    with pytest.raises(BadInput, match="no two versions"):
        await splitter.shift("fraud", "3", 50, expected=alone)


async def test_a_canary_that_is_still_to_come_is_seen_beside_what_serves(
    kserve: World, connect_kserve: Connect
) -> None:
    await kserve.create("1")
    await kserve.roll_out("2")
    await kserve.settle()
    await kserve.roll_out("3", canary=20)
    split = await connect_kserve().split("fraud")
    assert (split.shares, split.in_progress) == ((("3", 20), ("2", 80)), True)
    await kserve.settle()
    arrived = await connect_kserve().split("fraud")
    assert (arrived.shares, arrived.in_progress) == (split.shares, False)


async def test_two_revisions_of_one_version_can_not_be_told_apart(kserve: World, connect_kserve: Connect) -> None:
    await kserve.create("3")
    await kserve.change({"spec": {"predictor": {"minReplicas": 2, "canaryTrafficPercent": 10}}})
    await kserve.settle()
    split = await connect_kserve().split("fraud")
    assert split.shares == (("3", 100),)
    assert (await connect_kserve().observe("fraud")).version == "3"


async def test_a_revision_that_names_no_version_is_said(kserve: World, connect_kserve: Connect) -> None:
    await kserve.create("2")
    await kserve.roll_out("3", canary=20)
    await kserve.settle()
    await kserve.do("DELETE", kserve.path("/apis/serving.knative.dev/v1", "revisions", "fraud-predictor-00001"))
    split = await connect_kserve().split("fraud")
    assert split.shares == (("3", 20),)
    assert "80 % go to a revision that names no version" in split.detail
    assert (await connect_kserve().observe("fraud")).version is None


async def test_everything_that_was_rolled_out_can_be_taken_back_once(kserve: World, connect_kserve: Connect) -> None:
    for version in ("1", "2", "3"):
        await (kserve.create(version) if version == "1" else kserve.roll_out(version))
        await kserve.settle()
    splitter = connect_kserve()
    split = await splitter.split("fraud")
    assert split.shares == (("3", 100), ("2", 0)), "KServe keeps one revision before the newest"
    await splitter.shift("fraud", "3", 0, expected=split)
    await kserve.settle()
    assert (await splitter.split("fraud")).shares == (("3", 0), ("2", 100))
    assert (await splitter.observe("fraud")).version == "2"
    now = (await kserve.get())["status"]["components"]["predictor"]["traffic"]
    assert {one["revisionName"]: one["percent"] for one in now} == {
        "fraud-predictor-00003": 0,
        "fraud-predictor-00002": 100,
    }


# ---------------------------------------------------------------- whether it works


async def test_the_probe_says_what_is_there(kserve: World, connect_kserve: Connect) -> None:
    await kserve.create("3", mode="ModelMesh")
    said = await connect_kserve().probe()
    assert said.startswith("Kubernetes v")
    assert said.endswith(f", 1 InferenceService in {kserve.namespace}")
    assert (await connect_kserve(namespace="").probe()).endswith("no namespace is set, targets name theirs")
