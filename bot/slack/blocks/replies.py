"""Any `Reply` as a message, within Slack's limits; what doesn't fit is counted, never silently dropped."""

import itertools
from collections.abc import Sequence
from typing import Any

from bot.slack.blocks import elements
from bot.slack.blocks.message import BLOCKS_IN_MESSAGE, TABLE_COLUMNS, Block, File, Message
from bot.slack.blocks.text import (
    Element,
    bullets,
    clean,
    context,
    escaped,
    link,
    mention,
    preformatted,
    rich,
    section,
    text,
)
from bot.usecases.reply import (
    Attachment,
    Bullets,
    Buttons,
    Code,
    Facts,
    Heading,
    Link,
    Mentions,
    Paragraph,
    Part,
    Reply,
    Table,
    Tone,
)
from bot.usecases.setup import Setup

_MARKS = {Tone.INFO: "", Tone.DONE: "✅ ", Tone.REFUSED: "🚫 ", Tone.FAULT: "⚠️ "}
ITEMS_SHOWN = 40
ROWS_SHOWN = 50
CELLS_BUDGET = 9_000
"""Characters of a table's cells; Slack refuses a message whose blocks hold much more than this in sum."""


MESSAGE_BUDGET = 12_000
"""Characters of all blocks in sum: `msg_blocks_too_long` was seen at about 13,200."""


def reply_message(reply: Reply, setup: Setup) -> Message:
    """An answer as blocks, and its files."""
    title = f"{_MARKS[reply.tone]}{reply.title}"
    blocks: list[Block] = [rich(section(text(title, bold=True, limit=600)))]
    files: list[File] = []
    for place, part in enumerate(reply.parts):
        if isinstance(part, Attachment):
            files.append(File(part.name, part.text))
            continue
        blocks += _part(part, setup, place)
    fits = _fitting(blocks)
    if fits < len(blocks):
        blocks = [*blocks[:fits], context(f"… {len(blocks) - fits} more parts did not fit")]
    first = next((p.text for p in reply.parts if isinstance(p, Paragraph)), "")
    return Message(escaped(f"{title} {first}", 2_000), tuple(blocks), files=tuple(files))


def _fitting(blocks: Sequence[Block]) -> int:
    """How many of the blocks one message can hold, with a line more that counts the others."""
    weights = list(itertools.accumulate(_weight(block) for block in blocks))
    fits = sum(1 for weight in weights if weight <= MESSAGE_BUDGET)
    return fits if fits == len(blocks) <= BLOCKS_IN_MESSAGE else min(fits, BLOCKS_IN_MESSAGE - 1)


def _weight(value: Any) -> int:
    """The characters that a block shows, and the addresses behind them."""
    match value:
        case dict():
            return sum(len(v) if k in {"text", "url"} and isinstance(v, str) else _weight(v) for k, v in value.items())
        case list():
            return sum(_weight(item) for item in value)
        case _:
            return 0


def _part(part: Part, setup: Setup, place: int) -> list[Block]:  # noqa: C901 - one case a part
    match part:
        case Paragraph(value):
            return _paragraphs(value)
        case Heading(value):
            return [rich(section(text(value, bold=True, limit=300)))]
        case Facts(pairs):
            line: list[Element] = []
            for name, value in pairs[:ITEMS_SHOWN]:
                line += [text(f"{name}: ", bold=True, limit=100), text(f"{value}\n", limit=600)]
            return [rich(section(*line))] if line else []
        case Bullets(items, ordered):
            return _list(items, ordered=ordered)
        case Table(columns, rows):
            return _table(columns, rows)
        case Code(value):
            return [rich(preformatted(value))]
        case Link(label, url):
            return [rich(section(link(label, url)))]
        case Mentions(intro, people):
            named: list[Element] = [text(f"{intro} ", limit=300)]
            for person in people[:ITEMS_SHOWN]:
                named += [mention(setup.person(person)), text(" ")]
            return [rich(section(*named))]
        case Buttons(pressed):
            return [elements.row(pressed[:5], f"reply-{place}")]
        case Attachment():
            return []


def _paragraphs(value: str) -> list[Block]:
    """Long text in pieces that fit; at most four of them."""
    whole = clean(value, 12_000)
    pieces = [whole[start : start + 2_900] for start in range(0, len(whole), 2_900)] or ["–"]
    blocks = [rich(section(text(piece))) for piece in pieces[:4]]
    return [*blocks, context("… the rest did not fit")] if len(value) > 12_000 else blocks


def _list(items: tuple[str, ...], *, ordered: bool) -> list[Block]:
    if not items:
        return []
    blocks: list[Block] = [rich(bullets([[text(item, limit=500)] for item in items[:ITEMS_SHOWN]], ordered=ordered))]
    if len(items) > ITEMS_SHOWN:
        blocks.append(context(f"… {len(items) - ITEMS_SHOWN} more"))
    return blocks


def _table(columns: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> list[Block]:
    cells = [_cells(columns)]
    used = 0
    for row in rows[:ROWS_SHOWN]:
        made = _cells(row)
        used += sum(len(cell["text"]) for cell in made)
        if used > CELLS_BUDGET:
            break
        cells.append(made)
    shown = len(cells) - 1
    table: Block = {"type": "table", "rows": cells}
    return [table] if shown == len(rows) else [table, context(f"… {len(rows) - shown} more rows")]


def _cells(row: tuple[str, ...]) -> list[dict[str, Any]]:
    return [{"type": "raw_text", "text": clean(cell, 300, one_line=True) or "–"} for cell in row[:TABLE_COLUMNS]]
