"""Processes to be killed, a world that counts, and databases to have it on."""

import asyncio
import contextlib
import itertools
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.exactly_once import lives, world
from tests.exactly_once.lives import Zygote
from tests.exactly_once.replica import FastClock, Spec
from tests.exactly_once.trial import Ledger, Trial
from tests.exactly_once.world import WRITES, Server
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


class Laboratory:
    """Where trials are made: each has a database and a world of its own."""

    def __init__(self, zygote: Zygote, server: Server, folder: Path, postgres: Postgres | None, blank: str) -> None:
        self.zygote = zygote
        self.server = server
        self._folder = folder
        self._postgres = postgres
        self._blank = blank
        self._count = itertools.count()
        self._opening = asyncio.Lock()

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """A database with all tables, ours and the engine's, and nothing in them."""
        if self._postgres is not None:
            with self._postgres.database(self._blank) as url:
                yield url
            return
        path = self._folder / f"{next(self._count)}.db"
        shutil.copy(self._blank, path)
        yield f"sqlite:///{path}"

    @contextlib.asynccontextmanager
    async def trial(self, *, counts: bool = False, told: bool = False, trains: bool = False) -> AsyncIterator[Trial]:
        """`counts`: a repeated write (of a training: start) is a second effect. `told`: nothing follows by itself."""
        counted = (("start",) if trains else WRITES) if counts else ()
        database = self.database()
        url = await asyncio.to_thread(database.__enter__)  # the world goes on meanwhile
        try:
            with self.server.world(counted=counted, follows=not told) as world:
                spec = Spec(url, world.url, repeatable=not counts, told=told, trains=trains)
                async with self.ledger(spec) as ledger:
                    yield Trial(self.zygote, spec, world, ledger)
        finally:
            await asyncio.to_thread(database.__exit__, None, None, None)

    @contextlib.asynccontextmanager
    async def ledger(self, spec: Spec) -> AsyncIterator[Ledger]:
        """A trial's database, opened to be looked at."""
        ledger = Ledger(spec.database, FastClock(spec.speed))
        async with self._opening:  # migrations of two databases can't be made at once in one process
            await ledger.open()
        try:
            yield ledger
        finally:
            await ledger.close()


async def _first_start(zygote: Zygote, url: str) -> None:
    """Make the tables, as the program does it at its first start."""
    async with world.server() as server:
        with server.world() as nothing:
            async with zygote.life(Spec(url, nothing.url)) as life:
                await life.word("ready")
                await life.stop()


@pytest.fixture(scope="session")
def blank_sqlite(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with all tables, to be copied."""
    path = tmp_path_factory.mktemp("blank") / "bot.db"
    asyncio.run(_first_start(zygote, f"sqlite:///{path}"))
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


@pytest.fixture(scope="session")
def blank_postgres(zygote: Zygote, postgres: Postgres) -> Iterator[str]:
    """The name of a database with all tables, to be copied."""
    with postgres.database() as url:
        asyncio.run(_first_start(zygote, url))
        yield url.rpartition("/")[2]


@pytest.fixture(params=DATABASES)
def laboratory(request: pytest.FixtureRequest, zygote: Zygote, server: Server, tmp_path: Path) -> Laboratory:
    if request.param == "sqlite":
        return Laboratory(zygote, server, tmp_path, None, str(request.getfixturevalue("blank_sqlite")))
    server_ = request.getfixturevalue("postgres")
    return Laboratory(zygote, server, tmp_path, server_, request.getfixturevalue("blank_postgres"))
