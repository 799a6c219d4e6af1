"""Slack's limits, kept by us: what may be sent now, what is kept for what is more urgent, and what a 429 said.

A bucket holds so many calls and is filled again with so many a second. The last ones of a bucket are kept for the
lanes that matter more, so that a flood of updates never takes what a page needs. All of it is a value that is kept in
the store: replicas share one workspace's limits, and a restart forgets none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bot.domain.post import Lane, Post


@dataclass(frozen=True, slots=True)
class Limit:
    """A bucket: what it holds, what it gets a second, and what each lane must leave in it."""

    holds: float
    per_second: float
    keep: Mapping[Lane, float]


POSTS = Limit(3, 0.95, {Lane.NEW_INCIDENT: 1, Lane.UPDATE: 1, Lane.ENRICHMENT: 2, Lane.HOUSEKEEPING: 2})
"""To one channel: Slack takes one a second and lets short bursts pass. A little slower, since calls take their time."""
WORKSPACE = Limit(60, 4.0, {Lane.NEW_INCIDENT: 15, Lane.UPDATE: 20, Lane.ENRICHMENT: 25, Lane.HOUSEKEEPING: 25})
"""To all channels: “several hundred a minute”; never more than three hundred here."""
EDITS = Limit(20, 0.5, {Lane.NEW_INCIDENT: 4, Lane.UPDATE: 6, Lane.ENRICHMENT: 8, Lane.HOUSEKEEPING: 10})
"""chat.update, for the whole workspace: fifty in any minute."""
LOOKS = Limit(20, 0.5, {Lane.UPDATE: 4, Lane.ENRICHMENT: 6, Lane.HOUSEKEEPING: 8})
"""conversations.history and .replies, for messages that may have been posted: fifty in any minute."""
EVERYTHING = "*"
HAIR = 0.001
"""Seconds that are lost in the arithmetic of moments."""
STRICT_FOR = 600.0
"""Seconds after a 429 in which no burst is tried with its kind."""


@dataclass(slots=True)
class Budget:
    """What was spent, as the time (seconds since the epoch) at which each bucket will be full again."""

    full_at: dict[str, float] = field(default_factory=dict)
    blocked: dict[str, tuple[float, float]] = field(default_factory=dict)
    """By bucket: when Slack said so, and until when."""
    strict: dict[str, float] = field(default_factory=dict)
    """By bucket: when Slack refused a burst."""

    def wait(self, post: Post, now: datetime) -> float:
        """Seconds until this post may be sent or edited; 0 when it may now."""
        at = now.timestamp()
        names = (*(name for name, _ in _buckets(post)), EVERYTHING)
        closed = (until - at for since, until in (self.blocked.get(name, (at, at)) for name in names) if since <= at)
        missing = (
            (limit.keep.get(post.lane, 0) + 1 - self._left(name, limit, at, post.lane)) / limit.per_second
            for name, limit in _buckets(post)
        )
        seconds = max(0.0, *closed, *missing)
        return seconds if seconds > HAIR else 0.0

    def left(self, post: Post, now: datetime) -> float:
        """How many such posts may be sent to its channel at once."""
        if self.wait(post, now):
            return 0.0
        return self._left(f"post:{post.channel}", POSTS, now.timestamp(), post.lane) - POSTS.keep.get(post.lane, 0)

    def spend(self, post: Post, now: datetime) -> None:
        """A call is about to be made."""
        at = now.timestamp()
        for name, limit in _buckets(post):
            self.full_at[name] = at + (limit.holds - self._left(name, limit, at, post.lane) + 1) / limit.per_second

    def limited(self, post: Post, seconds: float, now: datetime) -> None:
        """Slack answered 429: nothing of the kind before that, and then one such call and no burst."""
        at = now.timestamp()
        name, limit = _buckets(post)[0]
        self.blocked[name], self.strict[name] = (at, at + seconds), at
        self.full_at[name] = at + seconds + (limit.holds - limit.keep.get(post.lane, 0) - 1) / limit.per_second

    def pause(self, seconds: float, now: datetime) -> None:
        """Nothing at all for a while."""
        self.blocked[EVERYTHING] = (now.timestamp(), now.timestamp() + seconds)

    def tidy(self, now: datetime) -> None:
        """Forget what is over."""
        at = now.timestamp()
        self.full_at = {name: full for name, full in self.full_at.items() if full > at}
        self.strict = {name: since for name, since in self.strict.items() if 0 <= at - since <= STRICT_FOR}
        self.blocked = {name: (since, until) for name, (since, until) in self.blocked.items() if since <= at < until}

    def _left(self, name: str, limit: Limit, at: float, lane: Lane) -> float:
        """What is in a bucket; where Slack has refused a burst not more than one such call needs.

        When the machine's clock was set back, what was spent lies in the future and would block for as long.
        """
        since, until = self.blocked.get(name, (at, at))
        latest = (until if since <= at else at) + limit.holds / limit.per_second
        full_at = self.full_at.get(name, 0.0)
        if full_at > max(latest, at + limit.holds / limit.per_second) + 1:
            return limit.holds
        left = limit.holds - max(0.0, full_at - at) * limit.per_second
        return min(left, limit.keep.get(lane, 0) + 1) if name in self.strict else left


def _buckets(post: Post) -> tuple[tuple[str, Limit], ...]:
    """By the channel's name of the configuration: its id is only known after the first post."""
    if post.ts:
        return (("edit", EDITS),)
    posts = ((f"post:{post.channel}", POSTS), ("posts", WORKSPACE))
    return (*posts, ("look", LOOKS)) if post.sending else posts
