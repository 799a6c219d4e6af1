"""Channels are made, joined, left, named and put away; each leaves its line in the channel and its event."""

import re
from collections.abc import Sequence

from sandbox.workspace import messages
from sandbox.workspace.state import Workspace
from sandbox.workspace.values import Channel, Json, Kind, Person

NAME = re.compile(r"[a-z0-9À-ɏ_-]+")
LONGEST_NAME = 80


def name_fault(name: str) -> str | None:
    """Slack's word for what is wrong with a channel's name."""
    if not name:
        return "invalid_name_required"
    if len(name) > LONGEST_NAME:
        return "invalid_name_maxlength"
    if not re.search(r"\w", name):
        return "invalid_name_punctuation"
    return None if NAME.fullmatch(name) else "invalid_name_specials"


def create(workspace: Workspace, name: str, creator: Person, kind: Kind = "public") -> Channel:
    """A channel with its creator in it."""
    channel = Channel(workspace.new_id("C"), name, kind, int(workspace.clock.now()), creator.id, [])
    workspace.conversations[channel.id] = channel
    about = {"id": channel.id, "name": name, "created": channel.created, "creator": creator.id}
    if kind == "public":
        workspace.happened("", {"type": "channel_created", "channel": about, "event_ts": workspace.new_ts()})
    join(workspace, channel, creator)
    return channel


def open_group(workspace: Workspace, user_ids: Sequence[str]) -> Channel:
    """Direct messages of several, the app among them; the same ones have the same conversation."""
    members = sorted({*user_ids, workspace.app.user_id})
    known = (c for c in workspace.conversations.values() if c.kind == "mpim" and sorted(c.members) == members)
    found = next(known, None)
    if found is None:
        handles = "--".join(workspace.members[member].name for member in members)
        now = int(workspace.clock.now())
        found = Channel(
            workspace.new_id("G"), f"mpdm-{handles}-1", "mpim", now, workspace.app.user_id, members
        )  # fmt: skip
        workspace.conversations[found.id] = found
        workspace.changed("channel", found.id)
    return found


def join(workspace: Workspace, channel: Channel, person: Person, inviter: str = "") -> bool:
    """Become a member; False when one was."""
    if person.id in channel.members:
        return False
    channel.members.append(person.id)
    event: Json = {"type": "member_joined_channel", "user": person.id, "channel": channel.id, "team": workspace.team.id}
    event |= {"channel_type": "C" if channel.kind == "public" else "G", "event_ts": workspace.new_ts()}
    workspace.happened(channel.id, event | ({"inviter": inviter} if inviter else {}))
    _line(workspace, channel, person, "channel_join", f"<@{person.id}> has joined the channel", inviter=inviter)
    workspace.changed("channel", channel.id)
    return True


def leave(workspace: Workspace, channel: Channel, person: Person) -> bool:
    """No longer be a member; False when one wasn't."""
    if person.id not in channel.members:
        return False
    _line(workspace, channel, person, "channel_leave", f"<@{person.id}> has left the channel")
    channel.members.remove(person.id)
    event: Json = {"type": "member_left_channel", "user": person.id, "channel": channel.id, "team": workspace.team.id}
    event |= {"channel_type": "C" if channel.kind == "public" else "G", "event_ts": workspace.new_ts()}
    workspace.happened(channel.id, event)
    workspace.changed("channel", channel.id)
    return True


def describe(workspace: Workspace, channel: Channel, person: Person, what: str, text: str) -> None:
    """Set the `topic` or the `purpose`."""
    value = {"value": text, "creator": person.id, "last_set": int(workspace.clock.now())}
    if what == "topic":
        channel.topic = value
    else:
        channel.purpose = value
    line = f"<@{person.id}> set the channel {what}: {text}"
    _line(workspace, channel, person, f"channel_{what}", line, **{what: text})
    workspace.changed("channel", channel.id)


def rename(workspace: Workspace, channel: Channel, person: Person, name: str) -> None:
    """Give another name."""
    before, channel.name = channel.name, name
    about = {"id": channel.id, "name": name, "created": channel.created}
    workspace.happened(channel.id, {"type": "channel_rename", "channel": about, "event_ts": workspace.new_ts()})
    line = f"<@{person.id}> has renamed the channel from “{before}” to “{name}”"
    _line(workspace, channel, person, "channel_name", line, old_name=before, name=name)
    workspace.changed("channel", channel.id)


def archive(workspace: Workspace, channel: Channel, person: Person, *, archived: bool) -> bool:
    """Put a channel away or take it out again; False when it is so already."""
    if channel.archived == archived:
        return False
    subtype, words = ("channel_archive", "archived") if archived else ("channel_unarchive", "un-archived")
    if archived:
        _line(workspace, channel, person, subtype, f"<@{person.id}> {words} the channel")
    channel.archived = archived
    if not archived:
        _line(workspace, channel, person, subtype, f"<@{person.id}> {words} the channel")
    event = {"type": subtype, "channel": channel.id, "user": person.id, "event_ts": workspace.new_ts()}
    workspace.happened(channel.id, event)
    workspace.changed("channel", channel.id)
    return True


def _line(workspace: Workspace, channel: Channel, person: Person, subtype: str, text: str, **more: str) -> None:
    if channel.kind in {"im", "mpim"}:
        return
    kept = {name: value for name, value in more.items() if value}
    messages.post(workspace, channel, person, {"subtype": subtype, "text": text} | kept)
