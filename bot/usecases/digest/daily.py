"""The daily digest: what happened in 24 hours, worst first; a quiet day is one line. Drills are kept out."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.incident import Incident
from bot.domain.metrics import Times, response, spoken
from bot.domain.models import Binding, Change
from bot.domain.operation import Operation, OperationState
from bot.domain.routing import NO_RULE
from bot.ports.store import DeliveryRecord, Transaction
from bot.usecases.reply import Bullets, Facts, Heading, Part, Reply, say
from bot.usecases.setup import Setup

DAY = timedelta(hours=24)
LOOK_BACK = timedelta(days=31)
"""An incident that was opened longer ago and was resolved today is not looked for."""
MANY = 1_000
SHOWN = 15
"""Lines of a list; the rest is counted."""

_ASKS = (OperationState.AWAITING_APPROVAL, OperationState.IN_DOUBT)


@dataclass(frozen=True, slots=True)
class Day:
    """Everything that a day's digest tells."""

    now: datetime
    open: tuple[Incident, ...]
    """Worst first, then oldest first."""
    opened: tuple[Incident, ...]
    acknowledged: tuple[Incident, ...]
    resolved: tuple[Incident, ...]
    unacknowledged: tuple[Incident, ...]
    """Opened in the day or open now, and never acknowledged."""
    operations: tuple[Operation, ...]
    waiting: tuple[Operation, ...]
    dead: tuple[DeliveryRecord, ...]
    changes: tuple[Change, ...]

    @property
    def quiet(self) -> bool:
        """Whether there is nothing to tell."""
        return not any(
            (self.open, self.opened, self.acknowledged, self.resolved, self.operations, self.waiting, self.dead,
             self.changes)
        )  # fmt: skip


def daily(tx: Transaction, setup: Setup, *, now: datetime) -> Reply:
    """What happened in the 24 hours before `now`, and what is open."""
    day = _gather(tx, setup, now)
    if day.quiet:
        return say(f"Daily digest {now:%Y-%m-%d}: a quiet day. Nothing happened, nothing is open, nothing waits.")
    parts: list[Part] = [
        *_listed("Open, worst first", [_open(setup, i, now) for i in day.open]),
        *_listed("Waits for a decision", [_waiting(setup, o, now) for o in day.waiting]),
        *_incidents(day),
        *_times(day),
        *_listed("Operations", [_operation(setup, o) for o in day.operations]),
        *_listed("Without an owner or a runbook", [text for i in _seen(day) if (text := _unowned(i))]),
        *_dead(day),
        *_listed("Models", [_model(tx, binding, now) for binding in setup.bindings]),
        *_listed("What changed", [_change(c) for c in day.changes]),
    ]
    return Reply(f"Daily digest {now:%Y-%m-%d}: {_summary(day)}", parts=tuple(parts))


# ---------------------------------------------------------------- gathering


def _gather(tx: Transaction, setup: Setup, now: datetime) -> Day:
    start = now - DAY
    recent = tx.incidents.newest(limit=MANY, since=now - LOOK_BACK)
    known = {i.number: i for i in (*recent, *tx.incidents.live(limit=MANY))}
    real = [i for i in sorted(known.values(), key=lambda i: i.number) if not i.drill]

    def within(at: datetime | None) -> bool:
        return at is not None and start < at <= now

    live = sorted((i for i in real if i.status.live), key=lambda i: (i.severity.value, i.number))
    opened = [i for i in real if within(i.opened_at)]
    asked = [
        o for o in tx.operations.newest(limit=MANY, since=now - LOOK_BACK)
        if within(o.requested_at) or within(o.finished_at)
    ]  # fmt: skip
    operations = {o.number: o for o in (*asked, *tx.operations.in_state(*_ASKS)) if not _drilled(tx, o)}
    changes = [c for model in setup.models for c in tx.changes.of(model, start) if within(c.at)]
    return Day(
        now=now,
        open=tuple(live),
        opened=tuple(opened),
        acknowledged=tuple(i for i in real if within(i.acknowledged_at)),
        resolved=tuple(i for i in real if within(i.resolved_at)),
        unacknowledged=tuple(i for i in real if i.acknowledged_at is None and (i.status.live or i in opened)),
        operations=tuple(o for _, o in sorted(operations.items()) if o.state not in _ASKS),
        waiting=tuple(o for _, o in sorted(operations.items()) if o.state in _ASKS),
        dead=tuple(d for d in tx.deliveries.dead(limit=MANY) if within(d.received_at)),
        changes=tuple(sorted(changes, key=lambda c: c.at, reverse=True)),
    )


def _drilled(tx: Transaction, operation: Operation) -> bool:
    incident = tx.incidents.get(operation.incident) if operation.incident else None
    return incident is not None and incident.drill


def _seen(day: Day) -> Sequence[Incident]:
    return list({i.number: i for i in (*day.open, *day.opened)}.values())


# ---------------------------------------------------------------- wording


