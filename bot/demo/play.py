"""Starts the whole world on this machine, tells where to look, and plays the story or leaves it to the person."""

import asyncio
import contextlib
import fcntl
import os
import secrets
import shutil
import string
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

import httpx
from rich.console import Console

from bot.demo import servers
from bot.demo.command import Command
from bot.demo.environments import ROOT
from bot.demo.monitor import Monitor
from bot.demo.process import environment
from bot.demo.story import CHANNEL, Story, World
from bot.demo.workspace import Workspace
from bot.domain.errors import BotError

T = TypeVar("T")

FOLDER = ROOT / ".demo"
CONFIG = "mlops-bot.yaml"
BOT_TOKEN, APP_TOKEN = "sandbox-bot-token", "sandbox-app-token"
"""Words that only the sandbox knows."""
DIGESTS_AFTER = {True: timedelta(seconds=20), False: timedelta(seconds=90)}
"""How long after the bot's start the digests are due: soon when nobody plays."""


async def play(*, port: int, auto: bool, keep: bool) -> int:
    """The demo. Gives the exit code: 0 when every step of the story came out."""
    console = Console(highlight=False, soft_wrap=True)
    began = time.monotonic()
    with _folder(port) as folder:
        return await _play(folder, console, began, port=port, auto=auto, keep=keep)


async def _play(folder: Path, console: Console, began: float, *, port: int, auto: bool, keep: bool) -> int:
    async with world(folder, console, port=port, auto=auto) as made:
        console.print(
            f"\nEverything runs after {time.monotonic() - began:.0f} s. Look at it: [bold]{made.workspace}[/bold]\n"
        )
        if not auto:
            await _by_hand(made, console)
            return 0
        code = await _by_itself(made, console)
        console.print(
            f"\n{'All of it' if code == 0 else 'Not all of it'} came out, in {time.monotonic() - began:.0f} s."
        )
        if keep:
            console.print(f"It keeps running until Ctrl-C: {made.workspace}")
            await asyncio.Event().wait()
        return code


async def _by_itself(made: World, console: Console) -> int:
    async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
        try:
            await Story(made, http, Workspace(made.workspace, http, asyncio.sleep), console).play()
        except BotError:
            console.print(f"The logs are in {made.command.folder}.", style="red")
            return 1
    return 0


async def _by_hand(made: World, console: Console) -> None:
    """Alerts come and, when the model serves well again, end, as a monitor would have it; the rest is the person's."""
    async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
        story = Story(made, http, Workspace(made.workspace, http, asyncio.sleep), console)
        await story.post_alert("drift")
        for line in _HINTS:
            console.print(
                line.format(page=made.workspace, channel=CHANNEL, folder=made.command.folder.relative_to(ROOT))
            )
        await Monitor(story, console).watch()


_HINTS = (
    "An alert has just arrived: fraud-detector drifts since version 3 was promoted.",
    "  1. {page}/?as=mika&channel={channel}: you are Mika, ML engineer. Press [bold]Acknowledge[/bold].",
    "  2. Type [bold]/mlops rollback fraud-detector[/bold] and read the plan in the card's thread.",
    "  3. Become Devi (top left), Accountable for deployments: press [bold]Approve[/bold]. Serving follows.",
    "  4. The alerts end by themselves soon after. Then try [bold]/mlops timeline INC-1 export md[/bold].",
    "Others: /mlops help · /mlops who fraud-detector · /mlops digest maturity; digests by the clock: #ml-platform.",
    "At a terminal: cd {folder}; ../../.venv/bin/mlops-bot do incidents --as mika; … timeline verify --all",
    "Ctrl-C ends everything; the next start begins anew.\n",
)


# ---------------------------------------------------------------- the world


@contextlib.asynccontextmanager
async def world(folder: Path, console: Console, *, port: int, auto: bool) -> AsyncIterator[World]:
    """Workspace, MLflow, serving and bot, all of them until the end of the block."""
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        workspace = await _said(
            console, "The Slack workspace", enter(servers.sandbox_process(folder, port=port or None))
        )
        await _said(console, "Three trained versions of a model, and their bentos", servers.prepared())
        mlflow, serving = await _said(
            console, "MLflow, and BentoML serving what its alias names", enter(servers.registry_and_serving(folder))
        )
        token = secrets.token_urlsafe(24)
        configure(folder, mlflow.url, serving.url, datetime.now(UTC) + DIGESTS_AFTER[auto])
        env = bot_env(workspace.url, token)
        bot = await _said(console, "The bot, connected to Slack", enter(servers.bot_process(env, folder)))
        command = Command(folder, environment("MLOPS_BOT_", "SLACK_") | {"PYTHONPATH": str(ROOT)} | env)
        yield World(workspace.url, bot.url, mlflow.url, serving.url, token, command)


async def _said(console: Console, what: str, work: Awaitable[T]) -> T:
    """Do one thing, and say how long it took."""
    before = time.monotonic()
    made = await work
    console.print(f"[green]✓[/green] {what} [dim]{time.monotonic() - before:.1f} s[/dim]")
    return made


def bot_env(workspace_url: str, token: str) -> dict[str, str]:
    """The environment of a bot that is connected to the workspace; its database is in its own folder."""
    return {
        "MLOPS_BOT_SLACK__API_URL": f"{workspace_url}/api/",
        "MLOPS_BOT_SLACK__BOT_TOKEN": BOT_TOKEN,
        "MLOPS_BOT_SLACK__APP_TOKEN": APP_TOKEN,
        "MLOPS_BOT_WEB__TOKEN": token,
        "MLOPS_BOT_DATABASE__URL": "sqlite:///mlops-bot.db",
    }


def configure(folder: Path, mlflow_url: str, serving_url: str, digests_at: datetime) -> None:
    """Write the bot's configuration into its folder."""
    template = string.Template(files("bot.demo").joinpath(CONFIG).read_text(encoding="utf-8"))
    due = f"{digests_at:%-S %-M %-H} * * *"
    filled = template.substitute(mlflow=mlflow_url, serving=serving_url, daily=due, maturity=due)
    (folder / CONFIG).write_text(filled, encoding="utf-8")


@contextlib.contextmanager
def _folder(port: int) -> Iterator[Path]:
    """An empty folder, so that each demo begins the same way; of one demo a port at a time. Raises BotError."""
    FOLDER.mkdir(exist_ok=True)
    name = f"world-{port or f'of-{os.getpid()}'}"
    with (FOLDER / f"{name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BotError(
                "Another demo is running here already.", not_done="Nothing was started.",
                next_step="End it with Ctrl-C, or take another port: make demo ARGS='--port 8090'",
            ) from None  # fmt: skip
        folder = FOLDER / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        yield folder
