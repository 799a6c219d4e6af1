"""The bar of a recording and the panel of troubles, in a real browser."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.recording import Recorder, Replay, read
from sandbox.recording import site as replay_site
from sandbox.server import serving
from sandbox.world import Sandbox
from tests.browser import Browser, artefacts
from tests.needs import needs
from tests.sandbox.page_world import MIKA, World, populate

pytestmark = needs("chromium")


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with Browser.start() as started:
        yield started


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
    async with serving(sandbox, site=replay_site.build(sandbox, replay)) as url, browser.tab() as tab:
        await tab.open(f"{url}/?as=mika&channel=ml-incidents")
        await tab.sees("the beginning", "#replay")
        await tab.until("document.querySelector('.link-state').classList.contains('live')")
        await tab.until("getComputedStyle(document.querySelector('.composer')).display === 'none'")
        await tab.sees_not("It is over.", "#log")
        while replay.at < len(replay):
            at = replay.at
            await tab.click("[data-replay=forward]")
            await tab.until(f"document.querySelector('.replay-where').textContent.startsWith('{at + 1} of')")
        await tab.sees("It is over.", "#log")
        await tab.sees("acknowledged by Mika Laine", "#log")
        await tab.screenshot(artefacts() / "sandbox-replay.png")
        await tab.evaluate("document.activeElement.blur()")
        await tab.press(",")
        await tab.sees_not("It is over.", "#log")
        await tab.press(".")
        await tab.sees("It is over.", "#log")
        await tab.evaluate(
            "(() => { const bar = document.querySelector('#replay input'); bar.value = 1; "
            "bar.dispatchEvent(new Event('change')); })()"
        )
        await tab.sees("the beginning", "#replay")
        await tab.sees_not("Checkout says", "#log")
        await tab.choose("#replay select", "50")
        await tab.until("document.querySelector('#replay select').value === '50'")
        await tab.evaluate("document.activeElement.blur()")
        await tab.press(" ")
        await tab.sees("It is over.", "#log")
        assert replay.at == len(replay)
        assert tab.errors == []


async def test_trouble_is_turned_on_and_cleared_in_the_page(browser: Browser) -> None:
    sandbox = Sandbox()
    async with serving(sandbox) as url, browser.tab() as tab:
        await tab.open(f"{url}/?as=mika&channel=ml-incidents")
        await tab.until("document.querySelector('.link-state').classList.contains('live')")
        await tab.click("[data-trouble]")
        await tab.sees("All is well.", ".trouble-on")
        await tab.click("text=Slow down (429), the next 5 calls")
        await tab.sees("rate limited · 5 left", ".trouble-on")
        await tab.click("text=The next 3 acknowledgements are late")
        await tab.sees("slow ack · 3 left · 5 s late", ".trouble-on")
        await tab.click("text=Revoke the bot's token")
        await tab.sees("the bot's token is revoked", ".trouble-on")
        await tab.screenshot(artefacts() / "sandbox-trouble.png")
        await tab.until("document.querySelector('[data-trouble]').classList.contains('on')")
        await tab.click("text=Take the app out of this channel")
        await tab.sees("has left the channel", "#log")
        await tab.click("text=All is well again")
        await tab.sees("All is well.", ".trouble-on")
        assert (sandbox.faults.shown(), sandbox.api.revoked) == ([], False)
        await tab.press("Escape")
        await tab.until("!document.querySelector('.trouble')")
        assert tab.errors == []
