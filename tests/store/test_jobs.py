"""Jobs as a running bot has them: on a store, by a clock that the test moves, beside another process."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from bot.jobs import Claim, Job, Jobs
from bot.jobs.scheduler import LONGEST_RUN
from bot.ports.clock import Clock
from bot.ports.store import Transaction
from bot.store.sqlstore import SqlStore
from tests.fakes.clock import FakeClock

NINE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


class Digest:
    """A job's work with an effect that can be counted: a key in the store for each time a tick was done."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store
        self.runs = 0
        self.trouble: Exception | None = None
        self.gate: asyncio.Event | None = None
        self.entered = asyncio.Event()

    async def work(self, tick: datetime, claim: Claim) -> None:
        self.runs += 1
        self.entered.set()
        if self.gate is not None:
            await self.gate.wait()

        def decide(tx: Transaction) -> None:
            if claim(tx):
                count = int(tx.keys.get("posted", tick.isoformat()) or "0")
                tx.keys.put("posted", tick.isoformat(), str(count + 1))
            if self.trouble is not None:
                raise self.trouble

        await self._store.write(decide)

    async def posted(self, tick: datetime) -> int:
        return int(await self._store.read(lambda tx: tx.keys.get("posted", tick.isoformat())) or "0")


def daily(digest: Digest, *, catch_up: bool = True, cron: str = "0 9 * * *", zone: str = "UTC") -> Job:
    return Job.cron("digest:daily", cron, zone, digest.work, catch_up=catch_up)


async def once_around(store: SqlStore, clock: Clock, job: Job) -> None:
    """A process's life: start, do what is owed, stop."""
    jobs = Jobs(store, clock, [job])
    await jobs.start()
    await jobs.ring(job.name)
    await jobs.stop()


@pytest.fixture
def digest(store: SqlStore) -> Digest:
    return Digest(store)


async def test_a_tick_is_done_when_its_time_has_come_and_once(
    store: SqlStore, clock: FakeClock, digest: Digest
) -> None:
    jobs = Jobs(store, clock, [daily(digest)])
    await jobs.start()
    await jobs.ring("digest:daily")
    assert digest.runs == 0
    clock.set(NINE)
    for _ in range(3):
        await jobs.ring("digest:daily")
    assert (digest.runs, await digest.posted(NINE)) == (1, 1)
    clock.set(NINE + DAY + timedelta(hours=1))
    await jobs.ring("digest:daily")
    assert (digest.runs, await digest.posted(NINE + DAY)) == (2, 1)
    await jobs.stop()


@pytest.mark.parametrize(("catch_up", "expected"), [(True, 1), (False, 0)])
async def test_what_was_missed_while_everything_was_down(
    store: SqlStore, clock: FakeClock, digest: Digest, catch_up: bool, expected: int
) -> None:
    job = daily(digest, catch_up=catch_up)
    await once_around(store, clock, job)
    clock.set(NINE + 5 * DAY + timedelta(hours=2))
    for _ in range(2):
        await once_around(store, clock, job)
    assert digest.runs == expected
    assert await digest.posted(NINE + 5 * DAY) == expected
    assert await digest.posted(NINE + 4 * DAY) == 0  # of many that were missed, the newest


async def test_a_new_job_owes_nothing_and_neither_does_a_changed_schedule(
    store: SqlStore, clock: FakeClock, digest: Digest
) -> None:
    clock.set(NINE + timedelta(hours=3))
    await once_around(store, clock, daily(digest))
    await once_around(store, clock, daily(digest, cron="0 11 * * *"))
    await once_around(store, clock, daily(digest, cron="0 11 * * *", zone="Europe/Berlin"))
    assert digest.runs == 0
    record = await store.read(lambda tx: tx.jobs.get("digest:daily"))
    assert record is not None
    assert (record.cron, record.zone, record.catch_up) == ("0 11 * * *", "Europe/Berlin", True)
    assert record.last_tick == clock.now()


