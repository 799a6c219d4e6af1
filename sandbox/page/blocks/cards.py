"""Blocks that hold others: cards, carousels, containers, plans and their tasks."""

from collections.abc import Callable

from markupsafe import Markup

from sandbox.page.blocks.basic import image
from sandbox.page.blocks.controls import button
from sandbox.page.blocks.rich import rich_text
from sandbox.page.html import Json, el, items, obj, outward, string
from sandbox.page.mrkdwn import text_object
from sandbox.page.sheet import Sheet

Draw = Callable[[object, Sheet], Markup]
"""Draws a list of blocks: handed in, so that this file need not know the others."""

_WIDTHS = {"narrow", "standard", "wide", "full"}
_STATUS = {
    "pending": ("○", "not begun"), "in_progress": ("◐", "going on"),
    "complete": ("✓", "done"), "error": ("✗", "failed"),
}  # fmt: skip


def card(block: Json, sheet: Sheet) -> Markup:
    """A card: picture, icon, title, text, buttons."""
    hero, icon = obj(block.get("hero_image")), obj(block.get("icon"))
    texts = [(tag, obj(block.get(name))) for tag, name in (("b", "title"), ("small", "subtitle"))]
    words = [el(tag, text_object(text, sheet.names)) for tag, text in texts if text]
    body = obj(block.get("body"))
    block_id = string(block.get("block_id"))
    buttons = [button(element, block_id, sheet) for element in items(block.get("actions"))]
    return el(
        "article",
        image(hero, sheet, "hero") if hero else None,
        el("div", image(icon, sheet, "card-icon") if icon else None, el("div", words), class_="card-head"),
        el("div", text_object(body, sheet.names), class_="mrkdwn") if body else None,
        el("div", buttons, class_="actions") if buttons else None,
        class_="card",
    )


def carousel(block: Json, sheet: Sheet) -> Markup:
    """Cards side by side."""
    cards = [card(element, sheet) for element in items(block.get("elements"))]
    return el("div", cards, class_="carousel", tabindex=0, role="region", aria_label=f"{len(cards)} cards side by side")


def container(draw: Draw) -> Callable[[Json, Sheet], Markup]:
    """A frame around blocks, perhaps folded."""

    def drawn(block: Json, sheet: Sheet) -> Markup:
        width = string(block.get("width"))
        line = "" if block.get("has_header_divider") is False else " lined"
        class_ = f"container {width if width in _WIDTHS else 'standard'}{line}"
        head = _container_head(block, sheet)
        body = el("div", draw(block.get("child_blocks"), sheet.deeper()), class_="container-body")
        if block.get("is_collapsible"):
            return el("details", el("summary", head), body, class_=class_, open=not block.get("default_collapsed"))
        return el("section", head, body, class_=class_)

    return drawn


def _container_head(block: Json, sheet: Sheet) -> Markup:
    icon, subtitle = obj(block.get("icon")), obj(block.get("subtitle"))
    rich = obj(block.get("rich_text_title"))
    title = rich_text(rich, sheet) if rich else text_object(obj(block.get("title")), sheet.names)
    words = el(
        "div",
        el("div", title, class_="container-title"),
        el("small", text_object(subtitle, sheet.names)) if subtitle else None,
    )
    return el("div", image(icon, sheet, "card-icon") if icon else None, words, class_="card-head")


def plan(block: Json, sheet: Sheet) -> Markup:
    """Tasks in order, under a title."""
    title = block.get("title")
    words = string(title) or string(obj(title).get("text"))
    tasks = items(block.get("tasks"))
    done = sum(task.get("status") == "complete" for task in tasks)
    count = el("small", f"{done} of {len(tasks)} done") if tasks else None
    return el(
        "section",
        el("div", el("b", words), count, class_="plan-head"),
        el("ol", [_task_item(t, sheet) for t in tasks]),
        class_="plan",
    )


def _task_item(task: Json, sheet: Sheet) -> Markup:
    return el("li", task_card(task, sheet))


def task_card(block: Json, sheet: Sheet) -> Markup:
    """One task: where it stands, what it found, from where."""
    status = string(block.get("status"))
    sign, meaning = _STATUS.get(status, ("?", status or "unknown"))
    details, output = obj(block.get("details")), obj(block.get("output"))
    sources = [
        el("li", outward(s.get("url"), string(s.get("text")) or string(s.get("url"))))
        for s in items(block.get("sources"))
    ]
    mark = el(
        "span", sign, class_=f"task-sign {status if status in _STATUS else 'pending'}", role="img", aria_label=meaning
    )
    inside = [
        rich_text(details, sheet) if details else None,
        el("div", rich_text(output, sheet), class_="task-output") if output else None,
        el("ul", sources, class_="sources") if sources else None,
    ]
    body = el("div", inside, class_="task-body") if any(inside) else None
    return el("div", mark, el("div", el("span", string(block.get("title")), class_="task-title"), body), class_="task")
