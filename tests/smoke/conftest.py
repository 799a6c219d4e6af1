"""The machines of the story, started once, and around them a workspace and a bot of each test's own."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from rich.console import Console

from bot.demo import servers
from bot.demo.command import Command, Ran
from bot.demo.environments import ROOT
from bot.demo.history import MODEL
from bot.demo.play import bot_env, configure
from bot.demo.process import Process, environment
from bot.demo.story import CHANNEL, MIKA, Story, World
from bot.demo.workspace import Message, Workspace

LONG_AFTER = timedelta(days=1)
"""When the digests are due, in tests that are about something else."""


@dataclass(frozen=True)
class Machines:
    """The registry with three versions of the model, and what serves the one that its alias names."""

    mlflow: str
    serving: str

    async def serve(self, version: str) -> None:
        """Move the alias and wait until that version answers."""
        body = {"name": MODEL, "alias": "champion", "version": version}
        async with httpx.AsyncClient(trust_env=False) as http:
            answer = await http.post(f"{self.mlflow}/api/2.0/mlflow/registered-models/alias", json=body)
            assert answer.status_code == 200, answer.text
            async with asyncio.timeout(60):
                while await self._serves(http) != f"v{version}":  # noqa: ASYNC110
                    await asyncio.sleep(0)

    async def _serves(self, http: httpx.AsyncClient) -> str:
        """The version that answers; nothing while one process takes the other's place."""
        with contextlib.suppress(httpx.TransportError):
            return str((await http.get(f"{self.serving}/docs.json")).json()["info"]["version"])
        return ""


@dataclass
class Bot:
    """A bot that runs in a folder of its own, and can be ended, killed and started again there."""

    folder: Path
    workspace_url: str
    machines: Machines
    http: httpx.AsyncClient
    token: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    mlflow: str = ""
    """Where the bot finds MLflow, when it is not the real address."""
    extra: dict[str, str] = field(default_factory=dict)
    url: str = ""
    process: Process | None = None
    _stack: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)

    @property
    def env(self) -> dict[str, str]:
        return bot_env(self.workspace_url, self.token) | self.extra

    @property
    def story(self) -> Story:
        """Acts as the people of the workspace, and looks at what came of it."""
        env = environment("MLOPS_BOT_", "SLACK_") | {"PYTHONPATH": str(ROOT)} | self.env
        world = World(
            self.workspace_url, self.url, self.machines.mlflow, self.machines.serving, self.token,
            Command(self.folder, env),
        )  # fmt: skip
        return Story(world, self.http, Workspace(self.workspace_url, self.http, asyncio.sleep), Console(quiet=True))

    @property
    def workspace(self) -> Workspace:
        return self.story.workspace

    def configure(self, digests_at: datetime | None = None, integrations: str = "") -> None:
        """Write its configuration; `integrations` is YAML that comes at the end of that section."""
        due = digests_at or datetime.now(UTC) + LONG_AFTER
        configure(self.folder, self.mlflow or self.machines.mlflow, self.machines.serving, due)
        config = self.folder / "mlops-bot.yaml"
        before, section, after = config.read_text().partition("\ndigests:")
        config.write_text(f"{before.rstrip()}\n{integrations}{section}{after}")

    async def start(self, *, ready: str = "/readyz", port: int | None = None) -> None:
        if not (self.folder / "mlops-bot.yaml").exists():
            self.configure()
        starting = servers.bot_process(self.env, self.folder, ready=ready, port=port)
        server = await self._stack.enter_async_context(starting)
        self.url, self.process = server.url, server.process

    async def kill(self) -> None:
        """End it as a power cut would."""
        assert self.process is not None
        await self.process.kill()

    async def stop(self) -> None:
        await self._stack.aclose()
        self._stack = contextlib.AsyncExitStack()

    async def run(self, *arguments: str, **env: str) -> Ran:
        """`mlops-bot ARGUMENTS` beside it."""
        return await self.story.world.command.run(*arguments, **env)

    async def timeline(self, incident: str = "INC-1") -> list[str]:
        """What the API tells: `kind: text`, in order."""
        answer = await self.http.get(
            f"{self.url}/api/incidents/{incident}/timeline", headers={"Authorization": f"Bearer {self.token}"}
        )
        assert answer.status_code == 200, answer.text
        return [f"{entry['kind']}: {entry['text']}" for entry in answer.json()["entries"]]

    # ------------------------------------------------------------ what many tests begin with

    async def incident(self) -> Message:
        """An alert has come, and its card is there."""
        await self.story.post_alert("drift")
        return await self.story.card(lambda text: "ModelFeatureDrift" in text)

    async def planned(self) -> Message:
        """Somebody has asked for a rollback; the plan waits for approval."""
        await self.incident()
        answer = await self.workspace.command(MIKA, f"rollback {MODEL}", CHANNEL)
        assert "OP-1" in str(answer.messages), answer
        return await self.story.plan(lambda text: "Approve" in text)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def machines(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Machines]:
    folder = tmp_path_factory.mktemp("machines")
    async with servers.registry_and_serving(folder) as (mlflow, serving):
        yield Machines(mlflow.url, serving.url)


@pytest_asyncio.fixture(loop_scope="session")
async def bot(machines: Machines, tmp_path: Path) -> AsyncIterator[Bot]:
    """Not started yet: version 3 serves, the workspace is empty."""
    await machines.serve("3")
    async with (
        servers.sandbox_process(tmp_path) as workspace,
        httpx.AsyncClient(trust_env=False, timeout=30) as http,
    ):
        folder = tmp_path / "bot"
        folder.mkdir()
        made = Bot(folder, workspace.url, machines, http)
        try:
            yield made
        finally:
            await made.stop()
