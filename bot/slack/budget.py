"""Slack's limits, kept by us: a post a second and channel, fifty edits a minute, and what a 429 said."""

from collections import deque
from datetime import datetime, timedelta

from bot.domain.post import Lane, Post
from bot.ports.clock import Clock

POSTS_BURST = 3
POSTS_PER_SECOND = 1.0
EDITS_PER_MINUTE = 50
EDITS_RESERVED = 10
"""Edits of a minute that only pages and acknowledgements may use."""


class Budget:
    """What may be sent now. Times are the handed-in clock's."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._posts: dict[str, deque[datetime]] = {}
        self._edits: deque[datetime] = deque()
        self._blocked: dict[str, datetime] = {}
        self._next: datetime | None = None
        self._last = clock.now()

    def _now(self) -> datetime:
        """When the machine's clock was set back, what was counted lies in the future and would block for as long."""
        now = self._clock.now()
        if now < self._last:
            self._posts.clear()
            self._edits.clear()
            self._blocked.clear()
            self._next = None
        self._last = now
        return now

    def allows(self, post: Post) -> bool:
        """Whether this post may be sent or edited now; remembers when to come back if not."""
        now = self._now()
        until = max((self._blocked.get(name, now) for name in ("*", _bucket(post))), default=now)
        if until <= now:
            until = self._edit_free(post, now) if post.ts else self._post_free(post.channel, now)
        if until <= now:
            return True
        self._next = min(until, self._next) if self._next is not None and self._next > now else until
        return False

    def wait(self) -> float | None:
        """Seconds until something that was not allowed will be, if anything was refused."""
        now = self._now()
        if self._next is None:
            return None
        seconds = (self._next - now).total_seconds()
        self._next = None
        return max(seconds, 0.05)

    def come_back(self, seconds: float) -> None:
        """Something is to be tried again after so long."""
        at = self._now() + timedelta(seconds=seconds)
        self._next = at if self._next is None else min(self._next, at)

    def spend(self, post: Post) -> None:
        """A call is being made."""
        now = self._now()
        if post.ts:
            self._edits.append(now)
        else:
            self._posts.setdefault(post.channel, deque(maxlen=POSTS_BURST)).append(now)

    def limited(self, post: Post, seconds: float) -> None:
        """Slack answered 429."""
        self._blocked[_bucket(post)] = self._now() + timedelta(seconds=seconds)

    def pause(self, seconds: float) -> None:
        """Nothing at all for a while."""
        self._blocked["*"] = self._now() + timedelta(seconds=seconds)

    def _post_free(self, channel: str, now: datetime) -> datetime:
        recent = self._posts.get(channel)
        if recent is None or len(recent) < POSTS_BURST:
            return now
        return recent[0] + timedelta(seconds=POSTS_BURST / POSTS_PER_SECOND)

    def _edit_free(self, post: Post, now: datetime) -> datetime:
        minute = timedelta(minutes=1)
        while self._edits and self._edits[0] <= now - minute:
            self._edits.popleft()
        urgent = post.lane in {Lane.PAGE, Lane.ACKNOWLEDGEMENT}
        limit = EDITS_PER_MINUTE if urgent else EDITS_PER_MINUTE - EDITS_RESERVED
        return now if len(self._edits) < limit else self._edits[0] + minute


def _bucket(post: Post) -> str:
    """By the channel's name of the configuration: its id is only known after the first post."""
    return "chat.update" if post.ts else f"chat.postMessage:{post.channel}"
