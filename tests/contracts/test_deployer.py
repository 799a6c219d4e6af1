"""The deployer of the tests keeps the contract that the real ones are held to."""

import pytest

from bot.domain.errors import Indeterminate, Unreachable
from bot.domain.models import Evidence
from tests.contracts.deployer import DeployerContract, Told
from tests.fakes.clock import FakeClock
from tests.fakes.serving import FakeDeployer
from tests.fakes.systems import down, unconfirmed


class TestFakeDeployer(DeployerContract):
    @pytest.fixture
    def deployer(self) -> FakeDeployer:
        deployer = FakeDeployer(FakeClock(), lag=3)
        deployer.deploy("fraud", "3")
        return deployer

    async def settle(self, deployer: Told) -> None:
        assert isinstance(deployer, FakeDeployer)
        deployer.settle()

    async def test_a_fault_before_leaves_the_world_as_it_was(self, deployer: FakeDeployer) -> None:
        deployer.faults.order("serve", down())
        with pytest.raises(Unreachable):
            await deployer.serve("fraud", "2", expected=await deployer.observe("fraud"))
        assert deployer.told == []

    async def test_a_fault_after_has_had_its_effect(self, deployer: FakeDeployer) -> None:
        deployer.faults.order("serve", unconfirmed(), after=True)
        with pytest.raises(Indeterminate):
            await deployer.serve("fraud", "2", expected=await deployer.observe("fraud"))
        assert deployer.told == [("fraud", "2")]

    async def test_a_change_is_on_its_way_for_so_many_looks(self, deployer: FakeDeployer) -> None:
        await deployer.serve("fraud", "2", expected=await deployer.observe("fraud"))
        looks = [await deployer.observe("fraud") for _ in range(3)]
        assert [seen.in_progress for seen in looks] == [True, True, False]
        assert [seen.evidence for seen in looks] == [Evidence.CONTROL_PLANE, Evidence.CONTROL_PLANE, Evidence.ANSWER]
        assert looks[0].detail == "(version 3 answers still)"
