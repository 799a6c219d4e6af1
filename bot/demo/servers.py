"""The real programs around the bot, each from start to end of a block: MLflow, serving, the sandbox, the bot."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.demo.environments import BENTOML, ROOT, python_of
from bot.demo.history import MODEL
from bot.demo.prepared import WORLD, lay_out, lay_out_registry, prepared
from bot.demo.process import (
    ATTEMPTS,
    START_WITHIN,
    PortTaken,
    Process,
    environment,
    free_port,
    listening,
    side_by_side,
)
from bot.demo.registry import MlflowServer, mlflow

__all__ = [
    "MlflowServer",
    "Server",
    "Serving",
    "bot_process",
    "fraud_serving",
    "mlflow_server",
    "prepared",
    "registry_and_serving",
    "sandbox_process",
]


@dataclass(frozen=True, slots=True)
class Serving:
    """Answers for `fraud-detector` with whichever version the alias `champion` names; `/docs.json` says which."""

    url: str
    process: Process


@dataclass(frozen=True, slots=True)
class Server:
    """Any other program with an address."""

    url: str
    process: Process


@asynccontextmanager
async def mlflow_server(
    directory: Path, *, seeded: bool = True, port: int | None = None
) -> AsyncIterator[MlflowServer]:
    """MLflow on SQLite in `directory`, with its log. `seeded`: with the demo's models and their past."""
    if seeded and not (directory / "mlflow.db").exists():
        cached = await prepared()
        await asyncio.to_thread(lay_out_registry, cached / "mlflow", directory)
    async with mlflow(directory, port) as server:
        yield server


@asynccontextmanager
async def fraud_serving(directory: Path, mlflow_url: str, *, port: int | None = None) -> AsyncIterator[Serving]:
    """The deployment controller with a BentoML process behind it, which follows the alias in MLflow.

    While MLflow does not answer it serves what it served last, so the two may be started side by side.
    """
    store = directory / "bentos"
    if not store.exists():
        cached = await prepared()
        await asyncio.to_thread(lay_out, cached / "bentos", store)
    async with listening(
        "The model's serving",
        lambda port: [python_of(BENTOML), WORLD / "follow_champion.py", mlflow_url, MODEL, str(port), store],
        log=directory / "serving.log",
        env=environment("BENTOML_", "MLFLOW_"),
        ready="/readyz",
        within=START_WITHIN,
        port=port,
    ) as (process, at):
        yield Serving(f"http://127.0.0.1:{at}", process)


@asynccontextmanager
async def registry_and_serving(
    directory: Path, *, mlflow_port: int | None = None, serving_port: int | None = None
) -> AsyncIterator[tuple[MlflowServer, Serving]]:
    """The seeded MLflow and the serving that follows it, started side by side."""
    await prepared()
    for attempt in range(1, ATTEMPTS + 1):
        chosen = mlflow_port or free_port()
        async with AsyncExitStack() as stack:
            try:
                serving = fraud_serving(directory, f"http://127.0.0.1:{chosen}", port=serving_port)
                both = await side_by_side(
                    stack.enter_async_context(mlflow_server(directory, port=chosen)),
                    stack.enter_async_context(serving),
                )
            except PortTaken:
                if mlflow_port or attempt == ATTEMPTS:
                    raise
                continue
            yield both
            return


@asynccontextmanager
async def sandbox_process(
    directory: Path, *, port: int | None = None, ready: str = "/", arguments: tuple[str, ...] = ()
) -> AsyncIterator[Server]:
    """The Slack workspace on this machine, as `mlops-bot sandbox` starts it."""
    async with listening(
        "The Slack workspace",
        lambda port: [sys.executable, "-m", "sandbox", "--port", str(port), *arguments],
        log=directory / "sandbox.log",
        env=environment(),
        ready=ready,
        within=30.0,
        port=port,
        cwd=ROOT,
    ) as (process, at):
        yield Server(f"http://127.0.0.1:{at}", process)


@asynccontextmanager
async def bot_process(
    env: Mapping[str, str],
    directory: Path,
    *,
    port: int | None = None,
    ready: str = "/readyz",
    arguments: tuple[str, ...] = (),
) -> AsyncIterator[Server]:
    """`mlops-bot serve` in `directory`, configured by `env` alone; the port is set here (`MLOPS_BOT_WEB__PORT`)."""
    command = [sys.executable, "-m", "bot", "serve", *arguments]
    async with listening(
        "The bot",
        lambda port: ["/usr/bin/env", f"MLOPS_BOT_WEB__PORT={port}", *command],
        log=directory / "bot.log",
        env=environment("MLOPS_BOT_", "SLACK_") | {"PYTHONPATH": str(ROOT)} | dict(env),
        ready=ready,
        within=30.0,
        port=port,
        cwd=directory,
    ) as (process, at):
        yield Server(f"http://127.0.0.1:{at}", process)
