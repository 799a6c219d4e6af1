"""Long lists in a real browser: what is in sight, what is drawn, and what stays where it was."""

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from sandbox.workspace import messages
from sandbox.world import Sandbox
from tests.browser import a_tab, enter
from tests.needs import needs
from tests.sandbox.page_app import SEVERITY
from tests.sandbox.page_world import DEVI, MIKA, World, crowd

pytestmark = [needs("chromium"), pytest.mark.asyncio(loop_scope="module")]
FIELD, REPLY = "#main .composer textarea", "#side .composer textarea"
LOG, SIDE = "#log", "#side"
WHOLE = 0.99
"""All of it can be seen, but for what rounding takes."""


def _last(page: Page, text: str, log: str = LOG) -> Locator:
    return page.locator(f"{log} .msg").filter(has_text=text).last


async def _to_the_top(page: Page, log: str = LOG) -> None:
    await page.locator(log).evaluate("log => log.scrollTop = 0")


async def test_what_one_does_brings_its_answer_into_sight_and_nobody_else_moves_the_page(
    browser: Browser, place: tuple[Sandbox, str]
) -> None:
    sandbox, url = place
    world = World(sandbox.workspace)
    first = world.post({"text": "How bad is it?", "blocks": [{"type": "actions", "elements": [SEVERITY]}]})
    for n in range(40):
        world.say(DEVI, f"note {n}")
        world.say(DEVI, f"reply {n}", first.ts)
    async with a_tab(browser) as page:
        log, field = page.locator(LOG), page.locator(FIELD)
        await enter(page, url, "mika")
        await field.fill("/mlops help")
        await _to_the_top(page)
        await field.press("Enter")
        await expect(_last(page, "and wrote help")).to_be_in_viewport(ratio=WHOLE)

        await field.fill("Looking.")
        await _to_the_top(page)
        await field.press("Enter")
        await expect(_last(page, "Looking.")).to_be_in_viewport(ratio=WHOLE)

        # What is pressed far above is answered below, for this person alone.
        await _to_the_top(page)
        await log.locator("select[data-action=pick]").select_option("sev1")
        await expect(_last(page, "You chose sev1.")).to_be_in_viewport(ratio=WHOLE)

        # What others say, and what the app says unasked, leaves one where one reads.
        await _to_the_top(page)
        world.say(DEVI, "Still reading?")
        messages.whisper(sandbox.workspace, world.incidents, MIKA, {"text": "Your turn begins at six."})
        await expect(log).to_contain_text("Your turn begins at six.")
        await expect(log).to_contain_text("Still reading?")
        await expect(page.locator("#main").get_by_text("New messages ↓")).to_be_visible()
        assert await log.evaluate("log => log.scrollTop") == 0

        # A thread is a list of its own.
        await page.locator(f"[id='m-{first.ts}'] .replies").click()
        await expect(page.locator("#side .thread-replies")).to_contain_text("reply 39")
        await page.locator(REPLY).fill("Thank you")
        await _to_the_top(page, "#thread-log")
        await page.locator(REPLY).press("Enter")
        await expect(_last(page, "Thank you", "#thread-log")).to_be_in_viewport(ratio=WHOLE)


async def test_a_bad_night_scrolls_and_edits_only_what_changed(browser: Browser, place: tuple[Sandbox, str]) -> None:
    sandbox, url = place
    world = World(sandbox.workspace)
    for n in range(150):
        world.say(DEVI, f"note {n}")
    crowd(world, incidents=50, replies=200)
    channel = world.incidents
    async with a_tab(browser) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        log, rows = page.locator(LOG), page.locator("#log > .msg")
        await enter(page, url, "mika")
        await page.evaluate("window.notReloaded = true")
        assert await rows.count() == 60
        await _to_the_top(page)
        await expect(rows).to_have_count(120)
        kept = await log.evaluate("log => log.scrollTop")
        assert kept > 1000, "what one was reading stays where it was"

        # One card of fifty is edited: one fragment is fetched, the other elements stay the same ones.
        cards = [m for m in channel.messages.values() if not m.is_reply and m.by_app]
        await rows.evaluate_all("rows => rows.forEach(one => one.marked = true)")
        asked.clear()
        messages.edit(sandbox.workspace, cards[-1], {"text": "ended", "blocks": []}, mark=False)
        await expect(page.locator(f"[id='m-{cards[-1].ts}']")).to_contain_text("ended")
        assert len([address for address in asked if "/static/" not in address]) == 1
        assert await rows.evaluate_all("rows => rows.filter(one => !one.marked).length") == 1

        # A message that goes, goes; a thread of 200 opens at its end.
        note = [m for m in channel.messages.values() if not m.is_reply and not m.by_app][-1]
        messages.delete(sandbox.workspace, note)
        await expect(page.locator(f"[id='m-{note.ts}']")).to_have_count(0)
        await log.evaluate("log => log.scrollTop = 1e9")
        await page.locator(f"[id='m-{cards[-1].ts}'] .replies").click()
        await expect(page.locator("#side .thread-replies")).to_contain_text("note 199")
        assert await page.locator("#side .thread-replies > .msg").count() == 60
        assert await page.evaluate("window.notReloaded") is True


async def test_after_a_gap_everything_is_drawn_anew_and_what_was_begun_stays(
    browser: Browser, place: tuple[Sandbox, str]
) -> None:
    sandbox, url = place
    world = World(sandbox.workspace)
    for n in range(40):
        world.say(DEVI, f"line {n}\n\n\n")
    parent = world.say(DEVI, "the parent")
    async with a_tab(browser) as page:
        log, field, sidebar = page.locator(LOG), page.locator(FIELD), page.locator("#sidebar")
        await enter(page, url, "mika", more=f"&thread={parent.ts}")
        await field.fill("half a thou")
        await page.locator(REPLY).fill("half a repl")
        await log.evaluate("log => log.scrollTop = 300")
        before = await log.evaluate("log => log.scrollTop")
        sandbox.workspace.close()
        await expect(page.locator(".link-state")).to_contain_class("lost")
        world.say(DEVI, "said into the gap")
        world.say(DEVI, "answered in the gap", parent.ts)
        await expect(log).to_contain_text("said into the gap")
        await expect(page.locator(SIDE)).to_contain_text("answered in the gap")
        await expect(field).to_have_value("half a thou")
        await expect(page.locator(REPLY)).to_have_value("half a repl")
        assert abs(await log.evaluate("log => log.scrollTop") - before) < 30
        await sidebar.locator("[data-go=C0PLATFORM]").click()
        await expect(page.locator("#main h1")).to_contain_text("#ml-platform")
        await expect(field).to_have_value("")
        await sidebar.locator("[data-go=C0INCIDENT]").click()
        await expect(field).to_have_value("half a thou")


async def test_a_permalink_leads_to_an_old_message(browser: Browser, place: tuple[Sandbox, str]) -> None:
    sandbox, _ = place
    world = World(sandbox.workspace)
    old = world.say(DEVI, "the very first")
    for n in range(130):
        world.say(DEVI, f"line {n}")
    async with a_tab(browser) as page:
        row = page.locator(f"[id='m-{old.ts}']")
        await page.goto(sandbox.workspace.permalink("C0INCIDENT", old.ts))
        await expect(row).to_contain_class("at")
        await expect(row).to_be_in_viewport(ratio=WHOLE)
