"""When a cron schedule comes, in the zone's own time, also where the clocks change.

As cron(8) has it, and unlike APScheduler's own trigger, which leaves out a midnight that doesn't exist and takes a
daily tick of the doubled hour twice:
- a tick in the hour that is left out comes with the same distance to the hour before, so after the change: never lost;
- a tick in the doubled hour comes once, at the first of the two;
- unless the hour is `*`: such a schedule counts elapsed time, and comes in both.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

_WINDOWS = (timedelta(hours=1), timedelta(days=1), timedelta(days=32), timedelta(days=366), timedelta(days=366 * 8))
"""How far to look for a tick, the nearest first. No schedule is rarer than 29 February between 1901 and 2099."""
_NEAR = timedelta(hours=25)
"""A change of the clocks further away than this can't touch a moment: no zone has moved by more than a day."""


class Schedule:
    """Cron in a time zone: five fields, or six with seconds first. Weekdays are names: schedulers count differently."""

    def __init__(self, cron: str, zone: str) -> None:
        fields = cron.split()
        if len(fields) not in {5, 6} or any(letter.isdigit() for letter in fields[-1]):
            raise ValueError(f"“{cron}” needs five or six fields, and weekdays as names")
        second, minute, hour, day, month, weekday = fields if len(fields) == 6 else ("0", *fields)
        self.cron = cron
        self.zone = zone
        self._zone = ZoneInfo(zone)
        self._walls = CronTrigger(
            second=second, minute=minute, hour=hour, day=day, month=month, day_of_week=weekday, timezone=UTC
        )  # "UTC" stands for any wall clock here
        self._elapsed = hour.startswith("*")

    def following(self, after: datetime) -> datetime | None:
        """The first tick after a moment."""
        for window in _WINDOWS:
            ticks = self._between(after, after + window)
            if ticks:
                return ticks[0]
        return None

    def newest(self, after: datetime, until: datetime) -> datetime | None:
        """The last tick that is later than `after` and not later than `until`."""
        for window in _WINDOWS:
            ticks = self._between(max(after, until - window), until)
            if ticks:
                return ticks[-1]
        return None

    def _between(self, after: datetime, until: datetime) -> list[datetime]:
        if after >= until:
            return []
        places = (after - _NEAR, after, until, until + _NEAR)
        offsets = [(at.astimezone(self._zone).utcoffset() or timedelta()) for at in places]
        walls = self._wall_times(after + min(offsets), until + max(offsets))
        ticks = {tick for wall in walls for tick in self._moments(wall)}
        return sorted(tick for tick in ticks if after < tick <= until)

    def _wall_times(self, first: datetime, last: datetime) -> Iterator[datetime]:
        """What the clock on the wall shows when the schedule comes; the zone of the values means nothing."""
        first, last = first.astimezone(UTC), last.astimezone(UTC)
        wall = self._walls.get_next_fire_time(None, first)
        while wall is not None and wall <= last:
            yield wall
            wall = self._walls.get_next_fire_time(wall, last + _NEAR)

    def _moments(self, wall: datetime) -> set[datetime]:
        """The moments at which the wall shows this. With `fold` 0 one in the gap counts on from the hour before it."""
        first = wall.replace(tzinfo=self._zone, fold=0).astimezone(UTC)
        if not self._elapsed:
            return {first}
        second = wall.replace(tzinfo=self._zone, fold=1).astimezone(UTC)
        return {first, max(first, second)}


def owed(schedule: Schedule, last: datetime, now: datetime, *, catch_up: bool, late: timedelta) -> datetime | None:
    """The tick that should be done now: the newest since the last one; without `catch_up`, only while it is fresh."""
    return schedule.newest(last if catch_up else max(last, now - late), now)
