"""MLflow's own server as the demo runs it: on SQLite, on this machine only, with the settings that its traps want."""

import base64
import os
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.demo.environments import MLFLOW, python_of
from bot.demo.process import START_WITHIN, Process, environment, listening


@dataclass(frozen=True, slots=True)
class MlflowServer:
    """A running MLflow with the models of the demo (or none)."""

    url: str
    process: Process


@asynccontextmanager
async def mlflow(directory: Path, port: int | None = None) -> AsyncIterator[MlflowServer]:
    """Ready when it answers a question about models: `/health` says yes a little before its database does."""
    async with listening(
        "MLflow",
        lambda port: [python_of(MLFLOW), "-m", "mlflow", "server", *_options(directory, port)],
        log=directory / "mlflow.log",
        env=environment("MLFLOW_", "_MLFLOW_", **_settings(directory)),
        ready="/api/2.0/mlflow/registered-models/search?max_results=1",
        within=START_WITHIN,
        port=port,
    ) as (process, at):
        yield MlflowServer(f"http://127.0.0.1:{at}", process)


def _options(directory: Path, port: int) -> Sequence[str]:
    """One worker: a second one costs 200 MB and a start of its own."""
    where = directory.resolve()
    return (
        "--backend-store-uri", f"sqlite:///{where / 'mlflow.db'}",
        "--artifacts-destination", str(where / "artifacts"),
        "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
    )  # fmt: skip


def _settings(directory: Path) -> dict[str, str]:
    return {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "GIT_PYTHON_REFRESH": "quiet",
        "PYTHONWARNINGS": "ignore",
        # Eight further processes and 1.2 GB, for nothing that we use.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        # The bot listens on this machine, by HTTP; by default MLflow delivers to public HTTPS addresses only.
        "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https",
        "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
        "MLFLOW_WEBHOOK_CACHE_TTL": "1",
        # Without a key that stays, a restart makes every webhook unreadable, and they are dropped in silence.
        "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": _webhook_key(directory),
    }


def _webhook_key(directory: Path) -> str:
    """A key of this directory's own, made once."""
    path = directory / "webhook.key"
    directory.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        part = path.with_suffix(f".{os.getpid()}")
        part.touch(mode=0o600)
        part.write_bytes(base64.urlsafe_b64encode(secrets.token_bytes(32)))
        part.rename(path)
    return path.read_text()
