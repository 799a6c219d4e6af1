"""The modal for declaring an incident."""

from collections.abc import Sequence
from typing import Any

from bot.domain.severity import Severity
from bot.slack.blocks.text import clean

CALLBACK = "incident.declare"
TITLE, MODEL, SEVERITY = "title", "model", "severity"
NO_MODEL = "-"


def modal(models: Sequence[str], place: str, title: str = "") -> dict[str, Any]:
    """Title, model, severity. `place` travels as private metadata: where the person was."""
    first: dict[str, Any] = {
        "type": "plain_text_input",
        "action_id": TITLE,
        "max_length": 200,
        "placeholder": _plain("What do users notice?"),
    }
    if title:
        first["initial_value"] = clean(title, 200, one_line=True)
    none = _option("not known", NO_MODEL)
    named = [model for model in models if len(model) <= 75 and clean(model, 75, one_line=True)]
    options = [none, *(_option(model, model) for model in named[:99])]
    severities = [_option(f"{s.value}: {s.meaning}", s.value) for s in Severity]
    return {
        "type": "modal",
        "callback_id": CALLBACK,
        "private_metadata": place,
        "title": _plain("Declare an incident"),
        "submit": _plain("Declare"),
        "close": _plain("Not now"),
        "blocks": [
            {"type": "input", "block_id": TITLE, "label": _plain("What is wrong"), "element": first},
            {
                "type": "input",
                "block_id": MODEL,
                "label": _plain("Model"),
                "element": {"type": "static_select", "action_id": MODEL, "options": options, "initial_option": none},
            },
            {
                "type": "input",
                "block_id": SEVERITY,
                "label": _plain("Severity"),
                "element": {
                    "type": "static_select", "action_id": SEVERITY,
                    "options": severities, "initial_option": severities[2],
                },
            },
        ],
    }  # fmt: skip


def _plain(value: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": value, "emoji": False}


def _option(label: str, value: str) -> dict[str, Any]:
    return {"text": _plain(clean(label, 75, one_line=True)), "value": value}
