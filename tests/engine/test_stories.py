"""Stories begin with the commit that wants them, once, and go on where they were after kill -9."""

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from tests.servers.child import Child, child

Run = Callable[..., AbstractAsyncContextManager[Child]]


@pytest.fixture
def run(url: str, tmp_path: Path) -> Run:
    """A process with the engine on this test's database and world, ready to be told."""

    @contextlib.asynccontextmanager
    async def ready(replica: str = "a", mode: str = "serve") -> AsyncIterator[Child]:
        async with child("tests.engine.children.tells", url, str(tmp_path), replica, mode) as process:
            await process.until("ready")
            yield process

    return ready


def world(folder: Path) -> list[str]:
    path = folder / "world"
    return path.read_text().splitlines() if path.exists() else []


def hold(folder: Path, place: str) -> None:
    (folder / "hold").write_text(place)


FINISHED = "finished {0} one-{0} two-{0} three-{0}"
WHOLE = ["one 1 begun", "one 1 done", "two 1 begun", "two 1 done", "three 1 begun", "three 1 done"]


async def test_a_story_begins_when_its_transaction_commits_and_once(run: Run, tmp_path: Path) -> None:
    async with run() as process:
        await process.until("listening")
        process.tell("fail 1")
        assert await process.line() == "refused 1: on purpose"
        process.tell("twice 2")
        assert await process.until(FINISHED.format(2)) == ["started 2"]
        process.tell("start 2")
        assert await process.line() == "started 2"
        process.tell("later 3")
        assert await process.line() == "started 3"
        process.tell("start 4")
        assert await process.until(FINISHED.format(4)) == ["started 4"]
        process.tell("stop")
        assert await process.line() == "stopped, threads: []"
        assert await process.ended() == 0
    begun = [line for line in world(tmp_path) if line.startswith("one") and line.endswith("begun")]
    assert begun == ["one 2 begun", "one 4 begun"]  # not 1, which was taken back; not 3, which is not due


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("in one", ["one 1 begun", *WHOLE]),
        ("between", WHOLE),
        ("in two", [*WHOLE[:3], *WHOLE[2:]]),
        ("in three", [*WHOLE[:5], *WHOLE[4:]]),
    ],
)
async def test_after_kill_9_it_goes_on_and_no_finished_step_is_run_again(
    run: Run, tmp_path: Path, place: str, expected: list[str]
) -> None:
    hold(tmp_path, place)
    async with run() as process:
        process.tell("start 1")
        await process.until(f"holding {place}")
        await process.kill()
    hold(tmp_path, "nowhere")
    async with run() as process:
        await process.until(FINISHED.format(1))
    assert world(tmp_path) == expected


async def test_a_stop_lets_go_at_once_and_the_story_goes_on_at_the_next_start(run: Run, tmp_path: Path) -> None:
    hold(tmp_path, "in two")
    async with run() as process:
        process.tell("start 1")
        await process.until("holding in two")
        process.tell("stop")
        assert await process.line() == "stopped, threads: []"
        assert await process.ended() == 0
        assert "Traceback" not in process.complaints()
    hold(tmp_path, "nowhere")
    async with run() as process:
        await process.until(FINISHED.format(1))
    assert world(tmp_path) == [*WHOLE[:3], *WHOLE[2:]]


@pytest.mark.parametrize("where", ["trouble", "early"], ids=["in a step", "before the first step"])
async def test_a_fault_ends_no_story(run: Run, tmp_path: Path, where: str) -> None:
    async with run() as process:
        process.tell(f"{where} 3")
        process.tell("start 1")
        await process.until(FINISHED.format(1))
        assert process.complaints().count("the database was away") == 3
    assert world(tmp_path) == (["one 1 begun"] * 3 if where == "trouble" else []) + WHOLE


async def test_who_is_fenced_off_leaves_the_story_where_it_is(run: Run, tmp_path: Path) -> None:
    async with run() as process:
        process.tell("fenced")
        process.tell("start 1")
        await process.until("trouble in 1")
        process.tell("start 2")
        await process.until(FINISHED.format(2))
        assert "story 1, step “one” stays where it is: Another one has taken over." in process.complaints()
        await process.kill()
    async with run() as process:
        await process.until(FINISHED.format(1))
    assert [line for line in world(tmp_path) if " 1 " in line] == ["one 1 begun", *WHOLE]


async def test_the_command_line_hands_work_in_and_the_bot_does_it(run: Run) -> None:
    async with run(mode="none") as nobody:
        await nobody.until("listening")
        nobody.tell("start 1")
        assert (await nobody.line()).startswith(
            "refused 1: The work “story” can't be started: the engine is not running."
        )
    async with run(mode="attach") as early:  # before the bot was ever started here
        await early.until("listening")
        early.tell("start 1")
        assert (await early.line()).startswith("refused 1: The durable engine's tables can't be used.")
        async with run() as bot:
            await bot.until("listening")
            early.tell("start 2")
            assert await early.line() == "started 2"
            assert await bot.until(FINISHED.format(2)) == []
        early.tell("stop")
        assert await early.line() == "stopped, threads: []"
