"""chat.*: what the app says, edits and takes back."""

from collections.abc import Mapping

from sandbox.api.ask import Ask
from sandbox.api.content import content, must_show_something
from sandbox.api.method import Handler
from sandbox.api.refused import Refused
from sandbox.workspace import messages
from sandbox.workspace.values import Channel, Json, Message


def post_message(ask: Ask) -> Json:
    """chat.postMessage."""
    channel = ask.place()
    may_post(ask, channel)
    made = content(ask, "post")
    must_show_something(made)
    thread_ts = thread(ask, channel)
    message = messages.post(ask.workspace, channel, ask.bot, made, thread_ts=thread_ts, call=ask.number)
    if thread_ts and ask.arguments.flag("reply_broadcast"):
        _broadcast(ask, channel, message)
    return {"channel": channel.id, "ts": message.ts, "message": ask.workspace.message_json(message)}


def update(ask: Ask) -> Json:
    """chat.update. What isn't given stays; without blocks but with text, the blocks go."""
    channel = ask.channel()
    message = ask.message(channel, "ts")
    if message.author != ask.bot.id:
        raise Refused("cant_update_message")
    if channel.archived:
        raise Refused("is_inactive")
    if message.ts in ask.workspace.streams:
        raise Refused("streaming_state_conflict")
    made = content(ask, "edit")
    if "blocks" not in made and "text" in made:
        made["blocks"] = []
    must_show_something({"files": message.body.get("files")} | made)
    if not made.get("blocks", [None]):
        del made["blocks"]
        message.body.pop("blocks", None)
    messages.edit(ask.workspace, message, made, call=ask.number)
    shown = ask.workspace.message_json(message)
    return {"channel": channel.id, "ts": message.ts, "text": shown["text"], "message": shown}


def delete(ask: Ask) -> Json:
    """chat.delete."""
    channel = ask.channel()
    message = ask.message(channel, "ts")
    if message.author != ask.bot.id or channel.archived:
        raise Refused("cant_delete_message")
    messages.delete(ask.workspace, message)
    return {"channel": channel.id, "ts": message.ts}


def post_ephemeral(ask: Ask) -> Json:
    """chat.postEphemeral."""
    channel = ask.place()
    if channel.archived:
        raise Refused("is_archived")
    if not ask.is_member(channel):
        raise Refused("not_in_channel")
    if ask.arguments.text("user") not in channel.members:
        raise Refused("user_not_in_channel")
    made = content(ask, "whisper")
    must_show_something(made)
    to = ask.arguments.text("user")
    thread_ts = ask.arguments.text("thread_ts")
    message = messages.whisper(ask.workspace, channel, to, made, thread_ts=thread_ts, call=ask.number)
    return {"message_ts": message.ts}


def get_permalink(ask: Ask) -> Json:
    """chat.getPermalink."""
    channel = ask.channel()
    message = ask.message(channel, "message_ts")
    return {"channel": channel.id, "permalink": ask.workspace.permalink(channel.id, message.ts)}


def may_post(ask: Ask, channel: Channel) -> None:
    """Refuse what the app may not post to."""
    if channel.archived:
        raise Refused("is_archived")
    anywhere = "chat:write.public" in ask.workspace.app.scopes and channel.kind == "public"
    if not ask.is_member(channel) and not anywhere:
        raise Refused("not_in_channel")


def thread(ask: Ask, channel: Channel) -> str:
    """The thread that is answered, or nothing. A reply is answered in its own thread; an unknown one is no thread."""
    given = ask.arguments.text("thread_ts")
    parent = channel.messages.get(given)
    if parent is None:
        return ""
    if parent.body.get("subtype") in {"channel_join", "channel_leave"}:
        raise Refused("cannot_reply_to_message")
    return parent.thread or given


def _broadcast(ask: Ask, channel: Channel, message: Message) -> None:
    message.body["subtype"] = "thread_broadcast"
    root = channel.messages[message.thread]
    message.body["root"] = ask.workspace.message_json(root)
    ask.workspace.changed("message", channel.id, message.ts)


METHODS: Mapping[str, Handler] = {
    "chat.postMessage": post_message,
    "chat.update": update,
    "chat.delete": delete,
    "chat.postEphemeral": post_ephemeral,
    "chat.getPermalink": get_permalink,
}
