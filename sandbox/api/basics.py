"""auth.test, api.test, apps.connections.open and blocks.validate."""

from collections.abc import Mapping

from sandbox.api.ask import Ask
from sandbox.api.content import MOST_FAULTS
from sandbox.api.method import Handler
from sandbox.api.refused import Refused
from sandbox.blocks import Fault, block_faults, view_faults
from sandbox.blocks.check import message_faults
from sandbox.workspace.values import Json


def auth_test(ask: Ask) -> Json:
    """auth.test."""
    workspace = ask.workspace
    return {
        "url": f"{workspace.address}/",
        "team": workspace.team.name,
        "user": ask.bot.name,
        "team_id": workspace.team.id,
        "user_id": ask.bot.id,
        "bot_id": workspace.app.bot_id,
        "is_enterprise_install": False,
    }


def api_test(ask: Ask) -> Json:
    """api.test: gives back what it was given."""
    if "error" in ask.arguments:
        raise Refused(ask.arguments.text("error"), args=ask.arguments.shown())
    return {"args": ask.arguments.shown()}


def open_connection(ask: Ask) -> Json:
    """apps.connections.open: where a socket can be opened. In HTTP mode there is none."""
    if ask.sockets is None:
        raise Refused("forbidden_team", ["[ERROR] Socket Mode is not turned on."])
    return {"url": ask.sockets.ticket_url()}


def validate_blocks(ask: Ask) -> Json:
    """blocks.validate: the whole truth about blocks, a message or a view."""
    given = [name for name in ("blocks", "message", "view") if name in ask.arguments]
    if len(given) != 1:
        raise Refused("invalid_arguments", ["must provide exactly one of `blocks`, `view`, or `message`"])
    value = ask.arguments.structure(given[0])
    match given[0]:
        case "blocks":
            found, code, base = block_faults(value, "message", ""), "invalid_blocks", ""
        case "view":
            found, code, base = view_faults(value), "invalid_view", "/view"
        case _:
            if not isinstance(value, dict):
                raise Refused("invalid_arguments", ["`message` must be an object"])
            found, code, base = message_faults(value), "invalid_message", ""
    if found:
        raise Refused(code, errors=[_said(fault, base) for fault in found[:MOST_FAULTS]])
    return {}


def _said(fault: Fault, base: str) -> Json:
    constraint = {"type": fault.constraint, "expected": fault.expected}
    pointer = fault.pointer.removeprefix(base)
    return {"code": "failed_constraint", "message": fault.what, "pointer": pointer, "constraint": constraint}


METHODS: Mapping[str, Handler] = {
    "auth.test": auth_test,
    "api.test": api_test,
    "apps.connections.open": open_connection,
    "blocks.validate": validate_blocks,
}
