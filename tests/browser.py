"""A real Chromium, driven by Playwright: the machine's own, without a window, and with nothing in reach but 127.0.0.1.

    async with chromium() as browser, a_tab(browser) as page:
        await enter(page, "http://127.0.0.1:8080", "mika")
        await page.get_by_role("button", name="Acknowledge").click()
        await expect(page.locator("#log")).to_contain_text("acknowledged")
        await page.screenshot(path=artefacts() / "card.png")

All of it runs in the event loop of whoever opened the browser.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright, expect

from tests.needs import path_of

PATIENCE = 15_000
"""Milliseconds that something may take to become true."""
OPTIONS = ("--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
DESKTOP, PHONE = (1280, 860), (390, 844)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """One process with a profile of its own. Skips the calling test when there is no Chromium."""
    program = path_of("chromium")
    expect.set_options(timeout=PATIENCE)
    async with async_playwright() as playwright:
        # Without Chromium's own sandbox, which root may not use.
        browser = await playwright.chromium.launch(executable_path=program, args=OPTIONS, chromium_sandbox=False)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def a_tab(
    browser: Browser,
    size: tuple[int, int] = DESKTOP,
    *,
    dark: bool = False,
    scale: float = 1,
    faults_expected: bool = False,
) -> AsyncIterator[Page]:
    """An empty tab with storage of its own; one of the size PHONE is touched, not clicked.

    Exceptions and what the console calls an error fail the test, unless faults are what it is about.
    """
    touched = size == PHONE
    context = await browser.new_context(
        viewport={"width": size[0], "height": size[1]}, device_scale_factor=scale, has_touch=touched, is_mobile=touched,
        color_scheme="dark" if dark else "light",
    )  # fmt: skip
    context.set_default_timeout(PATIENCE)
    page = await context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    try:
        yield page
    except Exception as error:
        error.add_note(f"Errors of the page: {errors}")
        raise
    finally:
        await context.close()
    if errors and not faults_expected:
        raise AssertionError(f"The page had errors: {errors}")


async def enter(page: Page, url: str, who: str, more: str = "") -> None:
    """Be somebody in the sandbox's channel for incidents, with what happens arriving by itself."""
    await page.goto(f"{url}/?as={who}&channel=ml-incidents{more}")
    await expect(page.locator(".link-state")).to_contain_class("live")


def artefacts() -> Path:
    """Where pictures are kept: a directory that is not committed."""
    place = Path(os.environ.get("ARTEFACTS") or Path(__file__).parent.parent / "artefacts")
    place.mkdir(parents=True, exist_ok=True)
    return place
