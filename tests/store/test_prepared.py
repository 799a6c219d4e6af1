"""Statements that go by the driver: what SQLAlchemy would have done, on both databases."""

import importlib
import pkgutil
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

import bot.store
from bot.store import database
from bot.store.prepared import Prepared, _compile, inserting
from bot.store.tables import PostRow, TimerRow

TIMERS = TimerRow.__table__  # type: ignore[attr-defined]
AT = datetime(2026, 11, 23, 3, 10, 0, 123456, tzinfo=UTC)
TIMER = {"key": "a", "kind": "k", "ref": 7, "due_at": AT, "detail": "100 % of ü"}


@pytest.fixture
def session(url: str) -> Iterator[Session]:
    engine = database.writer_engine(database.parse(url))
    with Session(engine) as opened:
        yield opened
    engine.dispose()


def of_the_store() -> list[tuple[str, Prepared]]:
    """All that there are."""
    modules = [importlib.import_module(f"bot.store.{found.name}") for found in pkgutil.iter_modules(bot.store.__path__)
               if found.name != "migrations"]  # fmt: skip
    return [
        (f"{module.__name__}.{name}", value)
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, Prepared)
    ]


@pytest.mark.parametrize("dialect", [sqlite.dialect(), psycopg.dialect()], ids=["sqlite", "postgresql"])
def test_none_is_left_to_be_compiled_when_it_runs(dialect: sa.engine.Dialect) -> None:
    found = of_the_store()
    assert len(found) > 20
    for name, prepared in found:
        assert "POSTCOMPILE" not in _compile(prepared._statement, dialect).sql, name


def test_values_are_stored_and_read_as_sqlalchemy_does_it(session: Session) -> None:
    inserting(TIMERS).run_all(session, [TIMER, {**TIMER, "key": "b", "ref": -1}])
    query = sa.select(TIMERS).where(TIMERS.c.due_at == sa.bindparam("_at")).order_by(TIMERS.c.key)
    by_driver = Prepared(query).rows(session, {"_at": AT})
    by_sqlalchemy = session.connection().execute(query, {"_at": AT}).all()
    assert [tuple(row) for row in by_driver] == [tuple(row) for row in by_sqlalchemy]
    assert by_driver[0].due_at == AT
    assert by_driver[0].detail == TIMER["detail"]
    changed = Prepared(sa.update(TIMERS).where(TIMERS.c.kind == "k").values(ref=sa.bindparam("_ref")))
    assert changed.run(session, {"_ref": 3}) == 2
    assert Prepared(query).first(session, {"_at": AT}).ref == 3
    assert Prepared(query).first(session, {"_at": AT.replace(year=2000)}) is None


def test_what_is_true_is_read_as_true(session: Session) -> None:
    posts = PostRow.__table__  # type: ignore[attr-defined]
    values = {column.name: {"waits": True, "sending": False}.get(column.name, "") for column in posts.c}
    values |= dict.fromkeys(("ref", "lane", "wanted", "shown", "attempts", "rank"), 0)
    values |= {"held_until": None, "not_before": None, "thread": None, "wanted_at": AT, "changed_at": AT}
    inserting(posts).run(session, values)
    row = Prepared(sa.select(posts).where(posts.c.waits.is_(True))).first(session, {})
    assert (row.waits, row.sending, row.thread, row.changed_at) == (True, False, None, AT)


def test_an_error_is_sqlalchemys_and_repeats_no_value(session: Session) -> None:
    insert = inserting(TIMERS)
    insert.run(session, TIMER)
    with pytest.raises(IntegrityError) as caught:
        insert.run(session, TIMER)
    assert "100 %" not in str(caught.value).partition("DETAIL")[0]
    assert not caught.value.connection_invalidated
