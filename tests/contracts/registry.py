"""What every model registry must do, whoever made it: inherit from `RegistryContract` and say how one is arranged."""

import pytest

from bot.domain.errors import BotError, Conflict, IntegrationError, NotFound
from bot.domain.models import Evidence, Observation, VersionStatus
from bot.ports.systems import Registry

MODEL = "fraud-detector"
ALIAS = "champion"


class RegistryContract:
    """`registry` has the model with versions 1, 2, 3, all ready and with a signature, and `champion` on 3."""

    @pytest.fixture
    def registry(self) -> Registry:
        raise NotImplementedError

    async def test_versions_come_newest_first_with_their_aliases(self, registry: Registry) -> None:
        versions = await registry.versions(MODEL)
        assert [version.version for version in versions] == ["3", "2", "1"]
        assert versions[0].aliases == (ALIAS,)
        assert versions[1].aliases == ()
        assert all(version.status is VersionStatus.READY for version in versions)
        assert all(version.created_at.tzinfo is not None for version in versions)

    async def test_one_version_comes_with_everything(self, registry: Registry) -> None:
        version = await registry.version(MODEL, "3")
        assert version.signature is not None
        assert version.signature.inputs
        assert version.artifact_loadable is True
        assert version.metrics
        assert version.aliases == (ALIAS,)

    async def test_an_alias_is_resolved(self, registry: Registry) -> None:
        seen = await registry.resolve(MODEL, ALIAS)
        assert seen.version == "3"
        assert seen.evidence is Evidence.REGISTRY
        assert seen.at.tzinfo is not None

    async def test_an_alias_that_is_not_there_is_an_answer(self, registry: Registry) -> None:
        assert (await registry.resolve(MODEL, "nobody")).version is None

    async def test_unknown_names_are_not_found(self, registry: Registry) -> None:
        with pytest.raises(NotFound):
            await registry.versions("no-such-model")
        with pytest.raises(NotFound):
            await registry.version(MODEL, "99")
        with pytest.raises(BotError):
            await registry.resolve("no-such-model", ALIAS)

    async def test_a_move_is_read_back(self, registry: Registry) -> None:
        before = await registry.resolve(MODEL, ALIAS)
        after = await registry.move(MODEL, ALIAS, "2", expected=before)
        assert after.version == "2"
        assert (await registry.resolve(MODEL, ALIAS)).version == "2"
        assert (await registry.versions(MODEL))[1].aliases == (ALIAS,)

    async def test_a_move_is_refused_when_the_world_has_moved(self, registry: Registry) -> None:
        before = await registry.resolve(MODEL, ALIAS)
        await registry.move(MODEL, ALIAS, "2", expected=before)
        with pytest.raises(Conflict) as refused:
            await registry.move(MODEL, ALIAS, "1", expected=before)
        assert refused.value.not_done
        assert (await registry.resolve(MODEL, ALIAS)).version == "2"

    async def test_a_move_to_a_version_that_is_not_there_changes_nothing(self, registry: Registry) -> None:
        before = await registry.resolve(MODEL, ALIAS)
        with pytest.raises((IntegrationError, NotFound)):
            await registry.move(MODEL, ALIAS, "99", expected=before)
        assert (await registry.resolve(MODEL, ALIAS)).version == "3"

    async def test_the_same_move_twice_is_seen_as_a_conflict_not_made_twice(self, registry: Registry) -> None:
        before = await registry.resolve(MODEL, ALIAS)
        await registry.move(MODEL, ALIAS, "2", expected=before)
        with pytest.raises(Conflict):
            await registry.move(MODEL, ALIAS, "2", expected=before)

    async def test_an_alias_can_be_made_where_there_was_none(self, registry: Registry) -> None:
        none = await registry.resolve(MODEL, "fallback")
        assert (await registry.move(MODEL, "fallback", "1", expected=none)).version == "1"

    async def test_a_move_expects_what_it_was_told_not_what_is_there(self, registry: Registry) -> None:
        seen = await registry.resolve(MODEL, ALIAS)
        with pytest.raises(Conflict):
            await registry.move(MODEL, ALIAS, "1", expected=Observation("2", Evidence.REGISTRY, seen.at))

    async def test_the_planned_call_names_what_will_be_sent_and_sends_nothing(self, registry: Registry) -> None:
        call = registry.plan_move(MODEL, ALIAS, "2")
        assert call.method in {"POST", "PUT", "PATCH", "DELETE"}
        assert MODEL in f"{call.url}{call.body}"
        assert "2" in call.body
        assert (await registry.resolve(MODEL, ALIAS)).version == "3"
