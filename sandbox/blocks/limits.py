"""The limits that no schema holds: lengths, counts, and what must be unique. Slack's reference names them."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from sandbox.blocks.faults import Fault, fewer, longer, more, shorter

Surface = Literal["message", "modal", "home"]
Checks = Callable[[Mapping[str, Any], str], Iterator[Fault]]


class Text(NamedTuple):
    """A text at `path` (dots lead inwards) has between so many characters."""

    path: str
    most: int
    least: int = 0


class Items(NamedTuple):
    """A list at `path` has between so many items."""

    path: str
    most: int
    least: int = 1


OPTIONS = (Items("options", 100), Items("option_groups", 100))
PLACEHOLDER = Text("placeholder.text", 150)
SELECT = (*OPTIONS, PLACEHOLDER)
INPUT = (PLACEHOLDER, Text("initial_value", 3000))

LIMITS: Mapping[str, tuple[Text | Items, ...]] = {
    "header": (Text("text.text", 150, 1),),
    "section": (Text("text.text", 3000, 1), Items("fields", 10)),
    "markdown": (Text("text", 12_000, 1),),
    "actions": (Items("elements", 25),),
    "context": (Items("elements", 10),),
    "context_actions": (Items("elements", 5),),
    "image": (Text("alt_text", 2000), Text("title.text", 2000), Text("image_url", 3000, 1)),
    "input": (Text("label.text", 2000, 1), Text("hint.text", 2000)),
    "video": (Text("title.text", 200, 1), Text("author_name", 50), Text("description.text", 200)),
    "card": (Text("title.text", 150), Text("subtitle.text", 150), Text("body.text", 200)),
    "carousel": (Items("elements", 10),),
    "container": (Items("child_blocks", 10), Text("title.text", 150)),
    "table": (Items("rows", 100), Items("column_settings", 20, 0)),
    "data_table": (Items("rows", 101, 2), Text("caption", 3000, 1)),
    "data_visualization": (Text("title", 50, 1),),
    "button": (
        Text("text.text", 75, 1),
        Text("value", 2000),
        Text("url", 3000),
        Text("accessibility_label", 75),
    ),
    "icon_button": (Text("text.text", 75, 1), Text("value", 2000)),
    "overflow": (Items("options", 5),),
    "radio_buttons": (Items("options", 10),),
    "checkboxes": (Items("options", 10),),
    "static_select": SELECT,
    "multi_static_select": SELECT,
    "external_select": (PLACEHOLDER,),
    "multi_external_select": (PLACEHOLDER,),
    "users_select": (PLACEHOLDER,),
    "conversations_select": (PLACEHOLDER,),
    "channels_select": (PLACEHOLDER,),
    "datepicker": (PLACEHOLDER,),
    "timepicker": (PLACEHOLDER,),
    "plain_text_input": INPUT,
    "number_input": INPUT,
    "url_text_input": INPUT,
    "email_text_input": INPUT,
}
"""By the `type` of a block or an element."""

EVERYWHERE = (
    Text("action_id", 255, 1),
    Text("block_id", 255, 1),
    Text("confirm.title.text", 100, 1),
    Text("confirm.text.text", 300, 1),
    Text("confirm.confirm.text", 30, 1),
    Text("confirm.deny.text", 30, 1),
)
OPTION = (Text("text.text", 75, 1), Text("value", 75), Text("description.text", 75))
"""Sources say 75 or 150 characters for a value; the smaller is safe with both."""
GROUP = (Text("label.text", 75, 1), Items("options", 100))

MOST_BLOCKS: Mapping[Surface, int] = {"message": 50, "modal": 100, "home": 100}
ONLY_IN: Mapping[str, frozenset[Surface]] = {
    "alert": frozenset({"modal"}),
    "markdown": frozenset({"message"}),
    "table": frozenset({"message"}),
    "file": frozenset({"message"}),
    "context_actions": frozenset({"message"}),
}
"""Blocks that stand only in some places."""
COLUMNS = 20
WEB = re.compile(r"https?://", re.IGNORECASE)


def faults(blocks: Sequence[Mapping[str, Any]], surface: Surface, pointer: str) -> Iterator[Fault]:
    """Everything that is too long, too many, twice, or in the wrong place."""
    if len(blocks) > MOST_BLOCKS[surface]:
        yield more(pointer, MOST_BLOCKS[surface])
    seen: set[str] = set()
    tables = 0
    for number, block in enumerate(blocks):
        at = f"{pointer}/{number}"
        block_id = block.get("block_id")
        if block_id in seen:
            yield Fault(f"{at}/block_id", f"`block_id` {block_id!r} already exists", "unique")
        seen |= {block_id} if isinstance(block_id, str) else set()
        places = ONLY_IN.get(str(block.get("type")), frozenset({surface}))
        if surface not in places:
            yield Fault(f"{at}/type", f"unsupported type: {block['type']} in a {surface}", "enum", sorted(places))
        tables += block.get("type") == "table"
        if tables > 1 and block.get("type") == "table":
            yield Fault(at, "only one table allowed", "max_items", 1)
        yield from _within(block, at)


def _within(value: object, at: str) -> Iterator[Fault]:
    """The rules of a value, and of everything in it."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        for number, one in enumerate(value):
            yield from _within(one, f"{at}/{number}")
    if not isinstance(value, Mapping):
        return
    kind = str(value.get("type"))
    for rule in (*LIMITS.get(kind, ()), *EVERYWHERE):
        yield from _held(rule, value, at)
    if special := SPECIAL.get(kind):
        yield from special(value, at)
    yield from _options(value, at)
    for name, inner in value.items():
        yield from _within(inner, f"{at}/{name}")


