"""What a recording never holds: tokens, signing secrets, and addresses that are secrets themselves."""

import json
import re
from collections.abc import Callable, Iterator

from sandbox.workspace.values import App, Json

GONE = "(left out)"
NAMES = frozenset(
    {"token", "response_url", "response_urls", "trigger_id", "upload_url", "interaction", "interactivity_pointer"}
)
"""Fields whose values are left out wherever they stand."""
TOKENS = re.compile(r"\b(xox[a-z]|xapp|xwfp)-[A-Za-z0-9.-]+")
ADDRESSES = re.compile(r"(/response/T[A-Z0-9]+/|/upload/v1/|/link/\?ticket=)[\w.&=-]+")
SHORTEST = 4
"""A shorter word is no secret, and leaving it out would make nonsense of everything."""


def cleaner(app: Callable[[], App]) -> Callable[[Json], str]:
    """What makes a line of an entry, without any secret."""

    def line(entry: Json) -> str:
        text = json.dumps(_without(entry), ensure_ascii=False, separators=(",", ":"), default=str)
        for secret in _secrets(app()):
            text = text.replace(json.dumps(secret, ensure_ascii=False)[1:-1], GONE)
        return ADDRESSES.sub(rf"\1{GONE}", TOKENS.sub(GONE, text))

    return line


def _secrets(app: App) -> Iterator[str]:
    for secret in (app.bot_token, app.app_token, app.signing_secret, app.verification_token):
        if len(secret) >= SHORTEST:
            yield secret


def _without(value: object) -> object:
    if isinstance(value, dict):
        return {name: GONE if name in NAMES and inner else _without(inner) for name, inner in value.items()}
    return [_without(inner) for inner in value] if isinstance(value, list | tuple) else value
