"""Airflow's JSON, typed: one form for the API v2 of Airflow 3 (3.3.2) and the API v1 of Airflow 2 (2.11.0)."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from bot.kit.parsing import Moment, Text, Texts, Wire

Anything = Annotated[Mapping[str, Any], BeforeValidator(lambda value: {} if value is None else value)]


class Version(Wire):
    """Answer of `version`."""

    version: str


class Token(Wire):
    """Answer of `/auth/token`."""

    access_token: str


class Param(Wire):
    """A parameter with its JSON Schema. `value` is its default; none is `null`, as is a default that is null."""

    value: Any = None
    description: Text = ""
    schema_: Anything = Field(default={}, alias="schema")


class Schedule(Wire):
    """`schedule_interval` of Airflow 2: a cron expression, or something that has no short form."""

    value: Any = None


class Dag(Wire):
    """Answer of `dags/{dag_id}/details`."""

    dag_id: str
    is_paused: bool | None = None
    has_import_errors: bool | None = None
    is_stale: bool | None = None
    is_active: bool | None = None
    """Airflow 2 says this where Airflow 3 says `is_stale`."""
    fileloc: Text = ""
    relative_fileloc: Text = ""
    timetable_summary: Text = ""
    schedule_interval: Schedule | None = None
    allowed_run_types: tuple[str, ...] | None = None
    params: Annotated[Mapping[str, Param], BeforeValidator(lambda value: {} if value is None else value)] = Field(
        default={}
    )

    @property
    def schedule(self) -> str:
        """Cron, or Airflow's word for it; nothing when it has none."""
        old = self.schedule_interval.value if self.schedule_interval is not None else ""
        return self.timetable_summary or (old if isinstance(old, str) else "")

    @property
    def gone(self) -> bool:
        """Whether Airflow no longer finds it in its files."""
        return self.is_stale is True or self.is_active is False


class Paused(Wire):
    """Answer to a switch."""

    is_paused: bool


class Named(Wire):
    """An entry of `dags`."""

    dag_id: str


class Dags(Wire):
    """Answer of `dags`."""

    dags: tuple[Named, ...]
    total_entries: int = 0


class ImportFault(Wire):
    """An entry of `importErrors`."""

    filename: Text = ""
    stack_trace: Text = ""


class ImportFaults(Wire):
    """Answer of `importErrors`."""

    import_errors: tuple[ImportFault, ...]


class DagRun(Wire):
    """A run."""

    dag_run_id: str
    dag_id: str
    state: str
    start_date: Moment = None
    end_date: Moment = None
    conf: Anything = Field(default={})
    note: Text = ""


class DagRuns(Wire):
    """Answer of `dags/{dag_id}/dagRuns`."""

    dag_runs: tuple[DagRun, ...]


class TaskInstance(Wire):
    """A task of a run; of a mapped task one of many, numbered by `map_index`."""

    task_id: str
    map_index: int = -1
    state: Text = ""
    start_date: Moment = None
    end_date: Moment = None
    priority_weight: int | None = None
    try_number: int | None = None


class TaskInstances(Wire):
    """Answer of `taskInstances`."""

    task_instances: tuple[TaskInstance, ...]
    total_entries: int = 0


class Status(Wire):
    """One part of the health."""

    status: Text = ""
    latest_scheduler_heartbeat: Moment = None


class Health(Wire):
    """Answer of `monitor/health`, in Airflow 2 of `health`."""

    metadatabase: Status = Status()
    scheduler: Status = Status()


class Callback(Wire):
    """What the callback of the README sends when a run has ended. Ours, not Airflow's."""

    dag_id: str = Field(min_length=1)
    run_id: str
    state: Literal["failed", "success"]
    at: Moment
    task_id: Text = ""
    error: Text = ""
    url: Text = ""
    labels: Texts = Field(default={})


class Fault(Wire):
    """What a refusal holds."""

    detail: Any = None
