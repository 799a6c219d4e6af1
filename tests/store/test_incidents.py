"""Incidents, episodes and deliveries: what goes in comes out, on both databases."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.domain.alert import Alert, AlertStatus, Episode
from bot.domain.errors import BotError
from bot.domain.incident import Incident, Status
from bot.domain.post import Lane, Post, PostKind
from bot.ports.store import DeliveryOutcome, Place, Transaction
from bot.store.sqlstore import SqlStore
from tests.fakes.clock import FakeClock
from tests.store.strategies import values
from tests.unit.worlds import T0, alert, an_incident, minutes

QUICK = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


def episode(number: int = 0, **more: object) -> Episode:
    fields: dict[str, object] = {
        "source": "alertmanager", "instance": "http://am", "fingerprint": "f1", "starts_at": T0 + minutes(number),
        "status": AlertStatus.FIRING, "first_seen": T0, "last_seen": T0, **more,
    }  # fmt: skip
    return Episode(**fields)  # type: ignore[arg-type]  # free keywords


async def add(store: SqlStore, *incidents: Incident) -> None:
    await store.write(lambda tx: [tx.incidents.add(one) for one in incidents])


# ---------------------------------------------------------------- incidents


@QUICK
@given(values(Incident, number=st.integers(1, 2**31 - 1)))
async def test_any_incident_comes_back_as_it_was(store: SqlStore, incident: Incident) -> None:
    def keep(tx: Transaction) -> None:
        (tx.incidents.save if tx.incidents.get(incident.number) else tx.incidents.add)(incident)

    await store.write(keep)
    assert await store.read(lambda tx: tx.incidents.get(incident.number)) == incident


async def test_incidents_are_numbered_from_one_without_gaps(store: SqlStore) -> None:
    def declare(tx: Transaction) -> int:
        number = tx.incidents.next_number()
        tx.incidents.add(an_incident(number=number))
        return number

    assert [await store.write(declare) for _ in range(3)] == [1, 2, 3]


async def test_a_number_is_given_once(store: SqlStore) -> None:
    await add(store, an_incident(number=1))
    with pytest.raises(BotError, match="The database did not take it") as caught:
        await add(store, an_incident(number=1, title="another"))
    assert caught.value.not_done == "Nothing was written."
    kept = await store.read(lambda tx: tx.incidents.get(1))
    assert kept is not None
    assert kept.title == "drift"


async def test_the_newest_come_in_pages_and_by_what_is_asked(store: SqlStore) -> None:
    await add(store, *(
        an_incident(number=n, model="a" if n % 2 else "b", status=Status.OPEN if n < 4 else Status.CLOSED, opened_at=T0 + minutes(n))
        for n in range(1, 8)
    ))  # fmt: skip

    async def numbers(**by: object) -> list[int]:
        return [i.number for i in await store.read(lambda tx: tx.incidents.newest(**{"limit": 3, **by}))]  # type: ignore[arg-type]  # free keywords

    assert await numbers() == [7, 6, 5]
    assert await numbers(before=5) == [4, 3, 2]
    assert await numbers(before=2) == [1]
    assert await numbers(before=1) == []
    assert await numbers(model="b") == [6, 4, 2]
    assert await numbers(status=Status.OPEN) == [3, 2, 1]
    assert await numbers(since=T0 + minutes(6)) == [7, 6]
    assert [i.number for i in await store.read(lambda tx: tx.incidents.live())] == [3, 2, 1]
    assert [i.number for i in await store.read(lambda tx: tx.incidents.live(model="a", limit=1))] == [3]


PLACE = {"model": "fraud-detector", "source": "alertmanager", "environment": "production"}


async def joined(store: SqlStore, **asked: str | None) -> Incident | None:
    place = Place(**{**PLACE, **asked})
    return (await store.read(lambda tx: tx.incidents.joinable([place], resolved_after=T0))).get(place)


@pytest.mark.parametrize(
    ("there", "asked", "joins"),
    [
        ({}, {}, True),
        ({"status": Status.ACKNOWLEDGED}, {}, True),
        ({"status": Status.MITIGATED}, {}, True),
        ({"status": Status.RESOLVED, "resolved_at": T0}, {}, True),
        ({"status": Status.RESOLVED, "resolved_at": T0 - timedelta(microseconds=1)}, {}, False),
        ({"status": Status.CLOSED, "resolved_at": T0 + minutes(1)}, {}, False),
        ({"model": "churn"}, {}, False),
        ({"source": "grafana"}, {}, True),
        ({"environment": "staging"}, {}, False),
        ({"environment": None}, {}, True),
        ({}, {"environment": None}, False),
        ({"environment": None}, {"environment": None}, True),
        ({"model": None}, {"model": None}, True),
        ({"model": None, "source": "grafana"}, {"model": None}, False),
        ({}, {"model": None}, False),
        ({"model": None}, {}, False),
    ],
)
async def test_which_incident_an_alert_joins(
    store: SqlStore, there: dict[str, object], asked: dict[str, str | None], joins: bool
) -> None:
    await add(store, an_incident(number=1, **there))
    assert (await joined(store, **asked) is not None) is joins


async def test_of_several_the_newest_is_joined(store: SqlStore) -> None:
    await add(store, an_incident(number=1), an_incident(number=2), an_incident(number=3, status=Status.CLOSED))
    found = await joined(store)
    assert found is not None
    assert found.number == 2


async def test_many_places_are_asked_about_at_once(store: SqlStore) -> None:
    await add(store, an_incident(number=1), an_incident(number=2, model=None), an_incident(number=3, model="churn"))
    places = [
        Place("fraud-detector", "", "production"),
        Place(None, "alertmanager", "production"),
        Place("x", "", None),
    ]
    found = await store.read(lambda tx: tx.incidents.joinable(places, resolved_after=T0))
    assert {place: incident.number for place, incident in found.items()} == {places[0]: 1, places[1]: 2}


async def test_an_incident_is_found_by_its_card_and_by_nothing_else(store: SqlStore) -> None:
    def show(tx: Transaction) -> None:
        tx.incidents.add(an_incident(number=42))
        for kind, ts in ((PostKind.CARD, "1.1"), (PostKind.OPERATION, "2.2")):
            post = tx.posts.want(Post(f"{kind.value}:42", kind, 42, "#ml-incidents", Lane.UPDATE))
            tx.posts.save(replace(post, channel_id="C1", ts=ts, shown=1))

    await store.write(show)
    found = await store.read(lambda tx: tx.incidents.by_post("C1", "1.1"))
    assert found is not None
    assert found.number == 42
    for channel, ts in (("C1", "2.2"), ("C2", "1.1"), ("C1", ""), ("", ""), ("C1\x00", "1.1\ud800")):
        assert await store.read(lambda tx, at=(channel, ts): tx.incidents.by_post(*at)) is None


# ---------------------------------------------------------------- episodes


@QUICK
@given(values(Alert), st.data())
async def test_any_alert_is_kept_as_last_seen(
    store: SqlStore, clock: FakeClock, said: Alert, data: st.DataObject
) -> None:
    seen = episode(
        source=said.source, instance=said.instance, fingerprint=said.fingerprint, starts_at=said.starts_at, incident=1
    )
    seen = replace(seen, ends_at=data.draw(st.none() | st.just(said.starts_at + minutes(1))))

    def take(tx: Transaction) -> tuple[Episode | None, Episode | None, list[Alert]]:
        if tx.incidents.get(1) is None:
            tx.incidents.add(an_incident(number=1))
        tx.episodes.save(replace(seen, deliveries=1), said)
        tx.episodes.save(replace(seen, deliveries=2), replace(said, name="renamed"))
        identity = (said.source, said.instance, said.fingerprint)
        return (
            tx.episodes.get(*identity, said.starts_at),
            tx.episodes.newest(*identity),
            list(tx.episodes.alerts_of(1, limit=10_000)),
        )

    found, newest, alerts = await store.write(take)
    assert found is not None
    assert newest is not None
    assert (found.starts_at, found.deliveries, found.ends_at) == (said.starts_at, 2, seen.ends_at)
    assert replace(said, name="renamed") in alerts


async def test_episodes_by_what_is_asked(store: SqlStore) -> None:
    def take(tx: Transaction) -> None:
        for number, model in ((1, "a"), (2, "b")):
            tx.incidents.add(an_incident(number=number, model=model))
        tx.episodes.save(episode(0, incident=1, status=AlertStatus.RESOLVED), alert("first"))
        tx.episodes.save(episode(1, incident=1), alert("second"))
        tx.episodes.save(episode(2, fingerprint="f2", incident=2), alert("other"))
        tx.episodes.save(episode(3, source="grafana", fingerprint="g1"), alert("of nobody"))

    await store.write(take)

    def look(tx: Transaction) -> None:
        newest = tx.episodes.newest("alertmanager", "http://am", "f1")
        assert newest == episode(1, incident=1)
        assert tx.episodes.newest("alertmanager", "http://other", "f1") is None
        assert tx.episodes.get("alertmanager", "http://am", "f1", T0) == episode(
            0, incident=1, status=AlertStatus.RESOLVED
        )
        assert list(tx.episodes.firing_of(1)) == [episode(1, incident=1)]
        assert list(tx.episodes.firing_from("grafana")) == [episode(3, source="grafana", fingerprint="g1")]
        assert [a.name for a in tx.episodes.alerts_of(1)] == ["second", "first"]
        assert [a.name for a in tx.episodes.alerts_of(1, limit=1)] == ["second"]
        assert [a.name for a in tx.episodes.since(None, T0 + minutes(1))] == ["of nobody", "other", "second"]
        assert [a.name for a in tx.episodes.since("a", T0)] == ["second", "first"]

    await store.read(look)


async def test_names_too_long_for_an_index_are_kept_apart(store: SqlStore) -> None:
    long = "x😀" * 4_000

    def take(tx: Transaction) -> list[Episode | None]:
        for tail in "ab":
            tx.episodes.save(episode(fingerprint=long + tail, instance=long, deliveries=ord(tail)), alert())
        return [tx.episodes.get("alertmanager", long, long + tail, T0) for tail in "abc"]

    one, other, none = await store.write(take)
    assert one is not None
    assert other is not None
    assert (one.deliveries, other.deliveries, none) == (ord("a"), ord("b"), None)


async def test_an_episode_belongs_to_an_incident_that_exists(store: SqlStore) -> None:
    with pytest.raises(BotError, match=r"(?i)foreign key"):
        await store.write(lambda tx: tx.episodes.save(episode(incident=99), alert()))


# ---------------------------------------------------------------- deliveries


async def test_deliveries_leave_a_record_and_dead_letters_their_body(store: SqlStore, clock: FakeClock) -> None:
    body = bytes(range(256))
    received: list[datetime] = []
    for number in range(3):
        received.append(clock.advance(1))
        dead = number != 1

        def add(tx: Transaction, number: int = number, dead: bool = dead) -> int:
            outcome = DeliveryOutcome.DEAD if dead else DeliveryOutcome.TAKEN
            reason = "no JSON\x00\ud800" if dead else ""
            tx.deliveries.heard("grafana", deliveries=1, alerts=number)
            return tx.deliveries.add(
                "grafana", f"sha{number}", 256, outcome, alerts=number, reason=reason, body=body if dead else None
            )

        await store.write(add)
    newest, oldest = await store.read(lambda tx: tx.deliveries.dead())
    assert [newest.digest, oldest.digest] == ["sha2", "sha0"]
    assert (newest.body, newest.size, newest.alerts, newest.received_at) == (body, 256, 2, received[2])
    assert newest.reason == "no JSON\ufffd?"
    assert len(await store.read(lambda tx: tx.deliveries.dead(limit=1))) == 1
    assert await store.read(lambda tx: tx.deliveries.count()) == 3
    assert await store.read(lambda tx: tx.deliveries.newest_at("grafana")) == received[2]
    assert await store.read(lambda tx: tx.deliveries.newest_at("mlflow")) is None
