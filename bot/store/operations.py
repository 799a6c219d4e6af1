"""Operations, intents, the live ledger and changes in tables."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from bot.domain.errors import Conflict
from bot.domain.models import Change, Evidence, LiveSpan, Verdict
from bot.domain.operation import Intent, IntentState, Operation, OperationState
from bot.ports import store as port
from bot.store.mapping import dump, load, name, plain
from bot.store.tables import ChangeRow, IntentRow, OperationRow, SpanRow

_HOLDING = [state.value for state in OperationState if state.holds_the_model]


class Operations(port.Operations):
    def __init__(self, session: Session) -> None:
        self._session = session

    def next_number(self) -> int:
        highest = self._session.exec(select(sa.func.max(OperationRow.number))).one()
        return (highest or 0) + 1

    def add(self, operation: Operation) -> None:
        self._session.add(
            OperationRow(
                number=operation.number,
                state=operation.state.value,
                model=plain(operation.model),
                environment=plain(operation.environment),
                lane=operation.kind.lane,
                incident=operation.incident,
                requested_at=operation.requested_at,
                data=dump(operation),
            )
        )
        self._session.flush()

    def get(self, number: int) -> Operation | None:
        data = self._session.exec(select(OperationRow.data).where(OperationRow.number == number)).first()
        return None if data is None else load(Operation, data)

    def save(self, operation: Operation, *, expected: OperationState) -> None:
        done = self._session.execute(
            sa.update(OperationRow)
            .where(col(OperationRow.number) == operation.number, col(OperationRow.state) == expected.value)
            .values(state=operation.state.value, data=dump(operation))
        )
        if done.rowcount == 0:  # type: ignore[attr-defined]  # an UPDATE's result counts rows
            raise Conflict(
                f"{operation.ref} is no longer {expected.value}.",
                not_done="It was not changed.",
                next_step="Somebody was first; look at its message.",
            )

    def holding(self, model: str, environment: str, lane: str) -> Operation | None:
        query = select(OperationRow.data).where(
            OperationRow.model == plain(model),
            OperationRow.environment == plain(environment),
            OperationRow.lane == lane,
            col(OperationRow.state).in_(_HOLDING),
        )
        data = self._session.exec(query.order_by(col(OperationRow.number).desc()).limit(1)).first()
        return None if data is None else load(Operation, data)

    def in_state(self, *states: OperationState, limit: int = 100) -> Sequence[Operation]:
        query = select(OperationRow.data).where(col(OperationRow.state).in_([state.value for state in states]))
        rows = self._session.exec(query.order_by(col(OperationRow.number).desc()).limit(limit))
        return [load(Operation, data) for data in rows]

    def newest(
        self, *, limit: int, model: str | None = None, incident: int | None = None, since: datetime | None = None
    ) -> Sequence[Operation]:
        query = select(OperationRow.data)
        if model is not None:
            query = query.where(OperationRow.model == plain(model))
        if incident is not None:
            query = query.where(OperationRow.incident == incident)
        if since is not None:
            query = query.where(OperationRow.requested_at >= since)
        rows = self._session.exec(query.order_by(col(OperationRow.number).desc()).limit(limit))
        return [load(Operation, data) for data in rows]


class Intents(port.Intents):
    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, key: str) -> Intent | None:
        row = self._session.get(IntentRow, name(key))
        return None if row is None else _intent(row)

    def add(self, intent: Intent) -> None:
        if self._session.get(IntentRow, name(intent.key)) is not None:
            raise Conflict(f"The step {intent.key} was begun already.", not_done="It was not begun again.")
        self._session.add(_intent_row(intent))
        self._session.flush()

    def save(self, intent: Intent) -> None:
        self._session.merge(_intent_row(intent))
        self._session.flush()

    def unfinished(self) -> Sequence[Intent]:
        open_states = [IntentState.INTENDED.value, IntentState.IN_DOUBT.value]
        rows = self._session.exec(select(IntentRow).where(col(IntentRow.state).in_(open_states)))
        return [_intent(row) for row in rows]


def _intent_row(intent: Intent) -> IntentRow:
    return IntentRow(
        key=name(intent.key),
        operation=intent.operation,
        step=plain(intent.step),
        state=intent.state.value,
        call=plain(intent.call, 8_000),
        intended_at=intent.intended_at,
        finished_at=intent.finished_at,
        result=plain(intent.result, 8_000),
        attempts=intent.attempts,
    )


def _intent(row: IntentRow) -> Intent:
    return Intent(
        row.key, row.operation, row.step, IntentState(row.state), row.call, row.intended_at, row.finished_at,
        row.result, row.attempts,
    )  # fmt: skip


class Ledger(port.Ledger):
    def __init__(self, session: Session) -> None:
        self._session = session

    def spans(self, model: str, environment: str) -> tuple[LiveSpan, ...]:
        query = select(SpanRow).where(SpanRow.model == plain(model), SpanRow.environment == plain(environment))
        return tuple(_span(row) for row in self._session.exec(query.order_by(col(SpanRow.since), col(SpanRow.id))))

    def open_span(self, model: str, environment: str) -> LiveSpan | None:
        row = self._open(model, environment)
        return None if row is None else _span(row)

    def begin(self, span: LiveSpan) -> None:
        self._session.add(
            SpanRow(
                model=plain(span.model),
                environment=plain(span.environment),
                version=plain(span.version),
                evidence=span.evidence.value,
                since=span.since,
                until=span.until,
                verdict=span.verdict.value,
                cause=plain(span.cause),
                incident=span.incident,
            )
        )
        self._session.flush()

    def end(self, model: str, environment: str, at: datetime) -> None:
        row = self._open(model, environment)
        if row is not None:
            row.until = at
            self._session.flush()

    def judge(self, model: str, environment: str, verdict: Verdict, incident: int | None) -> None:
        row = self._open(model, environment)
        if row is not None:
            row.verdict = verdict.value
            row.incident = incident
            self._session.flush()

    def _open(self, model: str, environment: str) -> SpanRow | None:
        query = select(SpanRow).where(
            SpanRow.model == plain(model), SpanRow.environment == plain(environment), col(SpanRow.until).is_(None)
        )
        return self._session.exec(query.order_by(col(SpanRow.id).desc()).limit(1)).first()


def _span(row: SpanRow) -> LiveSpan:
    return LiveSpan(
        row.model, row.environment, row.version, Evidence(row.evidence), row.since, row.until, Verdict(row.verdict),
        row.cause, row.incident,
    )  # fmt: skip


class Changes(port.Changes):
    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, change: Change) -> bool:
        known = select(ChangeRow.id).where(
            ChangeRow.model == name(change.model),
            ChangeRow.kind == name(change.kind),
            ChangeRow.version == name(change.version),
            ChangeRow.at == change.at,
        )
        if self._session.exec(known).first() is not None:
            return False
        row = ChangeRow(
            model=name(change.model), kind=name(change.kind), version=name(change.version), at=change.at,
            data=dump(change),
        )  # fmt: skip
        self._session.add(row)
        self._session.flush()
        return True

    def of(self, model: str, since: datetime) -> Sequence[Change]:
        query = select(ChangeRow.data).where(ChangeRow.model == name(model), ChangeRow.at >= since)
        rows = self._session.exec(query.order_by(col(ChangeRow.at).desc(), col(ChangeRow.id).desc()).limit(200))
        return [load(Change, data) for data in rows]
