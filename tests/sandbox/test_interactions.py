"""People and a real Bolt app, in both modes: commands, clicks, modals, shortcuts, events, App Home, files."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError

from .bolt import CARD, HOME, Told, listeners
from .conftest import BOT, DANA, INCIDENTS, MIKA, World, a_world, error_of, processed, until
from .listening import listening


def titled(text: str) -> dict[str, Any]:
    return {"title": {"title": {"type": "plain_text_input", "value": text}}}


@asynccontextmanager
async def talking(mode: str) -> AsyncIterator[tuple[World, Told]]:
    """A sandbox with the app connected, by Socket Mode or by HTTP."""
    if mode == "socket":
        async with a_world() as world:
            app = world.new_app()
            told = listeners(app)
            await world.connect(app)
            yield world, told
        return
    async with listening() as server, a_world(app_url=f"{server.url}/slack/events") as world:
        app = world.new_app()
        told = listeners(app)
        server.serve(app)
        yield world, told


@pytest.fixture(params=["socket", "http"])
async def talk(request: pytest.FixtureRequest) -> AsyncIterator[tuple[World, Told]]:
    async with talking(request.param) as both:
        yield both


async def test_a_command_is_acknowledged_and_answered(talk: tuple[World, Told]) -> None:
    world, told = talk
    done = await world.act("command", user="mika", channel="#ml-incidents", command="/mlops", text="help")
    assert (done["ok"], done["acknowledged"], done["error"]) == (True, True, None)
    came = await world.get(f"interactions/{done['interaction']}", responses=1, wait=10)
    assert [answer["text"] for answer in came["responses"]] == ["you said help"]
    assert world.texts(user=MIKA) == ["you said help"]
    assert world.texts(user=DANA) == []
    command = told.all[0]
    assert (command["user_id"], command["user_name"]) == (MIKA, "mika")
    assert (command["channel_id"], command["channel_name"], command["team_id"]) == (
        INCIDENTS,
        "ml-incidents",
        "T0SANDBOX",
    )


async def test_an_answer_in_the_acknowledgement_is_shown(talk: tuple[World, Told]) -> None:
    world, _ = talk
    done = await world.act("command", user=MIKA, channel=INCIDENTS, command="/mlops", text="at once")
    assert done["ack"]["text"] == "said at once"
    assert world.texts(user=MIKA) == ["said at once"]


async def test_a_click_sends_the_elements_own_value_and_may_replace_the_message(talk: tuple[World, Told]) -> None:
    world, told = talk
    ts = (await world.slack.chat_postMessage(channel=INCIDENTS, text="card", blocks=CARD))["ts"]
    done = await world.act("click", user="mika", channel="#ml-incidents", ts=ts, action_id="ack")
    assert done["acknowledged"] is True
    await world.get(f"interactions/{done['interaction']}", responses=1, wait=10)
    assert world.texts() == ["acknowledged by mika"]
    body = told.of("block_actions")[0]
    assert (body["actions"][0]["value"], body["actions"][0]["block_id"]) == ("INC-1", "buttons")
    assert body["container"] == {"type": "message", "message_ts": ts, "channel_id": INCIDENTS, "is_ephemeral": False}
    assert body["message"]["ts"] == ts


async def test_a_select_sends_the_whole_option(talk: tuple[World, Told]) -> None:
    world, told = talk
    ts = (await world.slack.chat_postMessage(channel=INCIDENTS, text="card", blocks=CARD))["ts"]
    await world.act("click", user="mika", channel=INCIDENTS, ts=ts, action_id="severity", selected_option="sev2")
    body = told.of("block_actions")[0]
    assert body["actions"][0]["selected_option"]["text"]["text"] == "sev2"
    assert body["state"]["values"]["buttons"]["severity"]["selected_option"]["value"] == "sev2"
    refused = await world.http.post(
        "/sandbox/click",
        json={"user": "mika", "channel": INCIDENTS, "ts": ts, "action_id": "severity", "selected_option": "sev9"},
    )
    assert (refused.status_code, refused.json()["error"]) == (400, "no_such_option")
    assert "sev1, sev2" in refused.json()["what"]


async def opened(world: World, title: str) -> tuple[dict[str, Any], str]:
    """Open the modal, submit it with this title; the answer and the view's id."""
    done = await world.act("command", user="mika", channel=INCIDENTS, command="/mlops", text="declare")
    view = (await world.get(f"interactions/{done['interaction']}", wait=10))["view"]
    assert view["callback_id"] == "declare"
    return await world.act("submit", user="mika", view_id=view["id"], values=titled(title)), view["id"]


