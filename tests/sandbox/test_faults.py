"""Faults on demand, by Slack's own client; what the app sees is what a bad day at Slack looks like."""

import asyncio
import json

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler

from sandbox.workspace.seed import APP

from .bolt import listeners
from .conftest import INCIDENTS, LEADS, MIKA, World, a_world, error_of

AUTH = {"Authorization": f"Bearer {APP.bot_token}"}
EDIT = {"channel": INCIDENTS, "text": "b"}


async def post(world: World, text: str = "a") -> object:
    return await world.slack.chat_postMessage(channel=INCIDENTS, text=text)


@pytest.mark.parametrize(("kind", "status"), [("http_500", 500), ("http_503", 503)])
async def test_a_server_error_did_nothing(world: World, kind: str, status: int) -> None:
    await world.act("fault", kind=kind, method="chat.*", count=1)
    with pytest.raises(SlackApiError) as caught:
        await post(world)
    assert caught.value.response.status_code == status
    assert world.messages() == []
    await post(world)
    assert world.texts() == ["a"], "once was asked for"


async def test_a_rate_limit_says_when_to_come_back(world: World) -> None:
    await world.act("fault", kind="rate_limited", method="chat.postMessage", count=1, retry_after=7)
    with pytest.raises(SlackApiError) as caught:
        await post(world)
    answer = caught.value.response
    assert (answer.status_code, answer["error"], answer.headers["Retry-After"]) == (429, "ratelimited", "7")


async def test_slacks_own_retry_handler_gets_through(world: World) -> None:
    await world.act("fault", kind="rate_limited", count=1, retry_after=0)
    world.slack.retry_handlers.append(AsyncRateLimitErrorRetryHandler(max_retry_count=1))
    await post(world)
    assert world.texts() == ["a"]


@pytest.mark.parametrize("kind", ["invalid_json", "empty_body"])
async def test_half_an_answer_is_no_answer(world: World, kind: str) -> None:
    await world.act("fault", kind=kind, count=1)
    with pytest.raises((SlackApiError, aiohttp.ClientError, json.JSONDecodeError)):
        await post(world)
    assert world.messages() == []


async def test_a_lost_answer_did_it(world: World) -> None:
    world.slack.retry_handlers.clear()  # Slack's client repeats a call whose connection broke
    await world.act("fault", kind="lost_answer", method="chat.postMessage", count=1)
    with pytest.raises(aiohttp.ClientError):
        await post(world)
    assert world.texts() == ["a"], "this is the uncertain case: it was posted"
    call = world.sandbox.workspace.calls("chat.postMessage")[-1]
    assert (call["ok"], call["error"]) == (False, "lost_answer")


async def test_silence_lasts_until_the_client_gives_up(world: World) -> None:
    await world.act("fault", kind="timeout", count=1)
    asked = asyncio.create_task(world.slack.auth_test())
    while not world.sandbox.workspace.calls("auth.test"):
        await asyncio.wait((asked,), timeout=0.01)
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    assert (await world.slack.auth_test())["ok"]


async def test_a_held_answer_does_not_keep_the_server_from_closing() -> None:
    async with a_world() as world:
        world.slack.retry_handlers.clear()
        await world.act("fault", kind="timeout")
        asked = asyncio.create_task(world.slack.auth_test())
        while not world.sandbox.workspace.calls("auth.test"):
            await asyncio.wait((asked,), timeout=0.01)
        await world.sandbox.close()
        with pytest.raises(aiohttp.ClientError):
            await asked


async def test_any_of_slacks_errors_on_demand(world: World) -> None:
    await world.act("fault", kind="slack_error", error="fatal_error", method="chat.postMessage")
    assert await error_of(post(world)) == "fatal_error"
    assert await error_of(post(world)) == "fatal_error"
    await world.slack.auth_test()
    await world.act("fault", kind="clear")
    await post(world)


async def test_a_fault_ends_with_its_time(world: World) -> None:
    await world.act("fault", kind="http_500", seconds=600)
    assert (await world.http.post("/api/auth.test")).status_code == 500
    await world.act("clock", jump=601)
    assert (await world.http.post("/api/auth.test")).status_code == 200


