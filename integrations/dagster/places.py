"""Where in a job's run config its parameters are, and which there are; and a run config made of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.domain.errors import Unreadable
from bot.kit.parsing import read_json
from bot.ports.systems import Parameter, Scalar
from integrations.dagster.manifest import ONLY
from integrations.dagster.wire import ConfigField, ConfigSchema, ConfigType

DEEPEST = 12
"""Graphs within graphs: so many levels are looked through."""
_WORDS = {"Int": "integer", "Float": "number", "Bool": "boolean", "String": "string"}
_OTHERS = {"ArrayConfigType": "array", "MapConfigType": "object", "CompositeConfigType": "object"}
_NO_TYPE = ConfigType(typename="RegularConfigType", key="", givenName="Any")


@dataclass(frozen=True, slots=True)
class Place:
    """A place that takes parameters. `parameters` is `None` when it takes whatever it is given."""

    path: tuple[str, ...]
    parameters: tuple[Parameter, ...] | None
    set_by_job: Mapping[str, Any]
    """What the job itself has set there. Dagster would forget it as soon as anything at all is given."""


@dataclass(frozen=True, slots=True)
class Found:
    """The place, or why there is none; a job that takes nothing has neither."""

    place: Place | None = None
    fault: str = ""


class Places:
    """The run config of one job."""

    def __init__(self, schema: ConfigSchema) -> None:
        self._types = {one.key: one for one in schema.types}
        self._root = self._type(schema.root.key) if schema.root is not None else _NO_TYPE

    def find(self, wanted: str) -> Found:
        """The place that the settings name, or the only op that takes anything."""
        if wanted:
            return self._at(tuple(wanted.split(".")))
        there = list(self._takers(self._root, ()))
        if not there:
            return Found()
        if len(there) > 1:
            named = ", ".join(".".join(path) for path in there[:5])
            return Found(
                fault=f"{len(there)} places take parameters ({named}{', …' if len(there) > 5 else ''}), and "
                "parameters_at in its settings names none of them"
            )
        return self._at(there[0])

    def _takers(self, kind: ConfigType, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        """Every `config` that says what it takes, of ops and of graphs of ops."""
        fields = {field.name: field for field in kind.fields}
        config = fields.get("config")
        if config is not None and self._type(config.type_key).given_name != "Any":
            yield (*path, "config")
        ops = fields.get("ops")
        if ops is not None and len(path) < DEEPEST:
            for op in self._type(ops.type_key).fields:
                yield from self._takers(self._type(op.type_key), (*path, "ops", op.name))

    def _at(self, path: tuple[str, ...]) -> Found:
        kind, given = self._root, None
        for name in path:
            field = next((one for one in kind.fields if one.name == name), None)
            if field is None:
                return Found(fault=f"its run config has no place {'.'.join(path)}")
            given = self._default(field, given)
            kind = self._type(field.type_key)
        if kind.typename != "CompositeConfigType" or kind.selector:
            return Found(fault=f"{'.'.join(path)} takes {_a(self._word(kind))}, and no parameters by name")
        return Found(self._place(path, kind, given if isinstance(given, Mapping) else {}))

    def _place(self, path: tuple[str, ...], kind: ConfigType, given: Mapping[str, Any]) -> Place:
        anything = kind.key.startswith("Permissive") and not kind.fields
        own = {field.name: _json(field.default) for field in kind.fields}
        return Place(
            path,
            None if anything else tuple(self._parameter(field, given) for field in kind.fields),
            {name: value for name, value in given.items() if own.get(name) != value},
        )

    def _parameter(self, field: ConfigField, given: Mapping[str, Any]) -> Parameter:
        default = given.get(field.name, _json(field.default))
        kind = self._type(field.type_key)
        return Parameter(
            field.name,
            self._word(kind),
            required=field.required and field.name not in given,
            default=default if isinstance(default, str | int | float) else None,
            choices=tuple(one.value for one in self._bare(kind).values),
            description=" ".join(field.description.split()),
        )

    def _default(self, field: ConfigField, outer: Any) -> Any:
        """A field's own default, or what the default of what is around it says about it."""
        if field.default is not None:
            return _json(field.default)
        return outer.get(field.name) if isinstance(outer, Mapping) else None

    def _word(self, kind: ConfigType) -> str:
        """JSON Schema's word for it; Dagster's own where there is none."""
        bare = self._bare(kind)
        if bare.values:
            return "string"
        return _WORDS.get(bare.given_name) or _OTHERS.get(bare.typename) or bare.given_name.lower()

    def _bare(self, kind: ConfigType) -> ConfigType:
        """Without "or nothing", and without "or the name of an environment variable"."""
        for _ in range(DEEPEST):
            if kind.typename == "NullableConfigType" and kind.inner:
                kind = self._type(kind.inner[0])
            elif kind.typename == "ScalarUnionConfigType":
                kind = self._type(kind.scalar)
            else:
                break
        return kind

    def _type(self, key: str) -> ConfigType:
        return self._types.get(key, _NO_TYPE)


# ---------------------------------------------------------------- run configs


def planned(parameters: Mapping[str, Scalar], wanted: str) -> Mapping[str, Any]:
    """The run config as far as it is known without asking Dagster."""
    return _nested(tuple(wanted.split(".")) if wanted else ("ops", ONLY, "config"), parameters)


def config_of(parameters: Mapping[str, Scalar], place: Place | None) -> Mapping[str, Any]:
    """The run config that is sent: what the job itself has set stays, unless it is given."""
    if place is None or not parameters:
        return {}
    return _nested(place.path, {**place.set_by_job, **parameters})


def _nested(path: Sequence[str], parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    made: Mapping[str, Any] = dict(parameters)
    for name in reversed(path) if parameters else ():
        made = {name: made}
    return made


def parameters_of(config: object, wanted: str) -> Mapping[str, Scalar] | None:
    """What a run was given, as far as it has a short form; `None` when it can't be told which place is meant."""
    found = [_inside(config, wanted.split("."))] if wanted else list(_configs(config))
    if len(found) != 1 or not isinstance(found[0], Mapping):
        return None
    return {name: value for name, value in found[0].items() if isinstance(value, str | int | float)}


def _inside(config: object, path: Sequence[str]) -> object:
    for name in path:
        config = config.get(name) if isinstance(config, Mapping) else None
    return config


def _configs(config: object, depth: int = 0) -> Iterator[object]:
    if not isinstance(config, Mapping) or depth > DEEPEST:
        return
    if "config" in config:
        yield config["config"]
    ops = config.get("ops")
    for op in ops.values() if isinstance(ops, Mapping) else ():
        yield from _configs(op, depth + 1)


def _json(text: str | None) -> Any:
    try:
        return None if text is None else read_json(text, "dagster")
    except Unreadable:
        return None


def _a(word: str) -> str:
    return f"an {word}" if word[:1] in "aeiou" else f"a {word}"
