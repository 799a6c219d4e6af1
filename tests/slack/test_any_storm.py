"""Storms at random, with faults, ends of processes and people in between: in the end everything is there once."""

import random
from collections import Counter
from pathlib import Path

import pytest

from bot.slack.projector import Projector
from tests.slack.office import Json, incident_of, key_of
from tests.slack.reading import text
from tests.slack.storming import Sky, sky
from tests.usecases.world import MIKA, PEOPLE

FAULTS = ("http_500", "http_503", "lost_answer", "invalid_json", "empty_body")
METHODS = ("chat.*", "chat.postMessage", "chat.update", "conversations.*", "*")
SEVERITIES = ("critical", "high", "warning", "info")


class Weather:
    """What happens, by one seed."""

    def __init__(self, one: Sky, seed: int) -> None:
        self.one, self.chance = one, random.Random(seed)
        self.fired: list[tuple[int, int]] = []

    async def happen(self) -> None:
        """One thing."""
        acts = (self.fire, self.fire, self.burst, self.resolve, self.acknowledge, self.break_something, self.die)
        await self.chance.choice(acts)()

    async def fire(self) -> None:
        problem = self.chance.randrange(25)
        self.fired.append((problem, len(self.fired)))
        await self.one.send(self.one.fire(*self.fired[-1], self.chance.choice(SEVERITIES)))

    async def burst(self) -> None:
        for _ in range(self.chance.randrange(4, 12)):
            await self.fire()

    async def resolve(self) -> None:
        if self.fired:
            await self.one.resolve(*self.chance.choice(self.fired))

    async def acknowledge(self) -> None:
        numbers = await self.one.here.world.store.read(lambda tx: [i.number for i in tx.incidents.live(limit=50)])
        if numbers:
            await self.one.here.world.press("incident.acknowledge", f"INC-{self.chance.choice(numbers)}", MIKA)

    async def break_something(self) -> None:
        kind, method = self.chance.choice(FAULTS), self.chance.choice(METHODS)
        await self.one.here.post("fault", kind=kind, method=method, count=self.chance.randint(1, 4))

    async def die(self) -> None:
        """A process ends at one of its next commits; later another takes its place."""
        dies = self.one.dying(self.chance.randint(1, 4), kept=self.chance.random() < 0.5)
        for _ in range(8):
            if not dies.dead:
                await self.one.step_of(dies.projector, 0.5)


async def everything(one: Sky) -> dict[str, list[Json]]:
    """The bot's messages by channel."""
    channels = ("ml-incidents", *(f"@{person.id}" for person in PEOPLE))
    return {channel: list(await one.here.messages(channel)) for channel in channels}


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_happens_everything_is_there_once(tmp_path: Path, seed: int) -> None:
    async with sky(tmp_path) as one:
        world, weather = one.here.world, Weather(one, seed)
        if seed % 2:
            one.more.append(Projector(world.store, world.setup, one.connection, world.clock, "another"))
        for _ in range(40):
            await weather.happen()
            await one.step(weather.chance.choice((0.1, 0.5, 2.0)))
        await one.here.post("fault", kind="clear")
        await one.until_quiet(600)
        assert await one.refused() == []
        messages = await everything(one)
        keys = Counter(incident_of(m) or key_of(m) for shown in messages.values() for m in shown)
        assert set(keys.values()) == {1}, keys
        await _cards_are_as_they_should_be(one, messages["ml-incidents"])
        await _everybody_was_told(one, messages)


async def _cards_are_as_they_should_be(one: Sky, shown: list[Json]) -> None:
    cards = {incident_of(m): m for m in shown if incident_of(m)}
    incidents = await one.here.world.store.read(lambda tx: tx.incidents.newest(limit=100))
    assert set(cards) == {incident.ref for incident in incidents}
    for incident in incidents:
        said = text(cards[incident.ref])
        assert cards[incident.ref]["metadata"]["event_payload"]["revision"] == incident.revision
        assert f"Status {incident.status.value}" in said
        count = (
            f"{incident.alerts_seen} alert{'s' if incident.alerts_seen != 1 else ''}, {incident.alerts_firing} firing"
        )
        assert count in said
    for storm in (m for m in shown if key_of(m).startswith("storm:")):
        assert "have their card now" in text(storm) or "has its card now" in text(storm)


async def _everybody_was_told(one: Sky, messages: dict[str, list[Json]]) -> None:
    """Every page and every summary stands in a message of its own, or in the list that it names."""

    def look(tx):  # type: ignore[no-untyped-def]  # a transaction
        numbers = [incident.number for incident in tx.incidents.newest(limit=100)]
        keys = [key for n in numbers for p in PEOPLE for key in (f"page:{n}:{p.id}", f"summary:{n}:0:{p.id}")]
        return [post for key in keys if (post := tx.posts.get(key)) is not None]

    for post in await one.here.world.store.read(look):
        mine = {key_of(m): text(m) for m in messages[post.channel]}
        assert post.key in mine or f"INC-{post.ref} " in mine[post.listed], post