async def test_a_revoked_token_and_one_that_is_given_back(world: World) -> None:
    await world.act("token", revoke=True)
    assert await error_of(world.slack.auth_test()) == "token_revoked"
    await world.act("token", revoke=False)
    await world.slack.auth_test()


async def test_a_scope_that_is_taken_away(world: World) -> None:
    await world.act("scopes", scopes=["chat:write"])
    await post(world)
    with pytest.raises(SlackApiError) as caught:
        await world.slack.conversations_history(channel=INCIDENTS)
    answer = caught.value.response
    assert (answer["error"], answer["provided"]) == ("missing_scope", "chat:write")
    assert "channels:history" in answer["needed"]


async def test_scopes_are_by_the_kind_of_conversation(world: World) -> None:
    await world.act("scopes", scopes=["channels:history", "channels:read"])
    await world.act("membership", channel="#ml-leads", user="mlops", member=True)
    await world.slack.conversations_history(channel=INCIDENTS)
    with pytest.raises(SlackApiError) as caught:
        await world.slack.conversations_history(channel=LEADS)
    assert caught.value.response["needed"] == "groups:history"
    with pytest.raises(SlackApiError) as caught:
        await world.slack.conversations_list(types="public_channel,private_channel")
    assert caught.value.response["needed"] == "groups:read"


async def test_the_app_is_thrown_out_and_comes_back(world: World) -> None:
    assert (await world.act("membership", channel="#ml-incidents", user="mlops", member=False))["changed"] is True
    assert await error_of(post(world)) == "not_in_channel"
    assert await error_of(world.slack.conversations_history(channel=INCIDENTS)) == "not_in_channel"
    await world.slack.conversations_join(channel=INCIDENTS)
    await post(world)


# ------------------------------------------------------------ rate limits


async def test_a_channel_takes_a_small_burst_and_then_a_post_a_second(world: World) -> None:
    for place in (INCIDENTS, "#ml-incidents", "ml-incidents", INCIDENTS, "#ml-incidents"):
        await world.slack.chat_postMessage(channel=place, text="one channel, whatever it is called")
    with pytest.raises(SlackApiError) as caught:
        await post(world)
    assert caught.value.response.headers["Retry-After"] == "1"
    await world.slack.chat_postMessage(channel=MIKA, text="another channel has a limit of its own")
    world.clock.jump(1)
    await post(world)
    assert await error_of(post(world)) == "ratelimited"


