"""What monitors post in a channel, as Slack tells it to the bot."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot.ports.messages import ChannelMessage
from bot.slack.listeners.adopted import about_of, message_of
from sandbox.workspace.hooks import shown

ROOT = Path(__file__).parents[2] / "integrations"
TEAM = "https://ml.slack.example/"
TS = "1796060000.000100"


def body(slug: str, name: str) -> dict[str, Any]:
    """What was posted, by the name of its fixture."""
    found: dict[str, Any] = json.loads((ROOT / slug / "fixtures" / f"{name}.message.json").read_text())
    return found


def told(posted: Mapping[str, Any], ts: str = TS) -> ChannelMessage:
    """What was posted, as the message that it becomes."""
    attachments = [shown(one, place) for place, one in enumerate(posted.get("attachments") or [], 1)]
    event = {
        "type": "message", "subtype": "bot_message", "bot_id": "B0ALERTS1", "channel": "C0INCIDENT", "ts": ts,
        **{name: value for name, value in posted.items() if name in {"text", "blocks"}}, "attachments": attachments,
    }  # fmt: skip
    about = about_of(event)
    assert about is not None
    return message_of(about, "C0INCIDENT", TEAM)


def message(slug: str, name: str, ts: str = TS) -> ChannelMessage:
    """A fixture as the message that it becomes."""
    return told(body(slug, name), ts)
