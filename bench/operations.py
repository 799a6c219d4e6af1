"""From a click to what is seen, from an approval to what serves, how many a minute, and ten thousand that wait.

Real MLflow, a real serving process, the sandbox, and the bot on SQLite (FULL).
"""

import asyncio
import json
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from bench import clicks
from bench.figures import Figure, Report, quantile
from bench.processes import memory_mb
from bot.demo import servers
from bot.demo.play import bot_env, configure
from bot.demo.workspace import Workspace
from bot.domain.operation import Operation, OperationState
from bot.ports.clock import SystemClock
from bot.ports.store import Transaction
from bot.store.mapping import load
from bot.store.sqlstore import SqlStore

MIKA, DEVI = "U0MLENG01", "U0DEVOPS1"
CHANNEL = "ml-incidents"
TURNS = 6
"""Rollbacks there and back of the model that serves."""
COMMANDS = 30
MODELS = 20
"""Models whose operations go on at the same time."""
WAITING = 10_000
TOKEN = "bench"
FINAL = {state.value for state in OperationState if state.final}


async def run(folder: Path) -> Report:
    """Everything in one world, one after the other."""
    async with (
        servers.sandbox_process(folder) as workspace,
        servers.registry_and_serving(folder) as (mlflow, serving),
        httpx.AsyncClient(trust_env=False, timeout=60) as http,
    ):
        configure(folder, mlflow.url, serving.url, datetime.now(UTC) + timedelta(hours=12))
        await _register(http, mlflow.url)
        _add_models(folder / "mlops-bot.yaml")
        people = Workspace(workspace.url, http, asyncio.sleep)
        env = bot_env(workspace.url, TOKEN)
        async with servers.bot_process(env, folder):
            world = _World(folder, people, http, mlflow.url)
            answered = [await world.answer() for _ in range(COMMANDS)]
            pressed, presses = await clicks.measure(workspace.url, people, http)
            moved, confirmed = await world.turns()
            planned, carried_out = await world.many()
        figures = await _waiting(folder, env, people)
    return Report(
        "operations",
        (
            Figure(
                "command → its answer, p50", quantile(answered, 0.5), "ms", f"{COMMANDS} times, one after the other"
            ),
            Figure("command → its answer, p99", quantile(answered, 0.99), "ms"),
            *pressed,
            Figure("approve → alias moved, p50", quantile(moved, 0.5), "ms", f"{TURNS} rollbacks, real MLflow"),
            Figure("approve → alias moved, worst", max(moved), "ms"),
            Figure("approve → serving confirmed, p50", quantile(confirmed, 0.5), "s", "a real serving process follows"),
            Figure("approve → serving confirmed, worst", max(confirmed), "s"),
            Figure("plans a minute", planned, "/min", f"{MODELS} models, asked for one after the other"),
            Figure("operations carried out a minute", carried_out, "/min", f"{MODELS} approved at the same time"),
            *figures,
        ),
        {"answered_ms": answered, **presses, "moved_ms": moved, "confirmed_s": confirmed},
    )


class _World:
    def __init__(self, folder: Path, people: Workspace, http: httpx.AsyncClient, mlflow: str) -> None:
        self._database = folder / "mlops-bot.db"
        self._people = people
        self._http = http
        self._mlflow = mlflow

    async def answer(self) -> float:
        began = time.perf_counter()
        await self._people.command(MIKA, "models", CHANNEL)
        return (time.perf_counter() - began) * 1000

    async def turns(self) -> tuple[list[float], list[float]]:
        """There and back: each time an approval, the alias, and what the bot says is confirmed."""
        moved: list[float] = []
        confirmed: list[float] = []
        for turn in range(TURNS):
            to = "2" if turn % 2 == 0 else "3"
            number = await self._plan("fraud-detector", to)
            began = time.perf_counter()
            approving = asyncio.create_task(self._people.command(DEVI, f"approve OP-{number}", CHANNEL))
            while await self._alias("fraud-detector") != to:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.005)
            moved.append((time.perf_counter() - began) * 1000)
            while (await self._state(number)) not in FINAL:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.01)
            confirmed.append(time.perf_counter() - began)
            await approving
        return moved, confirmed

    async def many(self) -> tuple[float, float]:
        """Operations of many models: planned one after the other, carried out together."""
        began = time.perf_counter()
        numbers = [await self._plan(f"load-{place:02}", "1") for place in range(MODELS)]
        planned = time.perf_counter() - began
        began = time.perf_counter()
        await asyncio.gather(*(self._people.command(DEVI, f"approve OP-{n}", CHANNEL) for n in numbers))
        while {await self._alias(f"load-{place:02}") for place in range(MODELS)} != {"1"}:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)
        while not all([await self._state(number) in FINAL for number in numbers]):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)
        return MODELS / planned * 60, MODELS / (time.perf_counter() - began) * 60

    async def _plan(self, model: str, to: str) -> int:
        answer = await self._people.command(MIKA, f"rollback {model} --to {to}", CHANNEL)
        text = json.dumps([dict(message) for message in answer.messages])
        assert "is planned" in text, text[:600]
        return int(text.split("OP-", 1)[1].split(" ", 1)[0])

    async def _alias(self, model: str) -> str:
        answer = await self._http.get(
            f"{self._mlflow}/api/2.0/mlflow/registered-models/alias", params={"name": model, "alias": "champion"}
        )
        return str(answer.json()["model_version"]["version"])

    async def _state(self, number: int) -> str:
        with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)) as database:
            return str(database.execute("SELECT state FROM operations WHERE number = ?", (number,)).fetchone()[0])


