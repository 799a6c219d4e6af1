"""Airflow's Params, which are JSON Schema, as parameters. What these can't say is left to Airflow to refuse."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from bot.ports.systems import Parameter, Scalar
from integrations.airflow.wire import Param

SETTABLE = ("string", "integer", "number", "boolean")
DATE = r"^\d{4}-\d{2}-\d{2}$"
DESCRIPTION_LIMIT = 500
CHOICES_LIMIT = 200
"""A list that is longer is no list to choose from; Airflow refuses what is not in it."""


def parameters(params: Mapping[str, Param]) -> tuple[Parameter, ...]:
    """All of a DAG, in its order."""
    return tuple(_parameter(name, param) for name, param in params.items())


def _parameter(name: str, param: Param) -> Parameter:
    schema = param.schema_
    kinds = _kinds(schema, param.value)
    kind = next((one for one in kinds if one != "null"), "string")
    settable = kind in SETTABLE
    return Parameter(
        name,
        kind,
        required=param.value is None and bool(kinds) and "null" not in kinds,
        default=_scalar(param.value) if settable else None,
        choices=_choices(schema) if settable else (),
        minimum=_bound(schema, "minimum", "exclusiveMinimum", kind, 1),
        maximum=_bound(schema, "maximum", "exclusiveMaximum", kind, -1),
        pattern=_pattern(schema) if kind == "string" else "",
        description=(param.description or _text(schema, "title"))[:DESCRIPTION_LIMIT],
    )


def _kinds(schema: Mapping[str, Any], default: object) -> Sequence[str]:
    """JSON Schema's words, in its order; without any, that of the default. Nothing: anything may be given."""
    told = schema.get("type")
    if isinstance(told, str):
        return (told,)
    if isinstance(told, list):
        return tuple(one for one in told if isinstance(one, str))
    example = default if default is not None else next(iter(_choices(schema)), None)
    match example:
        case bool():
            return ("boolean",)
        case int():
            return ("integer",)
        case float():
            return ("number",)
        case str():
            return ("string",)
        case None:
            return ()
        case _:
            return ("array",) if isinstance(example, list) else ("object",)


def _choices(schema: Mapping[str, Any]) -> tuple[Scalar, ...]:
    listed = [schema["const"]] if "const" in schema else schema.get("enum")
    if not isinstance(listed, list) or len(listed) > CHOICES_LIMIT:
        return ()
    return tuple(value for one in listed if (value := _scalar(one)) is not None)


def _bound(schema: Mapping[str, Any], key: str, exclusive: str, kind: str, step: int) -> float | None:
    """The tighter of the two. An exclusive bound of whole numbers is the next one; of others only Airflow knows it."""
    if kind not in {"integer", "number"}:
        return None
    beyond = _number(schema.get(exclusive))
    if beyond is not None and kind == "integer":
        beyond = (math.floor(beyond) if step > 0 else math.ceil(beyond)) + step
    found = [value for value in (_number(schema.get(key)), beyond) if value is not None]
    return (max(found) if step > 0 else min(found)) if found else None


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) else None


def _pattern(schema: Mapping[str, Any]) -> str:
    return _text(schema, "pattern") or (DATE if schema.get("format") == "date" else "")


def _text(schema: Mapping[str, Any], key: str) -> str:
    value = schema.get(key)
    return value if isinstance(value, str) else ""


def _scalar(value: object) -> Scalar | None:
    return value if isinstance(value, str | int | float | bool) else None
