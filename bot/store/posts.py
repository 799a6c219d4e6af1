"""What Slack should show. Statements are built once: to build one takes SQLAlchemy longer than to run it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from bot.domain.post import REFUSED, Backlog, Lane, Post, PostKind
from bot.ports import store as port
from bot.store.mapping import name, plain
from bot.store.tables import Moment, PostRow

BODY_LIMIT = 200_000
_NOBODY = _NOWHERE = ""
_POSTS: sa.Table = PostRow.__table__  # type: ignore[attr-defined]  # SQLModel's table behind the class


class Posts(port.Posts):
    def __init__(self, session: Session, now: datetime) -> None:
        self._session = session
        self._now = now

    def _run(self, statement: sa.Executable, values: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> Any:
        return self._session.connection().execute(statement, values)

    def _row(self, key: str) -> Any:
        return self._run(_ONE, {"_key": name(key)}).first()

    def want(self, post: Post) -> Post:
        row = self._row(post.key)
        if row is None:
            values = {
                "key": name(post.key), "kind": post.kind.value, "ref": post.ref, "channel": plain(post.channel),
                "lane": int(post.lane), "wanted": max(post.wanted, 1), "shown": 0, "waits": True,
                "thread": None if post.thread is None else name(post.thread), "body": plain(post.body, BODY_LIMIT),
                "sending": False, "held_by": _NOBODY, "held_until": None, "channel_id": "", "ts": "", "attempts": 0,
                "not_before": None, "last_error": "", "wanted_at": self._now, "changed_at": self._now,
                "rank": post.rank, "listed": _NOWHERE,
            }  # fmt: skip
            self._run(_INSERT, values)
        else:
            # What waits already does not lose its place to a small change.
            lane = min(row.lane, int(post.lane)) if row.wanted > row.shown else int(post.lane)
            changes = {
                "lane": lane, "wanted": row.wanted + 1, "waits": True, "rank": post.rank,
                "body": plain(post.body, BODY_LIMIT) or row.body, "changed_at": self._now,
                "wanted_at": row.wanted_at if row.wanted > row.shown else self._now,
            }  # fmt: skip
            self._run(_WANT, {"_key": row.key, **changes})
        return _post(self._row(post.key))

    def touch(self, keys: Sequence[str], lane: Lane) -> None:
        if keys:
            self._run(_TOUCH, [{"_key": name(key), "_lane": int(lane), "_now": self._now} for key in keys])

    def get(self, key: str) -> Post | None:
        row = self._row(key)
        return None if row is None else _post(row)

    def by_message(self, channel_id: str, ts: str) -> Post | None:
        row = self._run(_BY_MESSAGE, {"_channel": name(channel_id), "_ts": name(ts)}).first()
        return None if row is None else _post(row)

    def due(self, now: datetime, *, by: str = _NOBODY, limit: int = 100) -> Sequence[Post]:
        rows = self._run(_DUE, {"_now": now, "_by": name(by), "_limit": limit})
        return [_post(row) for row in rows]

    def hold(self, key: str, by: str, lease: timedelta) -> Post | None:
        row = self._row(key)
        if row is None or self._of_another(row, by):
            return None
        before = _post(row)
        self.hold_all([before], by, lease)
        return before

    def hold_all(self, posts: Sequence[Post], by: str, lease: timedelta) -> None:
        if posts:
            until = self._now + lease
            held = {"_by": name(by), "_until": until}
            self._run(_HOLD, [{"_key": name(p.key), "_sending": p.sending or not p.ts, **held} for p in posts])

    def _of_another(self, row: Any, by: str) -> bool:
        return row.held_by not in {_NOBODY, name(by)} and row.held_until is not None and row.held_until > self._now

    def save(self, post: Post, *, by: str | None = None) -> bool:
        row = self._row(post.key)
        if row is None or (by is not None and self._of_another(row, by)):
            return False
        changes = {
            "held_by": _NOBODY, "held_until": None, "shown": post.shown, "sending": post.sending,
            "channel_id": name(post.channel_id), "ts": name(post.ts), "attempts": post.attempts,
            "not_before": post.not_before, "last_error": plain(post.last_error), "waits": row.wanted > post.shown,
            # What is still to be shown was wanted after what is shown now.
            "wanted_at": row.changed_at if post.shown > row.shown else row.wanted_at,
        }  # fmt: skip
        self._run(_SAVE, {"_key": row.key, **changes})
        return True

    def enlist(self, key: str, storm: str) -> None:
        self._run(_ENLIST, {"_key": name(key), "_storm": name(storm)})
        self._run(_ELSEWHERE, {"_key": name(key)})

    def listed(self, storm: str) -> Sequence[Post]:
        return [_post(row) for row in self._run(_LISTED, {"_storm": name(storm)})]

    def hurry(self) -> None:
        self._run(_HURRY, {})

    def waiting(self) -> int:
        return int(self._run(_WAITING, {}).scalar_one())

    def backlog(self, before: datetime) -> Backlog | None:
        since, count = self._run(_BACKLOG, {}).one()
        return None if since is None or since > before else Backlog(count, since)


def _post(row: Any) -> Post:
    return Post(
        key=row.key, kind=PostKind(row.kind), ref=row.ref, channel=row.channel, lane=Lane(row.lane),
        wanted=row.wanted, shown=row.shown, thread=row.thread, body=row.body, sending=row.sending,
        channel_id=row.channel_id, ts=row.ts, attempts=row.attempts, not_before=row.not_before,
        last_error=row.last_error, rank=row.rank, listed=row.listed, wanted_at=row.wanted_at,
        changed_at=row.changed_at,
    )  # fmt: skip


# ---------------------------------------------------------------- statements

_P = _POSTS.c
_MINE = _P.key == sa.bindparam("_key")
_NOT_REFUSED = sa.and_(_P.waits.is_(True), sa.not_(_P.last_error.startswith(REFUSED)))


def _given(*columns: str) -> sa.Update:
    """Set these columns of one post to what is handed in."""
    return sa.update(_POSTS).where(_MINE).values({column: sa.bindparam(column) for column in columns})


def _touching() -> sa.Update:
    now, lane = sa.bindparam("_now", type_=Moment), sa.bindparam("_lane", type_=sa.Integer)
    waits = _P.wanted > _P.shown
    values = {
        "wanted": _P.wanted + 1,
        "waits": True,
        "lane": sa.case((sa.and_(waits, _P.lane < lane), _P.lane), else_=lane),
        "wanted_at": sa.case((waits, _P.wanted_at), else_=now),
        "changed_at": now,
    }
    return sa.update(_POSTS).where(_MINE).values(values)


def _due() -> sa.Select[Any]:
    parent = _POSTS.alias("parent")
    now, by = sa.bindparam("_now", type_=Moment), sa.bindparam("_by", type_=sa.String)
    return (
        sa.select(_POSTS)
        .select_from(_POSTS.outerjoin(parent, _P.thread == parent.c.key))
        .where(
            _P.waits.is_(True),
            sa.or_(_P.not_before.is_(None), _P.not_before <= now),
            sa.or_(_P.thread.is_(None), parent.c.ts != ""),
            sa.or_(_P.held_by == _NOBODY, _P.held_by == by, _P.held_until <= now),
        )
        .order_by(_P.lane, _P.rank, _P.wanted_at, _P.key)
        .limit(sa.bindparam("_limit", type_=sa.Integer))
    )


_ONE = sa.select(_POSTS).where(_MINE)
_INSERT = sa.insert(_POSTS)
_WANT = _given("lane", "wanted", "waits", "rank", "body", "changed_at", "wanted_at")
_TOUCH = _touching()
_BY_MESSAGE = sa.select(_POSTS).where(_P.channel_id == sa.bindparam("_channel"), _P.ts == sa.bindparam("_ts"))
_DUE = _due()
_HOLD = (
    sa.update(_POSTS)
    .where(_MINE)
    .values(held_by=sa.bindparam("_by"), held_until=sa.bindparam("_until"), sending=sa.bindparam("_sending"))
)
_SAVE = _given(
    "held_by", "held_until", "shown", "sending", "channel_id", "ts", "attempts", "not_before", "last_error", "waits",
    "wanted_at",
)  # fmt: skip
_ENLIST = sa.update(_POSTS).where(_MINE).values(listed=sa.bindparam("_storm"))
_ELSEWHERE = (
    sa.update(_POSTS)
    .where(_MINE, _P.kind.in_([PostKind.PAGE.value, PostKind.SUMMARY.value]), _P.ts == "", _P.listed != _NOWHERE)
    .values(shown=_P.wanted, waits=False)
)
_LISTED = sa.select(_POSTS).where(_P.listed == sa.bindparam("_storm")).order_by(_P.rank, _P.ref, _P.key)
_HURRY = sa.update(_POSTS).where(_P.waits.is_(True), _P.not_before.is_not(None)).values(not_before=None)
_WAITING = sa.select(sa.func.count()).select_from(_POSTS).where(_P.waits.is_(True))
_BACKLOG = sa.select(sa.func.min(_P.wanted_at), sa.func.count()).where(_NOT_REFUSED)
