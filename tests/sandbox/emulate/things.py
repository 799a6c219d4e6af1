"""The calls about files and views."""

import asyncio
from typing import Any

import httpx

from sandbox.workspace.seed import APP

from .asking import Side
from .rooms import NOWHERE, UNKNOWN, a_room, people

FILE = ("id", "name", "title", "size", "mimetype", "filetype", "user", "mode", "is_external", "is_public", "channels")
SHOWN = tuple(f"file.{name}" for name in FILE)
DIVIDER = {"type": "divider"}


async def files(side: Side) -> None:
    """Announced, sent, completed, taken away."""
    who = await people(side)
    room = await a_room(side, "files", who["mika"])
    announce, complete = "files.getUploadURLExternal", "files.completeUploadExternal"
    await side.ask("of no length", announce, filename="a.txt", length=0)
    await side.ask("without a name", announce, filename="", length=3)
    one = await announced(side, "a chart", "chart.png", b"\x89PNG")
    silent = await side.ask("nothing comes", announce, keep="file_id", filename="silent.txt", length=4)
    await side.ask("before its bytes came", complete, files=[{"id": silent, "title": "Silent"}])
    await side.ask("before it is done", "files.info", file=one)
    shown = tuple(f"files[].{name}" for name in ("id", "title"))
    unwanted = await announced(side, "a draft", "draft.txt", b"draft")
    await side.ask("nowhere", complete, files=[{"id": unwanted}], channel_id=NOWHERE)
    await side.ask("where the app isn't", complete, files=[{"id": unwanted}], channel_id=side.general)
    given: dict[str, Any] = {"files": [{"id": one, "title": "Drift"}], "channel_id": room, "initial_comment": "see"}
    await side.ask("in a channel", complete, *shown, **given)
    await processed(side, one)
    await side.ask("in a channel again", complete, **given)
    await side.ask("what never was", complete, files=[{"id": "F0NOTTHERE"}], channel_id=room)
    said = tuple(f"messages[].{name}" for name in ("text", "user", "upload", "subtype"))
    await side.ask("the message", "conversations.history", *said, channel=room, limit=1)
    await side.ask("a chart", "files.info", *SHOWN, file=one)
    await side.ask("what never was", "files.info", file="F0NOTTHERE")
    alone = await announced(side, "a note", "note.txt", b"note")
    await side.ask("nowhere in particular", complete, *shown, files=[{"id": alone}])
    await processed(side, alone)
    await side.ask("a note", "files.info", *SHOWN, file=alone)
    await in_thread(side, room)
    await side.ask("a chart", "files.delete", file=one)
    await side.ask("a chart again", "files.delete", file=one)
    await side.ask("what is gone", "files.info", file=one)
    await side.ask("when the file is gone", "conversations.history", "messages[].text", channel=room, limit=1)


async def in_thread(side: Side, room: str) -> None:
    """An attachment in an answer."""
    ts = await side.ask("the first", "chat.postMessage", keep="ts", channel=room, text="first")
    late = await announced(side, "a log", "run.log", b"failed")
    given: dict[str, Any] = {"files": [{"id": late, "title": "Log"}], "channel_id": room, "thread_ts": ts}
    await side.ask("in a thread", "files.completeUploadExternal", **given)
    await processed(side, late)
    shown = ("messages[].text", "messages[].thread_ts")
    await side.ask("with a file", "conversations.replies", *shown, channel=room, ts=ts)


async def announced(side: Side, case: str, name: str, data: bytes) -> str:
    """A file whose bytes are there."""
    url = await side.ask(case, "files.getUploadURLExternal", keep="upload_url", filename=name, length=len(data))
    async with httpx.AsyncClient(trust_env=False) as http:
        assert (await http.post(url, content=data)).is_success
    return side.knows(url.rpartition("/")[2], case)


async def processed(side: Side, file: str) -> None:
    """Wait until it is known what a file is; a workspace may need a moment for that."""
    side.passes(1)
    async with asyncio.timeout(15):
        while not (await side.client.files_info(file=file)).data["file"]["mimetype"]:  # noqa: ASYNC110 - it is elsewhere
            await asyncio.sleep(0.02)


