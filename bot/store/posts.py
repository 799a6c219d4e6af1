"""What Slack should show."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from bot.domain.post import REFUSED, Backlog, Lane, Post, PostKind
from bot.ports import store as port
from bot.store.mapping import name, plain
from bot.store.prepared import Prepared, inserting
from bot.store.tables import Moment, PostRow

BODY_LIMIT = 200_000
_NOBODY = _NOWHERE = ""
_POSTS: sa.Table = PostRow.__table__  # type: ignore[attr-defined]  # SQLModel's table behind the class


class Posts(port.Posts):
    def __init__(self, session: Session, now: datetime) -> None:
        self._session = session
        self._now = now

    def _row(self, key: str) -> Any:
        return _ONE.first(self._session, {"_key": name(key)})

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
            _INSERT.run(self._session, values)
        else:
            # What waits already does not lose its place to a small change.
            lane = min(row.lane, int(post.lane)) if row.wanted > row.shown else int(post.lane)
            changes = {
                "lane": lane, "wanted": row.wanted + 1, "waits": True, "rank": post.rank,
                "body": plain(post.body, BODY_LIMIT) or row.body, "changed_at": self._now,
                "wanted_at": row.wanted_at if row.wanted > row.shown else self._now,
            }  # fmt: skip
            _WANT.run(self._session, {"_key": row.key, **changes})
        return _post(self._row(post.key))

    def touch(self, keys: Sequence[str], lane: Lane) -> None:
        if keys:
            _TOUCH.run_all(self._session, [{"_key": name(key), "_lane": int(lane), "_now": self._now} for key in keys])

    def get(self, key: str) -> Post | None:
        row = self._row(key)
        return None if row is None else _post(row)

    def by_message(self, channel_id: str, ts: str) -> Post | None:
        row = _BY_MESSAGE.first(self._session, {"_channel": name(channel_id), "_ts": name(ts)})
        return None if row is None else _post(row)

    def due(self, now: datetime, *, by: str = _NOBODY, limit: int = 100) -> Sequence[Post]:
        rows = _DUE.rows(self._session, {"_now": now, "_by": name(by), "_limit": limit})
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
            _HOLD.run_all(
                self._session, [{"_key": name(p.key), "_sending": p.sending or not p.ts, **held} for p in posts]
            )

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
        _SAVE.run(self._session, {"_key": row.key, **changes})
        return True

    def enlist(self, key: str, storm: str) -> None:
        _ENLIST.run(self._session, {"_key": name(key), "_storm": name(storm)})
        _ELSEWHERE.run(self._session, {"_key": name(key)})

    def listed(self, storm: str) -> Sequence[Post]:
        return [_post(row) for row in _LISTED.rows(self._session, {"_storm": name(storm)})]

    def hurry(self) -> None:
        _HURRY.run(self._session, {})

    def waiting(self) -> int:
        return int(_WAITING.first(self._session, {}).waiting)

    def backlog(self, before: datetime) -> Backlog | None:
        since, count = _BACKLOG.first(self._session, {})
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


def _given(*columns: str) -> Prepared:
    """Set these columns of one post to what is handed in."""
    return Prepared(sa.update(_POSTS).where(_MINE).values({column: sa.bindparam(column) for column in columns}))


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


_ONE = Prepared(sa.select(_POSTS).where(_MINE))
_INSERT = inserting(_POSTS)
_WANT = _given("lane", "wanted", "waits", "rank", "body", "changed_at", "wanted_at")
_TOUCH = Prepared(_touching())
_BY_MESSAGE = Prepared(sa.select(_POSTS).where(_P.channel_id == sa.bindparam("_channel"), _P.ts == sa.bindparam("_ts")))
_DUE = Prepared(_due())
_HOLD = Prepared(
    sa.update(_POSTS)
    .where(_MINE)
    .values(held_by=sa.bindparam("_by"), held_until=sa.bindparam("_until"), sending=sa.bindparam("_sending"))
)
_SAVE = _given(
    "held_by", "held_until", "shown", "sending", "channel_id", "ts", "attempts", "not_before", "last_error", "waits",
    "wanted_at",
)  # fmt: skip
_ENLIST = Prepared(sa.update(_POSTS).where(_MINE).values(listed=sa.bindparam("_storm")))
_TO_PEOPLE = sa.or_(*(_P.kind == kind.value for kind in (PostKind.PAGE, PostKind.SUMMARY)))
_ELSEWHERE = Prepared(
    sa.update(_POSTS).where(_MINE, _TO_PEOPLE, _P.ts == "", _P.listed != _NOWHERE).values(shown=_P.wanted, waits=False)
)
_LISTED = Prepared(sa.select(_POSTS).where(_P.listed == sa.bindparam("_storm")).order_by(_P.rank, _P.ref, _P.key))
_HURRY = Prepared(sa.update(_POSTS).where(_P.waits.is_(True), _P.not_before.is_not(None)).values(not_before=None))
_WAITING = Prepared(sa.select(sa.func.count().label("waiting")).select_from(_POSTS).where(_P.waits.is_(True)))
_BACKLOG = Prepared(
    sa.select(sa.func.min(_P.wanted_at).label("since"), sa.func.count().label("waiting")).where(_NOT_REFUSED)
)
