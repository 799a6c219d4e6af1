"""The same message without blocks that a workspace may not know yet: a plan of task cards becomes a list."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bot.slack.blocks.message import Block, Message
from bot.slack.blocks.text import bullets, rich, section, text

MARKS: Mapping[str, str] = {"pending": "○", "in_progress": "▸", "complete": "✓", "error": "✗"}


def plainer(message: Message) -> Message | None:
    """The message in older blocks; nothing when it has no newer ones."""
    blocks = tuple(_older(block) for block in message.blocks)
    return None if blocks == message.blocks else replace(message, blocks=blocks)


def _older(block: Block) -> Block:
    if block["type"] != "plan":
        return block
    rows = [[text(f"{MARKS[task['status']]} {task['title']}{_detail(task)}", limit=150)] for task in block["tasks"]]
    title = section(text(str(block["title"]), bold=True))
    return rich(title, bullets(rows)) if rows else rich(title)


def _detail(task: Mapping[str, Any]) -> str:
    words = [part["text"] for element in task.get("output", {}).get("elements", ()) for part in element["elements"]]
    return f" · {' '.join(words)}" if words else ""
