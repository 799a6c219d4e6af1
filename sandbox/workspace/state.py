"""The state of the workspace, what can be read of it, and who is told when it changes."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from fnmatch import fnmatchcase

from sandbox.clock import Clock
from sandbox.workspace import seed
from sandbox.workspace.canvases import Canvas
from sandbox.workspace.holdings import File, UserGroup
from sandbox.workspace.streams import Stream
from sandbox.workspace.values import App, Call, Change, Channel, Json, Message, Person, Scheduled, Team, View

CALLS_KEPT = 20_000
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

Listener = Callable[[str, Json], None]
"""Told of everything that the app may have subscribed to: the channel (or nothing) and the inner event."""


NoteTaker = Callable[[int, str, Json], None]
"""Told of what is done: the note's number, its kind (`call`, `act`, `delivery` …), and the facts."""


class Workspace:
    """Everything in one place, in memory. What reads gives Slack's JSON; what changes stands in the modules beside."""

    def __init__(self, clock: Clock, app: App = seed.APP, team: Team = seed.TEAM) -> None:
        self.clock = clock
        self.app = app
        self.team = team
        self.address = "http://127.0.0.1"
        """Where this server is reached; set when it listens."""
        bot = replace(seed.BOT, id=app.user_id, app_id=app.id, bot_id=app.bot_id)
        self.members: dict[str, Person] = {person.id: person for person in (*seed.PEOPLE, bot)}
        self.conversations: dict[str, Channel] = {c.id: c for c in seed.channels(int(clock.now()))}
        self.files: dict[str, File] = {}
        self.usergroups: dict[str, UserGroup] = {}
        self.modals: dict[str, list[View]] = {}
        self.homes: dict[str, View] = {}
        self.scheduled: dict[str, Scheduled] = {}
        self.canvases: dict[str, Canvas] = {}
        self.streams: dict[str, Stream] = {}
        """The messages that still grow, by their time stamp."""
        self.thread_notes: dict[tuple[str, str], Json] = {}
        """Status, title and prompts that the app gave to a thread, by channel and time stamp."""
        self.recorded: deque[Call] = deque(maxlen=CALLS_KEPT)
        self.call_number = 0
        self.sockets: Callable[[], int] = int
        """How many sockets the app has open; set by whoever holds them."""
        self._listeners: list[Listener] = []
        self._takers: list[NoteTaker] = []
        self._watchers: list[Callable[[Change], None]] = []
        self._noted = 0
        self._readers: set[asyncio.Queue[Change | None]] = set()
        self._last_ts = (0, 0)
        self._made = 0

    # ------------------------------------------------------------ what the page and the control API read

    def people(self) -> list[Json]:
        """The people, without bots: `users.info` objects."""
        return [p.json(self.team.id) for p in self.members.values() if not p.is_bot and not p.deleted]

    def channels_of(self, user_id: str) -> list[Json]:
        """What a person has in the side bar, by kind and name: channel objects.

        `is_member` tells the joined from the merely visible public ones. The direct messages with the app are always
        there (`is_im`, `user` is the bot).
        """
        self.direct(user_id)
        seen = [c for c in self.conversations.values() if user_id in c.members or c.kind == "public"]
        order = {"public": 0, "private": 0, "mpim": 1, "im": 2}
        return [c.json(user_id) for c in sorted(seen, key=lambda c: (order[c.kind], c.name, c.id))]

    def messages(self, channel_id: str, user_id: str | None = None, thread_ts: str | None = None) -> list[Json]:
        """Messages of a channel as this person sees them, oldest first, replies too; or one thread's, its parent first.

        Ephemeral ones carry `is_ephemeral: true`; without a person they are left out.
        """
        channel = self.conversations[channel_id]
        own = [whisper for whisper in channel.whispers if whisper.only_for == user_id]
        found = sorted([*channel.messages.values(), *own], key=lambda message: message.ts)
        if thread_ts is not None:
            found = [message for message in found if thread_ts in {message.ts, message.thread}]
        return [self.message_json(message) for message in found]

    def views_of(self, user_id: str) -> list[Json]:
        """The modals that are open for a person, the bottom one first: view objects with their `state`."""
        return [view.json() for view in self.modals.get(user_id, [])]

    def home_of(self, user_id: str) -> Json | None:
        """The App Home that was published for a person, if any."""
        home = self.homes.get(user_id)
        return home.json() if home else None

    def file(self, file_id: str) -> Json | None:
        """A completed file's object; its bytes are at `url_private` and given by `file_bytes`."""
        file = self.files.get(file_id)
        return file.json(self.address) if file and file.done and not file.deleted else None

    def file_bytes(self, file_id: str) -> bytes | None:
        """The content of a completed file."""
        file = self.files.get(file_id)
        return file.data if file and file.done and not file.deleted else None

    def calls(self, method: str = "*", since: int = 0) -> list[Json]:
        """The Web API calls after number `since` whose method fits the pattern, oldest first."""
        return [call.json() for call in self.recorded if call.n > since and fnmatchcase(call.method, method)]

    def call_behind(self, channel_id: str, ts: str) -> Json | None:
        """The Web API call that made a message or changed it last, if the app did."""
        message = self.conversations[channel_id].messages.get(ts)
        number = message.call if message else None
        return next((call.json() for call in self.recorded if call.n == number), None)

    async def subscribe(self) -> AsyncIterator[Change]:
        """Every change from now on, until the workspace closes. A reader that is far behind is let go."""
        with self._reading() as queue:
            while (change := await queue.get()) is not None:
                yield change

    # ------------------------------------------------------------ finding

    def message_json(self, message: Message) -> Json:
        """A message as the API shows it: with what its replies add."""
        shown = deepcopy(message.body)
        if message.only_for:
            return shown | {"is_ephemeral": True}
        replies = self.replies(message) if message.thread == message.ts else ()
        if replies:
            users = list(dict.fromkeys(reply.author for reply in replies))
            shown |= {
                "reply_count": len(replies),
                "reply_users_count": len(users),
                "reply_users": users,
                "latest_reply": replies[-1].ts,
                "is_locked": False,
                "subscribed": self.app.user_id in users or message.by_app,
            }
        elif message.is_reply:
            parent = self.conversations[message.channel].messages[message.thread].body
            if "user" in parent:  # an incoming webhook is nobody
                shown["parent_user_id"] = parent["user"]
        else:
            shown.pop("thread_ts", None)
        return shown

    def replies(self, parent: Message) -> Sequence[Message]:
        """What stands in the thread below a message, oldest first."""
        channel = self.conversations[parent.channel]
        return [channel.messages[ts] for ts in channel.threads.get(parent.ts, ())]

    def person(self, name: str) -> Person | None:
        """By id, `@handle` or handle."""
        handle = name.removeprefix("@")
        return self.members.get(name) or next((p for p in self.members.values() if p.name == handle), None)

    def channel(self, name: str, viewer: str = "") -> Channel | None:
        """By id, name, `#name`, or `@handle` for the app's direct messages with that person."""
        if name in self.conversations:
            return self.conversations[name]
        if name.startswith("@") or name in self.members:
            person = self.person(name)
            return self.direct(person.id) if person else None
        bare = name.removeprefix("#")
        known = (c for c in self.conversations.values() if c.name == bare and c.kind in {"public", "private"})
        return next((c for c in known if not viewer or not c.is_private or viewer in c.members), None)

    def direct(self, user_id: str) -> Channel:
        """The direct messages between the app and a person; made when first asked for."""
        both = [self.app.user_id, user_id]
        known = (c for c in self.conversations.values() if c.kind == "im" and sorted(c.members) == sorted(both))
        found = next(known, None)
        if found is None:
            found = Channel(self.new_id("D"), "", "im", int(self.clock.now()), self.app.user_id, both)
            self.conversations[found.id] = found
        return found

    def permalink(self, channel_id: str, ts: str) -> str:
        """The address of a message on this server."""
        link = f"{self.address}/archives/{channel_id}/p{ts.replace('.', '')}"
        message = self.conversations[channel_id].messages.get(ts)
        return f"{link}?thread_ts={message.thread}&cid={channel_id}" if message and message.is_reply else link

    # ------------------------------------------------------------ making and telling

    def new_id(self, letter: str) -> str:
        """An id of Slack's form that nobody has."""
        self._made += 1
        number, digits = self._made, ""
        while number:
            number, digit = divmod(number, 36)
            digits = ALPHABET[digit] + digits
        return f"{letter}0{digits:0>9}"

    def number_from(self, number: int) -> None:
        """Let ids begin so high that they meet none that came from elsewhere."""
        self._made = max(self._made, number)

    def new_ts(self) -> str:
        """A time stamp later than every other."""
        now = self.clock.now()
        stamp = max((int(now), int(now % 1 * 1_000_000)), (self._last_ts[0], self._last_ts[1] + 1))
        self._last_ts = stamp if stamp[1] < 1_000_000 else (stamp[0] + 1, 0)
        return f"{self._last_ts[0]}.{self._last_ts[1]:06d}"

    def listen(self, listener: Listener) -> None:
        """Be told of Slack events."""
        self._listeners.append(listener)

    def happened(self, channel_id: str, event: Json) -> None:
        """Something that Slack sends an event about, if the app may know of it."""
        for listener in self._listeners:
            listener(channel_id, event)

    def note(self, kind: str, facts: Json) -> int:
        """Something that was done, for whoever keeps a record. Returns the note's number, to refer to it."""
        self._noted += 1
        for taker in self._takers:
            taker(self._noted, kind, facts)
        return self._noted

    def attend(self, taker: NoteTaker, watcher: Callable[[Change], None]) -> None:
        """Be told of every note and every change at once, in the order in which they happen."""
        self._takers.append(taker)
        self._watchers.append(watcher)

    def changed(self, what: str, channel: str = "", ts: str = "", user: str = "") -> None:
        """Something that a page may want to show anew."""
        change = Change(what, channel, ts, user)
        for watcher in self._watchers:
            watcher(change)
        for queue in list(self._readers):
            try:
                queue.put_nowait(change)
            except asyncio.QueueFull:
                self._readers.discard(queue)
                _end(queue)

    def close(self) -> None:
        """End every stream."""
        for queue in list(self._readers):
            _end(queue)

    @contextmanager
    def _reading(self) -> Iterator[asyncio.Queue[Change | None]]:
        queue: asyncio.Queue[Change | None] = asyncio.Queue(maxsize=10_000)
        self._readers.add(queue)
        try:
            yield queue
        finally:
            self._readers.discard(queue)


def _end(queue: asyncio.Queue[Change | None]) -> None:
    """Make room for the end, and put it."""
    if queue.full():
        queue.get_nowait()
    queue.put_nowait(None)
