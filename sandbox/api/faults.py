"""Faults on demand: what Slack does on a bad day, for some methods and a while."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, get_args

from sandbox.clock import Clock

FaultKind = Literal[
    "http_500", "http_503", "rate_limited", "timeout", "invalid_json", "lost_answer", "slack_error"
]  # fmt: skip
KINDS: frozenset[str] = frozenset(get_args(FaultKind))


@dataclass(slots=True)
class Fault:
    """One of them. Without `left` and `until` it stays until it is cleared."""

    kind: FaultKind
    method: str = "*"
    left: int | None = None
    until: float | None = None
    retry_after: int = 1
    error: str = "internal_error"


class Faults:
    """Those that are on."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._on: list[Fault] = []

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

    def take(self, method: str) -> Fault | None:
        """The fault that this call meets, if any; it is counted."""
        now = self._clock.now()
        self._on = [f for f in self._on if f.left != 0 and (f.until is None or f.until > now)]
        found = next((fault for fault in self._on if fnmatchcase(method, fault.method)), None)
        if found is not None and found.left is not None:
            found.left -= 1
        return found
