"""Connections: what is set on each, and how a URL of the configuration becomes an engine."""

import sqlite3
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool, QueuePool

from bot.domain.errors import BadInput

BUSY_MS = 10_000
"""How long a connection waits for SQLite's write lock, which the durable engine's own connections take, too."""

_PATIENCE = {
    "connect_timeout": "10",
    "options": "-c idle_in_transaction_session_timeout=5000",
    "keepalives_idle": "5",
    "keepalives_interval": "5",
    "keepalives_count": "3",
}
"""On PostgreSQL: a server that doesn't answer is said to be away. A replica that freezes within a transaction holds
the writer's lock; the server ends its session before the others' leases run out. Each can be set in the URL."""


def parse(url: str) -> URL:
    """A database URL with the driver that we ship. Raises BadInput for anything but SQLite and PostgreSQL."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise _bad(url.split("://", maxsplit=1)[0] if "://" in url else "") from None
    except ValueError:  # its text may hold a part of the password
        raise BadInput(
            "The database URL can't be read: what stands after the host's name is not a port.",
            not_done="The bot was not started.",
            next_step="Write / @ : of a password as %2F %40 %3A (MLOPS_BOT_DATABASE__URL).",
        ) from None
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        return parsed.set(drivername="sqlite")
    if backend in {"postgresql", "postgres"}:
        return parsed.set(drivername="postgresql+psycopg").update_query_dict(
            {name: value for name, value in _PATIENCE.items() if name not in parsed.query}
        )
    raise _bad(backend)


def _bad(scheme: str) -> BadInput:
    return BadInput(
        f"The database URL's kind “{scheme[:20]}” is not known.",
        not_done="The bot was not started.",
        next_step="Use sqlite:///FILE or postgresql://USER@HOST/NAME (MLOPS_BOT_DATABASE__URL).",
    )


def is_sqlite(url: URL) -> bool:
    """Whether it is SQLite."""
    return url.get_backend_name() == "sqlite"


def writer_engine(url: URL) -> sa.Engine:
    """The engine of the only writer. On SQLite a transaction takes the write lock when it begins."""
    if not is_sqlite(url):
        return sa.create_engine(url, poolclass=QueuePool, pool_size=1, max_overflow=0, pool_pre_ping=True)
    _directory_of(url)
    engine = sa.create_engine(url, poolclass=QueuePool, pool_size=1, max_overflow=0,
                              connect_args={"check_same_thread": False})  # fmt: skip
    event.listen(engine, "connect", _sqlite_connection)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def reader_engine(url: URL, readers: int) -> sa.Engine:
    """The engine of the readers: snapshots beside the writer."""
    if not is_sqlite(url):
        return sa.create_engine(url, poolclass=QueuePool, pool_size=readers, max_overflow=0, pool_pre_ping=True)
    engine = sa.create_engine(url, poolclass=QueuePool, pool_size=readers, max_overflow=0,
                              connect_args={"check_same_thread": False})  # fmt: skip
    event.listen(engine, "connect", _sqlite_connection)
    event.listen(engine, "begin", _begin_deferred)
    return engine


def migration_engine(url: URL) -> sa.Engine:
    """A connection for the schema's migrations, closed afterwards."""
    engine = sa.create_engine(url, poolclass=NullPool)
    if is_sqlite(url):
        _directory_of(url)
        event.listen(engine, "connect", _sqlite_connection)
        event.listen(engine, "begin", _begin_immediate)
    return engine


def _directory_of(url: URL) -> None:
    if not url.database or url.database == ":memory:":
        raise BadInput(
            "The database must be a file: what is only in memory would be lost.",
            not_done="The bot was not started.",
            next_step="Use sqlite:///FILE.",
        )
    parent = Path(url.database).resolve().parent
    if not parent.is_dir():
        raise BadInput(
            f"The folder {parent} of the database does not exist.",
            not_done="The bot was not started.",
            next_step="Create it, or set MLOPS_BOT_DATABASE__URL.",
        )


def _sqlite_connection(connection: Any, record: object) -> None:
    del record
    connection.isolation_level = None  # transactions are begun by us, see the `begin` listeners
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_MS}")
    _write_ahead(cursor)
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _write_ahead(cursor: sqlite3.Cursor) -> None:
    """Switch to WAL. Where several processes do it at once SQLite says "busy" without waiting, so we wait."""
    deadline = time.monotonic() + BUSY_MS / 1_000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                raise
        time.sleep(0.02)


def _begin_immediate(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_deferred(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN")
