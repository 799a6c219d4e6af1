"""What is special about Dagster, without a server: its documents, its settings, a run's steps, the doctor's line."""

import json
import subprocess
from collections.abc import Mapping

import pytest
from pydantic import ValidationError

from bot.domain.errors import Unreachable, Unreadable
from bot.ports.systems import RunState, TaskState
from integrations.dagster import documents
from integrations.dagster.adapter import Dagster, build
from integrations.dagster.health import said
from integrations.dagster.manifest import MANIFEST, Settings
from integrations.dagster.places import Places, parameters_of
from integrations.dagster.steps import tasks, total
from integrations.dagster.wire import ConfigSchema, Told
from integrations.dagster.wire_runs import About, Run
from tests.fakes.clock import FakeClock
from tests.integrations.answering import Answering, answer
from tests.integrations.deliveries import ROOT
from tests.needs import needs, path_of

URL = "http://dagster.example:3000"
SCHEMA = ROOT / "dagster" / "fixtures" / "schema.graphql"
CHECK = """
import json, sys
from graphql import build_schema, parse, validate
given = json.load(sys.stdin)
schema = build_schema(given["schema"])
print(json.dumps([[error.message for error in validate(schema, parse(text))] for text in given["documents"]]))
"""
PRINT = """
from dagster_graphql.schema import create_schema
from graphql import print_schema
print(print_schema(create_schema().graphql_schema))
"""


def adapter(system: Answering | None = None, **more: object) -> Dagster:
    settings = Settings.model_validate({"url": URL, "location": "training", **more})
    return build(settings, (system or Answering({})).clients(), FakeClock())


