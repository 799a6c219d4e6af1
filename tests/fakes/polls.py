"""A source that can be asked what fires now: it says what a test arranged, or fails as it was told."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.domain.alert import Alert
from bot.domain.errors import IntegrationError
from bot.ports.systems import AlertPoll


@dataclass
class FakeAlertPoll(AlertPoll):
    """`lists` is what fires there, silenced or not; `fault` is raised instead of an answer."""

    lists: list[Alert] = field(default_factory=list)
    fault: IntegrationError | None = None
    asked: int = 0

    async def firing(self) -> Sequence[Alert]:
        self.asked += 1
        if self.fault is not None:
            raise self.fault
        return tuple(self.lists)
