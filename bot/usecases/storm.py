"""Many problems at once: one message that names them all, worst first, before each can have its own."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bot.domain.incident import Incident
from bot.domain.post import Backlog, Post, PostKind
from bot.ports.store import Transaction
from bot.usecases.setup import Setup

LATE = timedelta(seconds=60)
"""What waits for longer than this has not waited for Slack's limits alone: Slack, or the bot, was away."""


_OF_INCIDENTS = {PostKind.CARD, PostKind.PAGE, PostKind.SUMMARY}


@dataclass(frozen=True, slots=True)
class Storm:
    """What the post of many problems remembers about itself."""

    since: datetime
    """When the first of them began to wait."""
    closed: bool = False
    """Whether each of them has a message of its own by now."""
    told: datetime | None = None
    """When it could be told at last, if that was late."""

    def to_json(self) -> str:
        """The body of its post."""
        told = self.told.timestamp() if self.told is not None else None
        return json.dumps({"since": self.since.timestamp(), "closed": self.closed, "told": told})

    @classmethod
    def of(cls, post: Post) -> "Storm":
        """What stands in the body of a post. Raises ValueError for another kind's."""
        found = json.loads(post.body)
        told = found["told"]
        return cls(
            datetime.fromtimestamp(float(found["since"]), UTC),
            bool(found["closed"]),
            datetime.fromtimestamp(float(told), UTC) if told is not None else None,
        )


@dataclass(frozen=True, slots=True)
class StormLine:
    """One of the problems."""

    incident: Incident
    card: Post | None
    assignee: str


@dataclass(frozen=True, slots=True)
class StormView:
    """Everything that the message shows; `lines` hold the worst first."""

    storm: Storm
    lines: tuple[StormLine, ...]
    paged: bool
    """Whether it pages a person, in the place of a message for each problem."""
    backlog: Backlog | None = None

    @property
    def without_card(self) -> int:
        """How many still wait for their own message."""
        return sum(1 for line in self.lines if line.card is None or not line.card.ts)


def backlog(tx: Transaction) -> Backlog | None:
    """What waits for Slack, when something has for longer than Slack's limits explain."""
    return tx.posts.backlog(tx.now - LATE)


def storm_view(tx: Transaction, setup: Setup, post: Post) -> StormView:
    """Gather what the message of many problems shows."""
    members = [p for p in tx.posts.listed(post.key) if p.kind in _OF_INCIDENTS]
    numbers = dict.fromkeys(p.ref for p in members)
    found = [incident for number in numbers if (incident := tx.incidents.get(number)) is not None]
    worst_first = sorted(found, key=lambda i: (not i.status.live, i.severity.value, i.number))
    return StormView(
        storm=Storm.of(post),
        lines=tuple(
            StormLine(i, tx.posts.get(f"card:{i.number}"), setup.name(i.assignee) if i.assignee else "")
            for i in worst_first
        ),
        paged=any(p.kind is PostKind.PAGE for p in members),
        backlog=backlog(tx),
    )
