"""The page in a real browser, with a real app behind it: what a person does there and sees."""

import json
from collections.abc import AsyncIterator

import pytest

from bot.slack.blocks.card import card
from sandbox.interactions import Outcome
from sandbox.workspace import messages
from sandbox.world import Sandbox
from tests.browser import Browser, Tab, artefacts
from tests.needs import needs
from tests.sandbox.page_app import SEVERITY, living
from tests.sandbox.page_world import DEVI, MIKA, World, as_json, crowd, incident_view, populate

pytestmark = needs("chromium")
FIRST = "#log .msg:not(.ephemeral)"
NOTES_ABOVE = (
    "document.querySelector('#notes').getBoundingClientRect().bottom"
    " <= document.querySelector('#main .composer').getBoundingClientRect().top"
)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with Browser.start() as started:
        yield started


@pytest.fixture
async def place() -> AsyncIterator[tuple[Sandbox, str]]:
    async with living() as (sandbox, url):
        yield sandbox, url


async def _enter(tab: Tab, url: str, who: str = "mika", more: str = "") -> None:
    await tab.open(f"{url}/?as={who}&channel=ml-incidents{more}")
    await tab.until("document.querySelector('.link-state').classList.contains('live')")


async def _menu(tab: Tab, entry: str) -> None:
    await tab.hover(FIRST)
    await tab.click(f"{FIRST} .tools [data-more]")
    await tab.click(f"text={entry}")


def _in_sight(text: str, where: str = "#log") -> str:
    """That the last message with this text can be seen in its list."""
    return f"""(() => {{
      const list = document.querySelector({json.dumps(where)}).getBoundingClientRect();
      const rows = [...document.querySelectorAll({json.dumps(where + " .msg")})];
      const row = rows.findLast(one => one.textContent.includes({json.dumps(text)})).getBoundingClientRect();
      return row.top >= list.top && row.bottom <= list.bottom;
    }})()"""


async def test_a_night_from_declaring_to_pinning(browser: Browser, place: tuple[Sandbox, str]) -> None:
    sandbox, url = place
    async with browser.tab() as tab:
        await _enter(tab, url)
        await tab.evaluate("window.notReloaded = true")

        # A command opens a modal; what is wrong is said at its place, and what was typed stays.
        await tab.type("/mlops declare", into="#main .composer textarea")
        await tab.sees("goes to the app", "#main .composer-hint")
        await tab.press("Enter")
        await tab.sees("Declare an incident", "#modals h2")
        await tab.click("#modals [type=submit]")
        await tab.sees("Please complete this required field.", "#modals .wrong:not([hidden])")
        await tab.type("too short", into="#modals input")
        await tab.choose("#modals select[data-action=severity]", "sev1")
        await tab.press("Enter")
        await tab.sees("Say it in at least ten characters.", "#modals .wrong:not([hidden])")
        assert await tab.evaluate("document.querySelector('#modals select[data-action=severity]').value") == "sev1"
        await tab.type(" no more: cards are declined", into="#modals input")
        await tab.press("Enter")
        await tab.until("!document.querySelector('#modals').firstElementChild")

        # The card comes by itself, with a note that nobody else sees.
        await tab.sees("cards are declined", "#log")
        await tab.sees("Declared as sev1.", ".msg.ephemeral")
        async with browser.tab() as other:
            await _enter(other, url, "devi")
            await other.sees("cards are declined", "#log")
            await other.sees_not("Declared as sev1.", "#log")

        # A press edits the message where it stands; a select in it acts at once.
        await tab.click("text=Acknowledge")
        await tab.sees("Acknowledged by @Mika Laine", "#log")
        await tab.choose("#log select[data-action=pick]", "sev1")
        await tab.sees("You chose sev1.", ".msg.ephemeral")

        # The message's menu: the app's shortcut, and the call that made it.
        await _menu(tab, "⚡ Add to timeline")
        await tab.sees("Added “Acknowledged” to the timeline.", ".msg.ephemeral")
        await _menu(tab, "Show how it was made")
        await tab.sees("chat.update", "#side h3")
        await tab.press("Escape")
        await tab.until("document.querySelector('#side').hidden")

        # A question before what matters: no means no.
        await tab.click("text=Roll back")
        await tab.sees("Nothing is changed before somebody else approves it.", ".dialog")
        await tab.click(".dialog [data-answer=no]")
        await tab.click("text=Roll back")
        await tab.click(".dialog [data-answer=yes]")
        await tab.sees("1 reply", "#log .replies")
        plans = [call for call in sandbox.workspace.calls("chat.postMessage") if "plan" in call["arguments"]["text"]]
        assert len(plans) == 1

        # 📌, and the thread that it starts.
        await tab.hover(FIRST)
        await tab.click(f"{FIRST} .tools [data-react=pushpin]")
        await tab.sees("2 replies", "#log .replies")
        await tab.click("#log .replies")
        await tab.sees("Pinned by @Mika Laine.", "#side")
        await tab.type("Thank you", into="#side .composer textarea")
        await tab.press("Enter")
        await tab.sees("Thank you", "#side .thread-replies")
        await tab.sees("3 replies", "#log .replies")

        # A card with replies is still answered where it stands.
        await _menu(tab, "⚡ Add to timeline")
        await tab.until("document.querySelectorAll('#log .msg.ephemeral').length === 4")

        assert await tab.evaluate("window.notReloaded") is True
        assert tab.errors == []
        assert [address for address in tab.requests if not address.startswith((url, "data:"))] == []


