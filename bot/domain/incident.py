"""An incident: its status, the only legal transitions, and what each writes on the timeline."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from bot.domain.alert import Reading
from bot.domain.errors import IllegalTransition
from bot.domain.people import Person
from bot.domain.routing import Route
from bot.domain.severity import Severity
from bot.domain.timeline import Actor, Draft, Kind


class Status(StrEnum):
    """`open → acknowledged → mitigated → resolved → closed`; re-opening is a transition."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"
    CLOSED = "closed"

    @property
    def live(self) -> bool:
        """Whether somebody still has to do something about the problem itself."""
        return self in {Status.OPEN, Status.ACKNOWLEDGED, Status.MITIGATED}


_LEGAL: Mapping[Status, frozenset[Status]] = {
    Status.OPEN: frozenset({Status.ACKNOWLEDGED, Status.MITIGATED, Status.RESOLVED}),
    Status.ACKNOWLEDGED: frozenset({Status.MITIGATED, Status.RESOLVED}),
    Status.MITIGATED: frozenset({Status.RESOLVED}),
    Status.RESOLVED: frozenset({Status.CLOSED, Status.OPEN}),
    Status.CLOSED: frozenset({Status.OPEN}),
}


@dataclass(frozen=True, slots=True)
class Untold:
    """Alerts that are counted and not on the timeline yet; `evidence` is of the newest one."""

    fired: int = 0
    resolved: int = 0
    since: datetime | None = None
    evidence: str = ""

    @property
    def any(self) -> bool:
        """Whether there is something to tell."""
        return bool(self.fired or self.resolved)

    def more(self, kind: Kind, now: datetime, evidence: str) -> "Untold":
        """One more alert fired or was resolved."""
        fired = kind is Kind.ALERT_FIRED
        return Untold(self.fired + fired, self.resolved + (not fired), self.since or now, evidence)

    def and_then(self, later: "Untold") -> "Untold":
        """Both together."""
        if not later.any:
            return self
        since = self.since or later.since
        return Untold(self.fired + later.fired, self.resolved + later.resolved, since, later.evidence)


@dataclass(frozen=True, slots=True)
class Incident:
    """An unplanned disruption that people must respond to. `revision` rises with everything that a card shows."""

    number: int
    title: str
    status: Status
    severity: Severity
    severity_why: str
    route: Route
    model: str | None
    version: str | None
    environment: str | None
    feature: str | None
    subject_why: str
    source: str
    """The integration's slug, or `declared`."""
    opened_at: datetime
    started_at: datetime
    """When the problem began, by the source's clock."""
    revision: int = 1
    reading: Reading | None = None
    summary: str = ""
    url: str = ""
    runbook: str | None = None
    runbook_why: str = ""
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    assignee: str | None = None
    mitigated_at: datetime | None = None
    resolved_at: datetime | None = None
    resolved_by: str | None = None
    """A person's id, or the source's slug."""
    confirmed: bool = True
    """False: the source says resolved, and nothing else has confirmed it."""
    closed_at: datetime | None = None
    reopened: int = 0
    alerts_firing: int = 0
    alerts_seen: int = 0
    told_fired: int = 0
    """How many of its alerts have an entry of their own on the timeline for firing, and `told_resolved` for ending."""
    told_resolved: int = 0
    untold: Untold = Untold()
    drill: bool = False
    part_of: int | None = None
    """The number of the incident of the common cause, which pages in its place."""

    @property
    def ref(self) -> str:
        """How people name it: `INC-42`."""
        return f"INC-{self.number}"


Step = tuple[Incident, Draft]


def acknowledge(incident: Incident, by: Person, now: datetime) -> Step:
    """A named person says "I have this": escalation stops. Ends nothing."""
    _legal(incident, Status.ACKNOWLEDGED)
    after = replace(
        _touched(incident), status=Status.ACKNOWLEDGED, acknowledged_at=incident.acknowledged_at or now,
        acknowledged_by=by.id, assignee=incident.assignee or by.id,
    )  # fmt: skip
    return after, Draft(Kind.ACKNOWLEDGED, f"{by.name} acknowledged: escalation stops.", by.actor, now)


