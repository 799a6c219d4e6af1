"""A throw-away PostgreSQL on a free port of this machine, and a database of its own for each test that asks."""

import contextlib
import itertools
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from tests.needs import path_of

USER = "bot"
START_WITHIN = 30.0
STOP_WITHIN = 20.0
ATTEMPTS = 5
"""Between finding a free port and taking it, somebody else may be faster."""
_SETTINGS = (
    "fsync=off",  # the tests end processes, never the machine
    "full_page_writes=off",
    "max_connections=200",
    "shared_buffers=32MB",
    "log_line_prefix=%m [%p] %d ",
)


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server. Its password is asked for on TCP, as a real one would."""

    port: int
    password: str
    log: Path
    _count: "itertools.count[int]" = field(default_factory=itertools.count)

    def url(self, database: str, password: str | None = None) -> str:
        """As it stands in a configuration."""
        return f"postgresql://{USER}:{password or self.password}@127.0.0.1:{self.port}/{database}"

    @contextlib.contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """The URL of an empty database, or a copy of another; it is dropped at the end, connections or not."""
        name = f"test_{next(self._count)}"
        with self.connect("postgres") as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        try:
            yield self.url(name)
        finally:
            with self.connect("postgres") as connection:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())

    @contextlib.contextmanager
    def connect(self, database: str) -> Iterator["psycopg.Connection[tuple[object, ...]]"]:
        """A plain connection, each statement a transaction."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            yield connection


@contextlib.contextmanager
def running(binaries: Path) -> Iterator[Postgres]:
    """A server with nothing in it, from `initdb` to its end."""
    folder = Path(tempfile.mkdtemp(prefix="mlops-bot-postgres-"))
    try:
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            shutil.chown(folder, "postgres", "postgres")
        password = secrets.token_hex(8)
        _initialise(binaries, folder, password)
        for attempt in range(1, ATTEMPTS + 1):
            server = Postgres(_free_port(), password, folder / "log")
            process = _start(binaries, folder, server)
            try:
                if _ready(process, server):
                    yield server
                    return
                if attempt == ATTEMPTS or "Address already in use" not in server.log.read_text():
                    raise RuntimeError(f"PostgreSQL did not start:\n{server.log.read_text()[-2_000:]}")
            finally:
                _stop(process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _initialise(binaries: Path, folder: Path, password: str) -> None:
    secret = folder / "password"
    secret.write_text(password + "\n")
    if os.geteuid() == 0:
        shutil.chown(secret, "postgres", "postgres")
    subprocess.run(
        [
            *_as_postgres(), binaries / "initdb", "--pgdata", folder / "data", "--username", USER, "--no-sync",
            "--encoding", "UTF8", "--no-locale", "--auth", "scram-sha-256", "--pwfile", secret,
        ],
        cwd=folder, check=True, capture_output=True, timeout=60,
    )  # fmt: skip


def _start(binaries: Path, folder: Path, server: Postgres) -> "subprocess.Popen[bytes]":
    settings = [word for setting in _SETTINGS for word in ("-c", setting)]
    listening = ["-h", "127.0.0.1", "-p", str(server.port), "-k", ""]
    command = [*_as_postgres(), binaries / "postgres", "-D", folder / "data", *listening, *settings]
    with server.log.open("wb") as log:
        return subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def _as_postgres() -> list[str]:
    """Under another name when we are root; and ended with us, even if we are killed."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    other = ["--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    return [setpriv, *other, "--pdeathsig=INT", "--"]


def _ready(process: "subprocess.Popen[bytes]", server: Postgres) -> bool:
    deadline = time.monotonic() + START_WITHIN
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(psycopg.OperationalError), server.connect("postgres"):
            return True
        time.sleep(0.02)
    return False


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(2)  # "fast": connections are cut
    try:
        process.wait(STOP_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for all tests of this process."""
    with running(path_of("postgresql")) as server:
        yield server


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """An empty database."""
    with postgres.database() as url:
        yield url
