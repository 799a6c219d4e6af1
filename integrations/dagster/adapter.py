"""Dagster's jobs and runs in our words; a run carries our key as a tag, by which it is found again."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from bot.domain.errors import BotError, Refused, Unreadable
from bot.domain.plan import Call
from bot.kit.http import HttpFactory
from bot.kit.httperrors import unconfirmed
from bot.kit.parsing import link
from bot.ports.clock import Clock
from bot.ports.systems import Health, Orchestrator, Pipeline, PipelineSwitch, Run, RunState, Scalar
from integrations.dagster.api import Api, no_run
from integrations.dagster.graphql import SLUG, UNCHANGED, Graphql, unauthorized
from integrations.dagster.health import said
from integrations.dagster.manifest import MANIFEST, ONLY, REPOSITORY, PipelineSettings, Settings
from integrations.dagster.places import Found, Places, config_of, parameters_of, planned
from integrations.dagster.steps import tasks, total
from integrations.dagster.wire import Job, JobAnswer, Schedule
from integrations.dagster.wire_runs import Run as DagsterRun

KEY_TAG = "mlops-bot/key"
REPOSITORY_TAG = ".dagster/repository"
"""Dagster's own tag on every run: where its job is."""
MOST_OF_A_KEY = 100
NOT_STARTED = "Nothing was started."

