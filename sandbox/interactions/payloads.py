"""What Slack tells the app about an interaction, key by key."""

from collections.abc import Sequence

from sandbox.interactions.exchanges import Exchange
from sandbox.workspace.state import Workspace
from sandbox.workspace.values import Channel, Json, Message, View


def command(
    workspace: Workspace, exchange: Exchange, channel: Channel, name: str, text: str, response_url: str
) -> Json:
    """A slash command: the fields of a form."""
    return {
        "token": workspace.app.verification_token,
        "team_id": workspace.team.id,
        "team_domain": workspace.team.domain,
        "channel_id": channel.id,
        "channel_name": _name(channel),
        "user_id": exchange.user,
        "user_name": workspace.members[exchange.user].name,
        "command": name,
        "text": text,
        "api_app_id": workspace.app.id,
        "is_enterprise_install": "false",
        "response_url": response_url,
        "trigger_id": exchange.trigger_id,
    }


def message_action(
    workspace: Workspace, exchange: Exchange, message: Message, action: Json, state: Json, response_url: str
) -> Json:
    """An element of a message was used. Of an ephemeral one, Slack does not send the message itself."""
    channel = workspace.conversations[message.channel]
    ephemeral = bool(message.only_for)
    container = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": channel.id,
        "is_ephemeral": ephemeral,
    }
    if message.is_reply:
        container["thread_ts"] = message.thread
    payload = _common(workspace, exchange, "block_actions") | {
        "container": container,
        "trigger_id": exchange.trigger_id,
        "channel": {"id": channel.id, "name": _name(channel)},
        "state": {"values": state},
        "response_url": response_url,
        "actions": [action],
    }
    return payload if ephemeral else payload | {"message": workspace.message_json(message)}


def view_action(workspace: Workspace, exchange: Exchange, view: View, action: Json) -> Json:
    """An element of a modal or of App Home was used."""
    return _common(workspace, exchange, "block_actions") | {
        "container": {"type": "view", "view_id": view.id},
        "trigger_id": exchange.trigger_id,
        "view": view.json(),
        "actions": [action],
    }


def global_shortcut(workspace: Workspace, exchange: Exchange, callback_id: str) -> Json:
    """Chosen from the menu of the workspace."""
    return _common(workspace, exchange, "shortcut") | {
        "callback_id": callback_id,
        "trigger_id": exchange.trigger_id,
        "action_ts": workspace.new_ts(),
    }


def message_shortcut(
    workspace: Workspace, exchange: Exchange, message: Message, callback_id: str, response_url: str
) -> Json:
    """Chosen from the menu of a message."""
    channel = workspace.conversations[message.channel]
    return _common(workspace, exchange, "message_action") | {
        "callback_id": callback_id,
        "trigger_id": exchange.trigger_id,
        "action_ts": workspace.new_ts(),
        "response_url": response_url,
        "message_ts": message.ts,
        "channel": {"id": channel.id, "name": _name(channel)},
        "message": workspace.message_json(message),
    }


def submission(workspace: Workspace, exchange: Exchange, view: View, response_urls: Sequence[Json]) -> Json:
    """A modal was submitted."""
    return _common(workspace, exchange, "view_submission") | {
        "trigger_id": exchange.trigger_id,
        "view": view.json(),
        "response_urls": list(response_urls),
    }


def closed(workspace: Workspace, exchange: Exchange, view: View, *, cleared: bool) -> Json:
    """A modal was closed, alone or with all that were open."""
    return _common(workspace, exchange, "view_closed") | {"view": view.json(), "is_cleared": cleared}


def suggestion(workspace: Workspace, exchange: Exchange, where: View | Message, element: Json, typed: str) -> Json:
    """Somebody types into a select whose options the app gives."""
    payload = _common(workspace, exchange, "block_suggestion") | {
        "action_id": element["action_id"],
        "block_id": element["block_id"],
        "value": typed,
    }
    if isinstance(where, View):
        return payload | {"view": where.json(), "container": {"type": "view", "view_id": where.id}}
    container = {"type": "message", "message_ts": where.ts, "channel_id": where.channel, "is_ephemeral": False}
    channel = workspace.conversations[where.channel]
    place = {"channel": {"id": channel.id, "name": _name(channel)}, "message": workspace.message_json(where)}
    return payload | place | {"container": container}


def _common(workspace: Workspace, exchange: Exchange, kind: str) -> Json:
    person = workspace.members[exchange.user]
    user = {"id": person.id, "username": person.name, "name": person.name, "team_id": workspace.team.id}
    return {
        "type": kind,
        "team": {"id": workspace.team.id, "domain": workspace.team.domain},
        "user": user,
        "api_app_id": workspace.app.id,
        "token": workspace.app.verification_token,
        "enterprise": None,
        "is_enterprise_install": False,
    }


def _name(channel: Channel) -> str:
    return {"im": "directmessage", "private": "privategroup"}.get(channel.kind, channel.name)