async def test_a_modal_of_many_controls_keeps_what_was_filled_in_when_the_app_changes_it(
    browser: Browser, place: tuple[Sandbox, str]
) -> None:
    _, url = place
    async with browser.tab() as tab:
        await _enter(tab, url)
        await tab.type("/mlops ask", into="#main .composer textarea")
        await tab.press("Enter")
        await tab.type("late data", into="#modals [data-action=note]")
        await tab.click("#modals input[value=two][type=checkbox]")
        await tab.click("#modals input[value=three][type=radio]")
        await tab.click(f"#modals input[value={DEVI}]")
        await tab.click("text=Look up")
        await tab.sees("Looked up: late data", "#modals")
        await tab.type("fraud", into="#modals [data-suggest]")
        await tab.until(
            "document.querySelectorAll('#modals select[data-action=model] option[data-choice]').length === 2"
        )
        await tab.choose("#modals select[data-action=model]", "fraud-ranker")
        await tab.click("#modals [type=submit]")
        told = {
            "note": "late data", "model": "fraud-ranker", "checks": ["two"], "how": "three", "day": "2026-11-23", "who": [DEVI],
        }  # fmt: skip
        await tab.sees(json.dumps(told), ".msg.ephemeral")
        assert tab.errors == []


async def test_a_modal_is_closed_by_esc_and_leaves_the_focus_where_it_was(
    browser: Browser, place: tuple[Sandbox, str]
) -> None:
    sandbox, url = place
    async with browser.tab() as tab:
        await _enter(tab, url)
        await tab.type("/mlops ask", into="#main .composer textarea")
        await tab.press("Enter")
        await tab.sees("Ask", "#modals h2")
        await tab.until("document.activeElement.dataset.action === 'note'")
        await tab.press("Escape")
        await tab.until("!document.querySelector('#modals').firstElementChild")
        await tab.until("document.activeElement.matches('#main .composer textarea')")
        assert sandbox.workspace.views_of("U0MLENG01") == []


async def test_what_the_app_does_not_take_is_told_to_the_person(browser: Browser, place: tuple[Sandbox, str]) -> None:
    _, url = place
    async with browser.tab() as tab:
        await _enter(tab, url)
        await tab.type("/deploy now", into="#main .composer textarea")
        await tab.press("Enter")
        await tab.sees("/deploy is not a command here. The app has: /mlops.", "#notes")
        await tab.until(NOTES_ABOVE)
        assert await tab.evaluate("document.querySelector('#main .composer textarea').value") == "/deploy now"
        await tab.evaluate("document.querySelector('#main .composer textarea').value = ''")
        await tab.type("/mlops silent", into="#main .composer textarea")
        await tab.press("Enter")
        await tab.sees("operation_timeout", "#notes")

        # What is to be sent again may be long: no note covers it, or its button.
        low = await tab.evaluate("document.querySelector('#main .composer').offsetHeight")
        await tab.type("\nline" * 5, into="#main .composer textarea")
        await tab.until(f"document.querySelector('#main .composer').offsetHeight > {low} + 40")
        await tab.until(NOTES_ABOVE)
        await tab.click("#main .composer [type=submit]")


