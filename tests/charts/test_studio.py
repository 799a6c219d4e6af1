"""The process that draws: on demand, alone, and never more than a missing picture when it goes wrong."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bot.charts import studio as studios
from bot.charts.studio import Studio, can_draw
from bot.ports.charts import NotDrawn
from tests.charts.drawn import a_chart, facts

A_BOT = """
import asyncio
from bot.charts.studio import Studio
from tests.charts.drawn import a_chart

async def main():
    studio = Studio()
    await studio.draw(a_chart())
    print(studio.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def a_process(*lines: str) -> tuple[str, ...]:
    """One that does this in the place of drawing."""
    return (sys.executable, "-c", "\n".join(("import sys, time, os", *lines)))


def runs(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def gone(pid: int) -> None:
    """Until there is no such process."""
    async with asyncio.timeout(10):
        while runs(pid):  # noqa: ASYNC110 - another process can only be looked at
            await asyncio.sleep(0.01)


async def test_it_is_started_when_a_picture_is_wanted_and_ended_when_none_is() -> None:
    studio = Studio(idle=0.05)
    assert studio.pid is None
    png = await studio.draw(a_chart())
    pid = studio.pid
    assert pid is not None
    assert facts(png).size == (1000, 500)
    await gone(pid)
    assert studio.pid is None
    assert await studio.draw(a_chart()) == png
    await studio.close()


async def test_one_process_draws_one_picture_after_the_other() -> None:
    studio = Studio()
    try:
        pictures = await asyncio.gather(*(studio.draw(a_chart(title=str(n))) for n in range(3)))
        assert len(set(pictures)) == 3
        pid = studio.pid
        await studio.draw(a_chart())
        assert studio.pid == pid
    finally:
        await studio.close()
    assert studio.pid is None


async def test_what_leaks_in_it_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(studios, "LIFE", 1)
    studio = Studio()
    await studio.draw(a_chart())
    first = studio.pid
    await studio.draw(a_chart())
    assert studio.pid not in {first, None}
    await studio.close()


@pytest.mark.parametrize(
    ("does", "told"),
    [
        (("sys.stdin.readline()", "os._exit(11)"), "broke off"),
        (("os.kill(os.getpid(), 9)",), "broke off"),
        (("sys.stdin.readline()", "print('rubbish', flush=True)", "time.sleep(60)"), "broke off"),
        (("sys.stdin.readline()", "print('[]', flush=True)", "time.sleep(60)"), "broke off"),
        (("sys.stdin.readline()", "print('{\"bytes\": 99999999999}', flush=True)", "time.sleep(60)"), "broke off"),
        (("sys.stdin.readline()", "print('{\"bytes\": 10}', flush=True)"), "broke off"),
        (("sys.stdin.readline()", "print('x' * 1_000_000, flush=True)", "time.sleep(60)"), "broke off"),
        (("sys.stdin.readline()", "time.sleep(60)"), "no picture within"),
        (("time.sleep(60)",), "no picture within"),
        (("print('{\"missing\": \"No module named matplotlib\"}', flush=True)",), "can't be loaded"),
        (("import signal", "signal.signal(signal.SIGTERM, signal.SIG_IGN)", "time.sleep(60)"), "no picture within"),
    ],
)  # fmt: skip
async def test_whatever_it_does_there_is_only_no_picture(does: tuple[str, ...], told: str) -> None:
    studio = Studio(a_process(*does), within=1.0)
    with pytest.raises(NotDrawn, match=told) as failed:
        await studio.draw(a_chart())
    assert failed.value.lasting is (told == "can't be loaded")
    assert studio.pid is None
    await studio.close()


async def test_a_program_that_is_not_there() -> None:
    with pytest.raises(NotDrawn, match="broke off"):
        await Studio(("/nonexistent/python",)).draw(a_chart())


async def test_after_a_crash_the_next_picture_is_drawn(tmp_path: Path) -> None:
    flag = tmp_path / "crashed"
    once = f"p = {str(flag)!r}"
    command = a_process(
        once, "if not os.path.exists(p):", "    open(p, 'w').close(); os._exit(11)",
        "from bot.charts.worker import main", "main()",
    )  # fmt: skip
    studio = Studio(command)
    with pytest.raises(NotDrawn):
        await studio.draw(a_chart())
    assert facts(await studio.draw(a_chart())).size == (1000, 500)
    await studio.close()


async def test_who_stops_waiting_leaves_no_process_behind() -> None:
    studio = Studio(a_process("time.sleep(60)"))
    task = asyncio.create_task(studio.draw(a_chart()))
    async with asyncio.timeout(10):
        while studio.pid is None:  # noqa: ASYNC110 - it is being started
            await asyncio.sleep(0.01)
    pid = studio.pid
    assert pid is not None
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await gone(pid)


async def test_it_ends_when_the_bot_is_killed() -> None:
    """Nobody is left to end it then: its input ends."""
    bot = await asyncio.create_subprocess_exec(
        sys.executable, "-c", A_BOT, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    assert bot.stdout is not None
    pid = int(await bot.stdout.readline())
    assert runs(pid)
    bot.kill()
    await bot.wait()
    await gone(pid)


async def test_none_of_the_bots_secrets_reach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLOPS_BOT_SLACK__BOT_TOKEN", "a secret")
    says = 'print(\'{"error": "\' + " ".join(sorted(os.environ)) + \'"}\', flush=True)'
    studio = Studio(a_process("sys.stdin.readline()", says))
    with pytest.raises(NotDrawn) as failed:
        await studio.draw(a_chart())
    assert "PATH" in failed.value.what
    assert "MLOPS_BOT" not in failed.value.what
    await studio.close()


def test_the_bot_itself_never_loads_what_draws() -> None:
    code = (
        "import sys, bot.app, bot.charts.studio; print([m for m in ('matplotlib', 'numpy', 'PIL') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_it_is_known_whether_charts_can_be_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    assert can_draw()
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert not can_draw()


async def test_the_loop_goes_on_while_it_draws() -> None:
    studio = Studio()
    gaps: list[float] = []

    async def beat() -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.01)
            gaps.append(time.monotonic() - began)

    beating = asyncio.create_task(beat())
    await studio.draw(a_chart())
    beating.cancel()
    await asyncio.gather(beating, return_exceptions=True)
    await studio.close()
    assert len(gaps) > 10, os.times()
