"""What is asked of Dagster: each call gives a typed answer, or one of our errors."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from bot.domain.errors import Conflict, NotFound, Refused, Unreadable
from bot.kit.httperrors import unconfirmed
from integrations.dagster import documents
from integrations.dagster.graphql import SLUG, UNCHANGED, Graphql, read
from integrations.dagster.wire import JobAnswer, Location, LocationsAnswer, Said
from integrations.dagster.wire_runs import (
    About,
    Event,
    EventsAnswer,
    Launched,
    Run,
    RunAnswer,
    RunsAnswer,
    WhichAnswer,
)

PAGE = 100
EVENTS = 1_000
"""So much of a failed run's log is looked through for why it failed."""
NO_JOB = "PipelineNotFoundError"
NO_RUN = "RunNotFoundError"


class Api:
    """Calls of one Dagster."""

    def __init__(self, graphql: Graphql) -> None:
        self._graphql = graphql

    @property
    def url(self) -> str:
        """Where everything is asked, for plans."""
        return self._graphql.url

    # ------------------------------------------------------------ jobs

    async def job(self, job: str, location: str, repository: str) -> JobAnswer:
        """A job, its schedules and its run config; of a location that isn't loaded only that. Raises NotFound."""
        selector = {"pipelineName": job, "repositoryName": repository, "repositoryLocationName": location}
        answer = await self._graphql.ask(JobAnswer, documents.JOB, {"job": selector, "location": location})
        if answer.location is None:
            raise await self._unknown_location(location)
        if answer.location.fault:
            return answer
        if answer.job.typename == NO_JOB:
            raise _unknown_job(job, repository, answer.location)
        self._graphql.must_be(answer.job, "Pipeline")
        self._graphql.must_be(answer.config, "RunConfigSchema")
        return answer

    async def _unknown_location(self, location: str) -> NotFound:
        workspace = (await self._graphql.ask(LocationsAnswer, documents.LOCATIONS, {})).workspace
        known = ", ".join(one.name for one in workspace.entries[:10])
        return NotFound(
            f"Dagster has no code location {_shown(location)}.",
            not_done=UNCHANGED,
            next_step=f"Set location in integrations.dagster of the configuration; there are: {known or 'none'}.",
        )

    # ------------------------------------------------------------ runs

    async def run(self, run: str) -> Run | None:
        """A run with its steps, if it is there."""
        data = await self._graphql.data(documents.RUN, {"run": run})
        said = read(WhichAnswer, data).run
        if said.typename == NO_RUN:
            return None
        self._graphql.must_be(said, "Run")
        return read(RunAnswer, data).run

    async def runs(self, job: str, tags: Mapping[str, str], limit: int) -> Sequence[Run]:
        """Runs of a job that have all these tags, newest first, without steps."""
        pairs = [{"key": key, "value": value} for key, value in tags.items()]
        wanted = {"filter": {"pipelineName": job, "tags": pairs}, "limit": max(1, min(limit, PAGE))}
        runs = (await self._graphql.ask(RunsAnswer, documents.RUNS, wanted)).runs
        self._graphql.must_be(runs, "Runs")
        return [run for run in runs.results if run.job == job]  # an empty name is no filter to Dagster

    async def failures(self, run: str) -> Sequence[Event]:
        """The failures in a run's log, as far as it is looked through."""
        log = (await self._graphql.ask(EventsAnswer, documents.EVENTS, {"run": run, "limit": EVENTS})).run.log
        return [event for event in log.events if event.error is not None or event.typename == "RunFailureEvent"]

    async def launch(self, variables: Mapping[str, Any]) -> Run:
        """Start a run, once. Raises Refused, Unauthorized, NotFound, Conflict; Indeterminate."""
        said = await self._graphql.tell(Launched, "launchRun", documents.LAUNCH, variables, idempotent=False)
        if said.typename != "LaunchRunSuccess":
            raise self._not_launched(said)
        try:
            return read(Run, said.run)
        except Unreadable as error:
            raise unconfirmed(SLUG, f"Dagster has started a run. {error.what}") from error

    def _not_launched(self, said: Launched) -> Exception:
        """Everything that the schema says a launch can end with, but a run."""
        nothing = "Nothing was started."
        match said.typename:
            case "RunConfigValidationInvalid":
                wrong = "; ".join(" ".join(one.message.split()).rstrip(".") for one in said.errors[:3])
                more = f"; and {len(said.errors) - 3} more" if len(said.errors) > 3 else ""
                what = f"Dagster doesn't take these parameters: {self._graphql.excerpt(wrong, 600)}{more}."
                return Refused(what, system=SLUG, not_done=nothing, next_step="Correct them, and ask for a new plan.")
            case "PipelineNotFoundError":
                return NotFound(
                    f"{self._graphql.excerpt(said.message)}.", not_done=nothing, next_step="Somebody has removed it."
                )
            case "RunConflict":
                return Conflict(
                    f"{self._graphql.excerpt(said.message)}.", not_done=nothing, next_step="Look at its runs."
                )
            case "InvalidStepError" | "InvalidOutputError" | "InvalidSubsetError" | "PresetNotFoundError":
                why = said.message or said.step
            case "ConflictingExecutionParamsError" | "NoModeProvidedError":
                why = said.message
            case _:
                return self._graphql.failed(said, "launchRun")
        what = f"Dagster did not start the run ({said.typename}{f': {self._graphql.excerpt(why)}' if why else ''})."
        return Refused(what, system=SLUG, not_done=nothing, next_step="Look at the job in Dagster.")

    async def terminate(self, run: str) -> str:
        """Ask a run to stop; gives why it can't be, or nothing. Raises NotFound, Unauthorized, Indeterminate."""
        said = await self._graphql.tell(Said, "terminateRun", documents.TERMINATE, {"run": run}, idempotent=True)
        match said.typename:
            case "TerminateRunSuccess":
                return ""
            case "TerminateRunFailure":
                return self._graphql.excerpt(said.words) or "it doesn't say why"
            case "RunNotFoundError":
                raise no_run(run)
            case _:
                raise self._graphql.failed(said, "terminateRun")

    # ------------------------------------------------------------ schedules

    async def start_schedule(self, name: str, location: str, repository: str) -> None:
        """Let a schedule start runs; one that does stays as it is."""
        selector = {"scheduleName": name, "repositoryName": repository, "repositoryLocationName": location}
        variables = {"schedule": selector}
        said = await self._graphql.tell(Said, "startSchedule", documents.START_SCHEDULE, variables, idempotent=True)
        self._switched(said, "startSchedule")

    async def stop_schedule(self, schedule: str) -> None:
        """Let a schedule, by its id, start no more runs; one that doesn't stays as it is."""
        variables = {"schedule": schedule}
        said = await self._graphql.tell(
            Said, "stopRunningSchedule", documents.STOP_SCHEDULE, variables, idempotent=True
        )
        self._switched(said, "stopRunningSchedule")

    def _switched(self, said: Said, call: str) -> None:
        if said.typename == "ScheduleNotFoundError":
            raise NotFound(
                f"{self._graphql.excerpt(said.message)}.", not_done=UNCHANGED, next_step="Somebody has removed it."
            )
        if said.typename != "ScheduleStateResult":
            raise self._graphql.failed(said, call)

    # ------------------------------------------------------------ health

    async def about(self, location: str) -> About:
        """Release, rights and daemons. Raises NotFound for an unknown code location."""
        about = await self._graphql.ask(About, documents.ABOUT, {"location": location})
        if about.location is None:
            raise await self._unknown_location(location)
        return about


def no_run(run: str) -> NotFound:
    """Nobody knows such a run."""
    return NotFound(
        f"Dagster has no such run: {_shown(run)}.", not_done=UNCHANGED,
        next_step="Somebody may have deleted it; the job's page in Dagster lists the others.",
    )  # fmt: skip


def _unknown_job(job: str, repository: str, location: Location) -> NotFound:
    there = location.loaded.repositories if location.loaded is not None else ()
    jobs = [name for found in there if found.name == repository for name in found.jobs]
    near = difflib.get_close_matches(job[:200], jobs, 3, 0.6)
    known = ", ".join(found.name for found in there[:10])
    step = f"There is no repository {_shown(repository)} in it; there are: {known or 'none'}."
    if any(found.name == repository for found in there):
        step = f"Did you mean {' or '.join(near)}?" if near else f"Its jobs: {', '.join(jobs[:10]) or 'none'}."
    return NotFound(f"Dagster's code location has no job {_shown(job)}.", not_done=UNCHANGED, next_step=step)


def _shown(text: str) -> str:
    short = text if len(text) <= 80 else f"{text[:80]}…"
    return short if short.isprintable() else ascii(short)
