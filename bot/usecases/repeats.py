"""Deliveries that say again, word for word, what is known: sources repeat everything that fires every few minutes.

What was last said by a delivery is remembered here for a while. That is no knowledge, only a guess what to ask the
store: it counts an alert that is stored exactly so and fires, and whatever it doesn't count is folded in as always. So
nothing is wrong when another process has changed an episode meanwhile.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Protocol

from bot.domain.alert import Alert
from bot.domain.models import Change
from bot.ports.store import Transaction

REMEMBERED = 2_000
"""Alerts, in all: about two megabytes."""


class Said(Protocol):
    """A delivery, as far as it is compared."""

    @property
    def integration(self) -> str: ...
    @property
    def digest(self) -> str: ...
    @property
    def alerts(self) -> Sequence[Alert]: ...
    @property
    def changes(self) -> Sequence[Change]: ...


@dataclass(slots=True)
class Repeats:
    """The newest deliveries of which each alert was known already."""

    limit: int = REMEMBERED
    _known: OrderedDict[tuple[str, str], Sequence[Alert]] = field(default_factory=OrderedDict)
    _alerts: int = 0

    def remember(self, said: Said) -> None:
        """It changed nothing, so it may come again. What tells of changes to a model is never only counted."""
        if said.changes:
            return
        place = said.integration, said.digest
        self._alerts += len(said.alerts) - len(self._known.pop(place, ()))
        self._known[place] = said.alerts
        while self._alerts > self.limit:
            _, forgotten = self._known.popitem(last=False)
            self._alerts -= len(forgotten)

    def is_one(self, said: Said) -> bool:
        """Whether it says what was said before. Alerts without a start of their own differ each time."""
        return self._known.get((said.integration, said.digest)) == said.alerts


def count(tx: Transaction, repeats: Iterable[Said]) -> list[Sequence[Alert]]:
    """Count these once more; gives for each which of its alerts are left to be folded in.

    It stops after the first that leaves any: what comes later must find what that one changes.
    """
    found: list[Sequence[Alert]] = []
    for _, alike in groupby(repeats, key=lambda said: (said.integration, said.digest)):
        same = list(alike)
        left = [alert for alert in same[0].alerts if not tx.episodes.seen_again(alert, tx.now, times=len(same))]
        found += [left] * len(same)
        if left:
            break
    return found
