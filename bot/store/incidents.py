"""Incidents in their table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import Select

from bot.domain.incident import Incident, Status, Untold
from bot.ports import store as port
from bot.ports.store import Place
from bot.store.mapping import dump, load, plain
from bot.store.prepared import Prepared, inserting
from bot.store.tables import IncidentRow, PostRow

_LIVE = [status.value for status in Status if status.live]
_INCIDENTS = IncidentRow.__table__  # type: ignore[attr-defined]  # SQLModel's table behind the class
_I = _INCIDENTS.c
SelectOfStored = Select[str, str]


class Incidents(port.Incidents):
    def __init__(self, session: Session) -> None:
        self._session = session

    def next_number(self) -> int:
        highest = self._session.exec(select(sa.func.max(IncidentRow.number))).one()
        return (highest or 0) + 1

    def add(self, incident: Incident) -> None:
        _INSERT.run(self._session, _row(incident))

    def save(self, incident: Incident) -> None:
        _UPDATE.run(self._session, _row(incident))

    def count_all(self, incidents: Sequence[Incident]) -> None:
        _COUNT.run_all(self._session, [{"_number": i.number, "_counts": dump(_counts(i))} for i in incidents])

    def get(self, number: int) -> Incident | None:
        row = _ONE.first(self._session, {"_number": number})
        return None if row is None else _incident(row)

    def get_all(self, numbers: Sequence[int]) -> Mapping[int, Incident]:
        found = {number: self.get(number) for number in numbers}
        return {number: incident for number, incident in found.items() if incident is not None}

    def live(self, *, model: str | None = None, limit: int = 100) -> Sequence[Incident]:
        query = _stored().where(col(IncidentRow.status).in_(_LIVE))
        if model is not None:
            query = query.where(IncidentRow.model == plain(model))
        return self._all(query.order_by(col(IncidentRow.number).desc()).limit(limit))

    def count_live(self) -> int:
        query = select(sa.func.count()).select_from(IncidentRow).where(col(IncidentRow.status).in_(_LIVE))
        return self._session.exec(query).one()

    def newest(
        self,
        *,
        limit: int,
        before: int | None = None,
        model: str | None = None,
        status: Status | None = None,
        since: datetime | None = None,
    ) -> Sequence[Incident]:
        query = _stored()
        if before is not None:
            query = query.where(IncidentRow.number < before)
        if model is not None:
            query = query.where(IncidentRow.model == plain(model))
        if status is not None:
            query = query.where(IncidentRow.status == status.value)
        if since is not None:
            query = query.where(IncidentRow.opened_at >= since)
        return self._all(query.order_by(col(IncidentRow.number).desc()).limit(limit))

    def joinable(self, places: Sequence[Place], *, resolved_after: datetime) -> Mapping[Place, Incident]:
        rows: list[Any] = []
        for model in dict.fromkeys(plain(place.model) for place in places if place.model is not None):
            rows += _OF_MODEL.rows(self._session, {"_model": model, "_after": resolved_after})
        for source in dict.fromkeys(plain(place.source) for place in places if place.model is None):
            rows += _OF_SOURCE.rows(self._session, {"_source": source, "_after": resolved_after})
        rows.sort(key=lambda row: row.number, reverse=True)
        found = {place: next((row for row in rows if _joins(place, row)), None) for place in places}
        return {place: _incident(row) for place, row in found.items() if row is not None}

    def by_post(self, channel_id: str, ts: str) -> Incident | None:
        query = select(PostRow.ref).where(
            PostRow.channel_id == plain(channel_id), PostRow.ts == plain(ts), PostRow.kind == "card"
        )
        number = self._session.exec(query).first()
        return None if number is None else self.get(number)

    def _all(self, query: SelectOfStored) -> list[Incident]:
        return [_incident(row) for row in self._session.exec(query)]


def _joins(place: Place, row: Any) -> bool:
    """Whether an alert about this belongs there. A declared incident names no environment; alerts of any join it."""
    if place.model is None:
        if row.model is not None or row.source != plain(place.source):
            return False
    elif row.model != plain(place.model):
        return False
    return row.environment in {None, None if place.environment is None else plain(place.environment)}


def _stored() -> SelectOfStored:
    return select(IncidentRow.data, IncidentRow.counts)


def _open_or_recent(*asked: sa.ColumnElement[bool]) -> Prepared:
    """What is live, and what was resolved lately: two questions in one, so that each has its index."""
    query = sa.select(_I.number, _I.model, _I.environment, _I.source, _I.data, _I.counts).where(*asked)
    recently = query.where(_I.status == Status.RESOLVED.value, _I.resolved_at >= sa.bindparam("_after"))
    live = query.where(sa.or_(*(_I.status == status for status in _LIVE)))
    return Prepared(sa.union_all(live, recently))


_THAT = _I.number == sa.bindparam("_number")
_INSERT = inserting(_INCIDENTS)
_ONE = Prepared(sa.select(_I.data, _I.counts).where(_THAT))
_OF_MODEL = _open_or_recent(_I.model == sa.bindparam("_model"))
_OF_SOURCE = _open_or_recent(_I.model.is_(None), _I.source == sa.bindparam("_source"))
_UPDATE = Prepared(
    sa.update(_INCIDENTS)
    .where(_I.number == sa.bindparam("number"))
    .values({column.name: sa.bindparam(column.name) for column in _I if column.name != "number"})
)
_COUNT = Prepared(sa.update(_INCIDENTS).where(_THAT).values(counts=sa.bindparam("_counts")))


@dataclass(frozen=True, slots=True)
class _Counts:
    """What alerts change of an incident."""

    revision: int
    alerts_firing: int
    alerts_seen: int
    told_fired: int
    told_resolved: int
    untold: Untold


def _counts(i: Incident) -> _Counts:
    return _Counts(i.revision, i.alerts_firing, i.alerts_seen, i.told_fired, i.told_resolved, i.untold)


def _incident(row: Any) -> Incident:
    """An incident with its newest counts."""
    c = load(_Counts, row.counts)
    return replace(
        _but_for_counts(row.data), revision=c.revision, alerts_firing=c.alerts_firing, alerts_seen=c.alerts_seen,
        told_fired=c.told_fired, told_resolved=c.told_resolved, untold=c.untold,
    )  # fmt: skip


@lru_cache(128)
def _but_for_counts(data: str) -> Incident:
    """In a storm the same text is read again and again, and reading it is the dearer part."""
    return load(Incident, data)


def _row(incident: Incident) -> dict[str, object]:
    return {
        "number": incident.number,
        "status": incident.status.value,
        "model": None if incident.model is None else plain(incident.model),
        "environment": None if incident.environment is None else plain(incident.environment),
        "source": plain(incident.source),
        "opened_at": incident.opened_at,
        "resolved_at": incident.resolved_at,
        "data": dump(incident),
        "counts": dump(_counts(incident)),
    }
