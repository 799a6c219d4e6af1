"""The seeded world of the demo: trained and built once for these sources, and copied for every run from then on."""

import asyncio
import fcntl
import hashlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from bot.demo.environments import BENTOML, MLFLOW, ROOT, python_of
from bot.demo.history import MODEL, date_back
from bot.demo.process import DidNotStart, environment, free_port, running, side_by_side
from bot.demo.registry import mlflow

WORLD = Path(__file__).parent / "world"
CACHE = ROOT / ".demo" / "cache"
MADE_FROM = (
    *(WORLD / name for name in ("seed_models.py", "build_bentos.py", "fraud_service.py")),
    *(ROOT / "requirements" / name for name in ("mlflow.lock", "bentoml.lock")),
)
Command = Sequence[str | Path]


async def prepared(cache: Path = CACHE) -> Path:
    """The folder with the seeded registry (`mlflow/`) and its `bentos/`; trained and built at the first call."""
    python_of(MLFLOW), python_of(BENTOML)
    made_from = hashlib.sha256(b"".join(path.read_bytes() for path in MADE_FROM)).hexdigest()[:16]
    cached = cache / made_from
    if not cached.exists():
        await asyncio.to_thread(cache.mkdir, parents=True, exist_ok=True)
        async with _only_one_of_us(cache / ".lock"):
            if not cached.exists():
                await _prepare(cached)
    return cached


@asynccontextmanager
async def _only_one_of_us(lock: Path) -> AsyncIterator[None]:
    """Two first starts at once prepare one after the other; the lock of a process that was killed is free again."""
    with lock.open("w") as file:
        while not _locked(file.fileno()):  # noqa: ASYNC110 - no event tells of another process
            await asyncio.sleep(0.1)
        yield


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _prepare(cached: Path) -> None:
    """Into a folder beside it, renamed when complete: an interrupted preparation leaves nothing that looks finished."""
    for old in cached.parent.glob("*"):
        if old.is_dir():  # of other sources, or left behind by an interruption: its last programs may still be ending
            shutil.rmtree(old, ignore_errors=True)
    part = Path(tempfile.mkdtemp(prefix=f"{cached.name}.", dir=cached.parent))
    port = free_port()
    trainer: Command = [python_of(MLFLOW), WORLD / "seed_models.py", f"http://127.0.0.1:{port}"]
    async with AsyncExitStack() as stack:
        server, _ = await side_by_side(
            stack.enter_async_context(mlflow(part / "mlflow", port)),
            _finish("Training the models", trainer, part / "seed.log", environment("MLFLOW_")),
        )
        builder: Command = [python_of(BENTOML), WORLD / "build_bentos.py", server.url, MODEL]
        env = environment("BENTOML_", BENTOML_HOME=str(part / "bentos"))
        await _finish("Building the bentos", builder, part / "build.log", env)
    await asyncio.to_thread(part.rename, cached)


async def _finish(name: str, command: Command, log: Path, env: Mapping[str, str]) -> None:
    """Run a program to its end. Raises DidNotStart with its last lines when that is a bad one."""
    async with running(name, command, log=log, env=env) as process:
        code = await process.wait()
    if code != 0:
        raise DidNotStart(
            f"{name} ended with {code}.\n{process.last_lines()}\n", not_done="Nothing was prepared.",
            next_step=f"Its whole log: {log}",
        )  # fmt: skip


def lay_out_registry(source: Path, directory: Path) -> None:
    """The database comes last and with its past, for where it is, the rest is taken to be complete."""
    directory.mkdir(parents=True, exist_ok=True)
    lay_out(source / "artifacts", directory / "artifacts")
    part = directory / "mlflow.db.part"
    shutil.copy(source / "mlflow.db", part)
    date_back(part, datetime.now(UTC))
    part.rename(directory / "mlflow.db")


def lay_out(source: Path, target: Path) -> None:
    """A copy that is there whole or not at all."""
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f"{target.name}.", dir=target.parent))
    shutil.copytree(source, part, dirs_exist_ok=True, symlinks=True)
    part.rename(target)
