"""The things that a workspace is made of, each under a key, as JSON and back."""

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, fields
from types import UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin

from sandbox.recording.form import MOST_IN_FILE
from sandbox.workspace.canvases import Canvas, Section
from sandbox.workspace.holdings import File, UserGroup
from sandbox.workspace.state import Workspace
from sandbox.workspace.values import Call, Change, Channel, Json, Message, Person, Scheduled, View

T = TypeVar("T")

INSIDE = {"messages", "threads", "whispers"}
"""What a channel holds that has keys of its own."""
CHANNEL = tuple(field.name for field in fields(Channel) if field.name not in INSIDE)


def keys(workspace: Workspace) -> Iterator[str]:
    """Everything that is there, channels before what was said in them."""
    yield from (f"person:{name}" for name in workspace.members)
    for channel in workspace.conversations.values():
        yield f"channel:{channel.id}"
        yield from (f"message:{channel.id}:{ts}" for ts in channel.messages)
        yield from (f"message:{channel.id}:{whisper.ts}" for whisper in channel.whispers)
    yield from (f"views:{user}" for user in workspace.modals)
    yield from (f"home:{user}" for user in workspace.homes)
    yield from (f"file:{name}" for name in workspace.files)
    yield from aside(workspace)
    yield from (f"note:{channel}:{ts}" for channel, ts in workspace.thread_notes)
    yield from (f"call:{call.n}" for call in workspace.recorded)
    yield "sockets"


def aside(workspace: Workspace) -> Iterator[str]:
    """What changes without being told: small things that calls and the clock make."""
    yield from (f"group:{name}" for name in workspace.usergroups)
    yield from (f"canvas:{name}" for name in workspace.canvases)
    yield from (f"later:{name}" for name in workspace.scheduled)


def of_change(workspace: Workspace, change: Change) -> list[str]:
    """The things that a change may concern."""
    match change.what:
        case "message":
            place = f"{change.channel}:{change.ts}"
            return [f"channel:{change.channel}", f"message:{place}", f"note:{place}"]
        case "channel":
            return [f"channel:{change.channel}"]
        case "view":
            return [f"views:{change.user}"]
        case "home":
            return [f"home:{change.user}"]
        case "file":
            return [f"file:{name}" for name in workspace.files]
        case "connection":
            return ["sockets"]
        case "call":
            return [f"call:{workspace.recorded[-1].n}"] if workspace.recorded else []
        case _:
            return []


def change_of(key: str, value: Any) -> Change:
    """What a page is told when a thing is put."""
    kind, _, rest = key.partition(":")
    match kind:
        case "message" | "note":
            channel, _, ts = rest.partition(":")
            return Change("message", channel, ts, (value or {}).get("only_for", ""))
        case "channel":
            return Change("channel", rest)
        case "views":
            return Change("view", user=rest)
        case "home":
            return Change("home", user=rest)
        case "sockets":
            return Change("connection")
        case _:
            return Change(kind)


# ------------------------------------------------------------ to JSON


def value_of(workspace: Workspace, key: str) -> Any:
    """A thing as JSON; nothing when it isn't there."""
    kind, _, rest = key.partition(":")
    return _READ[kind](workspace, rest)


def _person(workspace: Workspace, name: str) -> Any:
    person = workspace.members.get(name)
    return asdict(person) if person else None


def _channel(workspace: Workspace, name: str) -> Any:
    channel = workspace.conversations.get(name)
    return {field: getattr(channel, field) for field in CHANNEL} if channel else None


def _message(workspace: Workspace, place: str) -> Any:
    name, _, ts = place.partition(":")
    channel = workspace.conversations.get(name)
    found = _find(channel, ts) if channel else None
    return {field.name: getattr(found, field.name) for field in fields(Message)} if found else None


def _find(channel: Channel, ts: str) -> Message | None:
    return channel.messages.get(ts) or next((whisper for whisper in channel.whispers if whisper.ts == ts), None)


def _views(workspace: Workspace, user: str) -> Any:
    return [_view(view) for view in workspace.modals.get(user, [])] or None


def _home(workspace: Workspace, user: str) -> Any:
    return _view(workspace.homes[user]) if user in workspace.homes else None


def _view(view: View) -> Json:
    return {"id": view.id, "user": view.user, "body": view.body, "state": view.state}


def _file(workspace: Workspace, name: str) -> Any:
    file = workspace.files.get(name)
    if file is None:
        return None
    kept = file.done and file.data is not None and len(file.data) <= MOST_IN_FILE
    data = base64.b64encode(file.data or b"").decode() if kept else None
    about = {field.name: getattr(file, field.name) for field in fields(File)}
    return about | {"data": data, "size": len(file.data or b"")}


def _dataclass(held: Callable[[Workspace], Mapping[str, Any]]) -> Callable[[Workspace, str], Any]:
    def read(workspace: Workspace, name: str) -> Any:
        found = held(workspace).get(name)
        return asdict(found) if found is not None else None

    return read


def _note(workspace: Workspace, place: str) -> Any:
    channel, _, ts = place.partition(":")
    return workspace.thread_notes.get((channel, ts))


def _call(workspace: Workspace, number: str) -> Any:
    return next((asdict(call) for call in reversed(workspace.recorded) if call.n == int(number)), None)


