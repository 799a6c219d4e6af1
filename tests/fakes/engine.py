"""A durable engine that goes step by step: it keeps its place in the store's own database, as the real one does."""

import contextlib
import sqlite3
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bot.ports.engine import Fence, Steps, Story
from tests.fakes.systems import Killed

SCHEMA = """
CREATE TABLE IF NOT EXISTS fake_work (work TEXT, ref INTEGER, done INTEGER DEFAULT 0, PRIMARY KEY (work, ref));
CREATE TABLE IF NOT EXISTS fake_steps (work TEXT, ref INTEGER, step TEXT, result TEXT, PRIMARY KEY (work, ref, step));
"""


class SteppingEngine:
    """One per process of the story; a second one on the same file is the process after a restart."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.kill_before: str | None = None
        """The step before whose body the process ends."""
        self.kill_after: str | None = None
        """The step after whose body, but before its result is kept, the process ends."""

    def prepare(self) -> None:
        """Make the tables."""
        with self._database() as database:
            database.executescript(SCHEMA)

    @contextlib.contextmanager
    def _database(self):
        with contextlib.closing(sqlite3.connect(self._path, timeout=10)) as database, database:
            yield database

    def start_work(self, session: Session, work: str, ref: int, delay: timedelta | None) -> None:
        """Within the store's transaction: what is rolled back was never started; twice is once."""
        assert delay is None, "delays are not played here"
        session.execute(sa.text("INSERT OR IGNORE INTO fake_work (work, ref) VALUES (:w, :r)"), {"w": work, "r": ref})

    def started(self) -> list[tuple[str, int]]:
        """What was started and is not finished."""
        with self._database() as database:
            return database.execute("SELECT work, ref FROM fake_work WHERE done = 0 ORDER BY ref").fetchall()

    async def run(self, story: Story, only: str = "operation") -> int:
        """Carry out everything of this work that was started; gives how many stories came to their end."""
        ended = 0
        for work, ref in self.started():
            if work != only:
                continue
            await story(ref, _KeptSteps(self, work, ref))
            with self._database() as database:
                database.execute("UPDATE fake_work SET done = 1 WHERE work = ? AND ref = ?", (work, ref))
            ended += 1
        return ended


class _KeptSteps(Steps):
    def __init__(self, engine: SteppingEngine, work: str, ref: int) -> None:
        self._engine = engine
        self._at = (work, ref)

    async def run(self, name: str, step: Callable[[], Awaitable[str]]) -> str:
        with self._engine._database() as database:
            query = "SELECT result FROM fake_steps WHERE work = ? AND ref = ? AND step = ?"
            kept = database.execute(query, (*self._at, name)).fetchone()
        if kept is not None:
            return str(kept[0])
        if self._engine.kill_before == name:
            raise Killed
        result = await step()
        if self._engine.kill_after == name:
            raise Killed
        with self._engine._database() as database:
            database.execute("INSERT INTO fake_steps VALUES (?, ?, ?, ?)", (*self._at, name, result))
        return result


class FakeFence(Fence):
    """Lets through, until `lost`."""

    def __init__(self) -> None:
        self.lost: BaseException | None = None
        self.checks = 0

    async def check(self) -> None:
        self.checks += 1
        if self.lost is not None:
            raise self.lost
