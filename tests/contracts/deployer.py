"""What everything that makes another version answer must do: inherit from `DeployerContract`, say how one is arranged."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

import pytest

from bot.domain.errors import BadInput, Conflict, IntegrationError
from bot.domain.models import Evidence, Observation
from bot.ports.systems import Deployer, Serving

AT = datetime(2026, 11, 1, tzinfo=UTC)


class Told(Serving, Deployer, Protocol):
    """A deployer can be looked at."""


class DeployerContract:
    """`deployer` has a target `target` that answers with version 3, and could serve 1 and 2 as well."""

    target = "fraud"

    @pytest.fixture
    def deployer(self) -> Told:
        raise NotImplementedError

    async def settle(self, deployer: Told) -> None:
        """Let whatever the system does by itself afterwards happen."""

    async def test_what_was_told_is_read_back(self, deployer: Told) -> None:
        before = await deployer.observe(self.target)
        assert before.version == "3"
        after = await deployer.serve(self.target, "2", expected=before)
        assert after.version == "2"
        assert after.evidence is not Evidence.REGISTRY
        await self.settle(deployer)
        seen = await deployer.observe(self.target)
        assert seen.version == "2"
        assert not seen.in_progress
        assert seen.healthy is not False

    async def test_what_was_told_is_seen_at_once_so_that_nothing_is_told_twice(self, deployer: Told) -> None:
        await deployer.serve(self.target, "2", expected=await deployer.observe(self.target))
        assert (await deployer.observe(self.target)).version == "2"

    async def test_and_back_again(self, deployer: Told) -> None:
        for version in ("2", "3", "1"):
            await deployer.serve(self.target, version, expected=await deployer.observe(self.target))
            await self.settle(deployer)
            assert (await deployer.observe(self.target)).version == version

    async def test_it_is_refused_when_the_world_has_moved(self, deployer: Told) -> None:
        before = await deployer.observe(self.target)
        await deployer.serve(self.target, "2", expected=before)
        with pytest.raises(Conflict) as refused:
            await deployer.serve(self.target, "1", expected=before)
        assert refused.value.not_done
        await self.settle(deployer)
        assert (await deployer.observe(self.target)).version == "2"

    async def test_the_same_twice_is_seen_as_a_conflict_not_done_twice(self, deployer: Told) -> None:
        before = await deployer.observe(self.target)
        await deployer.serve(self.target, "2", expected=before)
        with pytest.raises(Conflict):
            await deployer.serve(self.target, "2", expected=before)

    @pytest.mark.parametrize("token", [True, False])
    async def test_it_expects_what_it_was_told_not_what_is_there(self, deployer: Told, token: bool) -> None:
        seen = await deployer.observe(self.target)
        wrong = replace(seen, version="2") if token else Observation("2", Evidence.CONTROL_PLANE, AT)
        with pytest.raises(Conflict):
            await deployer.serve(self.target, "1", expected=wrong)
        assert (await deployer.observe(self.target)).version == "3"

    async def test_without_a_token_the_version_decides(self, deployer: Told) -> None:
        expected = Observation("3", Evidence.CONTROL_PLANE, AT)
        assert (await deployer.serve(self.target, "1", expected=expected)).version == "1"

    async def test_the_planned_call_names_what_will_be_sent_and_sends_nothing(self, deployer: Told) -> None:
        call = deployer.plan_serve(self.target, "2")
        assert call.method in {"POST", "PUT", "PATCH"}
        assert self.target.rpartition("/")[2] in f"{call.url}{call.body}"
        assert "2" in call.body
        assert (await deployer.observe(self.target)).version == "3"

    async def test_an_unknown_target_is_an_error(self, deployer: Told) -> None:
        with pytest.raises((IntegrationError, BadInput)):
            await deployer.serve("no-such-target", "2", expected=Observation("3", Evidence.CONTROL_PLANE, AT))