async def views(world: World) -> list[Any]:
    found: list[Any] = (await world.get("views", user="mika"))["views"]
    return found


async def test_a_modal_is_opened_filled_in_and_closes(talk: tuple[World, Told]) -> None:
    world, told = talk
    done, _ = await opened(world, "Churn is wrong")
    assert done["acknowledged"] is True
    assert await views(world) == []
    state = told.all[-1]["view"]["state"]["values"]
    assert state["title"]["title"] == {"type": "plain_text_input", "value": "Churn is wrong"}
    assert state["severity"]["severity"]["selected_option"] is None


async def test_errors_keep_the_modal_open(talk: tuple[World, Told]) -> None:
    world, _ = talk
    done, view_id = await opened(world, "bad")
    assert done["ack"] == {"response_action": "errors", "errors": {"title": "Say more."}}
    assert [view["id"] for view in await views(world)] == [view_id]
    assert (await views(world))[0]["state"]["values"]["title"]["title"]["value"] == "bad"


@pytest.mark.parametrize(
    ("title", "callbacks"), [("clear", []), ("update", ["second"]), ("push", ["declare", "second"])]
)
async def test_what_an_acknowledgement_does_with_the_stack(title: str, callbacks: list[str]) -> None:
    async with talking("socket") as (world, _):
        await opened(world, title)
        assert [view["callback_id"] for view in await views(world)] == callbacks


async def test_errors_at_a_place_that_is_none_are_trouble_for_the_person() -> None:
    async with talking("socket") as (world, _):
        done, view_id = await opened(world, "wrong place")
        assert "trouble" in done["error"]
        assert [view["id"] for view in await views(world)] == [view_id]


async def test_a_required_field_is_asked_for_before_anything_is_sent() -> None:
    async with talking("socket") as (world, told):
        done, view_id = await opened(world, "")
        assert (done["acknowledged"], done["ack"]["errors"]) == (
            False,
            {"title": "Please complete this required field."},
        )
        assert [view["id"] for view in await views(world)] == [view_id]
        assert len(told.all) == 1, "only the command reached the app"


async def test_a_closed_modal_is_told_if_the_app_wants_it(talk: tuple[World, Told]) -> None:
    world, told = talk
    done = await world.act("shortcut", user="mika", callback_id="incident.declare")
    view = (await world.get(f"interactions/{done['interaction']}", wait=10))["view"]
    closed = await world.act("close", user="mika", view_id=view["id"])
    assert closed["acknowledged"] is True
    body = told.all[-1]
    assert (body["type"], body["is_cleared"], body["view"]["id"]) == ("view_closed", False, view["id"])
    assert await views(world) == []


async def test_a_message_shortcut_carries_the_message(talk: tuple[World, Told]) -> None:
    world, told = talk
    said = await world.act("message", user="dana", channel=INCIDENTS, text="it began at 2")
    done = await world.act("shortcut", user="mika", callback_id="timeline.pin", channel=INCIDENTS, ts=said["ts"])
    came = await world.get(f"interactions/{done['interaction']}", wait=10)
    assert [answer["text"] for answer in came["responses"]] == ["pinned it began at 2"]
    assert told.all[-1]["message"]["user"] == DANA


async def test_events_come_in_full_envelopes(talk: tuple[World, Told]) -> None:
    world, told = talk
    said = await world.act("message", user="dana", channel=INCIDENTS, text="look, @mlops")
    await world.act("react", user="mika", channel=INCIDENTS, ts=said["ts"], name="pushpin")
    kinds = {body["event"]["type"]: body for body in await told.until(3)}
    assert set(kinds) == {"message", "app_mention", "reaction_added"}
    reaction = kinds["reaction_added"]
    assert reaction["event"]["item"] == {"type": "message", "channel": INCIDENTS, "ts": said["ts"]}
    assert (reaction["event"]["user"], reaction["event"]["item_user"]) == (MIKA, DANA)
    assert (reaction["type"], reaction["team_id"], reaction["api_app_id"]) == (
        "event_callback",
        "T0SANDBOX",
        "A0MLOPSBOT",
    )
    assert reaction["authorizations"][0]["user_id"] == BOT
    assert reaction["event_id"].startswith("Ev")
    assert isinstance(reaction["event_time"], int)
    assert kinds["app_mention"]["event"]["text"] == f"look, <@{BOT}>"


