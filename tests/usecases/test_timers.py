"""Who is paged next, and who is reminded, by clock; a timer is a row, so it survives the process that set it."""

import contextlib
import sqlite3
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.incident import Status
from bot.domain.post import PostKind
from bot.domain.timeline import Kind
from bot.ports.store import Timer, Transaction
from bot.usecases.charting.owed import KIND
from bot.usecases.clockwork import Clockwork
from tests.usecases.ingest_world import Watch, an_alert, over


def drift(watch: Watch) -> object:
    """An alert of the phase in which Responsible and Accountable are different people."""
    return an_alert(watch.start, "DataDrift")


async def paged(watch: Watch) -> set[str]:
    return {post.body for post in await watch.posts(PostKind.PAGE)}


async def accountable(watch: Watch) -> str:
    found = (await watch.incident()).route.accountable
    assert found is not None
    return found.person


async def test_the_accountable_is_paged_when_nobody_acknowledges_in_time(watch: Watch) -> None:
    await watch.send(drift(watch))
    responsible, owner = await paged(watch), await accountable(watch)
    assert owner not in responsible
    assert await watch.pass_time(4.9) == 0
    assert await watch.pass_time(0.1) == 1
    assert await paged(watch) == responsible | {owner}
    assert "nobody acknowledged for 5 min" in (await watch.timeline(1, Kind.PAGED))[-1].text


async def test_the_escalation_survives_the_process(watch: Watch) -> None:
    await watch.send(drift(watch))
    await watch.restart()
    assert await watch.pass_time(6) == 1
    assert await accountable(watch) in await paged(watch)
    await watch.restart()
    assert await watch.pass_time(0) == 0
    assert len([e for e in await watch.timeline(1, Kind.PAGED) if "nobody acknowledged" in e.text]) == 1


async def test_when_nobody_is_left_to_page_that_is_said_once(watch: Watch) -> None:
    await watch.send(drift(watch))
    for _ in range(6):
        await watch.pass_time(5)
    reminded = await watch.timeline(1, Kind.REMINDED)
    assert [entry.text for entry in reminded] == [
        "Nobody has acknowledged for 5 min, and there is nobody further to page."
    ]


async def test_an_acknowledgement_stops_the_escalation_and_starts_reminders(watch: Watch) -> None:
    await watch.send(drift(watch))
    person = watch.setup.person(next(iter(await paged(watch))))
    assert (await watch.desk.command("ack INC-1", person)).ok
    pages = await watch.timeline(1, Kind.PAGED)
    assert await watch.pass_time(59) == 0
    await watch.restart()
    assert await watch.pass_time(1) == 1
    assert await watch.pass_time(60) == 1
    assert await watch.timeline(1, Kind.PAGED) == pages
    reminded = await watch.timeline(1, Kind.REMINDED)
    assert [e.text for e in reminded] == [f"Reminded {person.name}: acknowledged and still going on."] * 2
    keys = [await watch.store.read(lambda tx, n=n: tx.posts.get(f"reminder:1:{n}")) for n in (1, 2, 3)]
    assert [post is not None for post in keys] == [True, True, False]


async def test_the_end_stops_both(watch: Watch) -> None:
    alert = drift(watch)
    await watch.send(alert)
    await watch.send(over(alert))
    assert await watch.pass_time(10) == 0
    assert (await watch.incident()).status is Status.RESOLVED


async def test_after_a_reopening_the_ladder_is_climbed_anew(watch: Watch) -> None:
    alert = drift(watch)
    await watch.send(alert)
    await watch.pass_time(5)
    owner = await accountable(watch)
    await watch.send(over(alert))
    await watch.send(replace(alert, starts_at=watch.clock.now()))
    first = [post for post in await watch.posts(PostKind.PAGE) if post.body == owner]
    assert len(first) == 1
    assert await watch.pass_time(5) == 1
    assert len([post for post in await watch.posts(PostKind.PAGE) if post.body == owner]) == 2


async def test_nobody_waits_behind_the_charts_of_a_storm(watch: Watch) -> None:
    """However many of them are due before it, the escalation happens with the same tick."""
    await watch.send(drift(watch))
    due = watch.clock.now() + timedelta(minutes=4)

    def storm(tx: Transaction) -> None:
        for number in range(300):
            tx.timers.set(Timer(f"{KIND}:{number}:start", KIND, number, due, "start"))

    await watch.store.write(storm)
    wanted: list[Timer] = []
    clockwork = Clockwork(watch.store, watch.setup, watch.systems, watch.clock, lambda: None, wanted.append)
    watch.clock.advance(300)
    assert await clockwork.timers() == 301
    assert await accountable(watch) in await paged(watch)
    assert len(wanted) == 300
    assert await clockwork.timers() == 0, "each is worked on; it is due again when that takes too long"


async def test_two_processes_escalate_once(watch: Watch) -> None:
    await watch.send(drift(watch))
    other = Watch(watch.path)
    other.clock = watch.clock
    other._process()
    await other.store.open()
    try:
        watch.clock.advance(360)
        assert await watch.clockwork.timers() + await other.clockwork.timers() == 1
    finally:
        await other.store.close()


async def test_who_was_paged_by_the_clock_may_acknowledge(watch: Watch) -> None:
    await watch.send(drift(watch))
    owner = watch.setup.person(await accountable(watch))
    await watch.pass_time(5)
    assert (await watch.desk.command("ack INC-1", owner)).ok
    assert (await watch.incident()).acknowledged_by == owner.id


async def test_one_that_can_not_be_rung_silences_no_other(watch: Watch, caplog: pytest.LogCaptureFixture) -> None:
    """A row that another version has written, or a fault of ours: the others are paged all the same."""
    await watch.send(drift(watch))
    await watch.send(an_alert(watch.start, "DataDrift", model="churn"))
    broken = "UPDATE incidents SET data = '{}' WHERE number = 1"
    with contextlib.closing(sqlite3.connect(watch.path)) as database, database:
        kept = database.execute("SELECT data FROM incidents WHERE number = 1").fetchone()
        database.execute(broken)
    assert await watch.pass_time(6) == 1
    assert "escalate:1" in caplog.text
    assert any("nobody acknowledged" in entry.text for entry in await watch.timeline(2, Kind.PAGED))
    with contextlib.closing(sqlite3.connect(watch.path)) as database, database:
        database.execute("UPDATE incidents SET data = ? WHERE number = 1", kept)
    assert await watch.pass_time(1) == 1, "it was put off, not lost"
    assert any("nobody acknowledged" in entry.text for entry in await watch.timeline(1, Kind.PAGED))
