"""Airflow 3 as it really is, held to the contract of orchestrators, and what is special about it."""

import asyncio

import pytest

from bot.ports.systems import Orchestrator, Run
from integrations.airflow.adapter import Airflow
from tests.contracts.orchestrator import OrchestratorContract, PipelineSwitchContract
from tests.needs import needs
from tests.servers.airflow import Airflow as Server

pytestmark = [needs("airflow", "postgresql"), pytest.mark.xdist_group("airflow")]


class TestAirflow(OrchestratorContract):
    @pytest.fixture
    def orchestrator(self, at_airflow: Airflow, airflow: Server) -> Airflow:
        self.server = airflow
        return at_airflow

    @pytest.fixture
    def key(self, run_key: str) -> str:
        return run_key

    async def let_go(self, orchestrator: Orchestrator, run: Run, *, well: bool = True) -> None:
        self.server.say(run.id, "ok" if well else "the loss is not a number")

    async def settle(self, orchestrator: Orchestrator, run: Run) -> None:
        await asyncio.sleep(0.1)


class TestAirflowSwitch(PipelineSwitchContract):
    @pytest.fixture
    def switch(self, at_airflow: Airflow) -> Airflow:
        return at_airflow
