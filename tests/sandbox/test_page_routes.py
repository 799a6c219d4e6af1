"""The page's addresses: who sees what, windows of long channels, what is missing is said, headers that allow no script."""

from collections.abc import AsyncIterator
from html import unescape

import httpx
import pytest
from starlette.applications import Starlette

from sandbox.page import routes
from sandbox.workspace import messages, views
from tests.sandbox.page_html import Reading
from tests.sandbox.page_world import BOT, DEVI, MIKA, World, declare_view, populated


@pytest.fixture
def world() -> World:
    return populated()


@pytest.fixture
async def web(world: World) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(Starlette(routes=routes(world.workspace)))
    async with httpx.AsyncClient(transport=transport, base_url="http://page.test") as client:
        yield client


async def _ok(web: httpx.AsyncClient, path: str) -> str:
    answer = await web.get(path)
    assert answer.status_code == 200, answer.text
    return answer.text


async def test_the_page_says_who_one_is_and_shows_the_bots_card(web: httpx.AsyncClient) -> None:
    text = Reading(await _ok(web, "/?as=mika&channel=ml-incidents")).text
    for wanted in (
        "Mika Laine",
        "ML engineer",
        "Product manager",
        "INC-42",
        "Operations",
        "Only visible to you",
        "3 replies",
        "INC-42.md",
    ):
        assert wanted in text


async def test_nobody_else_sees_an_ephemeral_message(web: httpx.AsyncClient) -> None:
    for path in ("/?as=devi&channel=ml-incidents", "/page/messages?as=devi&channel=ml-incidents"):
        assert "Only visible to you" not in await _ok(web, path)


async def test_an_ephemeral_message_of_somebody_else_is_nothing_by_its_ts_too(
    world: World, web: httpx.AsyncClient
) -> None:
    whisper = world.incidents.whispers[0]
    own = await web.get(f"/page/message?as=mika&channel=C0INCIDENT&ts={whisper.ts}")
    other = await web.get(f"/page/message?as=devi&channel=C0INCIDENT&ts={whisper.ts}")
    assert (own.status_code, other.status_code) == (200, 204)
    drawer = unescape(await _ok(web, f"/page/call?as=devi&channel=C0INCIDENT&ts={whisper.ts}"))
    assert "This message isn't here any more." in drawer


@pytest.mark.parametrize("path", ["/", "/page/main", "/page/messages", "/page/message", "/page/thread", "/page/call"])
async def test_a_private_channel_is_not_there_for_others(web: httpx.AsyncClient, path: str) -> None:
    assert (await web.get(f"{path}?as=mika&channel=ml-leads&ts=1&thread=1")).status_code == 404
    assert (await web.get(f"{path}?as=mika&channel=C0PRIVATE1&ts=1&thread=1")).status_code == 404
    assert (await web.get(f"{path}?as=devi&channel=ml-leads&ts=1&thread=1")).status_code in {200, 204}


async def test_direct_messages_of_somebody_else_are_not_there(world: World, web: httpx.AsyncClient) -> None:
    theirs = world.workspace.direct(DEVI)
    assert (await web.get(f"/page/main?as=mika&channel={theirs.id}")).status_code == 404
    assert (await web.get("/page/main?as=mika&channel=@devi")).status_code == 404
    assert "INC-42" in await _ok(web, "/page/main?as=mika&channel=@mlops")


@pytest.mark.parametrize("query", ["as=nobody", "as=mlops", "as=mika&channel=nowhere"])
async def test_who_or_what_is_not_here_is_said_with_a_way_on(web: httpx.AsyncClient, query: str) -> None:
    answer = await web.get(f"/?{query}")
    assert answer.status_code == 404
    assert "There is no" in answer.text
    assert 'href="/?as=dana"' in answer.text


async def test_without_a_name_one_is_mika_or_somebody_who_sees_the_channel(web: httpx.AsyncClient) -> None:
    assert "You are Devi Rao" in unescape(await _ok(web, "/?channel=ml-leads"))
    for address in ("/", "/?channel=ml-incidents"):
        page = unescape(await _ok(web, address))
        assert "You are Mika Laine" in page
        assert '"as":"mika"' in page
        assert 'data-channel="C0INCIDENT"' in page


async def test_a_long_channel_comes_in_windows_that_meet(world: World, web: httpx.AsyncClient) -> None:
    for n in range(150):
        world.say(DEVI, f"number {n}.")
    seen: list[str] = []
    before = ""
    for _ in range(10):
        reading = Reading(await _ok(web, f"/page/messages?as=devi&channel=ml-incidents&before={before}"))
        rows = [row["data-ts"] for row in reading.all("li") if "data-ts" in row]
        seen = [*rows, *seen]
        older = [one["data-older"] for one in reading.all("button") if "data-older" in one]
        if not older:
            break
        assert len(rows) == 60
        before = older[0]
    shown = [ts for ts, message in world.incidents.messages.items() if not message.is_reply]
    assert seen == shown
    assert len(shown) > 150


