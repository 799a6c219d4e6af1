"""An incident's timeline as a file for people that proves by itself that nothing in it was changed.

What people read is a pure function of the records that stand in the same file. Who verifies reads the records, checks
the chain of their hashes, writes the file again and compares every byte.
"""

from datetime import datetime
from enum import StrEnum

from bot.usecases.export.document import gather
from bot.usecases.export.verification import LIMIT, WRITERS, Verified, verify_bytes, verify_chain
from bot.usecases.reply import Attachment
from bot.usecases.views import TimelineView

__all__ = ["LIMIT", "Format", "Verified", "render", "verify_bytes", "verify_chain"]


class Format(StrEnum):
    """What a timeline can be written as."""

    MARKDOWN = "md"
    HTML = "html"
    JSON = "json"
    CSV = "csv"


def render(view: TimelineView, fmt: Format, now: datetime) -> Attachment:
    """The timeline as a file. The same view at the same moment always gives the same bytes."""
    document = gather(view, now)
    writer = WRITERS[fmt.value]
    text = "".join(piece.text for piece in writer.write(document))
    return Attachment(f"{view.incident.ref}.{fmt.value}", writer.media_type, text)
