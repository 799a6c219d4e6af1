"""Airflow 2 in memory held to the contract of orchestrators, and what it says otherwise than Airflow 3."""

import json

import httpx
import pytest

from bot.domain.errors import BotError, Refused, Unauthorized
from bot.kit.http import HttpClients
from bot.ports.systems import Orchestrator, Run, RunState
from integrations.airflow.adapter import Airflow, build
from integrations.airflow.manifest import Settings
from tests.contracts.orchestrator import GIVEN, OrchestratorContract, PipelineSwitchContract
from tests.fakes.clock import FakeClock
from tests.integrations.airflow2 import Airflow2

URL = "http://airflow.example:8080"
WHO = {"username": "bot", "password": "password-of-the-bot"}


def adapter(system: Airflow2, **settings: object) -> Airflow:
    return build(Settings.model_validate({"url": URL, **(settings or WHO)}), system.clients(), FakeClock())


class TestAirflow2(OrchestratorContract):
    @pytest.fixture
    def orchestrator(self) -> Airflow:
        self.system = Airflow2()
        return adapter(self.system)

    async def let_go(self, orchestrator: Orchestrator, run: Run, *, well: bool = True) -> None:
        ends = ("success", "success") if well else ("failed", "upstream_failed")
        self.system.put(run.pipeline, run.id, "success" if well else "failed", ("success", *ends))

    async def settle(self, orchestrator: Orchestrator, run: Run) -> None:
        if run.state is RunState.QUEUED:
            self.system.put(run.pipeline, run.id, "running", ("success", "running", None))


class TestAirflow2Switch(PipelineSwitchContract):
    @pytest.fixture
    def switch(self) -> Airflow:
        return adapter(Airflow2())


async def test_airflow_2_is_told_apart_by_asking_once() -> None:
    system = Airflow2()
    airflow = adapter(system)
    await airflow.pipeline("retrain")
    await airflow.pipeline("nightly")
    asked = [request.url.path for request in system.asked]
    assert asked == [
        "/api/v2/version", "/api/v1/version", "/api/v1/dags/retrain/details", "/api/v1/dags/nightly/details",
    ]  # fmt: skip


async def test_airflow_2_gets_no_logical_date_and_its_own_links() -> None:
    airflow = adapter(Airflow2())
    pipeline = await airflow.pipeline("nightly")
    assert (pipeline.schedule, pipeline.url) == ("0 3 * * *", f"{URL}/dags/nightly/grid")
    planned = airflow.plan_start("retrain", GIVEN, key="op-1")
    assert planned.url == f"{URL}/api/v1/dags/retrain/dagRuns"
    assert "logical_date" not in json.loads(planned.body)
    run = await airflow.start("retrain", GIVEN, key="op-1")
    assert run.url == f"{URL}/dags/retrain/grid?dag_run_id=op-1"
    task = (await airflow.run("retrain", "op-1")).tasks[1]
    assert (task.name, task.url) == ("train", f"{URL}/dags/retrain/grid?dag_run_id=op-1&task_id=train")


async def test_airflow_2_notes_what_was_stopped() -> None:
    system = Airflow2()
    airflow = adapter(system)
    await airflow.start("retrain", GIVEN, key="op-1")
    system.put("retrain", "op-1", "running", ("success", "running", None))
    await airflow.cancel("retrain", "op-1")
    note = system.runs["retrain", "op-1"]["note"]
    assert note == "Started by mlops-bot as op-1.\nStopped by mlops-bot; begun 2026-11-25 06:49:10 UTC."
    run = await airflow.run("retrain", "op-1")
    assert (run.state, run.detail) == (RunState.CANCELLED, "stopped by the bot; Airflow calls it failed")


async def test_a_wrong_password_is_said_without_it() -> None:
    airflow = adapter(Airflow2(), username="bot", password="wrong-password")
    with pytest.raises(Unauthorized, match="401") as told:
        await airflow.pipeline("retrain")
    assert "wrong-password" not in str(told.value)


async def test_the_doctor_sees_release_and_dags() -> None:
    assert await adapter(Airflow2()).probe() == "Airflow 2.11.0, 5 DAGs"


async def test_an_airflow_that_was_upgraded_meanwhile_is_found_out() -> None:
    def upgraded(request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path.startswith("/api/v1"):
            return httpx.Response(404, json={"error": "/api/v1 has been removed in Airflow 3, …"})
        known = {"/api/v2/version": {"version": "3.3.2"}, "/auth/token": {"access_token": "token-of-the-tests"}}
        return httpx.Response(200, json=known.get(path, {"dag_id": "retrain", "is_paused": False}))

    system = Airflow2()
    before = iter([system.answer] * 3)

    def answer(request: httpx.Request) -> httpx.Response:
        return next(before, upgraded)(request)

    transport = httpx.MockTransport(answer)
    airflow = build(Settings.model_validate({"url": URL, **WHO}), HttpClients(transport=transport), FakeClock())
    assert (await airflow.pipeline("retrain")).name == "retrain"
    with pytest.raises(Refused, match="does not know Airflow's API"):
        await airflow.pipeline("retrain")
    assert (await airflow.pipeline("retrain")).url == f"{URL}/dags/retrain"


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../../etc", "a b", "a\nb", "nul\x00", "\ud83d", "x" * 5_000])
async def test_no_name_does_harm(name: str) -> None:
    """Neither a DAG's nor a run's: each stays one piece of the address, or is refused."""
    airflow = adapter(Airflow2())
    for asked in (
        airflow.pipeline(name), airflow.run(name, "op-1"), airflow.run("retrain", name), airflow.cancel(name, "op-1"),
        airflow.recent(name), airflow.set_paused(name, paused=True), airflow.start(name, {}, key="op-1"),
    ):  # fmt: skip
        with pytest.raises(BotError) as told:
            await asked
        assert len(str(told.value)) < 1_000
        assert "\n" not in str(told.value)
