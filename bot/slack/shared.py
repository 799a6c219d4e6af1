"""What the replicas share about Slack, in one row: the budget, and the messages of many problems that are open.

It is read and written in the transaction that holds posts, so that two never spend the same budget.
"""

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

from bot.ports.store import Transaction
from bot.slack.budget import Budget

SCOPE, KEY = "slack", "shared"


@dataclass(frozen=True, slots=True)
class OpenStorm:
    """A message of many problems in one channel. Times in seconds since the epoch."""

    key: str
    opened: float
    """When it began; for a person's, when they were woken last."""
    edited: float
    """When it was wanted last."""
    worst: int
    """The worst rank that it began with: somebody who is paged for worse gets a message of their own."""
    closed: float = 0.0
    """When everything in it had a message of its own; 0 while it is open."""

    @property
    def edited_at(self) -> datetime:
        """The moment of the last edit."""
        return datetime.fromtimestamp(self.edited, UTC)


@dataclass(slots=True)
class Shared:
    """The state; changed in place, and kept by `keep`."""

    budget: Budget = field(default_factory=Budget)
    storms: dict[str, OpenStorm] = field(default_factory=dict)
    """By channel as the posts name it: `#name`, `@person`; `@person over` for what is over."""
    _read: str = ""

    @classmethod
    def of(cls, tx: Transaction) -> "Shared":
        """As it is in the store. What can't be read (another version's) begins anew: it only is about some minutes."""
        text = tx.keys.get(SCOPE, KEY) or ""
        try:
            found = json.loads(text) if text else {}
            budget = Budget(
                dict(found.get("full_at", {})),
                {n: (float(a), float(b)) for n, (a, b) in found.get("blocked", {}).items()},
                dict(found.get("strict", {})),
            )
            storms = {channel: OpenStorm(**storm) for channel, storm in found.get("storms", {}).items()}
        except (ValueError, TypeError, AttributeError):
            return cls()
        return cls(budget, storms, text)

    def keep(self, tx: Transaction) -> None:
        """Write it if it has changed."""
        self.budget.tidy(tx.now)
        storms = {channel: asdict(storm) for channel, storm in self.storms.items()}
        budget = {name: getattr(self.budget, name) for name in ("full_at", "blocked", "strict")}
        text = json.dumps({**budget, "storms": storms})
        if text != self._read:
            tx.keys.put(SCOPE, KEY, text)
            self._read = text
