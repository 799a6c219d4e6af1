"""Buttons as the interface names them: their text is fixed, their value holds the id."""

from collections.abc import Sequence
from typing import Any

from bot.slack.blocks.message import BUTTON_TEXT, Block
from bot.slack.blocks.text import clean
from bot.usecases.reply import Button


def button(pressed: Button) -> dict[str, Any]:
    """One button; a `confirm` text makes Slack ask first."""
    element: dict[str, Any] = {
        "type": "button",
        "action_id": pressed.action,
        "text": {"type": "plain_text", "text": clean(pressed.text, BUTTON_TEXT, one_line=True) or "–", "emoji": False},
        "value": pressed.value,
    }
    if pressed.style:
        element["style"] = pressed.style
    if pressed.confirm:
        element["confirm"] = {
            "title": {"type": "plain_text", "text": clean(f"{pressed.text}?", 100, one_line=True)},
            "text": {"type": "plain_text", "text": clean(pressed.confirm, 300)},
            "confirm": {"type": "plain_text", "text": clean(pressed.text, 30, one_line=True)},
            "deny": {"type": "plain_text", "text": "No"},
        }
    return element


def row(buttons: Sequence[Button], block_id: str) -> Block:
    """A row of buttons."""
    return {"type": "actions", "block_id": block_id, "elements": [button(pressed) for pressed in buttons]}


ACKNOWLEDGE = "incident.acknowledge"
ROLL_BACK = "incident.rollback"
RETRAIN = "incident.retrain"
RUNBOOK = "incident.runbook"
RESOLVE = "incident.resolve"
APPROVE = "operation.approve"
REJECT = "operation.reject"
CANCEL = "operation.cancel"
PROMOTE = "operation.promote"
UNDO = "operation.undo"
