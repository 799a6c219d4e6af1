"""An Airflow 3 as it really is: its API, scheduler and DAG processor, on PostgreSQL, with the pipelines of `airflow_dags/`.

Started once for all tests of a process that ask for it. They are marked `@needs("airflow", "postgresql")` and
`@pytest.mark.xdist_group("airflow")`, so that one worker has them and one Airflow runs.
"""

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from bot.demo.process import Process, environment, free_port, running
from tests.needs import path_of
from tests.servers import postgres
from tests.servers.vendors import kept

DAGS = Path(__file__).parent / "airflow_dags"
README = Path(__file__).parents[2] / "integrations" / "airflow" / "README.md"
PIPELINES = {"alarmed", "retrain", "weekly", "nightly", "bare", "odd", "features", "fragile"}
START_WITHIN = 120.0
BOT, VIEWER = "bot", "viewer"
"""Accounts: `bot` is an operator, as the integration's README wants it; `viewer` may look."""
WEBHOOK_SECRET = "secret-of-the-callbacks"
PASSWORDS = {"admin": "password-of-the-admin", BOT: "password-of-the-bot", VIEWER: "password-of-the-viewer"}


@dataclass(frozen=True, slots=True)
class Airflow:
    """A running one."""

    url: str
    folder: Path
    scheduler: Process

    @property
    def dags(self) -> Path:
        return self.folder / "dags"

    def say(self, run: str, word: str) -> None:
        """What `train` of this run waits for."""
        gate = self.folder / "gate"
        (gate / f".{run}").write_text(word)
        (gate / f".{run}").rename(gate / run)


@pytest.fixture(scope="session")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airflow]:
    """Its pipelines are those of `airflow_dags/`; `nightly` is paused. Whoever starts runs takes another id in each test."""
    folder = tmp_path_factory.mktemp("airflow")
    with postgres.running(path_of("postgresql")) as database, kept(airflow_server(folder, database)) as server:
        yield server


@asynccontextmanager
async def airflow_server(folder: Path, database: postgres.Postgres) -> AsyncIterator[Airflow]:
    """Everything below one folder, on one free port of the loopback."""
    await asyncio.to_thread(_lay_out, folder)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    env = _environment(folder, url, database.url("postgres").replace("postgresql:", "postgresql+psycopg:"))
    async with AsyncExitStack() as stack:

        async def program(name: str, *arguments: str) -> Process:
            command = [path_of("airflow"), "-m", "airflow", *arguments]
            log = folder / f"{name}.log"
            return await stack.enter_async_context(running(f"Airflow's {name}", command, log=log, env=env, cwd=folder))

        migration = await program("migration", "db", "migrate")
        assert await migration.wait() == 0, migration.last_lines()
        api = await program("api", "api-server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1")
        dags = await program("dags", "dag-processor")
        scheduler = await program("scheduler", "scheduler", "--skip-serve-logs")
        await api.wait_until_http_ok(f"{url}/api/v2/version", START_WITHIN)
        await _until_ready(url)
        try:
            yield Airflow(url, folder, scheduler)
        finally:
            await asyncio.gather(*(process.kill() for process in (scheduler, dags, api)))  # nothing is worth its grace
            for process in (scheduler, dags):
                _end_session(process.pid)


def _end_session(session: int) -> None:
    """A worker with a task under way has a process group of its own, and hides the mark that says whose it is."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError):
            state, _, _, its_session = stat.read_text().rpartition(")")[2].split()[:4]
            if int(its_session) == session and state != "Z":
                os.kill(int(stat.parent.name), signal.SIGKILL)


def _lay_out(folder: Path) -> None:
    shutil.copytree(DAGS, folder / "dags", ignore=shutil.ignore_patterns("__pycache__"))
    notifier = re.search(r'```python\n("""Tells the bot.*?)```', README.read_text(), re.DOTALL)
    assert notifier, "the integration's README has no callback any more"
    (folder / "dags" / "mlops_bot.py").write_text(notifier[1])
    (folder / "gate").mkdir()
    (folder / "passwords.json").write_text(json.dumps(PASSWORDS))


def _environment(folder: Path, url: str, database: str) -> dict[str, str]:
    """Quick to notice what happens, and nothing of the machine's own Airflow."""
    settings = {
        "API__BASE_URL": url,
        "API__EXPOSE_CONFIG": "False",
        "API_AUTH__JWT_SECRET": "secret-with-which-this-airflow-signs-what-it-tells-itself-and-others-000",
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "CORE__DAGS_FOLDER": str(folder / "dags"),
        "CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__PARALLELISM": "8",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(folder / "passwords.json"),
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"admin:admin,{BOT}:op,{VIEWER}:viewer",
        "DAG_PROCESSOR__REFRESH_INTERVAL": "600",
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
        "DATABASE__SQL_ALCHEMY_CONN": database,
        "DATABASE__SQL_ALCHEMY_CONN_ASYNC": database,
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
        "SCHEDULER__JOB_HEARTBEAT_SEC": "1",
        "USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    named = {f"AIRFLOW__{name}": value for name, value in settings.items()}
    home = {"AIRFLOW_HOME": str(folder), "GATE_OF_THE_TESTS": str(folder / "gate"), "TELL_BOT_SECRET": WEBHOOK_SECRET}
    return environment("AIRFLOW", **named, **home)


async def _until_ready(url: str) -> None:
    """The scheduler lives, every pipeline is known, and a run has run: during its first one Airflow stops for seconds."""
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as http, asyncio.timeout(START_WITHIN):
        token = (await http.post("/auth/token", json={"username": BOT, "password": PASSWORDS[BOT]})).json()
        http.headers["authorization"] = f"Bearer {token['access_token']}"
        while not await _ready(http):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        first = {"dag_run_id": "first", "logical_date": None}
        (await http.post("/api/v2/dags/fragile/dagRuns", json=first)).raise_for_status()
        while (await http.get("/api/v2/dags/fragile/dagRuns/first")).json()["state"] != "success":  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def _ready(http: httpx.AsyncClient) -> bool:
    health = (await http.get("/api/v2/monitor/health")).json()
    dags = (await http.get("/api/v2/dags", params={"limit": 100})).json()["dags"]
    return health["scheduler"]["status"] == "healthy" and {dag["dag_id"] for dag in dags} >= PIPELINES
