"""Deliveries that arrive together share one transaction, and nobody can tell it from what comes of them."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

import pytest

from bot.domain.alert import Alert
from bot.domain.errors import BotError, Overloaded
from bot.domain.incident import Status
from bot.domain.timeline import Kind
from bot.ports.store import Transaction
from bot.usecases import ingest
from tests.usecases.ingest_world import Watch, an_alert, over

T = TypeVar("T")


def counted(watch: Watch) -> list[int]:
    """Lets the store count how many decisions it is handed."""
    calls: list[int] = []
    write = watch.store.write

    async def counting(decide: Callable[[Transaction], T]) -> T:
        calls.append(1)
        return await write(decide)

    watch.store.write = counting  # type: ignore[method-assign]  # it only counts
    return calls


async def test_what_arrives_together_is_one_transaction_and_each_gets_its_own_receipt(watch: Watch) -> None:
    calls = counted(watch)
    alerts = [an_alert(watch.start, f"Alert{n}", model=f"model-{n % 3}") for n in range(12)]
    receipts = await asyncio.gather(*(watch.send(alert) for alert in alerts))
    assert len(calls) == 1
    assert [(r.opened, r.joined) for r in receipts] == [(1, 0)] * 3 + [(0, 1)] * 9
    assert [r.incidents for r in receipts[:4]] == [(1,), (2,), (3,), (1,)]
    assert await watch.records() == 12
    assert [(i.alerts_firing, i.alerts_seen) for i in await watch.incidents()] == [(4, 4)] * 3
    assert len(await watch.timeline(1, Kind.ALERT_FIRED)) == 4


async def test_what_arrives_while_one_is_written_gathers_for_the_next(watch: Watch) -> None:
    calls = counted(watch)
    first = asyncio.create_task(watch.send(an_alert(watch.start, "First")))
    await asyncio.sleep(0)  # it is begun
    await asyncio.sleep(0)  # and so is its transaction
    assert len(calls) == 1
    rest = [watch.send(an_alert(watch.start, f"Later{n}")) for n in range(5)]
    receipts = await asyncio.gather(first, *rest)
    assert len(calls) == 2
    assert [r.joined for r in receipts] == [0, 1, 1, 1, 1, 1]


async def test_too_many_alerts_for_one_transaction_are_several(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "ALERTS_TOGETHER", 4)
    calls = counted(watch)
    bodies = [[an_alert(watch.start, f"Alert{n}-{k}") for k in range(3)] for n in range(3)]
    await asyncio.gather(*(watch.send(*alerts) for alerts in bodies))
    assert len(calls) == 3
    assert (await watch.incident()).alerts_seen == 9


async def test_fires_and_ends_in_one_transaction(watch: Watch) -> None:
    alert = an_alert(watch.start)
    receipts = await asyncio.gather(
        watch.send(alert), watch.send(over(alert)), watch.send(alert), watch.send(over(alert))
    )
    assert [(r.opened, r.resolved, r.ignored) for r in receipts] == [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 1)]
    incident = await watch.incident()
    assert (incident.status, incident.alerts_firing, incident.alerts_seen) == (Status.RESOLVED, 0, 1)
    kinds = [entry.kind for entry in await watch.timeline()]
    assert [k for k in kinds if k in {Kind.OPENED, Kind.ALERT_FIRED, Kind.ALERT_RESOLVED, Kind.RESOLVED}] == [
        Kind.OPENED, Kind.ALERT_FIRED, Kind.ALERT_RESOLVED, Kind.RESOLVED,
    ]  # fmt: skip


async def test_a_newer_start_and_a_late_word_about_the_older_one_in_one_transaction(watch: Watch) -> None:
    older = an_alert(watch.start)
    newer = replace(older, starts_at=older.starts_at + timedelta(seconds=30))
    await watch.send(older)
    receipts = await asyncio.gather(watch.send(newer), watch.send(over(older)), watch.send(over(newer)))
    assert [(r.refreshed, r.resolved, r.ignored) for r in receipts] == [(1, 0, 0), (0, 0, 1), (0, 1, 0)]
    assert (await watch.incident()).status is Status.RESOLVED


async def test_fingerprints_that_are_stored_alike_are_one_alert(watch: Watch) -> None:
    """No database keeps NUL; two that differ only by it must not make a body that can never be taken."""
    alert = an_alert(watch.start, fingerprint="a\x00")
    receipt = await watch.send(alert, replace(alert, fingerprint="a\ufffd"))
    assert (receipt.opened, receipt.refreshed) == (1, 1)


class Poison(Alert):
    """An alert that can't be taken."""

    @property
    def summary(self) -> str:
        raise ZeroDivisionError


async def test_one_that_can_not_be_taken_does_not_hurt_the_others(watch: Watch) -> None:
    good = [an_alert(watch.start, f"Alert{n}") for n in range(3)]
    poison = Poison("alertmanager", "http://am", "p", "Poison", good[0].status, watch.start, labels=good[0].labels)
    results = await asyncio.gather(*(watch.send(a) for a in (good[0], poison, *good[1:])), return_exceptions=True)
    assert isinstance(results[1], ZeroDivisionError)
    assert not any(isinstance(result, BaseException) for place, result in enumerate(results) if place != 1)
    assert (await watch.incident()).alerts_seen == 3


async def test_a_store_that_can_not_write_is_told_to_all(watch: Watch) -> None:
    await watch.store.close()
    results = await asyncio.gather(
        *(watch.send(an_alert(watch.start, f"A{n}")) for n in range(3)), return_exceptions=True
    )
    assert all(isinstance(result, BotError) for result in results)
    await watch.store.open()
    assert (await watch.send(an_alert(watch.start))).opened == 1


async def test_more_than_may_wait_is_an_overload_and_the_others_are_taken(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "WAITING_LIMIT", 5)
    sent = [watch.send(an_alert(watch.start, f"Alert{n}")) for n in range(9)]
    results = await asyncio.gather(*sent, return_exceptions=True)
    assert [isinstance(result, Overloaded) for result in results] == [False] * 5 + [True] * 4
    assert (await watch.incident()).alerts_seen == 5


async def test_one_that_gives_up_waiting_is_taken_all_the_same(watch: Watch) -> None:
    """A connection that closes cancels its request: the others of its transaction go on."""
    gone = asyncio.create_task(watch.send(an_alert(watch.start, "Gone")))
    stays = asyncio.create_task(watch.send(an_alert(watch.start, "Stays")))
    await asyncio.sleep(0)
    gone.cancel()
    assert (await stays).joined == 1
    assert (await watch.incident()).alerts_seen == 2


async def test_repeats_leave_a_count_and_no_record(watch: Watch) -> None:
    alert = an_alert(watch.start)
    for _ in range(4):
        await watch.send(alert)
    assert (await watch.records(), await watch.store.read(lambda tx: tx.deliveries.count())) == (1, 4)
    await watch.send(over(alert))
    assert (await watch.records(), await watch.store.read(lambda tx: tx.deliveries.count())) == (2, 5)