async def test_a_reply_stands_in_its_thread_only_unless_it_was_sent_to_the_channel_too(
    world: World, web: httpx.AsyncClient
) -> None:
    parent = next(m for m in world.incidents.messages.values() if m.body.get("text", "").startswith("🟠"))
    reply = world.say(MIKA, "only here", parent.ts)
    both = world.say(MIKA, "there too", parent.ts, subtype="thread_broadcast")
    for message, in_channel in ((reply, 204), (both, 200)):
        assert (await web.get(f"/page/message?as=mika&channel=C0INCIDENT&ts={message.ts}")).status_code == in_channel
        there = await web.get(f"/page/message?as=mika&channel=C0INCIDENT&ts={message.ts}&thread={parent.ts}")
        assert there.status_code == 200
    thread = await _ok(web, f"/page/thread?as=mika&channel=C0INCIDENT&thread={parent.ts}")
    assert "only here" in thread
    assert "5 replies" in thread


async def test_a_message_that_was_deleted_is_nothing(world: World, web: httpx.AsyncClient) -> None:
    said = world.say(MIKA, "wrong window")
    messages.delete(world.workspace, said)
    assert (await web.get(f"/page/message?as=mika&channel=C0INCIDENT&ts={said.ts}")).status_code == 204


async def test_the_drawer_shows_the_call_and_what_it_used(world: World, web: httpx.AsyncClient) -> None:
    made = world.post({"text": "hello", "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "12345"}}]})
    text = Reading(await _ok(web, f"/page/call?as=mika&channel=C0INCIDENT&ts={made.ts}")).text
    for wanted in (
        "chat.postMessage",
        "1 of 50, 5 characters in them",
        "5 of 40,000 characters",
        "within a minute",
        '"text": "hello"',
    ):
        assert wanted in text
    said = world.say(MIKA, "by hand")
    assert "Written by a person" in await _ok(web, f"/page/call?as=mika&channel=C0INCIDENT&ts={said.ts}")


async def test_the_modal_on_top_is_shown_with_a_form(world: World, web: httpx.AsyncClient) -> None:
    assert await _ok(web, "/page/views?as=mika") == ""
    views.open_modal(world.workspace, MIKA, declare_view())
    second = views.open_modal(
        world.workspace, MIKA, {**declare_view(), "title": {"type": "plain_text", "text": "Second"}}
    )
    reading = Reading(await _ok(web, "/page/views?as=mika"))
    assert "Second" in reading.text
    assert [one["data-view"] for one in reading.all("div") if "data-view" in one] == [second.id]
    assert reading.all("form") != []
    assert await _ok(web, "/page/views?as=devi") == ""


async def test_the_home_of_the_app_is_each_persons_own(web: httpx.AsyncClient) -> None:
    assert "Waiting for you" in await _ok(web, "/?as=mika&home=1")
    assert "has not published a Home for you" in unescape(await _ok(web, "/page/home?as=devi"))


async def test_an_archived_channel_and_one_that_one_is_not_in_take_no_message(
    world: World, web: httpx.AsyncClient
) -> None:
    world.workspace.conversations["C0PLATFORM"].members.remove(MIKA)
    assert "you are not a member" in await _ok(web, "/page/main?as=mika&channel=ml-platform")
    world.incidents.archived = True
    assert "This channel is archived" in await _ok(web, "/page/main?as=mika&channel=ml-incidents")


@pytest.mark.parametrize(
    "path", ["/?as=mika", "/page/gallery", "/page/main?as=mika&channel=general", "/page/sidebar?as=x"]
)
async def test_every_answer_forbids_scripts_and_styles_that_are_not_its_own(web: httpx.AsyncClient, path: str) -> None:
    answer = await web.get(path)
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    scripts = (
        Reading(answer.text.replace("<!doctype html>", "")).all("script") if answer.text.startswith("<!doctype") else []
    )
    assert all(one.get("src", "").startswith("/page/static/") or one["type"] == "application/json" for one in scripts)


async def test_half_a_character_in_a_message_does_not_break_the_page(world: World, web: httpx.AsyncClient) -> None:
    world.say(DEVI, "half \ud83d a smile")
    assert "half ? a smile" in await _ok(web, "/?as=mika&channel=ml-incidents")


async def test_the_data_for_the_script_can_not_end_its_element(world: World, web: httpx.AsyncClient) -> None:
    html = await _ok(web, "/?as=mika&channel=ml-incidents&thread=</script><script>alert(1)</script>")
    assert "<script>alert(1)" not in html


async def test_a_files_permalink_leads_to_its_bytes(world: World, web: httpx.AsyncClient) -> None:
    file_id = next(iter(world.workspace.files))
    answer = await web.get(f"/files/{file_id}")
    assert (answer.status_code, answer.headers["location"]) == (307, f"http://127.0.0.1/files/{file_id}/INC-42.md")
    assert (await web.get("/files/F0NOWHERE")).status_code == 404


@pytest.mark.parametrize("name", ["page.js", "dom.js", "live.js", "base.css", "blocks.css", "app.svg"])
async def test_the_pages_own_files_are_served(web: httpx.AsyncClient, name: str) -> None:
    assert (await web.get(f"/page/static/{name}")).status_code == 200
    assert (await web.get("/page/static/../routes.py")).status_code == 404


async def test_a_message_of_the_app_is_marked_as_such_and_mentions_are_named(
    world: World, web: httpx.AsyncClient
) -> None:
    world.say(MIKA, f"<@{BOT}> help")
    html = await _ok(web, "/page/main?as=devi&channel=ml-incidents")
    assert "@MLOps bot" in html
    assert '<span class="badge">App</span>' in html
