"""Rich text: what its elements hold is literal, only their type gives them a look."""

from markupsafe import Markup

from sandbox.page.emoji import emoji
from sandbox.page.html import Json, el, items, join, obj, outward, string
from sandbox.page.moments import moment
from sandbox.page.mrkdwn import broadcast, channel_link, group_mention, mention
from sandbox.page.sheet import Names, Sheet

_STYLES = {"bold": "strong", "italic": "em", "strike": "del", "underline": "u", "code": "code"}
_MARKERS = ("decimal", "alpha", "roman")
_DEEPEST = 8


def rich_text(block: Json, sheet: Sheet) -> Markup:
    """A `rich_text` block: paragraphs, lists (nested by their indent), quotes, fixed width."""
    parts: list[Markup] = []
    run: list[Json] = []
    for part in items(block.get("elements")):
        if part.get("type") == "rich_text_list":
            run.append(part)
            continue
        parts += [_lists(run, sheet.names), _part(part, sheet.names)]
        run = []
    return el("div", parts, _lists(run, sheet.names), class_="rich")


def _part(part: Json, names: Names) -> Markup:
    inner = inline(part, names)
    kind = part.get("type")
    if kind == "rich_text_quote":
        return el("blockquote", inner)
    if kind == "rich_text_preformatted":
        return el("pre", inner)
    return el("p", inner)


def inline(part: Json, names: Names) -> Markup:
    """The elements of one paragraph, list item, quote or fixed-width text."""
    return join(_styled(element, names) for element in items(part.get("elements")))


def _styled(element: Json, names: Names) -> Markup:
    drawn = _element(element, names)
    style = obj(element.get("style"))
    for name, tag in _STYLES.items():
        if style.get(name):
            drawn = el(tag, drawn)
    return drawn


def _element(element: Json, names: Names) -> Markup:
    kind = element.get("type")
    if kind == "text":
        return join(string(element.get("text")))
    if kind == "link":
        url = string(element.get("url"))
        return outward(url, string(element.get("text")) or url)
    if kind == "user":
        return mention(string(element.get("user_id")), names)
    if kind == "channel":
        return channel_link(string(element.get("channel_id")), names)
    if kind == "usergroup":
        return group_mention(string(element.get("usergroup_id")), names)
    if kind in {"broadcast", "team"}:
        return broadcast(string(element.get("range") or element.get("team_id")))
    if kind == "emoji":
        return emoji(string(element.get("name")), string(element.get("unicode")))
    if kind == "date":
        form, fallback = string(element.get("format")), string(element.get("fallback"))
        return moment(element.get("timestamp"), form, fallback, string(element.get("url")))
    if kind == "color":
        return _colour(string(element.get("value")))
    return el("code", f"[{kind}]", title="This kind of rich text isn't known here.")


def _colour(value: str) -> Markup:
    """A swatch; SVG attributes carry the colour, since the page allows no inline style."""
    swatch = el("svg", el("rect", width="10", height="10", rx="2", fill=value), class_="swatch", viewBox="0 0 10 10")
    return el("span", swatch, value)


# ---------------------------------------------------------------- lists


def _lists(run: list[Json], names: Names) -> Markup:
    """Lists that follow each other; a deeper indent is a list inside the item before it."""
    if not run:
        return Markup()
    level = min(_indent(part) for part in run)
    out: list[Markup] = []
    place = 0
    while place < len(run):
        part = run[place]
        inner = place + 1
        if _indent(part) > level:
            # Nothing to hang it under: drawn as it is, one step in.
            out.append(el("div", _lists([part], names), class_="indented"))
            place = inner
            continue
        while inner < len(run) and _indent(run[inner]) > level:
            inner += 1
        out.append(_list(part, _lists(run[place + 1 : inner], names), level, names))
        place = inner
    return join(out)


def _list(part: Json, nested: Markup, level: int, names: Names) -> Markup:
    rows = items(part.get("elements"))
    drawn = [el("li", inline(row, names), nested if place == len(rows) - 1 else None) for place, row in enumerate(rows)]
    border = "bordered" if part.get("border") else None
    if part.get("style") == "ordered":
        offset = part.get("offset")
        start = offset + 1 if isinstance(offset, int) and offset > 0 else None
        return el("ol", drawn, start=start, class_=" ".join(filter(None, (_MARKERS[level % 3], border))))
    return el("ul", drawn, class_=border)


def _indent(part: Json) -> int:
    indent = part.get("indent")
    return min(max(indent, 0), _DEEPEST) if isinstance(indent, int) else 0
