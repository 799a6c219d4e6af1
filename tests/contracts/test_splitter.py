"""The splitter of the tests keeps the contract that the real ones are held to."""

import pytest

from bot.domain.errors import Conflict, Indeterminate, Unreachable
from bot.ports.systems import TrafficSplitter
from tests.contracts.splitter import SplitterContract
from tests.fakes.clock import FakeClock
from tests.fakes.serving import FakeSplitter
from tests.fakes.systems import down, unconfirmed


class TestFakeSplitter(SplitterContract):
    @pytest.fixture
    def splitter(self) -> FakeSplitter:
        splitter = FakeSplitter(FakeClock(), lag=2)
        splitter.put("fraud", {"3": 20, "2": 80})
        return splitter

    async def settle(self, splitter: TrafficSplitter) -> None:
        assert isinstance(splitter, FakeSplitter)
        splitter.settle()

    async def test_a_fault_before_leaves_the_world_as_it_was(self, splitter: FakeSplitter) -> None:
        splitter.faults.order("shift", down())
        with pytest.raises(Unreachable):
            await splitter.shift("fraud", "3", 50, expected=await splitter.split("fraud"))
        assert splitter.shifts == []
        assert splitter.share("fraud", "3") == 20

    async def test_a_fault_after_has_had_its_effect(self, splitter: FakeSplitter) -> None:
        splitter.faults.order("shift", unconfirmed(), after=True)
        with pytest.raises(Indeterminate):
            await splitter.shift("fraud", "3", 50, expected=await splitter.split("fraud"))
        assert splitter.shifts == [("fraud", "3", 50)]

    async def test_somebody_elses_change_is_a_conflict(self, splitter: FakeSplitter) -> None:
        before = await splitter.split("fraud")
        splitter.put("fraud", {"3": 20, "2": 80})
        with pytest.raises(Conflict):
            await splitter.shift("fraud", "3", 50, expected=before)
        splitter.compare_and_set = False
        await splitter.shift("fraud", "3", 50, expected=before)
        assert splitter.shifts == [("fraud", "3", 50)]
