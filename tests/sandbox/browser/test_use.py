"""The page in a real browser, with a real app behind it: what a person does there and sees."""

import json
import re

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from sandbox.interactions import Outcome
from sandbox.world import Sandbox
from tests.browser import a_tab, enter
from tests.needs import needs
from tests.sandbox.page_world import DEVI, MIKA, World

pytestmark = [needs("chromium"), pytest.mark.asyncio(loop_scope="module")]
FIELD, REPLY = "#main .composer textarea", "#side .composer textarea"
LOG, NOTE, SIDE = "#log", "#log .msg.ephemeral", "#side"
NOTES_ABOVE = (
    "document.querySelector('#notes').getBoundingClientRect().bottom"
    " <= document.querySelector('#main .composer').getBoundingClientRect().top"
)


def _card(page: Page) -> Locator:
    return page.locator("#log .msg:not(.ephemeral)").first


async def _menu(page: Page, entry: str) -> None:
    await _card(page).hover()
    await _card(page).locator(".tools [data-more]").click()
    await page.get_by_text(entry, exact=True).click()


async def _write(page: Page, text: str, field: str = FIELD) -> None:
    """As a command where it begins with one."""
    await page.locator(field).fill(text)
    await page.locator(field).press("Enter")


async def test_a_night_from_declaring_to_pinning(browser: Browser, place: tuple[Sandbox, str]) -> None:
    sandbox, url = place
    async with a_tab(browser) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        log, modal = page.locator(LOG), page.locator("#modals")
        severity, wrong = modal.get_by_label("Severity"), modal.locator(".wrong:not([hidden])")
        await enter(page, url, "mika")
        await page.evaluate("window.notReloaded = true")

        # A command opens a modal; what is wrong is said at its place, and what was typed stays.
        await page.locator(FIELD).fill("/mlops declare")
        await expect(page.locator("#main .composer-hint")).to_contain_text("goes to the app")
        await page.locator(FIELD).press("Enter")
        await expect(modal.get_by_role("heading", name="Declare an incident")).to_be_visible()
        await modal.get_by_role("button", name="Declare").click()
        await expect(wrong).to_contain_text("Please complete this required field.")
        await modal.get_by_label("What is wrong").fill("too short")
        await severity.select_option("sev1")
        await modal.get_by_label("What is wrong").press("Enter")
        await expect(wrong).to_contain_text("Say it in at least ten characters.")
        await expect(severity).to_have_value("sev1")
        # The field has the focus, so that one goes on typing.
        await page.keyboard.type(" no more: cards are declined")
        await page.keyboard.press("Enter")
        await expect(modal.locator("> *")).to_have_count(0)

        # The card comes by itself, with a note that nobody else sees.
        await expect(log).to_contain_text("too short no more: cards are declined")
        await expect(page.locator(NOTE)).to_contain_text("Declared as sev1.")
        async with a_tab(browser) as other:
            await enter(other, url, "devi")
            await expect(other.locator(LOG)).to_contain_text("cards are declined")
            await expect(other.locator(LOG)).not_to_contain_text("Declared as sev1.")

        # A press edits the message where it stands; a select in it acts at once.
        await log.get_by_role("button", name="Acknowledge").click()
        await expect(log).to_contain_text("Acknowledged by @Mika Laine")
        await log.locator("select[data-action=pick]").select_option("sev1")
        await expect(page.locator(NOTE).last).to_contain_text("You chose sev1.")

        # The message's menu: the app's shortcut, and the call that made it.
        await _menu(page, "⚡ Add to timeline")
        await expect(page.locator(NOTE).last).to_contain_text("Added “Acknowledged” to the timeline.")
        await _menu(page, "Show how it was made")
        await expect(page.locator("#side h3").filter(has_text="chat.update")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.locator(SIDE)).to_be_hidden()

        # A question before what matters: no means no.
        roll_back, question = log.get_by_role("button", name="Roll back"), page.get_by_role("alertdialog")
        await roll_back.click()
        await expect(question).to_contain_text("Nothing is changed before somebody else approves it.")
        await question.locator("[data-answer=no]").click()
        await expect(question).to_have_count(0)
        await roll_back.click()
        await question.locator("[data-answer=yes]").click()
        replies = log.locator(".replies")
        await expect(replies).to_contain_text("1 reply")
        plans = [call for call in sandbox.workspace.calls("chat.postMessage") if "plan" in call["arguments"]["text"]]
        assert len(plans) == 1

        # 📌, and the thread that it starts.
        await _card(page).hover()
        await _card(page).locator(".tools [data-react=pushpin]").click()
        await expect(replies).to_contain_text("2 replies")
        await replies.click()
        await expect(page.locator(SIDE)).to_contain_text("Pinned by @Mika Laine.")
        await _write(page, "Thank you", REPLY)
        await expect(page.locator("#side .thread-replies")).to_contain_text("Thank you")
        await expect(replies).to_contain_text("3 replies")

        # A card with replies is still answered where it stands.
        await _menu(page, "⚡ Add to timeline")
        await expect(page.locator(NOTE)).to_have_count(4)

        assert await page.evaluate("window.notReloaded") is True
        assert asked
        assert [address for address in asked if not address.startswith((url, "data:"))] == []


