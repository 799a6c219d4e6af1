"""The timeline can only grow; whoever changes a byte in the database is found out."""

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from sqlalchemy.exc import DBAPIError

from bot.domain.timeline import BOT, GENESIS, Actor, ActorKind, Draft, Entry, Kind, verify
from bot.ports.store import TimelineLog
from bot.store.sqlstore import SqlStore
from tests.fakes.clock import FakeClock
from tests.store.raw import let_the_timeline_be_changed, raw
from tests.store.strategies import values
from tests.unit.worlds import DANA, T0, an_incident, minutes


def note(text: str = "looked", **more: object) -> Draft:
    fields: dict[str, object] = {"actor": DANA.actor, "happened_at": T0, "evidence": "sha256:abc", **more}
    return Draft(Kind.NOTE, text, **fields)  # type: ignore[arg-type]  # free keywords


async def entries(store: SqlStore, incident: int = 1) -> list[Entry]:
    return list(await store.read(lambda tx: tx.timeline.of(incident)))


@pytest.fixture
async def chain(store: SqlStore, clock: FakeClock) -> list[Entry]:
    """Three entries of incident 1, and one of incident 2."""
    await store.write(lambda tx: [tx.incidents.add(an_incident(number=number)) for number in (1, 2)])
    for text in ("first", "second", "third"):
        clock.advance(1)
        await store.write(lambda tx, text=text: tx.timeline.append(1, note(text)))
    await store.write(lambda tx: tx.timeline.append(2, note("of another")))
    return await entries(store)


async def test_entries_follow_each_other(store: SqlStore, clock: FakeClock, chain: list[Entry]) -> None:
    assert [(entry.seq, entry.text) for entry in chain] == [(1, "first"), (2, "second"), (3, "third")]
    assert chain[0].prev_hash == GENESIS
    assert chain[2].learned_at == clock.now()
    assert chain[2].happened_at == T0
    assert verify(chain) is None
    heads = await store.read(lambda tx: tx.timeline.heads())
    assert [(head.incident, head.seq) for head in heads] == [(1, 3), (2, 1)]
    assert await entries(store, 404) == []


def test_there_is_nothing_but_append_to_change_it() -> None:
    assert {name for name in vars(TimelineLog) if not name.startswith("_")} == {"append", "extend", "of", "heads"}


@pytest.mark.parametrize(
    "statement",
    ["UPDATE timeline SET text = text", "DELETE FROM timeline", "DELETE FROM timeline WHERE seq = 3"],
)
async def test_the_database_itself_refuses_to_change_it(
    store: SqlStore, url: str, chain: list[Entry], statement: str
) -> None:
    with pytest.raises(DBAPIError, match="append-only"), raw(url) as connection:
        connection.execute(sa.text(statement))
    assert await entries(store) == chain


async def test_the_database_itself_refuses_to_empty_it(store: SqlStore, url: str, chain: list[Entry]) -> None:
    statement = "DELETE FROM timeline" if url.startswith("sqlite") else "TRUNCATE timeline"  # SQLite has no other way
    with pytest.raises(DBAPIError, match="append-only"), raw(url) as connection:
        connection.execute(sa.text(statement))
    assert await entries(store) == chain


@pytest.mark.parametrize(
    ("change", "seq", "what"),
    [
        ("SET text = 'secund' WHERE seq = 2", 2, "was changed"),
        ("SET kind = 'closed' WHERE seq = 2", 2, "was changed"),
        ("SET actor_kind = 'bot' WHERE seq = 1", 1, "was changed"),
        ("SET actor_id = 'omar' WHERE seq = 1", 1, "was changed"),
        ("SET actor_name = 'Omar' WHERE seq = 1", 1, "was changed"),
        ("SET happened_at = '2026-11-23T03:10:00.000001Z' WHERE seq = 3", 3, "was changed"),
        ("SET learned_at = '2026-11-23T03:10:00.000001Z' WHERE seq = 3", 3, "was changed"),
        ("SET evidence = 'sha256:abd' WHERE seq = 2", 2, "was changed"),
        ("SET hash = upper(hash) WHERE seq = 2", 2, "was changed"),
        ("SET prev_hash = upper(prev_hash) WHERE seq = 2", 2, "does not follow"),
        ("SET seq = 9 WHERE seq = 3", 9, "missing or out of order"),
        ("SET seq = 7 WHERE seq = 1", 2, "missing or out of order"),
    ],
)
async def test_a_changed_entry_is_named(
    store: SqlStore, url: str, chain: list[Entry], change: str, seq: int, what: str
) -> None:
    assert len(chain) == 3
    with raw(url) as connection:
        let_the_timeline_be_changed(connection)
        connection.execute(sa.text(f"UPDATE timeline {change} AND incident = 1"))
    broken = verify(await entries(store))
    assert broken is not None
    assert (broken.incident, broken.seq) == (1, seq)
    assert what in broken.what
    assert verify(await entries(store, 2)) is None


async def test_a_removed_entry_is_missed(store: SqlStore, url: str, chain: list[Entry]) -> None:
    assert len(chain) == 3
    with raw(url) as connection:
        let_the_timeline_be_changed(connection)
        connection.execute(sa.text("DELETE FROM timeline WHERE incident = 1 AND seq = 2"))
    broken = verify(await entries(store))
    assert broken is not None
    assert (broken.seq, broken.what) == (3, "entry 2 is missing or out of order (found 3)")


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values(Draft))
async def test_whatever_is_written_down_the_chain_holds_after_storage(store: SqlStore, draft: Draft) -> None:
    def append(tx):
        if tx.incidents.get(7) is None:
            tx.incidents.add(an_incident(number=7))
        return tx.timeline.append(7, draft)

    entry = await store.write(append)
    kept = await entries(store, 7)
    assert kept[-1] == entry
    assert verify(kept) is None


async def test_endless_text_is_cut_and_says_so(store: SqlStore, chain: list[Entry]) -> None:
    long = note("x" * 20_000, actor=Actor(ActorKind.SYSTEM, "y" * 5_000, "z" * 5_000), evidence="e" * 20_000)
    entry = await store.write(lambda tx: tx.timeline.append(1, long))
    assert entry.text.endswith("[12000 more characters cut]")
    assert verify(await entries(store)) is None


async def test_an_entry_belongs_to_an_incident_that_exists(store: SqlStore) -> None:
    with pytest.raises(Exception, match=r"(?i)foreign key"):
        await store.write(lambda tx: tx.timeline.append(404, note(actor=BOT, happened_at=T0 + minutes(1))))
