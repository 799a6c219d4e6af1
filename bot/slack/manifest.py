"""The app manifest for this configuration: everything that has to be set in Slack, in one piece of JSON."""

import json
from collections.abc import Mapping
from typing import Any, Literal

from bot.slack.listeners.interactions import COMMAND, DECLARE_SHORTCUT, PIN_SHORTCUT

BOT_SCOPES: Mapping[str, str] = {
    "app_mentions:read": "to answer when it is mentioned",
    "channels:history": "to read a message that is put on a timeline, and to find its own after a crash",
    "channels:join": "to join the public channel that incidents are shown in",
    "channels:read": "to find that channel by its name",
    "chat:write": "to post cards, plans and digests",
    "commands": "for /mlops and the shortcuts",
    "files:write": "to hand over exported timelines, and to show charts",
    "groups:history": "as channels:history, in private channels it was invited to",
    "groups:read": "as channels:read, for private channels it was invited to",
    "im:history": "to find its own direct messages after a crash",
    "im:write": "to page people and to ask for approvals",
    "reactions:read": "to see 📌",
    "users:read": "to check that the configured people exist",
}
"""Every permission that is asked for, with the reason."""

BOT_EVENTS = ("app_home_opened", "app_mention", "reaction_added")
ADOPT_EVENTS = ("message.channels", "message.groups")
"""Only where alerts are picked up that other bots post (`slack.adopt`): Slack sends all messages or none."""


def manifest(*, mode: Literal["socket", "http"], base_url: str, adopts: bool = False) -> str:
    """The manifest as JSON, to be pasted at *Create an app → From a manifest*."""
    return json.dumps(build(mode=mode, base_url=base_url, adopts=adopts), indent=2, ensure_ascii=False)


def build(*, mode: Literal["socket", "http"], base_url: str, adopts: bool = False) -> dict[str, Any]:
    """The manifest as a value. In HTTP mode Slack posts to `base_url`/slack/events. `adopts`: it reads other bots."""
    url = f"{base_url.rstrip('/')}/slack/events"
    http = {"url": url} if mode == "http" else {}
    request = {"request_url": url} if mode == "http" else {}
    events = [*BOT_EVENTS, *(ADOPT_EVENTS if adopts else ())]
    return {
        "display_information": {
            "name": "MLOps bot",
            "description": "Incidents of machine-learning models: who, what changed, roll back.",
            "background_color": "#1f2430",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": True, "messages_tab_enabled": True, "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": "mlops", "always_online": True},
            "shortcuts": [
                {
                    "name": "Declare an incident", "type": "global", "callback_id": DECLARE_SHORTCUT,
                    "description": "Open an incident by hand",
                },
                {
                    "name": "Add to timeline", "type": "message", "callback_id": PIN_SHORTCUT,
                    "description": "Put this message on the incident's timeline",
                },
            ],
            "slash_commands": [
                {
                    "command": COMMAND, "description": "Incidents, rollbacks, timelines, digests", "usage_hint": "help",
                    "should_escape": True, **http,
                }
            ],
        },
        "oauth_config": {"scopes": {"bot": list(BOT_SCOPES)}},
        "settings": {
            "event_subscriptions": {"bot_events": events, **request},
            "interactivity": {"is_enabled": True, **request},
            "org_deploy_enabled": False,
            "socket_mode_enabled": mode == "socket",
            "token_rotation_enabled": False,
        },
    }  # fmt: skip
