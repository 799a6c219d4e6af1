"""Machine-learning models as registries and serving systems show them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum


class VersionStatus(StrEnum):
    """Whether a registry says that a version can be used."""

    READY = "ready"
    PENDING = "pending"
    FAILED = "failed"
    ARCHIVED = "archived"


@dataclass(frozen=True, slots=True)
class Column:
    """One named input or output of a model. `type` is the registry's own word (`double`, `tensor(float32)[-1,4]`)."""

    name: str
    type: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class Signature:
    """What callers must send and what they get back."""

    inputs: tuple[Column, ...]
    outputs: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """An immutable, numbered result of training. `version` is the registry's own word, e.g. `3`."""

    model: str
    version: str
    status: VersionStatus
    created_at: datetime
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    signature: Signature | None = None
    artifact_loadable: bool | None = None
    """Whether the artefact itself was seen. `None`: not looked at."""
    description: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class SignatureDiff:
    """How a target's signature differs from the one that callers use now."""

    added_required: tuple[Column, ...]
    added_optional: tuple[Column, ...]
    removed: tuple[Column, ...]
    changed: tuple[tuple[Column, Column], ...]
    outputs_changed: bool

    @property
    def compatible(self) -> bool:
        """Whether callers of the present version may call the target unchanged."""
        return not (self.added_required or self.changed or self.outputs_changed)


def compare_signatures(now: Signature, target: Signature) -> SignatureDiff:
    """What a caller of `now` meets when `target` answers instead."""
    have = {column.name: column for column in now.inputs}
    want = {column.name: column for column in target.inputs}
    added = [column for name, column in want.items() if name not in have]
    return SignatureDiff(
        added_required=tuple(column for column in added if column.required),
        added_optional=tuple(column for column in added if not column.required),
        removed=tuple(column for name, column in have.items() if name not in want),
        changed=tuple((have[name], want[name]) for name in have if name in want and _stricter(have[name], want[name])),
        outputs_changed=[(c.name, c.type) for c in now.outputs] != [(c.name, c.type) for c in target.outputs],
    )


def _stricter(now: Column, target: Column) -> bool:
    """Whether what callers send now may be refused: another type, or no longer optional."""
    return now.type != target.type or (target.required and not now.required)


class Propagation(StrEnum):
    """How the serving side follows the registry's pointer."""

    WATCH = "watch"
    """It follows by itself; we wait and look."""
    RESTART = "restart"
    """It loads the alias when it starts, and a person starts it anew: nobody here could."""
    REDEPLOY = "redeploy"
    """The version is named where it is deployed, so its integration is told which one."""
    NONE = "none"
    """Nothing serves this model, or nothing that we can see; the pointer is all there is."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """The registry's name for what should be live: an alias of a registered model."""

    integration: str
    model: str
    alias: str

    @property
    def words(self) -> str:
        """How people name it."""
        return f"alias {self.alias} of {self.model} in {self.integration}"


@dataclass(frozen=True, slots=True)
class Mirror:
    """A further pointer that follows the one that serving reads."""

    pointer: Pointer
    version_tag: str = ""
    """The tag of a version there with the number that it has where serving reads; without it the numbers are equal."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A request by which the serving side itself is asked. It changes nothing; what is no 200 speaks against it."""

    path: str
    """Below the target's address; `{name}` and `{namespace}` where its system has those."""
    version: str = ""
    """Where the version stands in its JSON answer: `model.version`, `versions.0`. Empty: its status is all it says."""
    body: str | None = None
    """JSON text that is posted; `None`: it is a GET."""


@dataclass(frozen=True, slots=True)
class Target:
    """A place where the model answers. `name` is the deployment's name, or its base address."""

    integration: str
    name: str
    probes: tuple[Probe, ...] = ()


@dataclass(frozen=True, slots=True)
class PipelineRef:
    """A pipeline, by its name in an orchestrator."""

    integration: str
    name: str


