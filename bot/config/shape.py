"""What the settings expect at a path: a section, a map, a list, a value or a secret. Read off the types alone."""

import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr

from bot.config.yaml_lines import Path


class Sort(StrEnum):
    """What a setting is made of."""

    SECTION = "section"
    MAP = "map"
    LIST = "list"
    VALUE = "value"
    SECRET = "secret"  # noqa: S105 - a word, not a secret
    ANYTHING = "anything"


@dataclass(frozen=True, slots=True)
class Shape:
    """What is expected at one place. `model` is given for a section, `inner` for the values of a map or list."""

    sort: Sort
    model: type[BaseModel] | None = None
    inner: Any = None

    def child(self, key: str | int) -> "Shape | None":
        """What is expected under a key; `None` where nothing may stand."""
        match self.sort:
            case Sort.SECTION:
                return section_child(self.model, str(key))
            case Sort.MAP | Sort.LIST:
                return shape_of(self.inner)
            case Sort.ANYTHING:
                return self
            case Sort.VALUE | Sort.SECRET:
                return None


def section_child(model: type[BaseModel] | None, key: str) -> Shape | None:
    """What a section expects under a key. `X_file` is understood wherever `X` is a secret."""
    if model is None:
        return None
    field = model.model_fields.get(key)
    if field is not None:
        return shape_of(field.annotation)
    base = model.model_fields.get(key.removesuffix("_file")) if key.endswith("_file") else None
    if base is not None and shape_of(base.annotation).sort is Sort.SECRET:
        return Shape(Sort.VALUE)
    return None


def shape_of(annotation: Any) -> Shape:
    """The shape of a type."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return shape_of(get_args(annotation)[0])
    if origin in {Union, types.UnionType}:
        return shape_of(next(arg for arg in get_args(annotation) if arg is not type(None)))
    if annotation is Any:
        return Shape(Sort.ANYTHING)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return Shape(Sort.MAP, inner=get_args(annotation)[1])
    if isinstance(origin, type) and issubclass(origin, Sequence | frozenset | set):
        sort = Sort.LIST
        return Shape(Sort.VALUE) if origin is frozenset else Shape(sort, inner=get_args(annotation)[0])
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return Shape(Sort.SECTION, model=annotation)
    if isinstance(annotation, type) and issubclass(annotation, SecretStr):
        return Shape(Sort.SECRET)
    return Shape(Sort.VALUE)


def secrets(shape: Shape, data: Any, path: Path = ()) -> Iterator[Path]:
    """The paths of the data at which a secret stands."""
    if shape.sort is Sort.SECRET:
        yield path
        return
    items: Iterator[tuple[str | int, Any]] = iter(())
    if isinstance(data, Mapping):
        items = iter(data.items())
    elif isinstance(data, list):
        items = iter(enumerate(data))
    for key, value in items:
        child = shape.child(key)
        if child is not None:
            yield from secrets(child, value, (*path, key))
