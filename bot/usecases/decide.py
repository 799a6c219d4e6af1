"""Deciding about a plan: another person's yes to exactly this plan, a no, a taking back, or nobody's answer in time."""

from collections.abc import Callable, Mapping

from bot.domain.operation import Operation, OperationState, move, progress
from bot.domain.people import Person
from bot.domain.post import Lane, Post, PostKind
from bot.domain.routing import Permission, Right, may
from bot.domain.timeline import BOT, Kind
from bot.ports.store import Transaction
from bot.usecases.operate import EXECUTE, EXPIRE, REASON_LIMIT, again, get, record, show
from bot.usecases.reply import Mentions, Reply, Tone, say, to_json
from bot.usecases.setup import Setup

SHORTEST_REASON = 5
"""Characters of a reason for doing it without approval."""


def approve(tx: Transaction, setup: Setup, number: int, by: Person, reason: str = "") -> Reply:
    """An Accountable person's yes to exactly this plan: the first click wins, and starts the work in one commit."""
    operation = get(tx, number)
    if operation.state is not OperationState.AWAITING_APPROVAL:
        return _too_late(setup, operation, "approved")
    allowed = may(by.id, Right.APPROVE, operation.route, requester=operation.requested_by)
    if not allowed.allowed:
        return _refuse(tx, operation, by, "approved", allowed)
    if operation.state is OperationState.AWAITING_APPROVAL and tx.now >= operation.plan.expires_at:
        expire(tx, setup, number)
        return say(
            f"{operation.ref} was not approved: its plan has expired.",
            "Nothing was changed.",
            f"Ask anew: {again(operation)}",
            tone=Tone.REFUSED,
        )
    after = move(
        operation, OperationState.APPROVED, decided_by=by.id, decided_at=tx.now, decision_reason=reason[:REASON_LIMIT]
    )
    tx.operations.save(after, expected=OperationState.AWAITING_APPROVAL)
    tx.timers.cancel(f"{EXPIRE}:{number}")
    tx.start_work(EXECUTE, number)
    text = f"{by.name} approved {operation.ref}, plan {operation.plan.digest[:12]}.{_why(reason)}"
    record(tx, after, Kind.APPROVED, text, by.actor, f"sha256:{operation.plan.digest}")
    show(tx, setup, after, lane=Lane.ACKNOWLEDGEMENT)
    return say(f"{operation.ref} is approved and starts now.", "Its message is kept up to date.", tone=Tone.DONE)


def reject(tx: Transaction, setup: Setup, number: int, by: Person, reason: str = "") -> Reply:
    """A no, with a reason where one was given."""
    operation = get(tx, number)
    if operation.state is not OperationState.AWAITING_APPROVAL:
        return _too_late(setup, operation, "rejected")
    allowed = may(by.id, Right.REJECT, operation.route, requester=operation.requested_by)
    if not allowed.allowed:
        return _refuse(tx, operation, by, "rejected", allowed)
    return _end(tx, setup, operation, by, OperationState.REJECTED, Kind.REJECTED, reason)


