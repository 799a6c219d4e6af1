"""A model with several training pipelines: one is meant when none is named, and whoever names one gets that one."""

from dataclasses import replace

import pytest

from bot.domain.models import PipelineRef, Training
from bot.domain.operation import OperationState, Stage
from bot.domain.plan import Switch, TrainingRun
from bot.domain.timeline import Kind
from bot.slack.blocks import operation as blocks
from bot.usecases.views import operation_view
from tests.usecases.plant import PARAMETERS, PIPELINE, Plant
from tests.usecases.world import FRAUD, PEOPLE, shown

FULL = "retrain_fraud_full"


@pytest.fixture
def several(plant: Plant) -> Plant:
    """Beside the default one: `full`, whose versions carry a tag, and `twice`, which is the default's pipeline again."""
    full = Training(PipelineRef("orchestrator", FULL), (("mode", "full"),), version_tag="run", name="full")
    twice = Training(PipelineRef("orchestrator", PIPELINE), (("epochs", "50"),), name="twice")
    first = replace(plant.setup.bindings[0], other_trainings=(full, twice))
    plant.setup = replace(plant.setup, bindings=(first, *plant.setup.bindings[1:]))
    plant.orchestrator.declare(FULL, *PARAMETERS)
    plant.rebuild()
    return plant


def run_of(operation) -> TrainingRun:
    assert isinstance(operation.plan.aim, TrainingRun)
    return operation.plan.aim


@pytest.mark.parametrize(
    ("said", "pipeline", "parameters"),
    [
        ("", PIPELINE, {"mode": "quick"}),
        (f" --pipeline {PIPELINE}", PIPELINE, {"mode": "quick"}),
        (" --pipeline full", FULL, {"mode": "full"}),
        (" —pipeline Full --set epochs=7", FULL, {"mode": "full", "epochs": 7}),
        (" --pipeline=twice", PIPELINE, {"epochs": 50}),
    ],
)
async def test_who_names_one_gets_that_one(several: Plant, said: str, pipeline: str, parameters: object) -> None:
    number = await several.wish(f"retrain {FRAUD}{said}")
    aim = run_of(await several.operation(number))
    assert (aim.pipeline.name, dict(aim.parameters)) == (pipeline, parameters)


async def test_the_plan_the_timeline_and_the_message_say_which(several: Plant) -> None:
    incident = await several.fire()
    number = await several.wish(f"retrain {FRAUD} --pipeline full --incident INC-{incident}")
    operation = await several.operation(number)
    assert operation.plan.aim.headline == f"run of {FULL} (full)"
    told = [entry.text for entry in await several.timeline(incident) if entry.kind in {Kind.REQUESTED, Kind.PLANNED}]
    assert len(told) == 2
    assert all(f"run of {FULL} (full)" in text for text in told)
    view = await several.store.read(lambda tx: operation_view(tx, several.setup, number))
    assert f"{FULL} (full)" in str(blocks.operation(view).blocks)
    listed = shown(await several.say("operations", await several.requester("retrain")))
    assert f"run of {FULL} (full)" in listed


async def test_its_version_is_found_as_its_own_settings_say(several: Plant) -> None:
    number = await several.wish(f"retrain {FRAUD} --pipeline full")
    await several.approve(number)
    register = several.yields("4")

    def yields() -> None:
        register()
        several.yields("5", run=several.orchestrator.newest().id)()

    several.during(yields, several.orchestrator.succeed)
    assert await several.carry_out() == 1
    done = await several.operation(number)
    assert (done.state, done.stage) == (OperationState.SUCCEEDED, Stage.CHALLENGER), done.outcome
    assert done.result is not None
    assert done.result.version == "5", "the default one would find two that it may be"
    assert several.orchestrator.only().pipeline == FULL


async def test_a_training_that_has_left_the_configuration_is_followed_to_its_end(several: Plant) -> None:
    """Which version it has yielded is then not looked for by another one's settings."""
    number = await several.wish(f"retrain {FRAUD} --pipeline full")
    await several.approve(number)
    first = replace(several.setup.bindings[0], other_trainings=())
    several.setup = replace(several.setup, bindings=(first, *several.setup.bindings[1:]))
    several.rebuild()
    several.during(several.yields("4"), several.orchestrator.succeed)
    await several.carry_out()
    done = await several.operation(number)
    assert done.state is OperationState.SUCCEEDED
    assert done.result is None
    assert done.outcome == (
        "The run has succeeded. The training full is no longer configured, so that its version was not looked for."
    )


@pytest.mark.parametrize("command", ["retrain", "pause", "resume"])
async def test_an_unknown_name_is_told_which_there_are(several: Plant, command: str) -> None:
    reply = await several.say(f"{command} {FRAUD} --pipeline weekly", await several.requester("retrain"))
    assert not reply.ok
    assert shown(reply).splitlines()[:3] == [
        f"{FRAUD} has no training pipeline weekly in production.",
        "Nothing was planned or started.",
        f"It has: {PIPELINE}, full, twice.",
    ]
    assert not await several.operations()


async def test_a_name_that_was_forgotten_is_asked_for(several: Plant) -> None:
    reply = await several.say(f"retrain {FRAUD} --pipeline", await several.requester("retrain"))
    assert "Which pipeline?" in shown(reply)


async def test_a_model_with_one_pipeline_takes_its_name_too(plant: Plant) -> None:
    number = await plant.wish(f"retrain {FRAUD} --pipeline {PIPELINE}")
    assert run_of(await plant.operation(number)).headline == f"run of {PIPELINE}"


async def test_who_asks_for_another_one_has_not_joined(several: Plant) -> None:
    number = await several.wish(f"retrain {FRAUD} --pipeline full")
    reply = await several.say(f"retrain {FRAUD}", await several.requester("retrain"))
    assert not reply.ok
    assert f"OP-{number} is going on" in shown(reply)
    assert f"run of {FULL} (full)" in shown(reply)
    assert (await several.operation(number)).joined_by == ()
    again = await several.say(f"retrain {FRAUD} --pipeline FULL", await several.requester("retrain"))
    assert again.ok
    assert len(await several.operations()) == 1


async def test_each_schedule_is_switched_alone_and_undone_alone(several: Plant) -> None:
    done = await several.done(f"pause {FRAUD} --pipeline full")
    assert done.state is OperationState.SUCCEEDED
    assert several.orchestrator.switched == [(FULL, True)]
    assert done.plan.undo == f"/mlops resume {FRAUD} --pipeline full"
    back = await several.say(f"undo OP-{done.number}", await several.requester("pause"))
    assert back.ok, shown(back)
    aim = (await several.operation(done.number + 1)).plan.aim
    assert isinstance(aim, Switch)
    assert (aim.pipeline.name, aim.paused, aim.name) == (FULL, False, "full")


async def test_a_plan_that_has_expired_is_asked_for_again_by_its_name(several: Plant) -> None:
    number = await several.wish(f"retrain {FRAUD} --pipeline full")
    several.clock.advance(3_600)
    route = (await several.operation(number)).route
    assert route.accountable is not None
    owner = next(person for person in PEOPLE if person.id == route.accountable.person)
    reply = await several.say(f"approve OP-{number}", owner)
    assert not reply.ok
    assert f"/mlops retrain {FRAUD} --pipeline full" in shown(reply)