def _summary(day: Day) -> str:
    """What a notification shows: the worst first, and nothing that is not so."""
    worst = f" (worst {day.open[0].severity.value})" if day.open else ""
    counts = [
        f"{len(day.open) or 'nothing'} open{worst}",
        f"{len(day.waiting)} waiting for a decision" if day.waiting else "",
        f"{len(day.opened)} opened" if day.opened else "",
        f"{len(day.resolved)} resolved" if day.resolved else "",
        f"{len(day.operations)} operation{'' if len(day.operations) == 1 else 's'}" if day.operations else "",
        f"{len(day.dead)} unreadable deliver{'y' if len(day.dead) == 1 else 'ies'}" if day.dead else "",
    ]
    return ", ".join(count for count in counts if count)


def _listed(title: str, lines: Sequence[str]) -> Sequence[Part]:
    if not lines:
        return ()
    more = (f"… and {len(lines) - SHOWN} more",) if len(lines) > SHOWN else ()
    return Heading(title), Bullets((*lines[:SHOWN], *more))


def _open(setup: Setup, incident: Incident, now: datetime) -> str:
    whose = f"with {setup.name(incident.assignee)}" if incident.assignee else "with nobody"
    age = spoken(now - incident.opened_at)
    return (
        f"{incident.ref} {incident.severity.value}, {incident.status.value} for {age}, {whose}: {incident.title[:200]}"
    )


def _incidents(day: Day) -> Sequence[Part]:
    pairs = [
        (name, ", ".join(_short(i) for i in incidents))
        for name, incidents in (
            ("Opened", day.opened), ("Acknowledged", day.acknowledged), ("Resolved", day.resolved),
        )
        if incidents
    ]  # fmt: skip
    return (Heading("In 24 hours"), Facts(tuple(pairs))) if pairs else ()


def _short(incident: Incident) -> str:
    unconfirmed = incident.resolved_at is not None and not incident.confirmed
    return f"{incident.ref} {incident.severity.value}{' (unconfirmed)' if unconfirmed else ''}"


def _times(day: Day) -> Sequence[Part]:
    acknowledge = response((*day.acknowledged, *day.unacknowledged)).to_acknowledge
    resolve = response(day.resolved).to_resolve
    pairs = [
        ("Time to acknowledge (MTTA)", _spoken(acknowledge, "not acknowledged")),
        ("Time to resolve (MTTR, mean time to resolve)", _spoken(resolve, "not resolved")),
    ]
    return (Facts(tuple((name, text) for name, text in pairs if text)),) if any(t for _, t in pairs) else ()


def _spoken(times: Times, otherwise: str) -> str:
    beside = f"{times.without} {otherwise}" if times.without else ""
    if not times.count:
        return beside
    known = f"mean {spoken(times.mean)}, median {spoken(times.median)}, of {times.count}"
    return f"{known}; {beside}" if beside else known


def _waiting(setup: Setup, operation: Operation, now: datetime) -> str:
    asked = f"{setup.name(operation.requested_by)} asked {spoken(now - operation.requested_at)} ago"
    if operation.state is OperationState.IN_DOUBT:
        return f"{_what(operation)}: in doubt, somebody must look; {asked}"
    return f"{_what(operation)}: {asked}: /mlops approve {operation.ref}"


def _operation(setup: Setup, operation: Operation) -> str:
    by = f"by {setup.name(operation.requested_by)}"
    glass = ", without an approval (break-glass)" if operation.break_glass else ""
    outcome = f". {operation.outcome[:200]}" if operation.outcome else ""
    return f"{_what(operation)} {by}{glass}: {operation.state.value}{outcome}"


def _what(operation: Operation) -> str:
    return f"{operation.ref} {operation.kind.noun} of {operation.model}, {operation.plan.aim.headline}"


def _unowned(incident: Incident) -> str:
    route = incident.route
    missing = [
        "nobody is Accountable" if route.accountable is None else "",
        "nobody is Responsible" if not route.responsible else "",
        "no runbook fits" if incident.runbook is None else "",
        "no routing rule matched" if route.rule == NO_RULE else "",
    ]
    named = ", ".join(text for text in missing if text)
    return f"{incident.ref} {incident.title[:120]}: {named}" if named else ""


def _dead(day: Day) -> Sequence[Part]:
    if not day.dead:
        return ()
    counted = Counter(d.integration for d in day.dead)
    lines = [
        f"{number} from {name}; the last: {next(d.reason for d in day.dead if d.integration == name)[:200]}"
        for name, number in counted.most_common()
    ]
    return _listed("Deliveries that could not be read (kept as dead letters)", lines)


def _model(tx: Transaction, binding: Binding, now: datetime) -> str:
    where = f"{binding.model} ({binding.environment})"
    span = tx.ledger.open_span(binding.model, binding.environment)
    if span is None:
        return f"{where}: not seen live yet"
    return f"{where}: version {span.version}, live for {spoken(now - span.since)}"


def _change(change: Change) -> str:
    by = f" by {change.by}" if change.by and change.by not in change.text else ""
    return f"{change.at:%H:%M} UTC {change.model}: {change.text[:200]}{by}"
