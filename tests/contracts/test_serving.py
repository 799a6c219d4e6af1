"""The serving side of the tests keeps the contract that the real ones are held to."""

from datetime import UTC, datetime

import pytest

from bot.domain.errors import Conflict
from bot.domain.models import Evidence, Observation
from tests.contracts.serving import ServingContract
from tests.fakes.clock import FakeClock
from tests.fakes.systems import Endpoint, FakeRegistry, FakeServing, model_version

AT = datetime(2026, 11, 1, tzinfo=UTC)


class TestFakeServing(ServingContract):
    @pytest.fixture
    def serving(self) -> FakeServing:
        clock = FakeClock()
        registry = FakeRegistry(clock)
        registry.register("fraud-detector", *(model_version("fraud-detector", number, AT) for number in "123"))
        registry.aliases["fraud-detector", "champion"] = "3"
        endpoint = Endpoint("3", "fraud-detector", "champion", lag=1)
        return FakeServing(clock, registry, endpoints={"fraud": endpoint})

    async def test_it_follows_the_registry_in_its_own_time(self, serving: FakeServing) -> None:
        serving.registry.point("fraud-detector", "champion", "2")
        assert [(await serving.observe("fraud")).version for _ in range(3)] == ["3", "2", "2"]

    async def test_a_deployment_expects_what_is_live(self, serving: FakeServing) -> None:
        with pytest.raises(Conflict):
            await serving.serve("fraud", "1", expected=Observation("2", Evidence.ANSWER, AT))
        assert (await serving.serve("fraud", "1", expected=Observation("3", Evidence.ANSWER, AT))).version == "1"
