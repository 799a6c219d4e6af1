"""The source of the tests keeps the contract that the real ones are held to."""

from dataclasses import replace

import pytest

from bot.domain.alert import Alert
from bot.domain.errors import Unreachable
from tests.contracts.alert_poll import MODEL, AlertPollContract
from tests.fakes.clock import FakeClock
from tests.fakes.polls import FakeAlertPoll
from tests.usecases.ingest_world import an_alert


class FakeWorld:
    source = "alertmanager"
    many = 30
    mutes = True

    def __init__(self) -> None:
        self._clock = FakeClock()
        self.poll = FakeAlertPoll()
        self.deaf = FakeAlertPoll(fault=Unreachable("It does not answer.", system="alertmanager"))

    async def fire(self, name: str) -> None:
        self.poll.lists.append(an_alert(self._clock.now(), name, model=MODEL))

    async def end(self, name: str) -> None:
        self.poll.lists = [alert for alert in self.poll.lists if alert.name != name]

    async def mute(self, name: str) -> None:
        self.poll.lists = [replace(alert, muted=alert.name == name) for alert in self.poll.lists]

    async def delivered(self, name: str) -> Alert | None:
        return next(alert for alert in self.poll.lists if alert.name == name)


class TestFakeAlertPoll(AlertPollContract):
    @pytest.fixture
    def world(self) -> FakeWorld:
        return FakeWorld()
