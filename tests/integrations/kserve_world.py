"""A namespace with InferenceServices on an API server, and KServe's controller, played step by step.

The controller does what v0.20 does (ksvc_reconciler.go, inference_service_status.go, deployment_reconciler.go), as far as
revisions, traffic and conditions go; pods don't exist, a version that is `broken` never becomes ready.
"""

import asyncio
import contextlib
import functools
import json
import re
import ssl
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.domain.models import Probe
from bot.kit.http import HttpClients, Limits
from bot.kit.tls import trusting
from bot.ports.clock import SystemClock
from integrations.kserve.adapter import Kserve, build
from integrations.kserve.manifest import Settings
from integrations.kserve.wire import OWNER_LABEL, SOURCE
from tests.integrations.deliveries import ROOT
from tests.servers.asgi import serving
from tests.servers.kube import ApiServer
from tests.servers.proxy import Proxy, proxy

FOLDER = ROOT / "kserve"
KSERVE = "/apis/serving.kserve.io/v1beta1"
KNATIVE = "/apis/serving.knative.dev/v1"
APPS = "/apis/apps/v1"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
ACCOUNT = {"kind": "ServiceAccount", "name": "mlops-bot", "namespace": "ml"}
PATIENCE = 30.0

Object = dict[str, Any]


def uri(version: str, name: str = "fraud") -> str:
    return f"s3://models/{name}/{version}"


def role() -> Object:
    """The Role of the README: what it grants must be enough."""
    block = re.search(r"```yaml\n(apiVersion: rbac.*?)```", (FOLDER / "README.md").read_text(), re.DOTALL)
    assert block is not None
    return dict(yaml.safe_load(block[1]))


@dataclass
class World:
    """One namespace."""

    api: ApiServer
    http: httpx.AsyncClient
    namespace: str

    def __post_init__(self) -> None:
        self.controller = Controller(self)

    # ------------------------------------------------------------ the administrator's hands

    async def ask(
        self, method: str, path: str, body: object = None, *, kind: str = "", **params: str
    ) -> httpx.Response:
        kind = kind or ("application/merge-patch+json" if method == "PATCH" else "application/json")
        content = None if body is None else json.dumps(body)
        return await self.http.request(method, path, content=content, params=params, headers={"content-type": kind})

    async def do(self, method: str, path: str, body: object = None, **params: str) -> Any:
        answer = await self.ask(method, path, body, **params)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer.json()

    def path(self, base: str, plural: str, name: str = "") -> str:
        return f"{base}/namespaces/{self.namespace}/{plural}{f'/{name}' if name else ''}"

    def isvc(self, name: str = "fraud") -> str:
        return self.path(KSERVE, "inferenceservices", name)

    async def get(self, name: str = "fraud") -> Object:
        return dict(await self.do("GET", self.isvc(name)))

    async def create(
        self, version: str = "1", *, name: str = "fraud", mode: str = "Knative", settled: bool = True,
        predictor: Object | None = None, metadata: Object | None = None, storage_uri: str = "",
    ) -> None:  # fmt: skip
        model = {"modelFormat": {"name": "sklearn"}, "storageUri": storage_uri or uri(version, name)}
        annotations = {"serving.kserve.io/deploymentMode": mode, "mlops-bot/version": version}
        await self.do(
            "POST",
            self.path(KSERVE, "inferenceservices"),
            {
                "apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService",
                "metadata": {"name": name, "annotations": annotations} | (metadata or {}),
                "spec": {"predictor": {"model": model} if predictor is None else predictor},
            },
        )  # fmt: skip
        if settled:
            await self.settle(name)

    async def change(self, patch: Object, *, name: str = "fraud", by: str = "kubectl") -> None:
        """Somebody else changes it."""
        await self.do("PATCH", self.isvc(name), patch, fieldManager=by)

    async def roll_out(self, version: str, canary: int | None = None, *, name: str = "fraud") -> None:
        """Somebody else lets it serve a version."""
        predictor = {"canaryTrafficPercent": canary, "model": {"storageUri": uri(version, name)}}
        metadata = {"annotations": {"mlops-bot/version": version}}
        await self.change({"metadata": metadata, "spec": {"predictor": predictor}}, name=name)

    async def write_status(self, status: Object, *, name: str = "fraud") -> None:
        """The whole status, as a controller writes it."""
        now = await self.get(name)
        await self.do("PUT", f"{self.isvc(name)}/status", now | {"status": status})

    async def settle(self, name: str = "fraud") -> None:
        """Let the controller work until it has nothing more to do."""
        for _ in range(8):
            if not await self.controller.reconcile(name):
                return
        raise AssertionError("the controller finds no rest")

    async def grant(self, rules: Object | None = None) -> None:
        """Give the bot's account the README's Role, or this one instead."""
        made = rules or role()
        await self.do("POST", self.path(RBAC, "roles"), made)
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": made["metadata"]["name"]}
        await self.do(
            "POST",
            self.path(RBAC, "rolebindings"),
            {"metadata": {"name": "mlops-bot"}, "subjects": [ACCOUNT], "roleRef": reference},
        )


