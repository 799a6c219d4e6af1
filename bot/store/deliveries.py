"""Deliveries in their table, and when each integration was heard from."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from bot.ports import store as port
from bot.ports.store import DeliveryOutcome, DeliveryRecord
from bot.store.mapping import plain
from bot.store.tables import DeliveryRow, HeardRow


class Deliveries(port.Deliveries):
    def __init__(self, session: Session, now: datetime) -> None:
        self._session = session
        self._now = now

    def add(
        self,
        integration: str,
        digest: str,
        size: int,
        outcome: DeliveryOutcome,
        *,
        alerts: int,
        reason: str = "",
        body: bytes | None = None,
    ) -> int:
        row = DeliveryRow(
            integration=plain(integration),
            received_at=self._now,
            digest=digest,
            size=size,
            outcome=outcome.value,
            alerts=alerts,
            reason=plain(reason),
            body=body,
        )
        self._session.add(row)
        self._session.flush()
        assert row.id is not None
        return row.id

    def dead(self, *, limit: int = 50) -> Sequence[DeliveryRecord]:
        query = select(DeliveryRow).where(DeliveryRow.outcome == DeliveryOutcome.DEAD.value)
        rows = self._session.exec(query.order_by(col(DeliveryRow.id).desc()).limit(limit))
        return [_delivery(row) for row in rows]

    def heard(self, integration: str, *, deliveries: int, alerts: int) -> None:
        table = HeardRow.__table__  # type: ignore[attr-defined]  # SQLModel's table behind the class
        mine = table.c.integration == plain(integration)
        more = {"deliveries": table.c.deliveries + deliveries, "alerts": table.c.alerts + alerts, "at": self._now}
        changed = self._session.execute(sa.update(table).where(mine).values(more))
        if changed.rowcount == 0:  # type: ignore[attr-defined]  # an UPDATE's result counts rows
            first = {"integration": plain(integration), "deliveries": deliveries, "alerts": alerts, "at": self._now}
            self._session.execute(sa.insert(table).values(first))

    def count(self) -> int:
        return int(self._session.exec(select(sa.func.coalesce(sa.func.sum(HeardRow.deliveries), 0))).one())

    def newest_at(self, integration: str) -> datetime | None:
        return self._session.exec(select(HeardRow.at).where(HeardRow.integration == plain(integration))).first()


def _delivery(row: DeliveryRow) -> DeliveryRecord:
    return DeliveryRecord(
        id=row.id or 0,
        integration=row.integration,
        received_at=row.received_at,
        digest=row.digest,
        size=row.size,
        outcome=DeliveryOutcome(row.outcome),
        alerts=row.alerts,
        reason=row.reason,
        body=row.body,
    )
