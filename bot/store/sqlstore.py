"""Decisions run on one thread with one connection; those that wait together share one commit.

Each decision runs in a savepoint, so that one that raises takes back only itself. A caller is answered after the
commit. On PostgreSQL a transaction first takes an advisory lock, so that there is one writer among all replicas, too.
When the connection is lost before the commit, nothing was kept and the group runs again; when it is lost in the
commit nobody can know, so nothing is repeated and the callers are told.
"""

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import SessionTransaction
from sqlmodel import Session

from bot.domain.errors import BotError, Overloaded
from bot.ports import store as port
from bot.ports.clock import Clock
from bot.ports.store import Transaction
from bot.store import database, troubles
from bot.store.migrate import migrate
from bot.store.transaction import SqlTransaction, StartWork

T = TypeVar("T")

WAITING_LIMIT = 10_000
"""Decisions that may wait for the writer; more is an overload, and said so."""
GROUP_LIMIT = 200
"""Decisions that share one commit."""
READERS = 4
WRITER_LOCK = 0x6D6C6F7073  # "mlops", the advisory lock of the only writer on PostgreSQL
ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class _Job:
    decide: Callable[[Transaction], Any]
    answer: "Future[Any]"


class SqlStore(port.Store):
    """The store on SQLite or PostgreSQL."""

    def __init__(
        self, url: str, clock: Clock, start_work: StartWork | None = None, *, waiting_limit: int = WAITING_LIMIT
    ) -> None:
        self._url = database.parse(url)
        self._clock = clock
        self._start_work = start_work
        self._jobs: queue.Queue[_Job | None] = queue.Queue(waiting_limit)
        self._writer: sa.Engine | None = None
        self._reader: sa.Engine | None = None
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="store-reader")
        self._thread: threading.Thread | None = None

    async def open(self) -> None:
        """Bring the schema up to date and start the writer. Raises BotError that says what to do."""
        try:
            await asyncio.to_thread(migrate, self._url)
        except DBAPIError as error:
            raise troubles.unusable(self._url, error) from error
        self._writer = database.writer_engine(self._url)
        self._reader = database.reader_engine(self._url, READERS)
        self._thread = threading.Thread(target=self._work, name="store-writer", daemon=True)
        self._thread.start()

    async def close(self) -> None:
        """Finish what waits, and let go of the database."""
        thread, self._thread = self._thread, None  # from now on nothing is taken
        if thread is not None:
            await asyncio.to_thread(self._jobs.put, None)
            await asyncio.to_thread(thread.join)
        await asyncio.to_thread(self._readers.shutdown)
        for engine in (self._writer, self._reader):
            if engine is not None:
                engine.dispose()
        self._writer = self._reader = None

    async def write(self, decide: Callable[[Transaction], T]) -> T:
        """Run a decision in the writer's transaction; returns after the commit."""
        if self._thread is None:
            raise BotError("The store is closed.", not_done="Nothing was written.")
        answer: Future[T] = Future()
        try:
            self._jobs.put_nowait(_Job(decide, answer))
        except queue.Full:
            raise Overloaded(
                f"{self._jobs.maxsize} changes wait for the database.", not_done="This one was not taken.",
                next_step="Try again in a few seconds.",
            ) from None  # fmt: skip
        return await asyncio.wrap_future(answer)

    async def read(self, look: Callable[[Transaction], T]) -> T:
        """Run a look in a transaction that keeps nothing."""
        if self._thread is None:
            raise BotError("The store is closed.", not_done="Nothing was read.")
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._look, look)

    def _look(self, look: Callable[[Transaction], T]) -> T:
        assert self._reader is not None, "the store is open"
        try:
            with Session(self._reader, expire_on_commit=False) as session:
                return look(SqlTransaction(session, self._clock.now(), None))  # the session's end rolls back
        except DBAPIError as error:
            raise troubles.unread(error) from error

    # ------------------------------------------------------------ the writer's thread

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            group: list[_Job] = []
            while job is not None:
                group.append(job)
                if len(group) >= GROUP_LIMIT:
                    break
                try:
                    job = self._jobs.get_nowait()
                except queue.Empty:
                    break
            if group:
                self._commit(group)
            if job is None:
                return

    def _commit(self, group: list[_Job]) -> None:
        wanted = [job for job in group if job.answer.set_running_or_notify_cancel()]
        for attempt in range(1, ATTEMPTS + 1):
            try:
                answers = self._group(wanted)
            except DBAPIError as error:
                if attempt == ATTEMPTS:
                    _fail(wanted, troubles.unwritten(error))
                    return
            except Exception as error:  # noqa: BLE001 - whatever it was, every caller must hear of it
                _fail(wanted, error)
                return
            else:
                for job, (result, problem) in zip(wanted, answers, strict=True):
                    if problem is None:
                        job.answer.set_result(result)
                    else:
                        job.answer.set_exception(problem)
                return

    def _group(self, jobs: list[_Job]) -> list[tuple[Any, Exception | None]]:
        """Decide and commit. Raises DBAPIError when nothing was kept, and BotError when that is not known."""
        assert self._writer is not None, "the store is open"
        with Session(self._writer, expire_on_commit=False) as session:
            if not database.is_sqlite(self._url):
                session.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": WRITER_LOCK})
            transaction = SqlTransaction(session, self._clock.now(), self._start_work)
            answers = [_decide(session, transaction, job, alone=len(jobs) == 1) for job in jobs]
            try:
                session.commit()
            except DBAPIError as error:
                raise troubles.unsure(error) from error
        return answers


def _decide(session: Session, transaction: Transaction, job: _Job, *, alone: bool) -> tuple[Any, Exception | None]:
    """`alone`: nothing else shares the commit, so that what fails needs no savepoint to be taken back."""
    within = session if alone else _savepoint(session)
    try:
        result = job.decide(transaction)
        session.flush()
        if not alone:
            within.commit()
    except DBAPIError as error:
        if troubles.of_the_database(error):
            raise
        within.rollback()
        return None, troubles.unwritten(error)
    except StopIteration as error:  # asyncio can't hand this one on, and the caller would wait for ever
        within.rollback()
        return None, RuntimeError(f"a decision raised {error!r}")
    except Exception as error:  # noqa: BLE001 - it belongs to the caller, who gets it
        within.rollback()
        return None, error
    return result, None


def _savepoint(session: Session) -> SessionTransaction:
    """Set at once, and not with the session's first own statement: those of the hot path go by the driver."""
    within = session.begin_nested()
    session.connection()
    return within


def _fail(jobs: list[_Job], error: Exception) -> None:
    for job in jobs:
        job.answer.set_exception(error)
