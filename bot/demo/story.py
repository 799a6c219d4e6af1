"""The story of the main job, step by step: each step does one thing a person would do, and checks what came of it."""

import json
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from bot.domain.errors import BotError
from bot.usecases.export import verify_bytes

CHANNEL = "ml-incidents"
MIKA, DEVI, DANA = "U0MLENG01", "U0DEVOPS1", "U0DATASCI"
PATIENCE = 30.0
"""Seconds that a step may take before it counts as failed."""


class StoryFailed(BotError):
    """A step did not come out as it should."""


@dataclass(frozen=True, slots=True)
class World:
    """Addresses of everything that was started."""

    workspace: str
    bot: str
    mlflow: str
    serving: str
    token: str
    folder: Path


@dataclass
class Story:
    """Plays the steps and prints each with its duration."""

    world: World
    http: httpx.AsyncClient
    sandbox: Any
    """The workspace's client (`sandbox.client.SandboxClient`), handed in: the bot does not know the sandbox."""
    console: Console
    number: int = 0
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    async def play(self) -> None:
        """Everything, in order. Raises StoryFailed at the first step that does not come out."""
        await self._step("A drift alert arrives; one incident opens with one card", self.drift_alert)
        await self._step("A second alert of the same problem edits the card", self.second_alert)
        await self._step("Mika acknowledges with the button", self.acknowledge)
        await self._step("Mika asks for a rollback; the plan is shown", self.ask)
        await self._step("Mika can't approve what she asked for", self.requester_refused)
        await self._step("Devi, who is Accountable, approves; serving is confirmed", self.approve)
        await self._step("The alerts end; the incident is resolved", self.resolve)
        await self._step("The timeline is exported and verifies; one changed byte is named", self.export)
        await self._step("The maturity digest and the daily digest are made", self.digests)

    async def _step(self, title: str, step: Callable[[], Awaitable[str]]) -> None:
        self.number += 1
        before = time.monotonic()
        try:
            said = await step()
        except BotError as error:
            self.console.print(f"[red]✗[/red] {self.number}. {title}: {error}")
            raise
        took = time.monotonic() - before
        self.console.print(f"[green]✓[/green] {self.number}. {title} [dim]({took:.2f} s)[/dim]\n     {said}")

    # ------------------------------------------------------------ steps

    async def drift_alert(self) -> str:
        """A captured Alertmanager body, with the demo's model in it and today's time."""
        await self._post_alert("ModelFeatureDrift", "firing", "warning", "PSI of feature amount is 0.31 (limit 0.2)")
        card = await self.card(lambda text: "ModelFeatureDrift" in text)
        text = json.dumps(card, ensure_ascii=False)
        for wanted in ("fraud-detector", "INC-1", "Responsible", "Accountable", "promoted"):
            expect(wanted in text, f"the card does not show “{wanted}”")
        return "the card shows the model, the owners, the runbook and what changed"

    async def second_alert(self) -> str:
        """Another alert of the same model joins; nothing new is posted in the channel."""
        await self._post_alert("ModelErrorRateHigh", "firing", "critical", "Error ratio is 7 % (limit 5 %)")
        await self.card(lambda text: "2 alerts" in text or "2 firing" in text)
        cards = [m for m in await self.sandbox.messages(CHANNEL) if _is_card(m)]
        expect(len(cards) == 1, f"there are {len(cards)} cards instead of one")
        return "one card, edited in place"

    async def acknowledge(self) -> str:
        """The button on the card."""
        card = await self.card(lambda text: "Acknowledge" in text)
        await self.sandbox.click(MIKA, CHANNEL, card["ts"], "incident.acknowledge")
        await self.card(lambda text: "acknowledged" in text.lower())
        return "escalation has stopped"

    async def ask(self) -> str:
        """The slash command, in the channel."""
        command = "rollback fraud-detector --reason drift after v3"
        reply = await self.sandbox.command(MIKA, "/mlops", command, CHANNEL)
        expect("OP-1" in json.dumps(reply), f"no plan was made: {json.dumps(reply)[:400]}")
        plan = await self._plan(lambda text: "awaiting approval" in text.lower())
        expect("Approve" in json.dumps(plan), "the plan has no button to approve")
        return "version 3 → 2, with checks, metrics and the exact calls"

    async def requester_refused(self) -> str:
        """Two-person rule."""
        reply = await self.sandbox.command(MIKA, "/mlops", "approve OP-1", CHANNEL)
        text = json.dumps(reply, ensure_ascii=False)
        expect("not approved" in text, f"the requester was not refused: {text[:300]}")
        expect(await self._alias() == "3", "the alias was moved without an approval")
        return "the refusal names who may"

    async def approve(self) -> str:
        """The button on the plan; then the real registry and the real serving process are asked."""
        plan = await self._plan(lambda text: "Approve" in text)
        before = time.monotonic()
        await self.sandbox.click(DEVI, CHANNEL, plan["ts"], "operation.approve")
        await self.card(lambda text: "serving confirmed" in text.lower())
        took = time.monotonic() - before
        expect(await self._alias() == "2", "MLflow's alias does not point at version 2")
        docs = (await self.http.get(f"{self.world.serving}/docs.json")).json()
        expect(docs["info"]["version"] in {"2", "v2"}, f"the serving process says {docs['info']['version']}")
        return f"MLflow and the serving process both say version 2, {took:.1f} s after the approval"

    async def resolve(self) -> str:
        """Both alerts end."""
        for name in ("ModelFeatureDrift", "ModelErrorRateHigh"):
            await self._post_alert(name, "resolved", "warning", "back to normal")
        await self.card(lambda text: "resolved" in text.lower())
        return "resolved, confirmed by the operation's result"

    async def export(self) -> str:
        """By API and offline: the file verifies, and one changed byte is found."""
        reply = await self.sandbox.command(DANA, "/mlops", "timeline INC-1 export md", CHANNEL)
        expect("INC-1" in json.dumps(reply), "the export was not answered")
        data = (self.world.folder / "INC-1.md").read_bytes() if (self.world.folder / "INC-1.md").exists() else None
        data = data or await self._export_by_command()
        expect(verify_bytes("INC-1.md", data).intact, "the exported timeline does not verify")
        where = data.index(b"acknowledged")
        broken = verify_bytes("INC-1.md", data[:where] + b"A" + data[where + 1 :])
        expect(not broken.intact, "a changed byte was not found")
        return f"intact; after one changed byte: {broken.what}"

    async def digests(self) -> str:
        """Asked for in Slack."""
        maturity = json.dumps(await self.sandbox.command(DANA, "/mlops", "digest maturity", CHANNEL))
        level = re.search(r"[Ll]evel (\d)", maturity)
        expect(level is not None, f"no level in the maturity digest: {maturity[:300]}")
        daily = json.dumps(await self.sandbox.command(DANA, "/mlops", "digest daily", CHANNEL))
        expect("1" in daily, "the daily digest is empty")
        assert level is not None
        return f"maturity level {level.group(1)}, with its evidence"

    # ------------------------------------------------------------ helpers

    async def card(self, wanted: Callable[[str], bool]) -> Any:
        """The incident's card, once it shows what is wanted."""
        return await self.sandbox.wait_for_message(
            CHANNEL, lambda m: _is_card(m) and wanted(json.dumps(m, ensure_ascii=False)), PATIENCE
        )

    async def _plan(self, wanted: Callable[[str], bool]) -> Any:
        return await self.sandbox.wait_for_message(
            CHANNEL,
            lambda m: _key(m).startswith("operation:") and wanted(json.dumps(m, ensure_ascii=False)),
            PATIENCE,
        )

    async def _post_alert(self, name: str, status: str, severity: str, summary: str) -> None:
        ended = (datetime.now(UTC)).isoformat() if status == "resolved" else "0001-01-01T00:00:00Z"
        began = (self.started - timedelta(minutes=4)).isoformat()
        body = delivery(name, status, severity, summary, began, ended)
        answer = await self.http.post(
            f"{self.world.bot}/alerts/alertmanager",
            content=json.dumps(body),
            headers={"Authorization": f"Bearer {self.world.token}", "Content-Type": "application/json"},
        )
        expect(answer.status_code == httpx.codes.OK, f"the bot answered {answer.status_code}: {answer.text[:200]}")

    async def _alias(self) -> str:
        answer = await self.http.get(
            f"{self.world.mlflow}/api/2.0/mlflow/registered-models/alias",
            params={"name": "fraud-detector", "alias": "champion"},
        )
        return str(answer.json()["model_version"]["version"])

    async def _export_by_command(self) -> bytes:
        from bot.demo.commands import export  # noqa: PLC0415 - a process of its own, needed here only

        return await export(self.world.folder, "INC-1", "md")


