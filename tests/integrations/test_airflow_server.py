"""Airflow 3 as it really is, held to the contract of orchestrators, and what is special about it."""

import asyncio
import json
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response

from bot.domain.errors import Refused, Unauthorized
from bot.ports.systems import Orchestrator, Parameter, Run, RunState
from integrations.airflow.adapter import Airflow
from tests.contracts.orchestrator import OrchestratorContract, PipelineSwitchContract
from tests.integrations.airflow_server import Admin, Connect, ended
from tests.needs import needs
from tests.servers.airflow import BOT, PASSWORDS, PIPELINES, VIEWER
from tests.servers.airflow import Airflow as Server
from tests.servers.proxy import Proxy

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


# ---------------------------------------------------------------- DAGs


async def test_the_doctor_sees_release_and_dags(at_airflow: Airflow) -> None:
    assert await at_airflow.probe() == f"Airflow 3.3.2, {len(PIPELINES)} DAGs"


async def test_a_dag_shows_its_schedule_and_where_it_is(at_airflow: Airflow, airflow: Server) -> None:
    nightly = await at_airflow.pipeline("nightly")
    assert (nightly.schedule, nightly.paused) == ("0 3 * * *", True)
    bare = await at_airflow.pipeline("bare")
    assert (bare.schedule, bare.parameters, bare.url) == ("", (), f"{airflow.url}/dags/bare")


async def test_every_kind_of_param_says_what_it_may_be(at_airflow: Airflow) -> None:
    assert (await at_airflow.pipeline("odd")).parameters == (
        Parameter("plain", "integer", default=5),
        Parameter("nothing"),
        Parameter("maybe", "number", minimum=0),
        Parameter("day", default="2026-10-01", pattern=r"^\d{4}-\d{2}-\d{2}$"),
        Parameter("fixed", default="v1", choices=("v1",)),
        Parameter("columns", "array"),
        Parameter("either", "integer", default=1),
        Parameter("below", "integer", default=1, minimum=1, maximum=9),
        Parameter("name", default="x", description="Name"),
    )


async def test_a_param_that_must_be_given_is_asked_for_by_airflow_too(at_airflow: Airflow, run_key: str) -> None:
    with pytest.raises(Refused) as told:
        await at_airflow.start("retrain", {}, key=run_key)
    assert told.value.what == "Airflow did not start retrain (400): Invalid input for param model: No value passed."
    with pytest.raises(Refused) as told:
        await at_airflow.start("retrain", {"model": "fraud", "epochs": 51}, key=run_key)
    assert told.value.what.endswith("Invalid input for param epochs: 51 is greater than the maximum of 50.")
    assert await at_airflow.find("retrain", key=run_key) is None


async def test_a_dag_whose_file_is_broken_says_why_and_is_not_started(
    at_airflow: Airflow, airflow: Server, admin: Admin, run_key: str
) -> None:
    file = airflow.dags / "fragile.py"
    whole = file.read_text()
    assert (await at_airflow.pipeline("fragile")).fault == ""
    try:
        await _rewritten(admin, file, "import no_such_module\n" + whole, broken=True)
        shown = await at_airflow.pipeline("fragile")
        with pytest.raises(Refused, match="fragile can't be started: its file has import errors"):
            await at_airflow.start("fragile", {}, key=run_key)
    finally:
        await _rewritten(admin, file, whole, broken=False)
    assert shown.fault == "its file has import errors: ModuleNotFoundError: No module named 'no_such_module'"


async def _rewritten(admin: Admin, file: Path, text: str, *, broken: bool) -> None:
    """Airflow is asked to read it at once, and has done so."""
    await asyncio.to_thread(file.write_text, text)
    token = (await admin.call("GET", "/dags/fragile/details")).json()["file_token"]
    await admin.call("PUT", f"/parseDagFile/{token}")
    async with asyncio.timeout(60):
        while (await admin.call("GET", "/dags/fragile/details")).json()["has_import_errors"] is not broken:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


# ---------------------------------------------------------------- runs


async def test_tasks_that_are_many_are_counted(at_airflow: Airflow, admin: Admin, run_key: str) -> None:
    run = await at_airflow.start("features", {}, key=run_key)
    run = await ended(at_airflow, "features", run.id)
    assert [task.name for task in run.tasks] == ["prepare", "score[0]", "score[1]", "score[2]"]
    assert run.total == 4
    assert run.tasks[1].url.endswith(f"/dags/features/runs/{run_key}/tasks/score/mapped/0")


async def test_a_paused_dag_gives_the_run_that_the_key_has_started_before(
    at_airflow: Airflow, admin: Admin, run_key: str
) -> None:
    await admin.call("POST", "/dags/nightly/dagRuns", {"dag_run_id": run_key, "logical_date": None})
    run = await at_airflow.start("nightly", {}, key=run_key)
    assert (run.id, run.state) == (run_key, RunState.QUEUED)


