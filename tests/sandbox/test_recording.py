"""A recording holds everything but secrets, survives a kill, and shows every step exactly as it was."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.clock import DrivenClock
from sandbox.recording import Recorder, RecordingFault, Replay, form, read, reading
from sandbox.recording import site as replay_site
from sandbox.workspace import Workspace
from sandbox.workspace.seed import APP
from sandbox.workspace.values import App
from sandbox.world import Sandbox

from .conftest import INCIDENTS, MIKA, World, a_world, until
from .evening import an_evening

HEAD = 1
"""Lines before the first step."""


def seen(workspace: Workspace) -> dict[str, Any]:
    """Everything that anybody can see in a workspace."""
    people = [person["id"] for person in workspace.people()]
    channels = {
        channel.id: {
            "about": channel.json(MIKA) | {"members": list(channel.members), "topic": channel.topic},
            "kept": [channel.pins, channel.bookmarks, channel.canvas],
            "messages": {name: workspace.messages(channel.id, name) for name in people},
        }
        for channel in workspace.conversations.values()
    }
    return json.loads(
        json.dumps(
            {
                "channels": channels,
                "views": {name: workspace.views_of(name) for name in people},
                "homes": {name: workspace.home_of(name) for name in people},
                "files": [workspace.file(name) for name, file in workspace.files.items() if file.done],
                "bytes": [workspace.file_bytes(name) is not None for name, file in workspace.files.items() if file.done],
                "canvases": [canvas.json() for canvas in workspace.canvases.values()],
                "groups": {group.handle: group.users for group in workspace.usergroups.values()},
                "scheduled": sorted(workspace.scheduled),
                "notes": [[*place, note] for place, note in sorted(workspace.thread_notes.items())],
                "calls": [call["n"] for call in workspace.calls()],
                "sockets": workspace.sockets(),
            }
        )
    )  # fmt: skip


def recorded(world: World, path: Path) -> tuple[Recorder, dict[int, dict[str, Any]]]:
    """A recorder, and what was to be seen at each step that tells of something done."""
    recorder = Recorder(world.sandbox.workspace, path)
    moments: dict[int, dict[str, Any]] = {}

    def look(*_: object) -> None:
        moments[len(path.read_bytes().splitlines()) - HEAD] = seen(world.sandbox.workspace)

    world.sandbox.workspace.attend(look, lambda _: None)
    return recorder, moments


def shown_from(path: Path, address: str) -> Replay:
    replay = Replay(read(path))
    replay.workspace.address = address
    return replay


async def test_every_step_is_shown_exactly_as_it_was_forwards_and_backwards(world: World, tmp_path: Path) -> None:
    recorder, moments = recorded(world, tmp_path / "r.jsonl")
    await an_evening(world)
    recorder.close()
    replay = shown_from(tmp_path / "r.jsonl", world.url)
    assert len(moments) > 100, "an evening has many steps"
    for step in (*sorted(moments), *sorted(moments, reverse=True)):
        replay.to(step)
        assert seen(replay.workspace) == moments[step], (step, replay.shown()["label"])
    replay.to(len(replay))
    assert seen(replay.workspace) == seen(world.sandbox.workspace)
    replay.to(-7)
    assert (replay.at, replay.shown()["label"]) == (1, "the beginning")
    replay.to(10**9)
    assert replay.at == len(replay)


async def test_it_tells_of_calls_deliveries_acts_and_faults(world: World, tmp_path: Path) -> None:
    recorder = Recorder(world.sandbox.workspace, tmp_path / "r.jsonl")
    begun = world.clock.now()
    await an_evening(world)
    recorder.close()
    steps = read(tmp_path / "r.jsonl").steps
    of = {kind: [step for step in steps if step["kind"] == kind] for kind in form.KINDS}
    posted = next(step for step in of["call"] if step["method"] == "chat.postMessage")
    assert (posted["arguments"]["text"], posted["answer"]["ok"]) == ("card", True)
    assert any(key.startswith(f"message:{INCIDENTS}:") for key in posted["set"])
    asked = {step["id"] for step in of["delivery"]}
    assert {step["of"] for step in of["ack"]} == asked
    assert {step["of"] for step in of["outcome"]} == {step["id"] for step in of["act"]}
    assert "operation_timeout" in of["outcome"][-1]["error"]
    assert {step["what"] for step in of["act"]} >= {"message", "react", "click", "command", "submit", "close", "home"}
    assert of["fault"][-1]["given"] == {"kind": "slack_error", "method": "chat.*", "error": "fatal_error", "count": 1}
    times = [step["at"] for step in steps]
    assert times == sorted(times)
    assert begun + 61 <= times[-1]
    assert all(form.label(step) for step in steps)


async def test_no_secret_gets_into_it(tmp_path: Path) -> None:
    words = {"bot_token": "the-bots-own-word", "app_token": 'quoted "word"', "signing_secret": "sign-with-this"}
    app = App(**{name: words.get(name, getattr(APP, name)) for name in APP.__dataclass_fields__})
    real = "xox" + "b-17-made-up"
    async with a_world(app=app) as world:
        world.slack.token = app.bot_token
        recorder = Recorder(world.sandbox.workspace, tmp_path / "r.jsonl")
        exchange = world.sandbox.interactions.exchanges.begin(MIKA, INCIDENTS)
        url = world.sandbox.interactions.exchanges.response_url(exchange)
        await world.slack.apps_connections_open(app_token=app.app_token)
        await world.slack.auth_test()
        await world.act("message", user="mika", channel=INCIDENTS, text=f"use {real} or the-bots-own-word, @mlops")
        view = {
            "type": "modal",
            "title": {"type": "plain_text", "text": "t"},
            "private_metadata": json.dumps({"u": url, "t": app.app_token}),
            "blocks": [{"type": "divider"}],
        }
        await world.slack.views_open(trigger_id=exchange.trigger_id, view=view)
        await world.http.post(url, json={"text": "answered"})
        await world.slack.files_getUploadURLExternal(filename="a", length=1)
        recorder.close()
    text = (tmp_path / "r.jsonl").read_text()
    uploads = list(world.sandbox.workspace.files)
    for secret in (*words.values(), real, exchange.trigger_id, f'{exchange.id}"', app.verification_token, "ticket=0"):
        assert secret not in text, secret
    assert json.dumps(app.app_token)[1:-1].replace("\\", "") not in text.replace("\\", "")
    assert f"/upload/v1/{uploads[0]}" not in text
    replay = shown_from(tmp_path / "r.jsonl", world.url)
    replay.to(len(replay))
    assert "(left out)" in replay.workspace.messages(INCIDENTS)[0]["text"]
    assert replay.workspace.app.bot_token == "(left out)"


async def test_files_are_kept_up_to_a_limit(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.recording.things.MOST_IN_FILE", 10)
    recorder = Recorder(world.sandbox.workspace, tmp_path / "r.jsonl")
    for name, content in (("small.txt", "small"), ("large.txt", "larger than ten")):
        await world.slack.files_upload_v2(filename=name, content=content)
    recorder.close()
    replay = shown_from(tmp_path / "r.jsonl", world.url)
    replay.to(len(replay))
    kept = {file.name: replay.workspace.file_bytes(file.id) for file in replay.workspace.files.values()}
    assert kept == {"small.txt": b"small", "large.txt": None}


async def test_it_ends_when_it_is_full_and_the_workspace_goes_on(
    direct: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "r.jsonl"
    recorder = Recorder(direct.sandbox.workspace, path, most=20_000)
    for number in range(60):
        await direct.act("message", user="mika", channel=INCIDENTS, text=f"{number} " + "long " * 50)
    recorder.close()
    assert "The recording is full" in caplog.text
    assert path.stat().st_size <= 20_000
    steps = read(path).steps
    assert steps[-1]["kind"] == "full"
    assert len(direct.messages()) == 60


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
async def test_a_disk_that_takes_nothing_ends_the_recording_alone(
    direct: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = Recorder(direct.sandbox.workspace, tmp_path / "r.jsonl")
    assert recorder._file is not None
    recorder._file.close()
    recorder._file = Path("/dev/full").open("wb", buffering=0)  # noqa: ASYNC230, SIM115
    await direct.act("message", user="mika", channel=INCIDENTS, text="hello")
    await direct.act("message", user="mika", channel=INCIDENTS, text="hello again")
    assert caplog.text.count("can't be written any more (No space left on device)") == 1
    assert direct.texts() == ["hello", "hello again"]


def test_a_file_that_is_there_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text("mine")
    with pytest.raises(FileExistsError):
        Recorder(Workspace(DrivenClock()), path)
    assert path.read_text() == "mine"


# ------------------------------------------------------------ broken, foreign, too new, too large


@pytest.fixture
async def lines(direct: World, tmp_path: Path) -> list[str]:
    recorder = Recorder(direct.sandbox.workspace, tmp_path / "good.jsonl")
    await direct.act("message", user="mika", channel=INCIDENTS, text="hello")
    recorder.close()
    return (tmp_path / "good.jsonl").read_text().splitlines()


def _with(change: Callable[[dict[str, Any]], object], number: int) -> Callable[[list[str]], list[str]]:
    def made(lines: list[str]) -> list[str]:
        found = json.loads(lines[number])
        change(found)
        return [*lines[:number], json.dumps(found), *lines[number + 1 :]]

    return made


@pytest.mark.parametrize(
    ("broken", "line", "why"),
    [
        (lambda lines: [], 1, "empty"),
        (lambda lines: ["hello"], 1, "no recording of the sandbox"),
        (lambda lines: ['{"a": 1}'], 1, "no recording of the sandbox"),
        (lambda lines: lines[1:], 1, "no recording of the sandbox"),
        (_with(lambda head: head.update(version=99), 0), 1, "Take a newer sandbox"),
        (_with(lambda head: head.update(version="1"), 0), 1, "no version '1'"),
        (_with(lambda head: head.pop("team"), 0), 1, "does not say what was recorded"),
        (_with(lambda head: head.update(address="a"), 0), 1, "does not say what was recorded"),
        (_with(lambda head: head["app"].update(id=7), 0), 1, "does not say what was recorded"),
        (lambda lines: lines[:1], 2, "the beginning is missing"),
        (lambda lines: [lines[0], *lines[2:]], 2, "the beginning is missing"),
        (_with(lambda start: start.update(set={}), 1), 2, "not whole"),
        (_with(lambda start: start["set"].pop("person:U0MLOPSBOT"), 1), 2, "not whole"),
        (lambda lines: [lines[0], "{half", *lines[1:]], 2, "no JSON object"),
        (lambda lines: [lines[0], "[1]", *lines[1:]], 2, "no JSON object"),
        (lambda lines: [lines[0], '{"at": 1, "kind": "spell"}', *lines[1:]], 2, "kind 'spell'"),
        (lambda lines: [lines[0], '{"at": true, "kind": "act"}', *lines[1:]], 2, "no time"),
        (lambda lines: [lines[0], '{"at": 1, "kind": "act", "set": 7}', *lines[1:]], 2, "no JSON object"),
        (lambda lines: [*lines, '{"at": 1, "kind": "act", "set": {"magic:1": {}}}'], 8, "can't be shown"),
        (lambda lines: [*lines, '{"at": 1, "kind": "act", "set": {"message:C0:1": {}}}'], 8, "can't be shown"),
        (
            lambda lines: [*lines, '{"at": 1, "kind": "act", "set": {"person:U": {"id": 7}}}'],
            8,
            "id of Person can't be int",
        ),
        (lambda lines: [*lines, '{"at": 1, "kind": "act", "set": {"file:F1": {"data": "?"}}}'], 8, "can't be shown"),
        (lambda lines: [*lines, "x" * 3000], 8, "longer than 2000 bytes"),
    ],
)
def test_what_can_not_be_shown_is_said_with_its_line(
    lines: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    broken: Callable[[list[str]], list[str]], line: int, why: str,
) -> None:  # fmt: skip
    if "bytes" in why:
        monkeypatch.setattr(reading, "MOST_IN_LINE", 2000)
        lines = [text for text in lines if len(text) < 2000]
    path = tmp_path / "broken.jsonl"
    path.write_text("".join(f"{text}\n" for text in broken(lines)))
    with pytest.raises(RecordingFault) as caught:
        Replay(read(path))
    said = str(caught.value)
    assert why in said
    found = len(path.read_text().splitlines()) if line == 8 else line
    assert said.startswith(f"{path}:{found}: "), said


def test_a_huge_file_is_not_even_read(lines: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_BYTES", 100)
    with pytest.raises(RecordingFault, match="at most 100"):
        read(tmp_path / "good.jsonl")


@pytest.mark.parametrize("cut", [1, 10, 40])
def test_a_last_line_that_is_half_written_is_left_away_and_said(lines: list[str], tmp_path: Path, cut: int) -> None:
    path = tmp_path / "cut.jsonl"
    path.write_text(("\n".join(lines))[:-cut])
    replay = Replay(read(path))
    assert replay.recording.cut
    assert len(replay) == len(lines) - HEAD - 1
    assert replay.shown()["cut"] is True


# ------------------------------------------------------------ moving in it


@pytest.fixture
async def replayed(direct: World, tmp_path: Path) -> tuple[Replay, DrivenClock, httpx.AsyncClient]:
    recorder = Recorder(direct.sandbox.workspace, tmp_path / "r.jsonl")
    for text in ("one", "two", "three"):
        await direct.act("message", user="mika", channel=INCIDENTS, text=text)
        direct.clock.jump(1.5)
    direct.clock.jump(3600)
    await direct.act("message", user="mika", channel=INCIDENTS, text="an hour later")
    recorder.close()
    pace = DrivenClock()
    replay = Replay(read(tmp_path / "r.jsonl"), pace)
    replay.workspace.address = "http://replay"
    site = replay_site.build(Sandbox(workspace=replay.workspace), replay)
    return replay, pace, httpx.AsyncClient(base_url="http://replay", transport=httpx.ASGITransport(site))


Shown = tuple[Replay, DrivenClock, httpx.AsyncClient]


async def test_scripts_move_by_the_control_api(replayed: Shown) -> None:
    replay, _, http = replayed

    async def move(**fields: Any) -> Any:
        answer = await http.post("/sandbox/replay", json=fields)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def texts() -> list[str]:
        return [m["text"] for m in (await http.get(f"/sandbox/messages?channel={INCIDENTS}")).json()["messages"]]

    first = (await http.get("/sandbox/replay")).json()
    assert (first["at"], first["of"], first["playing"], first["speed"]) == (1, len(replay), False, 1.0)
    assert first["label"] == "the beginning"
    assert await texts() == []
    assert (await move(to=len(replay)))["at"] == len(replay)
    assert await texts() == ["one", "two", "three", "an hour later"]
    while "an hour later" in await texts():
        await move(step=-1)
    assert await texts() == ["one", "two", "three"]
    assert (await move(speed=4))["speed"] == 4
    assert (await http.get("/?as=mika")).status_code == 200
    for path in ("/sandbox/message", "/sandbox/fault", "/api/chat.postMessage"):
        answer = await http.post(path, json={"user": "mika", "channel": INCIDENTS, "text": "no"})
        assert (answer.status_code, answer.json()["error"]) == (403, "replay")
    await http.aclose()


@pytest.mark.parametrize(
    "fields", [{}, {"jump": 1}, {"to": "x"}, {"to": 1.5}, {"speed": 0}, {"speed": 1000}, {"step": 1e30}, {"play": 1}]
)
async def test_moves_that_make_no_sense_are_refused(replayed: Shown, fields: dict[str, Any]) -> None:
    replay, _, http = replayed
    answer = await http.post("/sandbox/replay", json=fields)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_field")
    assert (replay.at, replay.shown()["playing"]) == (1, False)
    await http.aclose()


async def test_it_plays_at_the_pace_at_which_it_happened_but_for_long_pauses(replayed: Shown) -> None:
    replay, pace, http = replayed
    world = World(Sandbox(workspace=replay.workspace), pace, "", None, http, None)  # type: ignore[arg-type]
    begun = pace.now()
    replay.set_speed(10)
    replay.play()
    while replay.shown()["playing"]:
        at = replay.at
        pace.jump(0.05)
        await until(world, lambda: True)
        assert replay.at - at <= 20
    assert replay.at == len(replay)
    assert 0.5 < pace.now() - begun < 3.0, "4.5 s and an hour, ten times as fast"
    replay.play()
    assert replay.at == 1, "once more from the beginning"
    replay.pause()
    assert replay.shown()["playing"] is False
    await http.aclose()
