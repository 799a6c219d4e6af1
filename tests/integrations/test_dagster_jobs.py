"""What jobs of a real Dagster take and where, which can't be started, and how their schedules are switched."""

import contextlib
import json

import pytest

from bot.domain.errors import NotFound, Refused, Unreachable
from bot.ports.systems import Parameter, RunState, TaskState
from integrations.dagster.adapter import Dagster
from tests.integrations.dagster_server import Connect, Person, ended
from tests.needs import needs
from tests.servers.dagster import BROKEN, Queueing
from tests.servers.dagster import Dagster as Server

pytestmark = [needs("dagster"), pytest.mark.xdist_group("dagster")]


# ---------------------------------------------------------------- where parameters go


async def test_a_job_that_takes_nothing_is_started_with_nothing(at_dagster: Dagster, start_key: str) -> None:
    assert (await at_dagster.pipeline("bare")).parameters == ()
    with pytest.raises(Refused, match="bare can't be started: it takes no parameters, and was given epochs") as told:
        await at_dagster.start("bare", {"epochs": 1}, key=start_key)
    assert told.value.not_done == "Nothing was started."
    started = await at_dagster.start("bare", {}, key=start_key)
    assert started.parameters is None
    assert (await ended(at_dagster, started)).state is RunState.SUCCEEDED


async def test_of_several_places_one_must_be_named(
    at_dagster: Dagster, connect_dagster: Connect, dagster: Server
) -> None:
    pipeline = await at_dagster.pipeline("two_places")
    assert pipeline.parameters is None
    assert "ops.draw.config, ops.learn.config" in pipeline.fault
    with pytest.raises(Refused, match="parameters_at"):
        await at_dagster.start("two_places", {"sample": 0.1}, key="op-1")
    named = connect_dagster(dagster.url, pipelines={"two_places": {"parameters_at": "ops.draw.config"}})
    drawing = await named.pipeline("two_places")
    assert drawing.parameters == (Parameter("name"), Parameter("sample", "number", default=0.5))
    assert drawing.fault == ""


async def test_what_has_no_short_form_can_not_be_set_and_keeps_its_value(
    connect_dagster: Connect, dagster: Server
) -> None:
    at = connect_dagster(dagster.url, pipelines={"two_places": {"parameters_at": "ops.learn.config"}})
    assert (await at.pipeline("two_places")).parameters == (
        Parameter("anything", "object"),
        Parameter("by", "object"),
        Parameter("features", "array"),
        Parameter("label", default="a\nb"),
        Parameter("limits", "object", required=True),
        Parameter("rate", "number", description="How fast it learns."),
        Parameter("source", "object"),
    )


@pytest.mark.parametrize(
    ("place", "parameters"),
    [
        ("", (Parameter("name"), Parameter("sample", "number", default=0.5))),
        ("ops.inner.ops.draw.config", (Parameter("name"), Parameter("sample", "number", default=0.5))),
        ("resources.store.config", (Parameter("bucket", required=True),)),
    ],
)
async def test_a_place_may_lie_deep(
    connect_dagster: Connect, dagster: Server, place: str, parameters: tuple[Parameter, ...]
) -> None:
    at = connect_dagster(dagster.url, pipelines={"nested": {"parameters_at": place}})
    assert (await at.pipeline("nested")).parameters == parameters


async def test_a_number_given_whole_fits_where_a_fraction_may_stand(
    at_dagster: Dagster, person: Person, start_key: str
) -> None:
    started = await at_dagster.start("deep", {"sample": 1, "name": "ü \"x\" 'y'\n"}, key=start_key)
    assert started.parameters == {"sample": 1, "name": "ü \"x\" 'y'\n"}
    assert (await ended(at_dagster, started)).state is RunState.SUCCEEDED


@pytest.mark.parametrize(
    ("pipeline", "place", "fault"),
    [
        ("odd", "", "ops.count.config takes an integer, and no parameters by name"),
        ("retrain", "ops.trian.config", "its run config has no place ops.trian.config"),
        ("retrain", "ops.train.config.epochs", "ops.train.config.epochs takes an integer, and no parameters by name"),
    ],
)
async def test_a_place_that_is_none_is_a_fault(
    connect_dagster: Connect, dagster: Server, pipeline: str, place: str, fault: str
) -> None:
    at = connect_dagster(dagster.url, pipelines={pipeline: {"parameters_at": place}})
    assert (await at.pipeline(pipeline)).fault == fault
    with pytest.raises(Refused, match="can't be started"):
        await at.start(pipeline, {"epochs": 1}, key="op-1")


async def test_what_a_job_has_set_itself_stays_unless_it_is_given(at_dagster: Dagster, start_key: str) -> None:
    """Dagster would forget all of it as soon as anything is given, and then miss the model."""
    parameters = {one.name: one for one in (await at_dagster.pipeline("preset")).parameters or ()}
    assert parameters["model"] == Parameter("model", default="fraud-detector", description="What is trained.")
    assert parameters["epochs"].default == 9
    assert parameters["since"].default == "2026-10-01"
    started = await at_dagster.start("preset", {"epochs": 2}, key=start_key)
    assert started.parameters == {"model": "fraud-detector", "epochs": 2}


