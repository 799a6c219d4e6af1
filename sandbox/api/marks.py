"""reactions.*, pins.* and bookmarks.*: what is stuck to messages and channels."""

import re
from collections.abc import Mapping

from sandbox.api.ask import Ask
from sandbox.api.method import Handler
from sandbox.api.refused import Refused
from sandbox.workspace import messages
from sandbox.workspace.values import Channel, Json, Message

EMOJI = re.compile(r"[a-z0-9_+'-]+(::skin-tone-[2-6])?")
STAMP = re.compile(r"\d+\.\d+")
MOST_REACTIONS = 23
MOST_PINS = 100
MOST_BOOKMARKS = 100
LINK = re.compile(r"https?://\S+")


def add_reaction(ask: Ask) -> Json:
    """reactions.add."""
    channel = _open(ask)
    if channel.archived:
        raise Refused("is_archived")
    message, name = _marked(ask, channel), _emoji(ask)
    names = {reaction["name"] for reaction in message.body.get("reactions", ())}
    if name not in names and len(names) >= MOST_REACTIONS:
        raise Refused("too_many_emoji")
    if not messages.react(ask.workspace, message, ask.bot.id, name):
        raise Refused("already_reacted")
    return {}


def remove_reaction(ask: Ask) -> Json:
    """reactions.remove."""
    channel = _open(ask)
    message, name = _marked(ask, channel), _emoji(ask)
    if not messages.unreact(ask.workspace, message, ask.bot.id, name):
        raise Refused("no_reaction")
    return {}


def get_reactions(ask: Ask) -> Json:
    """reactions.get."""
    if "channel" not in ask.arguments:
        raise Refused("no_item_specified")
    channel = ask.channel()
    message = _marked(ask, channel)
    shown = ask.workspace.message_json(message)
    link = ask.workspace.permalink(channel.id, message.ts)
    return {"type": "message", "channel": channel.id, "message": shown | {"permalink": link}}


def add_pin(ask: Ask) -> Json:
    """pins.add."""
    channel = ask.channel()
    if not ask.is_member(channel):
        raise Refused("not_in_channel")
    message = _marked(ask, channel)
    if any(pin["message_ts"] == message.ts for pin in channel.pins):
        raise Refused("already_pinned")
    if len(channel.pins) >= MOST_PINS:
        raise Refused("too_many_pins")
    pin = {"type": "message", "channel": channel.id, "message_ts": message.ts, "created_by": ask.bot.id}
    channel.pins.insert(0, pin | {"created": int(ask.workspace.clock.now())})
    message.body["pinned_to"] = [channel.id]
    _pin_event(ask, channel, message, "pin_added")
    return {}


def remove_pin(ask: Ask) -> Json:
    """pins.remove."""
    channel = ask.channel()
    message = _marked(ask, channel)
    if not any(pin["message_ts"] == message.ts for pin in channel.pins):
        raise Refused("no_pin")
    channel.pins = [pin for pin in channel.pins if pin["message_ts"] != message.ts]
    message.body.pop("pinned_to", None)
    _pin_event(ask, channel, message, "pin_removed")
    return {}


def list_pins(ask: Ask) -> Json:
    """pins.list."""
    channel = ask.channel()
    if not ask.is_member(channel):
        raise Refused("channel_not_found")
    items: list[Json] = []
    for pin in channel.pins:
        shown = ask.workspace.message_json(channel.messages[pin["message_ts"]])
        items.append({name: pin[name] for name in ("type", "channel", "created", "created_by")} | {"message": shown})
    return {"items": items}


