"""The only writer: decisions that wait together share a commit, and nothing that was answered is lost."""

import asyncio
import itertools
import threading
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Self

import pytest
import sqlalchemy as sa

from bot.domain.errors import BotError, Overloaded
from bot.domain.timeline import verify
from bot.ports.clock import Clock
from bot.ports.store import Transaction
from bot.store.sqlstore import GROUP_LIMIT, SqlStore
from tests.fakes.clock import START, FakeClock
from tests.needs import needs
from tests.servers.child import child
from tests.store.raw import raw
from tests.unit.worlds import an_incident


class Ticking(Clock):
    """Shows another time whenever it is asked, so that a transaction is known by its `now`."""

    def __init__(self) -> None:
        self._seconds = itertools.count()

    def now(self) -> datetime:
        return START + timedelta(seconds=next(self._seconds))

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


@pytest.fixture
async def ticking(url: str) -> AsyncIterator[SqlStore]:
    opened = SqlStore(url, Ticking())
    await opened.open()
    yield opened
    await opened.close()


class Held:
    """Holds the writer within a decision, while others come and wait."""

    def __init__(self, store: SqlStore) -> None:
        self._entered, self._go_on = asyncio.Event(), threading.Event()
        loop = asyncio.get_running_loop()

        def hold(tx: Transaction) -> datetime:
            loop.call_soon_threadsafe(self._entered.set)
            assert self._go_on.wait(60)
            return tx.now

        self._task = asyncio.create_task(store.write(hold))

    async def __aenter__(self) -> Self:
        await self._entered.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._go_on.set()
        await self._task


async def waiting(tasks: list["asyncio.Task[object]"]) -> None:
    """Until each task has handed its decision in: that takes one round of the loop."""
    await asyncio.sleep(0)
    assert not any(task.done() for task in tasks)


# ---------------------------------------------------------------- together


async def test_decisions_that_wait_together_share_one_commit(ticking: SqlStore) -> None:
    async with Held(ticking):
        tasks = [asyncio.create_task(ticking.write(lambda tx: tx.now)) for _ in range(100)]
        await waiting(tasks)
    assert len({task.result() if task.done() else await task for task in tasks}) == 1
    alone = [await ticking.write(lambda tx: tx.now) for _ in range(3)]
    assert len(set(alone)) == 3


async def test_a_group_has_its_limit(ticking: SqlStore) -> None:
    async with Held(ticking):
        tasks = [asyncio.create_task(ticking.write(lambda tx: tx.now)) for _ in range(2 * GROUP_LIMIT + 1)]
        await waiting(tasks)
    moments = await asyncio.gather(*tasks)
    assert [moments.count(moment) for moment in sorted(set(moments))] == [GROUP_LIMIT, GROUP_LIMIT, 1]


async def test_decisions_are_made_in_the_order_in_which_they_came(store: SqlStore) -> None:
    made: list[int] = []
    async with Held(store):
        tasks = [asyncio.create_task(store.write(lambda tx, n=n: made.append(n))) for n in range(300)]
        await waiting(tasks)
    await asyncio.gather(*tasks)
    assert made == list(range(300))


async def test_one_that_raises_takes_back_only_itself(ticking: SqlStore) -> None:
    def decide(tx: Transaction, number: int) -> datetime:
        tx.keys.first("kept", str(number))
        match number:
            case 3:
                raise RuntimeError("three")
            case 5:  # the database itself refuses this one
                tx.incidents.add(an_incident(number=1))
                tx.incidents.add(an_incident(number=1))
            case 7:  # what asyncio can't hand on would leave its caller waiting for ever
                next(iter(()))
        return tx.now

    async with Held(ticking):
        tasks = [asyncio.create_task(ticking.write(lambda tx, n=n: decide(tx, n))) for n in range(10)]
        await waiting(tasks)
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert len({moment for moment in ended if isinstance(moment, datetime)}) == 1
    kinds = {number: type(what) for number, what in enumerate(ended) if isinstance(what, Exception)}
    assert kinds == {3: RuntimeError, 5: BotError, 7: RuntimeError}
    kept = await ticking.read(lambda tx: [n for n in range(10) if tx.keys.get("kept", str(n)) is not None])
    assert kept == [0, 1, 2, 4, 6, 8, 9]
    assert await ticking.read(lambda tx: tx.incidents.get(1)) is None