async def test_edits_have_one_limit_for_the_workspace(world: World) -> None:
    ts = (await world.slack.chat_postMessage(channel=INCIDENTS, text="a"))["ts"]
    for _ in range(50):
        await world.slack.chat_update(channel=INCIDENTS, ts=ts, text="b")
    answers = [await world.http.post("/api/chat.update", json=EDIT | {"ts": ts}, headers=AUTH) for _ in range(10)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert all(answer.headers["Retry-After"] == "60" for answer in refused)
    world.clock.jump(60)
    await world.slack.chat_update(channel=INCIDENTS, ts=ts, text="c")


@pytest.mark.parametrize(("which", "limited"), [("off", False), ("posts", False), ("all", True)])
async def test_the_limits_can_be_switched(direct: World, which: str, limited: bool) -> None:
    await direct.act("limits", which=which)
    codes = {(await direct.http.get("/api/users.list", headers=AUTH)).status_code for _ in range(30)}
    assert codes == ({200, 429} if limited else {200})
    wrong = await direct.http.post("/sandbox/limits", json={"which": "some"})
    assert wrong.json()["error"] == "invalid_field"


# ------------------------------------------------------------ late acknowledgements, and no Slack at all


async def test_an_acknowledgement_that_comes_late_is_an_error_for_the_person(world: World) -> None:
    app = world.new_app()
    told = listeners(app)
    await world.connect(app)
    await world.act("fault", kind="slow_ack", seconds=5, count=1)
    typed = asyncio.create_task(world.act("command", user="mika", channel="ml-incidents", command="/mlops", text="hi"))
    await told.until(1)
    await world.clock.until_asleep(5)
    world.clock.jump(3)
    outcome = await typed
    assert not outcome["acknowledged"]
    assert "operation_timeout" in outcome["error"]
    again = await world.act("command", user="mika", channel="ml-incidents", command="/mlops", text="hi")
    assert again["acknowledged"], "one late acknowledgement was asked for"


async def test_an_event_whose_acknowledgement_is_late_comes_again(world: World) -> None:
    app = world.new_app()
    told = listeners(app)
    await world.connect(app)
    await world.act("fault", kind="slow_ack", seconds=5, count=1)
    asked = asyncio.create_task(world.act("message", user="mika", channel="ml-incidents", text="hello"))
    await told.until(1)
    await world.clock.until_asleep(5)
    world.clock.jump(3)
    await told.until(2)
    await asked
    first, second = told.of("message")
    assert first["event_id"] == second["event_id"]
    sent = world.sandbox.deliveries.sent[first["event_id"]]
    await sent.ended.wait()
    assert (sent.reasons, sent.acknowledged) == (["timeout"], True)


async def test_ten_minutes_without_slack(world: World) -> None:
    """Sockets are cut and refused, calls have no answer, people can do nothing; what happened before arrives after."""
    world.slack.retry_handlers.clear()
    app = world.new_app()
    told = listeners(app)
    await world.act("message", user="mika", channel="ml-incidents", text="said before, with no socket open")
    handler = await world.connect(app)
    ticket = world.sandbox.sockets.ticket_url()
    await world.act("fault", kind="lose_workspace", seconds=600)
    assert world.sandbox.workspace.sockets() == 0
    assert world.slack.session is not None
    for call in (world.slack.auth_test, lambda: post(world), lambda: world.slack.session.ws_connect(ticket)):
        with pytest.raises(aiohttp.ClientError):
            await call()
    assert world.sandbox.workspace.calls() == world.sandbox.workspace.calls("apps.connections.open")
    answer = await world.http.post("/sandbox/message", json={"user": "mika", "channel": "ml-incidents", "text": "?"})
    assert answer.status_code == 400
    assert answer.json()["error"] == "workspace_lost"
    assert (await world.get("trouble"))["faults"] == [{"kind": "lose_workspace", "seconds": 600.0}]
    await handler.close_async()
    world.clock.jump(599)
    assert (await world.get("trouble"))["faults"][0]["seconds"] == 1.0
    world.clock.jump(1)
    assert (await world.get("trouble"))["faults"] == []
    await world.connect(app)
    await world.clock.until_asleep(299)  # the attempt of that moment found no socket
    world.clock.jump(300)
    assert (await told.until(1))[0]["event"]["text"] == "said before, with no socket open"


async def test_a_lost_workspace_can_be_given_back_at_once(world: World) -> None:
    await world.act("fault", kind="lose_workspace", seconds=600)
    waiting = asyncio.create_task(world.sandbox.faults.until_back())
    await world.act("fault", kind="clear")
    await waiting
    await world.slack.auth_test()


@pytest.mark.parametrize("seconds", [None, -1, "ten", 1e12])
@pytest.mark.parametrize("kind", ["slow_ack", "lose_workspace"])
async def test_how_long_must_be_said(direct: World, kind: str, seconds: object) -> None:
    answer = await direct.http.post("/sandbox/fault", json={"kind": kind, "seconds": seconds})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_field")
    assert (await direct.get("trouble"))["faults"] == []


async def test_what_is_on_can_be_seen(direct: World) -> None:
    await direct.act("fault", kind="slack_error", error="fatal_error", method="chat.*", count=2, seconds=60)
    await direct.act("fault", kind="slow_ack", seconds=4)
    await direct.act("token", revoke=True)
    assert await direct.get("trouble") == {
        "faults": [
            {"kind": "slack_error", "method": "chat.*", "left": 2, "seconds": 60.0, "error": "fatal_error"},
            {"kind": "slow_ack", "seconds": 4.0, "left": None},
        ],
        "revoked": True,
    }
    await direct.act("fault", kind="clear")
    assert (await direct.get("trouble"))["faults"] == []