def add_bookmark(ask: Ask) -> Json:
    """bookmarks.add: links only."""
    channel = _bookmarked(ask)
    if ask.arguments.text("type") != "link":
        raise Refused("invalid_bookmark_type")
    link = ask.arguments.text("link")
    if not LINK.fullmatch(link):
        raise Refused("invalid_link")
    if len(channel.bookmarks) >= MOST_BOOKMARKS:
        raise Refused("too_many_bookmarks")
    made: Json = {
        "id": ask.workspace.new_id("Bk"),
        "channel_id": channel.id,
        "title": ask.arguments.text("title"),
        "link": link,
        "emoji": ask.arguments.text("emoji"),
        "icon_url": "",
        "type": "link",
        "entity_id": None,
        "date_created": int(ask.workspace.clock.now()),
        "date_updated": 0,
        "rank": "i",
        "last_updated_by_user_id": ask.bot.id,
        "last_updated_by_team_id": ask.workspace.team.id,
        "shortcut_id": None,
        "app_id": ask.workspace.app.id,
    }
    channel.bookmarks.append(made)
    ask.workspace.changed("channel", channel.id)
    return {"bookmark": dict(made)}


def edit_bookmark(ask: Ask) -> Json:
    """bookmarks.edit."""
    channel = _bookmarked(ask)
    found = _bookmark(ask, channel)
    if "link" in ask.arguments and not LINK.fullmatch(ask.arguments.text("link")):
        raise Refused("invalid_link")
    for name in ("title", "link", "emoji"):
        if name in ask.arguments:
            found[name] = ask.arguments.text(name)
    found["date_updated"] = int(ask.workspace.clock.now())
    ask.workspace.changed("channel", channel.id)
    return {"bookmark": dict(found)}


def list_bookmarks(ask: Ask) -> Json:
    """bookmarks.list."""
    return {"bookmarks": [dict(one) for one in _bookmarked(ask).bookmarks]}


def remove_bookmark(ask: Ask) -> Json:
    """bookmarks.remove."""
    channel = _bookmarked(ask)
    channel.bookmarks.remove(_bookmark(ask, channel))
    ask.workspace.changed("channel", channel.id)
    return {}


def _open(ask: Ask) -> Channel:
    if "channel" not in ask.arguments:
        raise Refused("no_item_specified")
    channel = ask.channel()
    if not ask.is_member(channel):
        raise Refused("no_access")
    return channel


def _marked(ask: Ask, channel: Channel) -> Message:
    given = ask.arguments.text("timestamp")
    if not given:
        raise Refused("no_item_specified")
    if not STAMP.fullmatch(given):
        raise Refused("bad_timestamp")
    return ask.message(channel)


def _emoji(ask: Ask) -> str:
    name = ask.arguments.text("name").strip(":")
    if not EMOJI.fullmatch(name):
        raise Refused("invalid_name")
    return name


def _pin_event(ask: Ask, channel: Channel, message: Message, kind: str) -> None:
    shown: Json = {"type": "message", "channel": channel.id, "message": ask.workspace.message_json(message)}
    shown |= {"created": int(ask.workspace.clock.now()), "created_by": ask.bot.id}
    event: Json = {
        "type": kind,
        "user": ask.bot.id,
        "channel_id": channel.id,
        "item": shown,
        "item_user": message.author,
    }
    ask.workspace.happened(channel.id, event | {"event_ts": ask.workspace.new_ts()})
    ask.workspace.changed("message", channel.id, message.ts)


def _bookmarked(ask: Ask) -> Channel:
    channel = ask.channel("channel_id")
    if not ask.is_member(channel):
        raise Refused("permission_denied" if "title" in ask.arguments else "channel_not_found")
    return channel


def _bookmark(ask: Ask, channel: Channel) -> Json:
    wanted = ask.arguments.text("bookmark_id")
    found = next((one for one in channel.bookmarks if one["id"] == wanted), None)
    if found is None:
        raise Refused("not_found")
    return found


METHODS: Mapping[str, Handler] = {
    "reactions.add": add_reaction,
    "reactions.remove": remove_reaction,
    "reactions.get": get_reactions,
    "pins.add": add_pin,
    "pins.remove": remove_pin,
    "pins.list": list_pins,
    "bookmarks.add": add_bookmark,
    "bookmarks.edit": edit_bookmark,
    "bookmarks.list": list_bookmarks,
    "bookmarks.remove": remove_bookmark,
}
