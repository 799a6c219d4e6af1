"""How the page looks in a real browser: every block, on a phone at night, and whether everybody can read and name it."""

import pytest
from playwright.async_api import Browser, expect

from bot.slack.blocks.card import card
from sandbox.world import Sandbox
from tests.browser import PHONE, a_tab, artefacts, enter
from tests.needs import needs
from tests.sandbox.page_world import World, as_json, incident_view, populate

pytestmark = [needs("chromium"), pytest.mark.asyncio(loop_scope="module")]
UNREADABLE = """
(() => {
  const parse = (colour) => {
    const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, below) => [0, 1, 2].map((n) => top[n] * top[3] + below[n] * (1 - top[3])).concat(1);
  const light = ([r, g, b]) => {
    const part = (v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const ground = (one) => {
    const above = one.parentElement ? ground(one.parentElement) : parse(getComputedStyle(document.documentElement).getPropertyValue("--bg"));
    return over(parse(getComputedStyle(one).backgroundColor), above);
  };
  const bad = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const one = walk.currentNode.parentElement;
    if (!walk.currentNode.textContent.trim() || !one.checkVisibility({opacityProperty: true, visibilityProperty: true}) || one.closest(".emoji, svg, option, template")) continue;
    const back = ground(one);
    let opacity = 1;
    for (let up = one; up; up = up.parentElement) opacity *= Number(getComputedStyle(up).opacity);
    const ink = parse(getComputedStyle(one).color);
    const [a, b] = [light(over([...ink.slice(0, 3), ink[3] * opacity], back)), light(back)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) bad.push(`${ratio.toFixed(2)} ${one.className || one.tagName}: ${walk.currentNode.textContent.trim().slice(0, 30)}`);
  }
  return [...new Set(bad)];
})()
"""
NAMED = {
    "button",
    "link",
    "textbox",
    "searchbox",
    "combobox",
    "listbox",
    "checkbox",
    "radio",
    "dialog",
    "spinbutton",
    "Date",
    "InputTime",
}


async def test_on_a_phone_at_ten_past_three(browser: Browser, place: tuple[Sandbox, str]) -> None:
    sandbox, url = place
    World(sandbox.workspace).post(as_json(card(incident_view())))
    async with a_tab(browser, PHONE, dark=True) as page:
        sidebar = page.locator("#sidebar")
        await enter(page, url, "mika")
        await expect(page.locator("#log").get_by_role("button", name="Acknowledge")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
        heights = await page.locator("#log .btn").evaluate_all("all => all.map(b => b.getBoundingClientRect().height)")
        assert min(heights) >= 40
        await expect(page.locator("body")).to_have_css("background-color", "rgb(23, 25, 28)")
        await page.locator("[data-menu]").tap()
        await expect(sidebar).to_be_in_viewport(ratio=1)
        await sidebar.locator("[data-go=C0PLATFORM]").tap()
        await expect(page.locator("#main h1")).to_contain_text("#ml-platform")
        await expect(sidebar).not_to_be_in_viewport()
        await page.screenshot(path=artefacts() / "page-phone-dark.png")


@pytest.mark.parametrize("dark", [False, True])
async def test_every_block_is_drawn_without_a_fault(browser: Browser, place: tuple[Sandbox, str], dark: bool) -> None:
    _, url = place
    async with a_tab(browser, (900, 1000), dark=dark) as page:
        rows = page.locator("table.data tbody tr")
        await page.goto(f"{url}/page/gallery")
        await expect(page.locator("time[data-told]").first).to_be_attached()
        assert await page.evaluate("document.documentElement.scrollWidth") <= 900
        await page.locator("[data-sort='1']").click()
        await expect(rows.first).to_contain_text("search")
        hidden = page.locator("table.data tbody tr[hidden]")
        await expect(hidden).to_have_count(2)
        await page.get_by_role("button", name="Show 2 more").click()
        await expect(hidden).to_have_count(0)


@pytest.mark.parametrize("dark", [False, True])
async def test_every_text_can_be_read_and_every_control_has_a_name(
    browser: Browser, place: tuple[Sandbox, str], dark: bool
) -> None:
    sandbox, url = place
    populate(World(sandbox.workspace))
    first = next(m for m in sandbox.workspace.conversations["C0INCIDENT"].messages.values() if m.by_app)
    async with a_tab(browser, dark=dark, faults_expected=True) as page:  # the last address is refused with 404
        # Chromium's own tree, which is what a screen reader gets.
        chromium = await page.context.new_cdp_session(page)
        for path in (
            "/page/gallery",
            f"/?as=devi&channel=ml-incidents&thread={first.ts}",
            "/?as=mika&home=1",
            "/?as=nobody",
        ):
            await page.goto(url + path)
            assert await page.evaluate(UNREADABLE) == [], path
            tree = (await chromium.send("Accessibility.getFullAXTree"))["nodes"]
            controls = [node for node in tree if not node.get("ignored") and node["role"]["value"] in NAMED]
            assert controls, path
            nameless = [node["role"]["value"] for node in controls if not node.get("name", {}).get("value")]
            assert nameless == [], path