async def test_a_run_that_never_began_can_be_stopped(at_airflow: Airflow, admin: Admin, run_key: str) -> None:
    await admin.call("POST", "/dags/nightly/dagRuns", {"dag_run_id": run_key, "logical_date": None, "note": "By Dana."})
    await at_airflow.cancel("nightly", run_key)
    assert (await at_airflow.run("nightly", run_key)).state is RunState.CANCELLED
    noted = (await admin.call("GET", f"/dags/nightly/dagRuns/{run_key}")).json()["note"]
    assert noted == "By Dana.\nStopped by mlops-bot; begun never."


async def test_a_run_that_a_person_lets_run_again_is_not_a_stopped_one(
    at_airflow: Airflow, airflow: Server, admin: Admin, run_key: str
) -> None:
    """The note of the bot is still there, and this time it really fails."""
    await at_airflow.start("retrain", {"model": "fraud"}, key=run_key)
    await at_airflow.cancel("retrain", run_key)
    assert (await at_airflow.run("retrain", run_key)).state is RunState.CANCELLED
    airflow.say(run_key, "no rows in the window")
    await admin.call("POST", f"/dags/retrain/dagRuns/{run_key}/clear", {"dry_run": False, "only_failed": False})
    run = await ended(at_airflow, "retrain", run_key)
    assert (run.state, run.detail) == (RunState.FAILED, "failed: train")


async def test_the_planned_call_is_the_one_that_is_sent(
    before_airflow: Proxy, connect_airflow: Connect, run_key: str
) -> None:
    sent: list[tuple[str, str, object]] = []

    async def listen(request: Request) -> Response | None:
        if request.method in {"POST", "PATCH"} and "dags" in request.url.path:
            sent.append((request.method, str(request.url), json.loads(await request.body())))
        return None

    before_airflow.before = listen
    airflow = connect_airflow(before_airflow.url)
    planned = [
        airflow.plan_start("retrain", {"model": "fraud", "epochs": 2}, key=run_key),
        airflow.plan_pause("retrain", paused=False),
    ]
    await airflow.start("retrain", {"model": "fraud", "epochs": 2}, key=run_key)
    await airflow.set_paused("retrain", paused=False)
    assert sent == [(call.method, call.url, json.loads(call.body)) for call in planned]


# ---------------------------------------------------------------- who may


async def test_who_may_only_look_looks(airflow: Server, connect_airflow: Connect, run_key: str) -> None:
    viewer = connect_airflow(airflow.url, username=VIEWER, password=SecretStr(PASSWORDS[VIEWER]))
    assert (await viewer.pipeline("retrain")).name == "retrain"
    for asked in (viewer.start("retrain", {"model": "fraud"}, key=run_key), viewer.set_paused("retrain", paused=True)):
        with pytest.raises(Unauthorized, match="Forbidden") as told:
            await asked
        assert told.value.not_done == "Nothing was changed."
    assert await viewer.find("retrain", key=run_key) is None


async def test_a_wrong_password_is_said_without_it(airflow: Server, connect_airflow: Connect) -> None:
    wrong = connect_airflow(airflow.url, username=BOT, password=SecretStr("wrong-password"))
    with pytest.raises(Unauthorized, match="Invalid credentials") as told:
        await wrong.pipeline("retrain")
    assert "wrong-password" not in str(told.value)


async def test_a_wrong_token_is_for_a_person(airflow: Server, connect_airflow: Connect) -> None:
    with pytest.raises(Unauthorized, match="Invalid JWT token"):
        await connect_airflow(airflow.url, token=SecretStr("token-of-nobody")).pipeline("retrain")


async def test_a_token_that_has_expired_is_renewed_in_the_middle_of_a_start(
    airflow: Server, before_airflow: Proxy, connect_airflow: Connect, run_key: str
) -> None:
    """Airflow itself turns the first request away, as it does with a token that is too old."""
    turned_away: list[int] = []

    async def too_old(request: Request) -> Response | None:
        if request.method != "POST" or not request.url.path.endswith("dagRuns") or turned_away:
            return None
        async with httpx.AsyncClient(base_url=airflow.url, trust_env=False) as http:
            headers = {"authorization": "Bearer too.old.token", "content-type": "application/json"}
            answer = await http.post(request.url.path, content=await request.body(), headers=headers)
        turned_away.append(answer.status_code)
        return Response(answer.content, answer.status_code)

    before_airflow.before = too_old
    run = await connect_airflow(before_airflow.url).start("retrain", {"model": "fraud"}, key=run_key)
    assert turned_away == [403]
    assert run.id == run_key
    assert before_airflow.count("POST", "/auth/token") == 2
    assert before_airflow.count("POST", "/dagRuns") == 1
