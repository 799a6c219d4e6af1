"""Whose eyes, and what they look at: the page reads the workspace only through this."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from sandbox.page.html import Json
from sandbox.page.sheet import Names, Sheet, Surface
from sandbox.workspace import Channel, Message, Person, Workspace

WINDOW = 60
"""Messages that are shown at first, and added each time one scrolls up."""


@dataclass(frozen=True)
class Reader:
    """One person at the page."""

    workspace: Workspace
    person: Person

    @cached_property
    def names(self) -> Names:
        """What ids are called for this person: a private channel of others keeps its id."""
        members = self.workspace.members.values()
        return Names(
            users={member.id: member.real_name or member.name for member in members},
            channels={c.id: c.name for c in self.workspace.conversations.values() if c.name and self.sees(c)},
            groups={group.id: group.handle for group in self.workspace.usergroups.values()},
            bots=frozenset(member.id for member in members if member.is_bot),
            file=self.workspace.file,
        )

    def sheet(self, key: str, surface: Surface = "message") -> Sheet:
        """Where one message or view is drawn."""
        return Sheet(self.names, self.person.id, key, surface)

    def sees(self, channel: Channel) -> bool:
        """Members see a conversation; everybody sees a public one."""
        return channel.kind == "public" or self.person.id in channel.members

    def channel(self, name: str) -> Channel | None:
        """By id or name, `@mlops` for the app's direct messages; nothing when this person can't see it."""
        if name.removeprefix("@") == self.workspace.members[self.workspace.app.user_id].name and name.startswith("@"):
            return self.workspace.direct(self.person.id)
        if name.startswith("@"):
            return None
        found = self.workspace.channel(name, self.person.id)
        return found if found is not None and self.sees(found) else None

    def first_channel(self) -> Channel:
        """Where one begins: where the app is, else anywhere."""
        joined = [c for c in self.workspace.conversations.values() if c.kind != "im" and self.person.id in c.members]
        with_app = (c for c in joined if self.workspace.app.user_id in c.members and not c.archived)
        return next(with_app, joined[0] if joined else self.workspace.direct(self.person.id))

    def message(self, channel: Channel, ts: str) -> Message | None:
        """One message, if this person sees it."""
        own = (whisper for whisper in channel.whispers if whisper.ts == ts and whisper.only_for == self.person.id)
        return channel.messages.get(ts) or next(own, None)

    def json(self, message: Message) -> Json:
        """As Slack shows it."""
        return self.workspace.message_json(message)

    def window(self, channel: Channel, thread: str = "", before: str = "") -> tuple[Sequence[Message], bool]:
        """The last messages of a channel or thread before a time stamp, oldest first; and whether older ones exist."""
        found = [m for m in self._candidates(channel, thread) if not before or m.ts < before]
        found.sort(key=lambda message: message.ts)
        return found[-WINDOW:], len(found) > WINDOW

    def _candidates(self, channel: Channel, thread: str) -> Iterable[Message]:
        own = [whisper for whisper in channel.whispers if whisper.only_for == self.person.id]
        if thread:
            said = [channel.messages[ts] for ts in channel.threads.get(thread, ()) if ts in channel.messages]
            return [*said, *(whisper for whisper in own if whisper.thread == thread)]
        return [m for m in (*channel.messages.values(), *own) if in_channel(m)]

    def latest(self, channel: Channel) -> str:
        """The time stamp of the newest message that stands in the channel itself."""
        newest = next((m.ts for m in reversed(channel.messages.values()) if in_channel(m)), "")
        return max([newest, *(w.ts for w in channel.whispers if w.only_for == self.person.id and in_channel(w))])


def in_channel(message: Message) -> bool:
    """Whether it stands in the channel, not only in a thread."""
    return not message.is_reply or message.body.get("subtype") == "thread_broadcast"
