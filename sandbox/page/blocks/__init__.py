"""Block Kit as HTML. What isn't known or can't be drawn is shown as its JSON: never dropped, never a broken page."""

from collections.abc import Callable, Mapping

from markupsafe import Markup

from sandbox.page.blocks import basic, cards, charts, rich, tables
from sandbox.page.html import Json, el, join, pretty, string
from sandbox.page.sheet import Sheet

_DEEPEST = 6
_LONGEST_JSON = 4_000


def render(blocks: object, sheet: Sheet) -> Markup:
    """A list of blocks, as one message or view shows it."""
    if not isinstance(blocks, list | tuple):
        return Markup() if blocks is None else _as_json("This is no list of blocks", blocks)
    return join(block_html(block, sheet) for block in blocks)


def block_html(block: object, sheet: Sheet) -> Markup:
    """One block in its frame."""
    if not isinstance(block, Mapping):
        return _as_json("This is no block", block)
    kind = string(block.get("type"))
    draw = _DRAWN.get(kind)
    if draw is None:
        return _as_json(f"Block type “{kind or 'none'}” isn't known here", block)
    if sheet.depth > _DEEPEST:
        return _as_json("Blocks are nested too deeply", block)
    try:
        drawn = draw(block, sheet)
    except (AttributeError, KeyError, TypeError, ValueError, ArithmeticError, RecursionError) as fault:
        return _as_json(f"This {kind} block can't be drawn ({type(fault).__name__})", block)
    return el(
        "div", drawn, class_=f"block b-{kind.replace('_', '-')}", data_block_id=string(block.get("block_id")) or None
    )


def _as_json(why: str, value: object) -> Markup:
    try:
        text = pretty(value)
    except (RecursionError, ValueError, TypeError):
        text = "…"
    shown = (
        text if len(text) <= _LONGEST_JSON else f"{text[:_LONGEST_JSON]}\n… {len(text) - _LONGEST_JSON} more characters"
    )
    return el("figure", el("figcaption", why), el("pre", shown), class_="block unknown")


_Draw = Callable[[Json, Sheet], Markup]

_DRAWN: Mapping[str, _Draw] = {
    "actions": basic.actions,
    "alert": basic.alert,
    "card": cards.card,
    "carousel": cards.carousel,
    "container": cards.container(render),
    "context": basic.context,
    "context_actions": basic.context_actions,
    "data_table": tables.data_table,
    "data_visualization": charts.data_visualization,
    "divider": basic.divider,
    "file": basic.file_block,
    "header": basic.header,
    "image": basic.image_block,
    "input": basic.input_block,
    "markdown": basic.markdown_block,
    "plan": cards.plan,
    "rich_text": rich.rich_text,
    "section": basic.section,
    "table": tables.table,
    "task_card": cards.task_card,
    "video": basic.video,
}

KINDS = frozenset(_DRAWN)
"""The block types that are drawn."""