_STATES = {
    "QUEUED": RunState.QUEUED,
    "NOT_STARTED": RunState.QUEUED,
    "MANAGED": RunState.QUEUED,
    "STARTING": RunState.QUEUED,
    "STARTED": RunState.RUNNING,
    "SUSPENDED": RunState.RUNNING,
    "CANCELING": RunState.CANCELLING,
    "SUCCESS": RunState.SUCCEEDED,
    "FAILURE": RunState.FAILED,
    "CANCELED": RunState.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class Ref:
    """A pipeline: where its job is, and what the settings say about it."""

    name: str
    job: str
    location: str
    repository: str
    parameters_at: str
    schedules: tuple[str, ...]

    @property
    def origin(self) -> str:
        """Dagster's own short form of where it is."""
        return f"{self.repository}@{self.location}"

    def chosen(self, job: Job) -> Sequence[Schedule]:
        """The job's schedules that are switched."""
        return [one for one in job.schedules if not self.schedules or one.name in self.schedules]


class Dagster(Orchestrator, PipelineSwitch, Health):
    """One Dagster."""

    def __init__(self, settings: Settings, api: Api) -> None:
        self._settings = settings
        self._api = api
        self._ui = (settings.ui_url or settings.url).rstrip("/")

    # ------------------------------------------------------------ pipelines

    async def pipeline(self, name: str) -> Pipeline:
        ref = self._ref(name)
        answer = await self._api.job(ref.job, ref.location, ref.repository)
        return self._pipeline(ref, answer)

    def _pipeline(self, ref: Ref, answer: JobAnswer) -> Pipeline:
        schedules, found = ref.chosen(answer.job), _place(ref, answer)
        nothing = None if found.fault else ()
        return Pipeline(
            ref.name,
            paused=not any(one.runs for one in schedules) if schedules else None,
            parameters=nothing if found.place is None else found.place.parameters,
            url=self._job_url(ref),
            schedule="; ".join(_cron(one) for one in schedules),
            fault=found.fault,
        )

    def plan_pause(self, pipeline: str, *, paused: bool) -> Call:
        """Which schedules a job has, and what Dagster stops them by, is read right before."""
        ref = self._ref(pipeline)
        job = {"repositoryLocationName": ref.location, "repositoryName": ref.repository, "jobName": ref.job}
        named = {"job": job, "schedules": list(ref.schedules) or [ONLY]}
        body = json.dumps({"operationName": "StopSchedule" if paused else "StartSchedule", **named}, ensure_ascii=False)
        return Call(SLUG, "POST", self._api.url, body, MANIFEST.cannot[1])

    async def set_paused(self, pipeline: str, *, paused: bool) -> Pipeline:
        ref = self._ref(pipeline)
        answer = await self._api.job(ref.job, ref.location, ref.repository)
        schedules = _switchable(ref, answer)
        done: list[str] = []
        for one in schedules:
            if one.runs is not paused:
                continue
            try:
                await self._switch(ref, one, paused=paused)
            except BotError as error:
                if not done:
                    raise
                raise unconfirmed(
                    SLUG, f"{', '.join(done)} was switched, and {one.name} was not: {error.what}"
                ) from error
            done.append(one.name)
        return await self._read_back(pipeline, paused=paused)

    async def _switch(self, ref: Ref, schedule: Schedule, *, paused: bool) -> None:
        if paused:
            await self._api.stop_schedule(schedule.state.id)
        else:
            await self._api.start_schedule(schedule.name, ref.location, ref.repository)

    async def _read_back(self, pipeline: str, *, paused: bool) -> Pipeline:
        """Dagster said yes: whatever goes wrong from here on, it may not be told as if nothing had been sent."""
        try:
            after = await self.pipeline(pipeline)
        except BotError as error:
            raise unconfirmed(SLUG, f"{pipeline} was switched, and can't be read back: {error.what}") from error
        if after.paused is not paused:
            raise unconfirmed(SLUG, f"{pipeline} was switched, and is not what it was switched to.")
        return after

    # ------------------------------------------------------------ starting

    def plan_start(self, pipeline: str, parameters: Mapping[str, Scalar], *, key: str) -> Call:
        """Without the text of the mutation, which is always the same."""
        ref = self._ref(pipeline)
        run = _execution(ref, planned(parameters, ref.parameters_at), key)
        body = json.dumps({"operationName": "Launch", "variables": {"run": run}}, ensure_ascii=False)
        return Call(SLUG, "POST", self._api.url, body, MANIFEST.cannot[0])

    async def start(self, pipeline: str, parameters: Mapping[str, Scalar], *, key: str) -> Run:
        ref = self._ref(pipeline)
        answer = await self._api.job(ref.job, ref.location, ref.repository)
        found = _place(ref, answer)
        fault = found.fault
        if not fault and parameters and found.place is None:
            fault = f"it takes no parameters, and was given {', '.join(parameters)[:200]}"
        if fault:
            raise Refused(
                f"{ref.name} can't be started: {fault}.", system=SLUG, not_done=NOT_STARTED,
                next_step=f"Look at the job and at the code location {ref.location} in Dagster.",
            )  # fmt: skip
        started = await self._api.launch({"run": _execution(ref, config_of(parameters, found.place), key)})
        try:
            return self._run(ref, started)
        except Unreadable as error:
            raise unconfirmed(SLUG, f"The run {started.id} was started. {error.what}") from error

    async def find(self, pipeline: str, *, key: str) -> Run | None:
        """The first of them: a run that a person lets run again in Dagster has the tags of the one before."""
        ref = self._ref(pipeline)
        found = await self._api.runs(ref.job, {KEY_TAG: key, REPOSITORY_TAG: ref.origin}, MOST_OF_A_KEY)
        return self._run(ref, found[-1]) if found else None

    # ------------------------------------------------------------ following

    async def run(self, pipeline: str, run: str) -> Run:
        ref = self._ref(pipeline)
        found = await self._have(ref, run)
        detail = await self._why(found) if found.status == "FAILURE" else ""
        return self._run(ref, found, detail)

    async def _have(self, ref: Ref, run: str) -> DagsterRun:
        """Raises NotFound, also for a run of another job."""
        found = await self._api.run(run)
        origin = found.origin if found is not None else None
        elsewhere = origin is not None and (origin.location, origin.repository) != (ref.location, ref.repository)
        if found is None or found.job != ref.job or elsewhere:
            raise no_run(run)
        return found

    async def _why(self, run: DagsterRun) -> str:
        """The first failure of its log; only which step failed, when the log can't be read."""
        failed = next((step.key for step in run.stats if step.status == "FAILURE"), "")
        try:
            failures = await self._api.failures(run.id)
        except BotError:
            failures = ()
        told = [(one.step, one.error.words) for one in failures if one.error is not None and one.error.words]
        told += [("", " ".join(one.message.split())) for one in failures if one.message]
        step, words = next(iter(told), (failed, ""))
        return ": ".join(part for part in (step or failed, words) if part)[:300]

    async def recent(self, pipeline: str, *, limit: int = 20) -> Sequence[Run]:
        ref = self._ref(pipeline)
        return tuple(self._run(ref, run) for run in await self._api.runs(ref.job, {REPOSITORY_TAG: ref.origin}, limit))

    async def cancel(self, pipeline: str, run: str) -> None:
        """Dagster refuses to stop what has ended, or is about to; neither is an error here."""
        ref = self._ref(pipeline)
        found = await self._have(ref, run)
        if _over(found):
            return
        if not found.may_stop:
            raise unauthorized("this server may not stop a run", UNCHANGED)
        why = await self._api.terminate(run)
        if why and not _over(await self._have(ref, run)):
            raise Refused(
                f"Dagster can't stop the run {run[:80]}: {why}.", system=SLUG, not_done="It goes on.",
                next_step="In Dagster a person can mark it as cancelled; what it began may go on all the same.",
            )  # fmt: skip

    # ------------------------------------------------------------ health

    async def probe(self) -> str:
        about = await self._api.about(self._settings.location)
        return said(about, self._settings.location, self._settings.repository)

    # ------------------------------------------------------------ pieces

    def _ref(self, name: str) -> Ref:
        settings, special = self._settings, self._settings.pipelines.get(name, PipelineSettings())
        return Ref(
            name,
            special.job or name,
            special.location or settings.location,
            special.repository or settings.repository,
            special.parameters_at,
            special.schedules,
        )

    def _run(self, ref: Ref, found: DagsterRun, detail: str = "") -> Run:
        """Raises Unreadable for a state that Dagster didn't have: to go on as if it were known would be a guess."""
        state = _STATES.get(found.status)
        if state is None:
            raise Unreadable(
                f"Dagster calls the run {found.id[:80]!a} {found.status[:40]!a}, a state that is not known here.",
                system=SLUG,
                not_done=UNCHANGED,
                next_step="Look at it in Dagster.",
            )
        return Run(
            found.id,
            ref.name,
            state,
            found.started,
            found.ended,
            url=link(f"{self._ui}/runs/{quote(found.id, safe='', errors='replace')}"),
            parameters=parameters_of(found.config, ref.parameters_at),
            tasks=tasks(found, state),
            total=total(found),
            detail=detail or found.status,
        )

    def _job_url(self, ref: Ref) -> str:
        where = ref.location if ref.repository == REPOSITORY else ref.origin
        parts = (quote(part, safe="", errors="replace") for part in (where, ref.job))
        return link(f"{self._ui}/locations/{'/jobs/'.join(parts)}")


def _place(ref: Ref, answer: JobAnswer) -> Found:
    """Where the job's parameters go, or why it can't be started."""
    if answer.location is not None and answer.location.fault:
        return Found(fault=f"its code location {ref.location} is not loaded: {answer.location.fault}")
    return Places(answer.config).find(ref.parameters_at)


def _execution(ref: Ref, config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """`ExecutionParams`."""
    job = {"repositoryLocationName": ref.location, "repositoryName": ref.repository, "jobName": ref.job}
    tags = [{"key": KEY_TAG, "value": key}]
    return {"selector": job, "runConfigData": config, "executionMetadata": {"tags": tags}}


def _switchable(ref: Ref, answer: JobAnswer) -> Sequence[Schedule]:
    """The schedules, all of those that are named. Raises Refused when there are none."""
    found = ref.chosen(answer.job)
    missing = set(ref.schedules) - {one.name for one in found}
    if answer.location is not None and answer.location.fault:
        why = _place(ref, answer).fault
    elif missing:
        why = f"it has no schedule {', '.join(sorted(missing))[:200]}"
    elif found:
        return found
    else:
        why = "it has no schedule that could be switched"
    raise Refused(
        f"{ref.name}: {why}.", system=SLUG, not_done=UNCHANGED,
        next_step="What else starts the job (a sensor, a person) is seen on its page in Dagster.",
    )  # fmt: skip


def _over(run: DagsterRun) -> bool:
    state = _STATES.get(run.status)
    return state is not None and (state.final or state is RunState.CANCELLING)


def _cron(schedule: Schedule) -> str:
    zone = f" ({schedule.zone})" if schedule.zone and schedule.zone != "UTC" else ""
    return f"{schedule.cron}{zone}"


def build(settings: Settings, http: HttpFactory, clock: Clock) -> Dagster:
    """A Dagster from its settings. Raises BadInput when the address is none."""
    del clock
    client = http(settings.url, system=SLUG, auth=settings.auth)
    return Dagster(settings, Api(Graphql(client, settings.auth.secrets)))
