"""Durable boundaries: every transaction of this process that writes something, ours and the durable engine's alike.

They are counted where they are committed, below everything that we have written, so that none is forgotten; and the
process can end at one of them, just before the commit or just after it.
"""

import os
import re
import signal
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.default import DefaultDialect

from bot.store.prepared import Driver

_WRITES = re.compile(r"\s*(INSERT(?: OR \w+)? INTO|UPDATE|DELETE FROM)\s+([\w.\"]+)", re.IGNORECASE)
_IGNORED = frozenset({"replicas", "alembic_version", "queues", "dbos_migrations", "application_versions"})
"""Written by the clock, or once at a start: no part of the story."""


@dataclass(frozen=True, slots=True)
class Doom:
    """The end of this process at the `nth` commit of this name, `after` it or before."""

    name: str
    nth: int
    after: bool


class Boundaries:
    """Counts commits by what they write. Several may happen on different threads; each connection is one's own."""

    def __init__(self, doom: Doom | None, tell: Callable[[str], None]) -> None:
        self._doom = doom
        self._tell = tell
        self._written: dict[int, list[str]] = {}
        self._changes: dict[int, int] = {}
        self._seen: Counter[str] = Counter()

    def install(self) -> None:
        """For every connection that this process opens from now on."""
        sa.event.listen(sa.Engine, "after_cursor_execute", self._executed)
        self._listen_to_the_driver()
        commit, rollback = DefaultDialect.do_commit, DefaultDialect.do_rollback

        def do_commit(dialect: DefaultDialect, connection: Any) -> None:
            name = self._name(connection)
            if name is None:
                commit(dialect, connection)
                return
            self._seen[name] += 1
            doomed = self._doom is not None and (self._doom.name, self._doom.nth) == (name, self._seen[name])
            self._tell(name)
            if doomed and not self._doom.after:
                _end()
            commit(dialect, connection)
            if doomed:
                _end()

        def do_rollback(dialect: DefaultDialect, connection: Any) -> None:
            self._written.pop(id(connection.dbapi_connection), None)
            rollback(dialect, connection)

        DefaultDialect.do_commit = do_commit
        DefaultDialect.do_rollback = do_rollback

    def _listen_to_the_driver(self) -> None:
        """What goes past SQLAlchemy."""
        execute, execute_all = Driver.execute, Driver.execute_all

        def one(driver: Driver, sql: str, values: Any) -> Any:
            found = execute(driver, sql, values)
            self._note(driver._connection, driver._cursor, sql)
            return found

        def all_of_them(driver: Driver, sql: str, many: Sequence[Any]) -> None:
            execute_all(driver, sql, many)
            self._note(driver._connection, driver._cursor, sql)

        Driver.execute, Driver.execute_all = one, all_of_them  # type: ignore[method-assign]

    def _executed(
        self, connection: sa.Connection, cursor: Any, statement: str, parameters: object, context: object, many: bool
    ) -> None:
        del parameters, context, many
        self._note(connection, cursor, statement)

    def _note(self, connection: sa.Connection, cursor: Any, statement: str) -> None:
        written = _WRITES.match(statement)
        if written and (cursor.rowcount != 0 or "RETURNING" in statement):
            table = written[2].replace('"', "").rpartition(".")[2]
            self._written.setdefault(id(connection.connection.dbapi_connection), []).append(table)

    def _name(self, connection: Any) -> str | None:
        """What this commit writes; nothing when it writes nothing, or nothing of a story."""
        own = connection.dbapi_connection
        tables = dict.fromkeys(self._written.pop(id(own), ()))
        total = getattr(own, "total_changes", None)  # SQLite's; its `RETURNING` doesn't tell how many rows there were
        unchanged = total is not None and total == self._changes.get(id(own), 0)
        if total is not None:
            self._changes[id(own)] = total
        return None if unchanged else "+".join(table for table in tables if table not in _IGNORED) or None


def _end() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def each(names: Sequence[str]) -> list[tuple[str, int]]:
    """The commits of a run as (name, nth)."""
    seen: Counter[str] = Counter()
    found = []
    for name in names:
        seen[name] += 1
        found.append((name, seen[name]))
    return found
