"""The timeline: dated, immutable facts of an incident, chained by hashes so that a changed byte is found.

An entry's hash is SHA-256 over its canonical JSON (RFC 8785) with `prev_hash` in it. All values are strings,
integers and lists of them, so the standard encoder with sorted ASCII keys *is* the canonical form (a test
compares it with a library for RFC 8785).
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache

GENESIS = "0" * 64
TEXT_LIMIT = 8_000
"""Characters kept of one entry's text; what was cut is said in the text itself."""
NAME_LIMIT = 300
"""The same for an actor's id and name, which may come from Slack or a vendor."""


class Kind(StrEnum):
    """What sort of fact an entry is."""

    OPENED = "opened"
    ALERT_FIRED = "alert fired"
    ALERT_RESOLVED = "alert resolved"
    ROUTED = "routed"
    PAGED = "paged"
    ACKNOWLEDGED = "acknowledged"
    ASSIGNED = "assigned"
    SEVERITY = "severity changed"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    CLOSED = "closed"
    NOTE = "note"
    MESSAGE = "message pinned"
    REQUESTED = "operation requested"
    PLANNED = "operation planned"
    APPROVED = "operation approved"
    REJECTED = "operation rejected"
    CANCELLED = "operation cancelled"
    EXPIRED = "operation expired"
    INTENDED = "about to change"
    CHANGED = "changed"
    VERIFIED = "verified"
    SUCCEEDED = "operation succeeded"
    FAILED = "operation failed"
    UNDONE = "operation undone"
    BREAK_GLASS = "executed without approval"
    IN_DOUBT = "operation in doubt"
    REFUSAL = "refused"
    RECOVERED = "continued after a restart"
    REMINDED = "reminded"
    LEARNED_LATE = "learned late"
    CORRECTION = "correction"
    EXPORTED = "exported"


class ActorKind(StrEnum):
    """Who or what did it."""

    PERSON = "person"
    BOT = "bot"
    SYSTEM = "system"
    """Another system: a monitor, a registry."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it. `id` is the person's id of the configuration, or an integration's slug; `name` is for people."""

    kind: ActorKind
    id: str
    name: str


BOT = Actor(ActorKind.BOT, "bot", "MLOps bot")


@dataclass(frozen=True, slots=True)
class Draft:
    """A fact before it has its place in the chain."""

    kind: Kind
    text: str
    actor: Actor
    happened_at: datetime
    evidence: str = ""
    """A link, a message's address, or `sha256:…` of a payload."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A fact in its place. `seq` counts from 1 within its incident; both times are UTC."""

    incident: int
    seq: int
    kind: Kind
    text: str
    actor: Actor
    happened_at: datetime
    learned_at: datetime
    evidence: str
    prev_hash: str
    hash: str


@lru_cache(1_000)
def stamp(moment: datetime) -> str:
    """The one way a time is written: UTC, microseconds, `Z`."""
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return f"{utc.isoformat(timespec='microseconds')[:-6]}Z"


def canonical(entry: Entry) -> bytes:
    """The bytes that are hashed: RFC 8785 JSON of everything but the hash itself."""
    return json.dumps(
        {
            "actor": [entry.actor.kind.value, entry.actor.id, entry.actor.name],
            "evidence": entry.evidence,
            "happened_at": stamp(entry.happened_at),
            "incident": entry.incident,
            "kind": entry.kind.value,
            "learned_at": stamp(entry.learned_at),
            "prev_hash": entry.prev_hash,
            "seq": entry.seq,
            "text": entry.text,
        },
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
    ).encode("utf-8", errors="surrogatepass")


def seal(draft: Draft, *, incident: int, after: Entry | None, learned_at: datetime) -> Entry:
    """Give a fact its place at the end of the chain."""
    unsealed = Entry(
        incident=incident,
        seq=1 if after is None else after.seq + 1,
        kind=draft.kind,
        text=_bounded(draft.text),
        actor=Actor(draft.actor.kind, _bounded(draft.actor.id, NAME_LIMIT), _bounded(draft.actor.name, NAME_LIMIT)),
        happened_at=draft.happened_at.astimezone(UTC),
        learned_at=learned_at.astimezone(UTC),
        evidence=_bounded(draft.evidence),
        prev_hash=GENESIS if after is None else after.hash,
        hash="",
    )
    return _with_hash(unsealed)


@dataclass(frozen=True, slots=True)
class Broken:
    """The first entry that does not fit, and what is wrong with it."""

    incident: int
    seq: int
    what: str


def verify(entries: Sequence[Entry]) -> Broken | None:
    """The first broken entry of one incident's chain, or `None` when it is intact. Order matters."""
    before: Entry | None = None
    for place, entry in enumerate(entries, start=1):
        if entry.seq != place:
            return Broken(entry.incident, entry.seq, f"entry {place} is missing or out of order (found {entry.seq})")
        if entry.prev_hash != (GENESIS if before is None else before.hash):
            return Broken(entry.incident, entry.seq, "does not follow from the entry before it")
        if _digest(entry) != entry.hash:
            return Broken(entry.incident, entry.seq, "was changed after it was written")
        before = entry
    return None


def _with_hash(entry: Entry) -> Entry:
    return Entry(
        entry.incident, entry.seq, entry.kind, entry.text, entry.actor, entry.happened_at, entry.learned_at,
        entry.evidence, entry.prev_hash, _digest(entry),
    )  # fmt: skip


def _digest(entry: Entry) -> str:
    return hashlib.sha256(canonical(entry)).hexdigest()


def _bounded(text: str, limit: int = TEXT_LIMIT) -> str:
    """What both databases keep as it is: no NUL, no lone surrogates, not endless. A hash must survive storage."""
    clean = text.replace("\x00", "�").encode("utf-8", "replace").decode("utf-8")
    if len(clean) <= limit:
        return clean
    return f"{clean[:limit]}… [{len(clean) - limit} more characters cut]"