async def test_an_asset_job_is_started_like_any_other(at_dagster: Dagster, start_key: str) -> None:
    assert (await at_dagster.pipeline("refresh")).parameters == (Parameter("days", "integer", default=30),)
    done = await ended(at_dagster, await at_dagster.start("refresh", {"days": 7}, key=start_key))
    assert (done.state, done.parameters) == (RunState.SUCCEEDED, {"days": 7})
    assert [task.name for task in done.tasks] == ["features"]


async def test_a_pipeline_may_have_another_name_than_its_job(
    connect_dagster: Connect, dagster: Server, at_dagster: Dagster, start_key: str
) -> None:
    at = connect_dagster(dagster.url, location=BROKEN, pipelines={"fraud": {"job": "retrain", "location": "training"}})
    started = await at.start("fraud", {"model": "m"}, key=start_key)
    assert started.pipeline == "fraud"
    found = await at_dagster.find("retrain", key=start_key)
    assert found is not None
    assert found.id == started.id
    assert '"jobName": "retrain"' in at.plan_start("fraud", {}, key="k").body


async def test_the_plan_is_what_is_sent_but_for_what_is_read_right_before(at_dagster: Dagster) -> None:
    call = at_dagster.plan_start("retrain", {"epochs": 5}, key="op-1")
    run = json.loads(call.body)["variables"]["run"]
    assert run == {
        "selector": {"repositoryLocationName": "training", "repositoryName": "__repository__", "jobName": "retrain"},
        "runConfigData": {"ops": {"*": {"config": {"epochs": 5}}}},
        "executionMetadata": {"tags": [{"key": "mlops-bot/key", "value": "op-1"}]},
    }
    assert "second run for the same key" in call.note


# ---------------------------------------------------------------- what is not there


async def test_a_code_location_that_does_not_load_says_why(
    connect_dagster: Connect, dagster: Server, person: Person, start_key: str
) -> None:
    at = connect_dagster(dagster.url, location=BROKEN)
    why = "its code location broken is not loaded: RuntimeError: the warehouse has no table orders_daily"
    pipeline = await at.pipeline("retrain")
    assert (pipeline.fault, pipeline.parameters, pipeline.paused) == (why, None, None)
    with pytest.raises(Refused, match=f"retrain can't be started: {why}"):
        await at.start("retrain", {"model": "m"}, key=start_key)
    with pytest.raises(Refused, match=why):
        await at.set_paused("retrain", paused=True)
    with pytest.raises(Unreachable, match="its code location broken is not loaded: RuntimeError"):
        await at.probe()
    assert await person.runs(start_key) == []


async def test_what_is_unknown_is_answered_with_what_there_is(
    at_dagster: Dagster, connect_dagster: Connect, dagster: Server
) -> None:
    with pytest.raises(NotFound) as told:
        await at_dagster.pipeline("retrian")
    assert "Did you mean retrain?" in str(told.value)
    with pytest.raises(NotFound, match="Dagster has no code location nowhere") as told:
        await connect_dagster(dagster.url, location="nowhere").pipeline("retrain")
    assert "there are: training, broken" in told.value.next_step
    with pytest.raises(NotFound, match="Dagster has no code location nowhere"):
        await connect_dagster(dagster.url, location="nowhere").probe()
    with pytest.raises(NotFound) as told:
        await connect_dagster(dagster.url, repository="main").pipeline("retrain")
    assert "There is no repository main in it; there are: __repository__." in str(told.value)


@pytest.mark.parametrize("name", ["", "a/b", "..", "' OR 1=1 --", "a\nb", "nul\x00", "\ud83d", "x" * 5_000, "{}"])
async def test_no_name_does_harm(at_dagster: Dagster, name: str) -> None:
    for asked in (at_dagster.pipeline(name), at_dagster.run("retrain", name), at_dagster.start(name, {}, key="op-1")):
        with pytest.raises((NotFound, Unreachable)) as told:
            await asked
        assert len(str(told.value)) < 1_000
        assert "\n" not in str(told.value)
    for listed in (at_dagster.recent(name), at_dagster.recent("retrain", limit=-1)):
        with contextlib.suppress(Unreachable):
            assert {run.pipeline for run in await listed} <= {"retrain"}


async def test_no_key_finds_what_is_not_its_own(at_dagster: Dagster, start_key: str) -> None:
    await at_dagster.start("bare", {}, key=start_key)
    for key in ("", "' OR 1=1 --", "%", start_key.replace("-", "_"), start_key.upper(), "x" * 5_000):
        assert await at_dagster.find("bare", key=key) is None