def mitigate(incident: Incident, by: Actor, now: datetime, how: str) -> Step:
    """Users no longer suffer; the cause may remain."""
    _legal(incident, Status.MITIGATED)
    after = replace(_touched(incident), status=Status.MITIGATED, mitigated_at=now)
    return after, Draft(Kind.MITIGATED, f"Mitigated: {how}", by, now)


def resolve(incident: Incident, by: Actor, now: datetime, *, why: str, confirmed: bool = True) -> Step:
    """The service is back to normal and the incident's clock stops."""
    _legal(incident, Status.RESOLVED)
    after = replace(_touched(incident), status=Status.RESOLVED, resolved_at=now, resolved_by=by.id, confirmed=confirmed)
    word = "Resolved" if confirmed else "Resolved (unconfirmed)"
    return after, Draft(Kind.RESOLVED, f"{word}: {why}", by, now)


def confirm(incident: Incident, now: datetime, by: Actor, why: str) -> Step:
    """Something other than the source has confirmed the resolution."""
    if incident.status is not Status.RESOLVED or incident.confirmed:
        raise IllegalTransition(f"{incident.ref} has no unconfirmed resolution.", not_done="Nothing was changed.")
    return replace(_touched(incident), confirmed=True), Draft(Kind.RESOLVED, f"Resolution confirmed: {why}", by, now)


def reopen(incident: Incident, by: Actor, now: datetime, why: str) -> Step:
    """Back to open: a transition, never an edit. What was acknowledged before stays on the timeline."""
    _legal(incident, Status.OPEN)
    after = replace(
        _touched(incident), status=Status.OPEN, resolved_at=None, resolved_by=None, mitigated_at=None,
        closed_at=None, confirmed=True, reopened=incident.reopened + 1,
    )  # fmt: skip
    return after, Draft(Kind.REOPENED, f"Reopened: {why}", by, now)


def close(incident: Incident, by: Person, now: datetime) -> Step:
    """Paperwork done: the review is written."""
    _legal(incident, Status.CLOSED)
    return replace(_touched(incident), status=Status.CLOSED, closed_at=now), Draft(
        Kind.CLOSED, f"{by.name} closed the incident.", by.actor, now
    )


def assign(incident: Incident, to: Person, by: Person, now: datetime) -> Step:
    """Somebody else takes it."""
    _live(incident, "assigned")
    after = replace(_touched(incident), assignee=to.id)
    return after, Draft(Kind.ASSIGNED, f"{by.name} assigned it to {to.name}.", by.actor, now)


def set_severity(incident: Incident, to: Severity, by: Person, now: datetime) -> Step:
    """Only people change a severity."""
    _live(incident, "given another severity")
    if incident.severity is to:
        raise IllegalTransition(f"{incident.ref} is {to.value} already.", not_done="Nothing was changed.")
    after = replace(_touched(incident), severity=to, severity_why=f"set by {by.name}")
    text = f"{by.name} changed the severity from {incident.severity.value} to {to.value}."
    return after, Draft(Kind.SEVERITY, text, by.actor, now)


def touched(incident: Incident) -> Incident:
    """The same incident with something new to show."""
    return _touched(incident)


def _touched(incident: Incident) -> Incident:
    return replace(incident, revision=incident.revision + 1)


def _legal(incident: Incident, to: Status) -> None:
    if to in _LEGAL[incident.status]:
        return
    already = incident.status is to
    raise IllegalTransition(
        f"{incident.ref} is {incident.status.value}{' already' if already else ''}.",
        not_done=f"It was not {_DONE[to]}{' again' if already else ''}.",
        next_step="" if already else _next(incident),
    )


def _live(incident: Incident, what: str) -> None:
    if not incident.status.live:
        raise IllegalTransition(
            f"{incident.ref} is {incident.status.value}.",
            not_done=f"It was not {what}.",
            next_step=_next(incident),
        )


def _next(incident: Incident) -> str:
    if incident.status in {Status.RESOLVED, Status.CLOSED}:
        return f"If the problem is back, reopen it: /mlops reopen {incident.ref}"
    return f"See /mlops timeline {incident.ref}"


_DONE: Mapping[Status, str] = {
    Status.OPEN: "reopened",
    Status.ACKNOWLEDGED: "acknowledged",
    Status.MITIGATED: "marked mitigated",
    Status.RESOLVED: "resolved",
    Status.CLOSED: "closed",
}
