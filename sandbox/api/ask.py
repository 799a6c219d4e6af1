"""One call of a method, and what methods have in common: scopes, conversations, people, pages."""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from sandbox.api.arguments import Arguments
from sandbox.api.refused import Refused
from sandbox.delivery import Sockets
from sandbox.interactions import Exchanges
from sandbox.workspace.later import Later
from sandbox.workspace.state import Workspace
from sandbox.workspace.values import Channel, Json, Message, Person

T = TypeVar("T")

PREFIX = {"public": "channels", "private": "groups", "im": "im", "mpim": "mpim"}
"""How scopes name the kinds of conversations."""
WRITING = {"public": ("channels:manage", "channels:write"), "private": ("groups:write",), "im": ("im:write",),
           "mpim": ("mpim:write",)}  # fmt: skip
MOST_A_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Ask:
    """A call that has passed the gate: its token is good and its arguments are there."""

    workspace: Workspace
    exchanges: Exchanges
    sockets: Sockets | None
    later: Later
    arguments: Arguments
    number: int
    """The number of the call; messages remember it."""
    warnings: list[str] = field(default_factory=list)

    @property
    def bot(self) -> Person:
        """The app's own user."""
        return self.workspace.members[self.workspace.app.user_id]

    # ------------------------------------------------------------ permissions

    def need(self, *any_of: str) -> None:
        """Refuse without one of these scopes."""
        given = self.workspace.app.scopes
        if not given & set(any_of):
            raise Refused("missing_scope", needed=",".join(any_of), provided=",".join(sorted(given)))

    def need_for(self, channel: Channel, what: str) -> None:
        """Refuse without the scope for this kind of conversation: `history`, `read`, or `write` and its finer forms."""
        verb, _, finer = what.partition(".")
        if verb == "write":
            more = (f"{PREFIX[channel.kind]}:{what}",) if finer else ()
            self.need(*WRITING[channel.kind], *more)
        else:
            self.need(f"{PREFIX[channel.kind]}:{what}")

    # ------------------------------------------------------------ finding

    def channel(self, argument: str = "channel", *, code: str = "channel_not_found") -> Channel:
        """The conversation that is named by its id. A private one without the app in it does not exist."""
        found = self.workspace.conversations.get(self.arguments.text(argument))
        if found is None or (found.is_private and self.bot.id not in found.members):
            raise Refused(code)
        return found

    def place(self) -> Channel:
        """Where something is posted: by id, by `#name`, or a person's id for their direct messages."""
        name = self.arguments.text("channel")
        itself = name.startswith("@") or name == self.bot.id
        found = None if itself else self.workspace.channel(name, viewer=self.bot.id)
        if found is None or (found.is_private and self.bot.id not in found.members):
            raise Refused("channel_not_found")
        return found

    def person(self, argument: str = "user", *, code: str = "user_not_found") -> Person:
        """The person that is named by their id."""
        found = self.workspace.members.get(self.arguments.text(argument))
        if found is None:
            raise Refused(code)
        return found

    def message(self, channel: Channel, argument: str = "timestamp", *, code: str = "message_not_found") -> Message:
        """The message with this time stamp."""
        found = channel.messages.get(self.arguments.text(argument))
        if found is None or found.body.get("subtype") == "tombstone":
            raise Refused(code)
        return found

    def is_member(self, channel: Channel) -> bool:
        """Whether the app is in there."""
        return self.bot.id in channel.members

    # ------------------------------------------------------------ pages

    def page(
        self, items: Sequence[T], *, default: int, key: Callable[[T], str], code: str = "invalid_cursor"
    ) -> "Page[T]":
        """The part of a list that is asked for. A cursor names the last item seen, so lists may change meanwhile."""
        limit = self.arguments.number("limit", default)
        limit = min(limit if limit > 0 else default, MOST_A_PAGE)
        begin = 0
        if "cursor" in self.arguments:
            after = _unsealed(self.arguments.text("cursor"))
            begin = next((number + 1 for number, one in enumerate(items) if key(one) == after), -1)
            if begin < 0:
                raise Refused(code)
        part = items[begin : begin + limit]
        more = begin + limit < len(items)
        return Page(part, _sealed(key(part[-1])) if more and part else "")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list, and where the next one begins."""

    items: Sequence[T]
    cursor: str

    def metadata(self) -> Json:
        """The part of the answer that says how to go on."""
        return {"response_metadata": {"next_cursor": self.cursor}}


def _sealed(key: str) -> str:
    return base64.b64encode(f"after:{key}".encode()).decode()


def _unsealed(cursor: str) -> str:
    try:
        text = base64.b64decode(cursor, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
    return text.removeprefix("after:")
