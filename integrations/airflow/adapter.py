"""Airflow's DAGs and runs in our words; a run is named before it is started, so that it is started once."""

import json
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from bot.domain.alert import Alert
from bot.domain.errors import BotError, NotFound, Refused, Unreachable, Unreadable
from bot.domain.plan import Call
from bot.kit.http import HttpFactory
from bot.kit.httperrors import unconfirmed
from bot.kit.parsing import link
from bot.ports.clock import Clock
from bot.ports.systems import (
    AlertSource,
    Delivery,
    Health,
    Orchestrator,
    Pipeline,
    PipelineSwitch,
    Run,
    RunState,
    Scalar,
    Task,
    TaskState,
)
from integrations.airflow import callbacks
from integrations.airflow.api import Api, dag_path, pause_body, runs_path, shown, start_body
from integrations.airflow.manifest import Settings
from integrations.airflow.parameters import parameters
from integrations.airflow.session import SLUG
from integrations.airflow.wire import Dag, DagRun, TaskInstance

ATTEMPTS = 3
"""How often a run is asked to stop when Airflow answers 500: its scheduler and its API lock each other out at times."""
NOT_STARTED = "Nothing was started."
STOPPED = "Stopped by mlops-bot"
"""How the note of a run begins that the bot has stopped: Airflow itself only says that it failed."""

_RUNS = {
    "queued": RunState.QUEUED,
    "running": RunState.RUNNING,
    "success": RunState.SUCCEEDED,
    "failed": RunState.FAILED,
}
_TASKS = {
    "running": TaskState.RUNNING,
    "restarting": TaskState.RUNNING,
    "deferred": TaskState.RUNNING,
    "up_for_reschedule": TaskState.RUNNING,
    "success": TaskState.SUCCEEDED,
    "failed": TaskState.FAILED,
    "skipped": TaskState.SKIPPED,
    "upstream_failed": TaskState.SKIPPED,
    "removed": TaskState.SKIPPED,
}
"""All others wait: none at all, scheduled, queued, up_for_retry, awaiting_input."""


