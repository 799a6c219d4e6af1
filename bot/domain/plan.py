"""Plans: what will be done to a model, exactly, with what was read and checked. Its hash is what is approved."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from bot.domain.models import ModelVersion, Observation, PipelineRef, Pointer, SignatureDiff, Target
from bot.domain.timeline import stamp


class OperationKind(StrEnum):
    """What can be done to a model."""

    ROLLBACK = "rollback"
    PROMOTE = "promote"
    FREEZE = "freeze"
    """Back to the fallback version that the configuration names."""
    SHIFT_TRAFFIC = "shift traffic"
    RETRAIN = "retrain"
    PAUSE_PIPELINE = "pause pipeline"
    RESUME_PIPELINE = "resume pipeline"

    @property
    def lane(self) -> str:
        """Operations of one lane on a model exclude each other: a long training keeps nobody from rolling back."""
        return "training" if self in _TRAINING else "serving"

    @property
    def command(self) -> str:
        """The word after `/mlops` that asks for it."""
        return self.value.split()[0]

    @property
    def noun(self) -> str:
        """What it is called in a sentence, after `a` or `the`, before `of MODEL`."""
        return _NOUNS[self]


_NOUNS: Mapping[OperationKind, str] = {
    OperationKind.ROLLBACK: "rollback", OperationKind.PROMOTE: "promotion", OperationKind.FREEZE: "freeze",
    OperationKind.SHIFT_TRAFFIC: "traffic shift", OperationKind.RETRAIN: "retraining",
    OperationKind.PAUSE_PIPELINE: "pipeline pause", OperationKind.RESUME_PIPELINE: "pipeline resumption",
}  # fmt: skip
_TRAINING = {OperationKind.RETRAIN, OperationKind.PAUSE_PIPELINE, OperationKind.RESUME_PIPELINE}


class CheckResult(StrEnum):
    """A preflight check's outcome. Only `block` prevents the plan from being approved."""

    PASS = "pass"  # noqa: S105 - a word, not a password
    WARN = "warn"
    BLOCK = "block"


@dataclass(frozen=True, slots=True)
class Check:
    """One preflight check with its evidence."""

    name: str
    result: CheckResult
    evidence: str


@dataclass(frozen=True, slots=True)
class Call:
    """One call that will be made, exactly, with secrets taken out. `body` is JSON text."""

    integration: str
    method: str
    url: str
    body: str = ""
    note: str = ""
    """What this system can't guarantee: "cannot protect us from a concurrent change"."""


@dataclass(frozen=True, slots=True)
class Live:
    """What was live when the plan was made, as read."""

    version: str
    pointer: Observation | None
    serving: Observation | None


@dataclass(frozen=True, slots=True)
class MirrorMove:
    """A further pointer that is to follow: where it stood when it was read, and where it will stand."""

    pointer: Pointer
    before: Observation
    to: str


@dataclass(frozen=True, slots=True)
class VersionMove:
    """Another version is to serve: a rollback, a promotion, a fallback."""

    now: Live
    target: ModelVersion
    current: ModelVersion | None
    target_why: str
    """Why this version: "live from … to …, 4,112 h, healthy (ledger)"."""
    signature_diff: SignatureDiff | None
    propagation: str
    what: Literal["version"] = "version"
    mirrors: tuple[MirrorMove, ...] = ()
    """They are moved after everything else, in this order."""
    left_out: tuple[str, ...] = ()
    """Mirrors that can't follow: a sentence about each."""

    @property
    def only_mirrors(self) -> bool:
        """Whether what serves stays as it is, and only what was left behind follows."""
        return self.now.version == self.target.version

    @property
    def headline(self) -> str:
        """From what to what."""
        if self.only_mirrors:
            return f"mirrors → {self.target.version}"
        return f"version {self.now.version} → {self.target.version}"

    @property
    def relied_on(self) -> object:
        """What an approver relies on, as JSON."""
        mirrors = [[asdict(one.pointer), _seen(one.before), one.to] for one in self.mirrors]
        return {
            "current": _version(self.current),
            "from": [self.now.version, _seen(self.now.pointer), _seen(self.now.serving)],
            "propagation": self.propagation,
            "signature": None if self.signature_diff is None else asdict(self.signature_diff),
            "to": _version(self.target),
            "why": self.target_why,
            **({"mirrors": mirrors, "left out": self.left_out} if mirrors or self.left_out else {}),
        }


