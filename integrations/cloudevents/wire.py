"""CloudEvents 1.0 (JSON format and HTTP binding), our drift event's data, and alibi-detect's verdict.

Sources: cloudevents/spec 1.0 (Apache-2.0); the output of alibi-detect 0.13 `predict()`.
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from bot.domain.alert import Direction, DriftKind
from bot.kit.parsing import Moment, Number, Text, Wire

DRIFT_TYPE = "org.mlopsbot.model.drift.v1"
"""Our event type; its data is `Verdict`."""


class Event(Wire):
    """The attributes of an event; those that we don't name are its extensions."""

    model_config = ConfigDict(extra="allow")

    specversion: str = Field(pattern=r"^1\.")
    id: str = Field(min_length=1)
    source: str = Field(min_length=1)
    type: str = Field(min_length=1)
    subject: Text = ""
    time: Moment = None
    datacontenttype: Text = ""
    data: Any = None
    data_base64: str | None = None


class Feature(Wire):
    """How far one feature has moved. Without `drifted` its score is compared with its or the verdict's threshold."""

    name: str = Field(min_length=1)
    score: Number = None
    threshold: Number = None
    drifted: bool | None = None


class Window(Wire):
    """What was compared with the reference."""

    start: Moment = None
    end: Moment = None


class Links(Wire):
    """Where a person reads on."""

    report: Text = ""
    dashboard: Text = ""
    runbook: Text = ""


class Verdict(Wire):
    """The data of our drift event. Only `status` is needed; without a model's name the model is unknown."""

    status: Literal["firing", "resolved"]
    kind: DriftKind = DriftKind.DATA
    model_name: Text = ""
    model_version: Text = ""
    environment: Text = ""
    namespace: Text = ""
    service: Text = ""
    feature: Text = ""
    metric: Text = ""
    method: Text = ""
    score: Number = None
    threshold: Number = None
    direction: Direction = Direction.ABOVE
    features: tuple[Feature, ...] = ()
    sample_size: int | None = Field(default=None, ge=0)
    window: Window = Field(default_factory=Window)
    severity: Text = ""
    summary: Text = ""
    links: Links = Field(default_factory=Links)


def _many(value: object) -> object:
    if value is None:
        return ()
    return value if isinstance(value, list | tuple) else (value,)


Numbers = Annotated[tuple[Number, ...], BeforeValidator(_many)]
"""One number, or one per feature."""


class AlibiData(Wire):
    """`is_drift` is 0 or 1, or one of them per feature; the threshold is already corrected for many features."""

    is_drift: Annotated[tuple[bool, ...], BeforeValidator(_many), Field(min_length=1)]
    distance: Numbers = ()
    p_val: Numbers = ()
    threshold: Numbers = ()


class AlibiMeta(Wire):
    """Which detector it was."""

    name: Text = ""


class Alibi(Wire):
    """A verdict of alibi-detect."""

    data: AlibiData
    meta: AlibiMeta = Field(default_factory=AlibiMeta)
