"""Jobs: what is done every so often, and what is done at a time.

APScheduler only rings. Which tick is owed is read from the store and the handed-in clock, so that a late or missing
ring (a machine that slept, a clock that was set, a run that failed) is made good by the next one. A tick is claimed in
the transaction of its effect: of two processes that were rung, one has an effect.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from bot.domain.errors import BotError
from bot.jobs.schedule import Schedule, owed
from bot.ports.clock import Clock
from bot.ports.store import JobRecord, Store, Transaction

Claim = Callable[[Transaction], bool]
"""Asked by a job within the transaction of its effect: whether this tick is ours."""

LOOK_EVERY = timedelta(minutes=1)
"""How often it is looked for owed ticks beside the rings; also how late a tick may be that is not caught up."""
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)
"""A tick whose run failed is tried again after a pause that doubles."""
LONGEST_RUN = timedelta(minutes=15)
"""A run that takes longer is ended, so that one that hangs doesn't end the job for ever."""
STOP_SECONDS = 10.0
"""How long `stop` waits for what runs before it cancels it."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """Something that our scheduler does. Made by `every` or `cron`."""

    name: str
    interval: timedelta | None = None
    schedule: Schedule | None = None
    catch_up: bool = False
    often: Callable[[], Awaitable[None]] | None = None
    at_tick: Callable[[datetime, Claim], Awaitable[None]] | None = None

    @classmethod
    def every(cls, name: str, interval: timedelta, work: Callable[[], Awaitable[None]]) -> "Job":
        """In every process, at once and then every so often. What it does must be harmless when done by two."""
        if interval <= timedelta():
            raise ValueError(f"job {name}: the interval must be positive")
        return cls(name, interval=interval, often=work)

    @classmethod
    def cron(
        cls, name: str, cron: str, zone: str, work: Callable[[datetime, Claim], Awaitable[None]], *, catch_up: bool
    ) -> "Job":
        """At each tick, once in all processes: `work` must ask `claim(tx)` in the transaction of its effect.

        Of the ticks that were missed while everything was down, the newest is done late (`catch_up`), or none.
        """
        return cls(name, schedule=Schedule(cron, zone), catch_up=catch_up, at_tick=work)


class Jobs:
    """Rings the jobs, never one while it runs, from `start` to `stop`."""

    def __init__(self, store: Store, clock: Clock, jobs: Sequence[Job]) -> None:
        names = [job.name for job in jobs]
        if len(set(names)) != len(names):
            raise ValueError(f"two jobs of one name: {', '.join(sorted(names))}")
        self._store = store
        self._clock = clock
        self._jobs = {job.name: job for job in jobs}
        self._scheduler: AsyncIOScheduler | None = None
        self._running: dict[str, asyncio.Task[None]] = {}
        self._rung: set[str] = set()
        """Jobs that were rung while they ran."""
        self._failed: dict[str, _Failed] = {}

    async def start(self) -> None:
        """Describe the jobs in the store, do what is owed, and ring from now on."""
        await self._store.write(self._describe)
        self._scheduler = AsyncIOScheduler(timezone=UTC, job_defaults={"coalesce": True, "misfire_grace_time": None})
        for job in self._jobs.values():
            self._scheduler.add_job(self._bell, _Alarm(job), args=[job.name], id=job.name)
        self._scheduler.start()

    async def stop(self, patience: float = STOP_SECONDS) -> None:
        """Ring no more, and wait for what runs; what takes too long is cancelled."""
        if self._scheduler is None:
            return
        self._scheduler.shutdown(wait=False)
        self._scheduler = None
        await asyncio.sleep(0)  # APScheduler shuts down in the loop's next round
        running = [task for task in self._running.values() if not task.done()]
        if not running:
            return
        _, late = await asyncio.wait(running, timeout=patience)
        for task in late:
            _log.warning("%s takes too long to end and is cancelled", task.get_name())
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def ring(self, name: str) -> None:
        """Run a job and wait for its end. What goes wrong in it is logged, not raised.

        When it runs already, a tick may have come since it looked, so it looks again. What is done every so often is
        not done twice for that.
        """
        task = self._begin(name)
        if task is not None:
            await asyncio.wait([task])

    async def _bell(self, name: str) -> None:
        """Ring and don't wait: APScheduler would complain each time about a job that runs still."""
        self._begin(name)

    def _begin(self, name: str) -> "asyncio.Task[None] | None":
        if self._scheduler is None:
            return None
        running, job = self._running.get(name), self._jobs[name]
        if running is not None and not running.done():
            self._rung.add(name)
            return running if job.schedule is not None else None
        task = asyncio.create_task(self._run(job), name=f"job {name}")
        self._running[name] = task
        return task

    # ------------------------------------------------------------ one run

    async def _run(self, job: Job) -> None:
        while True:
            self._rung.discard(job.name)
            await self._once(job)
            if job.schedule is None or job.name not in self._rung or self._scheduler is None:
                return

    async def _once(self, job: Job) -> None:
        """The edge of a job: whatever goes wrong is logged, and the job is rung again."""
        work = asyncio.create_task(self._work(job))
        limit = asyncio.create_task(self._clock.sleep(LONGEST_RUN.total_seconds()))
        try:
            await asyncio.wait({work, limit}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
            else:
                _log.error("job %s took longer than %s and is ended", job.name, LONGEST_RUN)
        except BotError as error:  # in words already; while the database is away, each second
            _log.error("job %s failed: %s", job.name, error)
        except Exception:  # noqa: BLE001 - a job that fails goes on at its next ring
            _log.exception("job %s failed", job.name)
        finally:
            work.cancel()
            limit.cancel()
            await asyncio.gather(work, limit, return_exceptions=True)

    async def _work(self, job: Job) -> None:
        if job.often is not None:
            await job.often()
        else:
            await self._ticks(job)

    async def _ticks(self, job: Job) -> None:
        """Do the newest owed tick, and then the one that came meanwhile."""
        assert job.at_tick is not None
        while (tick := await self._owed(job)) is not None:
            before = self._failed.get(job.name)
            if before is None or before.tick != tick:
                before = _Failed(tick, 0, tick)
            if self._clock.now() < before.again:
                return
            pause = min(FIRST_PAUSE * 2 ** min(before.times, 10), LONGEST_PAUSE)
            self._failed[job.name] = _Failed(tick, before.times + 1, self._clock.now() + pause)
            await job.at_tick(tick, _claim(job.name, tick))
            # A run that ended well is done, also one that found nothing to claim the tick for.
            await self._store.write(_claim(job.name, tick))
            del self._failed[job.name]

    async def _owed(self, job: Job) -> datetime | None:
        assert job.schedule is not None
        record = await self._store.read(lambda tx: tx.jobs.get(job.name))
        now = self._clock.now()
        last = record.last_tick if record is not None and record.last_tick is not None else now
        return owed(job.schedule, last, now, catch_up=job.catch_up, late=LOOK_EVERY)

    def _describe(self, tx: Transaction) -> None:
        """A job that is new, or whose schedule was changed, owes nothing from before."""
        for job in self._jobs.values():
            if job.schedule is None:
                continue
            wanted = JobRecord(job.name, job.schedule.cron, job.schedule.zone, tx.now, job.catch_up)
            known = tx.jobs.get(job.name)
            tx.jobs.describe(wanted)
            if known is not None and (known.cron, known.zone) != (wanted.cron, wanted.zone):
                tx.jobs.claim(job.name, tx.now)


@dataclass(frozen=True, slots=True)
class _Failed:
    """A tick whose run failed: how often, and when it may be tried again."""

    tick: datetime
    times: int
    again: datetime


def _claim(name: str, tick: datetime) -> Claim:
    return lambda tx: tx.jobs.claim(name, tick)


class _Alarm(BaseTrigger):  # type: ignore[misc]  # APScheduler ships no types
    """When APScheduler rings a job: at once, then at the interval or at ticks, and each minute for what is owed."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> Any:
        if previous_fire_time is None:
            return now
        if self._job.interval is not None:
            return max(previous_fire_time + self._job.interval, now)
        look = max(previous_fire_time, now) + LOOK_EVERY
        tick = self._job.schedule.following(now) if self._job.schedule is not None else None
        return look if tick is None else min(tick, look)
