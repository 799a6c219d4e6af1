"""A Kubernetes API for tests: one in memory, and a real kube-apiserver where a folder says how to start one.

`KUBE_APISERVER_TOOL` names a folder with `up.sh DIR PORT ETCD_PORT`, which starts etcd and kube-apiserver on loopback, prints
`ready`, and leaves `api.pid`, `etcd.pid`, `certs/apiserver.crt` and `tokens.csv` in DIR. Without it, only the fake is used.
"""

import contextlib
import csv
import os
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.kube import ADMIN, BOT, FakeKube
from tests.servers.asgi import serving

TOOL = "KUBE_APISERVER_TOOL"
APISERVERS = ("fake", "real") if os.environ.get(TOOL) else ("fake",)
"""What tests run against: without the tool the real cases don't exist, so that none is skipped."""
ON_KUBE = [pytest.mark.xdist_group("kube")] if "real" in APISERVERS else []
"""For `pytestmark`: one worker has the real one."""


@dataclass(frozen=True)
class ApiServer:
    """One that runs."""

    url: str
    ca_file: str
    admin: str
    bot: str
    real: bool


@contextlib.asynccontextmanager
async def fake_apiserver() -> AsyncIterator[ApiServer]:
    """In this process."""
    async with serving(FakeKube().app) as url:
        yield ApiServer(url, "", ADMIN, BOT, real=False)


@contextlib.contextmanager
def real_apiserver(folder: Path) -> Iterator[ApiServer]:
    """A process, and its etcd, ended by their ids."""
    port, etcd = free_port(), free_port(pair=10)
    script = Path(os.environ[TOOL]) / "up.sh"
    try:
        subprocess.run(
            ["bash", str(script), str(folder), str(port), str(etcd)], check=True, timeout=90, stdout=subprocess.DEVNULL
        )
        with (folder / "tokens.csv").open() as file:
            tokens = {row[1]: row[0] for row in csv.reader(file)}
        certificate = str(folder / "certs" / "apiserver.crt")
        admin, bot = tokens["admin"], tokens["system:serviceaccount:ml:mlops-bot"]
        yield ApiServer(f"https://127.0.0.1:{port}", certificate, admin, bot, real=True)
    finally:
        for name in ("api.pid", "etcd.pid"):
            _end(folder / name)


def free_port(pair: int = 0) -> int:
    """A port that nobody has; with `pair` also the one so many further on, for etcd's peers."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            if not pair:
                return port
            with contextlib.suppress(OSError, OverflowError):
                second.bind(("127.0.0.1", port + pair))
                return port


def _end(file: Path) -> None:
    """Politely, then not."""
    if not file.exists():
        return
    pid = int(file.read_text())
    for sign, patience in ((signal.SIGTERM, 20.0), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, sign)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if not _runs(pid):
                return
            time.sleep(0.05)


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


# ---------------------------------------------------------------- fixtures


@pytest.fixture(scope="session")
def real_kube(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A real kube-apiserver for all tests of this process that ask for it."""
    with real_apiserver(tmp_path_factory.mktemp("kube")) as server:
        yield server


@pytest.fixture(params=APISERVERS)
async def kube(request: pytest.FixtureRequest) -> AsyncIterator[ApiServer]:
    """A Kubernetes API: the one in memory, and the real one where there is one."""
    if request.param == "real":
        yield request.getfixturevalue("real_kube")
        return
    async with fake_apiserver() as server:
        yield server
