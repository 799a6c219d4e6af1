"""Faults on demand: what Slack does on a bad day, for some methods and a while, or for the workspace as a whole."""

import asyncio
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, get_args

from sandbox.clock import Clock
from sandbox.workspace.values import Json

FaultKind = Literal[
    "http_500", "http_503", "rate_limited", "timeout", "invalid_json", "empty_body", "lost_answer", "slack_error"
]  # fmt: skip
KINDS: frozenset[str] = frozenset(get_args(FaultKind))
WHOLE = frozenset({"slow_ack", "lose_workspace"})
"""Faults that no single method meets."""


@dataclass(slots=True)
class Fault:
    """One of them. Without `left` and `until` it stays until it is cleared."""

    kind: FaultKind
    method: str = "*"
    left: int | None = None
    until: float | None = None
    retry_after: int = 1
    error: str = "internal_error"


@dataclass(slots=True)
class _SlowAck:
    """Acknowledgements reach Slack so many seconds late."""

    seconds: float
    left: int | None = None


class Faults:
    """Those that are on."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._on: list[Fault] = []
        self._slow: _SlowAck | None = None
        self._lost_until = 0.0
        self._back = asyncio.Event()

    def add(
        self,
        kind: FaultKind,
        *,
        method: str = "*",
        count: int | None = None,
        seconds: float | None = None,
        retry_after: int = 1,
        error: str = "internal_error",
    ) -> None:
        """Turn one on: for so many calls, for so long, or until it is cleared."""
        until = None if seconds is None else self._clock.now() + seconds
        self._on.append(Fault(kind, method, count, until, retry_after, error))

    def clear(self) -> None:
        """All is well again."""
        self._on.clear()
        self._slow = None
        self._lost_until = 0.0
        self._back.set()

    def take(self, method: str) -> Fault | None:
        """The fault that this call meets, if any; it is counted."""
        self._forget()
        found = next((fault for fault in self._on if fnmatchcase(method, fault.method)), None)
        if found is not None and found.left is not None:
            found.left -= 1
        return found

    def shown(self) -> list[Json]:
        """What is on, for the page and for scripts."""
        self._forget()
        now = self._clock.now()
        shown: list[Json] = [
            {"kind": fault.kind, "method": fault.method, "left": fault.left}
            | ({} if fault.until is None else {"seconds": round(fault.until - now, 1)})
            | ({"error": fault.error} if fault.kind == "slack_error" else {})
            for fault in self._on
        ]
        if self._slow is not None:
            shown.append({"kind": "slow_ack", "seconds": self._slow.seconds, "left": self._slow.left})
        if self.lost:
            shown.append({"kind": "lose_workspace", "seconds": round(self._lost_until - now, 1)})
        return shown

    def _forget(self) -> None:
        now = self._clock.now()
        self._on = [f for f in self._on if f.left != 0 and (f.until is None or f.until > now)]

    # ------------------------------------------------------------ acknowledgements

    def slow_ack(self, seconds: float, count: int | None = None) -> None:
        """From now on acknowledgements arrive so much later."""
        self._slow = _SlowAck(seconds, count) if seconds > 0 else None

    def ack_delay(self) -> float:
        """How late the next acknowledgement arrives; it is counted."""
        slow = self._slow
        if slow is None:
            return 0.0
        if slow.left is not None:
            slow.left -= 1
            self._slow = slow if slow.left > 0 else None
        return slow.seconds

    # ------------------------------------------------------------ the whole workspace

    def lose_workspace(self, seconds: float) -> None:
        """Nothing of Slack can be reached for so long."""
        self._lost_until = self._clock.now() + seconds
        self._back.clear()

    @property
    def lost(self) -> bool:
        """Whether it is so now."""
        return self._lost_until > self._clock.now()

    async def until_back(self) -> None:
        """Wait until the workspace can be reached."""
        while self.lost:
            bell = asyncio.ensure_future(self._clock.sleep(self._lost_until - self._clock.now()))
            back = asyncio.ensure_future(self._back.wait())
            try:
                await asyncio.wait((bell, back), return_when=asyncio.FIRST_COMPLETED)
            finally:
                bell.cancel()
                back.cancel()
