"""The Markdown that Slack's `markdown` block takes: headings, lists, tasks, quotes, code, tables, links, emphasis."""

import re
from collections.abc import Callable, Iterator

from markupsafe import Markup

from sandbox.page.html import el, join, outward

_HEADING = re.compile(r"(#{1,6})\s+(.*?)\s*#*$")
_ITEM = re.compile(r"(\s*)([-*+]|\d{1,9}[.)])\s+(.*)")
_RULE = re.compile(r"\s*([-*_])(?:\s*\1){2,}\s*$")
_TABLE_RULE = re.compile(r"\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$")
_SPAN = re.compile(
    r"`([^`\n]{1,2000})`"
    r"|!?\[([^\[\]\n]{0,500})\]\(([^()\s]{1,3000})\)"
    r"|(https?://[^\s<>()]{1,2000})"
    r"|\*\*([^*\n]{1,1000})\*\*|~~([^~\n]{1,1000})~~"
    r"|(?<!\w)[*_]([^*_\n]{1,1000})[*_](?!\w)"
)
_DEEPEST = 6
Lines = list[str]


def markdown(text: str) -> Markup:
    """Markdown as HTML; HTML in it stays text."""
    return _blocks(text.replace("\r\n", "\n").split("\n"), 0)


def _blocks(lines: Lines, depth: int) -> Markup:
    return join(_walk(lines, depth))


def _walk(lines: Lines, depth: int) -> Iterator[Markup]:
    at = 0
    while at < len(lines):
        line = lines[at]
        if not line.strip():
            at += 1
        elif line.lstrip().startswith("```"):
            end = _until_fence(lines, at + 1)
            yield el("pre", "\n".join(lines[at + 1 : end]))
            at = end + 1
        elif heading := _HEADING.match(line):
            yield el(f"h{min(len(heading[1]) + 2, 6)}", _spans(heading[2]))
            at += 1
        elif _RULE.match(line):
            yield el("hr")
            at += 1
        elif line.lstrip().startswith(">") and depth < _DEEPEST:
            end = _while(lines, at, lambda one: one.lstrip().startswith(">"))
            yield el("blockquote", _blocks([_unquoted(one) for one in lines[at:end]], depth + 1))
            at = end
        elif _ITEM.match(line) and depth < _DEEPEST:
            end = _list_end(lines, at)
            yield _list(lines[at:end], depth)
            at = end
        elif "|" in line and at + 1 < len(lines) and _TABLE_RULE.match(lines[at + 1]):
            end = _while(lines, at + 2, lambda one: "|" in one)
            yield _table(line, lines[at + 2 : end])
            at = end
        else:
            end = _while(lines, at + 1, lambda one: bool(one.strip()) and not _begins(one))
            yield el("p", _spans("\n".join(lines[at:end])))
            at = end


def _begins(line: str) -> bool:
    """Whether a line ends the paragraph before it."""
    return bool(
        line.lstrip().startswith(("```", ">")) or _HEADING.match(line) or _RULE.match(line) or _ITEM.match(line)
    )


def _while(lines: Lines, at: int, holds: Callable[[str], bool]) -> int:
    while at < len(lines) and holds(lines[at]):
        at += 1
    return at


def _until_fence(lines: Lines, at: int) -> int:
    return _while(lines, at, lambda one: not one.lstrip().startswith("```"))


def _unquoted(line: str) -> str:
    return line.lstrip()[1:].removeprefix(" ")


# ---------------------------------------------------------------- lists and tables


def _list_end(lines: Lines, at: int) -> int:
    """A list goes on over its items and what is indented below them."""
    first, end = _ITEM.match(lines[at]), at
    while end < len(lines):
        line = lines[end]
        item = _ITEM.match(line if line.strip() or end + 1 == len(lines) else lines[end + 1])
        indented = line[:1] in {" ", "\t"} and bool(line.strip())
        if not (indented or (item and first and (item[1] > first[1] or _ordered(item) == _ordered(first)))):
            break
        end += 1
    return end


def _ordered(item: re.Match[str]) -> bool:
    return item[2][0].isdigit()


def _list(lines: Lines, depth: int) -> Markup:
    first = _ITEM.match(lines[0])
    assert first is not None
    margin = len(first[1])
    rows: list[Lines] = []
    for line in lines:
        found = _ITEM.match(line)
        if found and len(found[1]) <= margin + 1:
            rows.append([found[3]])
        else:
            rows[-1].append(line[margin + 2 :] if line.strip() else "")
    ordered = _ordered(first)
    start = int(first[2][:-1]) if ordered and first[2][:-1] not in {"1", "0"} else None
    return el("ol" if ordered else "ul", [_item(row, depth) for row in rows], start=start)


def _item(row: Lines, depth: int) -> Markup:
    head, rest = row[0], row[1:]
    task = re.match(r"\[([ xX])\]\s+(.*)", head)
    words = _spans(task[2] if task else head)
    inner = _blocks(rest, depth + 1) if rest else None
    if task is None:
        return el("li", words, inner)
    done = task[1] != " "
    box = el("input", type="checkbox", disabled=True, checked=done, aria_label="done" if done else "to do")
    return el("li", box, " ", words, inner, class_="task-item")


def _table(head: str, rows: Lines) -> Markup:
    cells = el("tr", [el("th", _spans(cell)) for cell in _cells(head)])
    body = [el("tr", [el("td", _spans(cell)) for cell in _cells(row)]) for row in rows]
    return el(
        "div",
        el("table", el("thead", cells), el("tbody", body)),
        class_="table-scroll",
        tabindex=0,
        role="region",
        aria_label="Table",
    )


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]


# ---------------------------------------------------------------- within a line


def _spans(text: str, depth: int = 0) -> Markup:
    parts: list[Markup | str] = []
    end = 0
    for found in _SPAN.finditer(text) if depth < _DEEPEST else ():
        parts += [text[end : found.start()], _span(found, depth)]
        end = found.end()
    return join([*parts, text[end:]])


def _span(found: re.Match[str], depth: int) -> Markup:
    code, label, target, url, strong, struck, soft = found.groups()
    if code is not None:
        return el("code", code)
    if target is not None:
        return outward(target, _spans(label, depth + 1) if label else target)
    if url is not None:
        return outward(url, url)
    for tag, inner in (("strong", strong), ("del", struck), ("em", soft)):
        if inner is not None:
            return el(tag, _spans(inner, depth + 1))
    return join(found[0])
