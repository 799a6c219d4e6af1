"""Incidents, episodes and deliveries in tables."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from bot.domain.alert import Alert, AlertStatus, Episode
from bot.domain.incident import Incident, Status
from bot.ports import store as port
from bot.ports.store import DeliveryOutcome, DeliveryRecord
from bot.store.mapping import dump, load, name, plain
from bot.store.tables import DeliveryRow, EpisodeRow, IncidentRow, PostRow

_LIVE = [status.value for status in Status if status.live]


class Incidents(port.Incidents):
    def __init__(self, session: Session) -> None:
        self._session = session

    def next_number(self) -> int:
        highest = self._session.exec(select(sa.func.max(IncidentRow.number))).one()
        return (highest or 0) + 1

    def add(self, incident: Incident) -> None:
        self._session.add(_incident_row(incident))
        self._session.flush()

    def save(self, incident: Incident) -> None:
        self._session.merge(_incident_row(incident))
        self._session.flush()

    def get(self, number: int) -> Incident | None:
        row = self._session.get(IncidentRow, number)
        return None if row is None else load(Incident, row.data)

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

    def joinable(
        self, *, model: str | None, source: str, environment: str | None, resolved_after: datetime
    ) -> Incident | None:
        query = select(IncidentRow.data).where(
            sa.or_(
                col(IncidentRow.status).in_(_LIVE),
                sa.and_(
                    col(IncidentRow.status) == Status.RESOLVED.value, col(IncidentRow.resolved_at) >= resolved_after
                ),
            )
        )
        if model is None:
            query = query.where(col(IncidentRow.model).is_(None), IncidentRow.source == source)
        else:
            query = query.where(IncidentRow.model == plain(model))
        if environment is None:
            query = query.where(col(IncidentRow.environment).is_(None))
        else:
            # A declared incident names no environment; an alert about the model joins it.
            query = query.where(
                sa.or_(col(IncidentRow.environment) == plain(environment), col(IncidentRow.environment).is_(None))
            )
        found = self._all(query.order_by(col(IncidentRow.number).desc()).limit(1))
        return found[0] if found else None

    def by_post(self, channel_id: str, ts: str) -> Incident | None:
        query = select(PostRow.ref).where(
            PostRow.channel_id == plain(channel_id), PostRow.ts == plain(ts), PostRow.kind == "card"
        )
        number = self._session.exec(query).first()
        return None if number is None else self.get(number)

    def _all(self, query: SelectOfScalar[str]) -> list[Incident]:
        return [load(Incident, data) for data in self._session.exec(query)]


def _incident_row(incident: Incident) -> IncidentRow:
    return IncidentRow(
        number=incident.number,
        status=incident.status.value,
        model=None if incident.model is None else plain(incident.model),
        environment=None if incident.environment is None else plain(incident.environment),
        source=plain(incident.source),
        opened_at=incident.opened_at,
        resolved_at=incident.resolved_at,
        data=dump(incident),
    )


_EPISODES = EpisodeRow.__table__  # type: ignore[attr-defined]  # SQLModel's table behind the class
_EPISODE_COLUMNS = [column for column in _EPISODES.c if column.name != "alert"]


class Episodes(port.Episodes):
    """Core statements, no objects: this is where every delivered alert goes through."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, source: str, instance: str, fingerprint: str, starts_at: datetime) -> Episode | None:
        return self._one(_of(source, instance, fingerprint).where(_EPISODES.c.starts_at == starts_at))

    def newest(self, source: str, instance: str, fingerprint: str) -> Episode | None:
        return self._one(_of(source, instance, fingerprint).order_by(_EPISODES.c.starts_at.desc()).limit(1))

    def save(self, episode: Episode, alert: Alert, *, moved_from: datetime | None = None) -> None:
        key = {
            "source": name(episode.source),
            "instance": name(episode.instance),
            "fingerprint": name(episode.fingerprint),
            "starts_at": episode.starts_at,
        }
        values = {
            "status": episode.status.value,
            "first_seen": episode.first_seen,
            "last_seen": episode.last_seen,
            "ends_at": episode.ends_at,
            "deliveries": episode.deliveries,
            "incident": episode.incident,
            "alert": dump(alert),
        }
        was = {**key, "starts_at": moved_from or episode.starts_at}
        same = sa.and_(*(_EPISODES.c[name] == value for name, value in was.items()))
        changed = self._session.execute(sa.update(_EPISODES).where(same).values(**key, **values))
        if changed.rowcount == 0:  # type: ignore[attr-defined]  # an UPDATE's result counts rows
            self._session.execute(sa.insert(_EPISODES).values(**key, **values))

    def alert_of(self, episode: Episode) -> Alert | None:
        found = _of(episode.source, episode.instance, episode.fingerprint).with_only_columns(_EPISODES.c.alert)
        text = self._session.execute(found.where(_EPISODES.c.starts_at == episode.starts_at)).scalar()
        return None if text is None else load(Alert, str(text))

    def tally(self, incident: int) -> tuple[int, int]:
        query = sa.select(_EPISODES.c.status, sa.func.count()).where(_EPISODES.c.incident == incident)
        counts = {str(status): int(n) for status, n in self._session.execute(query.group_by(_EPISODES.c.status))}
        return counts.get(AlertStatus.FIRING.value, 0), sum(counts.values())

    def firing_of(self, incident: int) -> Sequence[Episode]:
        firing = AlertStatus.FIRING.value
        return self._many(
            sa.select(*_EPISODE_COLUMNS).where(_EPISODES.c.incident == incident, _EPISODES.c.status == firing)
        )

    def alerts_of(self, incident: int, *, limit: int = 50) -> Sequence[Alert]:
        query = sa.select(_EPISODES.c.alert).where(_EPISODES.c.incident == incident)
        rows = self._session.execute(query.order_by(_EPISODES.c.starts_at.desc(), _EPISODES.c.id.desc()).limit(limit))
        return [load(Alert, text) for text in rows.scalars()]

    def firing_from(self, source: str) -> Sequence[Episode]:
        firing = AlertStatus.FIRING.value
        return self._many(
            sa.select(*_EPISODE_COLUMNS).where(_EPISODES.c.source == name(source), _EPISODES.c.status == firing)
        )

    def since(self, model: str | None, since: datetime) -> Sequence[Alert]:
        query = sa.select(_EPISODES.c.alert).where(_EPISODES.c.starts_at >= since)
        if model is not None:
            numbers = select(IncidentRow.number).where(IncidentRow.model == plain(model))
            query = query.where(_EPISODES.c.incident.in_(numbers))
        rows = self._session.execute(query.order_by(_EPISODES.c.starts_at.desc()).limit(1_000))
        return [load(Alert, text) for text in rows.scalars()]

    def _one(self, query: sa.Select[tuple[object, ...]]) -> Episode | None:
        row = self._session.execute(query).first()
        return None if row is None else _episode(row)

    def _many(self, query: sa.Select[tuple[object, ...]]) -> list[Episode]:
        return [_episode(row) for row in self._session.execute(query)]


def _of(source: str, instance: str, fingerprint: str) -> sa.Select[tuple[object, ...]]:
    return sa.select(*_EPISODE_COLUMNS).where(
        _EPISODES.c.source == name(source),
        _EPISODES.c.instance == name(instance),
        _EPISODES.c.fingerprint == name(fingerprint),
    )


def _episode(row: sa.Row[tuple[object, ...]]) -> Episode:
    fields = row._mapping  # noqa: SLF001 - SQLAlchemy's documented access by name
    return Episode(
        source=fields["source"],
        instance=fields["instance"],
        fingerprint=fields["fingerprint"],
        starts_at=fields["starts_at"],
        status=AlertStatus(fields["status"]),
        first_seen=fields["first_seen"],
        last_seen=fields["last_seen"],
        ends_at=fields["ends_at"],
        deliveries=fields["deliveries"],
        incident=fields["incident"],
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

    def count(self) -> int:
        return self._session.exec(select(sa.func.count()).select_from(DeliveryRow)).one()

    def newest_at(self, integration: str) -> datetime | None:
        query = select(DeliveryRow.received_at).where(DeliveryRow.integration == plain(integration))
        return self._session.exec(query.order_by(col(DeliveryRow.id).desc()).limit(1)).first()


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
