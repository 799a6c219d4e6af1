"""chat.*, by Slack's own client: posting, editing, threads, metadata, and each refusal."""

import pytest
from slack_sdk.errors import SlackApiError

from sandbox.workspace import messages

from .conftest import BOT, DANA, GENERAL, INCIDENTS, LEADS, MIKA, World, error_of, until

META = {"event_type": "mlops_incident", "event_payload": {"incident": "INC-1", "revision": 1}}
HEADER = {"type": "header", "text": {"type": "plain_text", "text": "INC-1"}}


async def test_a_message_is_posted_as_the_app(world: World) -> None:
    answer = await world.slack.chat_postMessage(channel="#ml-incidents", text="hello", blocks=[HEADER], metadata=META)
    assert answer["channel"] == INCIDENTS
    shown = world.messages()[0]
    assert shown["ts"] == answer["ts"]
    assert (shown["user"], shown["bot_id"], shown["app_id"]) == (BOT, "B0MLOPSBOT", "A0MLOPSBOT")
    assert shown["metadata"] == META
    assert shown["blocks"][0]["block_id"], "Slack gives every block an id"


async def test_an_edit_keeps_what_is_not_given(world: World) -> None:
    ts = (await world.slack.chat_postMessage(channel=INCIDENTS, text="a", blocks=[HEADER], metadata=META))["ts"]
    await world.slack.chat_update(channel=INCIDENTS, ts=ts, text="b", blocks=[HEADER, HEADER])
    shown = world.messages()[0]
    assert (shown["text"], len(shown["blocks"]), shown["metadata"]) == ("b", 2, META)
    assert shown["edited"]["user"] == BOT


async def test_an_edit_with_text_alone_takes_the_blocks_away(world: World) -> None:
    ts = (await world.slack.chat_postMessage(channel=INCIDENTS, text="a", blocks=[HEADER]))["ts"]
    await world.slack.chat_update(channel=INCIDENTS, ts=ts, text="b")
    assert "blocks" not in world.messages()[0]


async def test_a_thread_shows_at_its_parent(world: World) -> None:
    ts = (await world.slack.chat_postMessage(channel=INCIDENTS, text="parent"))["ts"]
    first = (await world.slack.chat_postMessage(channel=INCIDENTS, text="one", thread_ts=ts))["ts"]
    await world.slack.chat_postMessage(channel=INCIDENTS, text="two", thread_ts=first)
    parent, *replies = world.messages()
    assert (parent["reply_count"], parent["latest_reply"], parent["reply_users"]) == (2, replies[-1]["ts"], [BOT])
    assert [reply["thread_ts"] for reply in replies] == [ts, ts], "a reply to a reply is in the same thread"


async def test_an_answer_alone_is_read_by_its_own_time_stamp(world: World) -> None:
    ts = (await world.slack.chat_postMessage(channel=INCIDENTS, text="parent"))["ts"]
    one = (await world.slack.chat_postMessage(channel=INCIDENTS, text="one", thread_ts=ts))["ts"]
    whole = await world.slack.conversations_replies(channel=INCIDENTS, ts=ts)
    alone = await world.slack.conversations_replies(channel=INCIDENTS, ts=one)
    assert [(m["text"], m.get("parent_user_id")) for m in whole["messages"]] == [("parent", None), ("one", BOT)]
    assert [(m["text"], m["thread_ts"]) for m in alone["messages"]] == [("one", ts)]


async def test_a_thread_that_does_not_exist_is_none(world: World) -> None:
    answer = await world.slack.chat_postMessage(channel=INCIDENTS, text="a", thread_ts="1.000001")
    assert "thread_ts" not in answer["message"]


async def test_history_shows_metadata_only_when_asked(world: World) -> None:
    ts = (await world.slack.chat_postMessage(channel=INCIDENTS, text="a", metadata=META))["ts"]
    await world.slack.chat_postMessage(channel=INCIDENTS, text="reply", thread_ts=ts, metadata=META)
    plain = await world.slack.conversations_history(channel=INCIDENTS)
    full = await world.slack.conversations_history(channel=INCIDENTS, include_all_metadata=True)
    assert "metadata" not in plain["messages"][0]
    assert [m["metadata"] for m in full["messages"]] == [META], "replies are not in the history"
    replies = await world.slack.conversations_replies(channel=INCIDENTS, ts=ts, include_all_metadata=True)
    assert [m["text"] for m in replies["messages"]] == ["a", "reply"]
    assert all(m["metadata"] == META for m in replies["messages"])


async def test_history_goes_backwards_in_pages(world: World) -> None:
    await world.act("limits", which="off")
    for number in range(7):
        await world.slack.chat_postMessage(channel=INCIDENTS, text=str(number))
    seen: list[str] = []
    async for page in await world.slack.conversations_history(channel=INCIDENTS, limit=3):
        seen += [message["text"] for message in page["messages"]]
    assert seen == ["6", "5", "4", "3", "2", "1", "0"]
    assert await error_of(world.slack.conversations_history(channel=INCIDENTS, cursor="bad")) == "invalid_cursor"


