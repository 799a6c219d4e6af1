"""Whether a change has helped: judged by the alerts that fire and by the alert's own query, against how it began."""

from enum import StrEnum

from bot.domain.operation import Watch

MUCH = 0.2
"""A fifth worse than at the beginning is worse; less may be noise."""


class Recovery(StrEnum):
    """What one look says."""

    RECOVERED = "recovered"
    NOT_YET = "not recovered"
    WORSE = "worse"


def judge(watch: Watch, firing: int, value: float | None) -> Recovery:
    """One look: how many alerts of the incident fire, and what the query answers now."""
    if firing > watch.firing:
        return Recovery.WORSE
    if value is not None and watch.baseline is not None and _much_worse(watch, watch.baseline, value):
        return Recovery.WORSE
    return Recovery.RECOVERED if firing == 0 and watch.firing > 0 else Recovery.NOT_YET


def _much_worse(watch: Watch, before: float, now: float) -> bool:
    change = now - before if watch.bad_above else before - now
    return change > MUCH * abs(before)


def course_of_value(watch: Watch) -> str:
    """`0.18 → 0.04`; nothing when nothing was measured."""
    if watch.baseline is None or watch.last is None:
        return ""
    return f"{watch.baseline:.4g} → {watch.last:.4g}"
