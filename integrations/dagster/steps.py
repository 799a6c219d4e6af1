"""A run's steps as tasks: in the order in which they wait for each other, with what became of them so far."""

import re
from collections.abc import Mapping, Sequence

from bot.ports.systems import RunState, Task, TaskState
from integrations.dagster.wire_runs import Run, Step, StepStats

_UNKNOWN = "[?]"
"""Stands in a plan's key for as many steps as there will be."""
_STATES = {"SUCCESS": TaskState.SUCCEEDED, "SKIPPED": TaskState.SKIPPED, "FAILURE": TaskState.FAILED}
_INDEX = re.compile(r"\[[^\]]*\]")


def total(run: Run) -> int | None:
    """How many steps there will be; not known while a step says itself how many follow."""
    if run.plan is None or any(_UNKNOWN in step.key for step in run.plan.steps):
        return None
    return len(run.plan.steps)


def tasks(run: Run, state: RunState) -> tuple[Task, ...]:
    """All steps of the plan, and those that were made while it ran in the place of the one that stands for them."""
    begun = {one.key: one for one in run.stats}
    planned = _in_order(run.plan.steps if run.plan is not None else ())
    keys = [key for step in planned for key in _made_of(step, begun, state)]
    keys += [key for key in begun if key not in keys]
    return tuple(_task(key, begun.get(key), state) for key in keys)


def _made_of(step: str, begun: Mapping[str, StepStats], state: RunState) -> Sequence[str]:
    if _UNKNOWN not in step:
        return (step,)
    made = [key for key in begun if _INDEX.sub(_UNKNOWN, key) == step]
    return made or (() if state.final else (step,))


def _in_order(steps: Sequence[Step]) -> Sequence[str]:
    """Dagster lists them in no order; equal ones by name, so that the picture does not jump about."""
    left = {step.key: step.waits_for for step in steps}
    ordered: list[str] = []
    while left:
        ready = sorted(key for key, before in left.items() if not before & left.keys()) or sorted(left)
        ordered += ready
        left = {key: before for key, before in left.items() if key not in ready}
    return ordered


def _task(key: str, stats: StepStats | None, run: RunState) -> Task:
    state = _state(stats.status if stats is not None else "", run)
    if stats is None:
        return Task(key, state)
    return Task(key, state, stats.started, stats.ended if state is not TaskState.RUNNING else None)


def _state(status: str, run: RunState) -> TaskState:
    """Dagster calls a step failed that was interrupted, and leaves one as it was whose process is gone."""
    stopped = run in {RunState.CANCELLING, RunState.CANCELLED}
    if status == "FAILURE" and stopped:
        return TaskState.CANCELLED
    if status in _STATES:
        return _STATES[status]
    if status == "IN_PROGRESS":
        if not run.final:
            return TaskState.RUNNING
        return TaskState.CANCELLED if stopped else TaskState.FAILED
    return TaskState.SKIPPED if run.final else TaskState.WAITING
