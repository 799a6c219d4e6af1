"""What Slack should show: a message has a wanted and a shown revision, and a projector brings the two together."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum


class PostKind(StrEnum):
    """What a message shows; decides how it is rendered and what `ref` means."""

    CARD = "card"
    """`ref`: the incident's number."""
    OPERATION = "operation"
    """`ref`: the operation's number; lives in its incident's thread, if it has one."""
    PAGE = "page"
    """A direct message to one person. `ref`: the incident's number; `body`: the person's id."""
    ASK = "ask"
    """A direct message to who may approve. `ref`: the operation's number; `body`: the person's id."""
    SUMMARY = "summary"
    """The summary of a resolved incident, to who is Informed. `ref`: the incident's number; `body`: a person's id."""
    DIGEST = "digest"
    """`body`: the digest as JSON of a `Reply`."""
    NOTICE = "notice"
    """`body`: the notice as JSON of a `Reply`."""


class Lane(IntEnum):
    """Who goes first when Slack's limits don't let everything through."""

    PAGE = 0
    ACKNOWLEDGEMENT = 1
    NEW_INCIDENT = 2
    UPDATE = 3
    ENRICHMENT = 4
    HOUSEKEEPING = 5


@dataclass(frozen=True, slots=True)
class Post:
    """One message that should exist once. `key` is unique: `card:42`, `operation:17`, `digest:daily:2026-11-23`.

    `channel` is a Slack id, `#name`, or `@person` (the person's id: a direct message). `thread` is the key of the
    post in whose thread it lives. `sending` is set before the first attempt, so that after a crash the projector
    looks for the message (by its metadata) before it posts again.
    """

    key: str
    kind: PostKind
    ref: int
    channel: str
    lane: Lane
    wanted: int = 1
    shown: int = 0
    thread: str | None = None
    body: str = ""
    sending: bool = False
    channel_id: str = ""
    ts: str = ""
    attempts: int = 0
    not_before: datetime | None = None
    last_error: str = ""