# ---------------------------------------------------------------- runs


async def test_why_a_run_failed_is_read_from_its_log(at_dagster: Dagster, start_key: str) -> None:
    failed = await ended(at_dagster, await at_dagster.start("failing", {}, key=start_key))
    assert failed.state is RunState.FAILED
    assert failed.detail == "fails: RuntimeError: the table orders_daily is empty"


async def test_a_job_that_makes_its_tasks_while_it_runs(at_dagster: Dagster, start_key: str) -> None:
    started = await at_dagster.start("mapped", {}, key=start_key)
    assert started.total is None
    done = await ended(at_dagster, started)
    assert [(task.name, task.state) for task in done.tasks] == [
        (name, TaskState.SUCCEEDED) for name in ("parts", "part[part_0]", "part[part_1]", "join")
    ]
    assert done.total is None


async def test_a_run_that_a_person_lets_run_again_is_not_ours(
    at_dagster: Dagster, person: Person, start_key: str
) -> None:
    started = await at_dagster.start("bare", {}, key=start_key)
    await ended(at_dagster, started)
    again = await person.again(started.id)
    assert [run["runId"] for run in await person.runs(start_key)] == [again, started.id]
    found = await at_dagster.find("bare", key=start_key)
    assert found is not None
    assert found.id == started.id


async def test_a_run_of_another_job_or_location_is_not_given_and_not_stopped(
    at_dagster: Dagster, connect_dagster: Connect, dagster: Server, start_key: str
) -> None:
    started = await at_dagster.start("retrain", {"model": "m"}, key=start_key)
    elsewhere = connect_dagster(dagster.url, location=BROKEN)
    for at, name in ((at_dagster, "nightly"), (elsewhere, "retrain")):
        with pytest.raises(NotFound):
            await at.run(name, started.id)
        with pytest.raises(NotFound):
            await at.cancel(name, started.id)
        assert await at.find(name, key=start_key) is None
        assert started.id not in {run.id for run in await at.recent(name, limit=100)}
    assert not (await at_dagster.run("retrain", started.id)).state.final


async def test_where_runs_are_queued_one_waits_and_can_be_stopped(queueing: Queueing, connect_dagster: Connect) -> None:
    """Its daemon is down, and nobody takes them from the queue."""
    at = connect_dagster(queueing.url)
    started = await at.start("bare", {}, key="op-1")
    assert started.state is RunState.QUEUED
    seen = await at.run("bare", started.id)
    assert [(task.name, task.state) for task in seen.tasks] == [("prepare", TaskState.WAITING)]
    with pytest.raises(Unreachable, match="its daemon has given no sign of life") as told:
        await at.probe()
    assert told.value.not_done == "Runs that are started would wait."
    await at.cancel("bare", started.id)
    over = await ended(at, started)
    assert (over.state, over.tasks[0].state) == (RunState.CANCELLED, TaskState.SKIPPED)


# ---------------------------------------------------------------- schedules


async def test_a_job_without_a_schedule_can_not_be_switched(at_dagster: Dagster) -> None:
    pipeline = await at_dagster.pipeline("bare")
    assert (pipeline.paused, pipeline.schedule) == (None, "")
    with pytest.raises(Refused, match="bare: it has no schedule that could be switched") as told:
        await at_dagster.set_paused("bare", paused=True)
    assert told.value.not_done == "Nothing was changed."


async def test_all_schedules_of_a_job_are_switched(at_dagster: Dagster) -> None:
    before = await at_dagster.pipeline("odd")
    assert (before.paused, before.schedule) == (False, "0 4 * * *; 0 5 * * 1 (Europe/Berlin)")
    assert (await at_dagster.set_paused("odd", paused=True)).paused is True
    assert (await at_dagster.set_paused("odd", paused=False)).paused is False


async def test_only_the_schedules_that_are_named_are_switched(
    connect_dagster: Connect, dagster: Server, at_dagster: Dagster, person: Person
) -> None:
    await person.start_schedule("odd_early")
    await person.start_schedule("odd_late")
    late = connect_dagster(dagster.url, pipelines={"odd": {"schedules": ["odd_late"]}})
    assert (await late.set_paused("odd", paused=True)).paused is True
    assert (await at_dagster.pipeline("odd")).paused is False, "the other one runs"
    assert json.loads(late.plan_pause("odd", paused=True).body)["schedules"] == ["odd_late"]
    gone = connect_dagster(dagster.url, pipelines={"odd": {"schedules": ["odd_late", "odd_never"]}})
    with pytest.raises(Refused, match="odd: it has no schedule odd_never"):
        await gone.set_paused("odd", paused=False)


async def test_the_doctor_hears_what_answers(at_dagster: Dagster) -> None:
    said = await at_dagster.probe()
    assert said.startswith("Dagster 1.13.27, ")
    assert said.endswith(" jobs in training; its daemon is down: schedules start nothing")
