"""Vendors' JSON becomes typed values here, or `Unreadable`: no other error leaves, whatever the bytes."""

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, GetPydanticSchema, ValidationError
from pydantic_core import CoreSchema, core_schema, from_json

from bot.domain.errors import Unreadable

REASONS_SHOWN = 3
"""So many faults of a body are named; the rest follow from the same cause."""

LINK_LIMIT = 2_000
"""Longer addresses are no links that a person could follow."""


class Wire(BaseModel):
    """Base of a vendor's JSON: unknown fields are ignored, because vendors add some in every release."""

    model_config = ConfigDict(
        extra="ignore", frozen=True, validate_by_name=True, validate_by_alias=True, defer_build=True
    )
    """Reading is built with the first body: of most systems none ever comes."""


T = TypeVar("T", bound=BaseModel)


def read(kind: type[T], body: bytes, system: str) -> T:
    """A body as a typed value. Raises Unreadable, which names what is wrong and never repeats the body."""
    try:
        return kind.model_validate_json(_unmarked(body))
    except ValidationError as error:
        raise unreadable(error, system) from None


def read_value(kind: type[T], value: object, system: str) -> T:
    """A piece of JSON that was read before, as a typed value. Raises Unreadable."""
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        raise unreadable(error, system) from None


def read_json(body: bytes | str, system: str) -> Any:
    """Any JSON as Python values, for bodies whose kind must be found out first. Raises Unreadable."""
    try:
        return from_json(_unmarked(body) if isinstance(body, bytes) else body)
    except ValueError as error:
        raise Unreadable(f"The body is not JSON: {error}.", system=system) from None


def _unmarked(body: bytes) -> bytes:
    """Without the byte order mark that some writers put before JSON, and that readers may ignore (RFC 8259 §8.1)."""
    return body.removeprefix(b"\xef\xbb\xbf")


def unreadable(error: ValidationError, system: str) -> Unreadable:
    """Say which fields are wrong and how, without any value: values may be secret, huge or hostile."""
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    shown = "; ".join(f"{_where(fault['loc'])}: {fault['msg']}" for fault in faults[:REASONS_SHOWN])
    more = f"; and {len(faults) - REASONS_SHOWN} more" if len(faults) > REASONS_SHOWN else ""
    return Unreadable(f"The body is not what {system} documents: {shown}{more}.", system=system)


def _where(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part)[:40] for part in location) or "the body"


# ---------------------------------------------------------------- pieces of wire types


def as_text(value: object) -> str | None:
    """A label's value as text: sources with loose types send numbers and booleans too. `None` has no text."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return json.dumps(value)


def _texts(value: object) -> object:
    if value is None:
        return {}
    if not isinstance(value, dict):
        return value
    return {str(key): text for key, item in value.items() if (text := as_text(item)) is not None}


def _moment(value: datetime | None) -> datetime | None:
    if value is None or value.year <= 1:
        return None
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        raise ValueError("the time is out of range") from None


def finite(value: float | None) -> float | None:
    """The number, or `None` when it is none: Python's JSON writers send NaN and Infinity."""
    return value if value is not None and math.isfinite(value) else None


def _empty_is_none(value: object) -> object:
    return None if value == "" else value


def _or_else(usual: CoreSchema, otherwise: Callable[[object], object]) -> GetPydanticSchema:
    """What nearly all senders write is read without a call into Python: alerts come by the ten thousand."""
    rest = core_schema.no_info_before_validator_function(otherwise, usual)
    either = core_schema.union_schema([usual, rest], mode="left_to_right")
    return GetPydanticSchema(lambda _kind, _handler: either)


Texts = Annotated[
    Mapping[str, str],
    _or_else(core_schema.dict_schema(core_schema.str_schema(strict=True), core_schema.str_schema(strict=True)), _texts),
]
"""Labels or annotations: names to texts; `null` is the empty mapping."""

Text = Annotated[str, _or_else(core_schema.str_schema(strict=True), lambda value: as_text(value) or "")]
"""A text that may be missing or a number."""

Moment = Annotated[datetime | None, BeforeValidator(_empty_is_none), AfterValidator(_moment)]
"""A time in UTC. Go's zero time (year 1) and an empty text are `None`; a time without a zone is taken as UTC."""

Number = Annotated[float | None, AfterValidator(finite)]
"""A finite number or nothing."""


# ---------------------------------------------------------------- identity and links


def to_milliseconds(moment: datetime) -> datetime:
    """Cut off what some interfaces of a system leave out: the start of an alert is part of its identity."""
    return moment.replace(microsecond=moment.microsecond // 1_000 * 1_000)


def fingerprint_of(parts: Mapping[str, str]) -> str:
    """16 hex digits that are equal for equal names and values, in any order; for sources that send no fingerprint."""
    canonical = json.dumps(sorted(parts.items()), separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


@lru_cache(maxsize=4_096)
def link(text: str) -> str:
    """The address, if it is one that may be shown as a link; else nothing."""
    if len(text) > LINK_LIMIT or any(c.isspace() or not c.isprintable() or c in "<>|\"'`" for c in text):
        return ""
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    return text if parts.scheme in {"http", "https"} and parts.netloc else ""
