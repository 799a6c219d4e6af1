"""Alert episodes in their table. Core statements, no objects: every delivered alert goes through here."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, select

from bot.domain.alert import Alert, AlertStatus, Episode
from bot.domain.timeline import stamp
from bot.ports import store as port
from bot.ports.store import AlertKey, EpisodeWrite
from bot.store.mapping import dump, load, name, plain
from bot.store.prepared import Prepared, driver_of
from bot.store.tables import EpisodeRow, IncidentRow, Moment

ASKED_AT_ONCE = 500
"""Fingerprints that are looked up by one statement: both databases limit what one may carry."""
FEW = 8
"""So many are looked up one by one: a statement with a list in it is made anew for each length."""

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

    def key_of(self, alert: Alert) -> AlertKey:
        return name(alert.source), name(alert.instance), name(alert.fingerprint)

    def newest_of(self, keys: Sequence[AlertKey]) -> Mapping[AlertKey, Episode]:
        asked: dict[tuple[str, str], list[str]] = defaultdict(list)
        for source, instance, fingerprint in keys:
            asked[source, instance].append(fingerprint)
        found: dict[AlertKey, Episode] = {}
        for (source, instance), fingerprints in asked.items():
            for start in range(0, len(fingerprints), ASKED_AT_ONCE):
                some = fingerprints[start : start + ASKED_AT_ONCE]
                of = {"source": source, "instance": instance}
                if len(some) <= FEW:
                    rows = [row for f in some for row in _NEWEST.rows(self._session, {**of, "fingerprint": f})]
                else:
                    rows = self._rows(_NEWEST_OF_MANY, **of, fingerprints=some)
                for episode in map(_episode, rows):
                    found[source, instance, episode.fingerprint] = episode
        return found

    def _rows(self, query: sa.Select[tuple[object, ...]], **values: object) -> list[Any]:
        return list(self._session.connection().execute(query, values))

    def save(self, episode: Episode, alert: Alert, *, moved_from: datetime | None = None) -> None:
        was = moved_from or episode.starts_at
        stored = self.get(episode.source, episode.instance, episode.fingerprint, was) is not None
        key = name(episode.source), name(episode.instance), name(episode.fingerprint)
        self.save_all([EpisodeWrite(key, episode, alert, was if stored else None)])

    def save_all(self, writes: Sequence[EpisodeWrite]) -> None:
        driver = driver_of(self._session)
        mark = "?" if driver.dialect.paramstyle == "qmark" else "%s"
        known = [(*_changing(w), *w.key, stamp(w.stored_as)) for w in writes if w.stored_as is not None]
        if known:  # first: what is moved makes room
            driver.execute_all(_UPDATE.replace("?", mark), known)
        new = [(*w.key, *_changing(w)) for w in writes if w.stored_as is None]
        if new:
            driver.execute_all(_INSERT.replace("?", mark), new)

    def seen_again(self, alert: Alert, now: datetime, *, times: int) -> bool:
        values = {
            "source": name(alert.source), "instance": name(alert.instance), "fingerprint": name(alert.fingerprint),
            "_starts_at": alert.starts_at, "_alert": _text(alert), "_now": now, "_times": times,
        }  # fmt: skip
        return _AGAIN.run(self._session, values) == 1

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


_KEY = ("source", "instance", "fingerprint")
_CHANGING = ("starts_at", "status", "first_seen", "last_seen", "ends_at", "deliveries", "incident", "alert")
# In SQL, with values as they are stored: SQLAlchemy would spend more on each row's parameters than the database does.
_COLUMNS = f"{', '.join(_KEY)}, {', '.join(_CHANGING)}"
_INSERT = f"INSERT INTO episodes ({_COLUMNS}) VALUES ({', '.join('?' * (len(_KEY) + len(_CHANGING)))})"  # noqa: S608 - of our own names
_UPDATE = (
    f"UPDATE episodes SET {', '.join(f'{column} = ?' for column in _CHANGING)} "  # noqa: S608 - of our own names
    f"WHERE {' AND '.join(f'{column} = ?' for column in (*_KEY, 'starts_at'))}"
)


def _changing(write: EpisodeWrite) -> tuple[object, ...]:
    """The values of `_CHANGING`."""
    episode, alert = write.episode, write.alert
    first = stamp(episode.first_seen)
    return (
        stamp(episode.starts_at),
        episode.status.value,
        first,
        first if episode.last_seen is episode.first_seen else stamp(episode.last_seen),
        None if episode.ends_at is None else stamp(episode.ends_at),
        episode.deliveries,
        episode.incident,
        _text(alert),
    )


def _text(alert: Alert) -> str:
    return dump(alert, finite=alert.reading is None and alert.drift is None)


def _newest_of_many() -> sa.Select[tuple[object, ...]]:
    e = _EPISODES.c
    same = (e.source == sa.bindparam("source"), e.instance == sa.bindparam("instance"))
    asked = e.fingerprint.in_(sa.bindparam("fingerprints", expanding=True))
    starts = sa.select(e.fingerprint, sa.func.max(e.starts_at).label("starts_at")).where(*same, asked)
    top = starts.group_by(e.fingerprint).subquery()
    newest = sa.and_(e.fingerprint == top.c.fingerprint, e.starts_at == top.c.starts_at)
    return sa.select(*_EPISODE_COLUMNS).join_from(top, _EPISODES, newest).where(*same)


# Built once: to build a statement takes SQLAlchemy longer than to run it.
_NEWEST_OF_MANY = _newest_of_many()
_NEWEST = Prepared(
    sa.select(*_EPISODE_COLUMNS)
    .where(*(_EPISODES.c[key] == sa.bindparam(key) for key in _KEY))
    .order_by(_EPISODES.c.starts_at.desc())
    .limit(1)
)

_NOW: sa.BindParameter[datetime] = sa.bindparam("_now", type_=Moment)
_AGAIN = Prepared(
    sa.update(_EPISODES)
    .where(
        *(_EPISODES.c[key] == sa.bindparam(key) for key in _KEY),
        _EPISODES.c.starts_at == sa.bindparam("_starts_at"),
        _EPISODES.c.status == AlertStatus.FIRING.value,
        _EPISODES.c.alert == sa.bindparam("_alert"),
    )
    .values(
        last_seen=sa.case((_EPISODES.c.last_seen < _NOW, _NOW), else_=_EPISODES.c.last_seen),
        deliveries=_EPISODES.c.deliveries + sa.bindparam("_times"),
    )
)


def _of(source: str, instance: str, fingerprint: str) -> sa.Select[tuple[object, ...]]:
    return sa.select(*_EPISODE_COLUMNS).where(
        _EPISODES.c.source == name(source),
        _EPISODES.c.instance == name(instance),
        _EPISODES.c.fingerprint == name(fingerprint),
    )


def _episode(row: sa.Row[tuple[object, ...]]) -> Episode:
    return Episode(
        source=row.source,
        instance=row.instance,
        fingerprint=row.fingerprint,
        starts_at=row.starts_at,
        status=AlertStatus(row.status),
        first_seen=row.first_seen,
        last_seen=row.last_seen,
        ends_at=row.ends_at,
        deliveries=row.deliveries,
        incident=row.incident,
    )
