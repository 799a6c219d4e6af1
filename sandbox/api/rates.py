"""Slack's rate limits: a post a second and channel with a small burst, and a number of calls a minute for the rest."""

import math
from collections import deque
from typing import Literal

from sandbox.clock import Clock

Which = Literal["off", "posts", "all"]
"""`posts` limits what a bot runs into first: chat.postMessage and chat.update."""
POSTS = frozenset({"chat.postMessage", "chat.update"})
A_MINUTE = {"t1": 1, "t2": 20, "t3": 50, "t4": 100, "t5": 600}
TOLERANCE = 1.1
"""Slack writes “50+”: a little more is let pass."""
BURST = 5
"""Posts to a channel that may come at once."""


class RateLimits:
    """Counts calls by the handed-in clock."""

    def __init__(self, clock: Clock, which: Which = "posts") -> None:
        self.which: Which = which
        self._clock = clock
        self._posts: dict[str, tuple[float, float]] = {}
        self._calls: dict[str, deque[float]] = {}

    def wait(self, method: str, tier: str | None, channel: str) -> int | None:
        """Seconds that this call (about this channel) is too early, or nothing if it may pass; then it is counted."""
        if self.which == "off" or (self.which == "posts" and method not in POSTS):
            return None
        if method == "chat.postMessage":
            return self._post(channel)
        return self._minute(method, A_MINUTE.get(tier or "", A_MINUTE["t3"]))

    def forget(self) -> None:
        """Begin anew."""
        self._posts.clear()
        self._calls.clear()

    def _post(self, channel: str) -> int | None:
        now = self._clock.now()
        left, at = self._posts.get(channel, (float(BURST), now))
        left = min(float(BURST), left + now - at)
        if left < 1:
            self._posts[channel] = (left, now)
            return max(1, math.ceil(1 - left))
        self._posts[channel] = (left - 1, now)
        return None

    def _minute(self, method: str, most: int) -> int | None:
        now = self._clock.now()
        calls = self._calls.setdefault(method, deque())
        while calls and calls[0] <= now - 60:
            calls.popleft()
        if len(calls) >= most * TOLERANCE:
            return max(1, math.ceil(calls[0] + 60 - now))
        calls.append(now)
        return None
