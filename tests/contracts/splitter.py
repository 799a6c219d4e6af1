"""What everything that shares requests must do: inherit from `SplitterContract` and say how one is arranged."""

from dataclasses import replace

import pytest

from bot.domain.errors import BadInput, Conflict, IntegrationError
from bot.ports.systems import TrafficSplitter


class SplitterContract:
    """`splitter` has a target `target` where version 3, the newest, gets 20 % and version 2 gets 80 %."""

    target = "fraud"

    @pytest.fixture
    def splitter(self) -> TrafficSplitter:
        raise NotImplementedError

    async def settle(self, splitter: TrafficSplitter) -> None:
        """Let whatever the system does by itself afterwards happen."""

    async def test_the_newest_comes_first_and_shares_add_up(self, splitter: TrafficSplitter) -> None:
        split = await splitter.split(self.target)
        assert split.shares == (("3", 20), ("2", 80))
        assert not split.in_progress
        assert split.at.tzinfo is not None

    @pytest.mark.parametrize(
        ("version", "percent", "after"),
        [
            ("3", 50, (("3", 50), ("2", 50))),
            ("3", 0, (("3", 0), ("2", 100))),
            ("3", 100, (("3", 100), ("2", 0))),
            ("2", 90, (("3", 10), ("2", 90))),
            ("2", 100, (("3", 0), ("2", 100))),
            ("2", 0, (("3", 100), ("2", 0))),
        ],
    )
    async def test_a_shift_is_read_back(
        self, splitter: TrafficSplitter, version: str, percent: int, after: tuple[tuple[str, int], ...]
    ) -> None:
        before = await splitter.split(self.target)
        assert (await splitter.shift(self.target, version, percent, expected=before)).shares == after
        assert (await splitter.split(self.target)).shares == after, "it is seen at once"
        await self.settle(splitter)
        seen = await splitter.split(self.target)
        assert seen.shares == after
        assert not seen.in_progress

    async def test_everything_and_back_again(self, splitter: TrafficSplitter) -> None:
        for percent in (100, 20, 0, 20):
            await splitter.shift(self.target, "3", percent, expected=await splitter.split(self.target))
            await self.settle(splitter)
            assert (await splitter.split(self.target)).shares == (("3", percent), ("2", 100 - percent))

    async def test_it_is_refused_when_the_world_has_moved(self, splitter: TrafficSplitter) -> None:
        before = await splitter.split(self.target)
        await splitter.shift(self.target, "3", 50, expected=before)
        with pytest.raises(Conflict) as refused:
            await splitter.shift(self.target, "3", 10, expected=before)
        assert refused.value.not_done
        assert (await splitter.split(self.target)).share("3") == 50

    async def test_the_same_twice_is_seen_as_a_conflict_not_done_twice(self, splitter: TrafficSplitter) -> None:
        before = await splitter.split(self.target)
        await splitter.shift(self.target, "3", 50, expected=before)
        with pytest.raises(Conflict):
            await splitter.shift(self.target, "3", 50, expected=before)

    async def test_it_expects_what_it_was_told_not_what_is_there(self, splitter: TrafficSplitter) -> None:
        wrong = replace(await splitter.split(self.target), shares=(("3", 30), ("2", 70)))
        with pytest.raises(Conflict):
            await splitter.shift(self.target, "3", 50, expected=wrong)
        assert (await splitter.split(self.target)).share("3") == 20

    @pytest.mark.parametrize(("version", "percent"), [("1", 50), ("", 50), ("3", 101), ("3", -1)])
    async def test_what_is_not_there_gets_nothing(self, splitter: TrafficSplitter, version: str, percent: int) -> None:
        before = await splitter.split(self.target)
        with pytest.raises(BadInput):
            splitter.plan_shift(self.target, version, percent, expected=before)
        with pytest.raises(BadInput):
            await splitter.shift(self.target, version, percent, expected=before)
        assert (await splitter.split(self.target)).shares == before.shares

    async def test_the_planned_call_names_what_will_be_sent_and_sends_nothing(self, splitter: TrafficSplitter) -> None:
        before = await splitter.split(self.target)
        call = splitter.plan_shift(self.target, "3", 35, expected=before)
        assert call.method in {"POST", "PUT", "PATCH"}
        assert self.target.rpartition("/")[2] in f"{call.url}{call.body}"
        assert "35" in call.body
        assert splitter.plan_shift(self.target, "3", 35, expected=before) == call, "the same plan is the same call"
        assert (await splitter.split(self.target)).shares == before.shares

    async def test_an_unknown_target_is_an_error(self, splitter: TrafficSplitter) -> None:
        before = await splitter.split(self.target)
        for asked in (splitter.split("no-such-target"), splitter.shift("no-such-target", "3", 50, expected=before)):
            with pytest.raises((IntegrationError, BadInput)):
                await asked
