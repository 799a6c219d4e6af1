"""An episode that takes a newer start, its alert as last seen, and counts that need not read what they count."""

from dataclasses import replace
from datetime import timedelta

from bot.domain.alert import AlertStatus
from bot.domain.incident import Status
from bot.store.sqlstore import SqlStore
from tests.store.test_incidents import add, episode
from tests.unit.worlds import T0, alert, an_incident, minutes


async def test_an_episode_moves_to_a_newer_start_and_stays_one(store: SqlStore) -> None:
    first, second = episode(0), replace(episode(7), deliveries=2)
    await store.write(lambda tx: tx.episodes.save(first, alert()))
    await store.write(lambda tx: tx.episodes.save(second, alert("Renamed"), moved_from=first.starts_at))
    key = ("alertmanager", "http://am", "f1")
    assert await store.read(lambda tx: tx.episodes.get(*key, first.starts_at)) is None
    assert await store.read(lambda tx: tx.episodes.newest(*key)) == second
    assert await store.read(lambda tx: tx.episodes.firing_from("alertmanager")) == [second]
    found = await store.read(lambda tx: tx.episodes.alert_of(second))
    assert found is not None
    assert found.name == "Renamed"
    assert await store.read(lambda tx: tx.episodes.alert_of(first)) is None


async def test_a_move_from_what_is_not_there_is_an_insert(store: SqlStore) -> None:
    await store.write(lambda tx: tx.episodes.save(episode(3), alert(), moved_from=T0 - timedelta(days=1)))
    assert await store.read(lambda tx: tx.episodes.newest("alertmanager", "http://am", "f1")) == episode(3)


async def test_a_tally_counts_what_fires_and_what_there_was(store: SqlStore) -> None:
    await add(store, an_incident(number=1), an_incident(number=2))
    assert await store.read(lambda tx: tx.episodes.tally(1)) == (0, 0)
    for place, status in enumerate((AlertStatus.FIRING, AlertStatus.RESOLVED, AlertStatus.FIRING)):
        one = episode(place, status=status, incident=1)
        await store.write(lambda tx, one=one: tx.episodes.save(one, alert()))
    await store.write(lambda tx: tx.episodes.save(episode(9, incident=2), alert()))
    assert await store.read(lambda tx: (tx.episodes.tally(1), tx.episodes.tally(2))) == ((2, 3), (1, 1))


async def test_live_incidents_are_counted(store: SqlStore) -> None:
    assert await store.read(lambda tx: tx.incidents.count_live()) == 0
    resolved_at = T0 + minutes(1)
    await add(
        store,
        *(
            an_incident(number=n, status=status, resolved_at=None if status.live else resolved_at)
            for n, status in enumerate(Status, start=1)
        ),
    )
    assert await store.read(lambda tx: tx.incidents.count_live()) == 3
