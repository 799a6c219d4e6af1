"""A cron line means what crontab(5) says, also after the scheduler has read it."""

from datetime import UTC, datetime, timedelta

import pytest
from apscheduler.triggers.cron import CronTrigger
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.config.cron import normalise
from bot.config.problems import Unfit


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 9 * * 1", "0 9 * * mon"),
        ("0 9 * * 1-5", "0 9 * * mon,tue,wed,thu,fri"),
        ("0 9 * * 0", "0 9 * * sun"),
        ("0 9 * * 7", "0 9 * * sun"),
        ("0 9 * * 5-7", "0 9 * * sun,fri,sat"),
        ("0 9 * * MON-FRI", "0 9 * * mon,tue,wed,thu,fri"),
        ("*/15 8-18/2 1,15 jan-mar *", "*/15 8,10,12,14,16,18 1,15 1-3 *"),
        ("@daily", "0 0 * * *"),
        ("@weekly", "0 0 * * sun"),
        ("  5   4 * * * ", "5 4 * * *"),
        ("5/20 * * * *", "5,25,45 * * * *"),
        ("*/70 * * * *", "0 * * * *"),
        ("30 0 9 * * 1", "30 0 9 * * mon"),
        ("*/20 * * * * *", "*/20 * * * * *"),
    ],
)
def test_one_spelling(text: str, expected: str) -> None:
    assert normalise(text) == expected


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("0 9 * *", "4 fields"), ("0 0 9 * * * *", "7 fields"), ("60 0 9 * * *", "second “60”"), ("", "0 fields"), ("60 * * * *", "minute “60”"),
        ("* 24 * * *", "hour “24”"), ("* * 0 * *", "day of the month “0”"), ("* * * 13 *", "month “13”"),
        ("* * * * 8", "weekday “8”"), ("* * * * funday", "weekday “funday”"), ("5-1 * * * *", "runs backwards"),
        ("*/0 * * * *", "steps by nothing"), ("a * * * *", "minute “a”"), ("1,,2 * * * *", "can't be read"),
        ("0 9 1 * 1", "restricts the day of the month and the weekday"), ("0 9 30 2 *", "never comes"), ("*-5 * * * *", "backwards"),
        ("@reboot", "1 fields"), ("² * * * *", "can't be read"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(text: str, part: str) -> None:
    with pytest.raises(Unfit, match=part.replace("(", r"\(")):
        normalise(text)


def field(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    span = st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}")
    stepped = st.tuples(span | st.just("*"), st.integers(1, 9)).map(lambda pair: f"{pair[0]}/{pair[1]}")
    one = number.map(str) | span | stepped
    return st.just("*") | st.lists(one, min_size=1, max_size=3).map(",".join)


def members(text: str, low: int, high: int) -> set[int]:
    found: set[int] = set()
    for piece in text.split(","):
        span, _, step = piece.partition("/")
        first, _, last = ("*", "", "") if span == "*" else span.partition("-")
        start, end = (low, high) if first == "*" else (int(first), int(last or first))
        found |= set(range(start, end + 1, int(step or 1)))
    return found


@settings(max_examples=40, deadline=None)
@given(field(0, 59), field(0, 23), field(0, 7), st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)))  # noqa: DTZ001 - a zone follows
def test_the_scheduler_fires_when_cron_would(minute: str, hour: str, weekday: str, start: datetime) -> None:
    trigger = CronTrigger.from_crontab(normalise(f"{minute} {hour} * * {weekday}"), timezone=UTC)
    begin = start.replace(tzinfo=UTC, second=0, microsecond=0)
    fires = trigger.get_next_fire_time(None, begin)
    days = {day % 7 for day in members(weekday, 0, 7)}
    minutes, hours = members(minute, 0, 59), members(hour, 0, 23)
    expected = next(
        day + timedelta(hours=h, minutes=m)
        for day in (begin.replace(hour=0, minute=0) + timedelta(days=n) for n in range(9))
        if day.isoweekday() % 7 in days
        for h in sorted(hours)
        for m in sorted(minutes)
        if day + timedelta(hours=h, minutes=m) >= begin
    )
    assert fires == expected
