"""Pipelines that wait for a word: `train` goes on when a file with the run's id lies in the folder GATE_OF_THE_TESTS.

Read by Airflow's own Python. `ok` in the file is a good end; anything else is what the task complains about.
`mlops_bot` is the code block of the integration's README.
"""

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from airflow.sdk import DAG, Param, get_current_context, task
from mlops_bot import tell_failure, tell_success

GATE = Path(os.environ["GATE_OF_THE_TESTS"])
PARAMS = {
    "model": Param(type="string", description="What is trained."),
    "epochs": Param(3, type="integer", minimum=1, maximum=50),
    "mode": Param("full", type="string", enum=["full", "quick"]),
    "since": Param("2026-10-01", type="string", pattern=r"^\d{4}-\d{2}-\d{2}$"),
    "upload": Param(True, type="boolean"),
}


@task
def prepare() -> None:
    """Done at once."""


@task
def train() -> None:
    """Waits."""
    word = GATE / get_current_context()["run_id"]
    while not word.exists():
        time.sleep(0.1)
    if word.read_text() != "ok":
        raise RuntimeError(word.read_text())


@task
def evaluate() -> None:
    """Done at once."""


@task
def score(feature: str) -> str:
    """One of many."""
    return feature


def pipeline(name: str, schedule: str | None = None, **what: object) -> None:
    """One with the three tasks, one after another."""
    with DAG(name, schedule=schedule, max_active_runs=32, catchup=False, **what):
        prepare() >> train() >> evaluate()


pipeline("retrain", params=PARAMS)
pipeline("weekly", params=PARAMS)  # of the whole program alone: nobody else's runs are in its way
pipeline("nightly", params={**PARAMS, "model": Param("fraud-detector", type="string")}, schedule="0 3 * * *",
         start_date=datetime(2026, 1, 1, tzinfo=UTC), is_paused_upon_creation=True)  # fmt: skip
pipeline("bare")
pipeline(
    "odd",
    params={
        "plain": 5,
        "nothing": None,
        "maybe": Param(None, type=["null", "number"], exclusiveMinimum=0),
        "day": Param("2026-10-01", type="string", format="date"),
        "fixed": Param("v1", const="v1"),
        "columns": Param(["a"], type="array"),
        "either": Param(1, anyOf=[{"type": "integer"}, {"type": "string"}]),
        "below": Param(1, type="integer", exclusiveMinimum=0, exclusiveMaximum=10),
        "name": Param("x", type="string", minLength=1, title="Name"),
    },
)
with DAG("features", schedule=None, catchup=False):
    prepare() >> score.expand(feature=["amount", "country", "hour"])


def at_the_test(tell: Callable[[object], None]) -> Callable[[object], None]:
    """To whichever address the test has written down."""

    def told(context: object) -> None:
        os.environ["TELL_BOT_URL"] = (GATE / "bot").read_text()
        tell(context)

    return told


with DAG(
    "alarmed", schedule=None, catchup=False, max_active_runs=32, tags=["team:risk", "model:fraud-detector"],
    default_args={"on_failure_callback": at_the_test(tell_failure)},
    on_failure_callback=at_the_test(tell_failure), on_success_callback=at_the_test(tell_success),
):  # fmt: skip
    train()
