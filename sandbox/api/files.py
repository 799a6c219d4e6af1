"""files.*: an upload in three steps, as only the current API has it."""

from collections.abc import Mapping

from sandbox.api.ask import Ask
from sandbox.api.chat import may_post
from sandbox.api.content import checked_blocks
from sandbox.api.method import Handler
from sandbox.api.refused import Refused
from sandbox.workspace import files
from sandbox.workspace.holdings import File
from sandbox.workspace.values import Channel, Json

MOST_BYTES = 1_000_000_000
MOST_CHANNELS = 100


def get_upload_url(ask: Ask) -> Json:
    """files.getUploadURLExternal."""
    length = ask.arguments.number("length", 0)
    if length <= 0 or not ask.arguments.text("filename"):
        raise Refused("invalid_arguments", ["[ERROR] length must be more than 0 [json-pointer:/length]"])
    if length > MOST_BYTES:
        raise Refused("file_upload_size_restricted")
    name, alt_text = ask.arguments.text("filename"), ask.arguments.text("alt_txt")
    file = files.announce(ask.workspace, name, length, ask.bot.id, alt_text)
    return {"upload_url": f"{ask.workspace.address}/upload/v1/{file.id}", "file_id": file.id}


def complete_upload(ask: Ask) -> Json:
    """files.completeUploadExternal. It answers before it is known what the files are, and before they are shared."""
    given = ask.arguments.structure("files")
    if not isinstance(given, list) or not given or not all(isinstance(one, dict) for one in given):
        raise Refused("invalid_arguments", ["[ERROR] must be an array of objects [json-pointer:/files]"])
    found = [_uploaded(ask, one) for one in given]
    channels = [_channel(ask, name) for name in _names(ask)]
    if len(channels) > MOST_CHANNELS:
        raise Refused("channels_limit_exceeded")
    content: Json = {"text": ask.arguments.text("initial_comment")}
    blocks = ask.arguments.structure("blocks")
    if blocks is not None and not content["text"]:
        if not isinstance(blocks, list):
            raise Refused("invalid_blocks")
        checked_blocks(blocks)
        content["blocks"] = blocks
    thread_ts = ask.arguments.text("thread_ts")
    if channels and thread_ts not in channels[0].messages:
        thread_ts = ""
    for file, one in zip(found, given, strict=True):
        file.title = str(one.get("title") or file.name)
    files.complete(ask.workspace, found)
    ask.later.after(
        files.PROCESSING, lambda: files.process(ask.workspace, found, channels, content, thread_ts, ask.number)
    )
    return {"files": [file.json(ask.workspace.address) for file in found]}


def info(ask: Ask) -> Json:
    """files.info."""
    file = _file(ask)
    return {
        "file": file.json(ask.workspace.address),
        "comments": [],
        "response_metadata": {"next_cursor": ""},
    }


def delete(ask: Ask) -> Json:
    """files.delete: the app's own."""
    file = _file(ask)
    if file.owner != ask.bot.id:
        raise Refused("cant_delete_file")
    files.delete(ask.workspace, file)
    return {}


def _file(ask: Ask) -> File:
    file = ask.workspace.files.get(ask.arguments.text("file"))
    if file is None or not file.done:
        raise Refused("file_not_found")
    if file.deleted:
        raise Refused("file_deleted")
    return file


def _uploaded(ask: Ask, one: Json) -> File:
    file = ask.workspace.files.get(str(one.get("id")))
    if file is None or file.data is None or file.done:
        raise Refused("file_not_found")
    return file


def _names(ask: Ask) -> list[str]:
    one = ask.arguments.text("channel_id")
    return [one] if one else ask.arguments.names("channels")


def _channel(ask: Ask, name: str) -> Channel:
    found = ask.workspace.conversations.get(name)
    if found is None or (found.is_private and not ask.is_member(found)):
        raise Refused("channel_not_found")
    try:
        may_post(ask, found)
    except Refused as refused:
        raise Refused("posting_to_channel_denied" if refused.code == "is_archived" else refused.code) from None
    if not ask.is_member(found):
        raise Refused("not_in_channel")
    return found


METHODS: Mapping[str, Handler] = {
    "files.getUploadURLExternal": get_upload_url,
    "files.completeUploadExternal": complete_upload,
    "files.info": info,
    "files.delete": delete,
}
