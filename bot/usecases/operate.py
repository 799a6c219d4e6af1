"""Asking for an operation: a plan, who is asked about it, and how it is shown. Waiting is a row, not a process."""

from collections.abc import Sequence
from dataclasses import replace

from bot.domain.errors import BadInput, NotFound
from bot.domain.incident import Incident, Status
from bot.domain.models import Binding, LiveSpan
from bot.domain.operation import Check, CheckResult, Operation, OperationKind, OperationState, Plan, progress
from bot.domain.people import Person
from bot.domain.post import Lane, Post, PostKind
from bot.domain.routing import Permission, Phase, PhaseChoice, Right, Route, may
from bot.domain.severity import Severity
from bot.domain.timeline import BOT, Actor, Draft, Kind, stamp
from bot.ports.clock import Clock
from bot.ports.store import Store, Timer, Transaction
from bot.usecases import live, notify
from bot.usecases.reply import Reply, Tone, say
from bot.usecases.rollback import plan_rollback
from bot.usecases.setup import Setup
from bot.usecases.systems import Systems
from bot.usecases.views import no_operation

EXECUTE = "operation"
"""The name of the durable work that carries out an approved operation; its number is the operation's."""
EXPIRE = "expire"
REASON_LIMIT = 500

_PHASES = {
    OperationKind.ROLLBACK: Phase.DEPLOYMENT,
    OperationKind.SHIFT_TRAFFIC: Phase.DEPLOYMENT,
    OperationKind.FREEZE: Phase.DEPLOYMENT,
    OperationKind.RETRAIN: Phase.RETRAINING,
    OperationKind.PAUSE_PIPELINE: Phase.RETRAINING,
}


def operation_key(number: int) -> str:
    """The post that shows an operation."""
    return f"operation:{number}"


def route_of(setup: Setup, kind: OperationKind, model: str) -> Route:
    """Who may ask for and approve this kind of operation on this model."""
    phase = _PHASES[kind]
    return setup.route_for(PhaseChoice(phase, "operation", f"a {kind.value} belongs to {phase.value}"), model)


# ---------------------------------------------------------------- asking


async def request_rollback(
    store: Store,
    setup: Setup,
    systems: Systems,
    clock: Clock,
    *,
    model: str,
    to: str | None,
    about: Incident | None,
    reason: str,
    by: Person,
) -> Reply:
    """Make a plan and ask for its approval; a second request for the same model joins the first one.

    The incident that it is about decides in which environment: a failure in staging changes nothing in production.
    """
    environment = about.environment if about else None
    binding = setup.binding(model, environment)
    if binding is None:
        raise _unknown_model(setup, model)
    incident = about.number if about else None
    route = route_of(setup, OperationKind.ROLLBACK, model)
    allowed = may(by.id, Right.REQUEST, route)
    if not allowed.allowed:
        return await store.write(lambda tx: _refuse_request(tx, setup, binding, by, allowed, incident))
    joined = await store.write(lambda tx: _join(tx, setup, binding, by))
    if joined is not None:
        return joined
    await live.look_at(store, systems, binding, clock)
    spans: tuple[LiveSpan, ...] = await store.read(lambda tx: tx.ledger.spans(binding.model, binding.environment))
    plan = await plan_rollback(systems, binding, spans, to, now=clock.now(), ttl=setup.policies.plan_ttl)
    plan = _mind_environment(plan, environment)
    return await store.write(lambda tx: _propose(tx, setup, plan, route, incident, reason, by))


def _mind_environment(plan: Plan, environment: str | None) -> Plan:
    """A monitor's word for an environment that the configuration doesn't know: the plan says which one it means."""
    if environment is None or environment == plan.environment:
        return plan
    text = f"the incident is about {environment[:60]}, which is not configured; this plan is about {plan.environment}"
    return replace(plan, checks=(*plan.checks, Check("environment", CheckResult.WARN, text)))


def _unknown_model(setup: Setup, model: str) -> NotFound:
    known = ", ".join(setup.models[:10]) or "none"
    return NotFound(
        f"The model {model[:80]} is not in the configuration.",
        not_done="Nothing was planned or changed.",
        next_step=f"Known models: {known}. See /mlops models",
    )


