"""A message as somebody reads it: plain lines, buttons in brackets."""

from collections.abc import Iterator, Mapping
from typing import Any

from bot.slack.blocks.message import Message


def lines(message: Message | Mapping[str, Any]) -> list[str]:
    """Every line that is shown, in order."""
    blocks = message.blocks if isinstance(message, Message) else message["blocks"]
    return [line for block in blocks for line in _block(block)]


def text(message: Message | Mapping[str, Any]) -> str:
    return "\n".join(lines(message))


def buttons(message: Message | Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """All buttons, in order."""
    blocks = message.blocks if isinstance(message, Message) else message["blocks"]
    return [e for b in blocks if b["type"] == "actions" for e in b["elements"] if e["type"] == "button"]


def _block(block: Mapping[str, Any]) -> Iterator[str]:
    match block["type"]:
        case "header":
            yield f"# {block['text']['text']}"
        case "rich_text":
            for part in block["elements"]:
                yield from _rich(part)
        case "context":
            yield " ".join(element["text"] for element in block["elements"])
        case "actions":
            yield " ".join(f"[{element['text']['text']}]" for element in block["elements"])
        case "table":
            for row in block["rows"]:
                yield " | ".join(cell["text"] for cell in row)
        case "section":
            yield block["text"]["text"] + (f" [{block['accessory']['text']['text']}]" if "accessory" in block else "")
        case "input":
            yield block["label"]["text"]
        case other:
            yield f"({other})"


def _rich(part: Mapping[str, Any]) -> Iterator[str]:
    match part["type"]:
        case "rich_text_list":
            for number, item in enumerate(part["elements"], start=1):
                mark = f"{number}." if part["style"] == "ordered" else "•"
                yield f"{mark} {_inline(item)}"
        case _:
            yield from _inline(part).split("\n")


def _inline(section: Mapping[str, Any]) -> str:
    return "".join(_element(element) for element in section["elements"])


def _element(element: Mapping[str, Any]) -> str:
    match element["type"]:
        case "user":
            return f"<@{element['user_id']}>"
        case "usergroup":
            return f"<!subteam^{element['usergroup_id']}>"
        case "date":
            return f"{{{element['format']}|{element['fallback']}}}"
        case "link":
            return f"{element.get('text', '')} <{element['url']}>"
        case _:
            return str(element["text"])
