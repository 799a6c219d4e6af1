"""An app as its manifest describes it: what it may, hears and offers. The form is Slack's."""

import json
from dataclasses import replace
from typing import Any

from sandbox.workspace.values import App, Shortcut


class ManifestFault(ValueError):
    """The manifest can't be used; the text says why."""


def app_of(text: str, base: App) -> App:
    """The app of `base` (its ids and tokens) with the scopes, events, commands and shortcuts of a manifest."""
    try:
        manifest = json.loads(text)
    except ValueError as error:
        raise ManifestFault(f"the manifest is not JSON ({error})") from None
    features = _table(manifest, "features")
    scopes = _table(manifest, "oauth_config", "scopes").get("bot") or []
    events = _table(manifest, "settings", "event_subscriptions").get("bot_events") or []
    try:
        return replace(
            base,
            name=str((features.get("bot_user") or {}).get("display_name") or base.name),
            scopes=frozenset(map(str, scopes)),
            events=frozenset(map(str, events)),
            commands=frozenset(str(one["command"]) for one in features.get("slash_commands") or ()),
            shortcuts=tuple(
                Shortcut(str(one["callback_id"]), str(one["name"]), one["type"])
                for one in features.get("shortcuts") or ()
            ),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ManifestFault(f"the manifest is not in Slack's form ({error!r})") from None


def _table(value: Any, *path: str) -> dict[str, Any]:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}
