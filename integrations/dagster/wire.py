"""Dagster's answers in general, and those about jobs, typed; from its schema (1.13.27) and the answers of a server."""

import re
from collections.abc import Mapping
from typing import Any

from pydantic import Field

from bot.kit.parsing import Text, Wire

_MODULE = re.compile(r"^(?:\w+\.)+(\w+): ")
"""`dagster._core.errors.DagsterLaunchFailedError: ` is shown without the way to it."""


class Place(Wire):
    """Where in a document something is wrong."""

    line: int = 0


class Fault(Wire):
    """One of `errors`: what is wrong with a request, or with Dagster itself. Only the latter has a `path`."""

    message: Text = ""
    path: tuple[str | int, ...] | None = None
    locations: tuple[Place, ...] | None = None


class Envelope(Wire):
    """Every answer. `data` is read as what was asked for."""

    data: Mapping[str, Any] | None = None
    errors: tuple[Fault, ...] = ()


class Cause(Wire):
    """What led to an error."""

    message: Text = ""


class Told(Wire):
    """An error with what led to it."""

    message: Text = ""
    causes: tuple[Cause, ...] = ()

    @property
    def words(self) -> str:
        """One line; the deepest cause is what a person looks for, unless it is of the wire between its processes."""
        causes = [cause.message for cause in self.causes if cause.message.strip()]
        told = causes[-1] if causes and not causes[-1].startswith("grpc.") else self.message
        return _MODULE.sub(r"\1: ", " ".join(told.split()))[:300].rstrip(".")


class Said(Told):
    """Any member of a union: what it is, and what it says if it is an error."""

    typename: str = Field(alias="__typename")


# ---------------------------------------------------------------- code locations and jobs


class Named(Wire):
    """Whatever has a name."""

    name: str


class Repository(Wire):
    """A repository and its jobs."""

    name: str
    pipelines: tuple[Named, ...] = ()

    @property
    def jobs(self) -> tuple[str, ...]:
        """Those that a person has defined: `__ASSET_JOB` is Dagster's own."""
        return tuple(one.name for one in self.pipelines if not one.name.startswith("__"))


class Loaded(Said):
    """`locationOrLoadError`."""

    repositories: tuple[Repository, ...] = ()


class Permission(Wire):
    """What this server lets us do."""

    permission: str
    value: bool = False


class Location(Said):
    """`workspaceLocationEntryOrError`; `null` for an unknown one."""

    permissions: tuple[Permission, ...] = ()
    loaded: Loaded | None = Field(default=None, alias="locationOrLoadError")

    @property
    def fault(self) -> str:
        """Why its jobs are not there; nothing when they are."""
        if self.typename != "WorkspaceLocationEntry":
            return self.words or self.typename
        if self.loaded is None:
            return "it is still being loaded"
        if self.loaded.typename != "RepositoryLocation":
            return self.loaded.words or self.loaded.typename
        return ""

    def allows(self, permission: str) -> bool:
        """Whether it may be done here, as far as Dagster says."""
        return all(one.value for one in self.permissions if one.permission == permission)


class ScheduleState(Wire):
    """Whether a schedule runs; `id` is what it is stopped by."""

    id: str
    status: str


class Schedule(Wire):
    """A schedule of a job."""

    name: str
    cron: Text = Field(default="", alias="cronSchedule")
    zone: Text = Field(default="", alias="executionTimezone")
    state: ScheduleState = Field(alias="scheduleState")

    @property
    def runs(self) -> bool:
        """Whether it starts runs."""
        return self.state.status == "RUNNING"


class Job(Said):
    """`pipelineOrError`."""

    name: str = ""
    schedules: tuple[Schedule, ...] = ()


class ConfigField(Wire):
    """A field of the run config. `default` is JSON text."""

    name: str
    description: Text = ""
    type_key: str = Field(alias="configTypeKey")
    required: bool = Field(alias="isRequired")
    default: str | None = Field(default=None, alias="defaultValueAsJson")


class EnumValue(Wire):
    """One choice."""

    value: str


class ConfigType(Wire):
    """A type of the run config, of whichever kind."""

    typename: str = Field(alias="__typename")
    key: str
    given_name: Text = Field(default="", alias="givenName")
    values: tuple[EnumValue, ...] = ()
    inner: tuple[str, ...] = Field(default=(), alias="typeParamKeys")
    scalar: str = Field(default="", alias="scalarTypeKey")
    selector: bool = Field(default=False, alias="isSelector")
    fields: tuple[ConfigField, ...] = ()


class TypeKey(Wire):
    """A type by its key."""

    key: str


class ConfigSchema(Said):
    """`runConfigSchemaOrError`: everything that a run of the job can be given."""

    root: TypeKey | None = Field(default=None, alias="rootConfigType")
    types: tuple[ConfigType, ...] = Field(default=(), alias="allConfigTypes")


class JobAnswer(Wire):
    """Answer of `Job`."""

    location: Location | None = Field(default=None, alias="workspaceLocationEntryOrError")
    job: Job = Field(alias="pipelineOrError")
    config: ConfigSchema = Field(alias="runConfigSchemaOrError")


class Workspace(Said):
    """`workspaceOrError`."""

    entries: tuple[Named, ...] = Field(default=(), alias="locationEntries")


class LocationsAnswer(Wire):
    """Answer of `Locations`."""

    workspace: Workspace = Field(alias="workspaceOrError")
