"""The same store twice: on SQLite in a file, and on a real PostgreSQL."""

from collections.abc import AsyncIterator

import pytest

from bot.store.sqlstore import SqlStore
from tests.fakes.clock import FakeClock
from tests.needs import needs
from tests.servers.postgres import postgres, postgres_url

__all__ = ["postgres", "postgres_url"]

DATABASES = ["sqlite", pytest.param("postgresql", marks=needs("postgresql"))]


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest) -> str:
    """An empty database of a test's own."""
    if request.param == "sqlite":
        return f"sqlite:///{request.getfixturevalue('tmp_path')}/bot.db"
    return str(request.getfixturevalue("postgres_url"))


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