def _held(rule: Text | Items, value: Mapping[str, Any], at: str) -> Iterator[Fault]:
    found = _at(value, rule.path)
    pointer = f"{at}/{rule.path.replace('.', '/')}"
    match rule, found:
        case Text(_, most, least), str():
            if len(found) > most:
                yield longer(pointer, most)
            elif len(found) < least:
                yield shorter(pointer, least)
        case Items(_, most, least), list():
            if len(found) > most:
                yield more(pointer, most)
            elif len(found) < least:
                yield fewer(pointer, least)


def _at(value: object, path: str) -> object:
    for name in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def _options(value: Mapping[str, Any], at: str) -> Iterator[Fault]:
    for listed, rules in (("options", OPTION), ("option_groups", GROUP)):
        entries = value.get(listed)
        for number, one in enumerate(entries if isinstance(entries, list) else ()):
            for rule in rules if isinstance(one, Mapping) else ():
                yield from _held(rule, one, f"{at}/{listed}/{number}")


# ------------------------------------------------------------ blocks with rules of their own


def _section(block: Mapping[str, Any], at: str) -> Iterator[Fault]:
    if not block.get("text") and not block.get("fields"):
        yield Fault(at, "must provide at least one of: text, fields", "required", ["text", "fields"])
    fields = block.get("fields")
    for number, one in enumerate(fields if isinstance(fields, list) else ()):
        if isinstance(one, Mapping):
            yield from _held(Text("text", 2000, 1), one, f"{at}/fields/{number}")


def _texts(block: Mapping[str, Any], at: str) -> Iterator[Fault]:
    """Texts in a context may not be empty; what presses in one row needs ids of its own."""
    elements = block.get("elements")
    seen: set[str] = set()
    for number, one in enumerate(elements if isinstance(elements, list) else ()):
        if not isinstance(one, Mapping):
            continue
        if one.get("type") in {"mrkdwn", "plain_text"}:
            yield from _held(Text("text", 3000, 1), one, f"{at}/elements/{number}")
        action_id = one.get("action_id")
        if action_id in seen:
            what = f"`action_id` {action_id!r} already exists for another element of this block"
            yield Fault(f"{at}/elements/{number}/action_id", what, "unique")
        seen |= {action_id} if isinstance(action_id, str) else set()


def _image(block: Mapping[str, Any], at: str) -> Iterator[Fault]:
    url = block.get("image_url")
    if isinstance(url, str) and url and not WEB.match(url):
        yield Fault(f"{at}/image_url", "must be a valid URL that begins with http:// or https://", "format", "url")


def _table(block: Mapping[str, Any], at: str) -> Iterator[Fault]:
    rows = block.get("rows")
    for number, row in enumerate(rows if isinstance(rows, list) else ()):
        if isinstance(row, list) and len(row) > COLUMNS:
            yield more(f"{at}/rows/{number}", COLUMNS)
        if isinstance(row, list) and not row:
            yield fewer(f"{at}/rows/{number}", 1)


def _data_table(block: Mapping[str, Any], at: str) -> Iterator[Fault]:
    yield from _table(block, at)
    rows = block.get("rows")
    cells = [cell for row in rows if isinstance(row, list) for cell in row] if isinstance(rows, list) else []
    if sum(len(str(cell.get("text", ""))) for cell in cells if isinstance(cell, Mapping)) > 10_000:
        yield longer(f"{at}/rows", 10_000)


SPECIAL: Mapping[str, Checks] = {
    "section": _section,
    "context": _texts,
    "actions": _texts,
    "context_actions": _texts,
    "image": _image,
    "table": _table,
    "data_table": _data_table,
}