async def test_who_no_longer_waits_is_not_served_and_the_others_are(store: SqlStore) -> None:
    async with Held(store):
        tasks = [asyncio.create_task(store.write(lambda tx, n=n: tx.keys.first("kept", str(n)))) for n in range(3)]
        await waiting(tasks)
        tasks[1].cancel()
        await asyncio.gather(tasks[1], return_exceptions=True)
    assert await asyncio.gather(tasks[0], tasks[2]) == [True, True]
    assert await store.read(lambda tx: tx.keys.get("kept", "1")) is None


# ---------------------------------------------------------------- limits and ends


async def test_more_than_the_limit_is_an_overload_and_said_so(url: str, clock: FakeClock) -> None:
    store = SqlStore(url, clock, waiting_limit=100)
    await store.open()
    async with Held(store):
        tasks = [asyncio.create_task(store.write(lambda tx: None)) for _ in range(100)]
        await waiting(tasks)
        with pytest.raises(Overloaded, match="100 changes wait") as caught:
            await store.write(lambda tx: None)
        assert caught.value.not_done == "This one was not taken."
    await asyncio.gather(*tasks)
    await store.write(lambda tx: None)  # and then it takes again
    await store.close()


async def test_close_finishes_what_waits_and_takes_nothing_more(url: str, clock: FakeClock) -> None:
    store = SqlStore(url, clock)
    await store.open()
    async with Held(store):
        tasks = [asyncio.create_task(store.write(lambda tx, n=n: tx.keys.first("kept", str(n)))) for n in range(300)]
        await waiting(tasks)
        closing = asyncio.create_task(store.close())
        await asyncio.sleep(0)
        with pytest.raises(BotError, match="The store is closed"):
            await store.write(lambda tx: None)
        with pytest.raises(BotError, match="The store is closed"):
            await store.read(lambda tx: None)
    assert all(await asyncio.gather(*tasks))
    await closing
    await store.close()  # twice is once
    with raw(url) as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM keys")).scalar_one() == 300
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("store-")]


async def test_what_is_looked_at_can_not_be_changed(store: SqlStore) -> None:
    assert await store.read(lambda tx: tx.keys.first("looked", "x"))
    assert await store.read(lambda tx: tx.keys.get("looked", "x")) is None
    with pytest.raises(BotError, match="has no engine"):
        await store.write(lambda tx: tx.start_work("execute", 17))


async def test_readers_do_not_wait_for_the_writer(store: SqlStore) -> None:
    await store.write(lambda tx: tx.keys.put("x", "x", "before"))
    async with Held(store):
        assert await asyncio.wait_for(store.read(lambda tx: tx.keys.get("x", "x")), 30) == "before"


# ---------------------------------------------------------------- kill -9


async def test_what_was_reported_as_committed_is_there_after_kill_9(url: str, clock: FakeClock) -> None:
    async with child("tests.store.children.writes", url) as writer:
        said = [await writer.line() for _ in range(200)]
        await writer.kill()
        said += await writer.rest()
    store = SqlStore(url, clock)
    await store.open()
    try:
        missing = await store.read(lambda tx: [n for n in said if tx.keys.get("written", n) is None])
        entries = await store.read(lambda tx: tx.timeline.of(1))
        assert missing == []
        assert verify(entries) is None
        assert {entry.text for entry in entries} >= set(said)
        await store.write(lambda tx: tx.keys.first("and", "goes on"))
    finally:
        await store.close()