async def test_app_home_is_opened_and_published(talk: tuple[World, Told]) -> None:
    world, told = talk
    assert (await world.get("views", user="mika"))["home"] is None
    done = await world.act("home", user="mika")
    assert done["acknowledged"] is True
    await until(world, lambda: world.sandbox.workspace.home_of(MIKA) is not None)
    shown = (await world.get("views", user="mika"))["home"]
    assert shown["blocks"][0]["text"] == HOME["blocks"][0]["text"]
    assert told.all[0]["event"]["tab"] == "home"


# ------------------------------------------------------------ what is not possible


@pytest.mark.parametrize(
    ("act", "fields", "status", "word"),
    [
        ("command", {"user": "nobody", "channel": INCIDENTS, "command": "/mlops"}, 404, "unknown_user"),
        ("command", {"user": "mika", "channel": "#nowhere", "command": "/mlops"}, 404, "unknown_channel"),
        ("command", {"user": "mika", "channel": "#ml-leads", "command": "/mlops"}, 404, "unknown_channel"),
        ("command", {"user": "mika", "channel": INCIDENTS, "command": "/other"}, 404, "unknown_command"),
        ("command", {"user": "mika", "channel": INCIDENTS}, 400, "missing_field"),
        ("command", {"user": 7, "channel": INCIDENTS, "command": "/mlops"}, 400, "invalid_field"),
        (
            "command",
            {"user": "mika", "channel": INCIDENTS, "command": "/mlops", "thread_ts": "1.1"},
            400,
            "not_in_threads",
        ),
        ("command", {"user": BOT, "channel": INCIDENTS, "command": "/mlops"}, 404, "unknown_user"),
        ("click", {"user": "mika", "channel": INCIDENTS, "ts": "1.1", "action_id": "a"}, 404, "unknown_message"),
        ("shortcut", {"user": "mika", "callback_id": "nothing"}, 404, "unknown_shortcut"),
        ("submit", {"user": "mika", "view_id": "V1"}, 404, "unknown_view"),
        ("close", {"user": "mika", "view_id": "V1"}, 404, "unknown_view"),
        ("message", {"user": "mika", "channel": INCIDENTS, "text": "  "}, 400, "no_text"),
        ("react", {"user": "mika", "channel": INCIDENTS, "ts": "1.1", "name": "eyes"}, 404, "unknown_message"),
        ("redeliver", {"event": "Ev1"}, 404, "unknown_event"),
        ("fault", {"kind": "flood"}, 404, "unknown_fault"),
        ("membership", {"user": "mika", "channel": "#nowhere", "member": True}, 404, "unknown_channel"),
    ],
)
async def test_what_is_not_possible_is_said_in_a_sentence(
    direct: World, act: str, fields: dict, status: int, word: str
) -> None:
    answer = await direct.http.post(f"/sandbox/{act}", json=fields)
    assert (answer.status_code, answer.json()["error"]) == (status, word)
    assert answer.json()["what"].endswith((".", "channel."))


@pytest.mark.parametrize("body", [b"{", b"[]", b"7", b"\xff", b'{"user": NaN}', b'{"user": "\\ud800"}', b"[" * 100_000])
async def test_a_body_that_is_no_json_object_is_refused(direct: World, body: bytes) -> None:
    answer = await direct.http.post("/sandbox/message", content=body)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_json")


async def test_a_click_on_nothing_is_refused(direct: World) -> None:
    said = await direct.act("message", user="dana", channel=INCIDENTS, text="no buttons")
    answer = await direct.http.post(
        "/sandbox/click", json={"user": "mika", "channel": INCIDENTS, "ts": said["ts"], "action_id": "ack"}
    )
    assert answer.json()["error"] == "no_such_element"


async def test_typed_text_becomes_what_slack_makes_of_it(direct: World) -> None:
    await direct.act(
        "message", user="dana", channel=INCIDENTS, text="<script> & @mika, <@U0DEVOPS1>, see <https://a.example|a>"
    )
    assert direct.texts() == ["&lt;script&gt; &amp; <@U0MLENG01>, <@U0DEVOPS1>, see <https://a.example|a>"]