@dataclass
class Controller:
    """KServe's part. `broken` are versions that can't be loaded."""

    world: World
    broken: set[str] = field(default_factory=set)
    cold: bool = False
    """Models are scaled to zero when they get no requests: KServe then calls the model pending."""

    async def reconcile(self, name: str) -> bool:
        """One pass; whether it changed anything."""
        service = await self.world.get(name)
        mode = service["metadata"].get("annotations", {}).get("serving.kserve.io/deploymentMode", "Standard")
        before = service.get("status", {})
        match mode:
            case "Knative" | "Serverless":
                after = await self._knative(service, before)
            case "Standard" | "RawDeployment":
                after = await self._standard(service, before)
            case _:
                after = self.conditions(ready=True)
        after |= {"deploymentMode": mode, "url": before.get("url", f"http://{name}.example")}
        if after == before:
            return False
        await self.world.write_status(after, name=name)
        return True

    # ------------------------------------------------------------ Knative mode

    async def _knative(self, service: Object, before: Object) -> Object:
        predictor = service["spec"]["predictor"]
        last = before.get("components", {}).get("predictor", {})
        created = await self._revision(service, last.get("latestCreatedRevision", ""))
        works = self._works(predictor["model"]["storageUri"])
        ready = created if works else last.get("latestReadyRevision", "")
        rolled, previous = last.get("latestRolledoutRevision", ""), last.get("previousRolledoutRevision", "")
        percent = predictor.get("canaryTrafficPercent")
        traffic: list[Object] = []
        if ready and percent is not None and rolled:
            traffic.append({"revisionName": ready, "latestRevision": True, "percent": percent})
            if percent < 100:
                rest = {"revisionName": rolled, "latestRevision": False, "percent": 100 - percent, "tag": "prev"}
                traffic.append(rest)
        elif ready:
            traffic.append({"revisionName": ready, "latestRevision": True, "percent": 100})
        for one in traffic[:1]:
            if rolled != ready:
                if one["percent"] == 100:
                    rolled, previous = ready, rolled
            elif ready == created and one["percent"] < 100:
                same = sum(part["percent"] for part in traffic if part["revisionName"] == ready)
                rolled = previous if same == 100 and previous else rolled
        named = {
            "latestCreatedRevision": created, "latestReadyRevision": ready,
            "latestRolledoutRevision": rolled, "previousRolledoutRevision": previous,
        }  # fmt: skip
        component = {key: value for key, value in named.items() if value} | {"traffic": traffic}
        status = self.conditions(ready=works, cold=self.cold) | {"components": {"predictor": component}}
        status["conditions"].append({"type": "RoutesReady", "status": "True" if traffic else "Unknown"})
        return status

    async def _revision(self, service: Object, newest: str) -> str:
        """The newest revision; made when what it should be made of has changed."""
        name = service["metadata"]["name"]
        annotations = _handed_down(service)
        spec = {key: value for key, value in service["spec"]["predictor"].items() if key != "canaryTrafficPercent"}
        if newest:
            path = self.world.path(KNATIVE, "revisions", newest)
            now = await self.world.do("GET", path)
            if now["metadata"].get("annotations") == annotations and now["spec"] == spec:
                return newest
        number = int(newest.rpartition("-")[2]) + 1 if newest else 1
        made = f"{name}-predictor-{number:05}"
        metadata = {"name": made, "annotations": annotations, "labels": {OWNER_LABEL: name}}
        body = {"apiVersion": "serving.knative.dev/v1", "kind": "Revision", "metadata": metadata, "spec": spec}
        await self.world.do("POST", self.world.path(KNATIVE, "revisions"), body)
        return made

    # ------------------------------------------------------------ Standard mode

    async def _standard(self, service: Object, before: Object) -> Object:
        """The deployment is made or changed in one pass, and its pods replaced in the next."""
        name = service["metadata"]["name"]
        works = self._works(service["spec"]["predictor"]["model"]["storageUri"])
        path = self.world.path(APPS, "deployments", f"{name}-predictor")
        found = await self.world.http.get(path)
        wanted = _handed_down(service)
        if found.status_code == 404:
            await self.world.do("POST", self.world.path(APPS, "deployments"), _deployment(name, wanted))
            return before | self.conditions(ready=None)
        deployment = found.json()
        if deployment["spec"]["template"]["metadata"].get("annotations") != wanted:
            deployment["spec"]["template"]["metadata"]["annotations"] = wanted
            await self.world.do("PUT", path, deployment)
            return before | self.conditions(ready=None)
        pods = {"replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1}
        if not works:
            pods |= {"replicas": 2, "unavailableReplicas": 1}
        status = {"observedGeneration": deployment["metadata"]["generation"], **pods}
        await self.world.do("PUT", f"{path}/status", deployment | {"status": status})
        return before | self.conditions(ready=works)

    # ------------------------------------------------------------ pieces

    def _works(self, storage_uri: str) -> bool:
        return storage_uri.rpartition("/")[2] not in self.broken

    def conditions(self, *, ready: bool | None, cold: bool = False) -> Object:
        state = {True: "True", False: "False", None: "Unknown"}[ready]
        why = (
            {} if ready else {"reason": "RevisionFailed" if ready is False else "Deploying", "message": "see the pods"}
        )
        conditions = [{"type": kind, "status": state, **why} for kind in ("PredictorReady", "Ready")]
        if ready is False:
            model = {
                "transitionStatus": "BlockedByFailedLoad",
                "lastFailureInfo": {"reason": "ModelLoadFailed", "message": "no such bucket"},
            }
        elif ready and not cold:
            model = {"transitionStatus": "UpToDate", "states": {"activeModelState": "Loaded"}}
        else:
            model = {
                "transitionStatus": "InProgress",
                "states": {"activeModelState": "Pending", "targetModelState": "Pending"},
            }
        return {"conditions": conditions, "modelStatus": model}


def _handed_down(service: Object) -> Mapping[str, str]:
    """What a revision or a pod gets of the annotations, and where its model comes from."""
    return service["metadata"].get("annotations", {}) | {SOURCE: service["spec"]["predictor"]["model"]["storageUri"]}


def _deployment(name: str, annotations: Mapping[str, str]) -> Object:
    labels = {"app": f"isvc.{name}-predictor", "component": "predictor", OWNER_LABEL: name}
    container = {"name": "kserve-container", "image": "registry.example/sklearnserver"}
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": f"{name}-predictor", "labels": labels},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": labels["app"]}},
            "template": {"metadata": {"labels": labels, "annotations": dict(annotations)}, "spec": {"containers": [container]}},
        },
    }  # fmt: skip


