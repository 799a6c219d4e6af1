"""Cron as everybody knows it, checked and put into the words that our scheduler reads the same way.

Five fields, or six with the seconds first, as many schedulers take it (Quartz, Spring, APScheduler itself).

In crontab(5) Sunday is 0 and 7; APScheduler 3 counts from Monday, so `0 9 * * 1` would fire on Tuesday. Weekdays are
therefore always handed on as names. It also joins day-of-month and weekday by "and" where cron says "or", so a
schedule that restricts both is refused.
"""

import re
from dataclasses import dataclass

from bot.config.problems import Unfit

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH_LENGTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_SHORT = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
}
_EXAMPLE = "write five fields: minute hour day month weekday, e.g. `0 9 * * mon-fri`"


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    low: int
    high: int
    words: tuple[str, ...] = ()


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("weekday", 0, 7, _DAYS),
)


_SECOND = _Field("second", 0, 59)


def normalise(text: str) -> str:
    """The same schedule with weekdays as names. Raises Unfit with the field that is wrong."""
    line = _SHORT.get(text.strip().lower(), text)
    seconds, parts = _apart(line.lower().split(), text)
    if len(parts) != len(_FIELDS):
        raise Unfit(f"“{text[:60]}” is not a cron schedule: it has {len(parts)} fields", _EXAMPLE)
    values = [_values(part, field, text) for part, field in zip(parts, _FIELDS, strict=True)]
    days, months, weekdays = values[2], values[3], values[4]
    if parts[2] != "*" and parts[4] != "*":
        fix = "restrict one of them and write * for the other"
        raise Unfit(
            f"“{text[:60]}” restricts the day of the month and the weekday, which schedulers read differently", fix
        )
    if min(days) > max(_MONTH_LENGTHS[month - 1] for month in months):
        raise Unfit(f"“{text[:60]}” never comes: no such day in these months", "choose another day")
    numbers = [_numbered(part, field, text) for part, field in zip(parts[:4], _FIELDS[:4], strict=True)]
    named = "*" if parts[4] == "*" else ",".join(_DAYS[day] for day in sorted({day % 7 for day in weekdays}))
    return " ".join([*seconds, *numbers, named])


def _apart(parts: list[str], text: str) -> tuple[list[str], list[str]]:
    """The field of seconds, if it is there, and the others."""
    if len(parts) != len(_FIELDS) + 1:
        return [], parts
    _values(parts[0], _SECOND, text)
    return [_numbered(parts[0], _SECOND, text)], parts[1:]


def _values(part: str, field: _Field, text: str) -> set[int]:
    found: set[int] = set()
    for piece in part.split(","):
        match = re.fullmatch(r"(\*|[a-z0-9]+)(?:-([a-z0-9]+))?(?:/(\d{1,2}))?", piece)
        if match is None:
            raise Unfit(f"“{text[:60]}”: {field.name} “{piece[:20]}” can't be read", _EXAMPLE)
        first, last, step = match.groups()
        low = field.low if first == "*" else _number(first, field, text)
        high = _number(last, field, text) if last else (low if first != "*" and step is None else field.high)
        if high < low or (first == "*" and last):
            raise Unfit(f"“{text[:60]}”: {field.name} “{piece[:20]}” runs backwards", "write the smaller one first")
        if step == "0":
            raise Unfit(f"“{text[:60]}”: {field.name} “{piece[:20]}” steps by nothing", "step by 1 or more")
        found.update(range(low, high + 1, int(step or 1)))
    return found


def _number(word: str, field: _Field, text: str) -> int:
    if word in field.words:
        return field.words.index(word) + (1 if field.low == 1 else 0)
    if word.isdigit() and field.low <= int(word) <= field.high:
        return int(word)
    what = f"“{text[:60]}”: {field.name} “{word[:20]}” is not between {field.low} and {field.high}"
    raise Unfit(what, _EXAMPLE)


def _numbered(part: str, field: _Field, text: str) -> str:
    """The same field in numbers; steps are written out, because schedulers differ in what they take after a slash."""
    pieces: list[str] = []
    for piece in part.split(","):
        plain = piece.startswith("*/") and int(piece[2:]) <= field.high - field.low
        if "/" in piece and not plain:
            pieces.extend(str(value) for value in sorted(_values(piece, field, text)))
        else:
            pieces.append(re.sub(r"[a-z]+", lambda word: str(_number(word.group(0), field, text)), piece))
    return ",".join(pieces)