# ------------------------------------------------------------ triggers and response addresses


async def test_a_trigger_is_good_once_and_for_three_seconds() -> None:
    async with a_world() as world:
        exchanges = world.sandbox.interactions.exchanges
        first, late = exchanges.begin(MIKA), exchanges.begin(MIKA)
        view = {"type": "modal", "title": {"type": "plain_text", "text": "T"}, "blocks": [{"type": "divider"}]}
        await world.slack.views_open(trigger_id=first.trigger_id, view=view)
        again = world.slack.views_open(trigger_id=first.trigger_id, view=view)
        assert await error_of(again) == "exchanged_trigger_id"
        world.clock.jump(3.1)
        assert await error_of(world.slack.views_open(trigger_id=late.trigger_id, view=view)) == "expired_trigger_id"
        assert await error_of(world.slack.views_open(trigger_id="1.2.abc", view=view)) == "invalid_trigger_id"


async def test_a_response_address_is_good_five_times(world: World) -> None:
    exchange = world.sandbox.interactions.exchanges.begin(MIKA, INCIDENTS)
    url = world.sandbox.interactions.exchanges.response_url(exchange)
    codes = [(await world.http.post(url, json={"text": str(n)})).status_code for n in range(6)]
    assert codes == [200] * 5 + [404]
    assert (await world.http.post(url, json={"text": "x"})).text == "used_url"
    assert len(world.texts(user=MIKA)) == 5


async def test_a_response_address_is_good_for_half_an_hour(world: World) -> None:
    exchanges = world.sandbox.interactions.exchanges
    url = exchanges.response_url(exchanges.begin(MIKA, INCIDENTS))
    world.clock.jump(30 * 60 - 1)
    assert (await world.http.post(url, json={"text": "in time", "response_type": "in_channel"})).is_success
    world.clock.jump(2)
    late = await world.http.post(url, json={"text": "late"})
    assert (late.status_code, late.text) == (404, "expired_url")
    assert world.texts() == ["in time"]


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        ({"blocks": [{"type": "nonsense"}]}, "invalid_blocks"),
        ({}, "no_text"),
        ([], "invalid_payload"),
    ],
)
async def test_a_faulty_answer_is_refused(world: World, answer: Any, word: str) -> None:
    exchanges = world.sandbox.interactions.exchanges
    refused = await world.http.post(exchanges.response_url(exchanges.begin(MIKA, INCIDENTS)), json=answer)
    assert (refused.status_code, refused.text) == (400, word)


async def test_an_answer_can_delete_what_was_pressed(world: World) -> None:
    ts = (await world.slack.chat_postMessage(channel=INCIDENTS, text="card", blocks=CARD))["ts"]
    exchanges = world.sandbox.interactions.exchanges
    url = exchanges.response_url(exchanges.begin(MIKA, INCIDENTS, source_ts=ts))
    await world.http.post(url, json={"delete_original": True})
    assert world.messages() == []


# ------------------------------------------------------------ files


async def test_a_file_goes_up_and_comes_down_again(world: World) -> None:
    content = "# INC-1\n" + "line\n" * 1000
    answer = await world.slack.files_upload_v2(
        filename="INC-1.md", content=content, channel=INCIDENTS, initial_comment="The timeline"
    )
    await processed(world)
    shown = world.messages()[0]
    assert (shown["text"], shown["files"][0]["name"]) == ("The timeline", "INC-1.md")
    listed = (await world.get("files"))["files"]
    assert [(one["id"], one["channels"]) for one in listed] == [(answer["file"]["id"], [INCIDENTS])]
    back = await world.http.get(listed[0]["url_private"])
    assert back.text == content
    assert "sandbox" in back.headers["Content-Security-Policy"]
    found = await world.slack.files_info(file=answer["file"]["id"])
    assert found["file"]["size"] == len(content)
    await world.slack.files_delete(file=answer["file"]["id"])
    assert (await world.http.get(listed[0]["url_private"])).status_code == 404
    assert await error_of(world.slack.files_info(file=answer["file"]["id"])) == "file_deleted"


