"""The night in a real browser, with everything real behind it: what a person on call clicks, types and sees."""

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from bot.demo.history import MODEL
from tests.browser import PHONE, a_tab, artefacts, chromium, enter
from tests.needs import needs
from tests.smoke.conftest import Bot

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("machines"),
    needs("mlflow", "bentoml", "chromium"),
]
WINDOW = (1180, 830)
NOTE, THREAD = "#log .msg.ephemeral", "#side .thread-replies"
CHANGED_WITHIN = 60_000
"""Milliseconds from an approval until the machines have done it and said so."""


async def test_from_declaring_to_the_export(bot: Bot) -> None:
    await bot.start()
    async with chromium() as browser, a_tab(browser, WINDOW, scale=1.5) as page:
        await enter(page, bot.workspace_url, "mika")
        card = _card(page)

        await _command(page, "declare")
        form = page.get_by_role("dialog", name="Declare an incident")
        await form.get_by_label("What is wrong").fill("Good cards are declined")
        await form.get_by_label("Model").select_option(MODEL)
        await form.get_by_label("Severity").select_option("sev2")
        await _picture(page, "declare")
        await form.get_by_role("button", name="Declare").click()
        await expect(page.locator(NOTE)).to_contain_text("INC-1 is open: Good cards are declined")
        await expect(card).to_contain_text("declared by a person")
        await expect(card).to_contain_text("sev2")

        await _acknowledge(page)
        await _ask_for_the_rollback(page, "good cards are declined")
        await _approve_on_a_phone(browser, bot)
        await _seen_to_be_done(page, bot)

        await card.get_by_role("button", name="Resolve").click()
        await _yes(page)
        await expect(card).to_contain_text("Status resolved")
        said = await _export(page, bot)
    assert "# INC-1: Good cards are declined" in said
    assert "Mika Laine declared INC-1" in said


async def test_from_the_alert_to_the_export(bot: Bot) -> None:
    await bot.start()
    await bot.incident()
    async with chromium() as browser, a_tab(browser, WINDOW, scale=1.5) as page:
        await enter(page, bot.workspace_url, "mika")
        await expect(_card(page)).to_contain_text("promoted by Dana")
        await _picture(page, "card")
        await _acknowledge(page)
        await _ask_for_the_rollback(page, "drift since version 3")
        await _picture(page, "plan")

        # She may not approve what she asked for; Devi may, and is asked once more.
        await page.locator(THREAD).get_by_role("button", name="Approve").click()
        await _yes(page)
        await expect(page.locator("#side")).to_contain_text("somebody else must approve it")
        await _approve_on_a_phone(browser, bot, pictures=True)
        await _seen_to_be_done(page, bot)

        await bot.story.post_alert("drift", ended=True)
        await expect(_card(page)).to_contain_text("Status resolved")
        said = await _export(page, bot)
        await _picture(page, "resolved")
    assert "# INC-1: ModelFeatureDrift" in said


# ---------------------------------------------------------------- what both nights have


def _card(page: Page) -> Locator:
    return page.locator("#log .msg:not(.ephemeral)").first


async def _command(page: Page, text: str) -> None:
    field = page.locator("#main .composer textarea")
    await field.fill(f"/mlops {text}")
    await field.press("Enter")


async def _acknowledge(page: Page) -> None:
    await _card(page).get_by_role("button", name="Acknowledge").click()
    await expect(_card(page)).to_contain_text("acknowledged by Mika Laine")
    await expect(page.locator(NOTE).last).to_contain_text("Escalation has stopped.")


async def _ask_for_the_rollback(page: Page, why: str) -> None:
    await _command(page, f"rollback {MODEL} --incident INC-1 --reason {why}")
    await expect(page.locator(NOTE).last).to_contain_text("OP-1 is planned")
    await _card(page).locator(".replies").click()
    await expect(page.locator(THREAD)).to_contain_text("Awaiting approval")


async def _yes(page: Page) -> None:
    await page.get_by_role("alertdialog").locator("[data-answer=yes]").click()


async def _approve_on_a_phone(browser: Browser, bot: Bot, *, pictures: bool = False) -> None:
    card = await bot.story.card(lambda _: True)
    async with a_tab(browser, PHONE, dark=True, scale=2) as phone:
        await enter(phone, bot.workspace_url, "devi", f"&thread={card['ts']}")
        await phone.locator(THREAD).get_by_role("button", name="Approve").tap()
        question = phone.get_by_role("alertdialog")
        await expect(question).to_contain_text("goes from version 3 to version 2, now")
        if pictures:
            await _picture(phone, "approve-on-a-phone")
        await question.locator("[data-answer=yes]").tap()
        await expect(phone.locator(THREAD)).to_contain_text(
            "Serving confirmed: version 2 answers.", timeout=CHANGED_WITHIN
        )
        if pictures:
            await _picture(phone, "confirmed-on-a-phone")


async def _seen_to_be_done(page: Page, bot: Bot) -> None:
    await expect(_card(page)).to_contain_text("serving confirmed")
    assert await bot.story.alias() == "2"
    assert await bot.story.served() == "v2"


async def _export(page: Page, bot: Bot) -> str:
    await _command(page, "timeline INC-1 export md")
    await expect(page.locator("#log")).to_contain_text("INC-1.md")
    return (await bot.workspace.wait_for_file("INC-1.md", 10)).decode()


async def _picture(page: Page, name: str) -> None:
    await page.screenshot(path=artefacts() / f"{name}.png")
