"""A file is announced, its bytes come, it is completed; a little later it is processed, and only then shared."""

import mimetypes
from collections.abc import Sequence

from sandbox.workspace import messages
from sandbox.workspace.holdings import File
from sandbox.workspace.state import Workspace
from sandbox.workspace.values import Channel, Json

PROCESSING = 0.5
"""Seconds until it is known what a completed file is."""
UNKNOWN = "application/octet-stream"


def announce(workspace: Workspace, name: str, length: int, owner: str, alt_text: str = "") -> File:
    """A place for the bytes of a file."""
    mimetype = mimetypes.guess_type(name)[0] or ("text/plain" if "." not in name else UNKNOWN)
    created = int(workspace.clock.now())
    file = File(workspace.new_id("F"), name, name, owner, created, mimetype, announced=length, alt_text=alt_text)
    workspace.files[file.id] = file
    return file


def complete(workspace: Workspace, files: Sequence[File]) -> None:
    """The files exist now; nobody knows yet what they are."""
    for file in files:
        file.done = True
        workspace.changed("file")
        _tell(workspace, "", "file_created", file)


def process(
    workspace: Workspace, files: Sequence[File], channels: Sequence[Channel], content: Json, thread_ts: str, call: int
) -> None:
    """It is known now what they are; in each channel where the app still may write, one message shows all of them."""
    kept = [file for file in files if not file.deleted]
    for file in kept:
        file.processed = True
    open_ones = [c for c in channels if not c.archived and workspace.app.user_id in c.members]
    for channel in open_ones if kept else ():
        known = thread_ts if thread_ts in channel.messages else ""
        _share(workspace, kept, channel, content, known, call)
    for file in kept:
        workspace.changed("file")
        where = file.channels[0] if file.channels else ""
        _tell(workspace, where, "file_shared" if where else "file_change", file)


def delete(workspace: Workspace, file: File) -> None:
    """Take a file away, from its messages too."""
    file.deleted = True
    file.data = None
    workspace.changed("file")
    for channel in workspace.conversations.values():
        for message in channel.messages.values():
            shown = message.body.get("files")
            if shown and any(one["id"] == file.id for one in shown):
                message.body["files"] = [
                    {"id": file.id, "mode": "tombstone"} if one["id"] == file.id else one for one in shown
                ]
                workspace.changed("message", channel.id, message.ts)
    _tell(workspace, "", "file_deleted", file)


def _share(
    workspace: Workspace, files: Sequence[File], channel: Channel, content: Json, thread_ts: str, call: int
) -> None:
    for file in files:
        file.channels.append(channel.id)
    shown = [file.json(workspace.address) for file in files]
    bot = workspace.members[workspace.app.user_id]
    body = content | {"files": shown, "upload": True, "display_as_bot": False}
    message = messages.post(workspace, channel, bot, body, thread_ts=thread_ts, call=call)
    kind = "public" if channel.kind == "public" else "private"
    share: Json = {"ts": message.ts, "channel_name": channel.name, "team_id": workspace.team.id}
    if thread_ts:
        share |= {"thread_ts": thread_ts}
    for file in files:
        file.shares.setdefault(kind, {}).setdefault(channel.id, []).append(share)
    message.body["files"] = [file.json(workspace.address) for file in files]
    workspace.changed("message", channel.id, message.ts)


def _tell(workspace: Workspace, channel_id: str, kind: str, file: File) -> None:
    event: Json = {"type": kind, "file_id": file.id, "user_id": file.owner, "event_ts": workspace.new_ts()}
    if kind == "file_deleted":
        del event["user_id"]
    else:
        event["file"] = {"id": file.id}
    if channel_id:
        event["channel_id"] = channel_id
    workspace.happened(channel_id, event)
