"""What every test in a browser relies on: an error of the page fails it, and nothing but this machine is in reach."""

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Error

from tests.browser import a_tab, chromium
from tests.needs import needs

pytestmark = needs("chromium")


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """The tests' output is for what went wrong."""


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """Of a server with one page."""
    (tmp_path / "index.html").write_text('<!doctype html><link rel="icon" href="data:,"><p>Here')
    serve = functools.partial(_Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    "fault",
    [
        "new Promise(done => { addEventListener('error', done); setTimeout(() => { throw new Error('broken') }) }).then(() => 0)",
        "console.error('broken')",
        "fetch('/broken').then(() => 0)",
    ],
    ids=["thrown", "told", "not found"],
)
async def test_an_error_of_the_page_fails_the_test_unless_it_is_expected(port: int, fault: str) -> None:
    async with chromium() as browser:
        await _a_visit_with("0", browser, port)
        with pytest.raises(AssertionError, match=r"The page had errors: .*(broken|404)"):
            await _a_visit_with(fault, browser, port)
        await _a_visit_with(fault, browser, port, faults_expected=True)


async def _a_visit_with(script: str, browser: Browser, port: int, *, faults_expected: bool = False) -> None:
    async with a_tab(browser, faults_expected=faults_expected) as page:
        await page.goto(f"http://127.0.0.1:{port}/")
        await page.evaluate(script)


async def test_no_name_is_looked_up_and_no_proxy_is_asked(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
    async with chromium() as browser, a_tab(browser, faults_expected=True) as page:
        await page.goto(f"http://127.0.0.1:{port}/")
        for elsewhere in (f"http://localhost:{port}/", "http://elsewhere.invalid/", f"http://127.0.0.2:{port}/"):
            with pytest.raises(Error, match="ERR_NAME_NOT_RESOLVED"):
                await page.goto(elsewhere)
