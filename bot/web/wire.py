"""What the API answers: names and shapes that others build on. Fields are added, never renamed."""

from datetime import datetime

from pydantic import BaseModel

from bot.domain.incident import Incident
from bot.domain.timeline import Entry, verify
from bot.usecases.setup import Setup


class PersonOut(BaseModel):
    """A person: the id of the configuration, the name, and why it is this person."""

    id: str
    name: str
    why: str = ""


class ReadingOut(BaseModel):
    """A metric against its threshold; `direction` is the side that is bad."""

    metric: str
    value: float | None
    threshold: float | None
    direction: str


class IncidentOut(BaseModel):
    """One incident. Times are UTC."""

    id: str
    number: int
    title: str
    state: str
    severity: str
    severity_why: str
    phase: str
    model: str | None
    version: str | None
    environment: str | None
    feature: str | None
    reading: ReadingOut | None
    summary: str
    source: str
    source_url: str
    accountable: PersonOut | None
    responsible: list[PersonOut]
    runbook: str | None
    started_at: datetime
    opened_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    assignee: str | None
    mitigated_at: datetime | None
    resolved_at: datetime | None
    resolved_by: str | None
    confirmed: bool
    closed_at: datetime | None
    reopened: int
    alerts_firing: int
    alerts_seen: int
    drill: bool
    part_of: str | None
    """The incident of the common cause."""
    revision: int


class IncidentsOut(BaseModel):
    """One page, newest first. `next` is the cursor of the page after it."""

    incidents: list[IncidentOut]
    next: str | None


class EntryOut(BaseModel):
    """One fact. `happened_at` is the source's time, `learned_at` ours."""

    seq: int
    kind: str
    text: str
    actor_kind: str
    actor: str
    actor_name: str
    happened_at: datetime
    learned_at: datetime
    evidence: str
    prev_hash: str
    hash: str


class TimelineOut(BaseModel):
    """An incident's chain of facts. `head` is the last one's hash; `broken` names the first entry that doesn't fit."""

    incident: str
    entries: list[EntryOut]
    head: str | None
    intact: bool
    broken: str | None


def incident_out(incident: Incident, setup: Setup) -> IncidentOut:
    """An incident as the API tells it."""
    i, route, reading = incident, incident.route, incident.reading
    owner = route.accountable
    return IncidentOut(
        id=i.ref, number=i.number, title=i.title, state=i.status.value, severity=i.severity.value,
        severity_why=i.severity_why, phase=route.phase.value, model=i.model, version=i.version,
        environment=i.environment, feature=i.feature,
        reading=ReadingOut(
            metric=reading.metric, value=reading.value, threshold=reading.threshold, direction=reading.direction.value
        ) if reading is not None else None,
        summary=i.summary, source=i.source, source_url=i.url,
        accountable=PersonOut(id=owner.person, name=setup.name(owner.person), why=owner.why) if owner else None,
        responsible=[PersonOut(id=a.person, name=setup.name(a.person), why=a.why) for a in route.responsible],
        runbook=i.runbook, started_at=i.started_at, opened_at=i.opened_at, acknowledged_at=i.acknowledged_at,
        acknowledged_by=i.acknowledged_by, assignee=i.assignee, mitigated_at=i.mitigated_at, resolved_at=i.resolved_at,
        resolved_by=i.resolved_by, confirmed=i.confirmed, closed_at=i.closed_at, reopened=i.reopened,
        alerts_firing=i.alerts_firing, alerts_seen=i.alerts_seen, drill=i.drill,
        part_of=f"INC-{i.part_of}" if i.part_of is not None else None, revision=i.revision,
    )  # fmt: skip


def timeline_out(ref: str, entries: list[Entry]) -> TimelineOut:
    """A timeline as the API tells it, with the chain checked."""
    broken = verify(entries)
    return TimelineOut(
        incident=ref,
        entries=[_entry_out(entry) for entry in entries],
        head=entries[-1].hash if entries else None,
        intact=broken is None,
        broken=f"entry {broken.seq}: {broken.what}" if broken else None,
    )


def _entry_out(e: Entry) -> EntryOut:
    return EntryOut(
        seq=e.seq, kind=e.kind.value, text=e.text, actor_kind=e.actor.kind.value, actor=e.actor.id,
        actor_name=e.actor.name, happened_at=e.happened_at, learned_at=e.learned_at, evidence=e.evidence,
        prev_hash=e.prev_hash, hash=e.hash,
    )  # fmt: skip
