"""Asking for an operation: a plan, who is asked about it, and how it is shown. Waiting is a row, not a process."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from bot.domain.errors import NotFound
from bot.domain.incident import Incident, Status
from bot.domain.models import Binding
from bot.domain.operation import Operation, OperationState, move, progress
from bot.domain.people import Person
from bot.domain.plan import Check, CheckResult, OperationKind, Plan, Switch, TrainingRun
from bot.domain.post import Lane, Post, PostKind
from bot.domain.routing import Permission, Right, Route, may
from bot.domain.severity import Severity
from bot.domain.timeline import BOT, Actor, Draft, Kind, stamp
from bot.ports.clock import Clock
from bot.ports.store import Store, Timer, Transaction
from bot.usecases import notify
from bot.usecases.operate import EXPIRE, REASON_LIMIT, again, plan_text, record, route_of, sentence, show
from bot.usecases.plans import make
from bot.usecases.plans.training import training_of
from bot.usecases.reply import Reply, Tone, say
from bot.usecases.setup import Setup
from bot.usecases.systems import Systems

URGENT = {OperationKind.ROLLBACK, OperationKind.FREEZE}
YIELDING = {OperationKind.PROMOTE, OperationKind.SHIFT_TRAFFIC}
"""What nobody has approved yet gives way to what is urgent."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks for. The incident that it is about decides in which environment."""

    kind: OperationKind
    model: str
    by: Person
    about: Incident | None = None
    reason: str = ""
    to: str | None = None
    """A version."""
    percent: int | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    undoes: int | None = None
    policy: str = ""
    """The policy that asks in the place of a person."""
    pipeline: str = ""
    """The name of a training; empty: the default one."""

    @property
    def actor(self) -> Actor:
        """Who stands on the timeline as having asked."""
        return BOT if self.policy else self.by.actor


async def ask(store: Store, setup: Setup, systems: Systems, clock: Clock, wish: Wish) -> Reply:
    """Make a plan and ask for its approval; a second request of the same kind joins the first one.

    The incident that it is about decides in which environment: a failure in staging changes nothing in production.
    """
    environment = wish.about.environment if wish.about else None
    binding = setup.binding(wish.model, environment)
    if binding is None:
        raise _unknown_model(setup, wish.model)
    route = route_of(setup, wish.kind, wish.model)
    allowed = may(wish.by.id, Right.REQUEST, route)
    if not allowed.allowed and not wish.policy:
        return await store.write(lambda tx: _refuse_request(tx, setup, binding, wish, allowed))
    there = await store.write(lambda tx: _meet(tx, setup, binding, wish))
    if there is not None:
        return there
    plan = await make.plan(store, setup, systems, clock, binding, make.Request(
        wish.kind, wish.to, wish.percent, wish.parameters, wish.about, wish.pipeline
    ))  # fmt: skip
    plan = _mind_environment(plan, environment)
    return await store.write(lambda tx: _propose(tx, setup, plan, route, wish))


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


def _refuse_request(tx: Transaction, setup: Setup, binding: Binding, wish: Wish, allowed: Permission) -> Reply:
    about = tx.incidents.get(wish.about.number) if wish.about else _live_incident(tx, binding.model)
    what, by = wish.kind.noun, wish.by
    if about is not None:
        text = f"{by.name} asked for a {what} of {binding.model}: not permitted ({allowed.why})."
        tx.timeline.append(about.number, Draft(Kind.REFUSAL, text, by.actor, tx.now))
    else:
        # There is no timeline that it could stand on; it is kept all the same.
        tx.keys.put("refusal", f"{stamp(tx.now)}:{by.id}", f"{by.name} asked for a {what} of {binding.model}")
    names = " or ".join(setup.name(person) for person in allowed.who)
    return say(
        f"The {what} of {binding.model} was not planned.",
        f"Asking for one needs somebody who is {allowed.why}.",
        f"That is {names}." if names else "Nobody is configured for it.",
        f"Why: /mlops who {binding.model}",
        tone=Tone.REFUSED,
    )


# ---------------------------------------------------------------- one at a time


def _meet(tx: Transaction, setup: Setup, binding: Binding, wish: Wish) -> Reply | None:
    """What is going on there already: joined, put aside, or in the way."""
    going = tx.operations.holding(binding.model, binding.environment, wish.kind.lane)
    if going is None:
        return None
    if going.kind is wish.kind and not _another_pipeline(binding, going, wish):
        return _join(tx, setup, going, wish)
    if wish.kind in URGENT and going.kind in YIELDING and going.state is OperationState.AWAITING_APPROVAL:
        _put_aside(tx, setup, going, wish)
        return None
    return say(
        f"{going.ref} is going on for {binding.model} already: {going.kind.noun}, {going.plan.aim.headline}, "
        f"{going.state.value}.",
        f"The {wish.kind.noun} was not planned: one change at a time.",
        f"{setup.name(going.requested_by)} asked for {going.ref}; it is ended by /mlops cancel {going.ref}",
        tone=Tone.REFUSED,
    )


