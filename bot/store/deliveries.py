"""Deliveries in their table, and when each integration was heard from."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from bot.ports import store as port
from bot.ports.store import DeliveryNote, DeliveryOutcome, DeliveryRecord
from bot.store.mapping import plain
from bot.store.prepared import Prepared, inserting
from bot.store.tables import DeliveryRow, HeardRow

_DELIVERIES = DeliveryRow.__table__  # type: ignore[attr-defined]  # SQLModel's table behind the class
_HEARD = HeardRow.__table__  # type: ignore[attr-defined]
_VALUES: dict[str, sa.BindParameter[object]] = {column.name: sa.bindparam(f"_{column.name}") for column in _HEARD.c}
_MORE = {name: _HEARD.c[name] + _VALUES[name] for name in ("deliveries", "alerts")}
_INSERT = inserting(_DELIVERIES, without=["id"])
_HEARD_FIRST = Prepared(sa.insert(_HEARD).values(_VALUES))
_HEARD_AGAIN = Prepared(
    sa.update(_HEARD).where(_HEARD.c.integration == _VALUES["integration"]).values({**_MORE, "at": _VALUES["at"]})
)


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
        row = {
            "integration": plain(integration),
            "received_at": self._now,
            "digest": digest,
            "size": size,
            "outcome": outcome.value,
            "alerts": alerts,
            "reason": plain(reason),
            "body": body,
        }
        key = self._session.connection().execute(sa.insert(_DELIVERIES), row).inserted_primary_key
        assert key is not None, "one row was inserted"
        return int(key[0])

    def dead(self, *, limit: int = 50) -> Sequence[DeliveryRecord]:
        query = select(DeliveryRow).where(DeliveryRow.outcome == DeliveryOutcome.DEAD.value)
        rows = self._session.exec(query.order_by(col(DeliveryRow.id).desc()).limit(limit))
        return [_delivery(row) for row in rows]

    def taken(self, notes: Sequence[DeliveryNote]) -> None:
        common = {"received_at": self._now, "outcome": DeliveryOutcome.TAKEN.value, "reason": "", "body": None}
        rows = [
            {"integration": plain(n.integration), "digest": n.digest, "size": n.size, "alerts": n.alerts, **common}
            for n in notes
        ]
        _INSERT.run_all(self._session, rows)

    def heard(self, integration: str, *, deliveries: int, alerts: int) -> None:
        more = {"_integration": plain(integration), "_deliveries": deliveries, "_alerts": alerts, "_at": self._now}
        if _HEARD_AGAIN.run(self._session, more) == 0:
            _HEARD_FIRST.run(self._session, more)

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
