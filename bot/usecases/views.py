"""What a card or a message needs to know, gathered in one transaction: the renderers get values and look up nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot.domain.alert import Alert, AlertStatus
from bot.domain.errors import NotFound
from bot.domain.incident import Incident
from bot.domain.models import Change
from bot.domain.operation import Operation
from bot.domain.people import Person
from bot.domain.routing import Assignment, Phase, letters
from bot.domain.runbook import Runbook
from bot.domain.severity import Severity, from_labels
from bot.domain.timeline import Entry
from bot.ports.store import Transaction
from bot.usecases.setup import Setup


@dataclass(frozen=True, slots=True)
class Named:
    """A person with the reason for being named: `why` whole, `short` for a card."""

    person: Person
    why: str
    short: str = ""
    """`DevOps/MLOps engineer AR`: the role, and its letters in the incident's phase."""
    group: str = ""
    """The Slack user group that is mentioned in the place of this person, if the role has one."""


@dataclass(frozen=True, slots=True)
class IncidentView:
    """Everything that the card shows."""

    incident: Incident
    now: datetime
    accountable: Named | None
    responsible: tuple[Named, ...]
    acknowledged_by: str
    assignee: str
    alerts: tuple[Alert, ...]
    changes: tuple[Change, ...]
    """Newest first, at most five."""
    runbook: Runbook | None
    operations: tuple[Operation, ...]
    """Of this incident, newest first."""
    can_roll_back: bool
    """Whether the model has a binding with a registry pointer: else the button is not drawn."""
    can_retrain: bool
    consulted: tuple[Named, ...] = ()
    """Who may know something about it: invited, not paged."""
    worse: Severity | None = None
    """What a firing alert's label speaks for, when that is worse than the incident's severity: only people raise it."""


@dataclass(frozen=True, slots=True)
class OperationView:
    """Everything that the plan's or the operation's message shows."""

    operation: Operation
    now: datetime
    requester: Person
    decided_by: str
    approvers: tuple[Named, ...]
    incident: Incident | None
    can_undo: bool = False
    """Whether it has changed something that a plan could bring back."""


@dataclass(frozen=True, slots=True)
class TimelineView:
    """An incident with its whole timeline."""

    incident: Incident
    entries: Sequence[Entry]
    accountable: str
    operations: tuple[Operation, ...]
    names: Mapping[str, str] = field(default_factory=dict)
    """The people in it by their ids; whoever is missing is named by the id."""


def incident_view(tx: Transaction, setup: Setup, number: int) -> IncidentView:
    """Gather what an incident's card shows. Raises NotFound."""
    incident = tx.incidents.get(number)
    if incident is None:
        raise no_incident(number)
    route = incident.route
    binding = setup.binding(incident.model, incident.environment) if incident.model else None
    since = incident.opened_at - setup.policies.changes_window
    changes = tx.changes.of(incident.model, since) if incident.model else ()
    alerts = tuple(tx.episodes.alerts_of(number, limit=20))
    return IncidentView(
        incident=incident,
        now=tx.now,
        accountable=named(setup, route.accountable, route.phase) if route.accountable else None,
        responsible=tuple({a.person: named(setup, a, route.phase) for a in route.responsible}.values()),
        consulted=tuple({a.person: named(setup, a, route.phase) for a in route.consulted}.values()),
        acknowledged_by=setup.name(incident.acknowledged_by) if incident.acknowledged_by else "",
        assignee=setup.name(incident.assignee) if incident.assignee else "",
        alerts=alerts,
        changes=tuple(changes[:5]),
        runbook=next((r for r in setup.runbooks if r.slug == incident.runbook), None),
        operations=tuple(tx.operations.newest(limit=10, incident=number)),
        can_roll_back=binding is not None and binding.pointer is not None,
        can_retrain=binding is not None and binding.training is not None,
        worse=_worse(setup, incident, alerts),
    )


def _worse(setup: Setup, incident: Incident, alerts: Sequence[Alert]) -> Severity | None:
    firing = (alert for alert in alerts if alert.status is AlertStatus.FIRING)
    spoken = [from_labels(alert.labels, setup.severities)[0] for alert in firing]
    worse = [severity for severity in spoken if severity.worse_than(incident.severity)]
    return min(worse, key=lambda severity: severity.value, default=None)


def named(setup: Setup, assignment: Assignment, phase: Phase) -> Named:
    """Somebody of a route, with the role and its letters as the table has them."""
    cell = setup.table.cells.get(phase, {}).get(assignment.role, frozenset({assignment.letter}))
    short = f"{assignment.role.label} {letters(cell)}"
    group = setup.user_groups.get(assignment.role, "")
    return Named(setup.person(assignment.person), assignment.why, short, group)


def operation_view(tx: Transaction, setup: Setup, number: int) -> OperationView:
    """Gather what an operation's message shows. Raises NotFound."""
    operation = tx.operations.get(number)
    if operation is None:
        raise no_operation(number)
    route = operation.route
    approvers: list[Named] = []
    if route.accountable is not None:
        approvers.append(Named(setup.person(route.accountable.person), route.accountable.why))
        approvers += [
            Named(setup.person(p), f"delegate of {setup.name(route.accountable.person)}") for p in route.delegates
        ]
    return OperationView(
        operation=operation,
        now=tx.now,
        requester=setup.person(operation.requested_by),
        decided_by=setup.name(operation.decided_by) if operation.decided_by else "",
        approvers=tuple(a for a in approvers if a.person.id != operation.requested_by),
        incident=tx.incidents.get(operation.incident) if operation.incident else None,
        can_undo=operation.can_be_undone,
    )


def timeline_view(tx: Transaction, setup: Setup, number: int) -> TimelineView:
    """Gather an incident's timeline. Raises NotFound."""
    incident = tx.incidents.get(number)
    if incident is None:
        raise no_incident(number)
    accountable = incident.route.accountable
    operations = tuple(tx.operations.newest(limit=50, incident=number))
    return TimelineView(
        incident,
        tx.timeline.of(number),
        setup.name(accountable.person) if accountable else "nobody",
        operations,
        {person: setup.name(person) for person in _people(incident, operations)},
    )


def _people(incident: Incident, operations: Sequence[Operation]) -> set[str]:
    named = {incident.acknowledged_by, incident.assignee, incident.resolved_by}
    named |= {assignment.person for assignment in incident.route.responsible}
    named |= {person for operation in operations for person in (operation.requested_by, operation.decided_by)}
    return {person for person in named if person}


def no_incident(number: int) -> NotFound:
    """The error for an incident that isn't there."""
    return NotFound(f"There is no INC-{number}.", not_done="Nothing was changed.", next_step="See /mlops incidents")


def no_operation(number: int) -> NotFound:
    """The error for an operation that isn't there."""
    return NotFound(f"There is no OP-{number}.", not_done="Nothing was changed.", next_step="See /mlops operations")