async def test_what_one_does_brings_its_answer_into_sight_and_nobody_else_moves_the_page(
    browser: Browser, place: tuple[Sandbox, str]
) -> None:
    sandbox, url = place
    world = World(sandbox.workspace)
    first = world.post({"text": "How bad is it?", "blocks": [{"type": "actions", "elements": [SEVERITY]}]})
    for n in range(40):
        world.say(DEVI, f"note {n}")
        world.say(DEVI, f"reply {n}", first.ts)
    field = "#main .composer textarea"
    up = "document.querySelector('#log').scrollTop = 0"
    async with browser.tab() as tab:
        await _enter(tab, url)
        await tab.type("/mlops help", into=field)
        await tab.evaluate(up)
        await tab.press("Enter")
        await tab.until(_in_sight("and wrote help"))

        await tab.type("Looking.", into=field)
        await tab.evaluate(up)
        await tab.press("Enter")
        await tab.until(_in_sight("Looking."))

        # What is pressed far above is answered below, for this person alone.
        await tab.evaluate(up)
        await tab.choose("#log select[data-action=pick]", "sev1")
        await tab.until(_in_sight("You chose sev1."))

        # What others say, and what the app says unasked, leaves one where one reads.
        await tab.evaluate(up)
        world.say(DEVI, "Still reading?")
        messages.whisper(sandbox.workspace, world.incidents, MIKA, {"text": "Your turn begins at six."})
        await tab.until("document.querySelector('#log').textContent.includes('Your turn begins at six.')")
        await tab.until("document.querySelector('#log').textContent.includes('Still reading?')")
        await tab.sees("New messages ↓", "#main")
        assert await tab.evaluate("document.querySelector('#log').scrollTop") == 0

        # A thread is a list of its own.
        await tab.click(f"[id='m-{first.ts}'] .replies")
        await tab.sees("reply 39", "#side .thread-replies")
        await tab.type("Thank you", into="#side .composer textarea")
        await tab.evaluate("document.querySelector('#thread-log').scrollTop = 0")
        await tab.press("Enter")
        await tab.until(_in_sight("Thank you", "#thread-log"))
        assert tab.errors == []


async def test_somebody_else_by_keyboard_and_the_home_of_the_app(browser: Browser, place: tuple[Sandbox, str]) -> None:
    _, url = place
    async with browser.tab() as tab:
        await _enter(tab, url)
        await tab.press("k", ctrl=True)
        await tab.sees("Devi Rao", ".jumper")
        await tab.type("devi")
        await tab.press("Enter")
        await tab.sees("Devi Rao", ".who summary")
        await tab.until("new URL(location).searchParams.get('as') === 'devi'")
        await tab.sees("ml-leads", "#sidebar")
        await tab.click("text=Home of the app")
        await tab.sees("Welcome, @Devi Rao.", "#home")
        await tab.until("new URL(location).searchParams.has('home')")
        await tab.evaluate("history.back()")
        await tab.until("document.querySelector('#log')?.dataset.channel === 'C0INCIDENT'")
        await tab.click("#sidebar [data-go=C0PRIVATE1]")
        await tab.sees("ml-leads", "#main h1")
        assert tab.errors == []


async def test_other_channels_are_marked_until_they_are_read(browser: Browser, place: tuple[Sandbox, str]) -> None:
    sandbox, url = place
    async with browser.tab() as tab:
        await _enter(tab, url)
        said: Outcome = await sandbox.interactions.message(DEVI, "ml-platform", "The cluster is full.")
        assert said.error is None
        await tab.until("document.querySelector('#sidebar [data-go=C0PLATFORM]').classList.contains('unread')")
        assert await tab.text("#sidebar [data-go=C0PLATFORM] .count") == "1"
        await tab.click("#sidebar [data-go=C0PLATFORM]")
        await tab.sees("The cluster is full.", "#log")
        await tab.until("!document.querySelector('#sidebar [data-go=C0PLATFORM]').classList.contains('unread')")


