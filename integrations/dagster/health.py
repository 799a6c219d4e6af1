"""Whether Dagster is fit to train: its code location loaded, somebody there to start what is queued."""

from bot.domain.errors import Unreachable
from integrations.dagster.graphql import SLUG
from integrations.dagster.wire import Location
from integrations.dagster.wire_runs import About


def said(about: About, location: str, repository: str) -> str:
    """One line for the doctor. Raises Unreachable."""
    assert about.location is not None, "else it is not found"
    _must_be_loaded(about.location, location)
    _must_start_runs(about)
    there = about.location.loaded.repositories if about.location.loaded is not None else ()
    count = sum(len(one.jobs) for one in there if one.name == repository)
    jobs = f"{count} job{'' if count == 1 else 's'}"
    idle = "; its daemon is down: schedules start nothing" if about.instance.ill("SCHEDULER") is not None else ""
    looking = "" if about.location.allows("launch_pipeline_execution") else "; it may be looked at only"
    return f"Dagster {about.version[:40]}, {jobs} in {location}{idle}{looking}"


def _must_be_loaded(location: Location, name: str) -> None:
    if location.fault:
        raise Unreachable(
            f"Dagster answers, and its code location {name} is not loaded: {location.fault}.",
            system=SLUG,
            not_done="None of its jobs can be started.",
            next_step="Correct it, and reload it on the page Deployment of Dagster.",
        )


def _must_start_runs(about: About) -> None:
    """Where runs are queued, somebody must take them from the queue."""
    ill = about.instance.ill("QUEUED_RUN_COORDINATOR") if about.instance.queues else None
    if ill is not None:
        seen = f" since {ill.seen:%Y-%m-%d %H:%M} UTC" if ill.seen is not None else ""
        raise Unreachable(
            f"Dagster {about.version[:40]} answers, and its daemon has given no sign of life{seen}.",
            system=SLUG,
            not_done="Runs that are started would wait.",
            next_step="Start `dagster-daemon run`, or look at its log.",
        )
