"""Opsgenie's JSON: outgoing webhooks with their odd fields, and alerts of the REST API v2 and of Operations.

Webhooks as recorded by zulip/zulip (Apache-2.0); the API by opsgenie/opsgenie-oas (Apache-2.0, 2021).
"""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BeforeValidator, Field

from bot.kit.parsing import Moment, Text, Texts, Wire

_NANO, _MICRO, _MILLI = 10**17, 10**14, 10**11


def _epoch(value: object) -> object:
    """`createdAt` counts milliseconds, `updatedAt` nanoseconds; by its size a number tells which."""
    if isinstance(value, bool) or not isinstance(value, int):
        return value
    for size, unit in ((_NANO, 10**9), (_MICRO, 10**6), (_MILLI, 10**3)):
        if value >= size:
            whole, rest = divmod(value, unit)
            return datetime.fromtimestamp(whole, UTC).replace(microsecond=rest * 10**6 // unit)
    return value


def _safe_epoch(value: object) -> object:
    try:
        return _epoch(value)
    except (OverflowError, ValueError, OSError):
        return None


When = Annotated[Moment, BeforeValidator(_safe_epoch)]


def _tags(value: object) -> object:
    return tuple(str(tag) for tag in value) if isinstance(value, list) else ()


Tags = Annotated[tuple[str, ...], BeforeValidator(_tags)]


class Told(Wire):
    """The alert of a delivery. Escalate names nothing but its id; a priority is `3` or `P3`."""

    id: str = Field(alias="alertId", min_length=1)
    message: Text = ""
    alias: Text = ""
    created_at: When = Field(default=None, alias="createdAt")
    updated_at: When = Field(default=None, alias="updatedAt")
    source: Text = ""
    entity: Text = ""
    tags: Tags = ()
    priority: Text = ""
    description: Text = ""
    details: Texts = Field(default_factory=dict)


class Webhook(Wire):
    """A delivery. Any custom action may stand there."""

    action: str = Field(min_length=1)
    alert: Told


class Listed(Wire):
    """One alert of a list."""

    id: str = Field(min_length=1)
    message: Text = ""
    alias: Text = ""
    status: Text = ""
    created_at: When = Field(default=None, alias="createdAt")
    source: Text = ""
    tags: Tags = ()
    priority: Text = ""
    snoozed: bool = False


class Page(Wire):
    """A page of a list: `data` in Opsgenie, `values` in Operations."""

    data: tuple[Listed, ...] | None = None
    values: tuple[Listed, ...] | None = None


class Detail(Wire):
    """What a list leaves out. Operations calls the details `extraProperties`."""

    entity: Text = ""
    description: Text = ""
    details: Texts = Field(default_factory=dict)
    extra: Texts = Field(default_factory=dict, alias="extraProperties")


class One(Wire):
    """One alert: within `data` in Opsgenie."""

    data: Detail
