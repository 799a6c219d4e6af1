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
AUTH = {"Authorization": "Bearer sandbox-bot-token"}
CARD = {"channel": "C0INCIDENT", "text": "it burns"}


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


# ------------------------------------------------------------ recordings


async def test_a_recording_survives_a_kill_and_is_shown_again(tmp_path: Path) -> None:
    path = tmp_path / "night.jsonl"
    async with program("--record", str(path)) as (process, url), httpx.AsyncClient(base_url=url) as http:
        answer = await http.post("/api/chat.postMessage", json=CARD, headers=AUTH)
        assert answer.json()["ok"]
        process.kill()
        await process.communicate()
    with path.open("ab") as file:
        file.write(b'{"at": 17')  # as if it had been killed in the middle of a line
    arguments = ("-W", "error", "-m", "sandbox", "--port", "0", "--replay", str(path))
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        line = (await process.stdout.readline()).decode()
        assert line.startswith("The recording night.jsonl (2 steps) is at http://127.0.0.1:"), line
        async with httpx.AsyncClient(base_url=line.split()[-1]) as http:
            await http.post("/sandbox/replay", json={"to": 2})
            shown = (await http.get("/sandbox/messages?channel=ml-incidents")).json()["messages"]
            assert [message["text"] for message in shown] == ["it burns"]
            assert "it burns" in (await http.get("/?as=mika&channel=ml-incidents")).text
            assert (await http.post("/api/chat.postMessage", json=CARD, headers=AUTH)).status_code == 403
    finally:
        process.terminate()
        _, err = await process.communicate()
    assert process.returncode == 0
    assert "cut off" in err.decode()


@pytest.mark.parametrize(
    ("option", "text", "said"),
    [
        ("--record", "mine", "is there already"),
        ("--replay", "hello", "no recording"),
        ("--replay", None, "No such file"),
    ],
)
def test_a_file_that_can_not_be_recorded_to_or_shown_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, text: str | None, said: str
) -> None:
    path = tmp_path / "r.jsonl"
    if text is not None:
        path.write_text(text)
    assert main(["--port", "0", option, str(path)]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert said in lines[0]
    assert text is None or path.read_text() == text


async def test_the_bots_own_command_shows_recordings_too(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text("hello\n")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "sandbox", "--port", "0", "--replay", str(path),
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, err = await process.communicate()
    assert process.returncode == 1
    assert f"{path}:1: this is no recording of the sandbox." in err.decode()