class Airflow(Orchestrator, PipelineSwitch, AlertSource, Health):
    """One Airflow."""

    def __init__(self, settings: Settings, api: Api) -> None:
        self._api = api
        self._secret = settings.webhook_secret
        self._ui = (settings.ui_url or settings.url).rstrip("/")

    # ------------------------------------------------------------ pipelines

    async def pipeline(self, name: str) -> Pipeline:
        dag = await self._api.dag(name)
        return Pipeline(
            dag.dag_id,
            dag.is_paused,
            parameters(dag.params),
            url=self._dag_url(dag.dag_id),
            schedule=dag.schedule,
            fault=await self._fault(dag),
        )

    async def _fault(self, dag: Dag) -> str:
        if dag.has_import_errors:
            why = await self._api.import_error(dag)
            return f"its file has import errors{f': {why}' if why else ''}"
        if dag.gone:
            return "Airflow no longer finds it in its files"
        if dag.allowed_run_types is not None and "manual" not in dag.allowed_run_types:
            return "it does not allow to be started by hand"
        return ""

    def plan_pause(self, pipeline: str, *, paused: bool) -> Call:
        url = f"{self._api.url(dag_path(pipeline))}?update_mask=is_paused"
        return Call(SLUG, "PATCH", url, json.dumps(pause_body(paused=paused)))

    async def set_paused(self, pipeline: str, *, paused: bool) -> Pipeline:
        """Airflow said yes: whatever goes wrong from there on, it may not be told as if nothing had been sent."""
        await self._api.pause(pipeline, paused=paused)
        try:
            return await self.pipeline(pipeline)
        except BotError as error:
            raise unconfirmed(SLUG, f"{pipeline} was switched, and can't be read back: {error.what}") from error

    # ------------------------------------------------------------ starting

    def plan_start(self, pipeline: str, parameters: Mapping[str, Scalar], *, key: str) -> Call:
        body = json.dumps(start_body(parameters, key, new=self._api.new), ensure_ascii=False)
        return Call(SLUG, "POST", self._api.url(runs_path(pipeline)), body)

    async def start(self, pipeline: str, parameters: Mapping[str, Scalar], *, key: str) -> Run:
        """The run, or the one that this key has started before; Airflow itself refuses a second one."""
        now = await self.pipeline(pipeline)
        if now.paused or now.fault:
            return await self._unstartable(now, key)
        started = await self._api.start(pipeline, parameters, key)
        if started is not None:
            return self._begun(started)
        have = await self._there_already(pipeline, key)
        if have is None:
            raise Refused(
                f"Airflow says that {pipeline} has a run like {key} already, and has none of that name.",
                system=SLUG,
                not_done=NOT_STARTED,
                next_step="Look at its runs in Airflow: another one may have the same logical date.",
            )
        return have

    def _begun(self, started: DagRun) -> Run:
        try:
            return self._run(started)
        except Unreadable as error:
            raise unconfirmed(SLUG, f"The run {started.dag_run_id} was asked for. {error.what}") from error

    async def _there_already(self, pipeline: str, key: str) -> Run | None:
        """Airflow knows the run: that it can't be looked at now doesn't mean that there is none."""
        try:
            return await self.find(pipeline, key=key)
        except BotError as error:
            raise unconfirmed(SLUG, f"The run {key} is there already, and can't be read: {error.what}") from error

    async def _unstartable(self, pipeline: Pipeline, key: str) -> Run:
        """A paused DAG takes a run, and never begins it. One that this key has started before is given all the same."""
        have = await self.find(pipeline.name, key=key)
        if have is not None:
            return have
        step = "Look at it in Airflow." if pipeline.fault else "Resume it first, in Airflow or by the bot."
        why = pipeline.fault or "it is paused, and the run would wait for ever"
        raise Refused(f"{pipeline.name} can't be started: {why}.", system=SLUG, not_done=NOT_STARTED, next_step=step)

    async def find(self, pipeline: str, *, key: str) -> Run | None:
        found = await self._api.run(pipeline, key)
        return None if found is None else self._run(found)

    # ------------------------------------------------------------ following

    async def run(self, pipeline: str, run: str) -> Run:
        found = await self._api.run(pipeline, run)
        if found is None:
            raise _no_run(pipeline, run)
        return self._run(found, *await self._api.tasks(pipeline, run))

    async def recent(self, pipeline: str, *, limit: int = 20) -> Sequence[Run]:
        return tuple(self._run(run) for run in await self._api.recent(pipeline, limit))

    async def cancel(self, pipeline: str, run: str) -> None:
        """Airflow would call a run failed that has ended well, so its state is read first, each time anew."""
        for _ in range(ATTEMPTS):
            found = await self._api.run(pipeline, run)
            if found is None:
                raise _no_run(pipeline, run)
            note = "\n".join(part for part in (found.note, _mark(found)) if part)
            if _state(found).final or await self._api.fail(found, note):
                return
        raise unconfirmed(SLUG, f"Airflow has answered {ATTEMPTS} times with an error when {shown(run)} was stopped.")

    # ------------------------------------------------------------ deliveries

    def verify(self, delivery: Delivery) -> bool:
        return callbacks.verified(delivery, self._secret)

    def alerts(self, delivery: Delivery) -> Sequence[Alert]:
        return callbacks.alerts(delivery)

    # ------------------------------------------------------------ health

    async def probe(self) -> str:
        release, count, health = await self._api.about()
        if health.scheduler.status != "healthy":
            seen = health.scheduler.latest_scheduler_heartbeat
            since = f" since {seen:%Y-%m-%d %H:%M} UTC" if seen is not None else ""
            raise Unreachable(
                f"Airflow {release} answers, and its scheduler has given no sign of life{since}.",
                system=SLUG,
                not_done="Runs that are started would wait.",
                next_step="Look at the log of `airflow scheduler`.",
            )
        return f"Airflow {release}, {count} DAG{'' if count == 1 else 's'}"

    # ------------------------------------------------------------ pieces

    def _run(self, found: DagRun, tasks: Sequence[TaskInstance] = (), total: int | None = None) -> Run:
        state = _state(found)
        ordered = sorted(tasks, key=_in_order)
        return Run(
            found.dag_run_id,
            found.dag_id,
            state,
            found.start_date,
            found.end_date,
            url=self._run_url(found),
            parameters={key: value for key, value in found.conf.items() if isinstance(value, str | int | float)},
            tasks=tuple(self._task(found, task) for task in ordered),
            total=total,
            detail=_detail(found, state, ordered),
        )

    def _task(self, run: DagRun, task: TaskInstance) -> Task:
        one = f"[{task.map_index}]" if task.map_index >= 0 else ""
        state = _TASKS.get(task.state, TaskState.WAITING)
        ended = None if state in {TaskState.WAITING, TaskState.RUNNING} else task.end_date
        return Task(f"{task.task_id}{one}", state, task.start_date, ended, self._task_url(run, task))

    def _dag_url(self, dag: str) -> str:
        return link(f"{self._ui}/dags/{quote(dag, safe='', errors='replace')}{'' if self._api.new else '/grid'}")

    def _run_url(self, run: DagRun) -> str:
        name = quote(run.dag_run_id, safe="", errors="replace")
        return link(self._dag_url(run.dag_id) + (f"/runs/{name}" if self._api.new else f"?dag_run_id={name}"))

    def _task_url(self, run: DagRun, task: TaskInstance) -> str:
        name = quote(task.task_id, safe="", errors="replace")
        if not self._api.new:
            return link(f"{self._run_url(run)}&task_id={name}")
        mapped = f"/mapped/{task.map_index}" if task.map_index >= 0 else ""
        return link(f"{self._run_url(run)}/tasks/{name}{mapped}")