_READ: Mapping[str, Callable[[Workspace, str], Any]] = {
    "person": _person,
    "channel": _channel,
    "message": _message,
    "views": _views,
    "home": _home,
    "file": _file,
    "group": _dataclass(lambda workspace: workspace.usergroups),
    "canvas": _dataclass(lambda workspace: workspace.canvases),
    "later": _dataclass(lambda workspace: workspace.scheduled),
    "note": _note,
    "call": _call,
    "sockets": lambda workspace, _rest: workspace.sockets(),
}


# ------------------------------------------------------------ and back


def put(workspace: Workspace, key: str, value: Any) -> None:
    """Make a thing be so, or take it away. Raises KeyError, TypeError, ValueError for what is none."""
    kind, _, rest = key.partition(":")
    _WRITE[kind](workspace, rest, value)


def made(kind: type[T], value: Any) -> T:
    """A dataclass whose plain fields hold what they must. Raises TypeError."""
    if not isinstance(value, dict):
        raise TypeError(f"{kind.__name__} is {type(value).__name__}, not an object")
    for field in fields(kind):  # type: ignore[arg-type]  # only dataclasses come here
        if field.name in value and not _fits(value[field.name], field.type):
            raise TypeError(f"{field.name} of {kind.__name__} can't be {type(value[field.name]).__name__}")
    return kind(**value)


def _fits(value: Any, wanted: Any) -> bool:
    plain = wanted if isinstance(wanted, UnionType) else get_origin(wanted) or wanted
    if plain is Literal:
        return value in get_args(wanted)
    if plain is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, plain) and (plain is bool or not isinstance(value, bool))


def _put_person(workspace: Workspace, name: str, value: Any) -> None:
    _hold(workspace.members, name, None if value is None else made(Person, value))


def _put_channel(workspace: Workspace, name: str, value: Any) -> None:
    known = workspace.conversations.get(name)
    new = None if value is None else made(Channel, value)
    if new is not None and known is not None:
        new.messages, new.threads, new.whispers = known.messages, known.threads, known.whispers
    if new is not None and new.kind == "im":  # a look at the page makes those that it doesn't find
        twins = [c.id for c in workspace.conversations.values() if c.id != name and set(c.members) == set(new.members)]
        for twin in twins:
            if workspace.conversations[twin].kind == "im":
                del workspace.conversations[twin]
    _hold(workspace.conversations, name, new)


def _put_message(workspace: Workspace, place: str, value: Any) -> None:
    name, _, ts = place.partition(":")
    channel = workspace.conversations[name]
    old = _find(channel, ts)
    new = None if value is None else _made_message(value)
    if old is not None:
        _take_out(channel, old, stays=new is not None)
    if new is None:
        return
    if new.only_for:
        channel.whispers.append(new)
        return
    later = next(reversed(channel.messages), "") > ts and ts not in channel.messages
    channel.messages[ts] = new
    if later:
        channel.messages = dict(sorted(channel.messages.items()))
    if new.is_reply:
        replies = channel.threads.setdefault(new.thread, [])
        replies.append(ts)
        replies.sort()


def _made_message(value: Json) -> Message:
    body = value["body"]
    if not isinstance(body, dict) or not {"ts", "user", "type"} <= body.keys():
        raise ValueError("it has no body")
    return made(Message, value)


def _take_out(channel: Channel, old: Message, *, stays: bool) -> None:
    if old.only_for:
        channel.whispers.remove(old)
        return
    if not stays:
        del channel.messages[old.ts]
    if old.is_reply:
        channel.threads[old.thread].remove(old.ts)


def _put_views(workspace: Workspace, user: str, value: Any) -> None:
    _hold(workspace.modals, user, [made(View, view) for view in value] if value else None)


def _put_home(workspace: Workspace, user: str, value: Any) -> None:
    _hold(workspace.homes, user, made(View, value) if value else None)


def _put_file(workspace: Workspace, name: str, value: Any) -> None:
    if value is None:
        _hold(workspace.files, name, None)
        return
    about = {field: inner for field, inner in value.items() if field != "size"}
    data = value["data"]
    about["data"] = None if data is None else base64.b64decode(data, validate=True)
    workspace.files[name] = made(File, about)


def _put_canvas(workspace: Workspace, name: str, value: Any) -> None:
    sections = [made(Section, one) for one in value["sections"]] if value else []
    _hold(workspace.canvases, name, made(Canvas, value | {"sections": sections}) if value else None)


def _put_note(workspace: Workspace, place: str, value: Any) -> None:
    channel, _, ts = place.partition(":")
    _hold(workspace.thread_notes, (channel, ts), value)


def _put_call(workspace: Workspace, number: str, value: Any) -> None:
    if value is not None:
        workspace.recorded.append(made(Call, value))
    elif workspace.recorded and workspace.recorded[-1].n == int(number):
        workspace.recorded.pop()


def _put_sockets(workspace: Workspace, _rest: str, value: Any) -> None:
    count = int(value or 0)
    workspace.sockets = lambda: count


def _hold(held: dict[Any, Any], name: Any, value: Any) -> None:
    if value is None:
        held.pop(name, None)
    else:
        held[name] = value


_WRITE: Mapping[str, Callable[[Workspace, str, Any], None]] = {
    "person": _put_person,
    "channel": _put_channel,
    "message": _put_message,
    "views": _put_views,
    "home": _put_home,
    "file": _put_file,
    "group": lambda w, name, value: _hold(w.usergroups, name, None if value is None else made(UserGroup, value)),
    "canvas": _put_canvas,
    "later": lambda w, name, value: _hold(w.scheduled, name, None if value is None else made(Scheduled, value)),
    "note": _put_note,
    "call": _put_call,
    "sockets": _put_sockets,
}
