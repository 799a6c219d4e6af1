"""What an Airflow 3 says that is odd, and what must not be concluded from it."""

import asyncio

import pytest
from pydantic import ValidationError

from bot.domain.errors import Indeterminate, NotFound, Refused, Unauthorized, Unreachable, Unreadable
from bot.ports.systems import RunState, TaskState
from integrations.airflow.adapter import Airflow, build
from integrations.airflow.manifest import Settings
from tests.fakes.clock import FakeClock
from tests.integrations.answering import Answering

URL = "http://airflow.example:8080"
WHO = {"username": "bot", "password": "password-of-the-bot"}


def adapter(system: Answering, **settings: object) -> Airflow:
    return build(Settings.model_validate({"url": URL, **(settings or WHO)}), system.clients(), FakeClock())


API = "/api/v2"
RUN = {"dag_run_id": "op-1", "dag_id": "retrain", "state": "running", "start_date": "2026-11-25T06:00:00.5Z"}
DAG = {"dag_id": "retrain", "is_paused": False, "params": {}}


def three(**answers: object) -> Answering:
    """An Airflow 3 with the answers below the DAG `retrain`; `run` is the run `op-1`."""
    paths = {
        "version": f"{API}/version", "token": "/auth/token", "dag": f"{API}/dags/retrain/details",
        "runs": f"{API}/dags/retrain/dagRuns", "run": f"{API}/dags/retrain/dagRuns/op-1",
        "tasks": f"{API}/dags/retrain/dagRuns/op-1/taskInstances", "health": f"{API}/monitor/health",
        "dags": f"{API}/dags", "import_errors": f"{API}/importErrors",
    }  # fmt: skip
    known: dict[str, object] = {"version": {"version": "3.3.2"}, "token": {"access_token": "token-of-the-tests"}}
    said = {name: value if isinstance(value, tuple) else (200, value) for name, value in (known | answers).items()}
    return Answering({paths[name]: value for name, value in said.items()})


@pytest.mark.parametrize(
    ("state", "mapped"),
    [
        (None, "waiting"), ("scheduled", "waiting"), ("queued", "waiting"), ("up_for_retry", "waiting"),
        ("awaiting_input", "waiting"), ("something new", "waiting"), ("running", "running"), ("deferred", "running"),
        ("restarting", "running"), ("up_for_reschedule", "running"), ("success", "succeeded"), ("failed", "failed"),
        ("skipped", "skipped"), ("upstream_failed", "skipped"), ("removed", "skipped"),
    ],
)  # fmt: skip
async def test_every_state_of_a_task_is_known(state: str | None, mapped: str) -> None:
    tasks = {"task_instances": [{"task_id": "train", "state": state}], "total_entries": 1}
    run = await adapter(three(run=RUN, tasks=tasks)).run("retrain", "op-1")
    assert [task.state for task in run.tasks] == [TaskState(mapped)]


async def test_tasks_come_in_the_pipelines_order_and_mapped_ones_one_by_one() -> None:
    listed = [
        {"task_id": "score", "map_index": 1, "priority_weight": 2}, {"task_id": "report", "priority_weight": 1},
        {"task_id": "score", "map_index": 0, "priority_weight": 2}, {"task_id": "prepare", "priority_weight": 3},
    ]  # fmt: skip
    tasks = {"task_instances": listed, "total_entries": 4}
    run = await adapter(three(run=RUN, tasks=tasks)).run("retrain", "op-1")
    assert [task.name for task in run.tasks] == ["prepare", "score[0]", "score[1]", "report"]
    assert run.tasks[1].url == f"{URL}/dags/retrain/runs/op-1/tasks/score/mapped/0"
    assert run.total == 4


async def test_a_run_with_thousands_of_tasks_is_read_to_a_limit() -> None:
    page = [{"task_id": "score", "map_index": number} for number in range(100)]
    system = three(run=RUN, tasks={"task_instances": page, "total_entries": 5_000})
    run = await adapter(system).run("retrain", "op-1")
    assert (len(run.tasks), run.total) == (1_000, 5_000)
    offsets = [request.url.params["offset"] for request in system.asked if "taskInstances" in request.url.path]
    assert offsets == [str(number * 100) for number in range(10)]


