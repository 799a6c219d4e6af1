"""The story of the main job, step by step: each step does one thing a person would do, and checks what came of it."""

import re
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

import httpx
from rich.console import Console

from bot.demo import alerts, evidence
from bot.demo.command import Command
from bot.demo.history import MODEL
from bot.demo.workspace import Message, Workspace
from bot.domain.errors import BotError

CHANNEL = "ml-incidents"
DIGESTS = "ml-platform"
MIKA, DEVI, DANA, PAULA = "U0MLENG01", "U0DEVOPS1", "U0DATASCI", "U0PRODMGR"
PATIENCE = 30.0
"""Seconds that a step may take before it counts as failed."""
BEGAN_BEFORE = timedelta(minutes=4)


class StoryFailed(BotError):
    """A step did not come out as it should."""


@dataclass(frozen=True, slots=True)
class World:
    """Addresses of everything that was started, and the command of the bot that runs there."""

    workspace: str
    bot: str
    mlflow: str
    serving: str
    token: str = field(repr=False)
    command: Command


class Story:
    """Plays the steps and prints each with its duration."""

    def __init__(self, world: World, http: httpx.AsyncClient, workspace: Workspace, console: Console) -> None:
        self.world = world
        self.workspace = workspace
        self._http = http
        self._console = console
        self._number = 0
        self._began = datetime.now(UTC) - BEGAN_BEFORE

    async def play(self) -> None:
        """Everything, in order. Raises StoryFailed at the first step that does not come out."""
        await self._step("A drift alert arrives: one incident, one card", self.drift_alert)
        await self._step("A second alert of the same model: the card is edited", self.second_alert)
        await self._step("Mika acknowledges with the button", self.acknowledge)
        await self._step("Dana writes in the thread and pins it with 📌", self.pin)
        await self._step("Mika asks for a rollback: a plan, and nothing else yet", self.ask)
        await self._step("Mika may not approve what she asked for", self.requester_refused)
        await self._step("Devi, who is Accountable, approves: it is done once, and seen to serve", self.approve)
        await self._step("The alerts end: the incident is resolved", self.resolve)
        await self._step("The timeline is exported and verifies; one changed byte is named", self.export)
        await self._step("Digests: how mature is it, what happened today", self.digests)
        await self._step("The scheduler posts both digests by itself", self.scheduled)

    async def _step(self, title: str, step: Callable[[], Awaitable[str]]) -> None:
        self._number += 1
        before = time.monotonic()
        try:
            said = await step()
        except (BotError, httpx.HTTPError) as error:
            self._console.print(f"[red]✗[/red] {self._number:>2}. {title}")
            self._console.print(f"       {error or type(error).__name__}", style="red", markup=False)
            raise StoryFailed(f"Step {self._number} did not come out.") from error
        took = time.monotonic() - before
        self._console.print(f"[green]✓[/green] {self._number:>2}. {title} [dim]{took:.2f} s[/dim]")
        self._console.print(f"       {said}", style="dim", markup=False)

    # ------------------------------------------------------------ steps

    async def drift_alert(self) -> str:
        """A captured Alertmanager delivery, with its times moved to now."""
        await self.post_alert("drift")
        # What changed is asked of the registry at the same time, and joins the card when the answer comes.
        shown = _text(await self.card(lambda text: "ModelFeatureDrift" in text and "promoted" in text))
        for wanted in (MODEL, "INC-1", "production", "0.31", "Responsible", "Accountable", "Runbook"):
            expect(wanted in shown, f"the card does not show “{wanted}”: {shown[:1500]}")
        return "it shows the metric against its limit, owners and why, the runbook, and that v3 was promoted 42 min ago"

    async def second_alert(self) -> str:
        """Another alert of the same model joins; nothing new is posted in the channel."""
        await self.post_alert("errors")
        await self.card(lambda text: "2 alerts" in text)
        cards = [m for m in await self.workspace.messages(CHANNEL) if _is_card(m)]
        expect(len(cards) == 1, f"there are {len(cards)} cards instead of one")
        return "still one card, edited in place"

    async def acknowledge(self) -> str:
        """The button on the card."""
        card = await self.card(lambda text: "Acknowledge" in text)
        await self.workspace.click(MIKA, CHANNEL, str(card["ts"]), "incident.acknowledge")
        await self.card(lambda text: "acknowledged by Mika" in text)
        return "escalation has stopped"

    async def pin(self) -> str:
        """A reply in the thread, and a reaction."""
        card = await self.card(lambda _: True)
        words = "The merchants' risk feed changed on Monday."
        ts = await self.workspace.say(DANA, CHANNEL, words, thread_ts=str(card["ts"]))
        await self.workspace.react(DANA, CHANNEL, ts, "pushpin")
        await self.workspace.wait_for_message(
            CHANNEL, lambda m: bool(m.get("is_ephemeral")) and "timeline" in _text(m), PATIENCE, user=DANA
        )
        return "her sentence is on the timeline"

    async def ask(self) -> str:
        """The slash command, in the channel."""
        answer = await self.workspace.command(MIKA, f"rollback {MODEL} --reason drift since version 3", CHANNEL)
        expect("OP-1" in _texts(answer.messages), f"no plan was made: {_texts(answer.messages)[:600]} {answer.error}")
        plan = _text(await self.plan(lambda text: "awaiting approval" in text.lower()))
        for wanted in ("Approve", "auc", "champion", f"@{DEVI}", "POST"):
            expect(wanted in plan, f"the plan does not show “{wanted}”: {plan[:1500]}")
        expect(await self.alias() == "3", "the alias was moved without an approval")
        return "version 3 → 2: metrics of both, checks, the exact calls, who may approve"

    async def requester_refused(self) -> str:
        """Two-person rule."""
        answer = await self.workspace.command(MIKA, "approve OP-1", CHANNEL)
        expect("was not approved" in _texts(answer.messages), f"she was not refused: {_texts(answer.messages)[:300]}")
        expect(await self.alias() == "3", "the alias was moved without an approval")
        return "the refusal says who may"

    async def approve(self) -> str:
        """The button on the plan; then the real registry and the real serving process are asked."""
        plan = await self.plan(lambda text: "Approve" in text)
        before = time.monotonic()
        await self.workspace.click(DEVI, CHANNEL, str(plan["ts"]), "operation.approve")
        await self.card(lambda text: "serving confirmed" in text.lower())
        took = time.monotonic() - before
        expect(await self.alias() == "2", "MLflow's alias does not point at version 2")
        expect(await self.served() in {"2", "v2"}, f"the serving process says {await self.served()}")
        moves = [e for e in await self._timeline() if "moving alias" in e and "about to change" in e]
        expect(len(moves) == 1, f"the alias was moved {len(moves)} times")
        return f"MLflow and the serving process both say version 2, {took:.1f} s after the approval"

    async def resolve(self) -> str:
        """Both alerts end."""
        await self.post_alert("drift", ended=True)
        await self.post_alert("errors", ended=True)
        await self.card(lambda text: "resolved" in text.lower() and "unconfirmed" not in text.lower())
        await self.workspace.wait_for_message("@paula", lambda m: "INC-1" in _text(m), PATIENCE)
        return "confirmed by the operation's result; who is Informed has the summary"

    async def export(self) -> str:
        """By Slack, by the command, offline; and a forged row in a copy of the database."""
        answer = await self.workspace.command(DANA, "timeline INC-1 export md", CHANNEL)
        expect("INC-1" in _texts(answer.messages), f"the export was not answered: {_texts(answer.messages)[:300]}")
        return await evidence.check(self.workspace, self.world.command)

    async def digests(self) -> str:
        """Asked for in Slack."""
        maturity = _texts((await self.workspace.command(DANA, "digest maturity", CHANNEL)).messages)
        level = re.search(r"[Ll]evel (\d)", maturity)
        expect(level is not None and MODEL in maturity, f"no level in the maturity digest: {maturity[:600]}")
        daily = _texts((await self.workspace.command(DANA, "digest daily", CHANNEL)).messages)
        expect("INC-1" in daily, f"the daily digest does not know the incident: {daily[:600]}")
        assert level is not None
        return f"maturity level {level.group(1)}, each criterion with its evidence"

    async def scheduled(self) -> str:
        """Nobody asks: the jobs are due a short while after the start."""
        for kind in ("daily", "maturity"):
            wanted = partial(_is_digest, kind)
            await self.workspace.wait_for_message(DIGESTS, wanted, PATIENCE * 2)
        posted = [m for m in await self.workspace.messages(DIGESTS) if _is_digest("", m)]
        expect(len(posted) == 2, f"{len(posted)} digests were posted instead of two")
        return f"one of each, in #{DIGESTS}"

    # ------------------------------------------------------------ looking and doing

    async def card(self, wanted: Callable[[str], bool]) -> Message:
        """The incident's card, once it shows what is wanted."""
        return await self.workspace.wait_for_message(CHANNEL, lambda m: _is_card(m) and wanted(_text(m)), PATIENCE)

    async def plan(self, wanted: Callable[[str], bool]) -> Message:
        """The operation's message in the card's thread, once it shows what is wanted."""
        return await self.workspace.wait_for_message(
            CHANNEL, lambda m: _key(m).startswith("operation:") and wanted(_text(m)), PATIENCE
        )

    async def post_alert(self, name: str, *, ended: bool = False) -> None:
        """Hand a delivery in, as Alertmanager does."""
        answer = await self._http.post(
            f"{self.world.bot}/alerts/alertmanager",
            content=alerts.delivery(name, began=self._began, ended=datetime.now(UTC) if ended else None),
            headers={"Authorization": f"Bearer {self.world.token}", "Content-Type": "application/json"},
        )
        expect(answer.status_code == httpx.codes.OK, f"the bot answered {answer.status_code}: {answer.text[:200]}")

    async def alias(self) -> str:
        """The version that MLflow's alias points at."""
        answer = await self._http.get(
            f"{self.world.mlflow}/api/2.0/mlflow/registered-models/alias", params={"name": MODEL, "alias": "champion"}
        )
        return str(answer.json()["model_version"]["version"])

    async def served(self) -> str:
        """The version that the serving process itself names."""
        return str((await self._http.get(f"{self.world.serving}/docs.json")).json()["info"]["version"])

    async def _timeline(self) -> list[str]:
        answer = await self._http.get(
            f"{self.world.bot}/api/incidents/INC-1/timeline", headers={"Authorization": f"Bearer {self.world.token}"}
        )
        return [f"{entry['kind']}: {entry['text']}" for entry in answer.json()["entries"]]


def expect(true: bool, otherwise: str) -> None:
    """Stop the story when something isn't as it should be."""
    if not true:
        raise StoryFailed(otherwise)


def _text(message: Message) -> str:
    """What a person reads in a message: its fallback and every text of its blocks, in order."""
    return f"{message.get('text', '')} {' '.join(''.join(_texts_in(block)) for block in message.get('blocks') or ())}"


def _texts_in(value: object) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _texts_in(one)
    elif isinstance(value, dict):
        inner = value.get("text")
        if isinstance(inner, str):
            yield inner
        if value.get("type") == "user":
            yield f"@{value['user_id']}"
        for name, one in value.items():
            if name in {"text", "elements", "rows", "fields", "accessory"} or isinstance(one, dict):
                yield from _texts_in(one)


def _texts(messages: tuple[Message, ...]) -> str:
    return " ".join(_text(message) for message in messages)


def _is_card(message: Message) -> bool:
    return bool((message.get("metadata") or {}).get("event_type") == "mlops_incident")


def _is_digest(kind: str, message: Message) -> bool:
    return _key(message).startswith(f"digest:{kind}")


def _key(message: Message) -> str:
    return str(((message.get("metadata") or {}).get("event_payload") or {}).get("key", ""))