def _another_pipeline(binding: Binding, going: Operation, wish: Wish) -> bool:
    """Who asks for another training has not asked for the same."""
    match going.plan.aim:
        case TrainingRun(name=name) | Switch(name=name):
            return training_of(binding, wish.pipeline).name != name
        case _:
            return False


def _join(tx: Transaction, setup: Setup, going: Operation, wish: Wish) -> Reply:
    if wish.by.id != going.requested_by and wish.by.id not in going.joined_by:
        after = progress(going, joined_by=(*going.joined_by, wish.by.id))
        tx.operations.save(after, expected=going.state)
        record(tx, after, Kind.REQUESTED, f"{wish.by.name} asked for a {going.kind.noun} as well: joined.", wish.actor)
        show(tx, setup, after)
    return say(
        f"{going.ref} is going on for {going.model} already: {going.kind.noun}, {going.plan.aim.headline}, "
        f"{going.state.value}.",
        f"No second one was started. {setup.name(going.requested_by)} asked for it.",
        tone=Tone.INFO,
    )


def _put_aside(tx: Transaction, setup: Setup, going: Operation, wish: Wish) -> None:
    text = f"{wish.by.name} asked for a {wish.kind.noun}, which goes before it. Nothing was changed."
    after = move(going, OperationState.STALE, outcome=text, finished_at=tx.now)
    tx.operations.save(after, expected=going.state)
    tx.timers.cancel(f"{EXPIRE}:{going.number}")
    record(tx, after, Kind.CANCELLED, f"{going.ref} was put aside: {text} Ask anew: {again(going)}", BOT)
    show(tx, setup, after)


# ---------------------------------------------------------------- proposing


def _propose(tx: Transaction, setup: Setup, plan: Plan, route: Route, wish: Wish) -> Reply:
    binding = setup.binding(plan.model, plan.environment)
    if binding is not None and (there := _meet(tx, setup, binding, wish)) is not None:
        return there
    about = tx.incidents.get(wish.about.number) if wish.about else _live_incident(tx, plan.model)
    about = about or _open_for_change(tx, setup, plan, wish)
    operation = Operation(
        number=tx.operations.next_number(),
        kind=plan.kind,
        model=plan.model,
        environment=plan.environment,
        state=OperationState.AWAITING_APPROVAL,
        plan=plan,
        route=route,
        requested_by=wish.by.id,
        requested_at=tx.now,
        reason=" ".join(wish.reason.split())[:REASON_LIMIT],
        incident=about.number,
        policy=wish.policy,
        undoes=wish.undoes,
    )
    if plan.blocked:
        return _blocked(tx, operation, about, wish)
    tx.operations.add(operation)
    asked = f"{wish.by.name} asked for {operation.ref}: {sentence(plan)}. Reason: {operation.reason or 'none given'}."
    tx.timeline.append(about.number, Draft(Kind.REQUESTED, asked, wish.actor, tx.now))
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
        f"{operation.ref} is planned: {sentence(operation.plan)}.",
        f"Nothing has been changed. {names} must approve it within {minutes} min."
        if names
        else "Nothing has been changed, and nobody is configured who could approve it: see /mlops who.",
        *(f"Mind: {check.name}: {check.evidence}" for check in warned),
        tone=Tone.DONE,
    )


def _blocked(tx: Transaction, operation: Operation, about: Incident, wish: Wish) -> Reply:
    """A plan that its own checks forbid is shown and recorded, and nobody is asked to approve it."""
    reasons = [f"{check.name}: {check.evidence}" for check in operation.plan.blocked]
    text = f"{wish.by.name} asked for: {sentence(operation.plan)}. Its checks forbid it: {'; '.join(reasons)}."
    tx.timeline.append(about.number, Draft(Kind.REFUSAL, text, BOT, tx.now))
    moves = operation.plan.aim.what == "version"
    return say(
        f"The {sentence(operation.plan)} is not safe.",
        *reasons,
        "Nothing was changed, and nobody was asked to approve it.",
        f"Try another version: {again(operation)} --to VERSION" if moves else "",
        tone=Tone.REFUSED,
    )


def _live_incident(tx: Transaction, model: str) -> Incident | None:
    return next(iter(tx.incidents.live(model=model, limit=1)), None)


def _open_for_change(tx: Transaction, setup: Setup, plan: Plan, wish: Wish) -> Incident:
    """A change without an incident still leaves a timeline: it gets a card of its own, and nobody is paged."""
    route = route_of(setup, plan.kind, plan.model)
    incident = Incident(
        number=tx.incidents.next_number(),
        title=f"Planned {plan.kind.noun} of {plan.model}",
        status=Status.OPEN,
        severity=Severity.SEV4,
        severity_why="a change without an incident",
        route=route,
        model=plan.model,
        version=plan.move.now.version if plan.aim.what == "version" else None,
        environment=plan.environment,
        feature=None,
        subject_why=f"named by {wish.by.name}",
        source="declared",
        opened_at=tx.now,
        started_at=tx.now,
        assignee=wish.by.id,
    )
    tx.incidents.add(incident)
    opened = f"{wish.by.name} opened {incident.ref} by asking for a {plan.kind.noun}."
    tx.timeline.append(incident.number, Draft(Kind.OPENED, opened, wish.actor, tx.now))
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
