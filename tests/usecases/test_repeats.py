"""What is said again word for word is only counted; whatever happened meanwhile, nothing is different by that."""

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.domain.alert import Alert, Episode
from bot.ports.systems import Delivery
from bot.usecases import ingest
from bot.usecases.fold import Fold, Receipt
from bot.usecases.ingest import Intake
from bot.usecases.repeats import Repeats
from tests.fakes.clock import START
from tests.usecases.ingest_world import Watch, an_alert, minutes, over

A = an_alert(START - minutes(2), "A")
B = an_alert(START - minutes(2), "B")
AGAIN_LATER = replace(A, starts_at=START - minutes(1))
OTHER_WORDS = replace(A, annotations={"summary": "it is worse"})
DELIVERIES = [(A,), (A,), (A, B), (OTHER_WORDS,), (OTHER_WORDS,), (AGAIN_LATER,), (over(A),), (over(B), A)]
"""Few, so that they do come again."""


@pytest.fixture
def folds(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many alerts were folded in, transaction by transaction."""
    seen: list[int] = []

    class Counting(Fold):
        def expect(self, alerts: Sequence[Alert]) -> None:
            seen.append(len(alerts))
            Fold.expect(self, alerts)

    monkeypatch.setattr(ingest, "Fold", Counting)
    return seen


async def episodes(watch: Watch) -> list[tuple[Episode | None, Alert | None]]:
    """All that is stored of A and B."""
    starts = (A.starts_at, AGAIN_LATER.starts_at)
    found = []
    for alert in (A, B):
        for start in starts:
            one = await watch.store.read(
                lambda tx, a=alert, s=start: tx.episodes.get(a.source, a.instance, a.fingerprint, s)
            )
            text = None if one is None else await watch.store.read(lambda tx, e=one: tx.episodes.alert_of(e))
            found.append((one, text))
    return found


async def test_what_changes_nothing_twice_is_only_counted_from_then_on(watch: Watch, folds: list[int]) -> None:
    await watch.send(A, B)
    await watch.send(A, B)
    before = await watch.incident()
    assert folds == [2, 2]
    for _ in range(3):
        watch.clock.advance(60)
        assert await watch.send(A, B) == Receipt(refreshed=2)
    assert folds == [2, 2]
    episode, _ = (await episodes(watch))[0]
    assert episode is not None
    assert (episode.deliveries, episode.last_seen) == (5, watch.clock.now())
    assert await watch.incident() == before
    assert await watch.store.read(lambda tx: tx.deliveries.count()) == 5


async def test_what_another_process_changed_meanwhile_is_seen(watch: Watch) -> None:
    for _ in range(3):
        await watch.send(A)
    other = Intake(watch.store, watch.setup, lambda: None)
    for alerts, receipt in (((OTHER_WORDS,), Receipt(refreshed=1)), ((over(A),), Receipt(ignored=1))):
        await other.take("alertmanager", Delivery(b"other", {}, watch.clock.now(), {}), alerts)
        assert await watch.send(A) == receipt
        assert (await episodes(watch))[0][1] == A, "the words that were delivered last"


async def test_of_two_that_take_turns_the_later_one_stays(watch: Watch) -> None:
    for alert in (A, A, OTHER_WORDS, OTHER_WORDS):
        await watch.send(alert)
    await asyncio.gather(watch.send(A), watch.send(OTHER_WORDS))
    assert (await episodes(watch))[0][1] == OTHER_WORDS


async def test_one_without_a_start_of_its_own_begins_anew_each_time(watch: Watch) -> None:
    for count in range(1, 4):
        start = watch.clock.now()
        await watch.send(replace(A, starts_at=start), body=b"it fires")
        newest = await watch.store.read(lambda tx: tx.episodes.newest(A.source, A.instance, A.fingerprint))
        assert newest is not None
        assert (newest.starts_at, newest.deliveries) == (start, count)
        watch.clock.advance(60)


def test_what_is_remembered_is_bounded() -> None:
    repeats = Repeats(limit=3)

    def said(digest: str, *alerts: Alert) -> SimpleNamespace:
        return SimpleNamespace(integration="alertmanager", digest=digest, alerts=alerts, changes=())

    one, two, large = said("1", A), said("2", A, B), said("3", A, B, A, B)
    repeats.remember(one)
    repeats.remember(two)
    repeats.remember(two)
    assert repeats.is_one(one)
    assert repeats.is_one(two)
    assert not repeats.is_one(said("1", B))
    assert not repeats.is_one(SimpleNamespace(**{**vars(one), "integration": "grafana"}))
    repeats.remember(said("4", B))
    assert not repeats.is_one(one), "the oldest goes first"
    repeats.remember(large)
    assert not any(repeats.is_one(known) for known in (one, two, large))


GROUPS = st.lists(st.lists(st.sampled_from(DELIVERIES), min_size=1, max_size=3), min_size=6, max_size=16)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(GROUPS)
def test_nothing_is_different_by_what_is_remembered(groups: list[list[tuple[Alert, ...]]]) -> None:
    """Deliveries one after the other and together, about the same alerts: with the memory and without it."""

    async def played(limit: int, folder: Path) -> tuple[object, ...]:
        watch = Watch(folder / f"{limit}.db")
        watch.intake._repeats = Repeats(limit)
        await watch.store.open()
        try:
            receipts = []
            for group in groups:
                receipts += await asyncio.gather(*(watch.send(*alerts) for alerts in group))
                watch.clock.advance(1)
            counts = await watch.store.read(lambda tx: tx.deliveries.count())
            texts = [
                entry.text for incident in await watch.incidents() for entry in await watch.timeline(incident.number)
            ]
            return receipts, await episodes(watch), await watch.incidents(), texts, counts
        finally:
            await watch.store.close()

    async def both() -> None:
        with tempfile.TemporaryDirectory() as folder:
            assert await played(2_000, Path(folder)) == await played(0, Path(folder))

    asyncio.run(both())
