"""Retraining with the real parts: the bot, a real MLflow, and a real Airflow or Dagster that runs the pipeline.

The bot is killed while the run goes on, and started again: one run, one challenger, and a promotion of its own.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from bot.demo import servers
from bot.demo.history import MODEL
from bot.demo.story import CHANNEL, DANA, DEVI, MIKA
from tests.needs import needs
from tests.servers.airflow import BOT, PASSWORDS, Airflow
from tests.servers.dagster import Dagster
from tests.smoke.conftest import Bot, Machines

CONFIG = """
people:
  mika: {{name: Mika Laine, slack: U0MLENG01, roles: [ml_engineer]}}
  dana: {{name: Dana Sutter, slack: U0DATASCI, roles: [data_scientist, data_engineer]}}
  devi: {{name: Devi Rao, slack: U0DEVOPS1, roles: [devops_mlops_engineer, product_manager]}}
integrations:
  mlflow: {{url: "{mlflow}"}}
  {orchestrator}
policies: {{watch_for: 3s, look_every: 1h}}
models:
  fraud-detector:
    environments:
      production:
        registry: {{integration: mlflow, alias: champion}}
        gate: {{auc: higher}}
        training: {{integration: {slug}, pipeline: weekly, parameters: {{model: fraud-detector, mode: quick}}, version_tag: run}}
"""


@dataclass(frozen=True)
class Plant:
    """A bot with a registry and an orchestrator."""

    bot: Bot
    say: Callable[[str, str], None]
    """Tells a run's task how to end."""

    async def register(self, run: str) -> None:
        """What the pipeline does at its end: a new version, tagged with its run. It is a copy of a real one."""
        base = f"{self.bot.machines.mlflow}/api/2.0/mlflow"
        body = {"name": MODEL, "source": f"models:/{MODEL}/3", "tags": [{"key": "run", "value": run}]}
        answer = await self.bot.http.post(f"{base}/model-versions/create", json=body)
        assert answer.is_success, answer.text

    async def aliases(self) -> dict[str, str]:
        base = f"{self.bot.machines.mlflow}/api/2.0/mlflow"
        answer = await self.bot.http.get(f"{base}/registered-models/get", params={"name": MODEL})
        return {a["alias"]: a["version"] for a in answer.json()["registered_model"]["aliases"]}

    async def message(self, saying: str) -> str:
        """OP-1's message in the thread, as soon as it says this."""
        found = await self.bot.workspace.wait_for_message(
            CHANNEL,
            lambda m: "retraining of fraud-detector" in str(m) and saying in str(m) and "OP-" in str(m["text"]),
            90,
        )
        return str(found)


@asynccontextmanager
async def plant(
    tmp_path: Path, slug: str, settings: str, say: Callable[[str, str], None], **extra: str
) -> AsyncIterator[Plant]:
    folder = tmp_path / "bot"
    folder.mkdir()
    async with (
        servers.sandbox_process(tmp_path) as workspace,
        servers.mlflow_server(tmp_path) as mlflow,
        httpx.AsyncClient(trust_env=False, timeout=30) as http,
    ):
        text = CONFIG.format(mlflow=mlflow.url, orchestrator=f"{slug}: {settings}", slug=slug)
        (folder / "mlops-bot.yaml").write_text(text)
        made = Bot(folder, workspace.url, Machines(mlflow.url, ""), http, extra=extra)
        try:
            await made.start()
            yield Plant(made, say)
        finally:
            await made.stop()


async def retrained(here: Plant) -> None:
    """Asked for, approved by somebody else, killed in between, promoted."""
    bot = here.bot
    refused = await bot.workspace.command(DANA, f"retrain {MODEL} --set epochs=many", CHANNEL)
    assert "epochs=many can't be taken: it is no integer" in str(refused.messages), refused
    answer = await bot.workspace.command(DANA, f"retrain {MODEL} --set epochs=5", CHANNEL)
    assert "OP-1 is planned" in str(answer.messages), answer
    approved = await bot.workspace.command(MIKA, "approve OP-1", CHANNEL)
    assert "OP-1 is approved" in str(approved.messages), approved
    running = await here.message("'status': 'in_progress'")
    found = re.search(r"\\n([\w.-]+) is running", running)
    assert found is not None, running
    run = found.group(1)
    await bot.kill()
    await here.register(run)
    here.say(run, "ok")
    await bot.start()
    done = await here.message("challenger registered")
    await here.message("Succeeded")
    assert "Version 4 is the challenger" in done or "Version 4 is the challenger" in await here.message(
        "is the challenger"
    )
    assert await here.aliases() == {"champion": "3", "challenger": "4"}
    entries = await bot.timeline()
    assert len([e for e in entries if e.startswith("about to change: OP-1: starting")]) == 1
    assert any(e.startswith("continued after a restart:") for e in entries)
    promoted = await bot.workspace.command(MIKA, f"promote {MODEL}", CHANNEL)
    assert "OP-2 is planned" in str(promoted.messages), promoted
    await bot.workspace.command(DEVI, "approve OP-2", CHANNEL)
    async with asyncio.timeout(60):
        while (await here.aliases())["champion"] != "4":  # noqa: ASYNC110 - the condition is on the other side of a socket
            await asyncio.sleep(0.1)
    verified = await bot.run("timeline", "verify", "--all")
    assert verified.code == 0, verified


@needs("airflow", "postgresql", "mlflow")
@pytest.mark.xdist_group("airflow")
async def test_airflow_retrains_once_across_a_kill(airflow: Airflow, tmp_path: Path) -> None:
    settings = f'{{url: "{airflow.url}", username: {BOT}}}'
    password = {"MLOPS_BOT_INTEGRATIONS__AIRFLOW__PASSWORD": PASSWORDS[BOT]}
    async with plant(tmp_path, "airflow", settings, airflow.say, **password) as here:
        await retrained(here)


@needs("dagster", "mlflow")
@pytest.mark.xdist_group("dagster")
async def test_dagster_retrains_once_across_a_kill(dagster: Dagster, tmp_path: Path) -> None:
    settings = f'{{url: "{dagster.url}", location: training}}'
    async with plant(tmp_path, "dagster", settings, dagster.say) as here:
        await retrained(here)
