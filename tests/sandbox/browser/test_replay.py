"""The bar of a recording and the panel of troubles, in a real browser."""

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from sandbox.recording import Recorder, Replay, read
from sandbox.recording import site as replay_site
from sandbox.server import serving
from sandbox.world import Sandbox
from tests.browser import a_tab, artefacts, enter
from tests.needs import needs
from tests.sandbox.page_world import MIKA, World, populate

pytestmark = [needs("chromium"), pytest.mark.asyncio(loop_scope="module")]
LEAVE = "document.activeElement.blur()"
"""Keys are the recording's only where nothing has the focus that takes them."""


async def _recorded(path: Path) -> None:
    """The talk of one night."""
    world = World()
    recorder = Recorder(world.workspace, path)
    populate(world)
    await asyncio.sleep(0)  # what happens in one go is one step
    world.say(MIKA, "It is over.")
    recorder.close()


async def test_a_recording_is_moved_in_by_buttons_keys_and_the_bar(browser: Browser, tmp_path: Path) -> None:
    await _recorded(tmp_path / "night.jsonl")
    replay = Replay(read(tmp_path / "night.jsonl"))
    sandbox = Sandbox(workspace=replay.workspace)
    async with serving(sandbox, site=replay_site.build(sandbox, replay)) as url, a_tab(browser) as page:
        log, bar = page.locator("#log"), page.locator("#replay")
        await enter(page, url, "mika")
        await expect(bar).to_contain_text("the beginning")
        await expect(page.locator("#main .composer")).to_be_hidden()
        await expect(log).not_to_contain_text("It is over.")
        while replay.at < len(replay):
            at = replay.at
            await bar.locator("[data-replay=forward]").click()
            await expect(bar.locator(".replay-where")).to_contain_text(f"{at + 1} of")
        await expect(log).to_contain_text("It is over.")
        await expect(log).to_contain_text("acknowledged by Mika Laine")
        await page.screenshot(path=artefacts() / "sandbox-replay.png")
        await page.evaluate(LEAVE)
        await page.keyboard.press(",")
        await expect(log).not_to_contain_text("It is over.")
        await page.keyboard.press(".")
        await expect(log).to_contain_text("It is over.")
        await bar.locator("input").fill("1")
        await expect(bar).to_contain_text("the beginning")
        await expect(log).not_to_contain_text("Checkout says")
        await bar.locator("select").select_option("50")
        await expect(bar.locator("select")).to_have_value("50")
        await page.evaluate(LEAVE)
        await page.keyboard.press(" ")
        await expect(log).to_contain_text("It is over.")
        assert replay.at == len(replay)


async def test_trouble_is_turned_on_and_cleared_in_the_page(browser: Browser) -> None:
    sandbox = Sandbox()
    async with serving(sandbox) as url, a_tab(browser) as page:
        opener, panel = page.locator("[data-trouble]"), page.get_by_role("dialog", name="Trouble")
        trouble = panel.get_by_role("status")
        await enter(page, url, "mika")
        await opener.click()
        await expect(trouble).to_contain_text("All is well.")
        await panel.get_by_text("Slow down (429), the next 5 calls", exact=True).click()
        await expect(trouble).to_contain_text("rate limited · 5 left")
        await panel.get_by_text("The next 3 acknowledgements are late", exact=True).click()
        await expect(trouble).to_contain_text("slow ack · 3 left · 5 s late")
        await panel.get_by_text("Revoke the bot's token", exact=True).click()
        await expect(trouble).to_contain_text("the bot's token is revoked")
        await page.screenshot(path=artefacts() / "sandbox-trouble.png")
        await expect(opener).to_contain_class("on")
        await panel.get_by_text("Take the app out of this channel", exact=True).click()
        await expect(page.locator("#log")).to_contain_text("has left the channel")
        await panel.get_by_text("All is well again", exact=True).click()
        await expect(trouble).to_contain_text("All is well.")
        assert (sandbox.faults.shown(), sandbox.api.revoked) == ([], False)
        await page.keyboard.press("Escape")
        await expect(panel).to_have_count(0)
