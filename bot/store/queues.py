"""What waits: posts, timers, jobs, Slack events, keys, replicas."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from bot.domain.post import REFUSED, Backlog, Lane, Post, PostKind
from bot.ports import store as port
from bot.ports.store import JobRecord, SlackEventRecord, Timer
from bot.store.mapping import name, plain
from bot.store.tables import JobRow, KeyRow, Moment, PostRow, ReplicaRow, SlackEventRow, TimerRow

BODY_LIMIT = 200_000
EVENT_LIMIT = 4_000_000
"""A message of 40,000 characters stands twice in its event, each character as up to twelve."""
_NOBODY = _NOWHERE = ""


class Posts(port.Posts):
    def __init__(self, session: Session, now: datetime) -> None:
        self._session = session
        self._now = now

    def want(self, post: Post) -> Post:
        row = self._session.get(PostRow, name(post.key))
        if row is None:
            row = PostRow(
                key=name(post.key), kind=post.kind.value, ref=post.ref, channel=plain(post.channel),
                lane=int(post.lane), wanted=max(post.wanted, 1), shown=0, waits=True,
                thread=None if post.thread is None else name(post.thread),
                body=plain(post.body, BODY_LIMIT), sending=False, held_by=_NOBODY, held_until=None,
                channel_id="", ts="", attempts=0, not_before=None, last_error="", wanted_at=self._now,
                changed_at=self._now, rank=post.rank, listed=_NOWHERE,
            )  # fmt: skip
            self._session.add(row)
        else:
            if row.wanted <= row.shown:
                row.wanted_at = self._now
                row.lane = int(post.lane)
            row.wanted += 1
            row.waits = True
            row.lane = min(row.lane, int(post.lane))  # what waits already does not lose its place to a small change
            row.rank = post.rank
            row.changed_at = self._now
            row.body = plain(post.body, BODY_LIMIT) or row.body
        self._session.flush()
        return _post(row)

    def touch(self, keys: Sequence[str], lane: Lane) -> None:
        if not keys:
            return
        p = PostRow.__table__.c  # type: ignore[attr-defined]  # SQLModel's table behind the class
        better = sa.and_(p.wanted > p.shown, p.lane < int(lane))
        values = {
            "wanted": p.wanted + 1,
            "waits": True,
            "lane": sa.case((better, p.lane), else_=int(lane)),
            "wanted_at": sa.case((p.wanted > p.shown, p.wanted_at), else_=sa.literal(self._now, Moment)),
            "changed_at": self._now,
        }
        self._session.execute(sa.update(PostRow).where(p.key.in_([name(key) for key in keys])).values(values))

    def get(self, key: str) -> Post | None:
        row = self._session.get(PostRow, name(key))
        return None if row is None else _post(row)

    def by_message(self, channel_id: str, ts: str) -> Post | None:
        query = select(PostRow).where(PostRow.channel_id == name(channel_id), PostRow.ts == name(ts))
        row = self._session.exec(query).first()
        return None if row is None else _post(row)

    def due(self, now: datetime, *, by: str = _NOBODY, limit: int = 100) -> Sequence[Post]:
        parent = aliased(PostRow)
        query = (
            select(PostRow)
            .outerjoin(parent, col(PostRow.thread) == parent.key)
            .where(
                col(PostRow.waits).is_(True),
                sa.or_(col(PostRow.not_before).is_(None), col(PostRow.not_before) <= now),
                sa.or_(col(PostRow.thread).is_(None), col(parent.ts) != ""),
                sa.or_(col(PostRow.held_by).in_([_NOBODY, name(by)]), col(PostRow.held_until) <= now),
            )
            .order_by(col(PostRow.lane), col(PostRow.rank), col(PostRow.wanted_at), col(PostRow.key))
            .limit(limit)
        )
        return [_post(row) for row in self._session.exec(query)]

    def hold(self, key: str, by: str, lease: timedelta) -> Post | None:
        row = self._session.get(PostRow, name(key))
        if row is None or self._of_another(row, by):
            return None
        before = _post(row)
        row.held_by, row.held_until = name(by), self._now + lease
        row.sending = row.sending or not row.ts
        self._session.flush()
        return before

    def _of_another(self, row: PostRow, by: str) -> bool:
        return row.held_by not in {_NOBODY, name(by)} and row.held_until is not None and row.held_until > self._now

    def save(self, post: Post, *, by: str | None = None) -> bool:
        row = self._session.get(PostRow, name(post.key))
        if row is None or (by is not None and self._of_another(row, by)):
            return False
        row.held_by, row.held_until = _NOBODY, None
        if post.shown > row.shown:
            row.wanted_at = row.changed_at  # what is still to be shown was wanted after what is shown now
        row.shown = post.shown
        row.sending = post.sending
        row.channel_id = name(post.channel_id)
        row.ts = name(post.ts)
        row.attempts = post.attempts
        row.not_before = post.not_before
        row.last_error = plain(post.last_error)
        row.waits = row.wanted > row.shown
        self._session.flush()
        return True

    def enlist(self, key: str, storm: str) -> None:
        row = self._session.get(PostRow, name(key))
        if row is None:
            return
        row.listed = name(storm)
        if _post(row).told_elsewhere:
            row.shown, row.waits = row.wanted, False
        self._session.flush()

    def listed(self, storm: str) -> Sequence[Post]:
        query = select(PostRow).where(col(PostRow.listed) == name(storm))
        return [_post(row) for row in self._session.exec(query.order_by(col(PostRow.rank), col(PostRow.ref)))]

    def hurry(self) -> None:
        self._session.execute(
            sa.update(PostRow)
            .where(col(PostRow.waits).is_(True), col(PostRow.not_before).is_not(None))
            .values(not_before=None)
        )
        self._session.expire_all()

    def waiting(self) -> int:
        return self._session.exec(select(sa.func.count()).where(col(PostRow.waits).is_(True))).one()

    def backlog(self, before: datetime) -> Backlog | None:
        late = sa.and_(col(PostRow.waits).is_(True), sa.not_(col(PostRow.last_error).startswith(REFUSED)))
        since = self._session.exec(select(sa.func.min(PostRow.wanted_at)).where(late)).one()
        if since is None or since > before:
            return None
        return Backlog(self._session.exec(select(sa.func.count()).where(late)).one(), since)


def _post(row: PostRow) -> Post:
    return Post(
        key=row.key, kind=PostKind(row.kind), ref=row.ref, channel=row.channel, lane=Lane(row.lane),
        wanted=row.wanted, shown=row.shown, thread=row.thread, body=row.body, sending=row.sending,
        channel_id=row.channel_id, ts=row.ts, attempts=row.attempts, not_before=row.not_before,
        last_error=row.last_error, rank=row.rank, listed=row.listed, wanted_at=row.wanted_at,
        changed_at=row.changed_at,
    )  # fmt: skip


class Timers(port.Timers):
    def __init__(self, session: Session) -> None:
        self._session = session

    def set(self, timer: Timer) -> None:
        self._session.merge(
            TimerRow(
                key=name(timer.key),
                kind=plain(timer.kind),
                ref=timer.ref,
                due_at=timer.due_at,
                detail=plain(timer.detail),
            )
        )
        self._session.flush()

    def cancel(self, key: str) -> None:
        self._session.execute(sa.delete(TimerRow).where(col(TimerRow.key) == name(key)))

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
        if self._session.get(KeyRow, (name(scope), name(key))) is not None:
            return False
        self._session.add(KeyRow(scope=name(scope), key=name(key), value=plain(result, BODY_LIMIT), at=self._now))
        self._session.flush()
        return True

    def get(self, scope: str, key: str) -> str | None:
        row = self._session.get(KeyRow, (name(scope), name(key)))
        return None if row is None else row.value

    def put(self, scope: str, key: str, value: str) -> None:
        self._session.merge(KeyRow(scope=name(scope), key=name(key), value=plain(value, BODY_LIMIT), at=self._now))
        self._session.flush()


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
