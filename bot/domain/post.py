"""What Slack should show: a message has a wanted and a shown revision, and a projector brings the two together."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum

REFUSED = "Slack says "
"""How the last error of a post begins that Slack does not take: that is told to people, and Slack is not behind."""


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
    FOREIGN = "foreign"
    """A message of somebody else, in whose thread we answer: never sent, never edited."""
    ADOPTED = "adopted"
    """Below a message that told alerts: which incidents those are. `ref`: the first; `body`: all numbers as JSON."""
    STORM = "storm"
    """Many problems at once, in one message: those whose posts are `listed` in it. `body`: a `Storm` as JSON."""


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
    looks for the message (by its metadata) before it posts again. `rank` orders what is in one lane: 1 is the worst.
    `listed` is the key of the post of many problems at once that names this one, too: a page or a summary that has no
    message of its own then is shown there.
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
    rank: int = 2
    listed: str = ""
    wanted_at: datetime | None = field(default=None, compare=False)
    """Since when something is wanted that is not shown."""
    changed_at: datetime | None = field(default=None, compare=False)
    """When something was wanted of it last."""

    @property
    def told_elsewhere(self) -> bool:
        """Whether it has no message of its own, because another one shows it."""
        return self.kind in {PostKind.PAGE, PostKind.SUMMARY} and bool(self.listed) and not self.ts


@dataclass(frozen=True, slots=True)
class Backlog:
    """What has waited for Slack for longer than it should."""

    count: int
    since: datetime

    @property
    def told(self) -> str:
        """For people, in the places where they look."""
        what = "1 update waits" if self.count == 1 else f"{self.count} updates wait"
        return f"{what} for Slack since {self.since:%H:%M} UTC"
