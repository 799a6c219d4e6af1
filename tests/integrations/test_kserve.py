"""KServe: what an InferenceService serves, changed and read back, on an API server in memory and on a real one."""

import pytest

from integrations.kserve.adapter import KserveDeployer
from tests.contracts.deployer import DeployerContract, Told
from tests.contracts.serving import ServingContract
from tests.contracts.splitter import SplitterContract
from tests.integrations.kserve_world import Connect, World

pytestmark = pytest.mark.xdist_group("kube")
from bot.ports.systems import Serving, TrafficSplitter


@pytest.fixture(params=["Knative", "Standard"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class TestServing(ServingContract):
    @pytest.fixture
    async def serving(self, kserve: World, connect_kserve: Connect, mode: str) -> Serving:
        await kserve.create("3", mode=mode)
        return connect_kserve()


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