async def _register(http: httpx.AsyncClient, url: str) -> None:
    """Models of two versions each, made of an artefact that is there."""
    base = f"{url}/api/2.0/mlflow"
    body = {"source": "models:/fraud-detector/1"}
    for place in range(MODELS):
        name = f"load-{place:02}"
        (await http.post(f"{base}/registered-models/create", json={"name": name})).raise_for_status()
        for _ in range(2):
            made = await http.post(f"{base}/model-versions/create", json={"name": name, **body})
            assert made.is_success, made.text
        alias = {"name": name, "alias": "champion", "version": "2"}
        (await http.post(f"{base}/registered-models/alias", json=alias)).raise_for_status()


def _add_models(path: Path) -> None:
    """Beside the demo's own; nothing serves them, so that only the registry is measured."""
    lines = [
        f"  load-{place:02}: {{environments: {{production: {{registry: {{integration: mlflow}}}}}}}}"
        for place in range(MODELS)
    ]
    text = path.read_text()
    assert "\nmodels:\n" in text, "the demo's configuration has models"
    path.write_text(text.replace("\nmodels:\n", "\nmodels:\n" + "\n".join(lines) + "\n"))


# ---------------------------------------------------------------- ten thousand that wait


async def _waiting(folder: Path, env: dict[str, str], people: Workspace) -> Sequence[Figure]:
    """The same bot twice: with nothing that waits, and with so many plans that nobody has approved yet."""
    before, _ = await _at_rest(folder, env)
    await _fill(folder / "mlops-bot.db")
    after, start = await _at_rest(folder, env)
    async with servers.bot_process(env, folder):
        began = time.perf_counter()
        await people.command(DEVI, "operations", CHANNEL)
        listed = (time.perf_counter() - began) * 1000
    return (
        Figure("memory at rest, nothing waits (RSS)", before, "MB"),
        Figure(f"memory at rest, {WAITING:,} wait (RSS)", after, "MB"),
        Figure(f"start until ready, {WAITING:,} wait", start, "s"),
        Figure(f"/mlops operations, {WAITING:,} wait", listed, "ms"),
    )


async def _at_rest(folder: Path, env: dict[str, str]) -> tuple[float, float]:
    began = time.monotonic()
    async with servers.bot_process(env, folder) as bot:
        start = time.monotonic() - began
        await asyncio.sleep(8)
        return memory_mb(bot.process.pid)[0], start


async def _fill(path: Path) -> None:
    """Copies of a plan that was really made, each of a model of its own."""
    store = SqlStore(f"sqlite:///{path}", SystemClock(), _never)
    await store.open()
    with closing(sqlite3.connect(path)) as database:
        data = database.execute("SELECT data FROM operations ORDER BY number LIMIT 1").fetchone()[0]
    pattern = load(Operation, data)
    until = datetime.now(UTC) + timedelta(days=1)

    def put(tx: Transaction, begin: int) -> None:
        for place in range(begin, begin + 500):
            model = f"waiting-{place}"
            plan = replace(pattern.plan, model=model, expires_at=until)
            tx.operations.add(
                replace(
                    pattern, number=tx.operations.next_number(), model=model, plan=plan, finished_at=None,
                    state=OperationState.AWAITING_APPROVAL, decided_by=None, outcome="",
                )
            )  # fmt: skip

    for begin in range(0, WAITING, 500):
        await store.write(lambda tx, begin=begin: put(tx, begin))  # type: ignore[misc]  # a loop's own value
    await store.close()


def _never(*_: object) -> None:
    raise AssertionError("nothing is started here")