# ---------------------------------------------------------------- models


PROBES = (Probe("/v2/models/{name}", "versions"),)
"""The README's."""


@dataclass
class Model:
    """A model server that speaks the Open Inference Protocol, or something else. It knows nothing of `/nope`."""

    body: bytes = b'{"name":"fraud","versions":["3"],"platform":"sklearn","inputs":[],"outputs":[]}'
    status: int = 200
    url: str = ""
    asked: list[Request] = field(default_factory=list)

    async def metadata(self, request: Request) -> Response:
        self.asked.append(request)
        if request.url.path == "/nope":
            return Response(status_code=404)
        return Response(self.body, self.status, media_type="application/json")


@contextlib.asynccontextmanager
async def model_server() -> AsyncIterator[Model]:
    """One that runs."""
    made = Model()
    async with serving(Starlette(routes=[Route("/{path:path}", made.metadata)])) as made.url:
        yield made


# ---------------------------------------------------------------- arranging


def admin_of(api: ApiServer) -> httpx.AsyncClient:
    """The administrator's client."""
    tls: ssl.SSLContext | bool = trusting(api.ca_file, "kserve") if api.ca_file else False
    headers = {"authorization": f"Bearer {api.admin}"}
    return httpx.AsyncClient(base_url=api.url, headers=headers, verify=tls, trust_env=False, timeout=30)


