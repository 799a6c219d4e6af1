"""When a cron line comes in a zone: as the wall clock says, never lost and never twice where the clocks change."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.jobs.schedule import Schedule, owed

BERLIN, SAO_PAULO, LORD_HOWE, APIA = "Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "Pacific/Apia"
ZONES = st.sampled_from(
    ["UTC", BERLIN, SAO_PAULO, LORD_HOWE, "Asia/Kathmandu", "America/New_York", "Africa/Casablanca"]
)
MOMENTS = st.datetimes(datetime(2017, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the zone is given


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def ticks(cron: str, zone: str, after: datetime, count: int) -> list[str]:
    """As the wall clock of the zone shows them."""
    schedule, found = Schedule(cron, zone), []
    for _ in range(count):
        tick = schedule.following(after)
        assert tick is not None
        found.append(tick.astimezone(ZoneInfo(zone)).isoformat())
        after = tick
    return found


@pytest.mark.parametrize(
    ("cron", "zone", "after", "expected"),
    [
        pytest.param(
            "30 2 * * *", BERLIN, "2026-03-28T12:00+00:00",
            ["2026-03-29T03:30:00+02:00", "2026-03-30T02:30:00+02:00"], id="in the hour left out: after it",
        ),
        pytest.param(
            "0 0 * * *", SAO_PAULO, "2018-11-03T12:00+00:00",
            ["2018-11-04T01:00:00-02:00", "2018-11-05T00:00:00-02:00"], id="a midnight that doesn't exist",
        ),
        pytest.param(
            "30 2,3 * * *", BERLIN, "2026-03-28T12:00+00:00",
            ["2026-03-29T03:30:00+02:00", "2026-03-30T02:30:00+02:00"], id="two that fall together are one",
        ),
        pytest.param(
            "30 2 * * *", BERLIN, "2026-10-24T12:00+00:00",
            ["2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"], id="in the doubled hour: once",
        ),
        pytest.param(
            "0 * * * *", BERLIN, "2026-03-28T23:30+00:00",
            ["2026-03-29T01:00:00+01:00", "2026-03-29T03:00:00+02:00"], id="each hour, one left out",
        ),
        pytest.param(
            "0 * * * *", BERLIN, "2026-10-24T23:30+00:00",
            ["2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00", "2026-10-25T03:00:00+01:00"],
            id="each hour, one doubled: both",
        ),
        pytest.param(
            "*/30 1-3 * * *", BERLIN, "2026-10-24T23:15+00:00",
            ["2026-10-25T01:30:00+02:00", "2026-10-25T02:00:00+02:00", "2026-10-25T02:30:00+02:00", "2026-10-25T03:00:00+01:00"],
            id="named hours, one doubled: once",
        ),
        pytest.param(
            "15 2 * * *", LORD_HOWE, "2026-10-02T20:00+00:00",
            ["2026-10-04T02:45:00+11:00", "2026-10-05T02:15:00+11:00"], id="a change by half an hour",
        ),
        pytest.param(
            "0 9 * * *", APIA, "2011-12-29T12:00+00:00",
            ["2011-12-29T09:00:00-10:00", "2011-12-31T09:00:00+14:00", "2012-01-01T09:00:00+14:00"],
            id="a day that was left out",
        ),
        pytest.param(
            "0 9 * * mon", BERLIN, "2026-11-23T08:00+00:00",
            ["2026-11-30T09:00:00+01:00", "2026-12-07T09:00:00+01:00"], id="a tick itself is not after itself",
        ),
        pytest.param(
            "0 0 29 2 *", "UTC", "2096-03-01T00:00+00:00", ["2104-02-29T00:00:00+00:00"], id="the rarest there is",
        ),
    ],
)  # fmt: skip
def test_ticks(cron: str, zone: str, after: str, expected: list[str]) -> None:
    assert ticks(cron, zone, at(after), len(expected)) == expected


def minutes_of(zone: ZoneInfo, first: datetime, last: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Every whole minute with what the wall clock shows: the slow way that can't be wrong."""
    moment = first.replace(second=0, microsecond=0)
    while moment <= last:
        yield moment, moment.astimezone(zone).replace(tzinfo=None)
        moment += timedelta(minutes=1)