ParameterValue = str | int | float | bool


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """A pipeline is to be run; what it yields becomes the challenger of the champion, and serves nobody yet."""

    pipeline: PipelineRef
    parameters: tuple[tuple[str, ParameterValue], ...]
    champion: ModelVersion | None
    newest: str
    """The newest version there was, so that the one that the run yields can be told."""
    challenger: str
    """The alias that the new version gets."""
    url: str = ""
    """Where the pipeline can be looked at."""
    what: Literal["run"] = "run"
    name: str = ""
    """Which training of the model; empty: the default one."""

    @property
    def headline(self) -> str:
        """Which pipeline."""
        return f"run of {self.pipeline.name}{_named(self.name)}"

    @property
    def relied_on(self) -> object:
        """What an approver relies on, as JSON."""
        return {
            "challenger": self.challenger,
            "champion": _version(self.champion),
            "parameters": [list(pair) for pair in self.parameters],
            "pipeline": [self.pipeline.integration, self.pipeline.name],
        }


@dataclass(frozen=True, slots=True)
class TrafficMove:
    """Requests are to be shared otherwise between two versions that are both deployed."""

    target: Target
    version: str
    percent: int
    before: tuple[tuple[str, int], ...]
    token: str
    """The vendor's etag or resourceVersion when it was read."""
    what: Literal["traffic"] = "traffic"

    @property
    def was(self) -> int:
        """What the version had, in percent."""
        return dict(self.before).get(self.version, 0)

    @property
    def headline(self) -> str:
        """From how much to how much."""
        return f"version {self.version} {self.was} % → {self.percent} %"

    @property
    def relied_on(self) -> object:
        """What an approver relies on, as JSON."""
        return {
            "before": [list(share) for share in self.before],
            "percent": self.percent,
            "target": [self.target.integration, self.target.name],
            "token": self.token,
            "version": self.version,
        }


@dataclass(frozen=True, slots=True)
class Switch:
    """A pipeline's schedule is to be switched off or on."""

    pipeline: PipelineRef
    paused: bool
    url: str = ""
    what: Literal["switch"] = "switch"
    name: str = ""
    """Which training of the model; empty: the default one."""

    @property
    def headline(self) -> str:
        """Which pipeline, and which way."""
        return f"{self.pipeline.name}{_named(self.name)} {'on → off' if self.paused else 'off → on'}"

    @property
    def relied_on(self) -> object:
        """What an approver relies on, as JSON."""
        return {"paused": self.paused, "pipeline": [self.pipeline.integration, self.pipeline.name]}


Aim = VersionMove | TrainingRun | TrafficMove | Switch


def look_at(aim: Aim) -> str:
    """The address at which a person sees whether it was done; nothing when the system has none."""
    match aim:
        case VersionMove():
            return aim.target.url
        case TrainingRun() | Switch():
            return aim.url
        case TrafficMove():
            return ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done, exactly. Its digest is what is approved; it expires."""

    kind: OperationKind
    model: str
    environment: str
    aim: Aim
    checks: tuple[Check, ...]
    calls: tuple[Call, ...]
    cannot: tuple[str, ...]
    """What the systems involved can't guarantee, in sentences."""
    undo: str
    made_at: datetime
    expires_at: datetime

    @property
    def move(self) -> VersionMove:
        """The aim of a plan that makes another version serve."""
        assert isinstance(self.aim, VersionMove), f"a {self.kind.noun} moves no version"
        return self.aim

    @property
    def blocked(self) -> tuple[Check, ...]:
        """The checks that forbid it."""
        return tuple(check for check in self.checks if check.result is CheckResult.BLOCK)

    @property
    def digest(self) -> str:
        """SHA-256 over everything that an approver relies on (hex)."""
        relied_on = {
            "aim": self.aim.relied_on,
            "calls": [[c.integration, c.method, c.url, c.body, c.note] for c in self.calls],
            "cannot": self.cannot,
            "checks": [[c.name, c.result.value, c.evidence] for c in self.checks],
            "environment": self.environment,
            "expires_at": stamp(self.expires_at),
            "kind": self.kind.value,
            "made_at": stamp(self.made_at),
            "model": self.model,
            "undo": self.undo,
        }
        text = json.dumps(relied_on, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _named(training: str) -> str:
    return f" ({training})" if training else ""


def _seen(observation: Observation | None) -> object:
    """What was read, without when: the same answer a moment later is the same world."""
    if observation is None:
        return None
    return [observation.version, observation.evidence.value, observation.healthy, observation.token]


def _version(version: ModelVersion | None) -> object:
    """What an approver compares: the number, whether it can be used, and its metrics; not its prose."""
    if version is None:
        return None
    return [version.version, version.status.value, version.artifact_loadable, dict(version.metrics)]
