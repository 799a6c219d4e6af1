"""Times in messages: written here in UTC, and rewritten in the reader's own zone by the page's script."""

import re
from datetime import UTC, datetime

from markupsafe import Markup

from sandbox.page.html import el, outward

_TOKEN = re.compile(r"\{(\w+)\}")
_TIME = "%H:%M"
_FORMATS = {
    "date_num": "%Y-%m-%d", "date_slash": "%d/%m/%Y", "date": "%-d %B %Y", "date_short": "%-d %b %Y",
    "date_long": "%A, %-d %B %Y", "date_pretty": "%-d %B %Y", "date_short_pretty": "%-d %b %Y",
    "date_long_pretty": "%A, %-d %B %Y", "time": _TIME, "time_secs": "%H:%M:%S", "ago": "%Y-%m-%d %H:%M",
    "day_divider_pretty": "%A, %-d %B",
}  # fmt: skip


def moment(timestamp: object, form: str, fallback: str = "", url: str = "") -> Markup:
    """`<!date^…>` and the date of rich text. What is no time shows its fallback."""
    at = when(timestamp)
    if at is None or not _TOKEN.search(form):
        return el("span", fallback or form)
    shown = _TOKEN.sub(lambda found: at.strftime(_FORMATS.get(found[1], "%Y-%m-%d %H:%M")), form)
    time = el(
        "time", shown, class_="moment", datetime=at.isoformat(), data_format=form, title=f"{at:%Y-%m-%d %H:%M:%S} UTC"
    )
    return outward(url, time) if url else time


def clock(ts: object) -> Markup:
    """The time of a message, short."""
    at = when(ts)
    if at is None:
        return Markup()
    return el("time", f"{at:%H:%M}", class_="clock", datetime=at.isoformat(), title=f"{at:%Y-%m-%d %H:%M:%S} UTC")


def when(timestamp: object) -> datetime | None:
    """A Unix time or a message's ts as a time; None for what isn't one."""
    try:
        return datetime.fromtimestamp(float(timestamp), UTC)  # type: ignore[arg-type]  # whatever came in the JSON
    except (TypeError, ValueError, OverflowError, OSError):
        return None
