"""The fake clock holds to what tests rely on."""

import asyncio
from datetime import timedelta

import pytest

from tests.fakes.clock import START, FakeClock


async def test_sleepers_wake_in_the_order_of_their_time_and_not_before() -> None:
    clock, woken = FakeClock(), list[str]()

    async def sleep(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(name)

    async with asyncio.TaskGroup() as tasks:
        for name, seconds in (("late", 30), ("early", 10), ("last", 60)):
            tasks.create_task(sleep(name, seconds))
        await clock.until_sleeping(3)
        clock.advance(9.9)
        await asyncio.sleep(0)
        assert woken == []
        clock.advance(timedelta(seconds=30))
        await asyncio.sleep(0)
        assert woken == ["early", "late"]
        assert clock.sleeping == 1
        clock.advance(60)
    assert woken == ["early", "late", "last"]
    assert clock.now() == START + timedelta(seconds=99.9)


async def test_a_cancelled_sleeper_is_forgotten() -> None:
    clock = FakeClock()
    task = asyncio.create_task(clock.sleep(5))
    await clock.until_sleeping()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert clock.sleeping == 0
    clock.advance(10)


async def test_a_sleep_of_nothing_returns() -> None:
    clock = FakeClock()
    await clock.sleep(0)
    await clock.sleep(-1)
    assert clock.now() == START