async def test_a_list_that_never_ends_is_ended() -> None:
    system = three(run=RUN, tasks={"task_instances": [], "total_entries": 5_000})
    assert (await adapter(system).run("retrain", "op-1")).total == 5_000


@pytest.mark.parametrize("note", ["", "Stopped by hand.", "Stopped by mlops-bot; begun 2026-11-24 06:00:00 UTC."])
async def test_a_failure_is_only_taken_for_a_stop_when_that_beginning_was_stopped(note: str) -> None:
    run = await adapter(three(run={**RUN, "state": "failed", "note": note})).find("retrain", key="op-1")
    assert run is not None
    assert run.state is RunState.FAILED


async def test_a_state_that_airflow_did_not_have_is_no_guess() -> None:
    odd = {**RUN, "state": "cancelled"}
    with pytest.raises(Unreadable, match="calls the run 'op-1' 'cancelled'"):
        await adapter(three(run=odd)).find("retrain", key="op-1")
    with pytest.raises(Indeterminate, match="op-1 was asked for"):
        await adapter(three(dag=DAG, runs=odd)).start("retrain", {}, key="op-1")


async def test_what_is_no_single_value_is_not_shown_as_a_parameter() -> None:
    run = await adapter(three(run={**RUN, "conf": {"a": 1, "b": [1], "c": None, "d": {"x": 1}, "e": True}})).find(
        "retrain", key="op-1"
    )
    assert run is not None
    assert run.parameters == {"a": 1, "e": True}


@pytest.mark.parametrize(
    ("dag", "fault"),
    [
        ({"is_stale": True}, "Airflow no longer finds it in its files"),
        ({"is_active": False}, "Airflow no longer finds it in its files"),
        ({"allowed_run_types": ["scheduled"]}, "it does not allow to be started by hand"),
        ({"allowed_run_types": ["manual", "scheduled"]}, ""),
        ({"has_import_errors": True}, "its file has import errors"),
        (
            {"has_import_errors": True, "relative_fileloc": "retrain.py"},
            "its file has import errors: ModuleNotFoundError: No module named 'torch'",
        ),
    ],
)
async def test_what_can_not_be_started_says_why(dag: dict[str, object], fault: str) -> None:
    faults = {
        "import_errors": [
            {"filename": "other.py", "stack_trace": "Traceback …\nSyntaxError: invalid syntax\n"},
            {"filename": "retrain.py", "stack_trace": "Traceback …\nModuleNotFoundError: No module named 'torch'\n"},
        ]
    }
    shown = await adapter(three(dag=DAG | dag, import_errors=faults)).pipeline("retrain")
    assert shown.fault == fault


async def test_import_errors_that_may_not_be_read_are_named_all_the_same() -> None:
    dag = DAG | {"has_import_errors": True}
    for said in ((403, {"detail": "Forbidden"}), (500, "down"), (200, "nonsense")):
        shown = await adapter(three(dag=dag, import_errors=said)).pipeline("retrain")
        assert shown.fault == "its file has import errors"


async def test_a_scheduler_without_a_sign_of_life_is_no_health() -> None:
    dead = {"scheduler": {"status": "unhealthy", "latest_scheduler_heartbeat": "2026-11-25T06:00:00Z"}}
    with pytest.raises(Unreachable, match="no sign of life since 2026-11-25 06:00 UTC"):
        await adapter(three(health=dead, dags={"dags": [], "total_entries": 0})).probe()


async def test_what_answers_may_be_no_airflow() -> None:
    other = Answering({f"{API}/version": (404, {}), "/api/v1/version": (404, {})})
    with pytest.raises(Refused, match="neither its API v2") as told:
        await adapter(other).pipeline("retrain")
    assert "integrations.airflow" in told.value.next_step


async def test_an_airflow_that_gives_no_token_says_what_to_set() -> None:
    with pytest.raises(Unauthorized, match="gives no token") as told:
        await adapter(three(token=(404, {"detail": "Not Found"}))).pipeline("retrain")
    assert "set token" in told.value.next_step


