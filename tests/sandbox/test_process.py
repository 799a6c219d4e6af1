"""`python -m sandbox` as a program: it starts, says where it is, serves, and ends at once."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from sandbox.__main__ import main
from sandbox.server import bound

ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def program(*arguments: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """The program, once it has said its address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", "-m", "sandbox", "--port", "0", *arguments,
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = (await process.stdout.readline()).decode()
        assert line.startswith("The sandbox is at http://127.0.0.1:"), line
        yield process, line.split()[-1].rstrip("/")
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_ends_at_once_and_well_with_streams_and_held_answers_open(number: signal.Signals) -> None:
    async with program() as (process, url), httpx.AsyncClient(base_url=url, timeout=20) as http:
        assert (await http.get("/")).status_code == 200
        assert (await http.get("/sandbox/state")).json()["connected"] == 0
        await http.post("/sandbox/fault", json={"kind": "timeout", "method": "auth.test"})
        held = asyncio.create_task(http.post("/api/auth.test"))
        while not (await http.get("/sandbox/calls")).json()["calls"]:
            await asyncio.wait((held,), timeout=0.01)
        async with http.stream("GET", "/sandbox/stream") as stream:
            assert (await anext(stream.aiter_lines())) == ": connected"
            process.send_signal(number)
            out, err = await process.communicate()
        assert (process.returncode, out, err) == (0, b"", b"")
        with pytest.raises(httpx.TransportError):
            await held


def test_a_taken_port_is_said_in_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    taken = bound("127.0.0.1", 0)
    taken.listen()
    try:
        port = taken.getsockname()[1]
        assert main(["--port", str(port)]) == 1
        said = capsys.readouterr().err
        assert f"127.0.0.1:{port} can't be listened on" in said
        assert "choose another --port" in said
        assert len(said.splitlines()) == 1
    finally:
        taken.close()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("{", "not JSON"), ('{"features": {"shortcuts": [{}]}}', "not in Slack's form"), (None, "No such file")],
)
def test_a_manifest_that_can_not_be_used_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, expected: str
) -> None:
    path = tmp_path / "manifest.json"
    if text is not None:
        path.write_text(text)
    assert main(["--port", "0", "--manifest", str(path)]) == 1
    assert expected in capsys.readouterr().err


async def test_another_app_is_described_by_its_manifest(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(
        '{"features": {"bot_user": {"display_name": "pager"}, "slash_commands": [{"command": "/page"}],'
        ' "shortcuts": [{"callback_id": "go", "name": "Go", "type": "global"}]},'
        ' "oauth_config": {"scopes": {"bot": ["chat:write", "commands"]}},'
        ' "settings": {"event_subscriptions": {"bot_events": ["app_mention"]}}}'
    )
    async with program("--manifest", str(path)) as (_, url), httpx.AsyncClient(base_url=url) as http:
        app = (await http.get("/sandbox/state")).json()["app"]
    assert (app["name"], app["commands"], app["events"]) == ("pager", ["/page"], ["app_mention"])
    assert app["scopes"] == ["chat:write", "commands"]
    assert app["shortcuts"] == [{"callback_id": "go", "name": "Go", "type": "global"}]
