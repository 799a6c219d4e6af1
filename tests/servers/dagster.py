"""A Dagster as it really is: its web server, and the code locations of `dagster_project/`, on SQLite.

Started once for all tests of a process that ask for it. They are marked `@needs("dagster")` and
`@pytest.mark.xdist_group("dagster")`, so that one worker has them and one Dagster runs. There is no daemon: runs begin at
once, and schedules are switched but never due.
"""

import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.demo.process import environment, listening
from tests.needs import path_of
from tests.servers.vendors import kept

PROJECT = Path(__file__).parent / "dagster_project"
START_WITHIN = 120.0
LOCATION, BROKEN = "training", "broken"
REPOSITORY = "__repository__"


@dataclass(frozen=True, slots=True)
class Dagster:
    """A running one."""

    url: str
    folder: Path

    def say(self, run: str, word: str) -> None:
        """What `train` of this run waits for."""
        gate = self.folder / "gate"
        (gate / f".{run}").write_text(word)
        (gate / f".{run}").rename(gate / run)


@dataclass(frozen=True, slots=True)
class Queueing:
    """One whose runs wait for a daemon that doesn't come."""

    url: str


@dataclass(frozen=True, slots=True)
class ReadOnly:
    """One that only shows."""

    url: str


@pytest.fixture(scope="session")
def dagster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dagster]:
    """Its jobs are those of `training.py`; the schedule of `nightly` is off, that of `retrain` is on."""
    with kept(dagster_server(_laid_out(tmp_path_factory.mktemp("dagster")))) as server:
        yield server


@asynccontextmanager
async def dagster_server(folder: Path, *options: str) -> AsyncIterator[Dagster]:
    """The web server of a folder that was laid out, on a free port of the loopback."""

    def command(port: int) -> list[str | Path]:
        where = ["-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port)]
        return [path_of("dagster"), "-m", "dagster_webserver", *where, *options]

    gate = {"DAGSTER_HOME": str(folder), "GATE_OF_THE_TESTS": str(folder / "gate")}
    env = environment("DAGSTER", **gate)
    log = folder / f"web{'-'.join(options)}.log"
    async with listening(
        "Dagster", command, log=log, env=env, ready="/server_info", within=START_WITHIN, cwd=folder
    ) as (_, port):
        yield Dagster(f"http://127.0.0.1:{port}", folder)


@pytest.fixture
async def queueing(tmp_path: Path) -> AsyncIterator[Queueing]:
    """Another one, that queues its runs as most do."""
    _laid_out(tmp_path)
    (tmp_path / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    async with dagster_server(tmp_path) as server:
        yield Queueing(server.url)


@pytest.fixture
async def read_only(dagster: Dagster) -> AsyncIterator[ReadOnly]:
    """A second web server of the same Dagster, with which nothing can be changed."""
    async with dagster_server(dagster.folder, "--read-only") as server:
        yield ReadOnly(server.url)


def _laid_out(folder: Path) -> Path:
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    (folder / "gate").mkdir()
    return folder