def python(code: str, given: str = "") -> str:
    """What the Python of Dagster's own environment prints: it has the parser of GraphQL."""
    done = subprocess.run(
        [path_of("dagster"), "-I", "-W", "ignore", "-c", code],
        input=given, capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    return done.stdout


# ---------------------------------------------------------------- documents


@needs("dagster")
def test_every_document_fits_dagsters_schema_and_a_wrong_one_would_not() -> None:
    wrong = documents.LAUNCH.replace("runId jobName", "runId noSuchField"), "query { a: version(x: 1) }"
    given = json.dumps({"schema": SCHEMA.read_text(), "documents": [*documents.ALL, *wrong]})
    *right, field, argument = json.loads(python(CHECK, given))
    assert right == [[]] * len(documents.ALL)
    assert field == ["Cannot query field 'noSuchField' on type 'Run'."]
    assert argument == ["Unknown argument 'x' on field 'Query.version'."]


def test_no_document_is_left_out_of_that() -> None:
    texts = {name: value for name, value in vars(documents).items() if isinstance(value, str) and name.isupper()}
    assert {text for name, text in texts.items() if not name.startswith("_")} == set(documents.ALL)


@needs("dagster")
def test_the_copy_of_the_schema_is_that_of_the_server_that_the_tests_start() -> None:
    assert python(PRINT).strip() == SCHEMA.read_text().strip()


# ---------------------------------------------------------------- settings


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "dagster:3000"},
        {"location": ""},
        {"username": "bot"},
        {"password": "pass"},
        {"token": "t", "username": "bot", "password": "pass"},
        {"pipelines": {"retrain": {"parameters_at": "ops..config"}}},
        {"pipelines": {"retrain": {"parameters_at": "ops.train.config "}}},
        {"pipelines": {"retrain": {"parameter_at": "ops.train.config"}}},
        {"workspace": "w"},
    ],
)
def test_settings_that_contradict_themselves(wrong: Mapping[str, object]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({"url": URL, "location": "training", **wrong})


@pytest.mark.parametrize(
    ("settings", "header", "value"),
    [
        ({}, "authorization", None),
        ({"username": "bot", "password": "pass"}, "authorization", "Basic Ym90OnBhc3M="),
        ({"token": "for-a-proxy"}, "authorization", "Bearer for-a-proxy"),
        ({"headers": {"Dagster-Cloud-Api-Token": "for-dagster"}}, "dagster-cloud-api-token", "for-dagster"),
    ],
)
async def test_who_the_bot_is(settings: Mapping[str, object], header: str, value: str | None) -> None:
    system = Answering({"/graphql": (200, answer("dagster", "runs"))})
    await adapter(system, **settings).recent("retrain")
    assert system.asked[0].headers.get(header) == value


async def test_a_server_below_a_path_is_asked_there() -> None:
    system = Answering({"/ml/dagster/graphql": (200, answer("dagster", "runs"))})
    at = adapter(system, url="http://dagster.example:3000/ml/dagster/")
    (run, *_) = await at.recent("retrain")
    assert run.url == f"http://dagster.example:3000/ml/dagster/runs/{run.id}"
    assert at.plan_start("retrain", {}, key="k").url == "http://dagster.example:3000/ml/dagster/graphql"


async def test_what_dagster_repeats_of_a_secret_is_not_shown() -> None:
    echo = {"data": None, "errors": [{"message": "no such token: correct-horse", "path": ["x"]}]}
    at = adapter(Answering({"/graphql": (500, echo)}), token="correct-horse")
    with pytest.raises(Unreachable) as told:
        await at.recent("retrain")
    assert "no such token" in str(told.value)
    assert "correct-horse" not in str(told.value)


def test_a_plan_is_the_same_in_every_process() -> None:
    """It is made anew before it is carried out, by a process that may not have asked Dagster anything yet."""
    special = {"retrain": {"parameters_at": "resources.store.config", "schedules": ["nightly", "weekly"]}}
    one, two = adapter(pipelines=special), adapter(pipelines=special)
    for plan in (
        lambda at: at.plan_start("retrain", {"b": 1}, key="KEY"), lambda at: at.plan_pause("retrain", paused=True),
    ):  # fmt: skip
        assert plan(one) == plan(two)
    assert '"resources": {"store": {"config": {"b": 1}}}' in one.plan_start("retrain", {"b": 1}, key="KEY").body
    assert '"runConfigData": {}' in one.plan_start("retrain", {}, key="KEY").body


def test_it_says_that_dagster_would_start_twice() -> None:
    assert MANIFEST.guarantees.idempotent_start is False
    assert "second run for the same key" in MANIFEST.cannot[0]


async def test_links_lead_to_the_address_for_people() -> None:
    system = Answering({"/graphql": (200, answer("dagster", "run_stopped"))})
    at = adapter(system, ui_url="https://dagster.example/ui/")
    found = answer("dagster", "run_stopped")["data"]["runOrError"]["runId"]  # type: ignore[index]
    assert (await at.run("retrain", found)).url == f"https://dagster.example/ui/runs/{found}"


# ---------------------------------------------------------------- a run's steps


def run(status: str, stats: Mapping[str, str], plan: Mapping[str, list[str]] | None) -> Run:
    steps = [
        {"key": key, "inputs": [{"dependsOn": [{"key": other} for other in before]}]}
        for key, before in (plan or {}).items()
    ]
    told = [{"stepKey": key, "status": state, "startTime": 1.0, "endTime": 2.0} for key, state in stats.items()]
    value = {"runId": "r", "jobName": "j", "status": status, "stepStats": told}
    return Run.model_validate(value | ({"executionPlan": {"steps": steps}} if plan is not None else {}))


PLAN = {"evaluate": ["train"], "prepare": [], "train": ["prepare"]}


@pytest.mark.parametrize(
    ("state", "stats", "expected"),
    [
        (RunState.QUEUED, {}, "prepare waiting, train waiting, evaluate waiting"),
        (RunState.RUNNING, {"prepare": "SUCCESS", "train": "IN_PROGRESS"},
         "prepare succeeded, train running, evaluate waiting"),
        (RunState.FAILED, {"prepare": "SUCCESS", "train": "FAILURE"},
         "prepare succeeded, train failed, evaluate skipped"),
        (RunState.FAILED, {"prepare": "IN_PROGRESS"}, "prepare failed, train skipped, evaluate skipped"),
        (RunState.CANCELLED, {"prepare": "IN_PROGRESS"}, "prepare cancelled, train skipped, evaluate skipped"),
        (RunState.CANCELLED, {"prepare": "FAILURE"}, "prepare cancelled, train skipped, evaluate skipped"),
        (RunState.CANCELLING, {"prepare": "FAILURE"}, "prepare cancelled, train waiting, evaluate waiting"),
        (RunState.SUCCEEDED, {"prepare": "SUCCESS", "train": "SKIPPED", "evaluate": "SKIPPED"},
         "prepare succeeded, train skipped, evaluate skipped"),
        (RunState.RUNNING, {"prepare": "A_NEW_WORD", "other": "SUCCESS"},
         "prepare waiting, train waiting, evaluate waiting, other succeeded"),
    ],
)  # fmt: skip
def test_what_became_of_each_step(state: RunState, stats: Mapping[str, str], expected: str) -> None:
    found = run("STARTED", stats, PLAN)
    assert ", ".join(f"{task.name} {task.state}" for task in tasks(found, state)) == expected
    assert total(found) == 3


def test_steps_that_wait_for_each_other_in_a_circle_are_shown_all_the_same() -> None:
    found = run("STARTED", {}, {"a": ["b"], "b": ["a"], "c": []})
    assert [task.name for task in tasks(found, RunState.RUNNING)] == ["c", "a", "b"]


def test_steps_that_stand_for_many_give_way_to_what_they_become() -> None:
    plan = {"join": ["part[?]"], "part[?]": ["parts"], "parts": []}
    begun = {"part[b]": "IN_PROGRESS", "part[a]": "SUCCESS", "parts": "SUCCESS"}
    found = run("STARTED", {}, plan)
    assert [task.name for task in tasks(found, RunState.RUNNING)] == ["parts", "part[?]", "join"]
    assert [task.name for task in tasks(found, RunState.FAILED)] == ["parts", "join"]
    half = tasks(run("STARTED", begun, plan), RunState.RUNNING)
    assert [task.name for task in half] == ["parts", "part[b]", "part[a]", "join"]
    assert half[1].state is TaskState.RUNNING
    assert half[1].ended_at is None
    assert total(found) is None


def test_a_run_whose_plan_is_not_there_shows_what_has_begun() -> None:
    found = run("STARTED", {"train": "SUCCESS"}, None)
    assert [task.name for task in tasks(found, RunState.RUNNING)] == ["train"]
    assert total(found) is None


async def test_a_run_that_was_stopped_as_captured() -> None:
    system = Answering({"/graphql": (200, answer("dagster", "run_stopped"))})
    stopped = await adapter(system).run("retrain", "any")
    assert stopped.state is RunState.CANCELLED
    assert [(task.name, task.state) for task in stopped.tasks] == [
        ("prepare", TaskState.SUCCEEDED), ("train", TaskState.CANCELLED), ("evaluate", TaskState.SKIPPED),
    ]  # fmt: skip
    assert stopped.detail == "CANCELED"


async def test_a_state_that_dagster_did_not_have_is_not_guessed() -> None:
    known = json.dumps(answer("dagster", "run_stopped")).replace('"CANCELED"', '"HIBERNATING"')
    with pytest.raises(Unreadable, match="'HIBERNATING', a state that is not known here") as told:
        await adapter(Answering({"/graphql": (200, json.loads(known))})).run("retrain", "any")
    assert told.value.next_step


# ---------------------------------------------------------------- run configs


@pytest.mark.parametrize(
    ("config", "wanted", "found"),
    [
        ({"ops": {"train": {"config": {"a": 1, "b": [1], "c": None, "d": True}}}}, "", {"a": 1, "d": True}),
        ({"ops": {"g": {"ops": {"train": {"config": {"a": 1}}}}}}, "", {"a": 1}),
        ({"ops": {"a": {"config": {}}, "b": {"config": {}}}}, "", None),
        ({"ops": {"a": {"config": {"x": 1}}, "b": {"config": {}}}}, "ops.a.config", {"x": 1}),
        ({"ops": {"a": {"config": 5}}}, "", None),
        ({"ops": ["a"]}, "", None),
        ({"ops": {"a": None}}, "ops.a.config", None),
        ({}, "", None),
        ("ops: {}", "", None),
        (None, "ops.a.config", None),
    ],
)
def test_what_a_run_was_given(config: object, wanted: str, found: Mapping[str, object] | None) -> None:
    assert parameters_of(config, wanted) == found


def test_a_run_config_that_goes_round_in_circles_is_left() -> None:
    shape = {"__typename": "CompositeConfigType", "key": "S", "isSelector": False}
    field = {"name": "ops", "configTypeKey": "S", "isRequired": False, "defaultValueAsJson": "not JSON"}
    nullable = {"__typename": "NullableConfigType", "key": "N", "typeParamKeys": ["N"]}
    knot = {"name": "config", "configTypeKey": "N", "isRequired": False}
    value = {"__typename": "RunConfigSchema", "rootConfigType": {"key": "S"},
             "allConfigTypes": [{**shape, "fields": [field, knot]}, nullable]}  # fmt: skip
    found = Places(ConfigSchema.model_validate(value)).find("")
    assert "places take parameters" in found.fault
    assert Places(ConfigSchema.model_validate({"__typename": "RunConfigSchema"})).find("").place is None


async def test_a_job_as_captured() -> None:
    pipeline = await adapter(Answering({"/graphql": (200, answer("dagster", "job"))})).pipeline("retrain")
    assert [one.name for one in pipeline.parameters or ()] == ["epochs", "mode", "model", "since", "upload"]
    assert (pipeline.paused, pipeline.schedule, pipeline.fault) == (False, "0 3 * * *", "")
    assert pipeline.url == f"{URL}/locations/training/jobs/retrain"


async def test_a_job_in_a_repository_with_a_name_has_another_address() -> None:
    system = Answering({"/graphql": (200, answer("dagster", "job"))})
    pipeline = await adapter(system, repository="ml jobs").pipeline("retrain")
    assert pipeline.url == f"{URL}/locations/ml%20jobs%40training/jobs/retrain"


# ---------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("message", "causes", "words"),
    [
        ("a.b.DagsterError: it\nbroke.", [], "DagsterError: it broke"),
        ("outer", [{"message": "middle"}, {"message": "x.ValueError: inner\n"}], "ValueError: inner"),
        ("outer", [{"message": " "}], "outer"),
        (
            "d.UnreachableError: no code server.\n",
            [{"message": "grpc._channel._InactiveRpcError: <…>"}],
            "UnreachableError: no code server",
        ),
        ("www.example.com: no", [], "com: no"),
        ("x" * 1_000, [], "x" * 300),
    ],
)
def test_the_deepest_cause_is_told(message: str, causes: list[Mapping[str, str]], words: str) -> None:
    assert Told.model_validate({"message": message, "causes": causes}).words == words


def about(**instance: object) -> About:
    data = answer("dagster", "about")["data"]  # type: ignore[index]
    return About.model_validate({**data, "instance": {**data["instance"], **instance}})


def daemon(kind: str, *, healthy: bool, seen: float | None = 1795588676.0) -> Mapping[str, object]:
    return {"daemonType": kind, "required": True, "healthy": healthy, "lastHeartbeatTime": seen}


def test_the_doctor_is_content_when_the_daemon_lives() -> None:
    parts = [daemon("SCHEDULER", healthy=True), daemon("QUEUED_RUN_COORDINATOR", healthy=True)]
    found = about(runQueuingSupported=True, daemonHealth={"allDaemonStatuses": parts})
    assert said(found, "training", "__repository__") == "Dagster 1.13.27, 11 jobs in training"


def test_the_doctor_says_since_when_nobody_takes_runs_from_the_queue() -> None:
    parts = [daemon("SCHEDULER", healthy=False), daemon("QUEUED_RUN_COORDINATOR", healthy=False)]
    found = about(runQueuingSupported=True, daemonHealth={"allDaemonStatuses": parts})
    with pytest.raises(Unreachable, match="its daemon has given no sign of life since 2026-11-25 06:37 UTC"):
        said(found, "training", "__repository__")
