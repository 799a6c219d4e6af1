"""A message as it is handed to Slack, and Slack's limits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Block = Mapping[str, Any]
"""A Block Kit block in Slack's own JSON; it never leaves `bot.slack`."""

BLOCKS_IN_MESSAGE = 50
BLOCKS_IN_VIEW = 100
HEADER = 150
BUTTON_TEXT = 75
BUTTONS_IN_ROW = 25
TEXT = 3_000
"""Characters of one text object, also kept for one rich-text element."""
FALLBACK = 3_900
"""Characters of a message's `text`: `chat.update` refuses more than 4,000."""
TABLE_ROWS = 100
TABLE_COLUMNS = 20

INCIDENT_EVENT = "mlops_incident"
POST_EVENT = "mlops_post"


@dataclass(frozen=True, slots=True)
class Metadata:
    """Slack message metadata: how we find our own message again after a crash."""

    event_type: str
    payload: Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Message:
    """`text` is what a notification shows and must make sense alone."""

    text: str
    blocks: tuple[Block, ...]
    metadata: Metadata | None = None
    files: tuple["File", ...] = field(default=())


@dataclass(frozen=True, slots=True)
class File:
    """A file to upload into the thread."""

    name: str
    text: str