def delivery(name: str, status: str, severity: str, summary: str, began: str, ended: str) -> dict[str, Any]:
    """A body as Alertmanager's webhook (version 4) sends it, modelled on a captured one."""
    labels = {
        "alertname": name,
        "model_name": "fraud-detector",
        "model_version": "3",
        "environment": "production",
        "feature": "amount",
        "severity": severity,
        "team": "ml-platform",
    }
    value, threshold = ("0.31", "0.2") if name == "ModelFeatureDrift" else ("0.07", "0.05")
    alert = {
        "status": status,
        "labels": labels,
        "annotations": {"summary": summary, "value": value, "threshold": threshold},
        "startsAt": began,
        "endsAt": ended,
        "generatorURL": "http://prometheus.example/graph?g0.expr=model_feature_psi+%3E+0.2&g0.tab=1",
        "fingerprint": "c0ffee0000000001" if name == "ModelFeatureDrift" else "c0ffee0000000002",
    }
    return {
        "receiver": "mlops-bot",
        "status": status,
        "alerts": [alert],
        "groupLabels": {"alertname": name},
        "commonLabels": labels,
        "commonAnnotations": alert["annotations"],
        "externalURL": "http://alertmanager.example",
        "version": "4",
        "groupKey": f'{{}}:{{alertname="{name}"}}',
        "truncatedAlerts": 0,
    }


def expect(true: bool, otherwise: str) -> None:
    """Stop the story when something isn't as it should be."""
    if not true:
        raise StoryFailed(otherwise)


def _is_card(message: Any) -> bool:
    return bool((message.get("metadata") or {}).get("event_type") == "mlops_incident")


def _key(message: Any) -> str:
    return str(((message.get("metadata") or {}).get("event_payload") or {}).get("key", ""))