async def test_a_bad_night_scrolls_and_edits_only_what_changed(browser: Browser, place: tuple[Sandbox, str]) -> None:
    sandbox, url = place
    world = World(sandbox.workspace)
    for n in range(150):
        world.say(DEVI, f"note {n}")
    crowd(world, incidents=50, replies=200)
    channel = world.incidents
    async with browser.tab() as tab:
        await _enter(tab, url)
        await tab.evaluate("window.notReloaded = true")
        assert await tab.evaluate("document.querySelectorAll('#log > .msg').length") == 60
        await tab.evaluate("document.querySelector('#log').scrollTop = 0")
        await tab.until("document.querySelectorAll('#log > .msg').length === 120")
        kept = await tab.evaluate("document.querySelector('#log').scrollTop")
        assert kept > 1000, "what one was reading stays where it was"

        # One card of fifty is edited: one fragment is fetched, the other elements stay the same ones.
        cards = [m for m in channel.messages.values() if not m.is_reply and m.by_app]
        await tab.evaluate("document.querySelectorAll('#log > .msg').forEach(one => one.marked = true)")
        tab.requests.clear()
        messages.edit(sandbox.workspace, cards[-1], {"text": "ended", "blocks": []}, mark=False)
        await tab.until(f"document.getElementById('m-{cards[-1].ts}').innerText.includes('ended')")
        assert len([address for address in tab.requests if "/static/" not in address]) == 1
        assert (
            await tab.evaluate("[...document.querySelectorAll('#log > .msg')].filter(one => !one.marked).length") == 1
        )

        # A message that goes, goes; a thread of 200 opens at its end.
        note = [m for m in channel.messages.values() if not m.is_reply and not m.by_app][-1]
        messages.delete(sandbox.workspace, note)
        await tab.until(f"!document.getElementById('m-{note.ts}')")
        await tab.evaluate("document.querySelector('#log').scrollTop = 1e9")
        await tab.click(f"[id='m-{cards[-1].ts}'] .replies")
        await tab.sees("note 199", "#side .thread-replies")
        assert await tab.evaluate("document.querySelectorAll('#side .thread-replies > .msg').length") == 60
        assert await tab.evaluate("window.notReloaded") is True
        assert tab.errors == []


async def test_on_a_phone_at_ten_past_three(browser: Browser, place: tuple[Sandbox, str]) -> None:
    sandbox, url = place
    World(sandbox.workspace).post(as_json(card(incident_view())))
    async with browser.tab(390, 844, dark=True, touch=True) as tab:
        await _enter(tab, url)
        await tab.sees("Acknowledge", "#log")
        assert await tab.evaluate("document.documentElement.scrollWidth") <= 390
        assert await tab.evaluate(
            "[...document.querySelectorAll('#log .btn')].every(b => b.getBoundingClientRect().height >= 40)"
        )
        assert await tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(23, 25, 28)"
        await tab.click("[data-menu]")
        await tab.until("document.querySelector('#sidebar').getBoundingClientRect().x === 0")
        await tab.click("#sidebar [data-go=C0PLATFORM]")
        await tab.sees("#ml-platform", "#main h1")
        await tab.until("document.querySelector('#sidebar').getBoundingClientRect().right <= 0")
        await tab.screenshot(artefacts() / "page-phone-dark.png")


async def test_what_is_hostile_stays_text_in_the_browser_too(browser: Browser, place: tuple[Sandbox, str]) -> None:
    sandbox, url = place
    evil = "<img src=x onerror=alert(1)><script>window.bad=1</script>"
    world = World(sandbox.workspace)
    world.post({"text": evil, "blocks": [{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [
        {"type": "text", "text": evil}, {"type": "link", "url": "javascript:window.bad=1", "text": "press"}]}]}]})  # fmt: skip
    await sandbox.interactions.message(DEVI, "ml-incidents", evil)
    async with browser.tab() as tab:
        await _enter(tab, url)
        await tab.sees("<script>window.bad=1</script>", "#log")
        await tab.click("text=press")
        assert await tab.evaluate("window.bad ?? null") is None
        assert await tab.evaluate("document.querySelectorAll('#log img[src=x], #log script').length") == 0
        assert tab.errors == []


