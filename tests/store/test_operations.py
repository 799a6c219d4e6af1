"""Operations, intents, the ledger and changes: a conditional save has one winner."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.domain.errors import BotError, Conflict
from bot.domain.models import Change, Evidence, LiveSpan, Verdict
from bot.domain.operation import Intent, IntentState, Operation, OperationState
from bot.ports.store import Transaction
from bot.store.sqlstore import SqlStore
from tests.store.strategies import values
from tests.unit.worlds import T0, an_incident, an_operation, minutes

QUICK = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(autouse=True)
async def _incident(store: SqlStore) -> None:
    await store.write(lambda tx: tx.incidents.add(an_incident()))


async def add(store: SqlStore, *operations: Operation) -> None:
    await store.write(lambda tx: [tx.operations.add(one) for one in operations])


# ---------------------------------------------------------------- operations


@QUICK
@given(values(Operation, incident=st.none()), st.sampled_from(OperationState))
async def test_any_operation_comes_back_as_it_was(store: SqlStore, operation: Operation, then: OperationState) -> None:
    def round_trip(tx: Transaction) -> list[Operation | None]:
        fresh = replace(operation, number=tx.operations.next_number())
        tx.operations.add(fresh)
        seen = tx.operations.get(fresh.number)
        after = replace(fresh, state=then)
        tx.operations.save(after, expected=fresh.state)
        return [fresh, seen, after, tx.operations.get(fresh.number)]

    fresh, seen, after, saved = await store.write(round_trip)
    assert seen == fresh
    assert saved == after


async def test_a_save_that_expects_another_state_is_refused_and_keeps_nothing(store: SqlStore) -> None:
    await add(store, an_operation(OperationState.CANCELLED))
    late = an_operation(OperationState.APPROVED)

    def approve(tx: Transaction) -> None:
        tx.keys.first("approved", "17")
        tx.operations.save(late, expected=OperationState.AWAITING_APPROVAL)

    with pytest.raises(Conflict, match="OP-17 is no longer awaiting approval"):
        await store.write(approve)
    assert await store.read(lambda tx: tx.operations.get(17)) == an_operation(OperationState.CANCELLED)
    assert await store.read(lambda tx: tx.keys.get("approved", "17")) is None


async def test_of_many_who_approve_at_once_one_is_first(store: SqlStore, other_store: SqlStore) -> None:
    await add(store, an_operation())

    def approve(tx: Transaction, who: str) -> None:
        approved = an_operation(OperationState.APPROVED, decided_by=who)
        tx.operations.save(approved, expected=OperationState.AWAITING_APPROVAL)

    clicks = [
        at.write(lambda tx, who=f"{number}": approve(tx, who))
        for number, at in enumerate([store, other_store] * 10)
    ]  # fmt: skip
    ended = await asyncio.gather(*clicks, return_exceptions=True)
    winners = [str(number) for number, what in enumerate(ended) if what is None]
    assert len(winners) == 1
    assert sum(isinstance(what, Conflict) for what in ended) == 19
    kept = await store.read(lambda tx: tx.operations.get(17))
    assert kept is not None
    assert kept.decided_by == winners[0]


async def test_operations_by_what_is_asked(store: SqlStore) -> None:
    await add(
        store,
        an_operation(OperationState.SUCCEEDED, number=1, requested_at=T0),
        an_operation(OperationState.EXECUTING, number=2, requested_at=T0 + minutes(1), incident=None),
        an_operation(OperationState.AWAITING_APPROVAL, number=3, model="churn", requested_at=T0 + minutes(2)),
    )

    def look(tx: Transaction) -> None:
        held = tx.operations.holding("fraud-detector", "production", "serving")
        assert held is not None
        assert held.number == 2
        assert tx.operations.holding("fraud-detector", "staging", "serving") is None
        by_state = tx.operations.in_state(OperationState.EXECUTING, OperationState.SUCCEEDED)
        assert [o.number for o in by_state] == [2, 1]
        assert tx.operations.in_state() == []
        assert [o.number for o in tx.operations.newest(limit=2)] == [3, 2]
        assert [o.number for o in tx.operations.newest(limit=9, model="churn")] == [3]
        assert [o.number for o in tx.operations.newest(limit=9, incident=42)] == [3, 1]
        assert [o.number for o in tx.operations.newest(limit=9, since=T0 + minutes(1))] == [3, 2]

    await store.read(look)


@pytest.mark.parametrize("state", OperationState)
async def test_only_an_unfinished_operation_holds_the_model(store: SqlStore, state: OperationState) -> None:
    await add(store, an_operation(state))
    held = await store.read(lambda tx: tx.operations.holding("fraud-detector", "production", "serving"))
    assert (held is not None) is state.holds_the_model


# ---------------------------------------------------------------- intents


async def test_an_intent_is_written_down_once_and_is_unfinished_until_it_is_known(store: SqlStore) -> None:
    await add(store, an_operation())
    intent = Intent("OP-17:move", 17, "move", IntentState.INTENDED, "PUT /x\x00\ud800", T0)
    await store.write(lambda tx: tx.intents.add(intent))
    with pytest.raises(Conflict, match="OP-17:move was begun already"):
        await store.write(lambda tx: tx.intents.add(intent))
    kept = await store.read(lambda tx: tx.intents.get("OP-17:move"))
    assert kept == replace(intent, call="PUT /x\ufffd?")
    for state in IntentState:
        after = replace(kept, state=state, finished_at=T0 + minutes(1), result=state.value, attempts=2)
        await store.write(lambda tx, after=after: tx.intents.save(after))
        assert await store.read(lambda tx: tx.intents.get("OP-17:move")) == after
        open_ones = await store.read(lambda tx: tx.intents.unfinished())
        assert list(open_ones) == ([after] if state in {IntentState.INTENDED, IntentState.IN_DOUBT} else [])


async def test_an_intent_belongs_to_an_operation_that_exists(store: SqlStore) -> None:
    with pytest.raises(BotError, match=r"(?i)foreign key"):
        await store.write(lambda tx: tx.intents.add(Intent("OP-9:x", 9, "x", IntentState.INTENDED, "", T0)))


# ---------------------------------------------------------------- ledger, changes


def span(version: str, since: float, **more: object) -> LiveSpan:
    fields: dict[str, object] = {"until": None, "verdict": Verdict.UNKNOWN, "cause": "first seen", **more}
    return LiveSpan("fraud-detector", "production", version, Evidence.ANSWER, T0 + minutes(since), **fields)  # type: ignore[arg-type]  # free keywords


async def test_the_ledger_tells_who_served_when(store: SqlStore) -> None:
    def live(tx: Transaction) -> None:
        tx.ledger.end("fraud-detector", "production", T0)  # nothing is open: nothing happens
        tx.ledger.judge("fraud-detector", "production", Verdict.HEALTHY, None)
        tx.ledger.begin(span("2", 0))
        tx.ledger.judge("fraud-detector", "production", Verdict.HEALTHY, None)
        tx.ledger.end("fraud-detector", "production", T0 + minutes(5))
        tx.ledger.begin(span("3", 5, cause="promoted by dana"))
        tx.ledger.judge("fraud-detector", "production", Verdict.UNHEALTHY, 42)

    await store.write(live)
    two = span("2", 0, until=T0 + minutes(5), verdict=Verdict.HEALTHY)
    three = span("3", 5, verdict=Verdict.UNHEALTHY, incident=42, cause="promoted by dana")
    assert await store.read(lambda tx: tx.ledger.spans("fraud-detector", "production")) == (two, three)
    assert await store.read(lambda tx: tx.ledger.open_span("fraud-detector", "production")) == three
    assert await store.read(lambda tx: tx.ledger.open_span("fraud-detector", "staging")) is None
    assert await store.read(lambda tx: tx.ledger.spans("churn", "production")) == ()


@QUICK
@given(values(Change))
async def test_any_change_is_learned_once(store: SqlStore, change: Change) -> None:
    first = await store.write(lambda tx: (tx.changes.add(change), tx.changes.add(replace(change, text="told again"))))
    assert first[1] is False
    if first[0]:
        assert change in await store.read(lambda tx: tx.changes.of(change.model, change.at))


async def test_changes_come_newest_first_and_since(store: SqlStore) -> None:
    changes = [Change("fraud-detector", "promotion", f"to {n}", T0 + minutes(n), version=str(n)) for n in range(3)]
    await store.write(lambda tx: [tx.changes.add(one) for one in changes])
    assert list(await store.read(lambda tx: tx.changes.of("fraud-detector", T0 + minutes(1)))) == [
        changes[2],
        changes[1],
    ]
    assert list(await store.read(lambda tx: tx.changes.of("churn", T0))) == []
