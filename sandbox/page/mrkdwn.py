"""Slack's own markup, read in one pass over the text: bounded work for any text, and no markup but ours."""

import re
from html import unescape

from markupsafe import Markup

from sandbox.page.emoji import emoji
from sandbox.page.html import Json, el, join, outward, string
from sandbox.page.moments import moment
from sandbox.page.sheet import Names

_FENCE = re.compile(r"```(.+?)```", re.DOTALL)
_TOKEN = re.compile(r"`([^`\n]+)`|<([^<>\n]{1,3100})>|:([a-z0-9_+'-]{1,60}(?:::skin-tone-\d)?):|([*_~])")
_EMOJI = re.compile(r":([a-z0-9_+'-]{1,60}(?:::skin-tone-\d)?):")
_STYLES = {"*": "strong", "_": "em", "~": "del"}
_TRIES = 8
"""How many possible ends of a bold word are looked at: the work stays in proportion to the text."""
_DEEPEST = 4


def text_object(value: Json, names: Names) -> Markup:
    """A `plain_text` or `mrkdwn` object."""
    text = string(value.get("text"))
    if value.get("type") == "mrkdwn":
        return mrkdwn(text, names)
    return plain(text) if value.get("emoji") is not False else join(text)


def plain(text: str) -> Markup:
    """Literal text in which only the names of emoji are replaced."""
    parts: list[Markup | str] = []
    end = 0
    for found in _EMOJI.finditer(text):
        parts += [text[end : found.start()], emoji(found[1])]
        end = found.end()
    return join([*parts, text[end:]])


def mrkdwn(text: str, names: Names) -> Markup:
    """Text with `*bold*`, `<@U…>`, `<https://…|label>`, quotes and code."""
    parts: list[Markup] = []
    end = 0
    for found in _FENCE.finditer(text):
        parts += [
            _lines(text[end : found.start()].removesuffix("\n"), names),
            el("pre", _literal(found[1].strip("\n"))),
        ]
        end = found.end()
    rest = text[end:] if end == 0 else text[end:].removeprefix("\n")
    return join([*parts, _lines(rest, names)])


def _lines(text: str, names: Names) -> Markup:
    """Runs of quoted lines become one quote; all others stay as they are."""
    if not text:
        return Markup()
    groups: list[tuple[bool, list[str]]] = []
    for line in text.split("\n"):
        quoted = line.startswith(("&gt;", ">"))
        words = line.removeprefix("&gt;").removeprefix(">").removeprefix(" ") if quoted else line
        if groups and groups[-1][0] == quoted:
            groups[-1][1].append(words)
        else:
            groups.append((quoted, [words]))
    drawn = [(quoted, _inline("\n".join(lines), names)) for quoted, lines in groups]
    return join(el("blockquote", inner) if quoted else inner for quoted, inner in drawn)


def _inline(text: str, names: Names, depth: int = 0) -> Markup:
    parts: list[Markup] = []
    end = at = 0
    while found := _TOKEN.search(text, at):
        at, drawn = _token(text, found, names, depth)
        if drawn is not None:
            parts += [_literal(text[end : found.start()]), drawn]
            end = at
    return join([*parts, _literal(text[end:])])


def _token(text: str, found: re.Match[str], names: Names, depth: int) -> tuple[int, Markup | None]:
    """Where reading goes on, and what was read; None when the characters are only characters."""
    code, control, name, style = found.groups()
    if code is not None:
        return found.end(), el("code", _literal(code))
    if control is not None:
        return found.end(), _control(control, names)
    if name is not None:
        return found.end(), emoji(name)
    close = _closing(text, found.start(), style)
    if close < 0 or depth >= _DEEPEST:
        return found.end(), None
    return close + 1, el(_STYLES[style], _inline(text[found.start() + 1 : close], names, depth + 1))


def _closing(text: str, start: int, mark: str) -> int:
    """Where `*bold*` that begins here ends, or -1: marks stand at the edge of words and stay within a line."""
    before, after = text[start - 1 : start] if start else "", text[start + 1 : start + 2]
    if before.isalnum() or before == mark or not after.strip() or after == mark:
        return -1
    close = start + 1
    for _ in range(_TRIES):
        close = text.find(mark, close + 1)
        if close < 0 or "\n" in text[start:close]:
            return -1
        following = text[close + 1 : close + 2]
        if not text[close - 1].isspace() and not following.isalnum() and following != mark:
            return close
    return -1


def _control(inside: str, names: Names) -> Markup:
    """What stands between `<` and `>`."""
    target, _, label = inside.partition("|")
    if target.startswith("@"):
        return mention(target[1:], names, label)
    if target.startswith("#"):
        return channel_link(target[1:], names, label)
    if target.startswith("!date^"):
        _, timestamp, form, *link = [*target.split("^"), "", ""][:4]
        return moment(timestamp, unescape(form), unescape(label), unescape(link[0]) if link else "")
    if target.startswith("!subteam^"):
        return group_mention(target.removeprefix("!subteam^"), names, unescape(label))
    if target in {"!here", "!channel", "!everyone"}:
        return broadcast(target[1:])
    url = unescape(target)
    if re.match(r"(https?://|mailto:)", url, re.IGNORECASE):
        return outward(url, plain(unescape(label)) if label else url.removeprefix("mailto:"))
    return _literal(f"<{inside}>")


def mention(user_id: str, names: Names, label: str = "") -> Markup:
    """A person who was named so that they notice."""
    known = names.user(user_id)
    name = known if known != user_id else unescape(label).removeprefix("@") or user_id
    return el("span", "@", name, class_="mention", data_user=user_id)


def channel_link(channel_id: str, names: Names, label: str = "") -> Markup:
    """A channel that can be gone to."""
    known = names.channel(channel_id)
    if known == channel_id:
        return el("span", "#", unescape(label) or channel_id, class_="mention")
    return el("a", "#", known, class_="mention", href=f"/?channel={channel_id}", data_go=channel_id)


def group_mention(group_id: str, names: Names, label: str = "") -> Markup:
    """A user group."""
    return el("span", "@", names.groups.get(group_id) or label.removeprefix("@") or group_id, class_="mention")


def broadcast(reach: str) -> Markup:
    """`@here`, `@channel`, `@everyone`."""
    return el("span", "@", reach, class_="mention broadcast")


def _literal(text: str) -> Markup:
    """Slack's three escapes are undone, then everything is escaped for HTML."""
    return join(text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
