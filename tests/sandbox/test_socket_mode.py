"""Socket Mode: the frames as they are, deadlines and retries on a clock, refreshes and broken connections."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.workspace.seed import APP

from .bolt import listeners
from .conftest import BOT, GENERAL, INCIDENTS, MIKA, World, a_world, error_of, processed, until

Socket = aiohttp.ClientWebSocketResponse


async def opened_url(world: World) -> str:
    url = (await world.slack.apps_connections_open(app_token=APP.app_token))["url"]
    return str(url)


@asynccontextmanager
async def raw_socket(world: World) -> AsyncIterator[Socket]:
    """A socket without a library in between; the hello is read."""
    async with aiohttp.ClientSession() as session, session.ws_connect(await opened_url(world)) as socket:
        hello = await socket.receive_json()
        assert hello["type"] == "hello"
        yield socket


async def deliver(world: World, count: int = 1) -> None:
    """Let things happen that the app hears of, without waiting for it."""
    for _ in range(count):
        world.sandbox.workspace.happened(INCIDENTS, {"type": "reaction_added", "user": MIKA, "event_ts": "1.1"})


async def settled(world: World, count: int = 1) -> None:
    """Wait until all of the events, so many, are done with."""
    sent = list(world.sandbox.deliveries.sent.values())
    assert len(sent) == count
    await asyncio.gather(*(one.ended.wait() for one in sent))


async def test_a_connection_begins_with_a_hello(world: World) -> None:
    url = await opened_url(world)
    assert url.startswith(world.url.replace("http", "ws") + "/link/?ticket=")
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        hello = await socket.receive_json()
    assert (hello["num_connections"], hello["connection_info"]) == (1, {"app_id": "A0MLOPSBOT"})


async def test_a_ticket_is_good_once_and_soon(world: World) -> None:
    async with aiohttp.ClientSession() as session:
        used, late = await opened_url(world), await opened_url(world)
        async with session.ws_connect(used):
            pass
        world.clock.jump(31)
        for url in (used, late, used.replace("ticket=", "ticket=x")):
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await session.ws_connect(url)


async def test_the_app_level_token_comes_by_header_only(world: World) -> None:
    answer = await world.http.post("/api/apps.connections.open", data={"token": APP.app_token})
    assert answer.json()["error"] == "not_authed"


async def test_envelopes_have_slacks_form(world: World) -> None:
    async with raw_socket(world) as socket:
        await deliver(world)
        frame = await socket.receive_json()
        await socket.send_json({"envelope_id": frame["envelope_id"]})
        await settled(world)
        asked = asyncio.create_task(world.sandbox.interactions.command("mika", INCIDENTS, "/mlops", "help"))
        command = await socket.receive_json()
        await socket.send_json({"envelope_id": command["envelope_id"], "payload": {"text": "hi"}})
        outcome = await asked
    assert set(frame) == {"envelope_id", "type", "payload", "accepts_response_payload", "retry_attempt", "retry_reason"}
    assert (frame["type"], frame["accepts_response_payload"], frame["retry_attempt"]) == ("events_api", False, 0)
    assert frame["payload"]["type"] == "event_callback"
    assert (command["type"], command["accepts_response_payload"]) == ("slash_commands", True)
    assert set(command) == {"envelope_id", "type", "payload", "accepts_response_payload"}
    assert outcome.ack == {"text": "hi"}


async def test_an_acknowledgement_may_come_on_any_connection(world: World) -> None:
    async with raw_socket(world) as one, raw_socket(world) as other:
        await deliver(world)
        first, second = asyncio.create_task(one.receive_json()), asyncio.create_task(other.receive_json())
        done, waiting = await asyncio.wait((first, second), return_when=asyncio.FIRST_COMPLETED)
        wrong = other if first in done else one
        await wrong.send_json({"envelope_id": done.pop().result()["envelope_id"]})
        await settled(world)
        waiting.pop().cancel()
    assert all(one.acknowledged for one in world.sandbox.deliveries.sent.values())


async def test_each_payload_goes_to_exactly_one_of_several_sockets(world: World) -> None:
    counts = [0, 0]

    async def answer(socket: Socket, index: int) -> None:
        async for frame in socket:
            counts[index] += 1
            await socket.send_json({"envelope_id": json.loads(frame.data)["envelope_id"]})

    async with raw_socket(world) as one, raw_socket(world) as other:
        readers = [asyncio.create_task(answer(socket, n)) for n, socket in enumerate((one, other))]
        await deliver(world, 40)
        await settled(world, 40)
        for reader in readers:
            reader.cancel()
    assert sum(counts) == 40
    assert all(counts), "both have something to do"


async def test_the_eleventh_socket_is_one_too_many(world: World) -> None:
    async with aiohttp.ClientSession() as session:
        kept = [await session.ws_connect(await opened_url(world)) for _ in range(10)]
        await world.sandbox.sockets.until_connected(10)
        socket = await session.ws_connect(await opened_url(world))
        assert (await socket.receive_json())["reason"] == "too_many_websockets"
        assert not any(one.closed for one in kept)


@pytest.mark.parametrize("frame", ["nonsense", "[]", "7", "{}", '{"envelope_id": 7}', '{"envelope_id": "unknown"}'])
async def test_frames_that_mean_nothing_do_no_harm(world: World, frame: str) -> None:
    async with raw_socket(world) as socket:
        await socket.send_str(frame)
        await deliver(world)
        await socket.send_json({"envelope_id": (await socket.receive_json())["envelope_id"]})
        await settled(world)


# ------------------------------------------------------------ deadlines and retries, on a clock


async def test_an_event_that_nobody_acknowledges_comes_again_at_0_1_and_5_minutes(world: World) -> None:
    seen: list[tuple[float, int, str]] = []
    begin = world.clock.now()
    async with raw_socket(world) as socket:
        await deliver(world)
        for wait in (3, 3, 60, 3, 300, 3):
            if wait == 3:
                frame = await socket.receive_json()
                seen.append((world.clock.now() - begin, frame["retry_attempt"], frame["retry_reason"]))
            await world.clock.until_asleep(wait)
            world.clock.jump(wait)
        await settled(world)
    assert seen == [(0, 0, ""), (3, 1, "timeout"), (66, 2, "timeout"), (369, 3, "timeout")]
    assert not any(one.acknowledged for one in world.sandbox.deliveries.sent.values())


async def test_an_event_without_any_socket_is_kept_for_later_attempts(world: World) -> None:
    await deliver(world)
    await world.clock.until_asleep(60)
    app = world.new_app()
    told = listeners(app)
    await world.connect(app)
    world.clock.jump(60)
    await told.until(1)
    await settled(world)
    sent = list(world.sandbox.deliveries.sent.values())
    assert (sent[0].acknowledged, sent[0].reasons) == (True, ["connection_failed"] * 2)


async def test_a_command_is_tried_once_and_fails_after_three_seconds(world: World) -> None:
    app = world.new_app()
    told = listeners(app)
    await world.connect(app)
    asked = asyncio.create_task(world.sandbox.interactions.command("mika", INCIDENTS, "/mlops", "never"))
    await told.until(1)
    await world.clock.until_asleep(3)
    world.clock.jump(3)
    outcome = await asked
    assert outcome.acknowledged is False
    assert outcome.error is not None
    assert "/mlops failed with the error operation_timeout" in outcome.error
    assert len(told.all) == 1


async def test_an_acknowledgement_after_the_deadline_is_too_late(world: World) -> None:
    async with raw_socket(world) as socket:
        asked = asyncio.create_task(world.sandbox.interactions.command("mika", INCIDENTS, "/mlops", "help"))
        frame = await socket.receive_json()
        await world.clock.until_asleep(3)
        world.clock.jump(3)
        outcome = await asked
        await socket.send_json({"envelope_id": frame["envelope_id"], "payload": {"text": "too late"}})
        await deliver(world)
        await socket.send_json({"envelope_id": (await socket.receive_json())["envelope_id"]})
        await settled(world)
    assert outcome.acknowledged is False
    assert world.texts(user=MIKA) == []


async def test_a_modal_stays_open_when_its_submission_is_not_acknowledged(world: World) -> None:
    app = world.new_app()
    listeners(app)
    handler = await world.connect(app)
    done = await world.act("command", user="mika", channel=INCIDENTS, command="/mlops", text="declare")
    view = (await world.get(f"interactions/{done['interaction']}", wait=10))["view"]
    await handler.close_async()
    await until(world, lambda: world.sandbox.workspace.sockets() == 0)
    values = {"title": {"title": {"type": "plain_text_input", "value": "x"}}}
    answer = await world.act("submit", user="mika", view_id=view["id"], values=values)
    assert "We had some trouble connecting" in answer["error"]
    assert [one["id"] for one in world.sandbox.workspace.views_of(MIKA)] == [view["id"]]


async def test_without_any_socket_a_command_fails_at_once(world: World) -> None:
    done = await world.act("command", user="mika", channel=INCIDENTS, command="/mlops", text="help")
    assert "dispatch_failed" in done["error"]


async def test_an_event_can_be_delivered_again(world: World) -> None:
    app = world.new_app()
    told = listeners(app)
    await world.connect(app)
    said = await world.act("message", user="mika", channel=INCIDENTS, text="hello")
    assert said["acknowledged"] is True
    again = await world.act("redeliver", event="last")
    assert again["acknowledged"] is True
    first, second = (await told.until(2))[:2]
    assert first["event_id"] == second["event_id"], "the same event, for the app to recognise"
    events = (await world.get("events"))["events"]
    assert (await world.act("redeliver", event=events[0]["event_id"]))["acknowledged"] is True


# ------------------------------------------------------------ connections that end


@pytest.mark.parametrize("what", ["disconnect_warning", "refresh_requested"])
async def test_a_refresh_loses_nothing(world: World, what: str) -> None:
    app = world.new_app()
    told = listeners(app)
    await world.connect(app)
    await deliver(world)
    await told.until(1)
    assert (await world.act("socket", what=what))["sockets"] == 1
    await deliver(world, 5)
    workspace = world.sandbox.workspace
    await until(world, lambda: world.sandbox.sockets.opened == 2 and workspace.sockets() == 1)
    world.clock.jump(60)  # what the old connection has swallowed comes again
    await settled(world, 6)
    assert all(one.acknowledged for one in world.sandbox.deliveries.sent.values())
    assert len({body["event_id"] for body in told.all}) == 6


async def test_a_broken_connection_is_seen_and_what_happened_meanwhile_arrives(world: World) -> None:
    async with raw_socket(world) as socket:
        assert (await world.act("socket", what="abort"))["sockets"] == 1
        message = await socket.receive()
        assert message.type in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR, aiohttp.WSMsgType.CLOSE}
    assert (await world.get("state"))["connected"] == 0
    await deliver(world)
    await world.clock.until_asleep(60)
    async with raw_socket(world) as socket:
        world.clock.jump(60)
        frame = await socket.receive_json()
        await socket.send_json({"envelope_id": frame["envelope_id"]})
        await settled(world)
    assert frame["retry_attempt"] == 2


async def test_a_half_open_connection_takes_everything_and_answers_nothing(world: World) -> None:
    async with raw_socket(world) as deaf:
        assert (await world.act("socket", what="half_open"))["sockets"] == 1
        await deaf.ping(b"there?")
        await deliver(world)
        frame = await deaf.receive_json()
        await deaf.send_json({"envelope_id": frame["envelope_id"]})
        await world.clock.until_asleep(3)
        world.clock.jump(3)
        again = await deaf.receive_json()
        assert (again["retry_attempt"], again["retry_reason"]) == (1, "timeout"), "the acknowledgement was not heard"
        await world.act("socket", what="abort")


# ------------------------------------------------------------ who hears what


async def test_the_app_hears_only_what_it_subscribed_to(shipped: World) -> None:
    async with raw_socket(shipped) as socket:
        shipped.sandbox.change_app(events=frozenset({"reaction_added"}))
        said = await shipped.act("message", user="mika", channel=INCIDENTS, text="hello")
        acted = asyncio.create_task(shipped.act("react", user="mika", channel=INCIDENTS, ts=said["ts"], name="eyes"))
        frame = await socket.receive_json()
        await socket.send_json({"envelope_id": frame["envelope_id"]})
        await acted
    assert frame["payload"]["event"]["type"] == "reaction_added"
    assert len(shipped.sandbox.deliveries.sent) == 1


async def test_the_app_hears_nothing_from_where_it_is_not(world: World) -> None:
    await world.act("message", user="mika", channel="#general", text="hello")
    assert len(world.sandbox.deliveries.sent) == 0
    await world.act("membership", channel="#general", user="mlops", member=True)
    kinds = [one.envelope["event"]["type"] for one in world.sandbox.deliveries.sent.values()]
    assert kinds == ["member_joined_channel", "message"]


async def test_the_app_hears_its_own_messages_and_edits(world: World) -> None:
    ts = (await world.slack.chat_postMessage(channel=INCIDENTS, text="a"))["ts"]
    await world.slack.chat_update(channel=INCIDENTS, ts=ts, text="b")
    await world.slack.chat_delete(channel=INCIDENTS, ts=ts)
    events = [one.envelope["event"] for one in world.sandbox.deliveries.sent.values()]
    assert [event.get("subtype") for event in events] == [None, "message_changed", "message_deleted"]
    assert (events[0]["bot_id"], events[0]["user"], events[0]["channel_type"]) == ("B0MLOPSBOT", BOT, "channel")
    assert (events[1]["message"]["text"], events[1]["previous_message"]["text"]) == ("b", "a")


async def test_a_deleted_parent_is_an_edit_for_the_app(world: World) -> None:
    ts = (await world.slack.chat_postMessage(channel=INCIDENTS, text="parent"))["ts"]
    await world.slack.chat_postMessage(channel=INCIDENTS, text="one", thread_ts=ts)
    await world.slack.chat_delete(channel=INCIDENTS, ts=ts)
    event = [one.envelope["event"] for one in world.sandbox.deliveries.sent.values()][-1]
    assert (event["subtype"], event["message"]["subtype"]) == ("message_changed", "tombstone")
    assert (event["message"]["reply_count"], event["previous_message"]["text"]) == (1, "parent")


async def test_a_message_with_a_file_says_so_to_the_app_and_not_in_the_history(world: World) -> None:
    await world.slack.files_upload_v2(filename="a.txt", content="a", channel=INCIDENTS)
    await processed(world)
    events = [one.envelope["event"] for one in world.sandbox.deliveries.sent.values()]
    assert [event["subtype"] for event in events if event["type"] == "message"] == ["file_share"]
    history = await world.slack.conversations_history(channel=INCIDENTS)
    assert ["subtype" in message for message in history["messages"]] == [False]


async def test_joining_makes_the_app_hear_of_itself(world: World) -> None:
    await world.slack.conversations_join(channel=GENERAL)
    first = next(iter(world.sandbox.deliveries.sent.values()))
    assert (first.envelope["event"]["type"], first.envelope["event"]["user"]) == ("member_joined_channel", BOT)


async def test_there_is_no_socket_in_http_mode() -> None:
    async with a_world(app=replace(APP), app_url="http://127.0.0.1:9/slack/events") as world:
        client = AsyncWebClient(base_url=f"{world.url}/api/")
        assert await error_of(client.apps_connections_open(app_token=APP.app_token)) == "forbidden_team"


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> Any:
    """Connections are broken on purpose here; the client's log of it is no news."""
    with caplog.at_level(logging.CRITICAL):
        yield
