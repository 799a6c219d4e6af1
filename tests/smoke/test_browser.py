"""The night in a real browser, with everything real behind it: what a person on call clicks, types and sees."""

import pytest

from bot.demo.history import MODEL
from tests.browser import Browser, Tab, artefacts
from tests.needs import needs
from tests.smoke.conftest import Bot

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("machines"),
    needs("mlflow", "bentoml", "chromium"),
]
CARD = "#log .msg:not(.ephemeral)"
THREAD = "#side .thread-replies"


async def enter(tab: Tab, bot: Bot, who: str, thread: str = "") -> None:
    where = f"&thread={thread}" if thread else ""
    await tab.open(f"{bot.workspace_url}/?as={who}&channel=ml-incidents{where}")
    await tab.until("document.querySelector('.link-state').classList.contains('live')")


async def run_command(tab: Tab, text: str) -> None:
    await tab.type(f"/mlops {text}", into="#main .composer textarea")
    await tab.press("Enter")


async def test_from_the_alert_to_the_export(bot: Bot) -> None:
    await bot.start()
    card = await bot.incident()
    thread = str(card["ts"])
    async with Browser.start() as browser, browser.tab() as tab:
        await tab.size(1180, 830, scale=1.5)
        await enter(tab, bot, "mika")
        await tab.sees("promoted by Dana", CARD)
        await tab.screenshot(artefacts() / "card.png")
        await tab.click("text=Acknowledge")
        await tab.sees("acknowledged by Mika Laine", CARD)
        await tab.sees("Escalation has stopped.", ".msg.ephemeral")

        await run_command(tab, f"rollback {MODEL} --reason drift since version 3")
        await tab.sees("OP-1 is planned", ".msg.ephemeral:last-child")
        await tab.click("#log .replies")
        await tab.sees("Awaiting approval", THREAD)
        await tab.screenshot(artefacts() / "plan.png")

        # She may not approve what she asked for; Devi may, and is asked once more.
        await tab.click(f"{THREAD} button[data-action='operation.approve']")
        await tab.click(".dialog [data-answer=yes]")
        await tab.sees("somebody else must approve it", "#side")
        async with browser.tab() as phone:
            await phone.size(390, 844, touch=True, scale=2)
            await phone.colours(dark=True)
            await enter(phone, bot, "devi", thread)
            await phone.click(f"{THREAD} button[data-action='operation.approve']")
            await phone.sees("goes from version 3 to version 2, now", ".dialog")
            await phone.screenshot(artefacts() / "approve-on-a-phone.png")
            await phone.click(".dialog [data-answer=yes]")
            await phone.until(_says(THREAD, "Serving confirmed: version 2 answers."), 60)
            await phone.screenshot(artefacts() / "confirmed-on-a-phone.png")
            assert phone.errors == []
        await tab.sees("serving confirmed", CARD)
        assert await bot.story.alias() == "2"
        assert await bot.story.served() == "v2"

        await bot.story.post_alert("drift", ended=True)
        await tab.sees("Status resolved", CARD)
        await run_command(tab, "timeline INC-1 export md")
        await tab.sees("INC-1.md", "#log")
        await tab.screenshot(artefacts() / "resolved.png")
        assert tab.errors == []
    assert b"# INC-1: ModelFeatureDrift" in await bot.workspace.wait_for_file("INC-1.md", 10)


def _says(selector: str, text: str) -> str:
    return f"document.querySelector({selector!r}).textContent.includes({text!r})"
