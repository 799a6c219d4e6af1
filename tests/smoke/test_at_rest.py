"""What a bot that serves has loaded once it is ready: the real program says it, on SQLite, without any system."""

import asyncio
import os
import signal
from pathlib import Path

from bot.demo import servers
from bot.demo.environments import ROOT
from bot.demo.play import bot_env

SPARED = {
    "alembic": "a process of its own migrates",
    "httpx._main": "the library's own command",
    "mako": "comes with Alembic",
    "markdown_it": "no runbook was read",
    "matplotlib": "charts are drawn by a process that ends",
    "psycopg": "the database is SQLite",
    "pygments": "colours for terminals",
    "rich": "output for terminals",
    "typer": "commands of people",
    "websockets": "there is no WebSocket to be served",
}
"""What must not be in memory, and why it is not needed."""

ASKED_BY_SIGNAL = """\
import os, signal, sys
def say(*_):
    with open({told!r}, "w") as told:
        told.write(" ".join(list(sys.modules)))
signal.signal(signal.SIGUSR2, say)
with open({pid!r}, "w") as pid:
    pid.write(str(os.getpid()))
"""
"""Python runs it at its start, before the program."""


async def loaded(folder: Path) -> set[str]:
    """The names of the modules of a bot that is ready."""
    told, pid = folder / "told", folder / "pid"
    (folder / "site").mkdir()
    (folder / "site" / "sitecustomize.py").write_text(ASKED_BY_SIGNAL.format(told=str(told), pid=str(pid)))
    os.mkfifo(told)
    async with servers.sandbox_process(folder) as workspace:
        env = bot_env(workspace.url, "a-token") | {"PYTHONPATH": f"{folder / 'site'}:{ROOT}"}
        async with servers.bot_process(env, folder):
            os.kill(int(pid.read_text()), signal.SIGUSR2)
            async with asyncio.timeout(30):
                return set((await asyncio.to_thread(told.read_text)).split())


async def test_what_is_not_needed_is_not_loaded(tmp_path: Path) -> None:
    modules = await loaded(tmp_path)
    assert {"bot.app", "sqlalchemy", "slack_sdk"} <= modules
    needless = {name: SPARED[name] for name in SPARED if name in modules}
    assert not needless
