"""The real programs around the bot, each from the start to the end of a block: MLflow, the model's serving, the sandbox, the bot."""

import asyncio
import hashlib
import shutil
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bot.demo.environments import BENTOML, MLFLOW, ROOT, python_of
from bot.demo.history import MODEL, date_back
from bot.demo.process import Process, environment, listening

WORLD = Path(__file__).parent / "world"
CACHE = ROOT / ".demo" / "cache"
MADE_FROM = (
    *(WORLD / name for name in ("seed_models.py", "build_bentos.py", "fraud_service.py")),
    *(ROOT / "requirements" / name for name in ("mlflow.lock", "bentoml.lock")),
)
START_WITHIN = 90.0
"""Seconds. Measured on two cores: MLflow 9 to 13, a bento 6 to 8; a busy machine takes several times as long."""


@dataclass(frozen=True, slots=True)
class MlflowServer:
    """A running MLflow with the models of the demo (or none)."""

    url: str
    process: Process


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
    """MLflow on SQLite in `directory` (`mlflow.db`, `artifacts/`), with its log. `seeded`: with the demo's models and their past."""
    directory.mkdir(parents=True, exist_ok=True)
    if seeded and not (directory / "mlflow.db").exists():
        cached = await prepared()
        await asyncio.to_thread(_lay_out, cached / "mlflow", directory)
        await asyncio.to_thread(date_back, directory / "mlflow.db", datetime.now(UTC))
    async with _mlflow(directory, port) as server:
        yield server


@asynccontextmanager
async def fraud_serving(directory: Path, mlflow_url: str, *, port: int | None = None) -> AsyncIterator[Serving]:
    """The deployment controller with a BentoML process behind it, which follows the alias in MLflow."""
    store = directory / "bentos"
    cached = await prepared()
    await asyncio.to_thread(_lay_out, cached / "bentos", store)
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
async def sandbox_process(directory: Path, *, port: int | None = None, ready: str = "/") -> AsyncIterator[Server]:
    """The Slack workspace on this machine, as `mlops-bot sandbox` starts it."""
    async with listening(
        "The sandbox",
        lambda port: [sys.executable, "-m", "sandbox", "--port", str(port)],
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


# ------------------------------------------------------------ the seeded world, made once and copied from then on


async def prepared() -> Path:
    """The folder with the seeded registry (`mlflow/`) and its bentos (`bentos/`); trained and built at the first call."""
    python_of(MLFLOW), python_of(BENTOML)
    made_from = hashlib.sha256(b"".join(path.read_bytes() for path in MADE_FROM)).hexdigest()[:16]
    cached = CACHE / made_from
    if not cached.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with await asyncio.to_thread(_only_one_of_us):
            if not cached.exists():
                await _prepare(cached)
    return cached


async def _prepare(cached: Path) -> None:
    """Into a folder beside it, renamed when complete: an interrupted preparation leaves nothing that looks finished."""
    for old in CACHE.glob("*"):
        if old.is_dir():
            shutil.rmtree(old)
    part = CACHE / f"{cached.name}.part"
    async with _mlflow_at(part / "mlflow") as (url, process):
        await _finish("Training the models", [python_of(MLFLOW), WORLD / "seed_models.py", url], part / "seed.log")
        bentoml = environment("BENTOML_", BENTOML_HOME=str(part / "bentos"))
        builder = [python_of(BENTOML), WORLD / "build_bentos.py", url, MODEL]
        await _finish("Building the bentos", builder, part / "build.log", bentoml)
        await process.stop()
    part.rename(cached)
