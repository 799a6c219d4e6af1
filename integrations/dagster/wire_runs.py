"""Dagster's answers about runs and about itself, typed; from its schema (1.13.27) and the answers of a server."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AliasChoices, BeforeValidator, Field

from bot.kit.parsing import Text, Wire
from integrations.dagster.wire import Location, Said, Told

YEAR_10000 = 253_402_300_800


def _moment(value: object) -> object:
    """Unix seconds, as Dagster tells all its times."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < YEAR_10000:
        return datetime.fromtimestamp(value, UTC)
    return None


Unix = Annotated[datetime | None, BeforeValidator(_moment)]


class Origin(Wire):
    """Where a run's job is."""

    repository: Text = Field(default="", alias="repositoryName")
    location: Text = Field(default="", alias="repositoryLocationName")


class StepStats(Wire):
    """What became of a step so far; only those that have begun are told."""

    key: str = Field(alias="stepKey")
    status: Text = ""
    started: Unix = Field(default=None, alias="startTime")
    ended: Unix = Field(default=None, alias="endTime")


class StepKey(Wire):
    """A step by its key."""

    key: str


class StepInput(Wire):
    """What a step waits for."""

    depends_on: tuple[StepKey, ...] = Field(default=(), alias="dependsOn")


class Step(Wire):
    """A step of the plan; `part[?]` stands for as many as there will be."""

    key: str
    inputs: tuple[StepInput, ...] = ()

    @property
    def waits_for(self) -> frozenset[str]:
        """The keys of the steps before it."""
        return frozenset(step.key for one in self.inputs for step in one.depends_on)


class ExecutionPlan(Wire):
    """All steps, in no order."""

    steps: tuple[Step, ...] = ()


class Run(Wire):
    """A run; lists of runs leave out its steps."""

    id: str = Field(alias="runId", min_length=1)
    job: str = Field(alias="jobName")
    status: str
    created: Unix = Field(default=None, alias="creationTime")
    started: Unix = Field(default=None, alias="startTime")
    ended: Unix = Field(default=None, alias="endTime")
    config: Any = Field(default=None, alias="runConfig")
    origin: Origin | None = Field(default=None, alias="repositoryOrigin")
    may_stop: bool = Field(default=True, alias="hasTerminatePermission")
    stats: tuple[StepStats, ...] = Field(default=(), alias="stepStats")
    plan: ExecutionPlan | None = Field(default=None, alias="executionPlan")


class Runs(Said):
    """`runsOrError`."""

    results: tuple[Run, ...] = ()


class RunsAnswer(Wire):
    """Answer of `Runs`."""

    runs: Runs = Field(alias="runsOrError")


class WhichAnswer(Wire):
    """Answer of `Run` and of `Events`, before it is known what it holds."""

    run: Said = Field(alias="runOrError")


class RunAnswer(Wire):
    """Answer of `Run`, when there is one."""

    run: Run = Field(alias="runOrError")


class Event(Wire):
    """An entry of a run's log; all but failures are left empty."""

    typename: str = Field(alias="__typename")
    step: Text = Field(default="", alias="stepKey")
    message: Text = ""
    error: Told | None = None


class Events(Wire):
    """`eventConnection`."""

    events: tuple[Event, ...] = ()


class Logged(Said):
    """`runOrError`, asked for its log."""

    log: Events = Field(default=Events(), alias="eventConnection")


class EventsAnswer(Wire):
    """Answer of `Events`."""

    run: Logged = Field(alias="runOrError")


# ---------------------------------------------------------------- what was written


class ConfigFault(Wire):
    """What is wrong with a run config."""

    message: Text = ""


class Launched(Said):
    """`launchRun`: one of twelve things. The run is read afterwards, so that nothing of it is lost."""

    run: Mapping[str, Any] | None = None
    errors: tuple[ConfigFault, ...] = ()
    step: Text = Field(default="", validation_alias=AliasChoices("invalidStepKey", "stepKey"))


# ---------------------------------------------------------------- health


class Daemon(Wire):
    """One of the daemon's parts."""

    type: str = Field(alias="daemonType")
    required: bool = False
    healthy: bool | None = None
    seen: Unix = Field(default=None, alias="lastHeartbeatTime")


class Daemons(Wire):
    """`daemonHealth`."""

    all: tuple[Daemon, ...] = Field(default=(), alias="allDaemonStatuses")


class Instance(Wire):
    """`instance`."""

    queues: bool = Field(default=False, alias="runQueuingSupported")
    daemons: Daemons = Field(default=Daemons(), alias="daemonHealth")

    def ill(self, part: str) -> Daemon | None:
        """This part of the daemon, if it should run and doesn't."""
        return next((one for one in self.daemons.all if one.type == part and one.required and not one.healthy), None)


class About(Wire):
    """Answer of `About`."""

    version: Text = ""
    instance: Instance = Instance()
    location: Location | None = Field(default=None, alias="workspaceLocationEntryOrError")
