"""canvases.* and conversations.canvases.create: documents beside the talk."""

from collections.abc import Mapping
from typing import cast, get_args

from sandbox.api.ask import Ask
from sandbox.api.method import Handler
from sandbox.api.refused import Refused
from sandbox.workspace.canvases import Canvas, Where
from sandbox.workspace.values import Json

MOST_TEXT = 1_048_576
LEVELS = frozenset({"read", "write", "owner"})


def create(ask: Ask) -> Json:
    """canvases.create: alone, or as the tab of a channel."""
    if "channel_id" in ask.arguments:
        channel = ask.workspace.conversations.get(ask.arguments.text("channel_id"))
        if channel is None or not ask.is_member(channel):
            raise Refused("restricted_action")
        if channel.canvas:
            raise Refused("free_team_canvas_tab_already_exists")
        return {"canvas_id": _made(ask, channel.id).id}
    return {"canvas_id": _made(ask, "").id}


def create_in_channel(ask: Ask) -> Json:
    """conversations.canvases.create: a channel has one."""
    channel = ask.workspace.conversations.get(ask.arguments.text("channel_id"))
    if channel is None or not ask.is_member(channel):
        raise Refused("channel_canvas_creation_failed")
    if channel.canvas:
        raise Refused("channel_canvas_already_exists")
    return {"canvas_id": _made(ask, channel.id).id}


def edit(ask: Ask) -> Json:
    """canvases.edit: one change a call."""
    canvas = _canvas(ask)
    changes = ask.arguments.structure("changes")
    if not isinstance(changes, list) or len(changes) != 1 or not isinstance(changes[0], dict):
        raise Refused("invalid_arguments", ["[ERROR] exactly one change a call [json-pointer:/changes]"])
    change: Json = changes[0]
    section = change.get("section_id") or ""
    match change.get("operation"):
        case "delete":
            done = canvas.delete(str(section))
        case "rename":
            title = change.get("title_content")
            canvas.title = _markdown(title, "canvas_editing_failed", "canvas_too_large") or canvas.title
            done = True
        case str(operation) if operation in get_args(Where):
            text = _markdown(change.get("document_content"), "canvas_editing_failed", "canvas_too_large")
            done = canvas.insert(cast(Where, operation), text, str(section))
        case _:
            done = False
    if not done:
        raise Refused("canvas_editing_failed", detail="there is no such operation or section")
    return {}


def lookup(ask: Ask) -> Json:
    """canvases.sections.lookup."""
    canvas = _canvas(ask)
    criteria = ask.arguments.structure("criteria")
    if not isinstance(criteria, dict):
        raise Refused("invalid_arguments", ["[ERROR] must be an object [json-pointer:/criteria]"])
    types = criteria.get("section_types") or []
    text = criteria.get("contains_text") or ""
    if not isinstance(types, list) or not isinstance(text, str):
        raise Refused("invalid_arguments", ["[ERROR] invalid criteria [json-pointer:/criteria]"])
    return {"sections": [{"id": section.id} for section in canvas.find({str(kind) for kind in types}, text)]}


def set_access(ask: Ask) -> Json:
    """canvases.access.set: for channels or for people."""
    canvas = _canvas(ask)
    channels, users = ask.arguments.names("channel_ids"), ask.arguments.names("user_ids")
    if bool(channels) == bool(users) or ask.arguments.text("access_level") not in LEVELS:
        raise Refused("invalid_parameters")
    if any(channel not in ask.workspace.conversations for channel in channels):
        raise Refused("channel_not_found")
    if any(user not in ask.workspace.members for user in users):
        raise Refused("user_not_found")
    canvas.access |= dict.fromkeys([*channels, *users], ask.arguments.text("access_level"))
    return {}


def delete(ask: Ask) -> Json:
    """canvases.delete."""
    canvas = _canvas(ask)
    del ask.workspace.canvases[canvas.id]
    if canvas.channel:
        ask.workspace.conversations[canvas.channel].canvas = ""
        ask.workspace.changed("channel", canvas.channel)
    return {}


def _made(ask: Ask, channel: str) -> Canvas:
    text = _markdown(ask.arguments.structure("document_content"), "canvas_creation_failed", "canvas_creation_failed")
    canvas = Canvas(ask.workspace.new_id("F"), ask.arguments.text("title"), ask.bot.id, channel)
    canvas.insert("insert_at_end", text)
    ask.workspace.canvases[canvas.id] = canvas
    if channel:
        ask.workspace.conversations[channel].canvas = canvas.id
        ask.workspace.changed("channel", channel)
    return canvas


def _canvas(ask: Ask) -> Canvas:
    found = ask.workspace.canvases.get(ask.arguments.text("canvas_id"))
    if found is None:
        raise Refused("canvas_not_found")
    return found


def _markdown(content: object, faulty: str, too_large: str) -> str:
    match content:
        case None:
            return ""
        case {"type": "markdown", "markdown": str(text)}:
            if len(text) > MOST_TEXT:
                raise Refused(too_large)
            return text
        case _:
            raise Refused(faulty, detail="the content must be of type markdown")


METHODS: Mapping[str, Handler] = {
    "canvases.create": create,
    "conversations.canvases.create": create_in_channel,
    "canvases.edit": edit,
    "canvases.sections.lookup": lookup,
    "canvases.access.set": set_access,
    "canvases.delete": delete,
}
