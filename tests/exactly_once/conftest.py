"""Processes to be killed, a world that counts, and databases to have it on."""

import asyncio
import contextlib
import copy
import itertools
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.exactly_once import lives, world
from tests.exactly_once.lives import Zygote
from tests.exactly_once.plots import PLOTS
from tests.exactly_once.replica import FastClock, Spec
from tests.exactly_once.trial import Ledger, Trial
from tests.exactly_once.world import Server
from tests.needs import needs
from tests.servers.postgres import Postgres, postgres, postgres_url

__all__ = ["postgres", "postgres_url"]

DATABASES = ["sqlite", pytest.param("postgresql", marks=needs("postgresql"))]


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    with lives.zygote() as made:
        yield made


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with world.server() as made:
        yield made


class Shelf:
    """Databases to be copied, made once: with all tables and nothing in them, or with a plot that has come to its end."""

    def __init__(self, zygote: Zygote, folder: Path, postgres: Postgres | None) -> None:
        self._zygote = zygote
        self._folder = folder
        self._postgres = postgres
        self._made: dict[str, str] = {}
        self._stack = contextlib.ExitStack()
        self._count = itertools.count()

    async def blank(self, plot: str) -> str:
        """The file or name of the database after this plot; of none: before any. One at a time."""
        if plot not in self._made:
            self._made[plot] = await self._make(plot)
        return self._made[plot]

    async def _make(self, plot: str) -> str:
        url = self._stack.enter_context(self.copy(self._made[""] if plot else None))
        async with world.server() as server:
            with server.world(follows=not PLOTS[plot or "rollback"].told) as outside:
                spec = Spec(url, outside.url, plot=plot or "rollback")
                if plot:
                    async with opened(spec, asyncio.Lock()) as ledger:
                        await Trial(self._zygote, spec, outside, ledger).run()
                else:  # make the tables, as the program does it at its first start
                    async with self._zygote.life(spec) as life:
                        await life.word("ready")
                        await life.stop()
        if self._postgres is not None:
            return url.rpartition("/")[2]
        path = url.removeprefix("sqlite:///")
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return path

    @contextlib.contextmanager
    def copy(self, blank: str | None) -> Iterator[str]:
        """The URL of a database of one's own, like that one; without one, it is empty."""
        if self._postgres is not None:
            with self._postgres.database(*([blank] if blank else [])) as url:
                yield url
            return
        path = self._folder / f"{next(self._count)}.db"
        if blank:
            shutil.copy(blank, path)
        yield f"sqlite:///{path}"

    def close(self) -> None:
        self._stack.close()


class Laboratory:
    """Where trials are made: each has a database and a world of its own."""

    def __init__(self, zygote: Zygote, server: Server, shelf: Shelf, database: str) -> None:
        self.database = database
        """What it is made on: `sqlite`, `postgresql`."""
        self.zygote = zygote
        self.server = server
        self._shelf = shelf
        self._lock = asyncio.Lock()
        """Migrations of two databases can't be made at once in one process."""

    @contextlib.asynccontextmanager
    async def trial(self, plot: str = "rollback", *, counts: bool = False, blind: bool = False) -> AsyncIterator[Trial]:
        """`counts`: what may not be repeated (of a training: the start). `blind`: the bot is a mutant that repeats it."""
        what = PLOTS[plot]
        counted = tuple(call for call in what.counted if counts or call != "start")
        async with self._lock:
            await self._shelf.blank("")
            database = self._shelf.copy(await self._shelf.blank(what.after))
        url = await asyncio.to_thread(database.__enter__)  # the world goes on meanwhile
        try:
            with self.server.world(counted=counted, follows=not what.told, **copy.deepcopy(what.start)) as world:
                spec = Spec(url, world.url, repeatable=not counts, plot=plot, blind=blind)
                async with opened(spec, self._lock) as ledger:
                    yield Trial(self.zygote, spec, world, ledger)
        finally:
            await asyncio.to_thread(database.__exit__, None, None, None)


@contextlib.asynccontextmanager
async def opened(spec: Spec, lock: asyncio.Lock) -> AsyncIterator[Ledger]:
    """A trial's database, opened to be looked at."""
    ledger = Ledger(spec.database, FastClock(spec.speed))
    async with lock:
        await ledger.open()
    try:
        yield ledger
    finally:
        await ledger.close()


@pytest.fixture(scope="session")
def sqlite_shelf(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    return Shelf(zygote, tmp_path_factory.mktemp("shelf"), None)


@pytest.fixture(scope="session")
def postgres_shelf(zygote: Zygote, postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    made = Shelf(zygote, tmp_path_factory.mktemp("nothing"), postgres)
    yield made
    made.close()


@pytest.fixture(params=DATABASES)
def laboratory(request: pytest.FixtureRequest, zygote: Zygote, server: Server) -> Laboratory:
    shelf = request.getfixturevalue(f"{request.param}_shelf".replace("postgresql", "postgres"))
    return Laboratory(zygote, server, shelf, request.param)
