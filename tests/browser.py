"""A real Chromium, driven through its DevTools protocol: what a person would do, waited for instead of slept for.

    async with Browser.start() as browser, browser.tab() as tab:
        await tab.open("http://127.0.0.1:8080/?as=mika")
        await tab.click("text=Acknowledge")
        await tab.until("document.querySelector('.msg').textContent.includes('acknowledged')")
        await tab.screenshot(path)

A selector is CSS, or `text=…` for the innermost visible element with exactly this text.
"""

import asyncio
import base64
import itertools
import json
import os
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.needs import path_of

PATIENCE = 15.0
"""Seconds that something may take to become true."""
OPTIONS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--disable-default-apps", "--disable-extensions",
    "--no-service-autorun", "--no-proxy-server", "--hide-scrollbars", "--mute-audio", "--password-store=basic",
    "--remote-debugging-port=0", "about:blank",
)  # fmt: skip
_KEYS = {
    "Enter": ("Enter", 13, "\r"), "Escape": ("Escape", 27, ""), "Tab": ("Tab", 9, ""), "ArrowDown": ("ArrowDown", 40, ""),
    "ArrowUp": ("ArrowUp", 38, ""), "Backspace": ("Backspace", 8, ""),
}  # fmt: skip
_FIND = """
(wanted => {
  const seen = one => one.getClientRects().length > 0 && getComputedStyle(one).visibility !== "hidden";
  if (!wanted.startsWith("text=")) return [...document.querySelectorAll(wanted)].find(seen);
  const text = wanted.slice(5);
  const same = [...document.querySelectorAll("body *")].filter(one => seen(one) && one.textContent.trim() === text);
  return same.findLast(one => !same.some(other => other !== one && one.contains(other)));
})
"""


_STEADY = """
async (find, wanted, patience) => {
  const end = Date.now() + patience;
  const frame = () => new Promise(done => setTimeout(done, 20));
  let before = "";
  for (; Date.now() < end; await frame()) {
    const one = find(wanted);
    if (!one) continue;
    one.scrollIntoView({block: "center", behavior: "instant"});
    const box = one.getBoundingClientRect();
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    const top = document.elementFromPoint(x, y);
    if (before === `${x} ${y}` && (one.contains(top) || top?.contains(one))) return [x, y];
    before = `${x} ${y}`;
  }
  return null;
}
"""


class Stuck(AssertionError):
    """Something did not become true, or the page had an error."""


