"""What a newcomer types: the story plays by itself, and Ctrl-C leaves nothing behind."""

import asyncio
import re
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process

import httpx
import pytest

from bot.demo.environments import ROOT
from bot.demo.process import free_port
from tests.needs import needs

pytestmark = [pytest.mark.xdist_group("machines"), needs("mlflow", "bentoml"), pytest.mark.timeout(300)]


async def demo(*arguments: str, port: int = 0) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "demo", "--port", str(port), *arguments, cwd=ROOT, stdout=PIPE, stderr=STDOUT
    )


async def until(process: Process, words: str) -> str:
    """Read on until these words were printed; gives everything up to them."""
    assert process.stdout is not None
    said = ""
    async with asyncio.timeout(200):
        while words not in said:
            line = await process.stdout.readline()
            assert line, f"it ended without “{words}”:\n{said}"
            said += line.decode()
    return said


async def test_the_story_plays_by_itself() -> None:
    process = await demo("--auto")
    output, _ = await process.communicate()
    said = output.decode()
    assert process.returncode == 0, said
    steps = re.findall(r"^✓ +(\d+)\. .+ \d+\.\d\d s$", said, re.MULTILINE)
    assert steps == [str(number) for number in range(1, 12)], said
    assert "All of it came out" in said


async def test_ctrl_c_ends_everything() -> None:
    process = await demo()
    said = await until(process, "Ctrl-C ends everything")
    page = re.search(r"Look at it: (\S+)", said)
    assert page is not None
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.get(page.group(1))
        assert answer.status_code == 200
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(30):
            await process.communicate()
        assert process.returncode == 130
        with pytest.raises(httpx.ConnectError):
            await http.get(page.group(1))


async def test_a_second_demo_at_once_says_so() -> None:
    port = free_port()
    first = await demo(port=port)
    await until(first, "The Slack workspace")
    second = await demo("--auto", port=port)
    output, _ = await second.communicate()
    assert second.returncode == 1
    assert "Another demo is running here already. Nothing was started." in " ".join(output.decode().split())
    first.send_signal(signal.SIGINT)
    await first.communicate()
