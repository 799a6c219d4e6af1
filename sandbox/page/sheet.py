"""Where blocks are drawn, and what the ids in them mean there: a renderer looks up nothing else."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from sandbox.page.html import Json

Surface = Literal["message", "modal", "home"]


def _no_file(_id: str) -> Json | None:
    return None


@dataclass(frozen=True, slots=True)
class Names:
    """What ids are called."""

    users: Mapping[str, str] = field(default_factory=dict)
    channels: Mapping[str, str] = field(default_factory=dict)
    """Without the `#`."""
    groups: Mapping[str, str] = field(default_factory=dict)
    bots: frozenset[str] = frozenset()
    file: Callable[[str], Json | None] = _no_file

    def user(self, user_id: str) -> str:
        """A person's or app's name; an unknown one shows its id."""
        return self.users.get(user_id, user_id)

    def channel(self, channel_id: str) -> str:
        """A channel's name; one that this person can't see shows its id."""
        return self.channels.get(channel_id, channel_id)


@dataclass(frozen=True, slots=True)
class Sheet:
    """One message or view as one person sees it. `key` makes element ids unique in the page."""

    names: Names = field(default_factory=Names)
    me: str = ""
    key: str = "s"
    surface: Surface = "message"
    depth: int = 0

    def deeper(self) -> "Sheet":
        """The sheet for blocks inside a block."""
        return replace(self, depth=self.depth + 1)
