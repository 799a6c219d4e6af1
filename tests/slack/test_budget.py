"""The budget by a clock that is set back: an hour too much must not become an hour of silence."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.domain.post import Lane, Post, PostKind
from bot.ports.clock import SystemClock
from bot.slack.budget import Budget
from tests.fakes.clock import START

POST = Post("card:1", PostKind.CARD, 1, "#ml-incidents", Lane.NEW_INCIDENT)
EDIT = replace(POST, ts="1700000000.000100", lane=Lane.PAGE)


@dataclass
class SetClock(SystemClock):
    at: datetime = START

    def now(self) -> datetime:
        return self.at


def test_a_clock_that_is_set_back_blocks_nothing() -> None:
    clock = SetClock()
    budget = Budget(clock)
    for _ in range(60):
        budget.spend(POST)
        budget.spend(EDIT)
    budget.limited(POST, 600)
    budget.pause(30)
    budget.come_back(120)
    assert not budget.allows(POST)
    assert not budget.allows(EDIT)
    clock.at -= timedelta(hours=1)
    assert budget.wait() is None
    assert budget.allows(POST)
    assert budget.allows(EDIT)
    for _ in range(3):
        budget.spend(POST)
    assert not budget.allows(POST), "from here on it counts as ever"
    clock.at += timedelta(seconds=3)
    assert budget.allows(POST)
