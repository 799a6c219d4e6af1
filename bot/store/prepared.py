"""Statements of the hot path: compiled once for each database, and run by its driver itself.

SQLAlchemy keeps what it has compiled, too, but looks it up, collects the parameters and wraps the rows anew each time:
that takes it 80 µs, and SQLite 5 to run the statement. Conversions and errors stay SQLAlchemy's.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

Values = Mapping[str, Any]
Statement = sa.SelectBase | sa.Insert | sa.Update | sa.Delete
_Convert = Callable[[Any], Any]
_DRIVER = "driver"
"""Where a session keeps it."""


class Prepared:
    """A statement with bound parameters, none of which is a list. An insert names all that it is given."""

    def __init__(self, statement: Statement) -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def run(self, session: Session, values: Values) -> int:
        """Change something; gives how many rows were."""
        driver, compiled = self._on(session)
        return int(driver.execute(compiled.sql, compiled.parameters(values)).rowcount)

    def run_all(self, session: Session, many: Sequence[Values]) -> None:
        """The same for each of many."""
        if many:
            driver, compiled = self._on(session)
            driver.execute_all(compiled.sql, [compiled.parameters(values) for values in many])

    def rows(self, session: Session, values: Values) -> list[Any]:
        """What is found, by the columns' names."""
        driver, compiled = self._on(session)
        return compiled.read(driver.execute(compiled.sql, compiled.parameters(values)).fetchall())

    def first(self, session: Session, values: Values) -> Any:
        """The first row, or nothing."""
        found = self.rows(session, values)
        return found[0] if found else None

    def _on(self, session: Session) -> "tuple[Driver, _Compiled]":
        driver = driver_of(session)
        compiled = self._compiled.get(driver.dialect.name)
        if compiled is None:
            compiled = self._compiled[driver.dialect.name] = _compile(self._statement, driver.dialect)
        return driver, compiled


def inserting(table: sa.Table, *, without: Sequence[str] = ()) -> Prepared:
    """A new row with all columns but those that the database fills in itself."""
    return Prepared(sa.insert(table).values({c.name: sa.bindparam(c.name) for c in table.c if c.name not in without}))


class Driver:
    """The driver's own cursor within a session's transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._cursor: Any = connection.connection.cursor()
        self.dialect = connection.dialect

    def execute(self, sql: str, values: Any) -> Any:
        """One statement. Raises SQLAlchemy's DBAPIError."""
        try:
            return self._cursor.execute(sql, values)
        except self.dialect.loaded_dbapi.Error as error:
            raise self._told(sql, error) from error

    def execute_all(self, sql: str, many: Sequence[Any]) -> None:
        """One statement for many values. Raises SQLAlchemy's DBAPIError."""
        try:
            self._cursor.executemany(sql, many)
        except self.dialect.loaded_dbapi.Error as error:
            raise self._told(sql, error) from error

    def _told(self, sql: str, error: Exception) -> BaseException:
        """The same as SQLAlchemy's, which also lets go of a connection that was lost."""
        base = self.dialect.loaded_dbapi.Error
        lost = self.dialect.is_disconnect(error, self._connection.connection, self._cursor)  # type: ignore[arg-type]
        told = DBAPIError.instance(
            sql, None, error, base, hide_parameters=True, connection_invalidated=lost, dialect=self.dialect
        )
        if lost:
            self._connection.invalidate(error)
        return told


def driver_of(session: Session) -> Driver:
    """The one of this session. Within a savepoint the session must have been asked for its connection before."""
    found: Driver | None = session.info.get(_DRIVER)
    if found is None:
        found = session.info[_DRIVER] = Driver(session.connection())
    return found


# ---------------------------------------------------------------- compiled


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A statement for one database; `names` are its parameters, in their order."""

    sql: str
    names: tuple[str, ...]
    constants: Values
    """Values that stand in the statement itself, converted."""
    converts: Mapping[str, _Convert]
    """How a parameter is stored, where that is not as it is."""
    positional: bool
    results: tuple[tuple[int, _Convert], ...]
    """Columns of a row that are read otherwise than they are stored."""
    row: Callable[[Any], Any]

    def parameters(self, values: Values) -> Any:
        """As the driver wants them."""
        converts = self.converts
        found = {name: converts[name](value) if name in converts else value for name, value in values.items()}
        found.update(self.constants)
        return [found[name] for name in self.names] if self.positional else found

    def read(self, rows: Sequence[Sequence[Any]]) -> list[Any]:
        """Rows whose columns have names."""
        if not self.results:
            return [self.row(row) for row in rows]
        found = []
        for row in rows:
            columns = list(row)
            for at, convert in self.results:
                columns[at] = convert(columns[at])
            found.append(self.row(columns))
        return found


def _compile(statement: Statement, dialect: Dialect) -> _Compiled:
    if isinstance(statement, sa.Insert):
        statement = statement.inline()  # nobody asks for the key
    compiled: Any = statement.compile(dialect=dialect)
    binds = {compiled.bind_names[bind]: bind for bind in compiled.binds.values()}
    converts = {name: convert for name, bind in binds.items() if (convert := _stored(bind.type, dialect))}
    constants = {
        name: converts[name](bind.value) if name in converts else bind.value
        for name, bind in binds.items()
        if not bind.required
    }
    columns = list(statement.selected_columns) if isinstance(statement, sa.SelectBase) else []
    row: Any = namedtuple("Row", [column.key for column in columns], rename=True)  # type: ignore[misc]  # noqa: PYI024
    reads = ((at, _read(column.type, dialect)) for at, column in enumerate(columns))
    return _Compiled(
        sql=compiled.string,
        names=tuple(compiled.positiontup or binds),
        constants=constants,
        converts=converts,
        positional=bool(compiled.positional),
        results=tuple((at, read) for at, read in reads if read is not None),
        row=row._make,
    )


def _stored(kind: Any, dialect: Dialect) -> _Convert | None:
    found: _Convert | None = kind.dialect_impl(dialect).bind_processor(dialect)
    return found


def _read(kind: Any, dialect: Dialect) -> _Convert | None:
    found: _Convert | None = kind.dialect_impl(dialect).result_processor(dialect, None)
    return found
