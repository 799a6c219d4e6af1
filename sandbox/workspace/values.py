"""What a workspace is made of. Slack's own JSON is the shape in which all of it is shown."""

from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Json = dict[str, Any]
"""A JSON object as Slack writes it."""

Kind = Literal["public", "private", "im", "mpim"]


@dataclass(frozen=True, slots=True)
class Team:
    """The workspace itself."""

    id: str
    name: str
    domain: str


@dataclass(frozen=True, slots=True)
class Person:
    """A member: one of the people, or the app's bot user."""

    id: str
    name: str
    real_name: str
    title: str = ""
    email: str = ""
    is_bot: bool = False
    app_id: str = ""
    bot_id: str = ""
    deleted: bool = False

    def json(self, team_id: str, *, with_email: bool = True) -> Json:
        """As `users.info` shows it. The address needs a permission of its own."""
        profile = {
            "title": self.title,
            "real_name": self.real_name,
            "real_name_normalized": self.real_name,
            "display_name": self.name,
            "display_name_normalized": self.name,
            "team": team_id,
        }
        if with_email and self.email:
            profile["email"] = self.email
        if self.is_bot:
            profile |= {"bot_id": self.bot_id, "api_app_id": self.app_id}
        return {
            "id": self.id,
            "team_id": team_id,
            "name": self.name,
            "deleted": self.deleted,
            "real_name": self.real_name,
            "tz": "Europe/London",
            "tz_label": "Greenwich Mean Time",
            "tz_offset": 0,
            "profile": profile,
            "is_admin": False,
            "is_owner": False,
            "is_primary_owner": False,
            "is_restricted": False,
            "is_ultra_restricted": False,
            "is_bot": self.is_bot,
            "is_app_user": False,
            "updated": 1_790_000_000,
        }


@dataclass(frozen=True, slots=True)
class App:
    """The one app that is installed: who it is, what it may, and what it wants to hear."""

    id: str
    name: str
    user_id: str
    bot_id: str
    bot_token: str
    app_token: str
    signing_secret: str
    verification_token: str
    scopes: frozenset[str]
    events: frozenset[str]
    commands: frozenset[str]
    shortcuts: tuple["Shortcut", ...] = ()

    def with_secret(self, signing_secret: str) -> "App":
        """The same app with another signing secret."""
        return replace(self, signing_secret=signing_secret)


@dataclass(frozen=True, slots=True)
class Shortcut:
    """An entry that the app has put into Slack's menus."""

    callback_id: str
    name: str
    type: Literal["global", "message"]


@dataclass(slots=True)
class Message:
    """One message. `body` is what the API shows, but for what replies add to it."""

    channel: str
    ts: str
    author: str
    body: Json
    by_app: bool = False
    only_for: str = ""
    """The person who alone sees it, if it is ephemeral."""
    call: int | None = None
    """The Web API call that made it or changed it last."""

    @property
    def thread(self) -> str:
        """The time stamp of the thread's first message, or nothing."""
        return str(self.body.get("thread_ts") or "")

    @property
    def is_reply(self) -> bool:
        """Whether it stands in a thread below another one."""
        return bool(self.thread) and self.thread != self.ts


@dataclass(slots=True)
class Channel:
    """A conversation of any kind."""

    id: str
    name: str
    kind: Kind
    created: int
    creator: str
    members: list[str]
    topic: Json = field(default_factory=lambda: {"value": "", "creator": "", "last_set": 0})
    purpose: Json = field(default_factory=lambda: {"value": "", "creator": "", "last_set": 0})
    archived: bool = False
    is_general: bool = False
    messages: dict[str, Message] = field(default_factory=dict)
    threads: dict[str, list[str]] = field(default_factory=dict)
    """The time stamps of the replies, by that of the message they answer."""
    whispers: list[Message] = field(default_factory=list)
    pins: list[Json] = field(default_factory=list)
    bookmarks: list[Json] = field(default_factory=list)
    canvas: str = ""

    @property
    def is_private(self) -> bool:
        """Whether only its members know of it."""
        return self.kind != "public"

    def json(self, viewer: str) -> Json:
        """As `conversations.info` shows it to `viewer`."""
        about: Json = {"id": self.id, "created": self.created, "is_archived": self.archived, "is_im": self.kind == "im"}
        if self.kind == "im":
            other = next((member for member in self.members if member != viewer), viewer)
            return about | {"is_org_shared": False, "user": other, "is_user_deleted": False, "priority": 0}
        return about | {
            "name": self.name,
            "name_normalized": self.name,
            "is_channel": self.kind == "public",
            "is_group": self.kind == "private",
            "is_mpim": self.kind == "mpim",
            "is_private": self.is_private,
            "is_general": self.is_general,
            "is_member": viewer in self.members,
            "is_shared": False,
            "is_ext_shared": False,
            "is_org_shared": False,
            "is_pending_ext_shared": False,
            "pending_shared": [],
            "unlinked": 0,
            "creator": self.creator,
            "topic": dict(self.topic),
            "purpose": dict(self.purpose),
            "previous_names": [],
            "num_members": len(self.members),
        }


@dataclass(slots=True)
class View:
    """A modal that is open for one person, or a person's App Home."""

    id: str
    user: str
    body: Json
    """As the API shows it: with `id`, `hash`, `state`, `root_view_id` …"""
    state: Json = field(default_factory=dict)

    def json(self) -> Json:
        """As payloads and answers show it."""
        return deepcopy(self.body) | {"state": {"values": deepcopy(self.state)}}


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A message that is to be posted later."""

    id: str
    channel: str
    post_at: int
    body: Json
    created: int


@dataclass(frozen=True, slots=True)
class Change:
    """Something that a page may want to show anew."""

    what: str
    """`message`, `view`, `home`, `channel`, `file`, `person`, `connection`, `call`, `trouble`; in a recording also
    `replay` (another step is shown) and `everything`."""
    channel: str = ""
    ts: str = ""
    user: str = ""
    """Set when it concerns this person alone."""

    def json(self) -> Json:
        """For the stream."""
        given = {"channel": self.channel, "ts": self.ts, "user": self.user}
        return {"what": self.what} | {name: value for name, value in given.items() if value}


@dataclass(frozen=True, slots=True)
class Call:
    """One Web API call that was answered (or on purpose not)."""

    n: int
    at: float
    method: str
    arguments: Json
    ok: bool
    error: str | None
    ms: float

    def json(self) -> Json:
        """For the control API."""
        return {
            "n": self.n,
            "at": self.at,
            "method": self.method,
            "arguments": self.arguments,
            "ok": self.ok,
            "error": self.error,
            "ms": round(self.ms, 3),
        }