async def test_a_modal_of_many_controls_keeps_what_was_filled_in_when_the_app_changes_it(
    browser: Browser, place: tuple[Sandbox, str]
) -> None:
    _, url = place
    async with a_tab(browser) as page:
        modal = page.locator("#modals")
        await enter(page, url, "mika")
        await _write(page, "/mlops ask")
        await modal.get_by_label("note").fill("late data")
        await modal.get_by_role("checkbox", name="two").check()
        await modal.get_by_role("radio", name="three").check()
        await modal.locator(f"input[value={DEVI}]").check()
        await modal.get_by_role("button", name="Look up").click()
        await expect(modal).to_contain_text("Looked up: late data")
        model = modal.get_by_label("model", exact=True)
        await modal.locator("[data-suggest]").fill("fraud")
        await expect(model.locator("option[data-choice]")).to_have_count(2)
        await model.select_option("fraud-ranker")
        await modal.get_by_role("button", name="Send").click()
        told = {
            "note": "late data", "model": "fraud-ranker", "checks": ["two"], "how": "three", "day": "2026-11-23", "who": [DEVI],
        }  # fmt: skip
        await expect(page.locator(NOTE)).to_contain_text(json.dumps(told))


async def test_a_modal_is_closed_by_esc_and_leaves_the_focus_where_it_was(
    browser: Browser, place: tuple[Sandbox, str]
) -> None:
    sandbox, url = place
    async with a_tab(browser) as page:
        await enter(page, url, "mika")
        await _write(page, "/mlops ask")
        await expect(page.locator("#modals h2")).to_have_text("Ask")
        await expect(page.locator("#modals [data-action=note]")).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(page.locator("#modals > *")).to_have_count(0)
        await expect(page.locator(FIELD)).to_be_focused()
        assert sandbox.workspace.views_of(MIKA) == []


async def test_what_the_app_does_not_take_is_told_to_the_person(browser: Browser, place: tuple[Sandbox, str]) -> None:
    _, url = place
    async with a_tab(browser) as page:
        notes, field = page.locator("#notes"), page.locator(FIELD)
        await enter(page, url, "mika")
        await _write(page, "/deploy now")
        await expect(notes).to_contain_text("/deploy is not a command here. The app has: /mlops.")
        await page.wait_for_function(NOTES_ABOVE)
        await expect(field).to_have_value("/deploy now")
        await _write(page, "/mlops silent")
        await expect(notes).to_contain_text("operation_timeout")

        # What is to be sent again may be long: no note covers it, or its button.
        low = await page.locator("#main .composer").evaluate("one => one.offsetHeight")
        await field.focus()
        await page.keyboard.insert_text("\nline" * 5)
        await page.wait_for_function(
            "low => document.querySelector('#main .composer').offsetHeight > low + 40", arg=low
        )
        await page.wait_for_function(NOTES_ABOVE)
        await page.locator("#main .composer [type=submit]").click()


async def test_somebody_else_by_keyboard_and_the_home_of_the_app(browser: Browser, place: tuple[Sandbox, str]) -> None:
    _, url = place
    async with a_tab(browser) as page:
        sidebar = page.locator("#sidebar")
        await enter(page, url, "mika")
        await page.keyboard.press("Control+k")
        await expect(page.locator(".jumper")).to_contain_text("Devi Rao")
        await page.keyboard.type("devi")
        await page.keyboard.press("Enter")
        await expect(page.locator(".who summary")).to_contain_text("Devi Rao")
        await expect(page).to_have_url(re.compile(r"[?&]as=devi\b"))
        await expect(sidebar).to_contain_text("ml-leads")
        await page.get_by_role("link", name="Home of the app").click()
        await expect(page.locator("#home")).to_contain_text("Welcome, @Devi Rao.")
        await expect(page).to_have_url(re.compile(r"[?&]home="))
        await page.go_back()
        await expect(page.locator(LOG)).to_have_attribute("data-channel", "C0INCIDENT")
        await sidebar.locator("[data-go=C0PRIVATE1]").click()
        await expect(page.locator("#main h1")).to_contain_text("ml-leads")


async def test_other_channels_are_marked_until_they_are_read(browser: Browser, place: tuple[Sandbox, str]) -> None:
    sandbox, url = place
    async with a_tab(browser) as page:
        platform = page.locator("#sidebar [data-go=C0PLATFORM]")
        await enter(page, url, "mika")
        said: Outcome = await sandbox.interactions.message(DEVI, "ml-platform", "The cluster is full.")
        assert said.error is None
        await expect(platform).to_contain_class("unread")
        await expect(platform.locator(".count")).to_have_text("1")
        await platform.click()
        await expect(page.locator(LOG)).to_contain_text("The cluster is full.")
        await expect(platform).not_to_contain_class("unread")


async def test_what_is_hostile_stays_text_in_the_browser_too(browser: Browser, place: tuple[Sandbox, str]) -> None:
    sandbox, url = place
    evil = "<img src=x onerror=alert(1)><script>window.bad=1</script>"
    world = World(sandbox.workspace)
    world.post({"text": evil, "blocks": [{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [
        {"type": "text", "text": evil}, {"type": "link", "url": "javascript:window.bad=1", "text": "press"}]}]}]})  # fmt: skip
    await sandbox.interactions.message(DEVI, "ml-incidents", evil)
    async with a_tab(browser) as page:
        await enter(page, url, "mika")
        await expect(page.locator(LOG).get_by_text("<script>window.bad=1</script>")).to_have_count(2)
        await page.locator(LOG).get_by_text("press", exact=True).click()
        assert await page.evaluate("window.bad ?? null") is None
        assert await page.locator("#log img[src=x], #log script").count() == 0
