"""The only place where text becomes Slack's: cleaned, bounded, and never markup.

Rich-text elements are shown literally: `<!channel>`, `*bold*` and `<http://…|click>` in them are just characters. Only
the fallback text of a message is parsed by Slack, so it is escaped.
"""

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from bot.domain.people import Person
from bot.slack.blocks.message import FALLBACK, HEADER, TEXT, Block

Element = dict[str, Any]

_INVISIBLE = {"Cf", "Cc", "Co", "Cs", "Cn"}
"""Unicode categories that hide or reorder text: format (bidi overrides, zero width), control, private, surrogates."""
_KEPT = {"\n", "\u200d", "\ufe0f"}
"""Line breaks, and what joins an emoji together."""


def clean(value: str, limit: int = TEXT, *, one_line: bool = False) -> str:
    """Visible characters only, at most `limit` of them; what was cut is marked."""
    # Twice the limit is enough to find `limit` visible ones in anything but an attack.
    raw = value[: limit * 2]
    if raw.isascii() and raw.isprintable():
        seen = raw  # as nearly all of it is
    else:
        seen = "".join(c for c in raw if c in _KEPT or unicodedata.category(c) not in _INVISIBLE or c == "\t")
    if one_line:
        seen = " ".join(seen.split())
    if len(seen) > limit or len(value) > limit * 2:
        seen = seen[: limit - 1] + "…"
    return seen


def escaped(value: str, limit: int = FALLBACK) -> str:
    """For the fallback text, the one place that Slack parses: no mention, no link."""
    plain = clean(value, limit).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return plain[:limit] if len(plain) <= limit else plain[: limit - 1].rsplit("&", 1)[0] + "…"


# ---------------------------------------------------------------- rich text


def text(value: str, *, bold: bool = False, code: bool = False, italic: bool = False, limit: int = TEXT) -> Element:
    """Literal text; an empty one becomes a dash, since Slack refuses empty elements."""
    element: Element = {"type": "text", "text": clean(value, limit) or "–"}
    style = {name: True for name, on in (("bold", bold), ("code", code), ("italic", italic)) if on}
    if style:
        element["style"] = style
    return element


def mention(person: Person) -> Element:
    """A person who should be notified; somebody without a Slack id is named."""
    if person.slack_id:
        return {"type": "user", "user_id": person.slack_id}
    return text(person.name, bold=True, limit=80)


def group_mention(group: str) -> Element:
    """A user group that should be notified; one that is only known by its handle is named."""
    if re.fullmatch(r"S[A-Z0-9]{5,}", group):
        return {"type": "usergroup", "usergroup_id": group}
    return text(f"@{group.lstrip('@')}", bold=True, limit=80)


def moment(at: datetime, form: str = "{date_short_pretty} {time}") -> Element:
    """A time in the reader's own zone."""
    return {"type": "date", "timestamp": int(at.timestamp()), "format": form, "fallback": f"{at:%Y-%m-%d %H:%M} UTC"}


def link(label: str, url: str) -> Element:
    """A link when the address is one that a browser should open, else the text alone."""
    if len(url) <= TEXT and urlsplit(url).scheme in {"http", "https"}:
        return {"type": "link", "url": url, "text": clean(label, 200, one_line=True) or url[:200]}
    return text(label, limit=200)


def section(*elements: Element) -> Element:
    """A paragraph."""
    return {"type": "rich_text_section", "elements": list(elements)}


def bullets(items: Sequence[Sequence[Element]], *, ordered: bool = False) -> Element:
    """A list; each item is a row of elements."""
    return {
        "type": "rich_text_list",
        "style": "ordered" if ordered else "bullet",
        "elements": [section(*item) for item in items],
    }


def preformatted(value: str) -> Element:
    """Text in fixed width."""
    return {"type": "rich_text_preformatted", "elements": [text(value)]}


def rich(*parts: Element) -> Block:
    """A block of paragraphs and lists."""
    return {"type": "rich_text", "elements": list(parts)}


# ---------------------------------------------------------------- other blocks


def header(value: str) -> Block:
    """A heading. Emoji codes in it are not turned into pictures."""
    return {
        "type": "header",
        "text": {"type": "plain_text", "text": clean(value, HEADER, one_line=True) or "–", "emoji": False},
    }


def context(*values: str) -> Block:
    """Small print, literal."""
    return {
        "type": "context",
        "elements": [
            {"type": "plain_text", "text": clean(value, 1_000, one_line=True) or "–", "emoji": False}
            for value in values[:10]
        ],
    }


def divider() -> Block:
    """A line."""
    return {"type": "divider"}
