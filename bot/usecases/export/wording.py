"""An export in words for people: the same facts in Markdown and in HTML, each from the document alone."""

import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from bot.domain.metrics import spoken
from bot.domain.plan import OperationKind
from bot.domain.timeline import Entry
from bot.usecases.export.document import Document, Done, Head

Fact = tuple[str, str]

_KEPT = {"\n", "\t", "\u200d", "\ufe0f"}
"""Line breaks, tabs, and what joins an emoji together."""

PROOF = (
    "Every entry's hash covers the entry and the hash before it; the seal covers everything else. "
    "Prove that no byte was changed, without a network: mlops-bot timeline verify FILE"
)


def visible(text: str) -> str:
    """Nothing hidden: control characters and those that reorder text are shown by their number."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in _KEPT else _shown(c) for c in text)


def _shown(c: str) -> str:
    return " " if unicodedata.category(c) == "Zs" else f"⟨U+{ord(c):04X}⟩"


def one_line(text: str) -> str:
    """The same without line breaks."""
    return " ".join(visible(text).split())


def moment(at: datetime) -> str:
    """A time, to the second; the records have it to the microsecond."""
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(sep=' ', timespec='seconds')} UTC"


def title(head: Head) -> str:
    """`INC-42: what`."""
    return f"INC-{head.incident}: {one_line(head.title)}"


def warnings(document: Document) -> Sequence[str]:
    """What nobody may overlook."""
    head = document.head
    said: list[str] = []
    if head.drill:
        said.append("This was a drill: an exercise, not a real incident.")
    if head.resolved_at is not None and not head.confirmed:
        said.append(
            "The resolution is unconfirmed: its source says that it is over, and nothing else has confirmed it."
        )
    said += [
        f"OP-{done.number} was carried out without an approval (break-glass): "
        f"{one_line(done.decision_reason or done.reason) or 'no reason was given'}."
        for done in document.operations
        if done.break_glass
    ]
    return said


def head_facts(head: Head) -> Sequence[Fact]:
    """The incident, fact by fact."""
    resolved = "" if head.resolved_at is None or head.confirmed else " (unconfirmed)"
    model = f"{head.model or 'unknown'}{f', version {head.version}' if head.version else ''}"
    facts = [
        ("Status", f"{head.status}{resolved}"),
        ("Severity", f"{head.severity} ({head.severity_why})"),
        ("Model", f"{model} ({head.subject_why})" if head.subject_why else model),
        ("Environment", head.environment),
        ("Feature", head.feature),
        ("Phase", head.phase),
        ("Reported by", head.source),
        ("At its source", head.url),
        ("Runbook", head.runbook or "none"),
        ("Accountable", head.accountable or "nobody"),
        ("Responsible", head.responsible or "nobody"),
        ("Acknowledged by", head.acknowledged_by or "nobody"),
        ("With", head.assignee),
        ("Resolved by", head.resolved_by),
        *_times(head),
        ("Re-opened", f"{head.reopened}×" if head.reopened else ""),
        ("Exported", moment(head.made_at)),
    ]
    return [(name, one_line(value)) for name, value in facts if value]


def _times(head: Head) -> Sequence[Fact]:
    moments = [
        ("Began", head.started_at), ("Opened", head.opened_at), ("Acknowledged", head.acknowledged_at),
        ("Mitigated", head.mitigated_at), ("Resolved", head.resolved_at), ("Closed", head.closed_at),
    ]  # fmt: skip
    spans = [
        ("Time to detect", "counts to MTTD: opened − began", head.opened_at - head.started_at),
        ("Time to acknowledge", "counts to MTTA: first acknowledgement − opened", _since(head, head.acknowledged_at)),
        ("Time to mitigate", "counts to MTTM: mitigated − opened", _since(head, head.mitigated_at)),
        ("Time to resolve", "counts to MTTR, mean time to resolve: resolved − opened", _since(head, head.resolved_at)),
    ]
    missing = "not yet" if head.resolved_at is None else "not recorded"
    return [
        *((name, moment(at)) for name, at in moments if at is not None),
        *((name, f"{spoken(span)} ({what})" if span is not None else missing) for name, what, span in spans),
    ]


def _since(head: Head, at: datetime | None) -> timedelta | None:
    return None if at is None else at - head.opened_at


def done_title(done: Done) -> str:
    """`OP-17: rollback of fraud-detector, version 3 → 2: succeeded`."""
    what = f"{OperationKind(done.kind).noun} of {done.model}, {done.change}"
    return one_line(f"OP-{done.number}: {what}: {done.state}")


def done_facts(done: Done) -> Sequence[Fact]:
    """An operation, fact by fact."""
    decided = f"{done.decided_by} at {moment(done.decided_at)}" if done.decided_at else done.decided_by
    facts = [
        ("Outcome", done.outcome or "none yet"),
        ("Stage", done.stage),
        ("Environment", done.environment),
        ("Requested by", f"{done.requested_by} at {moment(done.requested_at)}"),
        ("Reason", done.reason),
        ("Decided by", decided or "nobody"),
        ("Reason of the decision", done.decision_reason),
        ("Approval", "none: break-glass" if done.break_glass else ""),
        ("Evidence", done.evidence),
        ("Finished", moment(done.finished_at) if done.finished_at else ""),
        ("Plan", f"sha256:{done.plan}"),
    ]
    return [(name, one_line(value)) for name, value in facts if value]


def entry_title(entry: Entry) -> str:
    """`3. acknowledged`."""
    return f"{entry.seq}. {entry.kind.value}"


def entry_facts(entry: Entry) -> Sequence[Fact]:
    """An entry, fact by fact, without its text and its hash."""
    facts = [
        ("Happened", moment(entry.happened_at)),
        ("Learned", moment(entry.learned_at)),
        ("By", f"{entry.actor.name or entry.actor.id} ({entry.actor.kind.value} {entry.actor.id})"),
        ("Evidence", entry.evidence or "none"),
    ]
    return [(name, one_line(value)) for name, value in facts]


def counted(number: int, what: str) -> str:
    """`1 entry`, `3 entries`, `no operations`."""
    plural = f"{what[:-1]}ies" if what.endswith("y") else f"{what}s"
    return f"{number or 'no'} {what if number == 1 else plural}"