def break_glass(tx: Transaction, setup: Setup, number: int, by: Person, reason: str = "") -> Reply:
    """A Responsible person starts it without approval, with a reason; Accountable and Informed hear of it at once."""
    operation = get(tx, number)
    if operation.state is not OperationState.AWAITING_APPROVAL:
        return _too_late(setup, operation, "started")
    allowed = may(by.id, Right.BREAK_GLASS, operation.route)
    if not allowed.allowed:
        return _refuse(tx, operation, by, "started without approval", allowed)
    why = " ".join(reason.split())[:REASON_LIMIT]
    if len(why) < SHORTEST_REASON:
        return say(
            f"{operation.ref} was not started.", "Without an approval it needs a reason that others can judge later.",
            f"Like: /mlops break-glass {operation.ref} payments fail and nobody answers", tone=Tone.REFUSED,
        )  # fmt: skip
    if tx.now >= operation.plan.expires_at:
        expire(tx, setup, number)
        return say(
            f"{operation.ref} was not started: its plan has expired.", "Nothing was changed.",
            f"Ask anew: {again(operation)}", tone=Tone.REFUSED,
        )  # fmt: skip
    after = move(
        operation, OperationState.APPROVED, decided_by=by.id, decided_at=tx.now, decision_reason=why, break_glass=True
    )
    tx.operations.save(after, expected=OperationState.AWAITING_APPROVAL)
    tx.timers.cancel(f"{EXPIRE}:{number}")
    tx.start_work(EXECUTE, number)
    text = f"{by.name} started {operation.ref} WITHOUT APPROVAL, plan {operation.plan.digest[:12]}. Reason: {why}"
    record(tx, after, Kind.BREAK_GLASS, text, by.actor, f"sha256:{operation.plan.digest}")
    show(tx, setup, after, lane=Lane.PAGE)
    told = _tell_at_once(tx, setup, after, by, why)
    names = ", ".join(setup.name(person) for person in told)
    return say(
        f"{operation.ref} starts now, without approval.",
        f"{names} {'were' if len(told) > 1 else 'was'} told at once." if told else "Nobody is configured who is told.",
        tone=Tone.DONE,
    )


def _tell_at_once(tx: Transaction, setup: Setup, operation: Operation, by: Person, why: str) -> tuple[str, ...]:
    """A direct message to who answers for it and to who is Informed."""
    route = operation.route
    owner = (route.accountable.person,) if route.accountable else ()
    people = tuple(dict.fromkeys((*owner, *route.delegates, *(a.person for a in route.informed))))
    told = tuple(person for person in people if person != by.id and setup.person(person).reachable)
    news = say(
        f"{by.name} has started {operation.ref} without approval: {operation.kind.noun} of {operation.model}, "
        f"{operation.plan.aim.headline}.",
        f"Reason given: {why}",
        "Its message in the channel is kept up to date; the timeline has all of it.",
    )
    for person in told:
        tx.posts.want(
            Post(
                key=f"glass:{operation.number}:{person}", kind=PostKind.NOTICE, ref=operation.number,
                channel=f"@{person}", lane=Lane.PAGE, body=to_json(news),
            )
        )  # fmt: skip
    return told


def cancel(tx: Transaction, setup: Setup, number: int, by: Person, reason: str = "") -> Reply:
    """The requester or the Accountable takes it back before it starts, stops a run, or gives up what is in doubt."""
    operation = get(tx, number)
    if operation.state not in {OperationState.AWAITING_APPROVAL, OperationState.RUNNING, OperationState.IN_DOUBT}:
        return _too_late(setup, operation, "cancelled")
    allowed = may(by.id, Right.CANCEL, operation.route, requester=operation.requested_by)
    if not allowed.allowed:
        return _refuse(tx, operation, by, "cancelled", allowed)
    if operation.state is OperationState.IN_DOUBT:
        return _give_up(tx, setup, operation, by, reason)
    if operation.state is OperationState.RUNNING:
        return _stop_run(tx, setup, operation, by, reason)
    return _end(tx, setup, operation, by, OperationState.CANCELLED, Kind.CANCELLED, reason)


def _end(
    tx: Transaction, setup: Setup, operation: Operation, by: Person, to: OperationState, kind: Kind, reason: str
) -> Reply:
    after = move(
        operation, to, decided_by=by.id, decided_at=tx.now, decision_reason=reason[:REASON_LIMIT],
        outcome=f"{to.value.capitalize()} by {by.name}. Nothing was changed.", finished_at=tx.now,
    )  # fmt: skip
    tx.operations.save(after, expected=OperationState.AWAITING_APPROVAL)
    tx.timers.cancel(f"{EXPIRE}:{operation.number}")
    record(tx, after, kind, f"{by.name}: {operation.ref} {to.value}.{_why(reason)}", by.actor)
    show(tx, setup, after)
    return say(f"{operation.ref} is {to.value}.", "Nothing was changed.", tone=Tone.DONE)


