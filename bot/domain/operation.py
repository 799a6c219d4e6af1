"""Operations: a plan that is approved as it is, done once, verified in layers. The plan's hash is what is approved."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Literal

from bot.domain.errors import IllegalTransition
from bot.domain.models import ModelVersion, Observation, PipelineRef, SignatureDiff, Target
from bot.domain.routing import Route
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


_TRAINING = {OperationKind.RETRAIN, OperationKind.PAUSE_PIPELINE, OperationKind.RESUME_PIPELINE}


class OperationState(StrEnum):
    """Where an operation stands. The order is the story's."""

    AWAITING_APPROVAL = "awaiting approval"
    APPROVED = "approved"
    EXECUTING = "executing"
    RUNNING = "running"
    """The run that was started goes on."""
    VERIFYING = "verifying"
    WATCHING = "watching"
    """Done and confirmed; whether it helps is being looked at."""
    SUCCEEDED = "succeeded"
    NOT_RECOVERED = "done, not recovered"
    """Done and confirmed, and what it was done for is not over."""
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    STALE = "out of date"
    """The world moved after the plan was made: refused, a new plan is needed."""
    IN_DOUBT = "in doubt"
    """Sent, never confirmed: somebody must look."""
    INCONCLUSIVE = "changed, not confirmed"
    """The change was made; that it serves could not be shown."""
    FAILED = "failed"
    UNDOING = "undoing"
    UNDONE = "undone"

    @property
    def final(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self in _FINAL

    @property
    def holds_the_model(self) -> bool:
        """Whether another operation on the same binding must wait."""
        return self in _HOLDING


_LEGAL: Mapping[OperationState, frozenset[OperationState]] = {
    OperationState.AWAITING_APPROVAL: frozenset(
        {
            OperationState.APPROVED, OperationState.REJECTED, OperationState.EXPIRED, OperationState.CANCELLED,
            OperationState.STALE,
        }
    ),
    OperationState.APPROVED: frozenset(
        {OperationState.EXECUTING, OperationState.STALE, OperationState.FAILED, OperationState.CANCELLED}
    ),
    OperationState.EXECUTING: frozenset(
        {
            OperationState.VERIFYING, OperationState.RUNNING, OperationState.IN_DOUBT, OperationState.FAILED,
            OperationState.STALE,
        }
    ),
    OperationState.RUNNING: frozenset(
        {OperationState.VERIFYING, OperationState.FAILED, OperationState.CANCELLED, OperationState.INCONCLUSIVE}
    ),
    OperationState.VERIFYING: frozenset(
        {
            OperationState.WATCHING, OperationState.SUCCEEDED, OperationState.INCONCLUSIVE, OperationState.FAILED,
            OperationState.UNDOING,
        }
    ),
    OperationState.WATCHING: frozenset(
        {
            OperationState.SUCCEEDED, OperationState.NOT_RECOVERED, OperationState.INCONCLUSIVE,
            OperationState.UNDOING, OperationState.FAILED,
        }
    ),
    OperationState.IN_DOUBT: frozenset(
        {OperationState.VERIFYING, OperationState.RUNNING, OperationState.UNDOING, OperationState.FAILED}
    ),
    OperationState.UNDOING: frozenset(
        {OperationState.UNDONE, OperationState.IN_DOUBT, OperationState.FAILED, OperationState.INCONCLUSIVE}
    ),
    OperationState.FAILED: frozenset(),
    OperationState.INCONCLUSIVE: frozenset(),
    OperationState.SUCCEEDED: frozenset(),
    OperationState.NOT_RECOVERED: frozenset(),
    OperationState.REJECTED: frozenset(),
    OperationState.EXPIRED: frozenset(),
    OperationState.CANCELLED: frozenset(),
    OperationState.STALE: frozenset(),
    OperationState.UNDONE: frozenset(),
}  # fmt: skip
_FINAL = frozenset(
    {
        OperationState.SUCCEEDED, OperationState.REJECTED, OperationState.EXPIRED, OperationState.CANCELLED,
        OperationState.STALE, OperationState.FAILED, OperationState.UNDONE, OperationState.INCONCLUSIVE,
        OperationState.NOT_RECOVERED,
    }
)  # fmt: skip
_HOLDING = frozenset(set(OperationState) - _FINAL - {OperationState.WATCHING})
"""One that is only watched holds nobody up: whoever sees that it doesn't help must be able to act."""


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

    @property
    def headline(self) -> str:
        """From what to what."""
        return f"version {self.now.version} → {self.target.version}"

    @property
    def relied_on(self) -> object:
        """What an approver relies on, as JSON."""
        return {
            "current": _version(self.current),
            "from": [self.now.version, _seen(self.now.pointer), _seen(self.now.serving)],
            "propagation": self.propagation,
            "signature": None if self.signature_diff is None else asdict(self.signature_diff),
            "to": _version(self.target),
            "why": self.target_why,
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

    @property
    def headline(self) -> str:
        """Which pipeline."""
        return f"run of {self.pipeline.name}"

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

    @property
    def headline(self) -> str:
        """Which pipeline, and which way."""
        return f"{self.pipeline.name} {'on → off' if self.paused else 'off → on'}"

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
        assert isinstance(self.aim, VersionMove), f"a {self.kind.value} moves no version"
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


class Stage(StrEnum):
    """How far it came: states of the world that people must be able to tell apart."""

    REQUESTED = "requested"
    REGISTRY_CHANGED = "registry changed"
    SERVING_CONFIRMED = "serving confirmed"
    TRAFFIC_SHIFTED = "traffic shifted"
    RUN_STARTED = "run started"
    RUN_SUCCEEDED = "run succeeded"
    CHALLENGER = "challenger registered"
    SWITCHED = "schedule switched"


def course(aim: Aim) -> tuple[Stage, ...]:
    """The stages of an operation with this aim, in their order."""
    match aim:
        case VersionMove():
            return Stage.REQUESTED, Stage.REGISTRY_CHANGED, Stage.SERVING_CONFIRMED
        case TrainingRun():
            return Stage.REQUESTED, Stage.RUN_STARTED, Stage.RUN_SUCCEEDED, Stage.CHALLENGER
        case TrafficMove():
            return Stage.REQUESTED, Stage.TRAFFIC_SHIFTED
        case Switch():
            return Stage.REQUESTED, Stage.SWITCHED


class Confirmation(StrEnum):
    """A layered verification's result."""

    SUCCESS = "success"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    """No traffic, no serving target, no answer: asks a person, never counts as success."""


class TaskStatus(StrEnum):
    """Where one task of a run stands, in Slack's words."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    COMPLETE = "complete"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class TaskProgress:
    """One task of the run that an operation has started."""

    name: str
    status: TaskStatus
    detail: str = ""
    """The orchestrator's own word, where it says more."""


@dataclass(frozen=True, slots=True)
class RunProgress:
    """The run that an operation has started, as last seen."""

    id: str
    url: str = ""
    tasks: tuple[TaskProgress, ...] = ()
    total: int | None = None

    @property
    def done(self) -> int:
        """How many tasks have ended well."""
        return sum(task.status is TaskStatus.COMPLETE for task in self.tasks)


@dataclass(frozen=True, slots=True)
class Watch:
    """What is watched after a change, from what was true when it began."""

    since: datetime
    until: datetime
    firing: int
    """How many alerts of the incident fired then."""
    query: str = ""
    metrics: str = ""
    """The integration that answers the query."""
    baseline: float | None = None
    last: float | None = None
    bad_above: bool = True


@dataclass(frozen=True, slots=True)
class Operation:
    """A durable change the bot makes on somebody's behalf. Done once."""

    number: int
    kind: OperationKind
    model: str
    environment: str
    state: OperationState
    plan: Plan
    route: Route
    requested_by: str
    requested_at: datetime
    reason: str
    incident: int | None
    revision: int = 1
    stage: Stage = Stage.REQUESTED
    decided_by: str | None = None
    decided_at: datetime | None = None
    decision_reason: str = ""
    break_glass: bool = False
    policy: str = ""
    """The policy that asked for it, and, in the mode `auto`, approved it."""
    undoes: int | None = None
    """The operation that this one takes back."""
    run: RunProgress | None = None
    result: ModelVersion | None = None
    """The version that a run has yielded."""
    watch: Watch | None = None
    cancelled_by: str | None = None
    """Who asked a run to stop; it ends when the orchestrator says so."""
    outcome: str = ""
    """One sentence for people: what is true now."""
    evidence: str = ""
    finished_at: datetime | None = None
    joined_by: tuple[str, ...] = ()
    """Others who asked for the same while it was going on."""

    @property
    def ref(self) -> str:
        """How people name it: `OP-17`."""
        return f"OP-{self.number}"

    @property
    def can_be_undone(self) -> bool:
        """Whether it has changed something that serves and that a plan can bring back."""
        changed = self.stage is not Stage.REQUESTED and self.kind is not OperationKind.RETRAIN
        return changed and self.state in _UNDOABLE


_UNDOABLE = {
    OperationState.SUCCEEDED, OperationState.NOT_RECOVERED, OperationState.WATCHING, OperationState.INCONCLUSIVE,
    OperationState.FAILED,
}  # fmt: skip


def move(operation: Operation, to: OperationState, **changes: object) -> Operation:
    """The operation in its next state; refuses what the state machine doesn't know."""
    if to not in _LEGAL[operation.state]:
        raise IllegalTransition(
            f"{operation.ref} is {operation.state.value}.",
            not_done=f"It was not moved to {to.value}.",
            next_step="Somebody was first, or its plan is no longer open; ask for a new one if it is still needed.",
        )
    return replace(operation, state=to, revision=operation.revision + 1, **changes)  # type: ignore[arg-type]  # replace checks the names at run time


def progress(operation: Operation, **changes: object) -> Operation:
    """The same state with something new to show."""
    return replace(operation, revision=operation.revision + 1, **changes)  # type: ignore[arg-type]  # replace checks the names at run time


def legal(state: OperationState) -> frozenset[OperationState]:
    """The states that may follow."""
    return _LEGAL[state]


# ---------------------------------------------------------------- intents


class IntentState(StrEnum):
    """One irreversible call: written down before, marked after."""

    INTENDED = "intended"
    DONE = "done"
    REFUSED = "refused"
    IN_DOUBT = "in doubt"


@dataclass(frozen=True, slots=True)
class Intent:
    """The row that exists before the call is made. `key` is the idempotency key: operation and step."""

    key: str
    operation: int
    step: str
    state: IntentState
    call: str
    intended_at: datetime
    finished_at: datetime | None = None
    result: str = ""
    attempts: int = 1
