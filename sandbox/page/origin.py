"""How a message was made: the Web API call, what it used of Slack's limits, and the message as Slack's JSON."""

from markupsafe import Markup

from sandbox.page.html import Child, Json, el, pretty
from sandbox.page.moments import clock
from sandbox.page.panes import beside, title_of
from sandbox.page.reader import Reader
from sandbox.workspace import Call, Channel, Message

BLOCKS_IN_MESSAGE = 50
_TEXT = {"chat.update": 4_000}
TEXT = 40_000
"""Characters of a message's text; of an edited one only 4,000."""
A_MINUTE = 60.0


def origin_html(reader: Reader, channel: Channel, ts: str) -> Markup:
    """The drawer."""
    message = reader.message(channel, ts)
    head = beside("How it was made", title_of(reader, channel)[0])
    if message is None:
        return head + el("p", "This message isn't here any more.", class_="empty")
    call = _call(reader, message)
    parts: list[Child] = [_call_html(reader, call)] if call else [el("p", _without_call(message))]
    parts += [el("h4", "The message now"), el("pre", pretty(reader.json(message)))]
    return head + el("div", parts, class_="log call", tabindex=0)


def _call(reader: Reader, message: Message) -> Call | None:
    """The last call that made or changed it, as far as calls are kept."""
    return next((call for call in reader.workspace.recorded if call.n == message.call), None)


def _without_call(message: Message) -> str:
    if message.call is not None:
        return f"Call no. {message.call} made it; that one is no longer kept."
    if message.by_app:
        return "Sent by the app without a Web API call: to a response address, or as its acknowledgement."
    return "Written by a person, in this page or through the control API."


def _call_html(reader: Reader, call: Call) -> Markup:
    facts: list[tuple[str, Child]] = [
        ("Call", f"no. {call.n}, {call.ms:.1f} ms"),
        ("Answer", "ok" if call.ok else call.error),
        ("At", clock(call.at)),
        *_used(reader, call),
    ]
    return el(
        "div",
        el("h3", el("code", call.method)),
        el("dl", [(el("dt", name), el("dd", value)) for name, value in facts]),
        el("h4", "Arguments"),
        el("pre", pretty(call.arguments)),
    )


def _used(reader: Reader, call: Call) -> list[tuple[str, Child]]:
    """What it took of the limits that apps run into."""
    blocks, text = call.arguments.get("blocks"), call.arguments.get("text")
    used: list[tuple[str, Child]] = []
    if isinstance(blocks, list):
        used.append(("Blocks", f"{len(blocks)} of {BLOCKS_IN_MESSAGE}, {_characters(blocks):,} characters in them"))
    if isinstance(text, str):
        used.append(("Text", f"{len(text):,} of {_TEXT.get(call.method, TEXT):,} characters"))
    before = sum(
        one.method == call.method and call.at - A_MINUTE < one.at <= call.at and one.n <= call.n
        for one in reader.workspace.recorded
    )
    used.append(("Rate", f"no. {before} of {call.method} within a minute"))
    return used


def _characters(value: object) -> int:
    """Of all texts, wherever they stand."""
    if isinstance(value, dict):
        found: Json = value
        own = len(found["text"]) if isinstance(found.get("text"), str) else 0
        return own + sum(_characters(inner) for inner in found.values())
    return sum(_characters(inner) for inner in value) if isinstance(value, list) else 0