# ---------------------------------------------------------------- a connection that is lost

END_CONNECTIONS = sa.text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@pytest.fixture
async def on_postgres(postgres_url: str, clock: FakeClock) -> AsyncIterator[SqlStore]:
    opened = SqlStore(postgres_url, clock)
    await opened.open()
    yield opened
    await opened.close()


@needs("postgresql")
async def test_before_the_commit_nothing_was_kept_so_it_is_decided_again(
    on_postgres: SqlStore, postgres_url: str
) -> None:
    tries = 0

    def decide(tx: Transaction) -> bool:
        nonlocal tries
        tries += 1
        first = tx.keys.first("once", "x")
        if tries == 1:
            with raw(postgres_url) as connection:
                connection.execute(END_CONNECTIONS)
        tx.keys.put("after", "x", "")
        return first

    assert await on_postgres.write(decide) is True
    assert tries == 2
    assert await on_postgres.read(lambda tx: tx.keys.get("once", "x")) == ""


@needs("postgresql")
async def test_what_is_lost_in_the_commit_is_not_repeated_and_said_to_be_unsure(
    on_postgres: SqlStore, postgres_url: str
) -> None:
    with raw(postgres_url) as connection:
        connection.execute(sa.text(
            "CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$"
        ))  # fmt: skip
        connection.execute(sa.text(
            "CREATE CONSTRAINT TRIGGER cut_in_commit AFTER INSERT ON keys DEFERRABLE INITIALLY DEFERRED "
            "FOR EACH ROW EXECUTE FUNCTION cut()"
        ))  # fmt: skip
    tries = 0

    def decide(tx: Transaction) -> None:
        nonlocal tries
        tries += 1
        tx.keys.first("once", "x")

    with pytest.raises(BotError, match="broke off while it was told to keep a change") as caught:
        await on_postgres.write(decide)
    assert "is not known" in caught.value.not_done
    assert tries == 1
    await on_postgres.write(lambda tx: tx.incidents.add(an_incident(number=1)))  # with a new connection


@needs("postgresql")
async def test_a_server_that_is_away_is_said_and_the_store_goes_on_when_it_is_back(
    on_postgres: SqlStore, postgres_url: str
) -> None:
    tries = 0

    def decide(tx: Transaction) -> None:
        nonlocal tries
        tries += 1
        with raw(postgres_url) as connection:
            connection.execute(END_CONNECTIONS)
        tx.keys.first("once", "x")

    with pytest.raises(BotError, match="The database did not take it: ") as caught:
        await on_postgres.write(decide)
    assert caught.value.not_done == "Nothing was written."
    assert "INSERT" not in str(caught.value)
    assert tries == 3
    assert await on_postgres.write(lambda tx: tx.keys.first("once", "x"))


@needs("postgresql")
async def test_a_replica_that_freezes_within_a_transaction_does_not_stop_the_others(
    postgres_url: str, clock: FakeClock
) -> None:
    patience = "?options=-c%20idle_in_transaction_session_timeout%3D300"  # the shipped one is ten seconds
    frozen, other = SqlStore(postgres_url + patience, clock), SqlStore(postgres_url, clock)
    await frozen.open()
    await other.open()
    loop, entered, thaw = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def decide(tx: Transaction) -> bool:
        first = tx.keys.first("once", "x", "frozen")
        loop.call_soon_threadsafe(entered.set)
        assert thaw.wait(60)
        return tx.keys.get("once", "x") == "frozen" and first

    slow = asyncio.create_task(frozen.write(decide))
    await entered.wait()
    assert await asyncio.wait_for(other.write(lambda tx: tx.keys.first("once", "x", "other")), 30)
    thaw.set()
    assert await slow is False  # its first try was taken back by the server; the next one saw the other's
    assert await other.read(lambda tx: tx.keys.get("once", "x")) == "other"
    await frozen.close()
    await other.close()
