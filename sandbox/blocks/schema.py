"""What the schema says: fields that are missing, unknown or of the wrong kind.

A choice between many types is decided by `type` first, so that the fault is named in the branch that was meant.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError

from sandbox.blocks.faults import Fault
from sandbox.specs import block_schema

BEYOND = frozenset({"data_visualization"})
"""Blocks that Slack knows and the schema does not."""


def faults(value: object, definition: str, pointer: str) -> Iterator[Fault]:
    """Hold a value to one definition of the schema."""
    for error in _validator(definition).iter_errors(value):
        yield from _named(error, pointer)


@cache
def definition_of(block_type: str) -> str | None:
    """The definition of a block type."""
    return _by_type("KnownBlock").get(block_type)


@cache
def _validator(definition: str) -> Draft7Validator:
    return Draft7Validator({"$ref": f"#/definitions/{definition}", "definitions": block_schema()["definitions"]})


@cache
def _by_type(union: str) -> Mapping[str, str]:
    """The members of a union by their `type`; unions in it are opened."""
    definitions = block_schema()["definitions"]
    found: dict[str, str] = {}
    for branch in definitions[union]["anyOf"]:
        name = branch.get("$ref", "").rpartition("/")[2]
        target = definitions.get(name, branch)
        if name and "anyOf" in target:
            kinds = {kind for one in target["anyOf"] if (kind := _type_of(one))} or set(_by_type(name))
            found |= dict.fromkeys(kinds, name)
        elif name and (kind := _type_of(target)):
            found[kind] = name
    return found


def _type_of(schema: Mapping[str, Any]) -> str | None:
    kind = schema.get("properties", {}).get("type", {}).get("const")
    return str(kind) if kind else None


def _named(error: ValidationError, base: str) -> Iterator[Fault]:
    pointer = base + "".join(f"/{part}" for part in error.absolute_path)
    instance: Any = error.instance
    wanted: Any = error.validator_value
    match error.validator:
        case "anyOf":
            yield from _nearest(error, base, pointer)
        case "required":
            missing = next(name for name in wanted if name not in instance)
            yield Fault(pointer, f"missing required field: {missing}", "required", missing)
        case "additionalProperties":
            rule: Any = error.schema
            for name in instance.keys() - rule.get("properties", {}).keys():
                yield Fault(f"{pointer}/{name}", f"invalid additional property: {name}", "additional_properties")
        case "const" | "enum":
            allowed = wanted if isinstance(wanted, list) else [wanted]
            what = "unsupported type" if pointer.endswith("/type") else "must be a valid enum value"
            yield Fault(pointer, f"{what}: {_short(instance)}", "enum", allowed)
        case "type":
            yield Fault(pointer, f"must provide an {wanted}", "type", wanted)
        case _:
            yield Fault(pointer, _short(error.message), str(error.validator))


def _nearest(error: ValidationError, base: str, pointer: str) -> Iterator[Fault]:
    """The branch with the value's own `type` says what is wrong; without one, the type itself is."""
    branches: dict[int, list[ValidationError]] = {}
    wanted: Any = error.validator_value
    for one in error.context or ():
        branches.setdefault(int(one.relative_schema_path[0]), []).append(one)
    kind = error.instance.get("type") if isinstance(error.instance, Mapping) else None
    fitting = [errors for errors in branches.values() if not any(_about_type(one, error) for one in errors)]
    if kind is None or not fitting:
        expected = sorted(_types(wanted))
        what = f"unsupported type: {_short(kind)}" if kind else "must be a valid object with a type"
        yield Fault(f"{pointer}/type" if kind else pointer, what, "enum", expected)
        return
    best = min(fitting, key=len)
    for one in best:
        one_pointer = base
        yield from _named(one, one_pointer)


def _about_type(one: ValidationError, parent: ValidationError) -> bool:
    """Whether this branch fails because it is meant for another type."""
    path = list(one.absolute_path)[len(list(parent.absolute_path)) :]
    if one.validator == "anyOf" and not path:
        return all(_about_type(inner, parent) for inner in (one.context or ()) if inner.validator in {"const", "enum"})
    return path == ["type"] and one.validator in {"const", "enum"}


def _types(branches: Sequence[Mapping[str, Any]]) -> set[str]:
    definitions = block_schema()["definitions"]
    found: set[str] = set()
    for branch in branches:
        target = definitions[branch["$ref"].rpartition("/")[2]] if "$ref" in branch else branch
        if "anyOf" in target:
            found |= _types(target["anyOf"])
        elif kind := _type_of(target):
            found.add(kind)
    return found


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
