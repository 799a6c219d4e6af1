"""chat.startStream, appendStream and stopStream: said bit by bit, in a thread."""

from collections.abc import Mapping

from sandbox.api.ask import Ask
from sandbox.api.chat import may_post, thread
from sandbox.api.content import checked_blocks
from sandbox.api.method import Handler
from sandbox.api.refused import Refused
from sandbox.blocks import metadata_fault
from sandbox.workspace import messages
from sandbox.workspace.streams import Stream
from sandbox.workspace.values import Channel, Json, Message

MOST_TEXT = 12_000
MOST_BLOCKS = 50
STATES = frozenset({"pending", "in_progress", "complete", "error"})


def start(ask: Ask) -> Json:
    """chat.startStream."""
    channel = ask.channel()
    may_post(ask, channel)
    thread_ts = thread(ask, channel)
    if not thread_ts:
        raise Refused("invalid_arguments", ["[ERROR] a stream answers a message [json-pointer:/thread_ts]"])
    if channel.kind != "im":
        _recipient(ask)
    stream = Stream(as_plan=ask.arguments.text("task_display_mode") == "plan")
    _take(ask, stream)
    message = messages.post(ask.workspace, channel, ask.bot, {"text": ""}, thread_ts=thread_ts, call=ask.number)
    ask.workspace.streams[message.ts] = stream
    _show(ask, message, stream)
    return {"channel": channel.id, "ts": message.ts}


def append(ask: Ask) -> Json:
    """chat.appendStream."""
    channel, message, stream = _growing(ask)
    if not _take(ask, stream):
        raise Refused("no_text")
    _show(ask, message, stream)
    return {"channel": channel.id, "ts": message.ts}


def stop(ask: Ask) -> Json:
    """chat.stopStream: the blocks come to the end of the message."""
    channel, message, stream = _growing(ask)
    extra: Json = {}
    blocks = ask.arguments.structure("blocks")
    if blocks is not None:
        if not isinstance(blocks, list):
            raise Refused("invalid_blocks")
        checked_blocks(blocks)
        extra["blocks"] = blocks
    metadata = ask.arguments.structure("metadata")
    if fault := metadata_fault(metadata):
        raise Refused(fault)
    if metadata:
        extra["metadata"] = metadata
    _take(ask, stream, more=len(blocks or ()))
    del ask.workspace.streams[message.ts]
    _show(ask, message, stream, extra)
    return {"channel": channel.id, "ts": message.ts, "message": ask.workspace.message_json(message)}


def _show(ask: Ask, message: Message, stream: Stream, last: Json | None = None) -> None:
    """Bring the message up to date. `last` is what comes to its end, and only that is an event."""
    content: Json = {"text": stream.text(), "blocks": stream.blocks(), "streaming_state": "in_progress"}
    if last is None:
        message.body |= messages.named_blocks(ask.workspace, content)
        message.call = ask.number
        ask.workspace.changed("message", message.channel, message.ts)
        return
    content |= last | {"blocks": content["blocks"] + last.get("blocks", []), "streaming_state": "completed"}
    messages.edit(ask.workspace, message, content, mark=False, call=ask.number)


def _recipient(ask: Ask) -> None:
    if "recipient_user_id" not in ask.arguments:
        raise Refused("missing_recipient_user_id")
    if "recipient_team_id" not in ask.arguments:
        raise Refused("missing_recipient_team_id")
    if ask.arguments.text("recipient_user_id") not in ask.workspace.members:
        raise Refused("user_not_found")
    if ask.arguments.text("recipient_team_id") != ask.workspace.team.id:
        raise Refused("team_not_found")


def _growing(ask: Ask) -> tuple[Channel, Message, Stream]:
    channel = ask.channel()
    if channel.archived:
        raise Refused("is_archived")
    message = ask.message(channel, "ts")
    if message.author != ask.bot.id:
        raise Refused("message_not_owned_by_app")
    stream = ask.workspace.streams.get(message.ts)
    if stream is None:
        raise Refused("message_not_in_streaming_state")
    return channel, message, stream


def _take(ask: Ask, stream: Stream, more: int = 0) -> bool:
    """Add what the call brings, all of it or nothing; whether there was anything."""
    chunks = [_checked(chunk) for chunk in _chunks(ask)]
    longer = len(stream.text()) + sum(len(chunk["text"]) for chunk in chunks if chunk["type"] == "markdown_text")
    if longer > MOST_TEXT:
        raise Refused("msg_blocks_too_long")
    tried = Stream(stream.as_plan, [dict(part) for part in stream.parts], stream.plan_title)
    for chunk in chunks:
        tried.add(chunk)
    if len(tried.blocks()) + more > MOST_BLOCKS:
        raise Refused("msg_blocks_too_many")
    stream.parts, stream.plan_title = tried.parts, tried.plan_title
    return bool(chunks)


def _chunks(ask: Ask) -> list[object]:
    given: list[object] = []
    if "markdown_text" in ask.arguments:
        given.append({"type": "markdown_text", "text": ask.arguments.text("markdown_text")})
    chunks = ask.arguments.structure("chunks")
    if chunks is None:
        return given
    if not isinstance(chunks, list):
        raise Refused("invalid_chunks")
    return [*given, *chunks]


def _checked(chunk: object) -> Json:
    if not isinstance(chunk, dict):
        raise Refused("invalid_chunks")
    match chunk:
        case {"type": "markdown_text", "text": str()} | {"type": "plan_update", "title": str()}:
            return chunk
        case {"type": "task_update", "id": str(), "title": str(), "status": str(status)} if status in STATES:
            if all(isinstance(chunk.get(name, ""), str) for name in ("details", "output")):
                return chunk
        case {"type": "blocks", "blocks": list(blocks)}:
            checked_blocks(blocks)
            return chunk
    raise Refused("invalid_chunks")


METHODS: Mapping[str, Handler] = {
    "chat.startStream": start,
    "chat.appendStream": append,
    "chat.stopStream": stop,
}
