"""What waits: timers, jobs, Slack events, keys, replicas."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from bot.ports import store as port
from bot.ports.store import JobRecord, SlackEventRecord, Timer
from bot.store.mapping import name, plain
from bot.store.prepared import Prepared, inserting
from bot.store.tables import JobRow, KeyRow, ReplicaRow, SlackEventRow, TimerRow

BODY_LIMIT = 200_000
EVENT_LIMIT = 4_000_000
"""A message of 40,000 characters stands twice in its event, each character as up to twelve."""
_NOBODY = ""

_SET_TIMER = inserting(TimerRow.__table__)  # type: ignore[attr-defined]  # SQLModel's table behind the class
_CANCEL_TIMER = Prepared(sa.delete(TimerRow).where(col(TimerRow.key) == sa.bindparam("_key")))


class Timers(port.Timers):
    def __init__(self, session: Session) -> None:
        self._session = session

    def set(self, timer: Timer) -> None:
        self.cancel(timer.key)
        row = {
            "key": name(timer.key), "kind": plain(timer.kind), "ref": timer.ref, "due_at": timer.due_at,
            "detail": plain(timer.detail),
        }  # fmt: skip
        _SET_TIMER.run(self._session, row)

    def cancel(self, key: str) -> None:
        _CANCEL_TIMER.run(self._session, {"_key": name(key)})

    def take_due(self, now: datetime, *, limit: int = 50) -> Sequence[Timer]:
        query = select(TimerRow).where(TimerRow.due_at <= now).order_by(col(TimerRow.due_at)).limit(limit)
        due = [Timer(r.key, r.kind, r.ref, r.due_at, r.detail) for r in self._session.exec(query)]
        for timer in due:
            self.cancel(timer.key)
        self._session.expire_all()
        return due


class Jobs(port.Jobs):
    def __init__(self, session: Session) -> None:
        self._session = session

    def describe(self, job: JobRecord) -> None:
        row = self._session.get(JobRow, job.name)
        if row is None:
            self._session.add(
                JobRow(name=job.name, cron=job.cron, zone=job.zone, last_tick=job.last_tick, catch_up=job.catch_up)
            )
        else:
            row.cron, row.zone, row.catch_up = job.cron, job.zone, job.catch_up
        self._session.flush()

    def get(self, name: str) -> JobRecord | None:
        row = self._session.get(JobRow, name)
        return None if row is None else JobRecord(row.name, row.cron, row.zone, row.last_tick, row.catch_up)

    def claim(self, name: str, tick: datetime) -> bool:
        row = self._session.get(JobRow, name)
        if row is None or (row.last_tick is not None and row.last_tick >= tick):
            return False
        row.last_tick = tick
        self._session.flush()
        return True


class SlackInbox(port.SlackInbox):
    def __init__(self, session: Session, now: datetime) -> None:
        self._session = session
        self._now = now

    def put(self, event_id: str, body: str) -> bool:
        if self._session.get(SlackEventRow, name(event_id)) is not None:
            return False
        row = SlackEventRow(event_id=name(event_id), received_at=self._now, done=False, body=plain(body, EVENT_LIMIT))
        self._session.add(row)
        self._session.flush()
        return True

    def done(self, event_id: str) -> None:
        row = self._session.get(SlackEventRow, name(event_id))
        if row is not None:
            row.done = True
            row.body = ""  # the timeline keeps what was meant to be kept
            self._session.flush()

    def pending(self, *, limit: int = 100) -> Sequence[SlackEventRecord]:
        query = select(SlackEventRow).where(col(SlackEventRow.done).is_(False))
        rows = self._session.exec(query.order_by(col(SlackEventRow.received_at)).limit(limit))
        return [SlackEventRecord(row.event_id, row.received_at, row.body) for row in rows]


class Keys(port.Keys):
    def __init__(self, session: Session, now: datetime) -> None:
        self._session = session
        self._now = now

    def first(self, scope: str, key: str, result: str = "") -> bool:
        if self.get(scope, key) is not None:
            return False
        values = {"scope": name(scope), "key": name(key), "value": plain(result, BODY_LIMIT), "at": self._now}
        _INSERT_KEY.run(self._session, values)
        return True

    def get(self, scope: str, key: str) -> str | None:
        found = _KEY.first(self._session, {"_scope": name(scope), "_key": name(key)})
        return None if found is None else str(found.value)

    def put(self, scope: str, key: str, value: str) -> None:
        values = {"_scope": name(scope), "_key": name(key), "_value": plain(value, BODY_LIMIT), "_at": self._now}
        if not _UPDATE_KEY.run(self._session, values):
            self.first(scope, key, value)


_KEYS: sa.Table = KeyRow.__table__  # type: ignore[attr-defined]  # SQLModel's table behind the class
_THAT_KEY = sa.and_(_KEYS.c.scope == sa.bindparam("_scope"), _KEYS.c.key == sa.bindparam("_key"))
_KEY = Prepared(sa.select(_KEYS.c.value).where(_THAT_KEY))
_INSERT_KEY = inserting(_KEYS)
_UPDATE_KEY = Prepared(sa.update(_KEYS).where(_THAT_KEY).values(value=sa.bindparam("_value"), at=sa.bindparam("_at")))


class Replicas(port.Replicas):
    def __init__(self, session: Session, now: datetime) -> None:
        self._session = session
        self._now = now

    def beat(self, replica: str, lease: timedelta) -> bool:
        row = self._session.get(ReplicaRow, replica)
        if row is None:
            self._session.add(ReplicaRow(replica=replica, alive_until=self._now + lease, taken_over_by=None))
        elif row.taken_over_by is not None:
            return False
        else:
            row.alive_until = self._now + lease
        self._session.flush()
        return True

    def alive(self, replica: str) -> bool:
        row = self._session.get(ReplicaRow, replica)
        return row is not None and row.taken_over_by is None and row.alive_until > self._now

    def take_over(self, by: str) -> Sequence[str]:
        taker = aliased(ReplicaRow)
        query = (
            select(ReplicaRow)
            .outerjoin(taker, col(ReplicaRow.taken_over_by) == taker.replica)
            .where(
                ReplicaRow.alive_until <= self._now,
                ReplicaRow.replica != by,
                # One who took over and died of it may not have come to continue the work.
                sa.or_(
                    col(taker.replica).is_(None),
                    sa.and_(col(taker.alive_until) <= self._now, col(taker.replica) != by),
                ),
            )
        )
        dead = list(self._session.exec(query))
        for row in dead:
            row.taken_over_by = by
        self._session.flush()
        return [row.replica for row in dead]

    def expire(self, replica: str) -> None:
        row = self._session.get(ReplicaRow, replica)
        if row is not None:
            row.alive_until = self._now
            self._session.flush()

    def leave(self, replica: str) -> None:
        self._session.execute(sa.delete(ReplicaRow).where(col(ReplicaRow.replica) == replica))
        # What it took over stays taken from its owners, and is anybody's to continue.
        self._session.execute(
            sa.update(ReplicaRow).where(col(ReplicaRow.taken_over_by) == replica).values(taken_over_by=_NOBODY)
        )
