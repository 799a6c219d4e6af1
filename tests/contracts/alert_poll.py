"""What every source that can be asked must do: inherit from `AlertPollContract` and say how its world is arranged.

Reconciliation concludes from what is *not* listed that it is over, so the hardest part of the contract is to list all of it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import pytest

from bot.domain.alert import Alert, AlertStatus
from bot.domain.errors import IntegrationError
from bot.ports.systems import AlertPoll

PATIENCE = 45.0
"""Seconds until a real system has judged; only a test that fails waits so long."""
MODEL = "fraud-detector"


class PollWorld(Protocol):
    """A source with alerts that a test lets fire and end. `many` is more than one page, where there are pages."""

    source: str
    poll: AlertPoll
    deaf: AlertPoll
    """The same adapter at an address where nobody answers."""
    many: int
    mutes: bool
    """Whether it can be told to keep quiet about an alert."""

    async def fire(self, name: str) -> None: ...
    async def end(self, name: str) -> None: ...
    async def mute(self, name: str) -> None: ...
    async def delivered(self, name: str) -> Alert | None:
        """The alert as the source's own delivery told that it fires; `None` where it delivers nothing."""
        ...


class AlertPollContract:
    """`world` is fresh: nothing fires."""

    @pytest.fixture
    def world(self) -> PollWorld:
        raise NotImplementedError

    async def test_where_nothing_fires_nothing_is_listed(self, world: PollWorld) -> None:
        assert list(await world.poll.firing()) == []

    async def test_what_fires_is_listed_with_everything_that_ingest_needs(self, world: PollWorld) -> None:
        await world.fire("ModelDrift")
        (alert,) = await seen(world, {"ModelDrift"})
        assert (alert.source, alert.name) == (world.source, "ModelDrift")
        assert alert.status is AlertStatus.FIRING
        assert alert.starts_at.tzinfo is not None
        assert alert.ends_at is None
        assert alert.instance
        assert alert.fingerprint
        assert MODEL in alert.labels.values()
        assert not alert.muted

    async def test_it_is_the_same_alert_each_time(self, world: PollWorld) -> None:
        await world.fire("ModelDrift")
        (first,) = await seen(world, {"ModelDrift"})
        (second,) = await world.poll.firing()
        assert identity(second) == identity(first)
        assert second.starts_at == first.starts_at

    async def test_two_alerts_are_two(self, world: PollWorld) -> None:
        await world.fire("ModelDrift")
        await world.fire("ModelErrors")
        assert len({identity(alert) for alert in await seen(world, {"ModelDrift", "ModelErrors"})}) == 2

    async def test_what_has_ended_is_not_listed_and_the_rest_is(self, world: PollWorld) -> None:
        await world.fire("ModelDrift")
        await world.fire("ModelErrors")
        before = await seen(world, {"ModelDrift", "ModelErrors"})
        await world.end("ModelDrift")
        (left,) = await seen(world, {"ModelErrors"})
        assert identity(left) in {identity(alert) for alert in before}

    async def test_more_than_a_page_is_listed_whole(self, world: PollWorld) -> None:
        names = {f"Alert{number:03}" for number in range(world.many)}
        for name in sorted(names):
            await world.fire(name)
        alerts = await seen(world, names)
        assert len({identity(alert) for alert in alerts}) == world.many

    async def test_it_has_the_identity_of_its_delivery(self, world: PollWorld) -> None:
        await world.fire("ModelDrift")
        (asked,) = await seen(world, {"ModelDrift"})
        told = await world.delivered("ModelDrift")
        if told is not None:
            assert identity(asked) == identity(told)
            assert asked.name == told.name
            assert asked.starts_at == told.starts_at

    async def test_what_is_muted_is_listed_and_marked(self, world: PollWorld) -> None:
        """Left out, it would look as if it were over."""
        await world.fire("ModelDrift")
        await seen(world, {"ModelDrift"})
        if not world.mutes:
            return
        await world.mute("ModelDrift")

        async def marked() -> bool:
            return [alert.muted for alert in await world.poll.firing()] == [True]

        await until(marked)

    async def test_one_that_does_not_answer_is_an_error_and_not_an_empty_list(self, world: PollWorld) -> None:
        with pytest.raises(IntegrationError):
            await world.deaf.firing()


def identity(alert: Alert) -> tuple[str, str, str]:
    return alert.source, alert.instance, alert.fingerprint


async def seen(world: PollWorld, names: set[str]) -> Sequence[Alert]:
    """What is listed, once it is exactly these."""
    listed: Sequence[Alert] = ()

    async def exactly() -> bool:
        nonlocal listed
        listed = await world.poll.firing()
        return {alert.name for alert in listed} == names

    await until(exactly)
    return listed


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    """Ask until it is so."""
    async with asyncio.timeout(PATIENCE):
        while not await true():  # noqa: ASYNC110 - a server can only be asked
            await asyncio.sleep(0.05)  # between two questions
