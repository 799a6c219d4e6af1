"""The workspace as it ships, what can be seen of it, and the clocks."""

import asyncio
import json
import re
from typing import Any

import pytest

from bot.slack import manifest
from sandbox.clock import DrivenClock, SystemClock, within
from sandbox.workspace import Workspace
from sandbox.workspace.seed import APP

from .conftest import INCIDENTS, LEADS, MIKA, PAULA, World


def test_the_shipped_app_is_the_bots_manifest() -> None:
    made = manifest.build(mode="socket", base_url="http://localhost")
    assert frozenset(made["oauth_config"]["scopes"]["bot"]) == APP.scopes
    assert frozenset(made["settings"]["event_subscriptions"]["bot_events"]) == APP.events
    assert {one["command"] for one in made["features"]["slash_commands"]} == APP.commands
    assert {(one["callback_id"], one["type"]) for one in made["features"]["shortcuts"]} == {
        (one.callback_id, one.type) for one in APP.shortcuts
    }


async def test_the_state_at_the_start(direct: World) -> None:
    state = await direct.get("state")
    assert state["team"]["id"] == "T0SANDBOX"
    assert (state["app"]["id"], state["app"]["user_id"], state["connected"]) == ("A0MLOPSBOT", "U0MLOPSBOT", 0)
    assert [(user["id"], user["name"]) for user in state["users"]] == [
        ("U0DATASCI", "dana"), ("U0MLENG01", "mika"), ("U0DEVOPS1", "devi"), ("U0DATAENG", "omar"), ("U0PRODMGR", "paula"),
    ]  # fmt: skip
    channels = {channel["name"]: channel for channel in state["channels"]}
    assert "U0MLOPSBOT" in channels["ml-incidents"]["members"]
    assert "U0MLOPSBOT" not in channels["general"]["members"] + channels["ml-platform"]["members"]
    assert (channels["ml-leads"]["is_private"], channels["ml-leads"]["members"]) == (True, ["U0DEVOPS1", "U0PRODMGR"])


async def test_ids_have_slacks_form_and_time_stamps_only_grow() -> None:
    workspace = Workspace(DrivenClock())
    assert all(re.fullmatch(r"F[A-Z0-9]{8,}", workspace.new_id("F")) for _ in range(100))
    stamps = [workspace.new_ts() for _ in range(100)]
    assert stamps == sorted(set(stamps))
    assert all(re.fullmatch(r"\d{10}\.\d{6}", stamp) for stamp in stamps)


async def test_a_person_sees_what_they_may(direct: World) -> None:
    workspace = direct.sandbox.workspace
    assert LEADS not in [channel["id"] for channel in workspace.channels_of(MIKA)]
    assert LEADS in [channel["id"] for channel in workspace.channels_of(PAULA)]
    assert [channel["user"] for channel in workspace.channels_of(MIKA) if channel["is_im"]] == ["U0MLOPSBOT"]


async def test_a_call_is_found_by_the_message_that_it_made(world: World) -> None:
    ts = (await world.slack.chat_postMessage(channel=INCIDENTS, text="a"))["ts"]
    call = world.sandbox.workspace.call_behind(INCIDENTS, ts)
    assert call is not None
    assert (call["method"], call["arguments"]["text"]) == ("chat.postMessage", "a")
    await world.slack.chat_update(channel=INCIDENTS, ts=ts, text="b")
    assert world.sandbox.workspace.call_behind(INCIDENTS, ts)["method"] == "chat.update"  # type: ignore[index]


async def test_the_stream_tells_each_person_what_concerns_them(world: World) -> None:
    async with world.http.stream("GET", "/sandbox/stream", params={"user": "mika"}) as stream:
        lines = (line async for line in stream.aiter_lines() if line.startswith("data: "))
        await world.act("message", user="paula", channel="#ml-leads", text="secret")
        await world.slack.chat_postEphemeral(channel=INCIDENTS, user=PAULA, text="for Paula")
        await world.act("message", user="paula", channel=INCIDENTS, text="for all")
        changes = [json.loads((await anext(lines))[6:]) for _ in range(2)]
    assert [change["what"] for change in changes] == ["call", "message"]
    assert changes[1]["channel"] == INCIDENTS
    assert changes[1]["ts"] == world.messages()[-1]["ts"]


@pytest.mark.parametrize(
    ("path", "given", "status", "word"),
    [
        ("messages", {"channel": "#nowhere"}, 404, "unknown_channel"),
        ("messages", {"channel": INCIDENTS, "user": "nobody"}, 404, "unknown_user"),
        ("views", {"user": "nobody"}, 404, "unknown_user"),
        ("interactions/I0", {}, 404, "unknown_interaction"),
        ("calls", {"since": "yesterday"}, 400, "invalid_field"),
    ],
)
async def test_looking_for_what_is_not_there(direct: World, path: str, given: dict, status: int, word: str) -> None:
    answer = await direct.http.get(f"/sandbox/{path}", params=given)
    assert (answer.status_code, answer.json()["error"]) == (status, word)


@pytest.mark.parametrize("jump", [None, -1, "soon", True, 1e12])
async def test_the_clock_goes_forward_only(direct: World, jump: Any) -> None:
    answer = await direct.http.post("/sandbox/clock", json={"jump": jump})
    assert answer.status_code == 400


# ------------------------------------------------------------ clocks


async def test_a_driven_clock_wakes_in_order() -> None:
    clock, woken = DrivenClock(), []

    async def sleeper(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(seconds)

    tasks = [asyncio.create_task(sleeper(seconds)) for seconds in (3.0, 1.0, 2.0, 9.0)]
    await clock.until_asleep(9)
    clock.jump(3)
    await asyncio.gather(*tasks[:3])
    assert woken == [1.0, 2.0, 3.0]
    tasks[3].cancel()
    await asyncio.gather(tasks[3], return_exceptions=True)


async def test_a_jump_of_the_system_clock_wakes_whoever_it_covers() -> None:
    clock = SystemClock()
    sleeper = asyncio.create_task(clock.sleep(3600))
    longer = asyncio.create_task(clock.sleep(7200))
    await asyncio.sleep(0)
    before = clock.now()
    clock.jump(3601)
    await sleeper
    assert clock.now() - before > 3600
    assert not longer.done()
    longer.cancel()
    await asyncio.gather(longer, return_exceptions=True)


async def test_within_gives_the_result_or_says_that_it_took_too_long() -> None:
    clock = DrivenClock()

    async def at_once() -> int:
        return 7

    assert await within(clock, 3, at_once()) == 7
    never: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    asked = asyncio.create_task(within(clock, 3, never))
    await clock.until_asleep(3)
    clock.jump(3)
    with pytest.raises(TimeoutError):
        await asked
    assert never.cancelled()
