"""What hangs below a message's text: legacy attachments, files, pictures."""

import re

from markupsafe import Markup

from sandbox.page.blocks import render
from sandbox.page.html import Json, el, items, outward, safe_url, string
from sandbox.page.moments import clock
from sandbox.page.mrkdwn import mrkdwn
from sandbox.page.sheet import Sheet

_NAMED = {"good": "#2f9e67", "warning": "#d9a21b", "danger": "#c8372d"}
_HEX = re.compile(r"#?([0-9a-fA-F]{6}|[0-9a-fA-F]{3})$")
_UNITS = ("bytes", "kB", "MB", "GB")


def attachment_html(attachment: Json, sheet: Sheet) -> Markup:
    """A legacy attachment: a coloured bar, and what stands beside it."""
    names = sheet.names
    pretext, text = string(attachment.get("pretext")), string(attachment.get("text"))
    parts: list[Markup | None] = [
        _author(attachment),
        _title(attachment),
        el("div", mrkdwn(text, names), class_="mrkdwn") if text else None,
        _fields(attachment, sheet),
        render(attachment.get("blocks"), sheet),
        _picture(attachment.get("image_url"), "image"),
        _foot(attachment),
    ]
    if not any(parts) and (fallback := string(attachment.get("fallback"))):
        parts.append(el("div", fallback))
    thumb = _picture(attachment.get("thumb_url"), "thumb")
    return el(
        "div",
        el("div", mrkdwn(pretext, names), class_="mrkdwn pretext") if pretext else None,
        el(
            "div",
            _bar(string(attachment.get("color"))),
            el("div", parts, class_="attachment-body"),
            thumb,
            class_="attachment",
        ),
    )


def _bar(colour: str) -> Markup:
    found = _HEX.match(_NAMED.get(colour, colour))
    fill = f"#{found[1]}" if found else None
    bar = el("rect", width=4, height=4, fill=fill)
    return el("svg", bar, class_="bar", viewBox="0 0 4 4", preserveAspectRatio="none", aria_hidden="true")


def _author(attachment: Json) -> Markup | None:
    name = string(attachment.get("author_name"))
    return el("small", outward(attachment.get("author_link"), name)) if name else None


def _title(attachment: Json) -> Markup | None:
    title = string(attachment.get("title"))
    if not title:
        return None
    link = attachment.get("title_link")
    return el("b", outward(link, title) if link else title, class_="attachment-title")


def _fields(attachment: Json, sheet: Sheet) -> Markup | None:
    drawn: list[Markup] = []
    for field in items(attachment.get("fields")):
        value = el("div", mrkdwn(string(field.get("value")), sheet.names), class_="mrkdwn")
        class_ = None if field.get("short") else "wide"
        drawn.append(el("div", el("b", string(field.get("title"))), value, class_=class_))
    return el("div", drawn, class_="fields") if drawn else None


def _foot(attachment: Json) -> Markup | None:
    foot, ts = string(attachment.get("footer")), attachment.get("ts")
    if not foot and not ts:
        return None
    return el("small", foot, " · " if foot and ts else None, clock(ts) if ts else None)


def _picture(url: object, class_: str) -> Markup | None:
    address = safe_url(url)
    if not address:
        return None
    return el("img", src=address, alt="", class_=class_, loading="lazy", referrerpolicy="no-referrer")


def file_html(file: Json) -> Markup:
    """A file: pictures are shown, everything can be opened."""
    title = string(file.get("title")) or string(file.get("name")) or "file"
    if file.get("mode") == "tombstone":
        return el("div", "This file was deleted.", class_="file gone")
    address = file.get("url_private") or file.get("permalink")
    if string(file.get("mimetype")).startswith("image/") and safe_url(address):
        alt = string(file.get("alt_txt")) or title
        picture = el("img", src=safe_url(address), alt=alt, class_="image", loading="lazy", decoding="async")
        return el("figure", el("figcaption", title), outward(address, picture, class_="image-link"), class_="picture")
    kind = string(file.get("pretty_type")) or string(file.get("filetype")).upper() or "file"
    words = el("span", el("b", title), el("small", f"{kind} · {_size(file.get('size'))}"))
    return outward(address, el("span", "📄", aria_hidden="true", class_="file-icon"), words, class_="file")


def _size(size: object) -> str:
    if not isinstance(size, int) or size < 0:
        return "size unknown"
    amount, unit = float(size), 0
    while amount >= 1000 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1000, unit + 1
    return f"{amount:.3g} {_UNITS[unit]}"
