"""One thing outside that can be changed, and counts how often it was: with faults to order, and a process that dies."""

from collections import deque
from dataclasses import dataclass, field

from tests.fakes.systems import Killed

__all__ = ["Killed", "World"]


@dataclass
class World:
    """`faults`: what each next call raises, before its effect or `after` it. `reading`: the same for each look."""

    value: str = "before"
    effects: int = 0
    calls: int = 0
    faults: "deque[tuple[BaseException, str]]" = field(default_factory=deque)
    reading: "deque[BaseException]" = field(default_factory=deque)

    def order(self, error: BaseException, when: str = "before", times: int = 1) -> None:
        assert when in {"before", "after"}
        self.faults.extend([(error, when)] * times)

    async def change(self) -> str:
        """Set the value; says so, or raises what was ordered."""
        self.calls += 1
        error, when = self.faults.popleft() if self.faults else (None, "")
        if error is not None and when == "before":
            raise error
        self.effects += 1
        self.value = "after"
        if error is not None:
            raise error
        return "changed"

    async def look(self) -> str:
        if self.reading:
            raise self.reading.popleft()
        return self.value
