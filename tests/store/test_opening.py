"""Opening: the schema is brought up to date once, and what can't be opened says why, without a secret."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from bot.domain.errors import BadInput, BotError
from bot.store import database, migrate, tables
from bot.store.sqlstore import SqlStore
from tests.fakes.clock import FakeClock
from tests.needs import needs
from tests.servers.child import ROOT, child
from tests.servers.postgres import Postgres
from tests.store.conftest import DATABASES
from tests.store.raw import raw
from tests.unit.worlds import an_incident

SECRET = "the-password-of-nobody"


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest) -> str:
    """An empty database: here the migrations are the subject."""
    return str(request.getfixturevalue("sqlite" if request.param == "sqlite" else "postgres_url"))


async def refusal(url: str) -> BotError:
    """What opening it says, with everything that a log would show of it."""
    store = SqlStore(url, FakeClock())
    with pytest.raises(BotError) as caught:
        await store.open()
    await store.close()
    assert caught.value.not_done.startswith("The bot was not started")
    assert caught.value.next_step
    return caught.value


# ---------------------------------------------------------------- migrations


async def test_from_nothing_to_the_newest_schema_which_is_what_the_models_say(store: SqlStore, url: str) -> None:
    folder = ScriptDirectory(str(Path(migrate.__file__).parent / "migrations"))
    with raw(url) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert context.get_current_revision() == folder.get_current_head()
        ours = compare_metadata(context, tables.IncidentRow.metadata)
    assert ours == []
    await store.write(lambda tx: tx.incidents.add(an_incident()))


async def test_the_comparison_finds_a_difference(store: SqlStore, url: str) -> None:
    assert await store.read(lambda tx: tx.incidents.live()) == []
    with raw(url) as connection:
        connection.execute(sa.text("ALTER TABLE timers ADD COLUMN extra VARCHAR"))
        connection.execute(sa.text("DROP INDEX ix_posts_waits"))
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        found = {difference[0] for difference in compare_metadata(context, tables.IncidentRow.metadata)}
    assert found == {"remove_column", "add_index"}


async def test_opening_again_changes_nothing(store: SqlStore, other_store: SqlStore) -> None:
    await store.write(lambda tx: tx.keys.put("x", "x", "kept"))
    assert await other_store.read(lambda tx: tx.keys.get("x", "x")) == "kept"


async def test_the_database_of_a_newer_program_is_refused_and_not_touched(store: SqlStore, url: str) -> None:
    await store.close()
    with raw(url) as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    error = await refusal(url)
    assert error.what == "The database has the schema 9999, which this version of the bot doesn't know."
    with raw(url) as connection:
        assert connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one() == "9999"


async def test_processes_that_start_together_migrate_once(url: str) -> None:
    async with contextlib.AsyncExitStack() as stack:
        children = [await stack.enter_async_context(child("tests.store.children.opens", url)) for _ in range(3)]
        for one in children:
            await one.until("ready")
        for one in children:
            one.tell("go")
        assert [await one.line() for one in children] == ["open"] * 3
        assert [await one.ended() for one in children] == [0, 0, 0]


# ---------------------------------------------------------------- SQLite


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/bot.db"


async def test_sqlite_keeps_what_it_was_told_and_checks_its_references(sqlite: str) -> None:
    store = SqlStore(sqlite, FakeClock())
    await store.open()
    for engine in (database.writer_engine(database.parse(sqlite)), database.reader_engine(database.parse(sqlite), 1)):
        with engine.connect() as connection:
            pragmas = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            }
        engine.dispose()
        assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": database.BUSY_MS}
    await store.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite://", "only in memory"),
        ("sqlite:///:memory:", "only in memory"),
        ("sqlite:////no/such/folder/bot.db", "The folder /no/such/folder of the database does not exist"),
        ("mysql://bot@host/db", "kind “mysql” is not known"),
        ("bot.db", "kind “” is not known"),
        ("", "kind “” is not known"),
        (f"postgresql://bot:{SECRET}@host:port/db", "not a port"),
    ],
)
async def test_what_is_no_database_is_named_with_what_to_write(url: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        await SqlStore(url, FakeClock()).open()
    assert said in caught.value.what
    assert caught.value.not_done == "The bot was not started."
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None  # the cause's text may hold a part of the password


async def test_a_file_that_is_no_database_is_said_and_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "bot.db"
    other.write_bytes(b"a shopping list\n" * 300)
    error = await refusal(f"sqlite:///{other}")
    assert f"sqlite:///{other} can't be opened: file is not a database" in error.what
    assert other.read_bytes() == b"a shopping list\n" * 300


async def test_a_folder_is_no_database(tmp_path: Path) -> None:
    error = await refusal(f"sqlite:///{tmp_path}")
    assert "unable to open database file" in error.what


@pytest.fixture
async def read_only(sqlite: str, tmp_path: Path) -> AsyncIterator[Path]:
    """A database in whose folder nobody may write."""
    store = SqlStore(sqlite, FakeClock())
    await store.open()
    await store.close()
    _allow(tmp_path, file=0o444, folder=0o555)
    yield tmp_path
    _allow(tmp_path, file=0o644, folder=0o755)


def _allow(path: Path, *, file: int, folder: int) -> None:
    (path / "bot.db").chmod(file)
    path.chmod(folder)


def test_a_file_that_can_only_be_read(sqlite: str, read_only: Path) -> None:
    said = _open_as_somebody(sqlite, read_only)
    assert "can't be opened: attempt to write a readonly database" in said


def _open_as_somebody(url: str, folder: Path) -> str:
    """Root may write everything, so it is tried as somebody else."""
    prefix: list[str] = []
    if os.geteuid() == 0:
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            pytest.skip("setpriv is not installed (util-linux), and root may write everything")
        for parent in list(folder.parents)[:-2]:
            parent.chmod(parent.stat().st_mode | 0o111)
        prefix = [setpriv, "--reuid=65534", "--regid=65534", "--clear-groups", "--"]
    command = [*prefix, sys.executable, "-m", "tests.store.children.opens", url]
    done = subprocess.run(command, cwd=ROOT, input="go\n", capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


# ---------------------------------------------------------------- PostgreSQL


@needs("postgresql")
async def test_a_wrong_password_is_said_and_not_repeated(postgres: Postgres) -> None:
    error = await refusal(postgres.url("postgres", SECRET))
    assert "password authentication failed" in error.what
    told = f"{error} {error.__cause__!r}"
    assert SECRET not in told
    assert "bot:***@127.0.0.1" in error.what


@needs("postgresql")
async def test_a_database_that_does_not_exist(postgres: Postgres) -> None:
    error = await refusal(postgres.url("nowhere"))
    assert 'database "nowhere" does not exist' in error.what
    assert postgres.password not in f"{error} {error.__cause__!r}"


@needs("postgresql")
async def test_a_server_that_is_not_there(postgres: Postgres) -> None:
    error = await refusal(f"postgresql://bot:{SECRET}@127.0.0.1:1/bot")
    assert "postgresql+psycopg://bot:***@127.0.0.1:1/bot can't be opened" in error.what
    assert "refused" in error.what
    assert SECRET not in f"{error} {error.__cause__!r}"


@needs("postgresql")
async def test_a_user_who_may_not_create_tables(postgres: Postgres, postgres_url: str) -> None:
    with raw(postgres_url) as connection:
        connection.execute(sa.text("DROP ROLE IF EXISTS reader"))
        connection.execute(sa.text("CREATE ROLE reader LOGIN PASSWORD 'reader'"))
    url = postgres_url.replace(f"bot:{postgres.password}", "reader:reader")
    error = await refusal(url)
    assert "permission denied for schema public" in error.what
    assert "CREATE TABLE" not in error.what


def test_what_needs_no_migration_is_opened_without_alembic(tmp_path: Path) -> None:
    """It is ten megabytes that most starts don't need."""
    opening = (
        "import asyncio, sys; from bot.store.sqlstore import SqlStore; from tests.fakes.clock import FakeClock\n"
        "async def run():\n"
        f"    store = SqlStore('sqlite:///{tmp_path / 'x.db'}', FakeClock()); await store.open(); await store.close()\n"
        "asyncio.run(run()); print('alembic' in sys.modules)"
    )
    said = [
        subprocess.run([sys.executable, "-c", opening], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert [line.strip() for line in said] == ["True", "False"]
