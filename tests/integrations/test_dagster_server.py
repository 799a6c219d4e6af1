"""Dagster as it really is, held to the contract of orchestrators, and what is special about it."""

import asyncio

import pytest

from bot.ports.systems import Orchestrator, Parameter, Run
from integrations.dagster.adapter import Dagster
from tests.contracts.orchestrator import OrchestratorContract, PipelineSwitchContract
from tests.needs import needs
from tests.servers.dagster import Dagster as Server

pytestmark = [needs("dagster"), pytest.mark.xdist_group("dagster")]


class TestDagster(OrchestratorContract):
    """Dagster tells no bounds and no patterns, and starts a job whose schedule is off."""

    parameters = (
        Parameter("epochs", "integer", default=3),
        Parameter("mode", default="full", choices=("full", "quick")),
        Parameter("model", required=True, description="What is trained."),
        Parameter("since", default="2026-10-01"),
        Parameter("upload", "boolean", default=True),
    )
    idempotent_start = False
    paused_starts = True

    @pytest.fixture
    def orchestrator(self, at_dagster: Dagster, dagster: Server) -> Dagster:
        self.server = dagster
        return at_dagster

    @pytest.fixture
    def key(self, start_key: str) -> str:
        return start_key

    async def let_go(self, orchestrator: Orchestrator, run: Run, *, well: bool = True) -> None:
        self.server.say(run.id, "ok" if well else "the loss is not a number")

    async def settle(self, orchestrator: Orchestrator, run: Run) -> None:
        await asyncio.sleep(0.1)


class TestDagsterSwitch(PipelineSwitchContract):
    @pytest.fixture
    def switch(self, at_dagster: Dagster) -> Dagster:
        return at_dagster