async def test_two_processes_post_once(store: SqlStore, other_store: SqlStore, clock: FakeClock) -> None:
    both = [Digest(store), Digest(other_store)]
    for digest in both:
        digest.gate = asyncio.Event()
    processes = [Jobs(at, clock, [daily(digest)]) for at, digest in zip((store, other_store), both, strict=True)]
    for jobs in processes:
        await jobs.start()
    clock.set(NINE)
    runs = [asyncio.create_task(jobs.ring("digest:daily")) for jobs in processes]
    for digest in both:  # both are at it, neither has claimed the tick yet
        await digest.entered.wait()
    for digest in both:
        assert digest.gate is not None
        digest.gate.set()
    await asyncio.gather(*runs)
    assert [digest.runs for digest in both] == [1, 1]
    assert await both[0].posted(NINE) == 1
    for jobs in processes:
        await jobs.stop()


async def test_a_run_that_fails_keeps_nothing_is_logged_and_tried_again_after_pauses_that_grow(
    store: SqlStore, clock: FakeClock, digest: Digest, caplog: pytest.LogCaptureFixture
) -> None:
    jobs = Jobs(store, clock, [daily(digest)])
    await jobs.start()
    clock.set(NINE)
    digest.trouble = RuntimeError("the registry is away")
    tried = []
    for minute in range(20):
        before = digest.runs
        await jobs.ring("digest:daily")
        tried += [minute] if digest.runs > before else []
        clock.advance(MINUTE)
    assert tried == [0, 1, 3, 7, 15]
    assert await digest.posted(NINE) == 0
    assert "job digest:daily failed" in caplog.text
    assert "the registry is away" in caplog.text
    digest.trouble = None
    clock.advance(timedelta(hours=1))
    await jobs.ring("digest:daily")
    assert await digest.posted(NINE) == 1
    await jobs.stop()


async def test_a_tick_that_failed_is_not_caught_up_when_the_rule_says_skip_and_the_next_one_is_done(
    store: SqlStore, clock: FakeClock, digest: Digest
) -> None:
    jobs = Jobs(store, clock, [daily(digest, catch_up=False)])
    await jobs.start()
    clock.set(NINE)
    digest.trouble = RuntimeError("no")
    await jobs.ring("digest:daily")
    digest.trouble = None
    clock.advance(timedelta(minutes=5))
    await jobs.ring("digest:daily")
    assert digest.runs == 1
    clock.set(NINE + DAY)
    await jobs.ring("digest:daily")
    assert (digest.runs, await digest.posted(NINE + DAY)) == (2, 1)
    await jobs.stop()


async def test_a_run_that_found_nothing_to_do_is_done(store: SqlStore, clock: FakeClock) -> None:
    seen: list[datetime] = []

    async def nothing(tick: datetime, claim: Claim) -> None:
        seen.append(tick)

    jobs = Jobs(store, clock, [Job.cron("look", "0 * * * *", "UTC", nothing, catch_up=True)])
    await jobs.start()
    clock.set(NINE)
    for _ in range(3):
        await jobs.ring("look")
    assert seen == [NINE]
    await jobs.stop()


async def test_runs_never_overlap_and_a_tick_that_came_meanwhile_is_done_after(
    store: SqlStore, clock: FakeClock, digest: Digest
) -> None:
    digest.gate = asyncio.Event()
    jobs = Jobs(store, clock, [daily(digest, cron="*/5 * * * *")])
    await jobs.start()
    clock.set(NINE)
    first = asyncio.create_task(jobs.ring("digest:daily"))
    await digest.entered.wait()
    clock.advance(5 * MINUTE)
    second = asyncio.create_task(jobs.ring("digest:daily"))
    await asyncio.sleep(0)
    assert digest.runs == 1
    digest.gate.set()
    await asyncio.gather(first, second)
    assert digest.runs == 2
    assert [await digest.posted(NINE), await digest.posted(NINE + 5 * MINUTE)] == [1, 1]
    await jobs.stop()