@functools.cache
def definitions() -> tuple[Object, ...]:
    """KServe's and Knative's kinds."""
    fixtures = FOLDER / "fixtures"
    return tuple(
        yaml.safe_load((fixtures / f"{kind}.crd.yaml").read_text()) for kind in ("inferenceservices", "revisions")
    )


async def install(http: httpx.AsyncClient) -> None:
    """Make the kinds known; comes back when they are served."""
    for definition in definitions():
        answer = await http.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", json=definition)
        assert answer.status_code in {201, 409}, answer.text
    async with asyncio.timeout(PATIENCE):
        for base, plural in ((KSERVE, "inferenceservices"), (KNATIVE, "revisions")):
            while True:
                if (await http.get(f"{base}/namespaces/default/{plural}")).status_code == 200:
                    break
                await asyncio.sleep(0.05)


async def arrange(api: ApiServer, http: httpx.AsyncClient, namespace: str) -> World:
    """A namespace of its own, in which the bot has the README's rights."""
    answer = await http.post("/api/v1/namespaces", json={"metadata": {"name": namespace}})
    assert answer.status_code == 201, answer.text
    world = World(api, http, namespace)
    await world.grant()
    return world


@pytest.fixture
async def kserve(kube: ApiServer) -> AsyncIterator[World]:
    """A namespace on an API server that knows KServe."""
    async with admin_of(kube) as http:
        await install(http)
        yield await arrange(kube, http, f"ml-{uuid.uuid4().hex[:8]}")


Connect = Callable[..., Kserve]


@pytest.fixture
async def connect_kserve(kserve: World) -> AsyncIterator[Connect]:
    """Makes the bot's adapter; each call of it is tried once."""
    made: list[HttpClients] = []

    def adapter(*, read: float = 10.0, **more: object) -> Kserve:
        made.append(HttpClients(limits=Limits(read=read, attempts=1)))
        given = {
            "server": kserve.api.url, "token": kserve.api.bot, "ca_file": kserve.api.ca_file,
            "namespace": kserve.namespace, "storage_uri": "s3://models/{name}/{version}", **more,
        }  # fmt: skip
        return build(Settings.model_validate(given), made[-1], SystemClock())

    yield adapter
    for clients in made:
        await clients.aclose()


@pytest.fixture
async def between_kube(kserve: World) -> AsyncIterator[Proxy]:
    """Between the bot and its cluster, for what can go wrong there."""
    tls = trusting(kserve.api.ca_file, "kserve") if kserve.api.ca_file else None
    async with proxy(kserve.api.url, tls) as made:
        yield made
