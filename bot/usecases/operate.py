"""What every operation has: who may ask and approve, how it is shown, and how it is told on the timeline."""

from bot.domain.errors import BadInput
from bot.domain.incident import Incident
from bot.domain.operation import Operation
from bot.domain.plan import OperationKind, Plan, Switch, TrainingRun, VersionMove
from bot.domain.post import Lane, Post, PostKind
from bot.domain.routing import Phase, PhaseChoice, Right, Route, may
from bot.domain.timeline import Actor, Draft, Kind
from bot.ports.store import Transaction
from bot.usecases import notify
from bot.usecases.setup import Setup
from bot.usecases.views import no_operation

EXECUTE = "operation"
"""The name of the durable work that carries out an approved operation; its number is the operation's."""
EXPIRE = "expire"
REASON_LIMIT = 500

_PHASES = {
    OperationKind.ROLLBACK: Phase.DEPLOYMENT,
    OperationKind.PROMOTE: Phase.DEPLOYMENT,
    OperationKind.SHIFT_TRAFFIC: Phase.DEPLOYMENT,
    OperationKind.FREEZE: Phase.DEPLOYMENT,
    OperationKind.RETRAIN: Phase.RETRAINING,
    OperationKind.PAUSE_PIPELINE: Phase.RETRAINING,
    OperationKind.RESUME_PIPELINE: Phase.RETRAINING,
}


def operation_key(number: int) -> str:
    """The post that shows an operation."""
    return f"operation:{number}"


def route_of(setup: Setup, kind: OperationKind, model: str) -> Route:
    """Who may ask for and approve this kind of operation on this model."""
    phase = _PHASES[kind]
    return setup.route_for(PhaseChoice(phase, "operation", f"a {kind.noun} belongs to {phase.value}"), model)


def get(tx: Transaction, number: int) -> Operation:
    """The operation. Raises NotFound."""
    operation = tx.operations.get(number)
    if operation is None:
        raise no_operation(number)
    return operation


def show(tx: Transaction, setup: Setup, operation: Operation, lane: Lane = Lane.UPDATE) -> None:
    """Have Slack show the operation's message, who was asked, and its incident's card as they are now."""
    key = operation_key(operation.number)
    card = tx.posts.get(notify.card_key(operation.incident)) if operation.incident else None
    channel = card.channel if card else setup.channel_of(operation.model)
    thread = card.key if card else None
    tx.posts.want(
        Post(key=key, kind=PostKind.OPERATION, ref=operation.number, channel=channel, lane=lane, thread=thread)
    )
    for person in may("", Right.APPROVE, operation.route, requester=operation.requested_by).who:
        asked = tx.posts.get(f"ask:{operation.number}:{person}")
        if asked is not None:
            tx.posts.want(asked)
    incident = tx.incidents.get(operation.incident) if operation.incident else None
    if incident is not None:
        notify.show(tx, incident)


def plan_text(operation: Operation) -> str:
    """A plan as one timeline entry."""
    plan = operation.plan
    lines = [f"{operation.ref}: {sentence(plan)}.{_because(plan)}"]
    lines += [f"Check {check.result.value}: {check.name}: {check.evidence}" for check in plan.checks]
    lines += [f"Call: {call.method} {call.url} {call.body}".rstrip() for call in plan.calls]
    lines += [f"Not guaranteed: {sentence}" for sentence in plan.cannot]
    lines.append(f"Plan {plan.digest[:12]} expires at {plan.expires_at:%H:%M} UTC.")
    return "\n".join(lines)


def _because(plan: Plan) -> str:
    match plan.aim:
        case VersionMove(target_why=why):
            return f" Target: {why}."
        case TrainingRun(parameters=parameters):
            given = ", ".join(f"{name}={value}" for name, value in parameters) or "none"
            return f" Parameters: {given}."
        case _:
            return ""


def sentence(plan: Plan) -> str:
    """What will be done, in half a sentence."""
    subject = f"{plan.kind.noun} of {plan.model} ({plan.environment})"
    match plan.aim:
        case VersionMove() as move if not move.only_mirrors:
            return f"{subject} from version {move.now.version} to version {move.target.version}"
        case aim:
            return f"{subject}: {aim.headline}"


def again(operation: Operation) -> str:
    """The command that asks for the same anew."""
    aim = operation.plan.aim
    named = asked_by(aim.name) if isinstance(aim, TrainingRun | Switch) else ""
    return f"/mlops {operation.kind.command} {operation.model}{named}"


def asked_by(training: str) -> str:
    """What a command needs for a training that is not the default one."""
    return f" --pipeline {training}" if training else ""


def record(tx: Transaction, operation: Operation, kind: Kind, text: str, actor: Actor, evidence: str = "") -> None:
    """An entry on the timeline of the operation's incident."""
    if operation.incident is not None:
        tx.timeline.append(operation.incident, Draft(kind, text, actor, tx.now, evidence))


def need_model(incident: Incident, command: str) -> BadInput:
    """The error for an operation on an incident whose model is unknown."""
    return BadInput(
        f"{incident.ref} does not say which model it is about ({incident.subject_why}).",
        not_done="Nothing was planned or changed.",
        next_step=f"Name it: /mlops {command} MODEL",
    )
