"""What pydantic finds wrong, said with the place in the file and in words for whoever wrote it."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bot.config.fields import near
from bot.config.problems import Unfit
from bot.config.raw import Raw, Schemas, dotted, expected
from bot.config.settings import Settings
from bot.config.yaml_lines import Path

_ROUNDS = 5
"""Removing what is wrong can bring to light what it hid; more rounds than this have never been needed."""

_WANTED: Mapping[str, tuple[str, str]] = {
    "int_parsing": ("not a whole number", "write digits only"),
    "int_type": ("not a whole number", "write digits only"),
    "float_parsing": ("not a number", "write a number, e.g. 0.2"),
    "bool_parsing": ("neither true nor false", "write true or false"),
    "bool_type": ("neither true nor false", "write true or false"),
    "string_type": ("not a text", "write one text, not a list or a mapping"),
    "tuple_type": ("not a list", "write a list: [one, two], or one item per line after a dash"),
    "list_type": ("not a list", "write a list: [one, two], or one item per line after a dash"),
    "mapping_type": ("not a mapping", "write `key: value` lines under it"),
    "dict_type": ("not a mapping", "write `key: value` lines under it"),
    "model_type": ("not a mapping", "write `key: value` lines under it"),
    "model_attributes_type": ("not a mapping", "write `key: value` lines under it"),
    "path_type": ("not a path", "write one path as text"),
    "time_delta_type": ("not a length of time", "write a number and a unit, e.g. 10m"),
}


def settle(raw: Raw, schemas: Schemas) -> Settings:
    """The settings, with every fault noted and its value replaced by the default, so that the rest is checked too."""
    for turn in range(_ROUNDS):
        try:
            return Settings.model_validate(raw.tree.data)
        except ValidationError as error:
            _note(raw, error, schemas, first=turn == 0)
    return Settings()


def settle_integration(raw: Raw, slug: str, schema: type[BaseModel], schemas: Schemas) -> BaseModel | None:
    """An integration's settings by its own class, or `None` when they can't be used."""
    try:
        return schema.model_validate(raw.get(("integrations", slug)) or {})
    except ValidationError as error:
        for details in error.errors():
            _note_one(raw, details, ("integrations", slug), schemas)
        return None


def _note(raw: Raw, error: ValidationError, schemas: Schemas, *, first: bool) -> None:
    """Turn each error into a problem, and take the faulty value out.

    What is missing is told in the first round only: later it is missing because it was taken out.
    """
    wrong: set[Path] = set()
    for details in error.errors():
        missing = details["type"] == "missing"
        path = _note_one(raw, details, (), schemas, silent=missing and not first)
        wrong.add(path[:-1] if missing and len(path) > 1 else path)
    tops = [path for path in wrong if not any(path[:end] in wrong for end in range(len(path)))]
    for path in sorted(tops, key=_last_first):
        raw.drop(path)


def _last_first(path: Path) -> tuple[tuple[int, str], ...]:
    """Later items of a list are dropped before earlier ones, so that indexes stay true."""
    return tuple((-key, "") if isinstance(key, int) else (0, key) for key in path)


def _note_one(raw: Raw, details: ErrorDetails, base: Path, schemas: Schemas, *, silent: bool = False) -> Path:
    path = _real(raw, (*base, *(part for part in details["loc"] if part != "[key]")), details["type"])
    empty = details["input"] is None and details["type"] not in {"missing", "extra_forbidden"}
    if silent or empty:
        return path  # nothing was written after the key: the default is meant
    what, fix = _words(details, path, schemas)
    raw.add(path, f"{dotted(path)}: {what}", fix)
    return path


def _real(raw: Raw, path: Path, kind: str) -> Path:
    """The longest part of an error's path that stands in the file (a missing key is named all the same)."""
    end = len(path)
    while end > 1 and path[:end] not in raw.tree.places:
        end -= 1
    return path[: end + 1] if kind == "missing" and end < len(path) else path[:end]


def _words(details: ErrorDetails, path: Path, schemas: Schemas) -> tuple[str, str]:
    kind, context = details["type"], details.get("ctx", {})
    cause = context.get("error")
    if isinstance(cause, Unfit):
        return cause.what, cause.fix
    if kind == "extra_forbidden":
        around = expected(schemas, path[:-1])
        known = list(around.model.model_fields) if around and around.model else []
        return "there is no such setting", near(str(path[-1]), known)
    if kind == "missing":
        around = expected(schemas, path)
        shown = str(path[-1])
        secret = around is not None and around.sort.value == "secret"
        return (
            "is missing",
            f"set it in the environment, or name a file with {shown}_file" if secret else f"add {shown}: …",
        )
    if kind in _WANTED:
        what, fix = _WANTED[kind]
        return f"{_shown(details['input'])} is {what}", fix
    return details["msg"][:1].lower() + details["msg"][1:], "write a value that fits"


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return f"“{value[:40]}”"
    return "a list" if isinstance(value, list) else "a mapping" if isinstance(value, Mapping) else "it"
