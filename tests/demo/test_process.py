"""Programs that the demo starts: they answer or it is said why not, and none of them outlives whoever started it."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import httpx
import pytest

from bot.demo.process import DidNotStart, PortTaken, Process, environment, listening, running, side_by_side

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0
FOR_EVER = "import time; time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)
WITH_CHILD = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {FOR_EVER!r}])
print(child.pid, flush=True)
child.wait()
"""
STARTER = """
import asyncio, os, sys
from pathlib import Path
from bot.demo.process import running

async def main():
    command = [sys.executable, "-c", sys.argv[2]]
    async with running("It", command, log=Path(sys.argv[1]), env=dict(os.environ)):
        await asyncio.sleep(600)

asyncio.run(main())
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="process groups")


def python(program: str) -> Sequence[str]:
    return [sys.executable, "-c", program]


def web(port: int) -> Sequence[str]:
    return [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]


def alive(pid: int) -> bool:
    """Zombies don't count: nobody is there any more."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state != "Z"


def wait_until_gone(pid: int) -> None:
    until = time.monotonic() + PATIENCE
    while alive(pid):
        assert time.monotonic() < until, f"{pid} still runs"
        time.sleep(0.01)


async def first_line(log: Path) -> str:
    async with asyncio.timeout(PATIENCE):
        while not (log.exists() and "\n" in log.read_text()):  # noqa: ASYNC110, ASYNC240
            await asyncio.sleep(0.01)
    return log.read_text().splitlines()[0]  # noqa: ASYNC240


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "it.log"


# ---------------------------------------------------------------- starting


async def test_a_program_that_listens_answers_within_its_block_and_only_there(log: Path) -> None:
    async with listening("It", web, log=log, env=environment(), ready="/", within=PATIENCE) as (process, port):
        async with httpx.AsyncClient(trust_env=False) as http:
            assert (await http.get(f"http://127.0.0.1:{port}/")).status_code == 200
        assert process.running
    assert not process.running
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 5)


async def test_one_that_ends_is_told_with_its_last_lines(log: Path) -> None:
    program = "print('the disk is full'); raise SystemExit(3)"
    with pytest.raises(DidNotStart) as told:
        async with listening("It", lambda _: python(program), log=log, env=environment(), ready="/", within=PATIENCE):
            pytest.fail("it never answered")
    assert "It ended before it answered." in told.value.what
    assert "the disk is full" in told.value.what
    assert str(log) in told.value.next_step


async def test_one_that_does_not_answer_is_ended(log: Path) -> None:
    started: list[Process] = []

    async def start() -> None:
        async with running("It", python(FOR_EVER), log=log, env=environment()) as process:
            started.append(process)
            await process.wait_until_http_ok("http://127.0.0.1:9/", within=0.2)

    with pytest.raises(DidNotStart, match="did not answer"):
        await start()
    assert not alive(started[0].pid)


async def test_a_port_that_somebody_has_is_told(log: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken):
            async with listening("It", web, log=log, env=environment(), ready="/", within=PATIENCE, port=port):
                pytest.fail("somebody else was asked")


async def test_another_free_port_is_tried_when_somebody_was_faster(log: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        tries: list[int] = []

        def command(port: int) -> Sequence[str]:
            tries.append(port)
            return web(taken.getsockname()[1] if len(tries) == 1 else port)

        async with listening("It", command, log=log, env=environment(), ready="/", within=PATIENCE) as (_, port):
            assert port == tries[1]


def test_what_runs_here_is_not_asked_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "MLFLOW_TRACKING_URI", "PYTHONPATH"):
        monkeypatch.setenv(name, "somewhere")
    made = environment("MLFLOW_", MLFLOW_DISABLE_TELEMETRY="true")
    assert (made["HTTP_PROXY"], made["NO_PROXY"]) == ("somewhere", "127.0.0.1,localhost")
    assert made["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert not {"MLFLOW_TRACKING_URI", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE"} & set(made)


# ---------------------------------------------------------------- ending


async def test_what_a_program_started_ends_with_it(log: Path) -> None:
    async with running("It", python(WITH_CHILD), log=log, env=environment()):
        child = int(await first_line(log))
        assert alive(child)
    wait_until_gone(child)


async def test_one_that_does_not_listen_to_reason_is_killed(log: Path) -> None:
    async with running("It", python(STUBBORN), log=log, env=environment()) as process:
        await first_line(log)
    assert not process.running


async def test_a_power_cut_asks_nobody(log: Path) -> None:
    async with running("It", python(WITH_CHILD), log=log, env=environment()) as process:
        child = int(await first_line(log))
        await process.kill()
        wait_until_gone(child)
        assert await process.wait() == -signal.SIGKILL


async def test_when_the_guard_is_killed_the_others_still_end(log: Path) -> None:
    async with running("It", python(WITH_CHILD), log=log, env=environment()) as process:
        child = int(await first_line(log))
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()
        assert alive(child)
    wait_until_gone(child)


async def test_a_block_that_is_cancelled_ends_its_program(log: Path) -> None:
    async def hold() -> None:
        async with running("It", python(WITH_CHILD), log=log, env=environment()):
            await asyncio.Event().wait()

    task = asyncio.create_task(hold())
    child = int(await first_line(log))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    wait_until_gone(child)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
async def test_however_the_starter_ends_the_program_ends_too(log: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-c", STARTER, str(log), WITH_CHILD]
    starter = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL)  # noqa: ASYNC220
    try:
        child = int(await first_line(log))
        starter.send_signal(number)
        wait_until_gone(child)
    finally:
        starter.kill()
        starter.wait()


# ---------------------------------------------------------------- side by side


@contextlib.asynccontextmanager
async def noted(name: str, notes: list[str], begun: asyncio.Event) -> AsyncIterator[str]:
    notes.append(f"{name} begins")
    begun.set()
    try:
        yield name
    finally:
        notes.append(f"{name} ends")


async def test_two_are_entered_at_the_same_time() -> None:
    one, two = asyncio.Event(), asyncio.Event()

    async def waiting(mine: asyncio.Event, other: asyncio.Event, value: int) -> int:
        mine.set()
        await other.wait()
        return value

    assert await side_by_side(waiting(one, two, 1), waiting(two, one, 2)) == (1, 2)


async def test_when_one_fails_the_other_has_ended_before_it_is_told() -> None:
    notes: list[str] = []
    begun = asyncio.Event()

    async def hold() -> None:
        async with noted("first", notes, begun):
            await asyncio.Event().wait()

    async def fail() -> None:
        await begun.wait()
        raise DidNotStart("the second did not start.")

    with pytest.raises(DidNotStart):
        await side_by_side(hold(), fail())
    assert notes == ["first begins", "first ends"]