def _state(run: DagRun) -> RunState:
    """Raises Unreadable for a word that Airflow didn't have: to go on as if it were known would be a guess."""
    state = _RUNS.get(run.state)
    if state is None:
        raise Unreadable(
            f"Airflow calls the run {run.dag_run_id[:80]!a} {run.state[:40]!a}, a state that is not known here.",
            system=SLUG,
            not_done="Nothing was changed.",
            next_step="Look at it in Airflow.",
        )
    stopped = state is RunState.FAILED and _mark(run) in run.note.splitlines()
    return RunState.CANCELLED if stopped else state


def _mark(run: DagRun) -> str:
    """What is noted of a run that is stopped; of this beginning only, for a person may let it run once more."""
    begun = f"{run.start_date:%Y-%m-%d %H:%M:%S} UTC" if run.start_date is not None else "never"
    return f"{STOPPED}; begun {begun}."


def _detail(run: DagRun, state: RunState, tasks: Sequence[TaskInstance]) -> str:
    if state is RunState.CANCELLED:
        return "stopped by the bot; Airflow calls it failed"
    failed = [task.task_id for task in tasks if task.state == "failed"] if state is RunState.FAILED else []
    more = f" and {len(failed) - 3} more" if len(failed) > 3 else ""
    return f"{run.state}: {', '.join(failed[:3])[:200]}{more}" if failed else run.state


def _in_order(task: TaskInstance) -> tuple[int, int]:
    """Before all, what most other tasks wait for: Airflow gives it the greater weight, unless a DAG says otherwise."""
    return -(task.priority_weight or 0), task.map_index


def _no_run(pipeline: str, run: str) -> NotFound:
    return NotFound(
        f"Airflow has no run {shown(run)} of {shown(pipeline)}.", not_done="Nothing was changed.",
        next_step="Somebody may have deleted it; its DAG's page in Airflow lists the others.",
    )  # fmt: skip


def build(settings: Settings, http: HttpFactory, clock: Clock) -> Airflow:
    """An Airflow from its settings. Raises BadInput when the address is none."""
    del clock
    return Airflow(settings, Api(settings, http))
