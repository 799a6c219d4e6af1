"""Messages come, are edited, answered, reacted to and go; whoever must know is told."""

from collections.abc import Sequence
from copy import deepcopy

from sandbox.workspace.state import Workspace
from sandbox.workspace.values import Channel, Json, Message, Person

KIND_IN_EVENTS = {"public": "channel", "private": "group", "im": "im", "mpim": "mpim"}


def post(
    workspace: Workspace,
    channel: Channel,
    author: Person,
    content: Json,
    *,
    thread_ts: str = "",
    call: int | None = None,
) -> Message:
    """A new message of a person or of the app. `content`: text, blocks, metadata, files, subtype, in Slack's words."""
    ts = workspace.new_ts()
    body = _body(workspace, author, content, ts)
    if thread_ts:
        body["thread_ts"] = thread_ts
        channel.messages[thread_ts].body["thread_ts"] = thread_ts
        channel.threads.setdefault(thread_ts, []).append(ts)
    message = Message(channel.id, ts, author.id, body, by_app=author.is_bot, call=call)
    channel.messages[ts] = message
    where = {"channel": channel.id, "channel_type": KIND_IN_EVENTS[channel.kind], "event_ts": ts}
    kind = {"subtype": "file_share"} if body.get("files") else {}
    workspace.happened(channel.id, workspace.message_json(message) | kind | where)
    _mention(workspace, channel, message)
    workspace.changed("message", channel.id, ts)
    if thread_ts:
        workspace.changed("message", channel.id, thread_ts)
    return message


def whisper(
    workspace: Workspace, channel: Channel, to: str, content: Json, *, thread_ts: str = "", call: int | None = None
) -> Message:
    """An ephemeral message from the app: one person sees it, and the API never shows it."""
    ts = workspace.new_ts()
    body = _body(workspace, workspace.members[workspace.app.user_id], content, ts)
    if thread_ts:
        body["thread_ts"] = thread_ts
    message = Message(channel.id, ts, workspace.app.user_id, body, by_app=True, only_for=to, call=call)
    channel.whispers.append(message)
    workspace.changed("message", channel.id, ts, to)
    return message


def edit(workspace: Workspace, message: Message, content: Json, *, mark: bool = True, call: int | None = None) -> None:
    """Replace what is given of a message's content. `mark` puts the word “edited” at it."""
    before = workspace.message_json(message)
    message.body |= named_blocks(workspace, content)
    if mark:
        message.body["edited"] = {"user": message.author, "ts": workspace.new_ts()}
    message.call = call if call is not None else message.call
    after = workspace.message_json(message)
    _hidden(workspace, message, "message_changed", {"message": after, "previous_message": before})
    workspace.changed("message", message.channel, message.ts, message.only_for)


def delete(workspace: Workspace, message: Message) -> None:
    """Take a message away. A parent with replies leaves a tombstone, as in Slack: for the app that is an edit."""
    channel = workspace.conversations[message.channel]
    before = workspace.message_json(message)
    gone: Json = {"deleted_ts": message.ts}
    if message.only_for:
        channel.whispers.remove(message)
    elif channel.threads.get(message.ts):
        stone = {"type": "message", "subtype": "tombstone", "text": "This message was deleted.", "hidden": True}
        message.body = stone | {"user": "USLACKBOT", "ts": message.ts, "thread_ts": message.ts}
        gone = {"message": workspace.message_json(message)}
    else:
        del channel.messages[message.ts]
        if message.is_reply:
            channel.threads[message.thread].remove(message.ts)
    channel.pins = [pin for pin in channel.pins if pin["message_ts"] != message.ts]
    subtype = "message_changed" if "message" in gone else "message_deleted"
    _hidden(workspace, message, subtype, gone | {"previous_message": before})
    workspace.changed("message", channel.id, message.ts, message.only_for)


def react(workspace: Workspace, message: Message, user_id: str, name: str) -> bool:
    """Put an emoji on a message; False when this person had put it already."""
    reactions: list[Json] = message.body.setdefault("reactions", [])
    found = next((reaction for reaction in reactions if reaction["name"] == name), None)
    if found is None:
        reactions.append({"name": name, "users": [user_id], "count": 1})
    elif user_id in found["users"]:
        return False
    else:
        found["users"].append(user_id)
        found["count"] += 1
    _reacted(workspace, message, "reaction_added", user_id, name)
    return True


def unreact(workspace: Workspace, message: Message, user_id: str, name: str) -> bool:
    """Take it off again; False when it wasn't there."""
    reactions: list[Json] = message.body.get("reactions", [])
    found = next((reaction for reaction in reactions if reaction["name"] == name), None)
    if found is None or user_id not in found["users"]:
        return False
    found["users"].remove(user_id)
    found["count"] -= 1
    message.body["reactions"] = [reaction for reaction in reactions if reaction["count"]]
    if not message.body["reactions"]:
        del message.body["reactions"]
    _reacted(workspace, message, "reaction_removed", user_id, name)
    return True


def named_blocks(workspace: Workspace, content: Json) -> Json:
    """The content with a `block_id` at every block, as Slack gives it to those without."""
    named = deepcopy(content)
    blocks: Sequence[Json] = named.get("blocks") or ()
    for block in blocks:
        block.setdefault("block_id", workspace.new_id("b").lower())
    return named


# ------------------------------------------------------------ what a message is made of, and who hears of it


def _body(workspace: Workspace, author: Person, content: Json, ts: str) -> Json:
    body: Json = {"type": "message", "user": author.id, "ts": ts, "team": workspace.team.id}
    if author.is_bot:
        app = workspace.app
        profile = {"id": app.bot_id, "app_id": app.id, "name": app.name, "deleted": False, "team_id": workspace.team.id}
        body |= {"bot_id": app.bot_id, "app_id": app.id, "bot_profile": profile}
    if content.get("subtype") == "bot_message":
        del body["user"]  # an incoming webhook is nobody's account
    return body | {"text": ""} | named_blocks(workspace, content)


def _mention(workspace: Workspace, channel: Channel, message: Message) -> None:
    if message.by_app or channel.kind == "im" or f"<@{workspace.app.user_id}>" not in message.body["text"]:
        return
    shown = workspace.message_json(message)
    kept = {name: shown[name] for name in ("user", "text", "ts", "team", "thread_ts", "blocks") if name in shown}
    workspace.happened(channel.id, {"type": "app_mention", "channel": channel.id, "event_ts": message.ts} | kept)


def _hidden(workspace: Workspace, message: Message, subtype: str, more: Json) -> None:
    if message.only_for:
        return
    channel = workspace.conversations[message.channel]
    stamp = workspace.new_ts()
    event = {
        "type": "message",
        "subtype": subtype,
        "hidden": True,
        "channel": channel.id,
        "ts": stamp,
        "event_ts": stamp,
    }
    workspace.happened(channel.id, event | {"channel_type": KIND_IN_EVENTS[channel.kind]} | more)


def _reacted(workspace: Workspace, message: Message, kind: str, user_id: str, name: str) -> None:
    item = {"type": "message", "channel": message.channel, "ts": message.ts}
    event = {"type": kind, "user": user_id, "reaction": name, "item": item, "item_user": message.author}
    workspace.happened(message.channel, event | {"event_ts": workspace.new_ts()})
    workspace.changed("message", message.channel, message.ts)
