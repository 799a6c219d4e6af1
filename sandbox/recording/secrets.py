"""What a recording never holds: tokens, signing secrets, and addresses that are secrets themselves."""

import json
import re
from collections.abc import Callable, Sequence

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
        clean = _without(entry, _secrets(app()))
        text = json.dumps(clean, ensure_ascii=False, separators=(",", ":"), default=str)
        return ADDRESSES.sub(rf"\1{GONE}", TOKENS.sub(GONE, text))

    return line


def _secrets(app: App) -> Sequence[str]:
    """The app's own, also as they stand in JSON that stands in a text."""
    plain = (app.bot_token, app.app_token, app.signing_secret, app.verification_token)
    once = [json.dumps(secret, ensure_ascii=False)[1:-1] for secret in plain]
    twice = [json.dumps(secret, ensure_ascii=False)[1:-1] for secret in once]
    return [secret for secret in dict.fromkeys([*twice, *once, *plain]) if len(secret) >= SHORTEST]


def _without(value: object, secrets: Sequence[str]) -> object:
    match value:
        case dict():
            return {
                _without(name, secrets): GONE if name in NAMES and inner else _without(inner, secrets)
                for name, inner in value.items()
            }
        case list() | tuple():
            return [_without(inner, secrets) for inner in value]
        case str():
            for secret in secrets:
                value = value.replace(secret, GONE)
    return value
