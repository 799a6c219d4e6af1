"""A replica that is silent for its lease is taken over, once, and then changes nothing any more."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.errors import BotError
from bot.engine.replicas import BEAT_SECONDS, LEASE, Heartbeat
from bot.ports.engine import Fenced
from bot.store.sqlstore import SqlStore
from tests.fakes.clock import FakeClock
from tests.needs import needs
from tests.servers.child import Child, child

BEAT = timedelta(seconds=BEAT_SECONDS)


class Deaf(FakeClock):
    """Goes on without waking who sleeps by it: the beats are made by hand."""

    def pass_by(self, time: timedelta) -> None:
        self._now += time


@pytest.fixture
def clock() -> Deaf:
    return Deaf()


class Replica:
    """A heartbeat whose beats the test makes, and what it was told to continue."""

    def __init__(self, store: SqlStore, clock: Deaf, name: str) -> None:
        self.continued: list[str] = []
        self.trouble: Exception | None = None
        self.heart = Heartbeat(store, clock, name, self._continue)

    async def _continue(self, dead: str) -> int:
        if self.trouble is not None:
            raise self.trouble
        self.continued.append(dead)
        return 1


async def both(store: SqlStore, other_store: SqlStore, clock: Deaf) -> tuple[Replica, Replica]:
    """Two that have joined."""
    replicas = Replica(store, clock, "a"), Replica(other_store, clock, "b")
    for replica in replicas:
        await replica.heart.start()
    return replicas


@pytest.fixture
async def pair(store: SqlStore, other_store: SqlStore, clock: Deaf) -> AsyncIterator[tuple[Replica, Replica]]:
    a, b = await both(store, other_store, clock)
    yield a, b
    for replica in (a, b):
        await replica.heart.stop()


@contextlib.contextmanager
def unheard(replica: Replica) -> Iterator[None]:
    """Its database does not answer."""
    heart = replica.heart
    store, heart._store = heart._store, Failing(heart._store)  # type: ignore[assignment]  # a store that fails
    heart._store.fault = BotError("The database did not take it.")
    try:
        yield
    finally:
        heart._store = store


async def silent_until(clock: Deaf, alive: Replica) -> None:
    """Time passes beat by beat for one of them, until the other's lease has run out."""
    for _ in range(LEASE // BEAT + 1):
        clock.pass_by(BEAT)
        await alive.heart.tick()


async def test_who_beats_is_left_alone(pair: tuple[Replica, Replica], clock: Deaf) -> None:
    a, b = pair
    for _ in range(20):
        clock.pass_by(BEAT)
        await a.heart.tick()
        await b.heart.tick()
        await a.heart.check()
        await b.heart.check()
    assert (a.continued, b.continued) == ([], [])


async def test_who_is_silent_is_taken_over_once_and_fenced_off(pair: tuple[Replica, Replica], clock: Deaf) -> None:
    a, b = pair
    silent_since = clock.now()
    await silent_until(clock, b)
    assert b.continued == ["a"]
    assert clock.now() - silent_since <= timedelta(seconds=30)
    await b.heart.tick()
    assert b.continued == ["a"]
    with pytest.raises(Fenced, match=r"This process \(a\) was silent for too long") as caught:
        await a.heart.check()
    assert caught.value.not_done == "The call was not made."
    assert a.heart.lost.is_set()
    await a.heart.tick()
    assert a.continued == []
    await b.heart.check()


async def test_a_lease_that_ran_out_and_that_nobody_took_is_prolonged(
    pair: tuple[Replica, Replica], clock: Deaf
) -> None:
    a, b = pair
    clock.pass_by(2 * LEASE)
    await a.heart.check()
    await a.heart.tick()
    assert a.continued == []
    await silent_until(clock, a)
    assert a.continued == ["b"]
    assert not a.heart.lost.is_set()
    with pytest.raises(Fenced):
        await b.heart.check()


async def test_an_outage_of_the_database_makes_nobody_dead(pair: tuple[Replica, Replica], clock: Deaf) -> None:
    """All were silent, because none could be heard: whoever is heard first must not end all the others."""
    a, b = pair
    for replica in pair:
        await replica.heart.tick()
    for _ in range(20):
        clock.pass_by(BEAT)
        for replica in pair:
            with unheard(replica), pytest.raises(BotError):
                await replica.heart.tick()
    for _ in range(10):
        await a.heart.tick()
        clock.pass_by(BEAT)
        await b.heart.tick()
    assert (a.continued, b.continued) == ([], [])
    assert not a.heart.lost.is_set()
    assert not b.heart.lost.is_set()


async def test_who_leaves_is_taken_over_at_the_next_beat(pair: tuple[Replica, Replica]) -> None:
    a, b = pair
    await a.heart.stop()
    await b.heart.tick()
    assert b.continued == ["a"]


async def test_what_can_not_be_continued_is_tried_at_every_beat(
    pair: tuple[Replica, Replica], clock: Deaf, caplog: pytest.LogCaptureFixture
) -> None:
    a, b = pair
    b.trouble = RuntimeError("the engine is busy")
    await a.heart.stop()
    await b.heart.tick()
    assert b.continued == []
    assert "the operations of replica a can't be continued yet" in caplog.text
    b.trouble = None
    await b.heart.tick()
    assert b.continued == ["a"]


async def test_a_heart_goes_on_when_a_beat_fails(
    store: SqlStore, clock: Deaf, caplog: pytest.LogCaptureFixture
) -> None:
    failing = Failing(store)
    heart = Heartbeat(failing, clock, "a", Replica(store, clock, "x")._continue)  # type: ignore[arg-type]  # a store that fails
    await heart.start()
    for fault in (BotError("The database did not take it."), RuntimeError("what is this")):
        await clock.until_sleeping()
        failing.fault = fault
        clock.advance(BEAT_SECONDS)
        await clock.until_sleeping()
    failing.fault = None
    clock.advance(BEAT_SECONDS)
    await clock.until_sleeping()
    assert "heartbeat: The database did not take it." in caplog.text
    assert "what is this" in caplog.text
    assert await store.read(lambda tx: tx.replicas.alive("a"))
    failing.fault = BotError("The database is away.")
    await heart.stop()  # says so, and ends
    assert "the others must wait until the lease has run out" in caplog.text


class Failing:
    def __init__(self, store: SqlStore) -> None:
        self._store = store
        self.fault: Exception | None = None

    async def write(self, decide):
        if self.fault is not None:
            raise self.fault
        return await self._store.write(decide)


# ---------------------------------------------------------------- two processes on PostgreSQL


@contextlib.asynccontextmanager
async def two(url: str, folder: Path) -> AsyncIterator[tuple[Child, Child]]:
    (folder / "world").touch()
    (folder / "slow").write_text("nobody")
    module = "tests.engine.children.operates"
    async with child(module, url, str(folder), "a") as a, child(module, url, str(folder), "b") as b:
        for process in (a, b):
            await process.until("ready")
        yield a, b


async def begun_by(a: Child, b: Child) -> int:
    """An operation that replica a has sent and got no answer for; those that b takes are done at once."""
    for number in range(1, 50):
        a.tell(f"approve {number}")
        lines = [asyncio.create_task(process.line()) for process in (a, b)]
        await asyncio.wait(lines, return_when=asyncio.FIRST_COMPLETED)
        for line in lines:
            line.cancel()  # a line that wasn't complete stays to be read
        said = [line for line in await asyncio.gather(*lines, return_exceptions=True) if isinstance(line, str)]
        if said == [f"sent {number}"]:
            return number
        assert said == [f"operation {number}: done"]
    raise AssertionError("replica a has taken none of them")


@needs("postgresql")
@pytest.mark.parametrize("how", ["kill -9", "frozen", "stopped"])
async def test_the_survivor_finishes_what_the_other_had_begun_and_nothing_is_done_twice(
    postgres_url: str, tmp_path: Path, how: str
) -> None:
    async with two(postgres_url, tmp_path) as (dead, survivor):
        (tmp_path / "slow").write_text("a")
        number = await begun_by(dead, survivor)
        match how:
            case "kill -9":
                await dead.kill()
            case "frozen":
                dead.freeze()
            case "stopped":
                dead.tell("stop")
                await dead.until("stopped")
        assert await survivor.until(f"operation {number}: done") == []
        assert "replica a is silent: continuing" in survivor.complaints()
        if how == "frozen":
            dead.thaw()
            await dead.until("lost")
        effects = (tmp_path / "world").read_text().splitlines()
        assert [line for line in effects if line.startswith(f"{number} ")] == [f"{number} by a"]