@pytest.mark.parametrize("dark", [False, True])
async def test_every_block_is_drawn_without_a_fault(browser: Browser, place: tuple[Sandbox, str], dark: bool) -> None:
    _, url = place
    async with browser.tab(900, 1000, dark=dark) as tab:
        await tab.open(f"{url}/page/gallery")
        await tab.until("document.querySelector('time[data-told]')")
        assert tab.errors == []
        assert await tab.evaluate("document.documentElement.scrollWidth") <= 900
        await tab.click("[data-sort='1']")
        await tab.until("document.querySelector('table.data tbody tr td').parentElement.innerText.includes('search')")
        await tab.click("text=Show 2 more")
        await tab.until("[...document.querySelectorAll('table.data tbody tr')].every(row => !row.hidden)")


async def test_after_a_gap_everything_is_drawn_anew_and_what_was_begun_stays(
    browser: Browser, place: tuple[Sandbox, str]
) -> None:
    sandbox, url = place
    world = World(sandbox.workspace)
    for n in range(40):
        world.say(DEVI, f"line {n}\n\n\n")
    parent = world.say(DEVI, "the parent")
    async with browser.tab() as tab:
        await _enter(tab, url, more=f"&thread={parent.ts}")
        await tab.type("half a thou", into="#main .composer textarea")
        await tab.type("half a repl", into="#side .composer textarea")
        await tab.evaluate("document.querySelector('#log').scrollTop = 300")
        before = await tab.evaluate("document.querySelector('#log').scrollTop")
        sandbox.workspace.close()
        await tab.until("document.querySelector('.link-state').classList.contains('lost')")
        world.say(DEVI, "said into the gap")
        world.say(DEVI, "answered in the gap", parent.ts)
        await tab.until("document.querySelector('#log').innerText.includes('said into the gap')")
        await tab.sees("answered in the gap", "#side")
        assert await tab.evaluate("document.querySelector('#main .composer textarea').value") == "half a thou"
        assert await tab.evaluate("document.querySelector('#side .composer textarea').value") == "half a repl"
        assert abs(await tab.evaluate("document.querySelector('#log').scrollTop") - before) < 30
        await tab.click("#sidebar [data-go=C0PLATFORM]")
        await tab.sees("#ml-platform", "#main h1")
        assert await tab.evaluate("document.querySelector('#main .composer textarea').value") == ""
        await tab.click("#sidebar [data-go=C0INCIDENT]")
        await tab.until("document.querySelector('#main .composer textarea').value === 'half a thou'")


async def test_a_permalink_leads_to_an_old_message(browser: Browser, place: tuple[Sandbox, str]) -> None:
    sandbox, _ = place
    world = World(sandbox.workspace)
    old = world.say(DEVI, "the very first")
    for n in range(130):
        world.say(DEVI, f"line {n}")
    async with browser.tab() as tab:
        await tab.open(sandbox.workspace.permalink("C0INCIDENT", old.ts))
        await tab.until(f"document.getElementById('m-{old.ts}').classList.contains('at')")
        inside = (
            f"(b => b.top > 0 && b.bottom < innerHeight)(document.getElementById('m-{old.ts}').getBoundingClientRect())"
        )
        await tab.until(inside)


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


@pytest.mark.parametrize("dark", [False, True])
async def test_every_text_can_be_read_and_every_control_has_a_name(
    browser: Browser, place: tuple[Sandbox, str], dark: bool
) -> None:
    sandbox, url = place
    populate(World(sandbox.workspace))
    first = next(m for m in sandbox.workspace.conversations["C0INCIDENT"].messages.values() if m.by_app)
    async with browser.tab(dark=dark) as tab:
        for path in (
            "/page/gallery",
            f"/?as=devi&channel=ml-incidents&thread={first.ts}",
            "/?as=mika&home=1",
            "/?as=nobody",
        ):
            await tab.open(url + path)
            assert await tab.evaluate(UNREADABLE) == [], path
            tree = (await tab.send("Accessibility.getFullAXTree"))["nodes"]
            nameless = [
                node["role"]["value"] for node in tree
                if not node.get("ignored") and node["role"]["value"] in NAMED and not node.get("name", {}).get("value")
            ]  # fmt: skip
            assert nameless == [], path
