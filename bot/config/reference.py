"""The reference of every key, written from the settings themselves, so that it can't tell anything else."""

import typing
from collections.abc import Iterator
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from bot.config.settings import RuleSettings, Settings
from bot.config.shape import Shape, Sort, shape_of
from bot.domain.models import Propagation
from bot.domain.routing import Phase, Role

_PLACEHOLDERS = {
    "people": "PERSON",
    "models": "MODEL",
    "environments": "ENVIRONMENT",
    "table": "PHASE",
    "default": "ROLE",
    "channels": "TEAM",
    "user_groups": "ROLE",
    "severities": "WORD",
    "integrations": "INTEGRATION",
    "labels": "LABEL",
}

_TEMPLATE = Path(__file__).parent / "defaults" / "reference.md"


def markdown() -> str:
    """The whole page."""
    sections = (
        f"## `{name}` — {field.title}\n\n{field.description}\n\n{_table((name,), field)}"
        for name, field in Settings.model_fields.items()
    )
    template = _TEMPLATE.read_text("utf-8")
    return template.replace("{keys}", "\n".join(sections)).replace("{words}", _words())


def keys() -> Iterator[tuple[str, FieldInfo]]:
    """Every key with its dotted path: `slack.channel`, `models.MODEL.team`, `routing.rules[].words`."""
    for name, field in Settings.model_fields.items():
        for key, inner, _ in _walk((name,), field, field.annotation):
            yield key, inner


def _walk(path: tuple[str, ...], field: FieldInfo, annotation: Any) -> Iterator[tuple[str, FieldInfo, Any]]:
    shape = shape_of(annotation)
    inner = shape_of(shape.inner) if shape.sort in {Sort.MAP, Sort.LIST} else None
    if shape.sort is Sort.SECTION and shape.model is not None:
        for name, one in shape.model.model_fields.items():
            yield from _walk((*path, name), one, one.annotation)
    elif inner is not None and (inner.sort in {Sort.SECTION, Sort.MAP} or path[:2] == ("raci", "table")):
        below = (*path[:-1], f"{path[-1]}[]") if shape.sort is Sort.LIST else (*path, _placeholder(path))
        yield from _walk(below, field, shape.inner)
    else:
        yield ".".join(path), field, annotation


def _placeholder(path: tuple[str, ...]) -> str:
    last = path[-1]
    if len(path) > 2 and path[:2] == ("raci", "roles"):
        return {"teams": "TEAM", "models": "MODEL"}.get(last, "ROLE")
    return _PLACEHOLDERS.get(last, "ROLE" if path[:2] == ("raci", "table") else "NAME")


def _table(path: tuple[str, ...], field: FieldInfo) -> str:
    rows = [
        f"| `{key}` | {_named(annotation, shape_of(annotation))} | {_default(inner)} | {_text(inner)} |"
        for key, inner, annotation in _walk(path, field, field.annotation)
    ]
    return "\n".join(["| key | type | default | |", "|---|---|---|---|", *rows]) + "\n"


def _named(annotation: Any, shape: Shape) -> str:
    match shape.sort:
        case Sort.SECRET:
            return "secret"
        case Sort.LIST:
            return f"list of {_plural(_named(shape.inner, shape_of(shape.inner)))}"
        case Sort.MAP:
            inner = shape_of(shape.inner)
            return "mapping" if inner.sort is Sort.ANYTHING else f"mapping to {_plural(_named(shape.inner, inner))}"
        case Sort.ANYTHING:
            return "anything"
        case Sort.SECTION:
            return "mapping"
        case Sort.VALUE:
            return _plain(annotation)


def _plain(annotation: Any) -> str:
    kind = annotation
    while typing.get_origin(kind) is not None:
        arguments = [argument for argument in typing.get_args(kind) if argument is not type(None)]
        if typing.get_origin(kind) is frozenset:
            return "letters"
        kind = arguments[0]
    names: dict[Any, str] = {
        bool: "true or false",
        int: "number",
        str: "text",
        timedelta: "time",
        Path: "path",
        Phase: "phase",
        Role: "role",
    }
    if kind in names:
        return names[kind]
    return " · ".join(f"`{member.value}`" for member in kind) if issubclass(kind, Enum) else "text"


def _plural(word: str) -> str:
    return {"text": "texts", "path": "paths", "role": "roles", "mapping": "mappings"}.get(word, word)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    value = field.default
    if isinstance(value, BaseModel) or value in (None, (), {}, ""):
        return "–"
    return ", ".join(f"`{item}`" for item in value) if isinstance(value, tuple) else f"`{_written(value)}`"


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, timedelta):
        seconds = int(value.total_seconds())
        unit, length = next((u, n) for u, n in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)) if seconds % n == 0)
        return f"{seconds // length}{unit}"
    return str(value.value if isinstance(value, Enum) else value)


def _text(field: FieldInfo) -> str:
    return f"{field.title}. {field.description}".replace("|", "\\|")


def _words() -> str:
    phases = "\n".join(f"| {phase.value} | `{phase.name.lower()}` |" for phase in Phase)
    roles = "\n".join(f"| `{role.value}` | {role.label} |" for role in Role)
    rule = ", ".join(f"`{name}`" for name in RuleSettings.model_fields if name not in {"id", "phase", "name_only"})
    propagation = ", ".join(f"`{kind.value}`" for kind in Propagation)
    return f"""| phase | short |
|---|---|
{phases}

| role | |
|---|---|
{roles}

Letters: `R` Responsible, `A` Accountable, `C` Consulted, `I` Informed; `AR` is both, `-` is none.
A rule needs at least one condition: {rule}. Ways for serving to follow the registry: {propagation}.
"""


if __name__ == "__main__":
    print(markdown(), end="")  # noqa: T201 - a page for the standard output
