"""Names of emoji as Slack writes them. One that isn't known stays its name, as an app's own emoji would."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from markupsafe import Markup

from sandbox.page.html import el

_TONES = {f"skin-tone-{n}": chr(0x1F3F9 + n) for n in range(2, 7)}


def emoji(name: str, unicode: str = "") -> Markup:
    """`:tada:` as a picture that says its name."""
    base, _, tone = name.partition("::")
    glyph = glyphs().get(base) or _from_code(unicode)
    if glyph is None:
        return el("span", f":{name}:", class_="emoji-name")
    return el("span", glyph + _TONES.get(tone, ""), class_="emoji", role="img", aria_label=base, title=f":{name}:")


@cache
def glyphs() -> Mapping[str, str]:
    """Name → character."""
    text = files("sandbox.page").joinpath("emoji.json").read_text(encoding="utf-8")
    found: dict[str, str] = json.loads(text)
    return found


def _from_code(unicode: str) -> str | None:
    """`1f4cc` or `1f468-200d-1f4bb`, as rich text carries it."""
    try:
        return "".join(chr(int(code, 16)) for code in unicode.split("-")) if unicode else None
    except (ValueError, OverflowError):
        return None
