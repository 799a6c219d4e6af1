"""What a bot that serves has loaded once it is ready, and what not: the real program says it."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx

from bot.demo import servers
from bot.demo.environments import ROOT
from bot.demo.play import bot_env
from bot.demo.servers import Server
from tests.needs import needs
from tests.servers.postgres import Postgres, postgres

__all__ = ["postgres"]

SPARED = {
    "alembic": "a process of its own migrates",
    "httpx._main": "the library's own command",
    "jinja2": "no page was asked for",
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


@contextlib.asynccontextmanager
async def ready_bot(folder: Path, **env: str) -> AsyncIterator[tuple[Callable[[], Awaitable[set[str]]], Server]]:
    """A bot that is ready, and what asks for the names of the modules that it has loaded."""
    told, pid = folder / "told", folder / "pid"
    (folder / "site").mkdir()
    (folder / "site" / "sitecustomize.py").write_text(ASKED_BY_SIGNAL.format(told=str(told), pid=str(pid)))
    os.mkfifo(told)

    async def loaded() -> set[str]:
        os.kill(int(pid.read_text()), signal.SIGUSR2)
        async with asyncio.timeout(30):
            return set((await asyncio.to_thread(told.read_text)).split())

    async with servers.sandbox_process(folder) as workspace:
        given = bot_env(workspace.url, "a-token") | {"PYTHONPATH": f"{folder / 'site'}:{ROOT}"} | env
        async with servers.bot_process(given, folder) as bot:
            yield loaded, bot


async def test_what_is_not_needed_is_not_loaded(tmp_path: Path) -> None:
    async with ready_bot(tmp_path) as (loaded, _):
        modules = await loaded()
    assert {"bot.app", "sqlalchemy", "slack_sdk"} <= modules
    needless = {name: SPARED[name] for name in SPARED if name in modules}
    assert not needless


@needs("postgresql")
async def test_what_is_spared_is_there_when_it_is_needed(tmp_path: Path, postgres: Postgres) -> None:
    """On PostgreSQL, whose errors the durable engine reads by the module that stood for psycopg at its import."""
    with postgres.database() as url:
        async with ready_bot(tmp_path, MLOPS_BOT_DATABASE__URL=url) as (loaded, bot):
            assert {"psycopg", "psycopg.errors"} <= await loaded()
            name = url.rpartition("/")[2]
            with postgres.connect("postgres") as connection:
                connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
                connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
                await _logged(bot, " dbos: ")
                connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())
            await _takes_an_alert(bot)
            log = bot.process.log.read_text()
    assert "AttributeError" not in log
    assert "ImportError" not in log


async def _logged(bot: Server, words: str) -> None:
    async with asyncio.timeout(60):
        while words not in await asyncio.to_thread(bot.process.log.read_text):  # noqa: ASYNC110 - another process writes
            await asyncio.sleep(0)


async def _takes_an_alert(bot: Server) -> None:
    """At the latest when the connections that were cut are made anew."""
    alert = {
        "status": "firing",
        "labels": {"alertname": "Drift"},
        "annotations": {},
        "startsAt": "2026-01-01T00:00:00Z",
    }
    body = {"version": "4", "groupKey": "g", "status": "firing", "alerts": [alert]}
    async with httpx.AsyncClient(trust_env=False, headers={"Authorization": "Bearer a-token"}) as http:
        async with asyncio.timeout(60):
            while not (await http.post(f"{bot.url}/alerts/alertmanager", json=body)).is_success:  # noqa: ASYNC110
                await asyncio.sleep(0)
