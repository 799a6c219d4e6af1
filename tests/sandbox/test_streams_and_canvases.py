"""Messages that grow while people watch, canvases, and what threads say of themselves; by Slack's own client."""

from typing import Any

import pytest
from slack_sdk.models.messages.chunk import TaskUpdateChunk

from sandbox.workspace.seed import APP

from .conftest import GENERAL, INCIDENTS, MIKA, World, error_of


async def parent(world: World) -> str:
    return str((await world.slack.chat_postMessage(channel=INCIDENTS, text="card"))["ts"])


async def begun(world: World, **more: Any) -> tuple[str, str]:
    """A thread and a stream in it."""
    ts = await parent(world)
    recipient = {"recipient_user_id": MIKA, "recipient_team_id": "T0SANDBOX"}
    stream = await world.slack.chat_startStream(channel=INCIDENTS, thread_ts=ts, **recipient, **more)
    return ts, str(stream["ts"])


async def test_slacks_own_streamer_works(world: World) -> None:
    ts = await parent(world)
    streamer = await world.slack.chat_stream(
        channel=INCIDENTS, thread_ts=ts, recipient_user_id=MIKA, recipient_team_id="T0SANDBOX", buffer_size=1
    )
    await streamer.append(markdown_text="**Looking")
    growing = world.messages()[-1]
    assert (growing["text"], growing["streaming_state"], growing["thread_ts"]) == ("**Looking", "in_progress", ts)
    await streamer.append(markdown_text=" at MLflow**")
    await streamer.append(chunks=[TaskUpdateChunk(id="1", title="Compare versions", status="in_progress")])
    await streamer.append(
        chunks=[TaskUpdateChunk(id="1", title="Compare versions", status="complete", output="3 is worse")]
    )
    await streamer.stop(markdown_text="Done.", blocks=[{"type": "divider"}])
    shown = world.messages()[-1]
    assert shown["streaming_state"] == "completed"
    assert [block["type"] for block in shown["blocks"]] == ["markdown", "task_card", "markdown", "divider"]
    assert (shown["blocks"][0]["text"], shown["blocks"][1]["status"]) == ("**Looking at MLflow**", "complete")


async def test_tasks_can_be_one_plan(world: World) -> None:
    _, ts = await begun(world, task_display_mode="plan")
    chunks = [
        {"type": "plan_update", "title": "Diagnosis"},
        {"type": "task_update", "id": "1", "title": "Features", "status": "complete"},
        {"type": "task_update", "id": "2", "title": "Source", "status": "pending"},
        {"type": "markdown_text", "text": "It was the source."},
    ]
    await world.slack.chat_appendStream(channel=INCIDENTS, ts=ts, chunks=chunks)
    plan, text = world.messages()[-1]["blocks"]
    assert (plan["type"], plan["title"], [task["title"] for task in plan["tasks"]]) == (
        "plan",
        "Diagnosis",
        ["Features", "Source"],
    )
    assert text["text"] == "It was the source."


async def test_only_its_end_is_an_event(world: World) -> None:
    _, ts = await begun(world)
    before = len(world.sandbox.deliveries.sent)
    await world.slack.chat_appendStream(channel=INCIDENTS, ts=ts, markdown_text="a")
    assert len(world.sandbox.deliveries.sent) == before
    await world.slack.chat_stopStream(channel=INCIDENTS, ts=ts)
    last = list(world.sandbox.deliveries.sent.values())[-1].envelope["event"]
    assert (last["subtype"], last["message"]["text"]) == ("message_changed", "a")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "missing_recipient_user_id"),
        ({"recipient_user_id": MIKA}, "missing_recipient_team_id"),
        ({"recipient_user_id": "U0NOBODY00", "recipient_team_id": "T0SANDBOX"}, "user_not_found"),
        ({"recipient_user_id": MIKA, "recipient_team_id": "T0OTHER"}, "team_not_found"),
    ],
)
async def test_a_stream_in_a_channel_is_for_somebody(world: World, given: dict[str, str], expected: str) -> None:
    ts = await parent(world)
    assert await error_of(world.slack.chat_startStream(channel=INCIDENTS, thread_ts=ts, **given)) == expected


async def test_a_stream_needs_no_recipient_in_direct_messages(world: World) -> None:
    direct = (await world.slack.conversations_open(users=[MIKA]))["channel"]["id"]
    ts = (await world.slack.chat_postMessage(channel=direct, text="a"))["ts"]
    await world.slack.chat_startStream(channel=direct, thread_ts=ts, markdown_text="hi")
    assert world.messages(direct)[-1]["text"] == "hi"


