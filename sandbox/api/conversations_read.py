"""conversations.*: which there are, who is in them, what was said."""

import re
from collections.abc import Mapping, Sequence

from sandbox.api.ask import PREFIX, Ask
from sandbox.api.method import Handler
from sandbox.api.refused import Refused
from sandbox.workspace.values import Channel, Json, Message

STAMP = re.compile(r"\d{1,12}(\.\d{1,6})?")
TYPES = {"public_channel": "public", "private_channel": "private", "im": "im", "mpim": "mpim"}


def list_all(ask: Ask) -> Json:
    """conversations.list: the public ones, and the others that the app is in."""
    return _listed(ask, [c for c in ask.workspace.conversations.values() if c.kind == "public" or ask.is_member(c)])


def of_user(ask: Ask) -> Json:
    """users.conversations: those that somebody is in, as far as the app may know of them."""
    user = ask.arguments.text("user") or ask.bot.id
    shared = [c for c in ask.workspace.conversations.values() if c.kind == "public" or ask.is_member(c)]
    return _listed(ask, [channel for channel in shared if user in channel.members])


def info(ask: Ask) -> Json:
    """conversations.info."""
    channel = ask.channel()
    ask.need_for(channel, "read")
    shown = channel.json(ask.bot.id)
    if not ask.arguments.flag("include_num_members"):
        shown.pop("num_members", None)
    return {"channel": shown}


def members(ask: Ask) -> Json:
    """conversations.members."""
    channel = ask.channel()
    ask.need_for(channel, "read")
    page = ask.page(channel.members, default=100, key=str)
    return {"members": list(page.items)} | page.metadata()


def history(ask: Ask) -> Json:
    """conversations.history: newest first, without the replies in threads."""
    channel = ask.channel()
    ask.need_for(channel, "history")
    if not ask.is_member(channel):
        raise Refused("not_in_channel")
    found = [
        message
        for message in channel.messages.values()
        if not message.is_reply or message.body.get("subtype") == "thread_broadcast"
    ]
    within = _between(ask, sorted(found, key=lambda message: message.ts, reverse=True))
    page = ask.page(within, default=100, key=lambda message: message.ts)
    shown = [_shown(ask, message) for message in page.items]
    pins = len(channel.pins)
    return {"messages": shown, "has_more": bool(page.cursor), "pin_count": pins} | page.metadata()


def replies(ask: Ask) -> Json:
    """conversations.replies: the first message of a thread, then what answers it, oldest first; or an answer alone."""
    channel = ask.channel()
    ask.need_for(channel, "history")
    if not ask.is_member(channel):
        raise Refused("channel_not_found")
    found = channel.messages.get(ask.arguments.text("ts"))
    if found is None:
        raise Refused("thread_not_found")
    answers = _between(ask, ask.workspace.replies(found))
    page = ask.page([found, *answers], default=MOST, key=lambda message: message.ts)
    shown = [_shown(ask, message) for message in page.items]
    return {"messages": shown, "has_more": bool(page.cursor)} | page.metadata()


MOST = 1000


def _listed(ask: Ask, channels: Sequence[Channel]) -> Json:
    wanted = ask.arguments.names("types") or ["public_channel"]
    unknown = [name for name in wanted if name not in TYPES]
    if unknown:
        raise Refused("invalid_types", [f"[ERROR] unknown type {name}" for name in unknown])
    for name in wanted:
        ask.need(f"{PREFIX[TYPES[name]]}:read")
    kinds = {TYPES[name] for name in wanted}
    skip = ask.arguments.flag("exclude_archived")
    found = [channel for channel in channels if channel.kind in kinds and not (skip and channel.archived)]
    page = ask.page(found, default=100, key=lambda channel: channel.id)
    return {"channels": [channel.json(ask.bot.id) for channel in page.items]} | page.metadata()


def _between(ask: Ask, messages: Sequence[Message]) -> list[Message]:
    """Those after `oldest` and before `latest`; with `inclusive` also those at them."""
    oldest, latest = _stamp(ask, "oldest"), _stamp(ask, "latest")
    inclusive = ask.arguments.flag("inclusive")
    found: list[Message] = []
    for message in messages:
        at = message.ts
        after = not oldest or at > oldest or (inclusive and at == oldest)
        before = not latest or at < latest or (inclusive and at == latest)
        if after and before:
            found.append(message)
    return found


def _stamp(ask: Ask, name: str) -> str:
    """A time stamp in the form in which they can be compared as texts."""
    given = ask.arguments.text(name)
    if given in {"", "0"}:
        return ""
    if not STAMP.fullmatch(given):
        raise Refused(f"invalid_ts_{name}")
    seconds, _, fraction = given.partition(".")
    return f"{int(seconds):010d}.{fraction:0<6}"


def _shown(ask: Ask, message: Message) -> Json:
    shown = ask.workspace.message_json(message)
    if not ask.arguments.flag("include_all_metadata"):
        shown.pop("metadata", None)
    return shown


METHODS: Mapping[str, Handler] = {
    "conversations.list": list_all,
    "conversations.info": info,
    "conversations.members": members,
    "conversations.history": history,
    "conversations.replies": replies,
    "users.conversations": of_user,
}
