"""Everything that can happen in a workspace, once: something to be recorded."""

import asyncio
import contextlib
import re
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError

from .bolt import CARD, listeners
from .conftest import GENERAL, INCIDENTS, PLATFORM, World, processed, until


async def an_evening(world: World) -> None:
    """People, the app and troubles, in turn."""
    world.slack.retry_handlers.clear()
    app = world.new_app()
    listeners(app)

    @app.event(re.compile(".*"))
    async def anything_else() -> None:
        """Acknowledged, like everything."""

    await world.connect(app)
    await _talk(world)
    await _modal(world)
    await _things(world)
    await _channels(world)
    await _trouble(world)


async def _talk(world: World) -> None:
    slack = world.slack
    await world.act("message", user="dana", channel=INCIDENTS, text="hello @mlops, see <https://example.com/a|this>")
    card = (await slack.chat_postMessage(channel=INCIDENTS, text="card", blocks=CARD))["ts"]
    world.clock.jump(20)
    await world.act("message", user="mika", channel=INCIDENTS, text="looking", thread_ts=card)
    await slack.chat_postMessage(channel=INCIDENTS, text="in the thread", thread_ts=card)
    await slack.chat_update(channel=INCIDENTS, ts=card, text="card, edited", blocks=CARD)
    await slack.chat_postEphemeral(channel=INCIDENTS, user="U0MLENG01", text="only Mika sees this")
    await world.act("react", user="devi", channel=INCIDENTS, ts=card, name="eyes")
    await world.act("react", user="devi", channel=INCIDENTS, ts=card, name="eyes", remove=True)
    await world.act("react", user="omar", channel=INCIDENTS, ts=card, name="tada")
    pressed = await world.act("click", user="mika", channel=INCIDENTS, ts=card, action_id="ack")
    await world.get(f"interactions/{pressed['interaction']}", responses=1, wait=10)
    gone = (await slack.chat_postMessage(channel=INCIDENTS, text="a mistake"))["ts"]
    await slack.chat_delete(channel=INCIDENTS, ts=gone)
    await slack.chat_delete(channel=INCIDENTS, ts=card)
    said = await world.act("command", user="paula", channel=GENERAL, command="/mlops", text="status")
    await world.get(f"interactions/{said['interaction']}", responses=1, wait=10)
    await slack.chat_postMessage(channel="U0MLENG01", text="in the direct messages")


async def _modal(world: World) -> None:
    done = await world.act("command", user="mika", channel=INCIDENTS, command="/mlops", text="declare")
    opened = (await world.get(f"interactions/{done['interaction']}", responses=9, wait=10))["view"]

    def title(text: str) -> dict[str, Any]:
        return {"title": {"title": {"type": "plain_text_input", "value": text}}}

    for text in ("", "bad", "push"):
        await world.act("submit", user="mika", view_id=opened["id"], values=title(text))
    assert len((await world.get("views", user="mika"))["views"]) == 2
    await world.act("close", user="mika", view_id=opened["id"])
    await world.act("home", user="mika")
    await until(world, lambda: world.sandbox.workspace.home_of("U0MLENG01") is not None)


async def _things(world: World) -> None:
    slack = world.slack
    await slack.files_upload_v2(filename="notes.md", content="# notes", channel=INCIDENTS, initial_comment="the notes")
    await processed(world)
    picture = (await slack.files_upload_v2(filename="chart.png", content=b"\x89PNG", channel=INCIDENTS))["file"]["id"]
    await processed(world)
    await slack.files_delete(file=picture)
    ts = (await slack.chat_postMessage(channel=INCIDENTS, text="pinned"))["ts"]
    await slack.pins_add(channel=INCIDENTS, timestamp=ts)
    await slack.bookmarks_add(channel_id=INCIDENTS, title="Board", type="link", link="https://example.com")
    group = (await slack.usergroups_create(name="ML", handle="ml"))["usergroup"]["id"]
    await slack.usergroups_users_update(usergroup=group, users=["U0MLENG01"])
    canvas = (await slack.conversations_canvases_create(channel_id=INCIDENTS, document_content=_page("# One")))[
        "canvas_id"
    ]
    await slack.canvases_edit(
        canvas_id=canvas, changes=[{"operation": "insert_at_end", "document_content": _page("two")}]
    )
    await slack.assistant_threads_setStatus(channel_id=INCIDENTS, thread_ts=ts, status="is looking")
    grown = await slack.chat_startStream(
        channel=INCIDENTS, thread_ts=ts, recipient_user_id="U0MLENG01", recipient_team_id="T0SANDBOX"
    )
    await slack.chat_appendStream(channel=INCIDENTS, ts=grown["ts"], markdown_text="more and more")
    await slack.chat_stopStream(channel=INCIDENTS, ts=grown["ts"])
    await slack.chat_scheduleMessage(channel=INCIDENTS, text="later", post_at=int(world.clock.now()) + 60)
    world.clock.jump(61)
    await until(world, lambda: "later" in world.texts())


def _page(markdown: str) -> dict[str, str]:
    return {"type": "markdown", "markdown": markdown}


async def _channels(world: World) -> None:
    slack = world.slack
    room = (await slack.conversations_create(name="inc-1"))["channel"]["id"]
    await slack.conversations_invite(channel=room, users=["U0MLENG01", "U0DEVOPS1"])
    await slack.conversations_setTopic(channel=room, topic="what burns")
    await slack.conversations_rename(channel=room, name="inc-1-drift")
    await slack.conversations_archive(channel=room)
    await slack.conversations_join(channel=PLATFORM)
    await world.act("membership", channel=PLATFORM, user="mlops", member=False)
    await slack.conversations_open(users=["U0MLENG01", "U0DEVOPS1"])


async def _trouble(world: World) -> None:
    await world.act("fault", kind="lost_answer", method="chat.postMessage", count=1)
    with contextlib.suppress(aiohttp.ClientError):
        await world.slack.chat_postMessage(channel=INCIDENTS, text="nobody knows whether this was said")
    await world.act("fault", kind="slack_error", method="chat.*", error="fatal_error", count=1)
    with contextlib.suppress(SlackApiError):
        await world.slack.chat_postMessage(channel=INCIDENTS, text="this was not said")
    asked = asyncio.create_task(
        world.act("command", user="mika", channel=INCIDENTS, command="/mlops", text="never")
    )  # fmt: skip
    await world.clock.until_asleep(3)
    world.clock.jump(3)
    await asked
    world.sandbox.sockets.abort()
