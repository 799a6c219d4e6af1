"""Any sequence of deliveries, in any order and repetition, across restarts, ends in the same state (P4)."""

import asyncio
import itertools
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.alert import Alert, AlertStatus
from bot.domain.incident import Status
from bot.domain.timeline import Kind
from tests.usecases.ingest_world import FIRING, Watch, an_alert, minutes, over

NAMES = ("ModelErrorRateHigh", "ModelLatencyHigh", "DataDrift")
_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Told:
    """What one delivery says about one alert: its n-th episode fires, or is resolved."""

    name: int
    episode: int
    status: AlertStatus


told = st.builds(Told, st.integers(0, 2), st.integers(0, 2), st.sampled_from(AlertStatus))
stories = st.lists(st.lists(told, min_size=1, max_size=4), min_size=1, max_size=7)


def alerts_of(delivery: Sequence[Told], model: str, start: datetime) -> list[Alert]:
    found = []
    for one in delivery:
        alert = an_alert(start + minutes(one.episode * 10), NAMES[one.name], model=model)
        found.append(alert if one.status is FIRING else over(alert))
    return found


def fires_in_truth(story: Sequence[Sequence[Told]]) -> set[str]:
    """By the sources' own words: an alert fires when its newest episode was never said to be resolved."""
    every = [one for delivery in story for one in delivery]
    firing = set()
    for name in {one.name for one in every}:
        newest = max(one.episode for one in every if one.name == name)
        if Told(name, newest, AlertStatus.RESOLVED) not in every:
            firing.add(NAMES[name])
    return firing


@dataclass(frozen=True, slots=True)
class Outcome:
    """What must not depend on order and repetition."""

    firing: frozenset[str]
    live: int
    count: int


async def outcome(watch: Watch, model: str) -> Outcome:
    incidents = [i for i in await watch.incidents() if i.model == model]
    names = set()
    for incident in incidents:
        episodes = await watch.store.read(lambda tx, n=incident.number: tx.episodes.firing_of(n))
        names |= {episode.fingerprint.partition("/")[0] for episode in episodes}
        assert incident.alerts_firing == len(episodes)
        assert incident.status.live == bool(episodes)
        await assert_true_to_its_timeline(watch, incident.number, incident.reopened, incident.status)
    return Outcome(frozenset(names), sum(i.status.live for i in incidents), len(incidents))


async def assert_true_to_its_timeline(watch: Watch, number: int, reopened: int, status: Status) -> None:
    kinds = [entry.kind for entry in await watch.timeline(number)]
    assert kinds.count(Kind.OPENED) == 1
    assert kinds.count(Kind.REOPENED) == reopened
    assert kinds.count(Kind.RESOLVED) == reopened + (status is Status.RESOLVED)
    steps = [kind for kind in kinds if kind in {Kind.OPENED, Kind.REOPENED, Kind.RESOLVED}]
    assert all(a != b for a, b in itertools.pairwise(steps))


async def play(watch: Watch, story: Sequence[Sequence[Told]], restart_at: int = -1) -> Outcome:
    model = f"model-{next(_numbers)}"
    start = watch.clock.now() - minutes(60)
    for place, delivery in enumerate(story):
        if place == restart_at:
            await watch.restart()
        await watch.send(*alerts_of(delivery, model, start))
        watch.clock.advance(1)
    return await outcome(watch, model)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(stories, st.integers(0, 2**32)), min_size=1, max_size=4))
def test_any_order_and_any_repetition_end_in_the_same_state(cases: list[tuple[list[list[Told]], int]]) -> None:
    async def check(path: Path) -> None:
        watch = Watch(path)
        await watch.store.open()
        try:
            for story, seed in cases:
                chance = Random(seed)
                shuffled = [[*delivery] for delivery in story * chance.randint(1, 3)]
                chance.shuffle(shuffled)
                for delivery in shuffled:
                    chance.shuffle(delivery)
                firing = fires_in_truth(story)
                for told_ in (story, shuffled):
                    seen = await play(watch, told_, restart_at=chance.randrange(len(told_)))
                    assert seen.firing == firing
                    assert seen.live == bool(firing)
                    assert seen.count <= 1
                    assert seen.count == 1 or not firing
        finally:
            await watch.store.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(check(Path(folder) / "orders.db"))


@settings(max_examples=15, deadline=None)
@given(stories)
def test_equal_deliveries_at_the_same_moment_end_as_one_after_the_other(story: list[list[Told]]) -> None:
    async def check(path: Path) -> None:
        watch = Watch(path)
        await watch.store.open()
        try:
            model = f"model-{next(_numbers)}"
            start = watch.clock.now() - minutes(60)
            bodies = [alerts_of(delivery, model, start) for delivery in story * 3]
            await asyncio.gather(*(watch.send(*alerts) for alerts in bodies))
            seen = await outcome(watch, model)
            assert seen.firing == fires_in_truth(story)
            assert seen.count <= 1
        finally:
            await watch.store.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(check(Path(folder) / "orders.db"))


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from(AlertStatus), min_size=1, max_size=8), st.integers(0, 2**32))
def test_verdicts_with_a_start_of_their_own_each_end_as_the_newest_says(statuses: list[AlertStatus], seed: int) -> None:
    """A drift monitor's every report names its own time, and its reports may arrive in any order."""

    async def check(path: Path) -> None:
        watch = Watch(path)
        await watch.store.open()
        try:
            model = f"model-{next(_numbers)}"
            start = watch.clock.now() - minutes(60)
            reports = [
                replace(an_alert(start + minutes(n), "DataDrift", model=model), status=status, ends_at=None if status is FIRING else start + minutes(n))
                for n, status in enumerate(statuses)
            ]  # fmt: skip
            order = reports * 2
            Random(seed).shuffle(order)
            for report in order:
                await watch.send(report)
                watch.clock.advance(1)
            seen = await outcome(watch, model)
            assert bool(seen.firing) == (statuses[-1] is FIRING)
            assert seen.count <= 1
        finally:
            await watch.store.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(check(Path(folder) / "orders.db"))