def _refuse_request(
    tx: Transaction, setup: Setup, binding: Binding, by: Person, allowed: Permission, incident: int | None
) -> Reply:
    about = tx.incidents.get(incident) if incident else _live_incident(tx, binding.model)
    if about is not None:
        text = f"{by.name} asked for a rollback of {binding.model}: not permitted ({allowed.why})."
        tx.timeline.append(about.number, Draft(Kind.REFUSAL, text, by.actor, tx.now))
    else:
        # There is no timeline that it could stand on; it is kept all the same.
        tx.keys.put("refusal", f"{stamp(tx.now)}:{by.id}", f"{by.name} asked for a rollback of {binding.model}")
    names = " or ".join(setup.name(person) for person in allowed.who)
    return say(
        f"The rollback of {binding.model} was not planned.",
        f"Asking for one needs somebody who is {allowed.why}.",
        f"That is {names}." if names else "Nobody is configured for it.",
        f"Why: /mlops who {binding.model}",
        tone=Tone.REFUSED,
    )


def _join(tx: Transaction, setup: Setup, binding: Binding, by: Person) -> Reply | None:
    going = tx.operations.holding(binding.model, binding.environment)
    if going is None:
        return None
    if by.id != going.requested_by and by.id not in going.joined_by:
        after = progress(going, joined_by=(*going.joined_by, by.id))
        tx.operations.save(after, expected=going.state)
        record(tx, after, Kind.REQUESTED, f"{by.name} asked for a {going.kind.value} as well: joined.", by.actor)
        show(tx, setup, after)
    return say(
        f"{going.ref} is going on for {binding.model} already: {going.kind.value} to version "
        f"{going.plan.target.version}, {going.state.value}.",
        f"No second one was started. {setup.name(going.requested_by)} asked for it.",
        tone=Tone.INFO,
    )


def _propose(
    tx: Transaction, setup: Setup, plan: Plan, route: Route, incident: int | None, reason: str, by: Person
) -> Reply:
    binding = setup.binding(plan.model, plan.environment)
    if binding is not None and (joined := _join(tx, setup, binding, by)) is not None:
        return joined
    about = tx.incidents.get(incident) if incident else _live_incident(tx, plan.model)
    about = about or _open_for_change(tx, setup, plan, by)
    operation = Operation(
        number=tx.operations.next_number(),
        kind=plan.kind,
        model=plan.model,
        environment=plan.environment,
        state=OperationState.AWAITING_APPROVAL,
        plan=plan,
        route=route,
        requested_by=by.id,
        requested_at=tx.now,
        reason=" ".join(reason.split())[:REASON_LIMIT],
        incident=about.number,
    )
    if plan.blocked:
        return _blocked(tx, operation, about, by)
    tx.operations.add(operation)
    asked = f"{by.name} asked for {operation.ref}: {_sentence(operation)}. Reason: {operation.reason or 'none given'}."
    tx.timeline.append(about.number, Draft(Kind.REQUESTED, asked, by.actor, tx.now))
    tx.timeline.append(about.number, Draft(Kind.PLANNED, plan_text(operation), BOT, tx.now, f"sha256:{plan.digest}"))
    tx.timers.set(Timer(f"{EXPIRE}:{operation.number}", EXPIRE, operation.number, plan.expires_at))
    show(tx, setup, operation, lane=Lane.PAGE)
    approvers = _ask(tx, setup, operation)
    return _proposed(setup, operation, approvers)