async def test_files_go_into_threads_and_not_where_the_app_is_no_member(world: World) -> None:
    ts = (await world.slack.chat_postMessage(channel=INCIDENTS, text="card"))["ts"]
    await world.slack.files_upload_v2(filename="a.txt", content="a", channel=INCIDENTS, thread_ts=ts)
    await processed(world)
    assert world.messages()[1]["thread_ts"] == ts
    refused = world.slack.files_upload_v2(filename="a.txt", content="a", channel="C0GENERAL0")
    assert await error_of(refused) == "not_in_channel"


async def test_what_a_file_is_shows_only_once_it_is_processed(world: World) -> None:
    block = {"type": "image", "alt_text": "a chart"}
    done = await world.slack.files_upload_v2(filename="chart.png", content=b"png", channel=INCIDENTS)
    file_id = done["file"]["id"]
    early = (await world.slack.files_info(file=file_id))["file"]
    assert (early["mimetype"], early["size"], early["shares"], early["channels"]) == ("", 0, {}, [])
    assert world.messages() == [], "it is shared when it is processed"
    picture = [block | {"slack_file": {"id": file_id}}]
    with pytest.raises(SlackApiError) as caught:
        await world.slack.chat_postMessage(channel=INCIDENTS, text="a", blocks=picture)
    assert caught.value.response["errors"] == ["invalid slack file [json-pointer:/blocks/0/slack_file]"]
    await processed(world)
    late = (await world.slack.files_info(file=file_id))["file"]
    assert (late["mimetype"], late["size"], late["channels"]) == ("image/png", 3, [INCIDENTS])
    assert late["shares"]["public"][INCIDENTS][0]["ts"] == world.messages()[0]["ts"]
    await world.slack.chat_postMessage(channel=INCIDENTS, text="a", blocks=picture)


async def test_a_file_is_not_shared_where_the_app_was_thrown_out_meanwhile(world: World) -> None:
    await world.slack.files_upload_v2(filename="a.txt", content="a", channel=INCIDENTS)
    await world.act("membership", channel=INCIDENTS, user="mlops", member=False)
    await processed(world)
    assert not [message for message in world.messages() if message.get("files")]
    assert (await world.get("files"))["files"][0]["channels"] == []


async def test_a_file_without_bytes_is_not_there(world: World) -> None:
    place = await world.slack.files_getUploadURLExternal(filename="a.txt", length=3)
    completed = world.slack.files_completeUploadExternal(files=[{"id": place["file_id"]}], channel_id=INCIDENTS)
    assert await error_of(completed) == "file_not_found"
    assert (await world.get("files"))["files"] == []


# ------------------------------------------------------------ what else the app is asked


async def test_an_external_select_asks_the_app_for_its_options(world: World) -> None:
    app = world.new_app()

    @app.options("model")
    async def models(ack: Any, payload: Any) -> None:
        found = [name for name in ("fraud-detector", "churn") if payload["value"] in name]
        await ack(options=[{"text": {"type": "plain_text", "text": name}, "value": name} for name in found])

    await world.connect(app)
    element = {"type": "external_select", "action_id": "model", "min_query_length": 1}
    block = {"type": "section", "text": {"type": "mrkdwn", "text": "Which?"}, "accessory": element}
    ts = (await world.slack.chat_postMessage(channel=INCIDENTS, text="which", blocks=[block]))["ts"]
    done = await world.act("suggest", user="mika", channel=INCIDENTS, ts=ts, action_id="model", value="chu")
    assert [option["value"] for option in done["ack"]["options"]] == ["churn"]


async def test_a_button_in_a_home_and_one_in_a_modal(world: World) -> None:
    app = world.new_app()
    told = listeners(app)
    await world.connect(app)
    await world.slack.views_publish(user_id=MIKA, view={"type": "home", "blocks": CARD})
    home = (await world.get("views", user="mika"))["home"]
    done = await world.act("click", user="mika", view_id=home["id"], action_id="severity", selected_option="sev1")
    assert done["acknowledged"] is True
    body = told.of("block_actions")[0]
    assert body["container"] == {"type": "view", "view_id": home["id"]}
    assert "response_url" not in body, "a view is in no channel that could be answered in"
    assert body["view"]["state"]["values"]["buttons"]["severity"]["selected_option"]["value"] == "sev1"
    theirs = await world.http.post("/sandbox/click", json={"user": "dana", "view_id": home["id"], "action_id": "ack"})
    assert theirs.json()["error"] == "unknown_view"