@settings(deadline=None)
@given(MOMENTS, ZONES, st.integers(0, 23), st.integers(0, 59))
def test_a_daily_tick_comes_on_each_day_once_and_at_its_time_where_that_exists(
    start: datetime, zone: str, hour: int, minute: int
) -> None:
    schedule, tick, days = Schedule(f"{minute} {hour} * * *", zone), start, []
    for _ in range(4):
        following = schedule.following(tick)
        assert following is not None
        assert following > tick
        tick = following
        local = tick.astimezone(ZoneInfo(zone))
        days.append(local.date())
        exists = local.replace(hour=hour, minute=minute, fold=0)
        if exists.astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) == exists.replace(tzinfo=None):
            assert (local.hour, local.minute, local.fold) == (hour, minute, 0)
    assert days == [days[0] + timedelta(days=count) for count in range(4)]


@settings(deadline=None)
@given(st.sampled_from(["2026-03-29", "2026-10-25"]), st.sampled_from([BERLIN, LORD_HOWE]), st.integers(0, 59))
def test_an_hourly_tick_counts_elapsed_time(day: str, zone: str, minute: int) -> None:
    start = at(f"{day}T00:00+00:00") - timedelta(hours=12)
    schedule = Schedule(f"{minute} * * * *", zone)
    shown = {m for m, wall in minutes_of(ZoneInfo(zone), start, start + timedelta(hours=36)) if wall.minute == minute}
    found, tick = set(), start - timedelta(seconds=1)
    while (tick := schedule.following(tick) or start) <= start + timedelta(hours=36):
        found.add(tick)
    assert found >= shown  # and in a gap of half an hour also the one that is left out


CRONS = st.sampled_from(["*/7 * * * *", "0 * * * *", "30 2 * * *", "15 1,2,3 * * *", "0 9 * * mon", "0 0 1 * *"])


@settings(deadline=None)
@given(CRONS, ZONES, MOMENTS, st.timedeltas(timedelta(0), timedelta(days=3)))
def test_the_newest_is_the_last_of_those_that_follow(cron: str, zone: str, after: datetime, span: timedelta) -> None:
    schedule, until, last = Schedule(cron, zone), after + span, None
    tick = schedule.following(after)
    while tick is not None and tick <= until:
        last, tick = tick, schedule.following(tick)
    assert schedule.newest(after, until) == last


def test_years_without_the_program_are_no_work() -> None:
    newest = Schedule("* * * * *", BERLIN).newest(at("1990-01-01T00:00+00:00"), at("2026-11-25T12:00:30+00:00"))
    assert newest == at("2026-11-25T12:00+00:00")


@pytest.mark.parametrize("cron", ["0 9 * * 1", "0 9 * *", "0 9 * * mon *", "61 9 * * mon", "0 9 * * funday", ""])
def test_a_line_that_schedulers_read_differently_or_not_at_all_is_refused(cron: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Schedule(cron, "UTC")


@pytest.mark.parametrize(
    ("last", "now", "caught_up", "skipped"),
    [
        ("2026-11-23T09:00", "2026-11-24T08:59", None, None),
        ("2026-11-23T09:00", "2026-11-24T09:00", "2026-11-24T09:00", "2026-11-24T09:00"),
        ("2026-11-23T09:00", "2026-11-24T09:00:59", "2026-11-24T09:00", "2026-11-24T09:00"),
        ("2026-11-23T09:00", "2026-11-24T09:01:01", "2026-11-24T09:00", None),
        ("2026-11-01T09:00", "2026-11-24T10:00", "2026-11-24T09:00", None),
        ("2026-11-24T09:00", "2026-11-24T09:00:01", None, None),
        ("2026-11-25T09:00", "2026-11-24T09:00", None, None),
    ],
    ids=["not yet", "now", "a little late", "late", "many missed: the newest", "done", "the clock was set back"],
)
def test_what_is_owed(last: str, now: str, caught_up: str | None, skipped: str | None) -> None:
    daily, late = Schedule("0 9 * * *", "UTC"), timedelta(minutes=1)
    done, present = (at(f"{text}+00:00") for text in (last, now))
    for catch_up, expected in ((True, caught_up), (False, skipped)):
        found = owed(daily, done, present, catch_up=catch_up, late=late)
        assert found == (at(f"{expected}+00:00") if expected else None)