@dataclass(frozen=True, slots=True)
class Training:
    """How a model is trained anew."""

    pipeline: PipelineRef
    parameters: tuple[tuple[str, str], ...] = ()
    """What is always given to it; a person's own values go before."""
    window_end: str = ""
    """The parameter that says up to when data is taken: it must not reach into the incident."""
    version_tag: str = ""
    """The tag of a new version that carries the run's key; without it, the only new version is taken."""
    fresh_query: str = ""
    """A metrics query for the age of the training data, in seconds."""
    fresh_metrics: str = ""
    """The integration that answers it."""
    fresh_within: timedelta = timedelta(hours=24)
    name: str = ""
    """What people call it; the default one goes by its pipeline's name."""

    @property
    def called(self) -> str:
        """The word after `--pipeline`."""
        return self.name or self.pipeline.name


@dataclass(frozen=True, slots=True)
class Binding:
    """A model in one environment: the pointer, the serving targets, and how one reaches the other."""

    model: str
    environment: str
    pointer: Pointer | None
    serving: tuple[Target, ...]
    propagation: Propagation
    team: str = ""
    production: bool = True
    fallback: str = ""
    """The version that it may be frozen to."""
    challenger: str = "challenger"
    """The alias of a version that is compared with the champion."""
    gate: tuple[tuple[str, bool], ...] = ()
    """Metrics in which a challenger must not be worse; true: more is better."""
    training: Training | None = None
    """The one that is meant when none is named."""
    other_trainings: tuple[Training, ...] = ()
    mirrors: tuple[Mirror, ...] = ()
    """They follow `pointer`, in this order."""

    def called(self, target: Target) -> str:
        """The target's name; with its integration where another one has the same."""
        alike = sum(one.name == target.name for one in self.serving)
        return target.name if alike < 2 else f"{target.name} in {target.integration}"

    @property
    def trainings(self) -> tuple[Training, ...]:
        """All of them, the default one first."""
        return (*((self.training,) if self.training else ()), *self.other_trainings)


class Evidence(StrEnum):
    """How we know which version is live, weakest first."""

    REGISTRY = "registry"
    CONTROL_PLANE = "control plane"
    ANSWER = "answer"
    """The serving process itself said so in an answer."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What one system said is live, at one moment. `token` is the vendor's etag or resourceVersion, if any."""

    version: str | None
    evidence: Evidence
    at: datetime
    healthy: bool | None = None
    in_progress: bool = False
    token: str = ""
    detail: str = ""


class Verdict(StrEnum):
    """What we know about a version's time in production."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class LiveSpan:
    """One line of the live ledger: this version was live from then to then, and how it went."""

    model: str
    environment: str
    version: str
    evidence: Evidence
    since: datetime
    until: datetime | None
    verdict: Verdict
    cause: str = ""
    """What made it live as far as we know: `promoted by …`, `OP-3`, `first seen`."""
    incident: int | None = None


def previous_good(spans: tuple[LiveSpan, ...], current: str) -> LiveSpan | None:
    """The newest ended span of another version that was not unhealthy: never "current minus one"."""
    ended = [span for span in spans if span.until is not None and span.version != current]
    bad = {span.version for span in spans if span.verdict is Verdict.UNHEALTHY}
    good = [span for span in ended if span.version not in bad]
    return max(good, key=lambda span: (span.verdict is Verdict.HEALTHY, span.since), default=None)


@dataclass(frozen=True, slots=True)
class Change:
    """Something that was changed about a model: a promotion, a run, a deployment, an operation of ours."""

    model: str
    kind: str
    text: str
    at: datetime
    by: str = ""
    version: str = ""
    url: str = ""
    integration: str = ""

    @property
    def told(self) -> str:
        """What and by whom, once: many systems name the person in their own sentence."""
        return self.text if not self.by or self.by in self.text else f"{self.text} by {self.by}"
