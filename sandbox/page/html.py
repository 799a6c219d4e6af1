"""HTML by construction: whatever isn't markup already is escaped, whoever wrote it."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from markupsafe import Markup, escape

Json = Mapping[str, Any]
"""An object of Slack's JSON. It may come from anybody: nothing in it is taken to have the right type."""

Child: TypeAlias = "Markup | str | int | float | Iterable[Child] | None"

_VOID = {"img", "br", "hr", "input", "wbr", "meta", "link"}
_OPENABLE = {"http", "https", "mailto"}


def el(name: str, /, *children: Child, **attributes: str | float | bool | None) -> Markup:
    """One element. `class_` is class, `data_ts` is data-ts; None and False leave an attribute out."""
    opening = Markup("<") + name + attributes_of(attributes) + Markup(">")
    if name in _VOID:
        return opening
    return opening + join(children) + Markup("</") + name + Markup(">")


def attributes_of(attributes: Mapping[str, str | float | bool | None]) -> Markup:
    """Attributes as they stand in a tag, each with a space before it."""
    out = Markup()
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        name = key.rstrip("_").replace("_", "-")
        out += Markup(" ") + name
        if value is not True:
            out += Markup('="') + escape(str(value)) + Markup('"')
    return out


def join(children: Child) -> Markup:
    """Children one after the other."""
    if children is None:
        return Markup()
    if isinstance(children, Markup):
        return children
    if isinstance(children, str | int | float):
        return escape(str(children))
    return Markup().join(join(child) for child in children)


def safe_url(value: object) -> str:
    """The address when a browser may open it from a message, else nothing: no `javascript:`, no `data:`."""
    url = value.strip() if isinstance(value, str) else ""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    same_site = not parts.scheme and not parts.netloc and url.startswith("/") and not url.startswith(("//", "/\\"))
    return url if parts.scheme.lower() in _OPENABLE or same_site else ""


def outward(url: object, *children: Child, class_: str | None = None, **more: str | bool | None) -> Markup:
    """A link out of the page; an address that must not be opened leaves its text."""
    address = safe_url(url)
    if not address:
        return el("span", *children, class_=class_, title="This address is not opened from here.")
    return el("a", *children, href=address, target="_blank", rel="noopener noreferrer", class_=class_, **more)


def packed(value: object) -> str:
    """JSON for an attribute that the page's script reads back."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def pretty(value: object) -> str:
    """JSON for people to read."""
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)


def obj(value: object) -> Json:
    """The value when it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def items(value: object) -> list[Json]:
    """The objects in a list; anything else isn't there."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []


def string(value: object) -> str:
    """The value when it is text or a number, else nothing."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""
