"""The jobs of the tests' Dagster. `train` waits in every run until a test lets it go on, by a file named like the run."""

import os
import time
from enum import Enum
from pathlib import Path

import dagster as dg
from pydantic import Field

GATE = Path(os.environ["GATE_OF_THE_TESTS"])


class Mode(Enum):
    full = "full"
    quick = "quick"


class Training(dg.Config):
    model: str = Field(description="What is trained.")
    epochs: int = 3
    mode: Mode = Mode.full
    since: str = "2026-10-01"
    upload: bool = True


@dg.op(out=dg.Out(dg.Nothing))
def prepare() -> None:
    """The data."""


@dg.op(ins={"data": dg.In(dg.Nothing)}, out=dg.Out(dg.Nothing))
def train(context: dg.OpExecutionContext, config: Training) -> None:
    word = GATE / context.run_id
    while not word.exists():
        time.sleep(0.05)
    if word.read_text() != "ok":
        raise dg.Failure(word.read_text())


@dg.op(ins={"model": dg.In(dg.Nothing)})
def evaluate() -> None:
    """Whether it is any good."""


@dg.job
def retrain() -> None:
    evaluate(train(prepare()))


@dg.job
def weekly() -> None:
    """Of the whole program alone: nobody else's runs are in its way."""
    evaluate(train(prepare()))


@dg.job
def nightly() -> None:
    evaluate(train(prepare()))


@dg.job
def bare() -> None:
    """Takes nothing and has no schedule."""
    prepare()


@dg.op
def fails() -> None:
    raise RuntimeError("the table orders_daily\nis empty")


@dg.job
def failing() -> None:
    fails()


@dg.op(config_schema={"sample": dg.Field(float, default_value=0.5), "name": dg.Field(str, is_required=False)})
def draw() -> None:
    """One of two ops that take something."""


@dg.op(
    config_schema={
        "rate": dg.Field(dg.Noneable(float), is_required=False, description="How fast it learns."),
        "features": dg.Field([str], default_value=["amount"]),
        "limits": dg.Field({"low": dg.Field(int, default_value=1), "high": int}),
        "by": dg.Field(dg.Map(str, int), default_value={}),
        "source": dg.Field(dg.Selector({"file": str, "table": str}), default_value={"table": "orders"}),
        "label": dg.Field(str, default_value="a\nb"),
        "anything": dg.Field(dg.Permissive(), default_value={}),
    }
)
def learn() -> None:
    """Takes what can't be set from outside as well."""


@dg.job
def two_places() -> None:
    draw()
    learn()


@dg.op(config_schema=int)
def count() -> None:
    """Takes one number, not fields."""


@dg.graph
def inner() -> None:
    draw()


@dg.job(resource_defs={"store": dg.ResourceDefinition(lambda _: None, config_schema={"bucket": str})})
def nested() -> None:
    """Takes something deep inside."""
    inner()


@dg.job
def deep() -> None:
    """Takes something one level down."""
    inner()


@dg.job
def odd() -> None:
    count()


@dg.job(config={"ops": {"train": {"config": {"model": "fraud-detector", "epochs": 9}}}})
def preset() -> None:
    train(prepare())


class Features(dg.Config):
    days: int = 30


@dg.asset
def features(config: Features) -> int:
    return config.days


@dg.op(out=dg.DynamicOut(int))
def parts():
    for number in range(2):
        yield dg.DynamicOutput(number, mapping_key=f"part_{number}")


@dg.op
def part(number: int) -> int:
    return number


@dg.op
def join(numbers: list[int]) -> None:
    assert numbers


@dg.job
def mapped() -> None:
    """How many tasks it has is known when it runs."""
    join(parts().map(part).collect())


def _schedule(job: dg.JobDefinition, cron: str, *, on: bool, **what: str) -> dg.ScheduleDefinition:
    status = dg.DefaultScheduleStatus.RUNNING if on else dg.DefaultScheduleStatus.STOPPED
    return dg.ScheduleDefinition(job=job, cron_schedule=cron, default_status=status, **what)


refresh = dg.define_asset_job("refresh", selection=[features])
jobs = [retrain, weekly, nightly, bare, failing, two_places, nested, deep, odd, preset, mapped, refresh]
definitions = dg.Definitions(
    assets=[features],
    jobs=jobs,
    schedules=[
        _schedule(retrain, "0 3 * * *", on=True),
        _schedule(nightly, "0 2 * * *", on=False),
        _schedule(odd, "0 4 * * *", on=True, name="odd_early"),
        _schedule(odd, "0 5 * * 1", on=False, name="odd_late", execution_timezone="Europe/Berlin"),
    ],
    executor=dg.in_process_executor,
)
