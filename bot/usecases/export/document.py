"""What an export says, whatever its format: the incident's head, its operations, and the chain."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import AwareDatetime, TypeAdapter

from bot.domain.operation import Operation
from bot.domain.timeline import TEXT_LIMIT, Actor, ActorKind, Entry, Kind, stamp
from bot.usecases.views import TimelineView

FORM = 1
"""The form of all four formats. It rises when a byte of what is written for the same timeline changes."""


@dataclass(frozen=True, slots=True)
class Head:
    """The incident as it stood when the export was made. Empty texts and no times are what is not known."""

    incident: int
    made_at: AwareDatetime
    title: str
    status: str
    severity: str
    severity_why: str
    phase: str
    source: str
    started_at: AwareDatetime
    opened_at: AwareDatetime
    drill: bool = False
    confirmed: bool = True
    reopened: int = 0
    model: str = ""
    version: str = ""
    environment: str = ""
    feature: str = ""
    subject_why: str = ""
    url: str = ""
    runbook: str = ""
    accountable: str = ""
    responsible: str = ""
    acknowledged_by: str = ""
    assignee: str = ""
    resolved_by: str = ""
    acknowledged_at: AwareDatetime | None = None
    mitigated_at: AwareDatetime | None = None
    resolved_at: AwareDatetime | None = None
    closed_at: AwareDatetime | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """One operation with its outcome."""

    number: int
    kind: str
    model: str
    environment: str
    change: str
    """From what to what: `version 3 → 2`."""
    state: str
    stage: str
    plan: str
    """The digest of the plan that was approved."""
    requested_by: str
    requested_at: AwareDatetime
    reason: str = ""
    decided_by: str = ""
    decided_at: AwareDatetime | None = None
    decision_reason: str = ""
    break_glass: bool = False
    outcome: str = ""
    evidence: str = ""
    finished_at: AwareDatetime | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """An entry as it is written down: the fields that its hash covers, by the chain's own names, and the hash."""

    incident: int
    seq: int
    kind: str
    text: str
    actor: tuple[str, str, str]
    happened_at: str
    learned_at: str
    evidence: str
    prev_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class Document:
    """Everything that an export is made of."""

    head: Head
    operations: tuple[Done, ...]
    entries: tuple[Entry, ...]


HEAD: TypeAdapter[Head] = TypeAdapter(Head)
DONE: TypeAdapter[Done] = TypeAdapter(Done)
LINK: TypeAdapter[Link] = TypeAdapter(Link)


def gather(view: TimelineView, now: datetime) -> Document:
    """An incident's timeline as a document, made at that moment."""
    incident, name = view.incident, _Names(view)
    head = Head(
        incident=incident.number,
        made_at=now.astimezone(UTC),
        title=_kept(incident.title),
        status=incident.status.value,
        severity=incident.severity.value,
        severity_why=_kept(incident.severity_why),
        phase=incident.route.phase.value,
        source=_kept(incident.source),
        started_at=incident.started_at.astimezone(UTC),
        opened_at=incident.opened_at.astimezone(UTC),
        drill=incident.drill,
        confirmed=incident.confirmed,
        reopened=incident.reopened,
        model=_kept(incident.model),
        version=_kept(incident.version),
        environment=_kept(incident.environment),
        feature=_kept(incident.feature),
        subject_why=_kept(incident.subject_why),
        url=_kept(incident.url),
        runbook=_kept(incident.runbook),
        accountable=_kept(view.accountable),
        responsible=name.all(a.person for a in incident.route.responsible),
        acknowledged_by=name.one(incident.acknowledged_by),
        assignee=name.one(incident.assignee),
        resolved_by=name.one(incident.resolved_by),
        acknowledged_at=_utc(incident.acknowledged_at),
        mitigated_at=_utc(incident.mitigated_at),
        resolved_at=_utc(incident.resolved_at),
        closed_at=_utc(incident.closed_at),
    )
    oldest_first = sorted(view.operations, key=lambda operation: operation.number)
    return Document(head, tuple(_done(operation, name) for operation in oldest_first), tuple(view.entries))


def _done(operation: Operation, name: "_Names") -> Done:
    return Done(
        number=operation.number,
        kind=operation.kind.value,
        model=_kept(operation.model),
        environment=_kept(operation.environment),
        change=_kept(operation.plan.aim.headline),
        state=operation.state.value,
        stage=operation.stage.value,
        plan=operation.plan.digest,
        requested_by=name.one(operation.requested_by),
        requested_at=operation.requested_at.astimezone(UTC),
        reason=_kept(operation.reason),
        decided_by=name.one(operation.decided_by),
        decided_at=_utc(operation.decided_at),
        decision_reason=_kept(operation.decision_reason),
        break_glass=operation.break_glass,
        outcome=_kept(operation.outcome),
        evidence=_kept(operation.evidence),
        finished_at=_utc(operation.finished_at),
    )


def link(entry: Entry) -> Link:
    """An entry as it is written down."""
    actor = (entry.actor.kind.value, entry.actor.id, entry.actor.name)
    return Link(
        entry.incident, entry.seq, entry.kind.value, entry.text, actor, stamp(entry.happened_at),
        stamp(entry.learned_at), entry.evidence, entry.prev_hash, entry.hash,
    )  # fmt: skip


def entry(written: Link) -> Entry:
    """The entry again. Raises ValueError for a kind, an actor or a time that there can't be."""
    kind, id_, name = written.actor
    return Entry(
        written.incident, written.seq, Kind(written.kind), written.text, Actor(ActorKind(kind), id_, name),
        _moment(written.happened_at), _moment(written.learned_at), written.evidence, written.prev_hash, written.hash,
    )  # fmt: skip


def digest(document: Document) -> str:
    """SHA-256 over all of it: what the chain does not cover, the head and the operations, is sealed by this."""
    everything = [
        FORM,
        HEAD.dump_python(document.head, mode="json"),
        [DONE.dump_python(done, mode="json") for done in document.operations],
        [one.hash for one in document.entries],
    ]
    text = json.dumps(everything, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment.astimezone(UTC)


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC)


def _kept(text: str | None) -> str:
    """What every format can hold: no NUL, no lone surrogates, not endless."""
    clean = (text or "").replace("\x00", "�").encode("utf-8", "replace").decode("utf-8")
    return clean if len(clean) <= TEXT_LIMIT else f"{clean[:TEXT_LIMIT]}…"


class _Names:
    """People's names by the ids of the configuration, as the view found them."""

    def __init__(self, view: TimelineView) -> None:
        self._names = view.names

    def one(self, person: str | None) -> str:
        return _kept(self._names.get(person, person)) if person else ""

    def all(self, people: Iterable[str]) -> str:
        return ", ".join(self.one(person) for person in dict.fromkeys(people))
