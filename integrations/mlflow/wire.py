"""MLflow's JSON and its MLmodel file, typed; from its protobuf descriptors (3.17.2) and the answers of a server."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import yaml
from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError

from bot.domain.errors import Unreadable
from bot.domain.models import Column, Signature
from bot.kit.parsing import Moment, Number, Text, Wire, read_json

YEAR_10000 = 253_402_300_800_000
TYPE_LIMIT = 200
"""Longer types, nested ones, are shown cut and with a digest, so that two of them stay different."""


def _or_empty(value: object) -> object:
    return [] if value is None else value


class Pair(Wire):
    """A tag."""

    key: str
    value: Text = ""


class AliasOf(Wire):
    """An alias and its version."""

    alias: str
    version: Text


class Version(Wire):
    """`model_version`. `aliases` is there in single answers only, never in searches."""

    name: str
    version: Text
    creation_timestamp: int = Field(ge=0, lt=YEAR_10000)
    status: str = ""
    current_stage: Text = ""
    description: Text = ""
    source: Text = ""
    run_id: Text = ""
    user_id: Text = ""
    tags: Annotated[tuple[Pair, ...], BeforeValidator(_or_empty)] = ()
    aliases: Annotated[tuple[str, ...], BeforeValidator(_or_empty)] = ()

    @property
    def created_at(self) -> datetime:
        """When it was registered."""
        return datetime.fromtimestamp(self.creation_timestamp / 1000, UTC)

    @property
    def tag_texts(self) -> Mapping[str, str]:
        """Its tags by name."""
        return {tag.key: tag.value for tag in self.tags}


class VersionAnswer(Wire):
    """Answer of `model-versions/get` and `registered-models/alias`."""

    model_version: Version


class VersionsPage(Wire):
    """Answer of `model-versions/search`; an empty result is `{}`."""

    model_versions: Annotated[tuple[Version, ...], BeforeValidator(_or_empty)] = ()
    next_page_token: Text = ""


class Model(Wire):
    """`registered_model`."""

    name: str
    aliases: Annotated[tuple[AliasOf, ...], BeforeValidator(_or_empty)] = ()


class ModelAnswer(Wire):
    """Answer of `registered-models/get`."""

    registered_model: Model


class ModelsPage(Wire):
    """Answer of `registered-models/search`."""

    registered_models: Annotated[tuple[Model, ...], BeforeValidator(_or_empty)] = ()
    next_page_token: Text = ""


class Metric(Wire):
    """One measured value; NaN and infinity are none."""

    key: str
    value: Number = None
    timestamp: int = 0
    step: int = 0


class Measured(Wire):
    """`data` of a run or of a logged model."""

    metrics: Annotated[tuple[Metric, ...], BeforeValidator(_or_empty)] = ()

    @property
    def values(self) -> Mapping[str, float]:
        """The newest value of every metric."""
        ordered = sorted(self.metrics, key=lambda metric: (metric.step, metric.timestamp))
        return {metric.key: metric.value for metric in ordered if metric.value is not None}


class Run(Wire):
    """`run`, or `model` of a logged model."""

    data: Measured = Measured()


class RunAnswer(Wire):
    """Answer of `runs/get`."""

    run: Run


class LoggedModelAnswer(Wire):
    """Answer of `logged-models/{id}` (MLflow 3)."""

    model: Run


class Fault(Wire):
    """What a refusal holds."""

    error_code: Text = ""
    message: Text = ""


class HookData(Wire):
    """`data` of a delivery, over all its kinds."""

    name: Text = ""
    version: Text = ""
    alias: Text = ""
    key: Text = ""
    value: Text = ""


class Hook(Wire):
    """A delivery of a registry webhook."""

    entity: str
    action: str
    timestamp: Moment = None
    data: HookData


_MOMENT: TypeAdapter[datetime | None] = TypeAdapter(Moment)


def moment(text: str) -> datetime | None:
    """A time that a person or a job wrote into a tag (ISO 8601 or Unix seconds); `None` when it is none."""
    try:
        return _MOMENT.validate_python(text.strip())
    except ValidationError:
        return None


# ---------------------------------------------------------------- the MLmodel file


def read_mlmodel(text: str, system: str) -> Signature | None:
    """The signature out of an MLmodel file (YAML); `None` when the model was logged without one.

    Raises:
        Unreadable: it is no MLmodel file, so MLflow itself could not load the model.

    """
    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise Unreadable("The file MLmodel is not YAML.", system=system) from None
    if not isinstance(value, dict) or not isinstance(value.get("flavors"), dict):
        raise Unreadable("The file MLmodel names no flavors.", system=system)
    signature = value.get("signature")
    if not isinstance(signature, dict):
        return None
    return Signature(_columns(signature.get("inputs"), system), _columns(signature.get("outputs"), system))


def _columns(raw: object, system: str) -> tuple[Column, ...]:
    """`inputs` or `outputs`: a list as JSON text. Not YAML itself: a few references can be a billion columns."""
    if raw is None:
        return ()
    listed = read_json(raw, system) if isinstance(raw, str) else None
    if not isinstance(listed, list):
        raise Unreadable("The signature in the file MLmodel is no list of columns.", system=system)
    return tuple(_column(item, position, system) for position, item in enumerate(listed, start=1))


def _column(item: object, position: int, system: str) -> Column:
    if not isinstance(item, dict):
        raise Unreadable("The signature in the file MLmodel holds something that is no column.", system=system)
    name = item.get("name")
    required = item.get("required", True) is not False and item.get("optional", False) is not True
    return Column(str(name) if name is not None else f"#{position}", _short(_type(item)), required)


def _short(kind: str) -> str:
    if len(kind) <= TYPE_LIMIT:
        return kind
    return f"{kind[: TYPE_LIMIT - 20]}… ({hashlib.sha256(kind.encode()).hexdigest()[:12]})"


def _type(item: Mapping[str, Any], depth: int = 0) -> str:
    """A type as one word: `double`, `tensor(float32)[-1,4]`, `array(string)`, `object(a: long, b?: string)`."""
    kind = str(item.get("type", "unknown"))
    if depth > 8:
        return kind
    spec = item.get("tensor-spec")
    if kind == "tensor" and isinstance(spec, dict):
        shape = spec.get("shape")
        sizes = ",".join(str(size) for size in shape) if isinstance(shape, list) else ""
        return f"tensor({spec.get('dtype', '?')})[{sizes}]"
    inner = item.get("items") if kind == "array" else item.get("values")
    if kind in {"array", "map"} and isinstance(inner, dict):
        return f"{kind}({_type(inner, depth + 1)})"
    fields = item.get("properties")
    if kind == "object" and isinstance(fields, dict):
        return f"object({', '.join(_members(fields, depth))})"
    return kind


def _members(fields: Mapping[str, Any], depth: int) -> Sequence[str]:
    return [
        f"{name}{'' if part.get('required', True) else '?'}: {_type(part, depth + 1)}"
        for name, part in sorted(fields.items())
        if isinstance(part, dict)
    ]
