"""The registry of the tests keeps the contract that the real ones are held to."""

from datetime import UTC, datetime

import pytest

from bot.domain.errors import Indeterminate, Unreachable
from tests.contracts.registry import ALIAS, MODEL, RegistryContract
from tests.fakes.clock import FakeClock
from tests.fakes.systems import FakeRegistry, down, model_version, unconfirmed

AT = datetime(2026, 11, 1, tzinfo=UTC)


class TestFakeRegistry(RegistryContract):
    @pytest.fixture
    def registry(self) -> FakeRegistry:
        registry = FakeRegistry(FakeClock())
        registry.register(MODEL, *(model_version(MODEL, number, AT) for number in "123"))
        registry.aliases[MODEL, ALIAS] = "3"
        return registry

    async def test_a_fault_before_leaves_the_world_as_it_was(self, registry: FakeRegistry) -> None:
        before = await registry.resolve(MODEL, ALIAS)
        registry.faults.order("move", down())
        with pytest.raises(Unreachable):
            await registry.move(MODEL, ALIAS, "2", expected=before)
        assert registry.aliases[MODEL, ALIAS] == "3"

    async def test_a_fault_after_has_had_its_effect(self, registry: FakeRegistry) -> None:
        before = await registry.resolve(MODEL, ALIAS)
        registry.faults.order("move", unconfirmed(), after=True)
        with pytest.raises(Indeterminate):
            await registry.move(MODEL, ALIAS, "2", expected=before)
        assert registry.aliases[MODEL, ALIAS] == "2"