def _proposed(setup: Setup, operation: Operation, approvers: Sequence[str]) -> Reply:
    names = " or ".join(setup.name(person) for person in approvers)
    minutes = int((operation.plan.expires_at - operation.plan.made_at).total_seconds() // 60)
    warned = [check for check in operation.plan.checks if check.result is CheckResult.WARN]
    return say(
        f"{operation.ref} is planned: {_sentence(operation)}.",
        f"Nothing has been changed. {names} must approve it within {minutes} min."
        if names
        else "Nothing has been changed, and nobody is configured who could approve it: see /mlops who.",
        *(f"Mind: {check.name}: {check.evidence}" for check in warned),
        tone=Tone.DONE,
    )


def _blocked(tx: Transaction, operation: Operation, about: Incident, by: Person) -> Reply:
    """A plan that its own checks forbid is shown and recorded, and nobody is asked to approve it."""
    reasons = [f"{check.name}: {check.evidence}" for check in operation.plan.blocked]
    text = f"{by.name} asked for: {_sentence(operation)}. Its checks forbid it: {'; '.join(reasons)}."
    tx.timeline.append(about.number, Draft(Kind.REFUSAL, text, BOT, tx.now))
    return say(
        f"The {operation.kind.value} of {operation.model} to version {operation.plan.target.version} is not safe.",
        *reasons,
        "Nothing was changed, and nobody was asked to approve it.",
        f"Try another version: /mlops {operation.kind.value} {operation.model} --to VERSION",
        tone=Tone.REFUSED,
    )


def _live_incident(tx: Transaction, model: str) -> Incident | None:
    return next(iter(tx.incidents.live(model=model, limit=1)), None)


def _open_for_change(tx: Transaction, setup: Setup, plan: Plan, by: Person) -> Incident:
    """A change without an incident still leaves a timeline: it gets a card of its own, and nobody is paged."""
    route = route_of(setup, plan.kind, plan.model)
    incident = Incident(
        number=tx.incidents.next_number(),
        title=f"Planned {plan.kind.value} of {plan.model}",
        status=Status.OPEN,
        severity=Severity.SEV4,
        severity_why="a change without an incident",
        route=route,
        model=plan.model,
        version=plan.now.version,
        environment=plan.environment,
        feature=None,
        subject_why=f"named by {by.name}",
        source="declared",
        opened_at=tx.now,
        started_at=tx.now,
        assignee=by.id,
    )
    tx.incidents.add(incident)
    opened = f"{by.name} opened {incident.ref} by asking for a {plan.kind.value}."
    tx.timeline.append(incident.number, Draft(Kind.OPENED, opened, by.actor, tx.now))
    card = Post(
        key=notify.card_key(incident.number), kind=PostKind.CARD, ref=incident.number,
        channel=setup.channel_of(plan.model), lane=Lane.UPDATE,
    )  # fmt: skip
    tx.posts.want(card)
    return incident


def _ask(tx: Transaction, setup: Setup, operation: Operation) -> tuple[str, ...]:
    """A direct message to everybody who may approve it."""
    approvers = may("", Right.APPROVE, operation.route, requester=operation.requested_by).who
    for person in (person for person in approvers if setup.person(person).reachable):
        tx.posts.want(
            Post(
                key=f"ask:{operation.number}:{person}", kind=PostKind.ASK, ref=operation.number,
                channel=f"@{person}", lane=Lane.PAGE, body=person,
            )
        )  # fmt: skip
    return approvers


# ---------------------------------------------------------------- shared


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
    lines = [f"{operation.ref}: {_sentence(operation)}. Target: {plan.target_why}."]
    lines += [f"Check {check.result.value}: {check.name}: {check.evidence}" for check in plan.checks]
    lines += [f"Call: {call.method} {call.url} {call.body}".rstrip() for call in plan.calls]
    lines += [f"Not guaranteed: {sentence}" for sentence in plan.cannot]
    lines.append(f"Plan {plan.digest[:12]} expires at {plan.expires_at:%H:%M} UTC.")
    return "\n".join(lines)


def _sentence(operation: Operation) -> str:
    plan = operation.plan
    return (
        f"{operation.kind.value} of {plan.model} ({plan.environment}) "
        f"from version {plan.now.version} to version {plan.target.version}"
    )


def again(operation: Operation) -> str:
    """The command that asks for the same anew."""
    return f"/mlops {operation.kind.value} {operation.model}"


def record(tx: Transaction, operation: Operation, kind: Kind, text: str, actor: Actor, evidence: str = "") -> None:
    """An entry on the timeline of the operation's incident."""
    if operation.incident is not None:
        tx.timeline.append(operation.incident, Draft(kind, text, actor, tx.now, evidence))


def need_model(incident: Incident) -> BadInput:
    """The error for an operation on an incident whose model is unknown."""
    return BadInput(
        f"{incident.ref} does not say which model it is about ({incident.subject_why}).",
        not_done="Nothing was planned or changed.",
        next_step="Name it: /mlops rollback MODEL",
    )
