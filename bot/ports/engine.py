"""Durable work: a story of steps that goes on after kill -9 where it stopped."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from bot.domain.errors import Conflict

T = TypeVar("T")


class Steps(Protocol):
    """What a running story may use."""

    async def run(self, name: str, step: Callable[[], Awaitable[str]]) -> str:
        """Run a step and remember its result: a finished step is not run again. Results are short texts.

        A step that was interrupted or raised *is* run again: what writes to the outside must go through
        `usecases.once`.
        """
        ...


Story = Callable[[int, Steps], Awaitable[None]]
"""Durable work on one thing, given by its number (an operation's)."""


class Fenced(Conflict):
    """Another process has taken over from this one, which must not change the outside world any more."""


class Fence(Protocol):
    """Says whether this process may still change the outside world."""

    async def check(self) -> None:
        """Raise Fenced when this process's lease ran out and another one has taken over."""
        ...
