"""The app manifest: in Slack's form, with what the bot needs and nothing more."""

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from bot.slack.manifest import ADOPT_EVENTS, BOT_EVENTS, BOT_SCOPES, build, manifest
from sandbox.manifest import app_of
from sandbox.workspace.seed import APP

SCHEMA = json.loads((Path(__file__).parent / "specs" / "manifest.schema.json").read_text(encoding="utf-8"))
METHODS = json.loads((Path(__file__).parents[2] / "sandbox" / "specs" / "methods.json").read_text(encoding="utf-8"))
SOURCE = Path(__file__).parents[2] / "bot" / "slack"
BY_EVENT = {
    "app_mention": "app_mentions:read", "reaction_added": "reactions:read", "message.channels": "channels:history",
    "message.groups": "groups:history",
}  # fmt: skip
"""What an event needs, by its page of Slack's reference; `app_home_opened` needs nothing."""
ALWAYS = {"commands"}
"""What the slash command and the shortcuts need."""


def faults(value: dict[str, Any]) -> list[str]:
    return [error.message for error in Draft7Validator(SCHEMA).iter_errors(value)]


@pytest.mark.parametrize("mode", ["socket", "http"])
def test_it_is_in_slacks_form(mode) -> None:
    made = json.loads(manifest(mode=mode, base_url="https://bot.example.com/"))
    assert faults(made) == []
    assert made["settings"]["socket_mode_enabled"] == (mode == "socket")


@pytest.mark.parametrize("adopts", [True, False])
def test_messages_are_asked_for_only_where_some_are_read(adopts) -> None:
    made = build(mode="socket", base_url="", adopts=adopts)
    assert faults(made) == []
    asked = set(made["settings"]["event_subscriptions"]["bot_events"])
    assert (asked >= set(ADOPT_EVENTS)) is adopts
    assert asked >= set(BOT_EVENTS)


def test_the_form_would_notice() -> None:
    made = copy.deepcopy(build(mode="socket", base_url=""))
    made["features"]["slash_commands"][0]["command"] = "mlops"
    made["display_information"]["name"] = "x" * 36
    made["surprise"] = True
    assert len(faults(made)) >= 3


def test_in_http_mode_slack_is_told_where_to_post() -> None:
    made = build(mode="http", base_url="https://bot.example.com/prefix/")
    url = "https://bot.example.com/prefix/slack/events"
    assert made["settings"]["interactivity"]["request_url"] == url
    assert made["settings"]["event_subscriptions"]["request_url"] == url
    assert made["features"]["slash_commands"][0]["url"] == url


def called() -> set[str]:
    """Every Web API method that the source calls."""
    code = "\n".join(path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py"))
    names = set(re.findall(r"client\.([a-z]+_[A-Za-z_0-9]+)\(", code))
    assert names >= {"chat_postMessage", "chat_update", "views_open", "conversations_list"}
    dotted = {name.replace("_", ".") for name in names - {"files_upload_v2"}}
    return dotted | {"files.getUploadURLExternal", "files.completeUploadExternal"}


def test_every_method_that_is_called_is_permitted() -> None:
    for method in called():
        wanted = METHODS[method]["scopes"]
        assert not wanted or set(wanted) & set(BOT_SCOPES), f"{method} needs one of {wanted}"


def test_no_permission_is_asked_for_nothing() -> None:
    used = {scope for method in called() for scope in METHODS[method]["scopes"]}
    for scope, why in BOT_SCOPES.items():
        assert scope in used | set(BY_EVENT.values()) | ALWAYS, scope
        assert why


def test_every_event_has_its_permission() -> None:
    for event in (*BOT_EVENTS, *ADOPT_EVENTS):
        assert BY_EVENT.get(event, "commands") in BOT_SCOPES


def test_the_workspace_on_this_machine_has_the_same_app() -> None:
    """So that what works there has no permission that a real installation lacks."""
    shipped = app_of(manifest(mode="socket", base_url=""), APP)
    assert shipped.scopes == APP.scopes
    assert shipped.events == APP.events
    assert shipped.commands == APP.commands
    assert set(shipped.shortcuts) == set(APP.shortcuts)
