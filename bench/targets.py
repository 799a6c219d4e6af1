"""What is measured: our bot beside the sandbox, and Debian's Alertmanager; new each time, in a folder of its own."""

import asyncio
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

from bot.demo import servers
from bot.demo.play import bot_env
from bot.demo.process import environment, listening
from bot.demo.servers import Server
from bot.domain.errors import BotError

TOKEN = "bench"
PATH = "/alerts/alertmanager"
"""Where the bot takes deliveries."""
CHANNEL = "ml-incidents"
MIKA = "U0MLENG01"
DIRECT = ("@mika",)
"""Where people are paged: of this configuration only she is Responsible for what drifts."""
CONFIG = """
people:
  mika: {name: Mika Laine, slack: U0MLENG01, roles: [ml_engineer, data_scientist, data_engineer, product_manager]}
  devi: {name: Devi Rao, slack: U0DEVOPS1, roles: [devops_mlops_engineer]}
"""
QUIET = """
route: {receiver: nobody, group_by: [alertname, model_name]}
receivers: [{name: nobody}]
"""


@dataclass(frozen=True, slots=True)
class Bot:
    """A bot that runs on SQLite (FULL) in `folder`, connected to the sandbox."""

    folder: Path
    server: Server
    slack: Server

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def group(self) -> int:
        """Its process group."""
        return self.server.process.pid

    def count(self, query: str) -> int:
        """One number from its database, read beside it."""
        return count(self.folder, query)

    async def until_shown(self, within: float = 120.0) -> None:
        """Until Slack shows everything that is known. Raises BotError when it takes longer."""
        until = time.monotonic() + within
        while left := self.count("SELECT count(*) FROM posts WHERE waits"):
            if time.monotonic() > until:
                raise BotError(f"{left} messages still wait for Slack after {within:.0f} s.")
            await asyncio.sleep(0.1)


def database(folder: Path) -> Path:
    """The file of the bot that lives in this folder."""
    return folder / "mlops-bot.db"


def count(folder: Path, query: str) -> int:
    """One number from the database in a folder."""
    with closing(sqlite3.connect(f"file:{database(folder)}?mode=ro", uri=True, timeout=30)) as connection:
        return int(connection.execute(query).fetchone()[0])


def on_disk(folder: Path) -> int:
    """Bytes of the database and its write-ahead log, after a checkpoint."""
    path = database(folder)
    with closing(sqlite3.connect(path, timeout=30)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return sum(file.stat().st_size for file in (path, path.with_name(f"{path.name}-wal")) if file.exists())


@asynccontextmanager
async def bot(folder: Path) -> AsyncIterator[Bot]:
    """A new sandbox, with Slack's limits enforced, and a new bot at it."""
    await asyncio.to_thread(folder.mkdir, exist_ok=True, parents=True)
    async with servers.sandbox_process(folder) as slack, bot_at(slack, folder) as made:
        yield made


@asynccontextmanager
async def bot_at(slack: Server, folder: Path) -> AsyncIterator[Bot]:
    """A bot at a sandbox that runs already, on whatever is in the folder."""
    if not (folder / "mlops-bot.yaml").exists():
        (folder / "mlops-bot.yaml").write_text(CONFIG)
    async with servers.bot_process(bot_env(slack.url, TOKEN), folder) as server:
        yield Bot(folder, server, slack)


@asynccontextmanager
async def alertmanager(folder: Path) -> AsyncIterator[Server]:
    """The one of the machine, with nobody to tell: all that it does is take, group and keep."""
    await asyncio.to_thread(folder.mkdir, exist_ok=True, parents=True)
    program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if program is None:
        raise BotError(
            "Alertmanager is not installed.", not_done="Nothing was measured.",
            next_step="apt-get install prometheus-alertmanager",
        )  # fmt: skip
    (folder / "alertmanager.yml").write_text(QUIET)

    def command(port: int) -> list[str | Path]:
        return [
            program, f"--config.file={folder / 'alertmanager.yml'}", f"--storage.path={folder / 'alertmanager'}",
            f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=",
        ]  # fmt: skip

    log = folder / "alertmanager.log"
    async with listening("Alertmanager", command, log=log, env=environment(), ready="/-/ready", within=30.0) as (
        process,
        port,
    ):
        yield Server(f"http://127.0.0.1:{port}", process)