async def test_one_message_is_found_by_its_time_stamp(world: World) -> None:
    stamps = [(await world.slack.chat_postMessage(channel=INCIDENTS, text=str(n)))["ts"] for n in range(3)]
    found = await world.slack.conversations_history(channel=INCIDENTS, latest=stamps[1], inclusive=True, limit=1)
    assert [m["text"] for m in found["messages"]] == ["1"]
    between = await world.slack.conversations_history(channel=INCIDENTS, oldest=stamps[0], latest=stamps[2])
    assert [m["text"] for m in between["messages"]] == ["1"]
    assert await error_of(world.slack.conversations_history(channel=INCIDENTS, latest="soon")) == "invalid_ts_latest"


async def test_a_deleted_parent_leaves_a_stone(world: World) -> None:
    ts = (await world.slack.chat_postMessage(channel=INCIDENTS, text="parent"))["ts"]
    await world.slack.chat_postMessage(channel=INCIDENTS, text="reply", thread_ts=ts)
    lone = (await world.slack.chat_postMessage(channel=INCIDENTS, text="lone"))["ts"]
    await world.slack.chat_delete(channel=INCIDENTS, ts=ts)
    await world.slack.chat_delete(channel=INCIDENTS, ts=lone)
    assert [m.get("subtype") for m in world.messages()] == ["tombstone", None]
    assert await error_of(world.slack.chat_delete(channel=INCIDENTS, ts=lone)) == "message_not_found"


async def test_an_ephemeral_message_is_for_one_person(world: World) -> None:
    await world.slack.chat_postEphemeral(channel=INCIDENTS, user=MIKA, text="psst")
    assert world.texts(user=MIKA) == ["psst"]
    assert world.messages(user=MIKA)[0]["is_ephemeral"] is True
    assert world.texts(user=DANA) == world.texts() == []
    assert (await world.slack.conversations_history(channel=INCIDENTS))["messages"] == []
    assert (
        await error_of(world.slack.chat_postEphemeral(channel=INCIDENTS, user="U0NOBODY00", text="x"))
        == "user_not_in_channel"
    )


async def test_a_permalink_leads_back_to_the_message(world: World) -> None:
    ts = (await world.slack.chat_postMessage(channel=INCIDENTS, text="a"))["ts"]
    reply = (await world.slack.chat_postMessage(channel=INCIDENTS, text="b", thread_ts=ts))["ts"]
    link = (await world.slack.chat_getPermalink(channel=INCIDENTS, message_ts=ts))["permalink"]
    assert link == f"{world.url}/archives/{INCIDENTS}/p{ts.replace('.', '')}"
    there = (await world.slack.chat_getPermalink(channel=INCIDENTS, message_ts=reply))["permalink"]
    assert f"thread_ts={ts}" in there
    answer = await world.http.get(there.removeprefix(world.url))
    assert answer.status_code == 307
    assert f"message={reply}" in answer.headers["location"]


@pytest.mark.parametrize("place", [GENERAL, "#general"])
async def test_only_members_post(world: World, place: str) -> None:
    assert await error_of(world.slack.chat_postMessage(channel=place, text="a")) == "not_in_channel"
    await world.slack.conversations_join(channel=GENERAL)
    await world.slack.chat_postMessage(channel=place, text="a")
    assert world.texts(GENERAL)[-1] == "a"


@pytest.mark.parametrize("place", [LEADS, "#ml-leads", "C0NOWHERE0", "#nowhere", "@mika", BOT, ""])
async def test_what_the_app_can_not_see_does_not_exist(world: World, place: str) -> None:
    expected = "channel_not_found" if place else "invalid_arguments"
    assert await error_of(world.slack.chat_postMessage(channel=place, text="a")) == expected


async def test_with_a_scope_of_its_own_the_app_posts_in_any_public_channel(world: World) -> None:
    scopes = world.sandbox.workspace.app.scopes
    world.sandbox.change_app(scopes=scopes | {"chat:write.public"})
    await world.slack.chat_postMessage(channel=GENERAL, text="a")
    assert world.texts(GENERAL) == ["a"]
    assert await error_of(world.slack.chat_postMessage(channel=LEADS, text="a")) == "channel_not_found"


async def test_an_archived_channel_takes_nothing(world: World) -> None:
    ts = (await world.slack.chat_postMessage(channel=INCIDENTS, text="a"))["ts"]
    await world.act("archive", channel="#ml-incidents", archived=True)
    assert await error_of(world.slack.chat_postMessage(channel=INCIDENTS, text="b")) == "is_archived"
    assert await error_of(world.slack.chat_postEphemeral(channel=INCIDENTS, user=MIKA, text="b")) == "is_archived"
    assert await error_of(world.slack.chat_update(channel=INCIDENTS, ts=ts, text="b")) == "is_inactive"
    assert await error_of(world.slack.reactions_add(channel=INCIDENTS, timestamp=ts, name="eyes")) == "is_archived"


