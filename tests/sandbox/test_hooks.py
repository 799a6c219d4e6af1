"""Incoming webhooks of other apps: what they post, who hears of it, and what is refused in Slack's words."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from sandbox.workspace.seed import APP

from .conftest import INCIDENTS, World, a_world

POSTED = {
    "channel": "#ml-incidents", "username": "Alertmanager",
    "attachments": [{"title": "[FIRING:1] X", "text": "", "fallback": "X | http://am/#/alerts", "color": "danger"}],
}  # fmt: skip


async def hook(world: World, body: Mapping[str, Any] | bytes, bot: str = "B0ALERTS1") -> tuple[int, str]:
    path = f"/services/T0SANDBOX/{bot}/of-this-test"
    sent = world.http.post(path, content=body) if isinstance(body, bytes) else world.http.post(path, json=body)
    answer = await sent
    return answer.status_code, answer.text


async def test_it_arrives_as_a_message_of_a_bot_that_is_nobody() -> None:
    app = replace(APP, events=frozenset({"message.channels"}))
    async with a_world(app=app) as world:
        assert await hook(world, POSTED) == (200, "ok")
        (message,) = world.messages(INCIDENTS)
        assert (message["subtype"], message["bot_id"], message["username"]) == (
            "bot_message",
            "B0ALERTS1",
            "Alertmanager",
        )
        assert "user" not in message
        assert message["attachments"] == [
            {"id": 1, "title": "[FIRING:1] X", "fallback": "X | <http://am/#/alerts>", "color": "a30200"}
        ]
        (attempts,) = world.sandbox.deliveries.sent.values()
        assert attempts.envelope["event"]["channel_type"] == "channel"
        reply = await world.slack.chat_postMessage(channel=INCIDENTS, text="seen", thread_ts=message["ts"])
        found = await world.slack.conversations_replies(channel=INCIDENTS, ts=message["ts"])
        assert [one["ts"] for one in found["messages"]] == [message["ts"], reply["ts"]]
        assert "parent_user_id" not in found["messages"][1]
        page = await world.http.get("/")
        assert page.status_code == 200


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{", (400, "invalid_payload")),
        (b"[]", (400, "invalid_payload")),
        ({"channel": "#ml-incidents"}, (400, "no_text")),
        ({"channel": "#nowhere", "text": "x"}, (404, "channel_not_found")),
        ({"text": "x", "attachments": "no"}, (400, "invalid_attachments")),
        ({"text": "x", "attachments": [{}] * 101}, (400, "too_many_attachments")),
    ],
)
async def test_what_is_refused(body: Mapping[str, Any] | bytes, expected: tuple[int, str]) -> None:
    async with a_world() as world:
        assert await hook(world, body) == expected
        assert world.messages(INCIDENTS) == []
