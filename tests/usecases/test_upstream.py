"""Seven models alert and all read one dataset: one incident says so and pages, the others are part of it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.alert import Alert
from bot.domain.incident import Incident, Status
from bot.domain.post import PostKind
from bot.domain.routing import Phase
from bot.domain.timeline import Kind
from bot.slack.blocks.card import card
from bot.usecases import upstream
from bot.usecases.ingest import Intake
from tests.usecases.ingest_world import Watch, an_alert, minutes, over

ORDERS = {f"m{n}": ("orders_daily",) for n in range(1, 8)}


class Fleet(Watch):
    """Seven models that read `orders_daily`."""

    def know(self, **reads: tuple[str, ...]) -> None:
        self.setup = replace(self.setup, reads=reads)
        self.intake = Intake(self.store, self.setup, self._nudge)

    def alert(self, model: str, name: str = "PredictionDrift", **more: object) -> Alert:
        return an_alert(self.start, name, model=model, **more)  # type: ignore[arg-type]  # free keywords

    async def fire(self, *models: str) -> None:
        for model in models:
            await self.send(self.alert(model))

    async def settle(self) -> None:
        self.clock.advance(1)
        await upstream.settle(self.store, self.setup, self._nudge)

    async def of(self, model: str | None) -> Incident:
        (found,) = [one for one in await self.incidents() if one.model == model]
        return found

    async def pages(self) -> int:
        return len(await self.posts(PostKind.PAGE))


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[Fleet]:
    here = Fleet(tmp_path / "fleet.db")
    here.know(**ORDERS)
    await here.store.open()
    yield here
    await here.store.close()


async def test_two_are_a_coincidence(fleet: Fleet) -> None:
    await fleet.fire("m1", "m2")
    assert [one.part_of for one in await fleet.incidents()] == [None, None]


async def test_from_the_third_on_there_is_one_common_incident(fleet: Fleet) -> None:
    await fleet.fire("m1", "m2")
    paged = await fleet.pages()
    await fleet.fire("m3")
    common = await fleet.of(None)
    assert common.title == "3 models alert; all read orders_daily"
    assert common.route.phase is Phase.INGESTION
    assert common.summary == "All of them read orders_daily: look there first. m1 (INC-1), m2 (INC-2), m3 (INC-3)."
    assert {(await fleet.of(model)).part_of for model in ("m1", "m2", "m3")} == {common.number}
    assert await fleet.pages() == paged + len(common.route.responsible)
    assert (await fleet.timeline(1, Kind.NOTE))[-1].text == (
        "Part of INC-4: 3 models alert; all read orders_daily. Only INC-4 pages from now on."
    )
    before = await fleet.pages()
    await fleet.fire("m4", "m5", "m6", "m7")
    assert (await fleet.of(None)).title == "7 models alert; all read orders_daily"
    assert await fleet.pages() == before
    assert len(await fleet.posts(PostKind.CARD)) == 8


async def test_a_storm_in_one_delivery_is_told_alike(fleet: Fleet) -> None:
    await fleet.send(*(fleet.alert(model) for model in ORDERS))
    common = await fleet.of(None)
    assert common.title == "7 models alert; all read orders_daily"
    children = [one for one in await fleet.incidents() if one.model is not None]
    assert {one.part_of for one in children} == {common.number}
    assert {one.alerts_firing for one in children} == {1}
    assert {one.status for one in children} == {Status.OPEN}


async def test_nobody_is_paged_for_a_part_when_time_passes(fleet: Fleet) -> None:
    await fleet.fire("m1", "m2", "m3")
    before = await fleet.pages()
    await fleet.pass_time(6)
    for number in (1, 2, 3):
        assert "nobody acknowledged" not in str(await fleet.timeline(number, Kind.PAGED))
    assert await fleet.pages() - before <= 1  # the common one's Accountable


async def test_another_dataset_another_environment_or_none_share_nothing(fleet: Fleet) -> None:
    fleet.know(m1=("orders_daily",), m2=("clicks",), m3=("orders_daily",))
    await fleet.fire("m1", "m2", "m3", "m4")
    elsewhere = {"model": "m2", "environment": "staging", "alertname": "PredictionDrift"}
    fleet.know(**ORDERS)
    await fleet.send(fleet.alert("m2", labels=elsewhere))
    assert all(one.part_of is None for one in await fleet.incidents())


async def test_what_is_over_or_long_ago_does_not_count(fleet: Fleet) -> None:
    await fleet.fire("m1", "m2")
    await fleet.send(over(fleet.alert("m1")))
    await fleet.fire("m3")
    fleet.clock.advance(minutes(16))
    await fleet.fire("m4", "m5")
    assert all(one.part_of is None for one in await fleet.incidents())
    await fleet.fire("m6")
    assert (await fleet.of(None)).title == "3 models alert; all read orders_daily"


async def test_a_part_that_comes_back_does_not_page_and_the_common_one_ends_with_the_last(fleet: Fleet) -> None:
    await fleet.fire("m1", "m2", "m3")
    before = await fleet.pages()
    first = fleet.alert("m1")
    await fleet.send(over(first))
    await fleet.settle()
    assert (await fleet.of(None)).status is Status.OPEN
    fleet.clock.advance(minutes(1))
    again = replace(first, starts_at=fleet.clock.now())
    await fleet.send(again)
    assert ((await fleet.of("m1")).reopened, await fleet.pages()) == (1, before)
    await fleet.send(over(again), over(fleet.alert("m2")), over(fleet.alert("m3")))
    for episode in ("m2", "m3"):
        assert not (await fleet.of(episode)).status.live or await _end(fleet, episode)
    await fleet.settle()
    common = await fleet.of(None)
    assert (common.status, common.confirmed) == (Status.RESOLVED, False)
    assert "every incident that is part of it has ended" in (await fleet.timeline(4, Kind.RESOLVED))[-1].text


async def _end(fleet: Fleet, model: str) -> bool:
    """Its alert ends, whatever its start was."""
    incident = await fleet.of(model)
    alerts = await fleet.store.read(lambda tx: tx.episodes.alerts_of(incident.number))
    await fleet.send(*(over(alert) for alert in alerts))
    return True


async def test_it_is_confirmed_with_its_parts(fleet: Fleet) -> None:
    alerts = [fleet.alert(model) for model in ("m1", "m2", "m3")]
    await fleet.send(*alerts)
    await fleet.send(*map(over, alerts))
    await fleet.settle()
    assert not (await fleet.of(None)).confirmed
    await fleet.ask()  # lists none of them
    await fleet.settle()
    assert (await fleet.of(None)).confirmed


async def test_after_its_end_the_next_ones_are_counted_anew(fleet: Fleet) -> None:
    alerts = [fleet.alert(model) for model in ("m1", "m2", "m3")]
    await fleet.send(*alerts)
    await fleet.send(*map(over, alerts))
    await fleet.settle()
    await fleet.fire("m4")
    assert (await fleet.of("m4")).part_of is None


async def test_no_policy_changes_a_model_for_what_its_data_does(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    considered: list[int] = []
    monkeypatch.setattr(
        "bot.usecases.policy.consider", lambda _tx, _setup, incident, _alert: considered.append(incident.number)
    )
    await fleet.fire("m1", "m2", "m3")
    assert considered == [1, 2]


async def test_its_card_says_what_it_is_part_of(fleet: Fleet) -> None:
    await fleet.fire("m1", "m2", "m3")
    shown = str(card(await fleet.view(1)).blocks)
    assert "Part of " in shown
    assert "INC-4: its cause is taken to be shared" in shown
    assert "7 models" not in shown
    assert "Part of " not in str(card(await fleet.view(4)).blocks)


async def test_without_lineage_nothing_is_looked_up(fleet: Fleet) -> None:
    fleet.know()
    await fleet.fire(*ORDERS)
    await fleet.settle()
    assert len(await fleet.incidents()) == 7
    assert await fleet.store.read(lambda tx: tx.keys.get("upstream", "orders_daily production")) is None
