"""Operations on a model that KServe serves, from the request to what is true at the end, on a Kubernetes API."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.requests import Request

from bot.domain.models import Probe, Propagation, Target
from bot.domain.operation import Operation, OperationState, Stage
from integrations.kserve.adapter import Kserve, KserveDeployer
from integrations.kserve.manifest import MANIFEST
from tests.integrations.kserve_world import APPS, PROBES, Connect, Model, model_server, role, uri
from tests.integrations.kserve_world import World as Cluster
from tests.servers.kube import ON_KUBE
from tests.servers.proxy import Held, Proxy
from tests.usecases.world import DEVI, FRAUD, MIKA, JumpingClock, World, a_setup, shown

pytestmark = ON_KUBE


class WorkingClock(JumpingClock):
    """While somebody waits, the controller works."""

    work: Callable[[], Awaitable[object]] | None = None

    async def sleep(self, seconds: float) -> None:
        if self.work is not None:
            await self.work()
        await super().sleep(seconds)


class Office(World):
    """The world of the use cases, where KServe serves the fraud detector and is told what the registry says."""

    def __init__(self, path: Path, adapter: Kserve, probes: tuple[Probe, ...]) -> None:
        self.adapter = adapter
        setup = a_setup()
        target = Target("kserve", "fraud", probes)
        first = replace(setup.bindings[0], serving=(target,), propagation=Propagation.REDEPLOY)
        super().__init__(path, replace(setup, bindings=(first, *setup.bindings[1:])), WorkingClock())

    def _process(self) -> None:
        super()._process()
        assert isinstance(self.adapter, KserveDeployer)
        self.systems = replace(
            self.systems,
            servings={"kserve": self.adapter}, deployers={"kserve": self.adapter}, splitters={"kserve": self.adapter},
            guarantees=dict(self.systems.guarantees) | {"kserve": MANIFEST.guarantees},
            cannot=dict(self.systems.cannot) | {"kserve": MANIFEST.cannot},
        )  # fmt: skip
        self.rebuild()

    async def done(self, text: str) -> Operation:
        """Asked for, approved, and carried out."""
        number = await self.request(text=text)
        reply = await self.say(f"approve OP-{number}", DEVI)
        assert reply.ok, shown(reply)
        await self.carry_out()
        return await self.operation(number)


@pytest.fixture
async def model() -> AsyncIterator[Model]:
    async with model_server() as made:
        yield made


Open = Callable[..., Awaitable[Office]]


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Open]:
    made: list[Office] = []

    async def open_(adapter: Kserve, probes: tuple[Probe, ...] = PROBES) -> Office:
        made.append(Office(tmp_path / "office.db", adapter, probes))
        await made[-1].open()
        return made[-1]

    yield open_
    for office in made:
        await office.close()


def works(office: Office, kserve: Cluster, model: Model) -> None:
    """The controller goes on whenever somebody waits, and the model is what its pods are made of."""

    async def work() -> None:
        await kserve.controller.reconcile("fraud")
        pods = (await kserve.do("GET", kserve.path(APPS, "deployments", "fraud-predictor")))["spec"]["template"]
        model.body = b'{"versions":["%s"]}' % pods["metadata"]["annotations"]["mlops-bot/version"].encode()

    assert isinstance(office.clock, WorkingClock)
    office.clock.work = work


async def test_a_rollback_is_confirmed_by_the_model(
    kserve: Cluster, connect_kserve: Connect, model: Model, opened: Open
) -> None:
    await kserve.create("3", mode="Standard")
    office = await opened(connect_kserve(model_url=model.url))
    works(office, kserve, model)
    await office.learn()
    await office.fire()
    operation = await office.done(f"rollback {FRAUD} --to 2")
    assert operation.stage is Stage.SERVING_CONFIRMED, operation.outcome
    assert (await kserve.get())["spec"]["predictor"]["model"]["storageUri"] == uri("2")
    assert (await kserve.get())["metadata"]["generation"] == 2
    calls = [(call.integration, call.method) for call in operation.plan.calls]
    assert ("kserve", "PATCH") in calls
    assert office.registry.aliases[FRAUD, "champion"] == "2"


async def test_without_an_answer_it_is_never_called_confirmed(
    kserve: Cluster, connect_kserve: Connect, model: Model, opened: Open
) -> None:
    await kserve.create("3", mode="Standard")
    office = await opened(connect_kserve(), probes=())
    works(office, kserve, model)
    await office.learn()
    operation = await office.done(f"rollback {FRAUD} --to 2")
    assert operation.state is OperationState.INCONCLUSIVE
    assert "that version 2 serves is not confirmed" in operation.outcome
    assert (await kserve.get())["spec"]["predictor"]["model"]["storageUri"] == uri("2")


@pytest.mark.parametrize("effect", [True, False], ids=["after its effect", "before it"])
async def test_an_answer_that_is_lost_is_found_or_the_call_repeated(
    kserve: Cluster, connect_kserve: Connect, model: Model, opened: Open, between_kube: Proxy, effect: bool
) -> None:
    held, lost = Held(), []

    async def lose(request: Request) -> None:
        if request.method == "PATCH" and "dryRun" not in request.query_params and not lost:
            lost.append(request)
            await request.body()
            await held.stand_still()

    await kserve.create("3", mode="Standard")
    given = {"model_url": model.url}
    office = await opened(connect_kserve(server=between_kube.url, ca_file="", read=1.0, **given))
    works(office, kserve, model)
    await office.learn()
    if effect:
        between_kube.after = lose
    else:
        between_kube.before = lose
    operation = await office.done(f"rollback {FRAUD} --to 2")
    held.release()
    assert lost
    assert operation.stage is Stage.SERVING_CONFIRMED, operation.outcome
    assert (await kserve.get())["metadata"]["generation"] == 2, "it was changed once"


async def test_a_right_that_is_missing_is_told_to_whoever_asked(
    kserve: Cluster, connect_kserve: Connect, model: Model, opened: Open
) -> None:
    await kserve.create("3", mode="Standard")
    less = role()
    less["rules"][0]["verbs"].remove("patch")
    await kserve.do("PUT", kserve.path("/apis/rbac.authorization.k8s.io/v1", "roles", "mlops-bot-kserve"), less)
    office = await opened(connect_kserve())
    await office.learn()
    operation = await office.done(f"rollback {FRAUD} --to 2")
    assert operation.state is OperationState.INCONCLUSIVE
    assert "the serving side was not" in operation.outcome
    assert 'cannot patch resource "inferenceservices"' in operation.outcome
    assert (await kserve.get())["metadata"]["generation"] == 1


@pytest.mark.parametrize("losing", [False, True])
async def test_requests_are_shared_otherwise_once(
    kserve: Cluster, connect_kserve: Connect, opened: Open, between_kube: Proxy, losing: bool
) -> None:
    held, lost = Held(), []

    async def lose(request: Request) -> None:
        if request.method == "PATCH" and "dryRun" not in request.query_params and losing and not lost:
            lost.append(request)
            await held.stand_still()

    await kserve.create("2")
    await kserve.roll_out("3", canary=20)
    await kserve.settle()
    generation = (await kserve.get())["metadata"]["generation"]
    office = await opened(connect_kserve(server=between_kube.url, ca_file="", read=1.0))
    between_kube.after = lose
    operation = await office.done(f"shift {FRAUD} 5 --to 3")
    held.release()
    assert (operation.state, operation.stage) == (OperationState.SUCCEEDED, Stage.TRAFFIC_SHIFTED), operation.outcome
    now = await kserve.get()
    assert now["spec"]["predictor"]["canaryTrafficPercent"] == 5
    assert now["metadata"]["generation"] == generation + 1
    assert bool(lost) is losing
    assert shown(await office.say(f"shift {FRAUD} 5 --to 3", MIKA)).count("has 5 % already") == 1