class Browser:
    """One Chromium process with a profile of its own."""

    def __init__(self, wire: ClientConnection) -> None:
        self._wire = wire
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._tabs: dict[str, Tab] = {}
        self._reading = asyncio.create_task(self._read())

    @classmethod
    @asynccontextmanager
    async def start(cls) -> AsyncIterator["Browser"]:
        """Start it, and end it with everything that it started."""
        with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as profile:
            process = await asyncio.create_subprocess_exec(
                path_of("chromium"), f"--user-data-dir={profile}", *OPTIONS,
                stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE, start_new_session=True,
            )  # fmt: skip
            try:
                async with asyncio.timeout(PATIENCE * 2):
                    address = await _address(process)
                drain = asyncio.create_task(_drain(process))
                async with connect(address, max_size=None, ping_interval=None, proxy=None) as wire:
                    browser = cls(wire)
                    try:
                        yield browser
                    finally:
                        with suppress(ConnectionClosed, Stuck):
                            await browser.send("Browser.close")
                        await browser._reading
                await drain
            finally:
                await _ended(process)

    @asynccontextmanager
    async def tab(
        self, width: int = 1280, height: int = 860, *, dark: bool = False, touch: bool = False
    ) -> AsyncIterator["Tab"]:
        """An empty tab with storage of its own."""
        context = (await self.send("Target.createBrowserContext"))["browserContextId"]
        target = (await self.send("Target.createTarget", url="about:blank", browserContextId=context))["targetId"]
        session = (await self.send("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        tab = self._tabs[session] = Tab(self, session)
        try:
            for domain in ("Page", "Runtime", "Log", "Network"):
                await tab.send(f"{domain}.enable")
            await tab.size(width, height, touch=touch)
            await tab.colours(dark=dark)
            yield tab
        finally:
            with suppress(ConnectionClosed, Stuck):
                await self.send("Target.disposeBrowserContext", browserContextId=context)
            del self._tabs[session]

    async def send(self, method: str, session: str = "", **parameters: Any) -> dict[str, Any]:
        """One command of the protocol, and its result."""
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        waiting = self._waiting[number] = asyncio.get_running_loop().create_future()
        await self._wire.send(json.dumps(message))
        answer = await waiting
        if "error" in answer:
            raise Stuck(f"{method}: {answer['error']['message']}")
        result: dict[str, Any] = answer["result"]
        return result

    async def _read(self) -> None:
        with suppress(ConnectionClosed):
            async for text in self._wire:
                message = json.loads(text)
                if waiting := self._waiting.pop(message.get("id", 0), None):
                    waiting.set_result(message)
                elif tab := self._tabs.get(message.get("sessionId", "")):
                    tab.hear(message["method"], message["params"])
        for waiting in self._waiting.values():
            waiting.cancel()


class Tab:
    """One page, and a person's hands on it."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self._session = session
        self._loaded = asyncio.Event()
        self.errors: list[str] = []
        """Exceptions and what the console calls an error: a good page has none."""
        self.requests: list[str] = []
        """Every address that was asked for."""

    async def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command for this tab."""
        return await self._browser.send(method, self._session, **parameters)

    def hear(self, method: str, given: dict[str, Any]) -> None:
        """What the page tells."""
        if method == "Page.loadEventFired":
            self._loaded.set()
        elif method == "Network.requestWillBeSent":
            self.requests.append(given["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            details = given["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Log.entryAdded" and given["entry"]["level"] == "error":
            self.errors.append(f"{given['entry']['text']} {given['entry'].get('url', '')}")

    # ------------------------------------------------------------ looking

    async def open(self, url: str) -> None:
        """Go there, and wait until it is loaded."""
        self._loaded.clear()
        result = await self.send("Page.navigate", url=url)
        if result.get("errorText"):
            raise Stuck(f"{url}: {result['errorText']}")
        async with asyncio.timeout(PATIENCE):
            await self._loaded.wait()

    async def evaluate(self, script: str) -> Any:
        """The value of an expression, awaited if it is a promise."""
        result = await self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise Stuck(details.get("exception", {}).get("description") or details["text"])
        return result["result"].get("value")

    async def until(self, condition: str, patience: float = PATIENCE) -> None:
        """Wait until an expression is true; it is looked at in the page, many times a second."""
        script = f"""
          new Promise(done => {{
            const end = Date.now() + {patience * 1000};
            const look = () => {{
              let holds = false;
              try {{ holds = ({condition}); }} catch {{ holds = false; }}
              if (holds || Date.now() > end) done(Boolean(holds));
              else setTimeout(look, 15);
            }};
            look();
          }})"""
        for _ in range(5):
            try:
                holds = await self.evaluate(script)
            except Stuck as gone:
                # The page went elsewhere while we waited: look at the new one.
                if "context" in str(gone) or "navigated" in str(gone):
                    continue
                raise
            if holds:
                return
            break
        seen = await self.evaluate("document.body.innerText.slice(-1500)")
        raise Stuck(f"never true: {condition}\nerrors: {self.errors}\nthe page says: …{seen}")

    async def text(self, selector: str) -> str:
        """What an element says, once it is there."""
        await self.until(f"{_FIND}({json.dumps(selector)})")
        return str(await self.evaluate(f"{_FIND}({json.dumps(selector)}).innerText"))

    async def sees(self, text: str, inside: str = "body") -> None:
        """Wait until a text can be read."""
        found = (
            f"[...document.querySelectorAll({json.dumps(inside)})].some(e => e.innerText.includes({json.dumps(text)}))"
        )
        await self.until(found)

    async def sees_not(self, text: str, inside: str = "body") -> None:
        """Wait until a text can't be read any more."""
        await self.until(f"!document.querySelector({json.dumps(inside)})?.innerText.includes({json.dumps(text)})")

    # ------------------------------------------------------------ doing

    async def click(self, selector: str) -> None:
        """Press in the middle of an element, once it is there and stands still."""
        x, y = await self._middle(selector)
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            await self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    async def hover(self, selector: str) -> None:
        """Move the pointer onto an element."""
        x, y = await self._middle(selector)
        await self.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    async def type(self, text: str, into: str = "") -> None:
        """Write, into a field if one is named, else where the focus is."""
        if into:
            await self.click(into)
        await self.send("Input.insertText", text=text)

    async def press(self, key: str, *, ctrl: bool = False, shift: bool = False) -> None:
        """One key."""
        name, code, text = _KEYS.get(key, (key, ord(key.upper()[0]), "" if ctrl else key))
        more = {"key": name, "code": name if key in _KEYS else f"Key{key.upper()}", "windowsVirtualKeyCode": code}
        more["modifiers"] = (2 if ctrl else 0) | (8 if shift else 0)
        await self.send("Input.dispatchKeyEvent", type="keyDown", text=text, **more)
        await self.send("Input.dispatchKeyEvent", type="keyUp", **more)

    async def choose(self, selector: str, value: str) -> None:
        """Choose an option of a select."""
        await self.until(f"{_FIND}({json.dumps(selector)})")
        await self.evaluate(
            f"(one => {{ one.value = {json.dumps(value)}; one.dispatchEvent(new Event('change', {{bubbles: true}})); }})"
            f"({_FIND}({json.dumps(selector)}))"
        )

    async def screenshot(self, path: Path) -> Path:
        """What is to be seen, as a PNG."""
        shot = await self.send("Page.captureScreenshot", format="png")
        await asyncio.to_thread(path.write_bytes, base64.b64decode(shot["data"]))
        return path

    async def size(self, width: int, height: int, *, touch: bool = False, scale: float = 1) -> None:
        """The window; `touch` is a phone."""
        await self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=touch
        )
        await self.send("Emulation.setTouchEmulationEnabled", enabled=touch)

    async def colours(self, *, dark: bool) -> None:
        """Light or dark, as the reader's system says."""
        wish = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.send("Emulation.setEmulatedMedia", features=[wish])

    async def _middle(self, selector: str) -> tuple[float, float]:
        """Where an element is, once it is there, stands still and nothing covers it."""
        place = f"({_STEADY})({_FIND}, {json.dumps(selector)}, {PATIENCE * 1000})"
        box = await self.evaluate(place)
        if box is None:
            raise Stuck(f"can't be pressed: {selector}; errors: {self.errors}")
        return box[0], box[1]


async def _address(process: asyncio.subprocess.Process) -> str:
    """Where the browser listens: it says so itself."""
    assert process.stderr is not None
    said: list[str] = []
    while line := (await process.stderr.readline()).decode(errors="replace"):
        said.append(line)
        if line.startswith("DevTools listening on "):
            return line.removeprefix("DevTools listening on ").strip()
    raise Stuck(f"Chromium ended at once: {''.join(said[-5:])}")


async def _drain(process: asyncio.subprocess.Process) -> None:
    assert process.stderr is not None
    while await process.stderr.read(65_536):
        pass


async def _ended(process: asyncio.subprocess.Process) -> None:
    """It was asked to end; if it does not, it and its own processes are ended."""
    with suppress(TimeoutError):
        async with asyncio.timeout(5):
            await process.wait()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def artefacts() -> Path:
    """Where pictures are kept: a directory that is not committed."""
    place = Path(os.environ.get("ARTEFACTS") or Path(__file__).parent.parent / "artefacts")
    place.mkdir(parents=True, exist_ok=True)
    return place
