"""Domain values to JSON text and back: strict, and safe for any text that a source may send.

JSON is written in ASCII, so NUL characters and lone surrogates stand in it as escapes and both databases keep them
(except in the keys of a mapping, where a surrogate becomes U+FFFD). Text that becomes a column of its own goes through
`plain`, which PostgreSQL needs: it takes neither. What is searched by goes through `name`.
"""

import hashlib
import json
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, to_json

from bot.domain.errors import BotError

T = TypeVar("T")


_ADAPTERS: dict[type[Any], TypeAdapter[Any]] = {}


def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    """Building one takes milliseconds, so each is built once."""
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def dump(value: object, *, finite: bool = False) -> str:
    """A frozen domain value as JSON. `finite`: it has no number for which JSON has no word, which is faster."""
    try:
        if finite:
            return _adapter(type(value)).dump_json(value, ensure_ascii=True).decode()
        return to_json(value, ensure_ascii=True, inf_nan_mode="constants").decode()
    except PydanticSerializationError:  # a lone surrogate, for which this fast way has no bytes
        return json.dumps(_adapter(type(value)).dump_python(value, mode="json"), separators=(",", ":"))


def load(kind: type[T], text: str) -> T:
    """The value again. A row that doesn't fit the program's idea of it is an error, never a guess."""
    adapter = _adapter(kind)
    try:
        value: T = adapter.validate_json(text)
    except ValidationError:
        return _load_slowly(kind, adapter, text)
    return value


def _load_slowly(kind: type[T], adapter: TypeAdapter[Any], text: str) -> T:
    """Also what the fast way doesn't read: lone surrogates. Raises BotError that names what doesn't fit."""
    try:
        value: T = adapter.validate_python(json.loads(text))
    except (ValueError, ValidationError) as error:
        raise BotError(
            f"A stored {kind.__name__} can't be read: {error}",
            not_done="It was left as it is.",
            next_step="Was the database written by another version? See the changelog.",
        ) from error
    return value


def plain(text: str, limit: int = 1_000) -> str:
    """Text for a column: no NUL, no lone surrogates, bounded."""
    if len(text) > limit:
        text = text[:limit]
    if text.isascii() and "\x00" not in text:
        return text
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")


NAME_BYTES = 400


def name(text: str) -> str:
    """Text for a column of an index, whose rows PostgreSQL limits to 2,700 bytes: a long one ends with its hash."""
    if len(text) <= NAME_BYTES and text.isascii() and "\x00" not in text:
        return text
    clean = plain(text, len(text))
    if len(clean.encode()) <= NAME_BYTES:
        return clean
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return clean.encode()[: NAME_BYTES - len(digest) - 1].decode("utf-8", "ignore") + "#" + digest