async def test_a_given_token_is_sent_as_it_is_and_never_renewed() -> None:
    system = three(dag=(401, {"detail": "Not authenticated"}))
    with pytest.raises(Unauthorized):
        await adapter(system, token="token-of-a-proxy", headers={"X-Team": "ml"}).pipeline("retrain")
    assert [request.url.path for request in system.asked] == [f"{API}/version", f"{API}/dags/retrain/details"]
    for request in system.asked:
        assert request.headers["authorization"] == "Bearer token-of-a-proxy"
        assert request.headers["x-team"] == "ml"


@pytest.mark.parametrize(("status", "detail"), [(401, "Not authenticated"), (403, "Invalid JWT token")])
async def test_a_token_that_is_never_taken_is_renewed_once_a_call(status: int, detail: str) -> None:
    system = three(dag=DAG, runs=(status, {"detail": detail}))
    airflow = adapter(system)
    await airflow.pipeline("retrain")
    with pytest.raises(Unauthorized, match=detail):
        await airflow.start("retrain", {}, key="op-1")
    paths = [request.url.path for request in system.asked]
    assert paths.count("/auth/token") == 2
    assert paths.count(f"{API}/dags/retrain/dagRuns") == 2


async def test_a_permission_that_is_missing_is_not_asked_for_twice() -> None:
    system = three(dag=DAG, runs=(403, {"detail": "Forbidden"}))
    with pytest.raises(Unauthorized, match="Forbidden"):
        await adapter(system).start("retrain", {}, key="op-1")
    assert [request.method for request in system.asked] == ["GET", "POST", "GET", "POST"]


async def test_a_token_is_never_shown() -> None:
    system = three(dag=(500, {"detail": "token-of-the-tests and password-of-the-bot"}))
    with pytest.raises(Unreachable) as told:
        await adapter(system).pipeline("retrain")
    assert "token-of-the-tests" not in str(told.value)
    assert "password-of-the-bot" not in str(told.value)


async def test_many_calls_at_once_log_in_once() -> None:
    system = three(dag=DAG)
    airflow = adapter(system)
    await asyncio.gather(*(airflow.pipeline("retrain") for _ in range(5)))
    assert [request.url.path for request in system.asked].count("/auth/token") == 1


async def test_a_404_that_is_not_airflows_is_no_answer() -> None:
    """To take it for "there is no such run" would start a second one."""
    for body in ({"detail": "Not Found"}, b"<html>404</html>", {"error": "API route not found"}, [], {"detail": None}):
        with pytest.raises(Refused, match="does not know Airflow's API"):
            await adapter(three(run=(404, body))).find("retrain", key="op-1")


async def test_an_answer_about_another_run_is_doubt() -> None:
    with pytest.raises(Indeterminate, match="answers about another one"):
        await adapter(three(dag=DAG, runs={**RUN, "dag_run_id": "op-2"})).start("retrain", {}, key="op-1")


async def test_an_unknown_dag_is_answered_with_what_was_meant() -> None:
    unknown = (404, {"detail": "The Dag with ID: `retrain` was not found"})
    near = {"dags": [{"dag_id": "retrain_fraud"}, {"dag_id": "etl"}], "total_entries": 2}
    with pytest.raises(NotFound) as told:
        await adapter(three(dag=unknown, dags=near)).pipeline("retrain")
    assert str(told.value) == "Airflow has no DAG retrain. Nothing was changed. Did you mean retrain_fraud?"
    with pytest.raises(NotFound, match="never read without an error"):
        await adapter(three(dag=unknown, dags=(500, ""))).pipeline("retrain")


@pytest.mark.parametrize(
    "wrong",
    [
        {"username": "bot"}, {"password": "password-of-the-bot"}, {"url": "airflow:8080"},
        {**WHO, "token": "token-of-a-proxy"},
    ],
)  # fmt: skip
def test_settings_that_can_not_work_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({"url": URL, **wrong})
