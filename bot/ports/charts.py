"""What pictures need from outside: somebody who draws them, and a thread in which they hang."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.domain.chart import Chart, Picture
from bot.domain.errors import BotError
from bot.ports.store import Transaction

SLACK = "slack"
"""What the errors of a gallery call their system."""


class NotDrawn(BotError):
    """The picture could not be drawn; nothing else was harmed. `lasting`: another try would end alike."""

    def __init__(self, what: str, *, lasting: bool = False) -> None:
        super().__init__(what, not_done="The chart was not drawn.")
        self.lasting = lasting


class Artist(Protocol):
    """Draws."""

    async def draw(self, chart: Chart) -> bytes:
        """The chart as PNG, within a bounded time. Raises NotDrawn."""
        ...


@dataclass(frozen=True, slots=True)
class Wall:
    """The thread in which pictures hang: a channel as the configuration calls it, its id, the card's time stamp."""

    channel: str
    channel_id: str
    ts: str


@dataclass(frozen=True, slots=True)
class Brought:
    """A picture whose bytes are in Slack, and that nobody sees yet."""

    file: str
    """Slack's id of it."""
    title: str


class Gallery(Protocol):
    """Shows pictures in Slack. What it raises are IntegrationErrors: Indeterminate says that nobody knows."""

    def pay(self, tx: Transaction, wall: Wall) -> float:
        """Spend a message of the budget; or give the seconds until there is one to spend, and spend nothing."""
        ...

    def slow_down(self, tx: Transaction, wall: Wall, seconds: float) -> None:
        """Slack wants us to wait."""
        ...

    async def bring(self, picture: Picture) -> Brought:
        """Upload it. Nobody sees it, so that this may be repeated.

        Raises:
            Unauthorized: the permission is missing. Refused, RateLimited, Unreachable, Indeterminate: as ever.

        """
        ...

    async def hang(self, pictures: Sequence[Brought], wall: Wall, words: str) -> None:
        """Show them in one message of the thread. Not to be repeated unless it is known that they do not hang."""
        ...

    async def hangs(self, files: Sequence[str], wall: Wall) -> bool:
        """Whether a message of the thread shows one of these files. Raises IntegrationError when it can't be seen."""
        ...
