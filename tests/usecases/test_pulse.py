"""The bot says that it lives only while its loop really turns."""

from datetime import datetime, timedelta

import pytest

from bot.domain.errors import Unreachable
from bot.usecases.pulse import Pulse
from tests.fakes.clock import FakeClock


class Switch:
    def __init__(self) -> None:
        self.told = 0
        self.fault: Unreachable | None = None

    async def tell(self) -> None:
        if self.fault is not None:
            raise self.fault
        self.told += 1


async def nothing() -> None:
    pass


async def test_a_good_end_is_shown_and_a_bad_one_is_not() -> None:
    clock, shown = FakeClock(), []
    pulse = Pulse(clock, lambda job, at: shown.append((job, at)))

    async def fails() -> None:
        raise OSError

    await pulse.felt("timers", nothing)()
    clock.advance(1)
    with pytest.raises(OSError):  # noqa: PT011 - any
        await pulse.felt("timers", fails)()
    ends: list[tuple[str, datetime]] = [("timers", clock.now() - timedelta(seconds=1))]
    assert shown == ends


async def test_the_switch_is_told_while_the_loop_turns_and_not_when_it_is_stuck(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock, switch = FakeClock(), Switch()
    pulse = Pulse(clock, lambda _job, _at: None)
    await pulse.ping("timers", switch.tell)
    assert (switch.told, caplog.records) == (0, [])  # it has not turned yet
    await pulse.felt("timers", nothing)()
    clock.advance(60)
    await pulse.ping("timers", switch.tell)
    assert switch.told == 1
    clock.advance(1)
    await pulse.ping("timers", switch.tell)
    assert switch.told == 1
    assert "does not come to its end" in caplog.records[-1].message


async def test_a_switch_that_does_not_answer_is_only_logged(caplog: pytest.LogCaptureFixture) -> None:
    clock, switch = FakeClock(), Switch()
    pulse = Pulse(clock, lambda _job, _at: None)
    await pulse.felt("timers", nothing)()
    switch.fault = Unreachable("It does not answer.", system="dead man's switch")
    await pulse.ping("timers", switch.tell)
    assert caplog.records[-1].levelname == "WARNING"
    assert caplog.records[-1].message.endswith("It does not answer.")