async def test_a_persons_message_is_not_the_apps_to_change(world: World) -> None:
    workspace = world.sandbox.workspace
    theirs = messages.post(workspace, workspace.conversations[INCIDENTS], workspace.members[MIKA], {"text": "mine"})
    assert await error_of(world.slack.chat_update(channel=INCIDENTS, ts=theirs.ts, text="b")) == "cant_update_message"
    assert await error_of(world.slack.chat_delete(channel=INCIDENTS, ts=theirs.ts)) == "cant_delete_message"
    assert await error_of(world.slack.chat_update(channel=INCIDENTS, ts="1.1", text="b")) == "message_not_found"


async def test_faulty_blocks_are_refused_with_their_places(world: World) -> None:
    long = {"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}
    with pytest.raises(SlackApiError) as caught:
        await world.slack.chat_postMessage(channel=INCIDENTS, text="a", blocks=[HEADER, long])
    answer = caught.value.response
    said = "must be less than 151 characters [json-pointer:/blocks/1/text/text]"
    assert (answer["error"], answer["errors"]) == ("invalid_blocks", [said])
    assert answer["response_metadata"]["messages"] == [f"[ERROR] {said}"]
    assert world.messages() == []


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"text": ""}, "no_text"),
        ({"blocks": "not a list"}, "invalid_blocks_format"),
        ({"blocks": [{"type": "markdown", "text": "x" * 7000}] * 2}, "msg_blocks_too_long"),
        ({"text": "a", "attachments": [{"text": "x"}] * 101}, "too_many_attachments"),
        ({"text": "a", "metadata": {"event_type": "a", "event_payload": "b"}}, "invalid_metadata_format"),
        ({"text": "a", "metadata": {"event_type": "a", "event_payload": {"x": "y" * 9000}}}, "metadata_too_large"),
        ({"text": "a", "markdown_text": "b"}, "markdown_text_conflict"),
    ],
)
async def test_what_slack_refuses_in_a_post(world: World, given: dict, expected: str) -> None:
    call = world.slack.api_call("chat.postMessage", json={"channel": INCIDENTS, **given})
    assert await error_of(call) == expected
    assert world.messages() == []


async def test_text_is_cut_when_posted_and_refused_when_edited(world: World) -> None:
    ts = (await world.slack.chat_postMessage(channel=INCIDENTS, text="x" * 40_001))["ts"]
    assert len(world.texts()[0]) == 40_000
    assert await error_of(world.slack.chat_update(channel=INCIDENTS, ts=ts, text="x" * 4001)) == "msg_too_long"


async def test_direct_messages_are_opened_once(world: World) -> None:
    first = await world.slack.conversations_open(users=[MIKA])
    again = await world.slack.conversations_open(users=[MIKA])
    assert first["channel"]["id"] == again["channel"]["id"]
    assert again["already_open"] is True
    await world.slack.chat_postMessage(channel=first["channel"]["id"], text="paged")
    await world.slack.chat_postMessage(channel=MIKA, text="by their id")
    assert [m["text"] for m in (await world.get("messages", channel="@mika"))["messages"]] == ["paged", "by their id"]


async def test_scheduled_messages_are_posted_when_their_time_comes(world: World) -> None:
    now = int(world.clock.now())
    made = await world.slack.chat_scheduleMessage(channel=INCIDENTS, text="later", post_at=now + 60)
    gone = await world.slack.chat_scheduleMessage(channel=INCIDENTS, text="never", post_at=now + 50)
    listed = await world.slack.chat_scheduledMessages_list(channel=INCIDENTS)
    assert [one["text"] for one in listed["scheduled_messages"]] == ["never", "later"]
    await world.slack.chat_deleteScheduledMessage(channel=INCIDENTS, scheduled_message_id=gone["scheduled_message_id"])
    await world.clock.until_asleep(60)
    world.clock.jump(61)
    await until(world, lambda: bool(world.messages()))
    assert world.texts() == ["later"]
    assert (await world.slack.chat_scheduledMessages_list())["scheduled_messages"] == []
    again = world.slack.chat_deleteScheduledMessage(
        channel=INCIDENTS, scheduled_message_id=made["scheduled_message_id"]
    )
    assert await error_of(again) == "invalid_scheduled_message_id"


@pytest.mark.parametrize(("offset", "expected"), [(-1, "time_in_past"), (121 * 24 * 3600, "time_too_far")])
async def test_a_time_that_can_not_be_scheduled(world: World, offset: int, expected: str) -> None:
    post_at = int(world.clock.now()) + offset
    assert await error_of(world.slack.chat_scheduleMessage(channel=INCIDENTS, text="a", post_at=post_at)) == expected
