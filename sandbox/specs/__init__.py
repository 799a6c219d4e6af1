"""What others wrote down about Slack: read once, when first asked for."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

SEEN = {"users.getPresence": frozenset({"user_not_found"})}
"""Error codes that the reference leaves out and people have met: dgurkaynak/slack-poker-planner#20."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What Slack's reference says about one method."""

    verb: str
    tier: str | None
    scopes: tuple[str, ...]
    required: tuple[str, ...]
    optional: tuple[str, ...]
    errors: frozenset[str]


@cache
def methods() -> Mapping[str, Reference]:
    """The Web API methods by name."""
    return {
        name: Reference(
            entry["verb"],
            entry["tier"],
            tuple(entry["scopes"]),
            tuple(entry["required"]),
            tuple(entry["optional"]),
            frozenset(entry["errors"]) | SEEN.get(name, frozenset()),
        )
        for name, entry in _read("methods.json").items()
    }


@cache
def common_errors() -> frozenset[str]:
    """What every method may answer."""
    return frozenset(_read("common_errors.json"))


@cache
def block_schema() -> Mapping[str, Any]:
    """The JSON Schema of blocks and views."""
    schema: Mapping[str, Any] = _read("blocks.schema.json")
    return schema


def _read(name: str) -> Any:
    return json.loads(files(__name__).joinpath(name).read_text(encoding="utf-8"))
