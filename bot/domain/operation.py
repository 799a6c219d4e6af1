"""Operations: a plan that is approved as it is, done once, verified in layers. The plan's hash is what is approved."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum

from bot.domain.errors import IllegalTransition
from bot.domain.models import ModelVersion, Observation, SignatureDiff
from bot.domain.routing import Route
from bot.domain.timeline import stamp


class OperationKind(StrEnum):
    """What can be done to a model."""

    ROLLBACK = "rollback"
    RETRAIN = "retrain"
    SHIFT_TRAFFIC = "shift traffic"
    FREEZE = "freeze"
    PAUSE_PIPELINE = "pause pipeline"


class OperationState(StrEnum):
    """Where an operation stands. The order is the story's."""

    AWAITING_APPROVAL = "awaiting approval"
    APPROVED = "approved"
    EXECUTING = "executing"
    VERIFYING = "verifying"
    WATCHING = "watching"
    SUCCEEDED = "succeeded"
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
        {OperationState.VERIFYING, OperationState.IN_DOUBT, OperationState.FAILED, OperationState.STALE}
    ),
    OperationState.VERIFYING: frozenset(
        {
            OperationState.WATCHING, OperationState.SUCCEEDED, OperationState.INCONCLUSIVE, OperationState.FAILED,
            OperationState.UNDOING,
        }
    ),
    OperationState.WATCHING: frozenset(
        {OperationState.SUCCEEDED, OperationState.INCONCLUSIVE, OperationState.UNDOING, OperationState.FAILED}
    ),
    OperationState.IN_DOUBT: frozenset({OperationState.VERIFYING, OperationState.FAILED}),
    OperationState.FAILED: frozenset({OperationState.UNDOING}),
    OperationState.INCONCLUSIVE: frozenset({OperationState.SUCCEEDED, OperationState.UNDOING}),
    OperationState.UNDOING: frozenset({OperationState.UNDONE, OperationState.IN_DOUBT}),
    OperationState.SUCCEEDED: frozenset(),
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
    }
)  # fmt: skip
_HOLDING = frozenset(set(OperationState) - _FINAL)


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
class Plan:
    """What will be done, exactly. Its digest is what is approved; it expires."""

    kind: OperationKind
    model: str
    environment: str
    now: Live
    target: ModelVersion
    current: ModelVersion | None
    target_why: str
    """Why this version: "live from … to …, 4,112 h, healthy (ledger)"."""
    checks: tuple[Check, ...]
    calls: tuple[Call, ...]
    signature_diff: SignatureDiff | None
    propagation: str
    cannot: tuple[str, ...]
    """What the systems involved can't guarantee, in sentences."""
    undo: str
    made_at: datetime
    expires_at: datetime

    @property
    def blocked(self) -> tuple[Check, ...]:
        """The checks that forbid it."""
        return tuple(check for check in self.checks if check.result is CheckResult.BLOCK)

    @property
    def digest(self) -> str:
        """SHA-256 over everything that an approver relies on (hex)."""
        relied_on = {
            "calls": [[c.integration, c.method, c.url, c.body, c.note] for c in self.calls],
            "cannot": self.cannot,
            "checks": [[c.name, c.result.value, c.evidence] for c in self.checks],
            "current": _version(self.current),
            "environment": self.environment,
            "expires_at": stamp(self.expires_at),
            "from": [self.now.version, _seen(self.now.pointer), _seen(self.now.serving)],
            "kind": self.kind.value,
            "made_at": stamp(self.made_at),
            "model": self.model,
            "propagation": self.propagation,
            "signature": None if self.signature_diff is None else asdict(self.signature_diff),
            "to": _version(self.target),
            "undo": self.undo,
            "why": self.target_why,
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
    """The three states of a rollback that people must be able to tell apart."""

    REQUESTED = "requested"
    REGISTRY_CHANGED = "registry changed"
    SERVING_CONFIRMED = "serving confirmed"


class Confirmation(StrEnum):
    """A layered verification's result."""

    SUCCESS = "success"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    """No traffic, no serving target, no answer: asks a person, never counts as success."""


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
