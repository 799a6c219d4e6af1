"""The database itself, past the store: to look and to do damage."""

import contextlib
from collections.abc import Iterator

import sqlalchemy as sa

from bot.store import database


@contextlib.contextmanager
def raw(url: str) -> Iterator[sa.Connection]:
    """One transaction on a connection of its own."""
    engine = database.migration_engine(database.parse(url))
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def let_the_timeline_be_changed(connection: sa.Connection) -> None:
    """Drop what the database itself holds against it, as somebody with enough rights could."""
    if connection.dialect.name == "sqlite":
        connection.execute(sa.text("DROP TRIGGER timeline_no_update"))
        connection.execute(sa.text("DROP TRIGGER timeline_no_delete"))
    else:
        connection.execute(sa.text("DROP TRIGGER timeline_append_only ON timeline"))
