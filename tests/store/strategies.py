"""Any value of a domain type, with the texts, times and numbers that the outside may send."""

import dataclasses
import types
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

T = TypeVar("T")

HOSTILE = [
    "",
    "\x00",
    "a\x00b",
    "\ud800",
    "\u202eevil",
    "<!channel>",
    "'; DROP TABLE incidents; --",
    "😀" * 40,
    "\r\n\t",
    "%s {} \\",
]
TEXTS = st.sampled_from(HOSTILE) | st.text(max_size=20)
KEYS = TEXTS.filter(lambda text: not any("\ud800" <= letter <= "\udfff" for letter in text))
"""Of mappings: there a lone surrogate doesn't survive."""
ZONES = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45)), timezone(timedelta(hours=-11))])
TIMES = st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30), timezones=ZONES)  # noqa: DTZ001 - the zone is given
NUMBERS = st.floats(allow_nan=False)
COUNTS = st.integers(0, 2**31 - 1)

_LEAVES: Mapping[Any, st.SearchStrategy[Any]] = {
    str: TEXTS, datetime: TIMES, float: NUMBERS, int: COUNTS, bool: st.booleans(), type(None): st.none(),
}  # fmt: skip


def values(kind: type[T], **given: st.SearchStrategy[Any]) -> st.SearchStrategy[T]:
    """Any value of a frozen dataclass; `given` fields are made otherwise."""
    hints = get_type_hints(kind)
    names = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]  # T is one
    fields = {name: given[name] if name in given else _any(hints[name]) for name in names}
    return st.builds(kind, **fields)


def _any(hint: Any) -> st.SearchStrategy[Any]:
    if hint in _LEAVES:
        return _LEAVES[hint]
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return st.sampled_from(inner)
    if origin is types.UnionType:
        return st.one_of([_any(one) for one in inner])
    if origin is tuple and inner[-1] is Ellipsis:
        return st.lists(_any(inner[0]), max_size=2).map(tuple)
    if origin is tuple:
        return st.tuples(*map(_any, inner))
    if origin is Mapping:
        return st.dictionaries(KEYS if inner[0] is str else _any(inner[0]), _any(inner[1]), max_size=2)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(hint)
    return values(hint)