def _stop_run(tx: Transaction, setup: Setup, operation: Operation, by: Person, reason: str) -> Reply:
    """Asked to stop is not stopped: that is said when the orchestrator says it."""
    if operation.cancelled_by:
        return say(f"The run of {operation.ref} was asked to stop already.", "It has not said yet that it has stopped.")
    after = progress(operation, cancelled_by=by.id, decision_reason=operation.decision_reason)
    tx.operations.save(after, expected=OperationState.RUNNING)
    record(tx, after, Kind.CANCELLED, f"{by.name} wants the run of {operation.ref} stopped.{_why(reason)}", by.actor)
    show(tx, setup, after)
    return say(f"The run of {operation.ref} is asked to stop.", "Its message says when it has stopped.", tone=Tone.DONE)


def _give_up(tx: Transaction, setup: Setup, operation: Operation, by: Person, reason: str) -> Reply:
    """A person has looked, or has waited long enough: the model is free again, and what is not known is said."""
    outcome = f"{by.name} ended it while it was in doubt: whether the change was made, the bot does not know."
    after = move(operation, OperationState.FAILED, outcome=outcome, finished_at=tx.now)
    tx.operations.save(after, expected=OperationState.IN_DOUBT)
    record(tx, after, Kind.FAILED, f"{operation.ref}: {outcome}{_why(reason)}", by.actor)
    show(tx, setup, after)
    return say(
        f"{operation.ref} is ended.",
        "Whether its change was made is not known; nothing more will be done about it.",
        f"Look at the registry and at what serves, then ask anew: {again(operation)}",
        tone=Tone.DONE,
    )


def expire(tx: Transaction, setup: Setup, number: int) -> bool:
    """Nobody decided in time."""
    operation = tx.operations.get(number)
    if operation is None or operation.state is not OperationState.AWAITING_APPROVAL:
        return False
    outcome = "Nobody approved it in time. Nothing was changed."
    after = move(operation, OperationState.EXPIRED, outcome=outcome, finished_at=tx.now)
    tx.operations.save(after, expected=OperationState.AWAITING_APPROVAL)
    tx.timers.cancel(f"{EXPIRE}:{number}")
    record(tx, after, Kind.EXPIRED, f"{operation.ref} expired: nobody decided. Ask anew: {again(operation)}", BOT)
    show(tx, setup, after)
    return True


def _why(reason: str) -> str:
    return f" Reason: {' '.join(reason.split())[:REASON_LIMIT]}" if reason.strip() else ""


def _refuse(tx: Transaction, operation: Operation, by: Person, undone: str, allowed: Permission) -> Reply:
    record(tx, operation, Kind.REFUSAL, f"{by.name} wanted {operation.ref} {undone}: not permitted ({allowed.why}).",
            by.actor)  # fmt: skip
    people = tuple(person for person in allowed.who if person != by.id)
    own = by.id == operation.requested_by and undone == "approved"
    first = "You asked for it, so somebody else must approve it." if own else f"This needs: {allowed.why}."
    parts = say(f"{operation.ref} was not {undone}.", first, "Nothing was changed.", tone=Tone.REFUSED)
    if not people:
        return say(parts.title, first, "Nobody else is configured for it: see /mlops who.", tone=Tone.REFUSED)
    return Reply(parts.title, Tone.REFUSED, (*parts.parts, Mentions("Who may:", people)))


def _too_late(setup: Setup, operation: Operation, undone: str) -> Reply:
    """The state comes before the right: nobody may decide what is decided, so nobody is refused either."""
    who = f" ({setup.name(operation.decided_by)})" if operation.decided_by else ""
    return say(
        f"{operation.ref} is {operation.state.value} already{who}.",
        f"It was not {undone}; nothing was changed by this click.",
        tone=Tone.INFO,
    )


Verb = Callable[[Transaction, Setup, int, Person, str], Reply]
VERBS: Mapping[str, Verb] = {"approve": approve, "reject": reject, "cancel": cancel, "break-glass": break_glass}
"""What can be decided, by its command."""
