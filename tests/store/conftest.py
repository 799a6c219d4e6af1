"""The same store twice: on SQLite in a file, and on a real PostgreSQL."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bot.store.database import parse
from bot.store.migrate import migrate
from bot.store.sqlstore import SqlStore
from tests.fakes.clock import FakeClock
from tests.needs import needs
from tests.servers.postgres import Postgres, postgres, postgres_url

__all__ = ["postgres", "postgres_url"]

DATABASES = ["sqlite", pytest.param("postgresql", marks=needs("postgresql"))]


@pytest.fixture(scope="session")
def migrated_postgres(postgres: Postgres) -> Iterator[str]:
    """The name of a database with the newest schema and nothing in it, to be copied."""
    with postgres.database() as url:
        migrate(parse(url))
        yield url.rpartition("/")[2]


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a file."""
    path = tmp_path_factory.mktemp("migrated") / "bot.db"
    migrate(parse(f"sqlite:///{path}"))
    return path


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of a test's own, with the newest schema."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_sqlite"), tmp_path / "bot.db")
        yield f"sqlite:///{tmp_path}/bot.db"
        return
    server: Postgres = request.getfixturevalue("postgres")
    with server.database(request.getfixturevalue("migrated_postgres")) as own:
        yield own


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def store(url: str, clock: FakeClock) -> AsyncIterator[SqlStore]:
    """Open, with the newest schema."""
    opened = SqlStore(url, clock)
    await opened.open()
    try:
        yield opened
    finally:
        await opened.close()


@pytest.fixture
async def other_store(store: SqlStore, url: str, clock: FakeClock) -> AsyncIterator[SqlStore]:
    """Another process's store on the same database."""
    opened = SqlStore(url, clock)
    await opened.open()
    try:
        yield opened
    finally:
        await opened.close()
