"""Operations: an approved plan, done once, verified in layers, watched; and the intents of its calls."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from bot.domain.errors import IllegalTransition
from bot.domain.models import ModelVersion
from bot.domain.plan import Aim, OperationKind, Plan, Switch, TrafficMove, TrainingRun, VersionMove
from bot.domain.routing import Route


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
    PARTLY = "done in part"
    """Done and confirmed where it serves; a further pointer is not where it should be."""
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
            OperationState.UNDOING, OperationState.PARTLY,
        }
    ),
    OperationState.WATCHING: frozenset(
        {
            OperationState.SUCCEEDED, OperationState.NOT_RECOVERED, OperationState.INCONCLUSIVE,
            OperationState.UNDOING, OperationState.FAILED, OperationState.PARTLY,
        }
    ),
    OperationState.IN_DOUBT: frozenset(
        {OperationState.VERIFYING, OperationState.RUNNING, OperationState.UNDOING, OperationState.FAILED}
    ),
    OperationState.UNDOING: frozenset(
        {
            OperationState.UNDONE, OperationState.IN_DOUBT, OperationState.FAILED, OperationState.INCONCLUSIVE,
            OperationState.PARTLY,
        }
    ),
    OperationState.FAILED: frozenset(),
    OperationState.INCONCLUSIVE: frozenset(),
    OperationState.SUCCEEDED: frozenset(),
    OperationState.NOT_RECOVERED: frozenset(),
    OperationState.PARTLY: frozenset(),
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
        OperationState.NOT_RECOVERED, OperationState.PARTLY,
    }
)  # fmt: skip


_HOLDING = frozenset(set(OperationState) - _FINAL - {OperationState.WATCHING})
"""One that is only watched holds nobody up: whoever sees that it doesn't help must be able to act."""


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
    behind: tuple[str, ...] = ()
    """Pointers that are not where they should be: a sentence about each."""
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
    OperationState.FAILED, OperationState.PARTLY,
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


class IntentState(StrEnum):
    """One irreversible call: written down before, marked after."""

    INTENDED = "intended"
    DONE = "done"
    REFUSED = "refused"
    CONFLICT = "conflict"
    """Refused because the world had moved."""
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