class Striking(FakeClock):
    """Strikes nine just after somebody has looked at it."""

    def __init__(self) -> None:
        super().__init__()
        self.at_nine: Callable[[], None] | None = None

    def now(self) -> datetime:
        seen, strike = super().now(), self.at_nine
        if strike is not None:
            self.at_nine = None
            self.set(NINE)
            strike()
        return seen


async def test_a_ring_is_not_lost_on_a_run_that_has_looked_already(store: SqlStore, digest: Digest) -> None:
    clock, rings = Striking(), []
    jobs = Jobs(store, clock, [daily(digest)])
    await jobs.start()
    clock.at_nine = lambda: rings.append(asyncio.create_task(jobs.ring("digest:daily")))
    await jobs.ring("digest:daily")
    await asyncio.gather(*rings)
    assert (len(rings), await digest.posted(NINE)) == (1, 1)
    await jobs.stop()


async def test_stop_waits_for_what_runs_and_cancels_what_takes_too_long(
    store: SqlStore, clock: FakeClock, digest: Digest, caplog: pytest.LogCaptureFixture
) -> None:
    for ends in (True, False):
        digest.gate, digest.entered = asyncio.Event(), asyncio.Event()
        jobs = Jobs(store, clock, [daily(digest)])
        await jobs.start()
        tick = clock.set(NINE + (DAY if not ends else timedelta()))
        run = asyncio.create_task(jobs.ring("digest:daily"))
        await digest.entered.wait()
        stopping = asyncio.create_task(jobs.stop(patience=30 if ends else 0.01))
        if ends:
            digest.gate.set()
        await stopping
        await run
        assert await digest.posted(tick) == int(ends)
        await jobs.ring("digest:daily")  # stopped: nothing is begun
        assert digest.runs == (1 if ends else 2)
    assert "job digest:daily takes too long to end and is cancelled" in caplog.text


async def test_a_run_that_hangs_is_ended(
    store: SqlStore, clock: FakeClock, digest: Digest, caplog: pytest.LogCaptureFixture
) -> None:
    digest.gate = asyncio.Event()
    jobs = Jobs(store, clock, [daily(digest)])
    await jobs.start()
    clock.set(NINE)
    hanging = asyncio.create_task(jobs.ring("digest:daily"))
    await digest.entered.wait()
    clock.advance(LONGEST_RUN)
    await hanging
    assert "job digest:daily took longer than 0:15:00 and is ended" in caplog.text
    digest.gate = None
    await jobs.ring("digest:daily")
    assert await digest.posted(NINE) == 1
    await jobs.stop()


async def test_apscheduler_rings_what_is_done_every_so_often_and_one_that_fails_goes_on(
    store: SqlStore, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    often = 0
    enough = asyncio.Event()

    async def look() -> None:
        nonlocal often
        often += 1
        if often == 5:
            enough.set()
        raise RuntimeError("nobody there")

    caplog.set_level(logging.WARNING)
    jobs = Jobs(store, clock, [Job.every("look", timedelta(milliseconds=5), look)])
    await jobs.start()
    await asyncio.wait_for(enough.wait(), 30)
    await jobs.stop()
    assert caplog.text.count("job look failed") >= 5
    assert "maximum number" not in caplog.text


async def test_apscheduler_rings_at_once_for_what_was_missed(store: SqlStore, clock: FakeClock, digest: Digest) -> None:
    await once_around(store, clock, daily(digest))
    clock.set(NINE)
    jobs = Jobs(store, clock, [daily(digest)])
    await jobs.start()
    await asyncio.wait_for(digest.entered.wait(), 30)
    await jobs.stop()
    assert await digest.posted(NINE) == 1


def test_what_makes_no_sense_is_refused_where_it_is_written() -> None:
    async def nothing() -> None: ...

    with pytest.raises(ValueError, match="look: the interval must be positive"):
        Job.every("look", timedelta(0), nothing)
