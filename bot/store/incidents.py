"""Incidents in their table."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from bot.domain.incident import Incident, Status
from bot.ports import store as port
from bot.ports.store import Place
from bot.store.mapping import dump, load, plain
from bot.store.tables import IncidentRow, PostRow

_LIVE = [status.value for status in Status if status.live]
_INCIDENTS = IncidentRow.__table__  # type: ignore[attr-defined]  # SQLModel's table behind the class
_I = _INCIDENTS.c


class Incidents(port.Incidents):
    def __init__(self, session: Session) -> None:
        self._session = session

    def next_number(self) -> int:
        highest = self._session.exec(select(sa.func.max(IncidentRow.number))).one()
        return (highest or 0) + 1

    def add(self, incident: Incident) -> None:
        self._session.connection().execute(_INSERT, _row(incident))

    def save(self, incident: Incident) -> None:
        self.save_all([incident])

    def save_all(self, incidents: Sequence[Incident]) -> None:
        if incidents:
            self._session.connection().execute(_UPDATE, [{"_number": i.number, **_row(i)} for i in incidents])

    def get(self, number: int) -> Incident | None:
        data = self._session.connection().execute(_ONE, {"number": number}).scalar()
        return None if data is None else load(Incident, data)

    def get_all(self, numbers: Sequence[int]) -> Mapping[int, Incident]:
        rows = self._session.connection().execute(_MANY, {"numbers": list(numbers)}) if numbers else ()
        return {int(number): load(Incident, data) for number, data in rows}

    def live(self, *, model: str | None = None, limit: int = 100) -> Sequence[Incident]:
        query = select(IncidentRow.data).where(col(IncidentRow.status).in_(_LIVE))
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
        query = select(IncidentRow.data)
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
        models = list({plain(place.model) for place in places if place.model is not None})
        sources = list({plain(place.source) for place in places if place.model is None})
        rows: list[sa.Row[tuple[object, ...]]] = []
        if models:
            rows += self._session.connection().execute(_OF_MODELS, {"models": models, "after": resolved_after})
        if sources:
            rows += self._session.connection().execute(_OF_SOURCES, {"sources": sources, "after": resolved_after})
        rows.sort(key=lambda row: row.number, reverse=True)
        found = {place: next((row for row in rows if _joins(place, row)), None) for place in places}
        return {place: load(Incident, row.data) for place, row in found.items() if row is not None}

    def by_post(self, channel_id: str, ts: str) -> Incident | None:
        query = select(PostRow.ref).where(
            PostRow.channel_id == plain(channel_id), PostRow.ts == plain(ts), PostRow.kind == "card"
        )
        number = self._session.exec(query).first()
        return None if number is None else self.get(number)

    def _all(self, query: SelectOfScalar[str]) -> list[Incident]:
        return [load(Incident, data) for data in self._session.exec(query)]


def _joins(place: Place, row: sa.Row[tuple[object, ...]]) -> bool:
    """Whether an alert about this belongs there. A declared incident names no environment; alerts of any join it."""
    if place.model is None:
        if row.model is not None or row.source != plain(place.source):
            return False
    elif row.model != plain(place.model):
        return False
    return row.environment in {None, None if place.environment is None else plain(place.environment)}


def _open_or_recent(*asked: sa.ColumnElement[bool]) -> sa.CompoundSelect[tuple[object, ...]]:
    """What is live, and what was resolved lately: two questions in one, so that each has its index."""
    query = sa.select(_I.number, _I.model, _I.environment, _I.source, _I.data).where(*asked)
    recently = query.where(_I.status == Status.RESOLVED.value, _I.resolved_at >= sa.bindparam("after"))
    return sa.union_all(query.where(_I.status.in_(_LIVE)), recently)


# Built once: to build a statement takes SQLAlchemy longer than to run it.
_INSERT = sa.insert(_INCIDENTS)
_ONE = sa.select(_I.data).where(_I.number == sa.bindparam("number"))
_MANY = sa.select(_I.number, _I.data).where(_I.number.in_(sa.bindparam("numbers", expanding=True)))
_OF_MODELS = _open_or_recent(_I.model.in_(sa.bindparam("models", expanding=True)))
_OF_SOURCES = _open_or_recent(_I.model.is_(None), _I.source.in_(sa.bindparam("sources", expanding=True)))
_UPDATE = (
    sa.update(_INCIDENTS)
    .where(_I.number == sa.bindparam("_number"))
    .values({column.name: sa.bindparam(column.name) for column in _I if column.name != "number"})
)


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
    }