def modal(callback_id: str, **more: Any) -> dict[str, Any]:
    """A small one."""
    title = {"type": "plain_text", "text": "Declare"}
    return {"type": "modal", "callback_id": callback_id, "title": title, "blocks": [DIVIDER], **more}


async def views(side: Side) -> None:
    """Modals on one another."""
    who = await people(side)
    opened, push, update = "views.open", "views.push", "views.update"
    shown = tuple(
        f"view.{name}" for name in ("type", "callback_id", "private_metadata", "external_id", "previous_view_id")
    )
    first = modal("first", external_id="one", private_metadata="kept", clear_on_close=True)
    await side.ask("a trigger of nobody", opened, trigger_id="1.2.3", view=first)
    for case, view in {
        "a block of no known type": modal("a", blocks=[{"type": "nonsense"}]),
        "a home": {"type": "home", "blocks": []},
        "without a title": {"type": "modal", "blocks": []},
        "no view at all": {"what": "?"},
        "more than 250 kB": modal("a", private_metadata="a" * 260_000),
    }.items():
        await side.ask(case, opened, trigger_id=await side.trigger(who["mika"], ""), view=view)
    trigger = await side.trigger(who["mika"], "")
    root = await side.ask(
        "a modal", opened, *shown, "view.clear_on_close", keep="view.id", trigger_id=trigger, view=first
    )
    await side.ask("by a trigger that is used", opened, trigger_id=trigger, view=modal("a"))
    await side.ask("under a name that is taken", opened, trigger_id=await side.trigger(who["dana"], ""), view=first)
    old = await side.trigger(who["omar"], "")
    side.passes(4)
    await side.ask("by a trigger that is too old", opened, trigger_id=old, view=modal("a"))
    same = ("view.id", "view.callback_id")
    await side.ask("by its id", update, *same, view_id=root, view=modal("second", external_id="one"))
    old = await side.ask(
        "by the app's own name", update, keep="view.hash", external_id="one", view=modal("first", external_id="one")
    )
    await side.ask(
        "with the newest hash", update, *same, view_id=root, hash=old, view=modal("third", external_id="one")
    )
    await side.ask("with an old hash", update, view_id=root, hash=old, view=modal("fourth"))
    await side.ask("what never was", update, view_id="V0NOTTHERE", view=modal("a"))
    await side.ask("into a home", update, view_id=root, view={"type": "home", "blocks": []})
    top = root
    for number in range(2, 5):
        shown = ("view.root_view_id", "view.previous_view_id")
        trigger = await side.trigger(who["mika"], top)
        top = (
            await side.ask(f"number {number}", push, *shown, keep="view.id", trigger_id=trigger, view=modal("a")) or top
        )
    await side.ask("by a trigger that is used", push, trigger_id=trigger, view=modal("a"))
    await side.ask("on nothing", push, trigger_id=await side.trigger(who["omar"], ""), view=modal("a"))


async def homes(side: Side) -> None:
    """What a person sees when they open the app."""
    who = await people(side)
    publish = "views.publish"
    home = {"type": "home", "callback_id": "home", "blocks": [DIVIDER], "external_id": "home-of-mika"}
    shown = ("view.type", "view.callback_id", "view.external_id", "#view.blocks", "view.app_id", "view.bot_id")
    mika = {"user_id": who["mika"]}
    one = await side.ask("a home", publish, *shown, keep="view.id", view=home, **mika)
    old = await side.ask("anew", publish, "view.id", keep="view.hash", view=home, **mika)
    await side.ask("with the newest hash", publish, hash=old, view=home, **mika)
    await side.ask("with an old hash", publish, hash=old, view=home, **mika)
    await side.ask("a home", "views.update", "view.id", view_id=one, view=home)
    await side.ask("for nobody", publish, user_id=UNKNOWN, view=home)
    await side.ask("a modal", publish, user_id=who["omar"], view=modal("a"))
    nonsense = {"type": "home", "blocks": [{"type": "nonsense"}]}
    await side.ask("a block of no known type", publish, user_id=who["omar"], view=nonsense)
    await side.ask("under a name that is taken", publish, user_id=who["dana"], view=home)
    await side.ask("for the app", publish, user_id=APP.user_id, view={"type": "home", "blocks": [DIVIDER]})
