"""An incident's timeline as a file for people, which proves by itself that nothing in it was changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.timeline import Entry, verify
from bot.usecases.reply import Attachment
from bot.usecases.views import TimelineView


class Format(StrEnum):
    """What a timeline can be written as."""

    MARKDOWN = "md"
    HTML = "html"
    JSON = "json"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class Verified:
    """Whether it is as it was written; `what` says it in a sentence, or names the first thing that is not."""

    intact: bool
    what: str
    incident: int | None
    entries: int


def render(view: TimelineView, fmt: Format, now: datetime) -> Attachment:
    """The timeline as a file."""
    raise NotImplementedError(fmt, view, now)


def verify_chain(entries: Sequence[Entry]) -> Verified:
    """Whether one incident's chain is intact."""
    broken = verify(entries)
    incident = entries[0].incident if entries else None
    if broken is None:
        return Verified(True, f"{len(entries)} entries, each following from the one before it", incident, len(entries))
    return Verified(False, f"entry {broken.seq}: {broken.what}", incident, len(entries))


def verify_bytes(name: str, data: bytes) -> Verified:
    """Whether an export is as it was written, by the file alone."""
    raise NotImplementedError(name, data)
