"""From nothing to ready, at rest, and from an alert to Slack's call: a bot on SQLite (FULL) and the sandbox."""

import asyncio
import json
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx

from bench.figures import Figure, Report, quantile
from bench.processes import memory_mb
from bot.demo import servers
from bot.demo.play import bot_env
from bot.demo.workspace import Workspace

ALERTS = 100
PACE = 1.2
"""Seconds between alerts: Slack takes one message a second and channel, and this is about a bot at rest."""
REST = 10.0
"""Seconds after the start until memory is looked at."""
TOKEN = "bench"
CONFIG = """
people:
  mika: {name: Mika Laine, slack: U0MLENG01, roles: [ml_engineer, data_scientist, data_engineer, product_manager]}
  devi: {name: Devi Rao, slack: U0DEVOPS1, roles: [devops_mlops_engineer]}
"""


async def run(folder: Path) -> Report:
    """Start both, rest, then hand in one new problem after the other."""
    (folder / "mlops-bot.yaml").write_text(CONFIG)
    async with servers.sandbox_process(folder) as workspace, httpx.AsyncClient(trust_env=False) as http:
        began = time.monotonic()
        async with servers.bot_process(bot_env(workspace.url, TOKEN), folder) as bot:
            ready = time.monotonic() - began
            await asyncio.sleep(REST)
            rss, pss = memory_mb(bot.process.pid)
            answered, shown = await _latencies(bot.url, Workspace(workspace.url, http, asyncio.sleep), http)
            after, _ = memory_mb(bot.process.pid)
    return Report(
        "alert-to-slack",
        (
            Figure("start until ready", ready, "s", "connected to Slack; new database"),
            Figure("memory at rest (RSS)", rss, "MB"),
            Figure("memory at rest (PSS)", pss, "MB"),
            Figure(f"memory after {ALERTS} incidents (RSS)", after, "MB"),
            Figure("alert → answer (on disk), p50", quantile(answered, 0.5), "ms"),
            Figure("alert → answer (on disk), p99", quantile(answered, 0.99), "ms"),
            Figure("alert → Slack's call, p50", quantile(shown, 0.5), "ms", f"{len(shown)} new incidents"),
            Figure("alert → Slack's call, p99", quantile(shown, 0.99), "ms"),
            Figure("alert → Slack's call, worst", max(shown), "ms"),
        ),
        {"answered_ms": answered, "shown_ms": shown},
    )


async def _latencies(url: str, workspace: Workspace, http: httpx.AsyncClient) -> tuple[list[float], list[float]]:
    sent: dict[str, float] = {}
    answered: list[float] = []
    for number in range(ALERTS):
        name = f"BenchAlert{number:03}"
        sent[name] = time.time()
        answer = await http.post(
            f"{url}/alerts/alertmanager", content=_body(name), headers={"Authorization": f"Bearer {TOKEN}"}
        )
        answered.append((time.time() - sent[name]) * 1000)
        answer.raise_for_status()
        await asyncio.sleep(PACE)
    calls = await workspace.calls("chat.postMessage")
    shown: list[float] = []
    for name, at in sent.items():
        cards = [c["at"] for c in calls if name in json.dumps(c["arguments"]) and "mlops_incident" in json.dumps(c)]
        shown.append((min(map(float, cards)) - at) * 1000)
    return answered, shown


def _body(name: str) -> bytes:
    labels = {"alertname": name, "model_name": f"model-{name[-3:]}", "environment": "production", "severity": "warning"}
    alert = {
        "status": "firing", "labels": labels, "annotations": {"summary": f"{name} fires"},
        "startsAt": datetime.now(UTC).isoformat(), "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "",
        "fingerprint": f"{int(name[-3:]):016x}",
    }  # fmt: skip
    return json.dumps(
        {
            "receiver": "mlops-bot", "status": "firing", "alerts": [alert], "groupLabels": {}, "commonLabels": labels,
            "commonAnnotations": {}, "externalURL": "http://alertmanager.example", "version": "4",
            "groupKey": f"{{}}:{{alertname={name!r}}}", "truncatedAlerts": 0,
        }
    ).encode()  # fmt: skip
