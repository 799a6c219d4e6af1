"""What the program answers a person: a neutral value that Slack, the command line and pages each render their way.

All texts in it are plain text, never markup: whoever renders escapes them. A person is named by `Mention`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal

from pydantic import TypeAdapter

from bot.domain.errors import BotError


class Tone(StrEnum):
    """How the answer is meant."""

    INFO = "info"
    DONE = "done"
    REFUSED = "refused"
    """Our own rules say no."""
    FAULT = "fault"
    """Something is broken; the text says what was not done and what to do next."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Plain text; line breaks are kept."""

    text: str
    kind: Literal["paragraph"] = "paragraph"


@dataclass(frozen=True, slots=True)
class Heading:
    """A short heading."""

    text: str
    kind: Literal["heading"] = "heading"


@dataclass(frozen=True, slots=True)
class Facts:
    """Names with values, shown side by side where there is room."""

    pairs: tuple[tuple[str, str], ...]
    kind: Literal["facts"] = "facts"


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list; `ordered` numbers it."""

    items: tuple[str, ...]
    ordered: bool = False
    kind: Literal["bullets"] = "bullets"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headings; at most 100 rows and 8 columns are shown."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    kind: Literal["table"] = "table"


@dataclass(frozen=True, slots=True)
class Code:
    """Text in fixed width."""

    text: str
    kind: Literal["code"] = "code"


@dataclass(frozen=True, slots=True)
class Link:
    """A named address."""

    text: str
    url: str
    kind: Literal["link"] = "link"


@dataclass(frozen=True, slots=True)
class Mentions:
    """People who should see it: ids of the configuration, after an introducing word."""

    intro: str
    people: tuple[str, ...]
    kind: Literal["mentions"] = "mentions"


@dataclass(frozen=True, slots=True)
class Button:
    """A press: `action` is the action id of the interface, `value` the id (`INC-42`, `OP-17`)."""

    text: str
    action: str
    value: str
    style: Literal["", "primary", "danger"] = ""
    confirm: str = ""
    """When given, asked before the press counts."""


@dataclass(frozen=True, slots=True)
class Buttons:
    """A row of buttons, at most five."""

    buttons: tuple[Button, ...]
    kind: Literal["buttons"] = "buttons"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file to hand over: in Slack an upload into the thread, on the command line a file or the standard output."""

    name: str
    media_type: str
    text: str
    kind: Literal["attachment"] = "attachment"


Part = Paragraph | Heading | Facts | Bullets | Table | Code | Link | Mentions | Buttons | Attachment


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. `title` alone must make sense (it is the notification's text)."""

    title: str
    tone: Tone = Tone.INFO
    parts: Sequence[Part] = field(default=())
    public: bool = False
    """Whether everybody in the channel should see it; by default only who asked."""

    @property
    def ok(self) -> bool:
        """Whether what was asked was done."""
        return self.tone in {Tone.INFO, Tone.DONE}


def say(title: str, *texts: str, tone: Tone = Tone.INFO) -> Reply:
    """A title and paragraphs."""
    return Reply(title, tone, tuple(Paragraph(text) for text in texts if text))


def refusal(error: BotError, tone: Tone = Tone.REFUSED) -> Reply:
    """What happened, what was not done, what to do next."""
    return say(error.what, error.not_done, error.next_step, tone=tone)


_JSON = TypeAdapter(Reply)


def to_json(reply: Reply) -> str:
    """A reply as it is kept in a post's body."""
    return _JSON.dump_json(reply).decode()


def from_json(text: str) -> Reply:
    """The reverse of `to_json`."""
    reply = _JSON.validate_json(text)
    return replace(reply, parts=tuple(reply.parts))
