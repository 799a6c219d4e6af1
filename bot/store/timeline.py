"""The timeline in its table: chains that only grow."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from bot.domain.timeline import Actor, ActorKind, Draft, Entry, Kind, seal
from bot.ports import store as port
from bot.store.prepared import Prepared, inserting
from bot.store.tables import EntryRow

_ENTRIES = EntryRow.__table__  # type: ignore[attr-defined]  # SQLModel's table behind the class


class TimelineLog(port.TimelineLog):
    def __init__(self, session: Session, now: datetime) -> None:
        self._session = session
        self._now = now

    def append(self, incident: int, draft: Draft) -> Entry:
        return self._seal([(incident, draft)])[0]

    def extend(self, drafts: Sequence[tuple[int, Draft]]) -> None:
        self._seal(drafts)

    def _seal(self, drafts: Sequence[tuple[int, Draft]]) -> list[Entry]:
        """Each goes after the last of its chain, as it is stored: what a decision before took back isn't there."""
        heads = self._heads([incident for incident, _ in drafts])
        entries: list[Entry] = []
        for incident, draft in drafts:
            entry = seal(draft, incident=incident, after=heads.get(incident), learned_at=self._now)
            heads[incident] = entry
            entries.append(entry)
        if entries:
            _INSERT.run_all(self._session, [_columns(entry) for entry in entries])
        return entries

    def _heads(self, incidents: Sequence[int]) -> dict[int, Entry]:
        heads = (_HEAD.first(self._session, {"_incident": incident}) for incident in dict.fromkeys(incidents))
        return {row.incident: _entry(row) for row in heads if row is not None}

    def of(self, incident: int) -> Sequence[Entry]:
        query = select(EntryRow).where(EntryRow.incident == incident).order_by(col(EntryRow.seq))
        return [_entry(row) for row in self._session.exec(query)]

    def heads(self) -> Sequence[Entry]:
        newest = select(EntryRow.incident, sa.func.max(EntryRow.seq).label("seq")).group_by(col(EntryRow.incident))
        top = newest.subquery()
        query = select(EntryRow).join(
            top, sa.and_(col(EntryRow.incident) == top.c.incident, col(EntryRow.seq) == top.c.seq)
        )
        return [_entry(row) for row in self._session.exec(query.order_by(col(EntryRow.incident)))]


_E = _ENTRIES.c
_INSERT = inserting(_ENTRIES)
_HEAD = Prepared(sa.select(_ENTRIES).where(_E.incident == sa.bindparam("_incident")).order_by(_E.seq.desc()).limit(1))


def _columns(entry: Entry) -> dict[str, object]:
    return {
        "incident": entry.incident,
        "seq": entry.seq,
        "kind": entry.kind.value,
        "text": entry.text,
        "actor_kind": entry.actor.kind.value,
        "actor_id": entry.actor.id,
        "actor_name": entry.actor.name,
        "happened_at": entry.happened_at,
        "learned_at": entry.learned_at,
        "evidence": entry.evidence,
        "prev_hash": entry.prev_hash,
        "hash": entry.hash,
    }


def _entry(row: Any) -> Entry:
    return Entry(
        row.incident, row.seq, Kind(row.kind), row.text, Actor(ActorKind(row.actor_kind), row.actor_id, row.actor_name),
        row.happened_at, row.learned_at, row.evidence, row.prev_hash, row.hash,
    )  # fmt: skip
