"""Incoming webhooks of other apps: what a monitor posts arrives as `bot_message`, a little changed, as in Slack."""

import re
from collections.abc import Mapping

from sandbox.workspace import messages
from sandbox.workspace.state import Workspace
from sandbox.workspace.values import Json, Person

STATUS: Mapping[str, int] = {"channel_not_found": 404, "channel_is_archived": 410}
COLORS: Mapping[str, str] = {"good": "2eb886", "warning": "daa038", "danger": "a30200"}
DEFAULT_CHANNEL = "ml-incidents"
TEXT_SHOWN = 40_000
ATTACHMENTS = 100
_ADDRESS = re.compile(r"(?<![<|])https?://[^\s<>|]+")


def post(workspace: Workspace, bot_id: str, body: Json) -> str | None:
    """Post as the bot of a webhook; a word of Slack's when it is refused."""
    attachments = body.get("attachments") or []
    if not isinstance(attachments, list) or len(attachments) > ATTACHMENTS:
        return "too_many_attachments" if isinstance(attachments, list) else "invalid_attachments"
    if not any(body.get(name) for name in ("text", "attachments", "blocks")):
        return "no_text"
    channel = workspace.channel(str(body.get("channel") or DEFAULT_CHANNEL).removeprefix("#"))
    if channel is None:
        return "channel_not_found"
    if channel.archived:
        return "channel_is_archived"
    content: Json = {
        "subtype": "bot_message",
        "bot_id": bot_id,
        "username": str(body.get("username") or "incoming-webhook"),
        "text": str(body.get("text") or "")[:TEXT_SHOWN],
    }
    if attachments:
        content["attachments"] = [shown(one, place) for place, one in enumerate(attachments, 1)]
    if body.get("blocks"):
        content["blocks"] = body["blocks"]
    messages.post(workspace, channel, Person(bot_id, content["username"], content["username"]), content)
    return None


def shown(attachment: Json, place: int) -> Json:
    """Colours by name become hex digits, addresses in the fallback links, and what is empty goes."""
    kept = {name: value for name, value in attachment.items() if value not in ("", None, [])}
    if "color" in kept:
        color = str(kept["color"])
        kept["color"] = COLORS.get(color, color.removeprefix("#"))
    if "fallback" in kept:
        kept["fallback"] = _ADDRESS.sub(r"<\g<0>>", str(kept["fallback"]))
    return {"id": place, **kept}