async def test_what_a_growing_message_refuses(world: World) -> None:
    thread, ts = await begun(world)
    slack = world.slack
    assert await error_of(slack.chat_update(channel=INCIDENTS, ts=ts, text="x")) == "streaming_state_conflict"
    assert (
        await error_of(slack.chat_appendStream(channel=INCIDENTS, ts=thread, markdown_text="x"))
        == "message_not_in_streaming_state"
    )
    assert (
        await error_of(slack.chat_appendStream(channel=INCIDENTS, ts=ts, markdown_text="x" * 12_001))
        == "msg_blocks_too_long"
    )
    assert (
        await error_of(slack.chat_appendStream(channel=INCIDENTS, ts=ts, chunks=[{"type": "dance"}]))
        == "invalid_chunks"
    )
    said = await world.act("message", user="mika", channel=INCIDENTS, text="mine")
    assert (
        await error_of(slack.chat_appendStream(channel=INCIDENTS, ts=said["ts"], markdown_text="x"))
        == "message_not_owned_by_app"
    )
    many = [{"type": "task_update", "id": str(n), "title": "t", "status": "pending"} for n in range(51)]
    assert await error_of(slack.chat_appendStream(channel=INCIDENTS, ts=ts, chunks=many)) == "msg_blocks_too_many"
    assert world.messages()[1]["blocks"] == [], "a refused chunk leaves nothing behind"
    await slack.chat_stopStream(channel=INCIDENTS, ts=ts, markdown_text="end")
    assert await error_of(slack.chat_stopStream(channel=INCIDENTS, ts=ts)) == "message_not_in_streaming_state"
    assert await error_of(slack.chat_startStream(channel=GENERAL, thread_ts=thread)) == "not_in_channel"


# ------------------------------------------------------------ canvases


def markdown(text: str) -> dict[str, str]:
    return {"type": "markdown", "markdown": text}


async def test_a_canvas_is_written_searched_and_changed(world: World) -> None:
    content = markdown("# INC-1\n\nWhat happened\n\n## Timeline\n\n- 02:00 alert")
    canvas = (await world.slack.canvases_create(title="Review", document_content=content))["canvas_id"]
    headers = await world.slack.canvases_sections_lookup(canvas_id=canvas, criteria={"section_types": ["any_header"]})
    assert len(headers["sections"]) == 2
    found = await world.slack.canvases_sections_lookup(
        canvas_id=canvas, criteria={"contains_text": "timeline", "section_types": ["h2"]}
    )
    section = found["sections"][0]["id"]
    for change in (
        {"operation": "insert_before", "section_id": section, "document_content": markdown("Who was there")},
        {"operation": "insert_after", "section_id": section, "document_content": markdown("(all times UTC)")},
        {"operation": "replace", "section_id": section, "document_content": markdown("## What happened when")},
        {"operation": "insert_at_start", "document_content": markdown("Draft")},
        {"operation": "insert_at_end", "document_content": markdown("The end")},
    ):
        await world.slack.canvases_edit(canvas_id=canvas, changes=[change])
    shown = (await world.get("canvases"))["canvases"][0]
    assert shown["markdown"].split("\n\n") == [
        "Draft", "# INC-1", "What happened", "Who was there", "## What happened when", "(all times UTC)", "- 02:00 alert", "The end",
    ]  # fmt: skip
    gone = {"operation": "delete", "section_id": section}
    assert await error_of(world.slack.canvases_edit(canvas_id=canvas, changes=[gone])) == "canvas_editing_failed"
    await world.slack.canvases_access_set(canvas_id=canvas, access_level="write", user_ids=[MIKA])
    both = world.slack.canvases_access_set(
        canvas_id=canvas, access_level="read", user_ids=[MIKA], channel_ids=[INCIDENTS]
    )
    assert await error_of(both) == "invalid_parameters"
    await world.slack.canvases_delete(canvas_id=canvas)
    assert await error_of(world.slack.canvases_delete(canvas_id=canvas)) == "canvas_not_found"


async def test_a_channel_has_one_canvas(world: World) -> None:
    canvas = (await world.slack.conversations_canvases_create(channel_id=INCIDENTS, document_content=markdown("a")))[
        "canvas_id"
    ]
    again = world.slack.conversations_canvases_create(channel_id=INCIDENTS, document_content=markdown("a"))
    assert await error_of(again) == "channel_canvas_already_exists"
    await world.slack.canvases_delete(canvas_id=canvas)
    await world.slack.conversations_canvases_create(channel_id=INCIDENTS, document_content=markdown("a"))


async def test_a_canvas_has_an_end(direct: World) -> None:
    auth = {"Authorization": f"Bearer {APP.bot_token}"}
    canvas = (await direct.http.post("/api/canvases.create", json={"title": "a"}, headers=auth)).json()["canvas_id"]
    change = {"operation": "insert_at_end", "document_content": markdown("x" * 1_048_577)}
    answer = await direct.http.post("/api/canvases.edit", json={"canvas_id": canvas, "changes": [change]}, headers=auth)
    assert answer.json()["error"] == "canvas_too_large"


async def test_a_thread_says_what_the_app_does(world: World) -> None:
    ts = await parent(world)
    await world.slack.assistant_threads_setStatus(channel_id=INCIDENTS, thread_ts=ts, status="looks at MLflow…")
    await world.slack.assistant_threads_setTitle(channel_id=INCIDENTS, thread_ts=ts, title="INC-1")
    assert world.sandbox.workspace.thread_notes[INCIDENTS, ts] == {"status": "looks at MLflow…", "title": "INC-1"}
    nowhere = world.slack.assistant_threads_setStatus(channel_id=INCIDENTS, thread_ts="1.1", status="x")
    assert await error_of(nowhere) == "invalid_thread_ts"
