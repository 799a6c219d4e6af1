"""The capabilities an integration may have. Each is small and optional; every write says what it expects to find.

Errors are those of `bot.domain.errors.IntegrationError`, never a vendor's or a library's own.
"""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from bot.domain.alert import Alert
from bot.domain.chart import Threshold
from bot.domain.models import Change, ModelVersion, Observation, Probe
from bot.domain.plan import Call
from bot.ports.messages import MessageSource as MessageSource  # noqa: PLC0414 - a port like those below


@dataclass(frozen=True, slots=True)
class Delivery:
    """One HTTP request by which a system told us something. Header names are lower-case."""

    body: bytes
    headers: Mapping[str, str]
    received_at: datetime
    query: Mapping[str, str]


class AlertSource(Protocol):
    """Turns what a system sends into alerts."""

    @abstractmethod
    def verify(self, delivery: Delivery) -> bool:
        """Check the delivery's own signature or password.

        `True`: it is authentic by the integration's own secret. `False`: the integration has no secret configured, so
        the program's bearer token decides.

        Raises:
            Forged: a secret is configured and the delivery doesn't fit it.

        """

    @abstractmethod
    def alerts(self, delivery: Delivery) -> Iterable[Alert]:
        """All alerts of a delivery, in its order; the same delivery always gives the same alerts.

        Raises:
            Unreadable: the body is not what the source's documents promise. It is then kept as a dead letter.

        """

    def changes(self, delivery: Delivery) -> Iterable[Change]:
        """What the delivery says was changed (registry webhooks); nothing by default."""
        del delivery
        return ()

    async def prepare(self, delivery: Delivery) -> None:
        """Fetch what `verify` needs to know about this delivery (a signer's certificate); nothing by default.

        Nothing that the delivery says is proved yet, so nothing else may be asked on its word.

        Raises:
            Forged: what would have to be fetched shows that it is not authentic.
            IntegrationError: it can't be had now. The source is told to send again.

        """
        del delivery

    async def handshake(self, delivery: Delivery) -> None:
        """Answer an authentic delivery that asks whether we want more of them; nothing by default.

        Raises:
            IntegrationError: the answer did not arrive. The source is told to ask again.

        """
        del delivery


class AlertPoll(Protocol):
    """Asks a source what fires now: every webhook source loses alerts."""

    @abstractmethod
    async def firing(self) -> Sequence[Alert]:
        """Everything that fires now, as the webhook would have told it: same fingerprints.

        What is silenced or inhibited is listed as well, marked `muted`: left out, it would look as if it were over.
        """


class Registry(Protocol):
    """Which version has which name."""

    @abstractmethod
    async def versions(self, model: str) -> Sequence[ModelVersion]:
        """All versions, newest first, with aliases, without signatures. Raises NotFound for an unknown model."""

    @abstractmethod
    async def version(self, model: str, version: str) -> ModelVersion:
        """One version with everything: metrics, tags, signature, whether its artefact can be loaded."""

    @abstractmethod
    async def resolve(self, model: str, alias: str) -> Observation:
        """What an alias points at; `version` is `None` when there is no such alias."""

    @abstractmethod
    def plan_move(self, model: str, alias: str, to: str) -> Call:
        """The call that `move` will make, exactly, redacted."""

    @abstractmethod
    async def move(self, model: str, alias: str, to: str, *, expected: Observation) -> Observation:
        """Point an alias at a version, and read it back.

        Raises:
            Conflict: the alias no longer points where `expected` says; nothing was changed.
            Indeterminate: sent, and what became of it is not known.

        """


class Serving(Protocol):
    """What is answering."""

    @abstractmethod
    async def observe(self, name: str, *, probes: Sequence[Probe] = ()) -> Observation:
        """The version that the serving side itself says it answers with. `name` is the target's.

        `probes` are the binding's own questions to the model: a version that their answers name is believed before
        what the system says by itself, and an answer that is no 200 makes it unhealthy.
        """


class Deployer(Protocol):
    """Makes another version answer: for serving systems that do not follow the registry by themselves."""

    @abstractmethod
    def plan_serve(self, name: str, version: str) -> Call:
        """The call that `serve` will make, exactly, redacted."""

    @abstractmethod
    async def serve(self, name: str, version: str, *, expected: Observation) -> Observation:
        """Make a version answer, and read back what the control plane says.

        Raises:
            Conflict: something else is live than `expected` says; nothing was changed.
            Indeterminate: sent, and what became of it is not known.

        """


class ChangeFeed(Protocol):
    """What was changed about a model, newest first."""

    @abstractmethod
    async def changes_since(self, model: str, since: datetime) -> Sequence[Change]:
        """Promotions, runs, deployments since then, as far as the system remembers them; none of an unknown model."""


class RunState(StrEnum):
    """Where one execution of a pipeline stands."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    """Asked to stop, and not stopped yet."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether it has ended."""
        return self in {RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED}


class TaskState(StrEnum):
    """Where one task of a run stands."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Task:
    """One task of a run, in the system's own words."""

    name: str
    state: TaskState
    started_at: datetime | None = None
    ended_at: datetime | None = None
    url: str = ""


Scalar = str | int | float | bool
"""A parameter's value. Lists and objects keep the pipeline's own defaults."""


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a pipeline."""

    id: str
    pipeline: str
    state: RunState
    started_at: datetime | None
    ended_at: datetime | None
    url: str = ""
    parameters: Mapping[str, Scalar] | None = None
    tasks: tuple[Task, ...] = ()
    """In the pipeline's order where the system tells it; empty where a list of runs leaves them out."""
    total: int | None = None
    """How many tasks there will be, where that is known."""
    detail: str = ""
    """The system's own word for its state, or why it failed: one line."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter that a pipeline declares."""

    name: str
    type: str = "string"
    """JSON Schema's word: `string`, `integer`, `number`, `boolean`; anything else can't be set from here."""
    required: bool = False
    default: Scalar | None = None
    choices: tuple[Scalar, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    pattern: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline as its system shows it."""

    name: str
    paused: bool | None
    """Whether its schedule is switched off, where that is known."""
    parameters: tuple[Parameter, ...] | None
    """`None`: it declares nothing, so that nothing can be checked."""
    url: str = ""
    schedule: str = ""
    """In words or cron: "0 3 * * *"; empty: none."""
    fault: str = ""
    """Why it can't be started at all: "it has import errors"."""


class Orchestrator(Protocol):
    """Starts and follows runs of pipelines."""

    @abstractmethod
    async def pipeline(self, name: str) -> Pipeline:
        """What a pipeline is and takes. Raises NotFound for an unknown one."""

    @abstractmethod
    def plan_start(self, pipeline: str, parameters: Mapping[str, Scalar], *, key: str) -> Call:
        """The call that `start` will make, exactly, redacted."""

    @abstractmethod
    async def start(self, pipeline: str, parameters: Mapping[str, Scalar], *, key: str) -> Run:
        """Start a run. `key` (`[a-z0-9-]`, at most 63 characters) names it, or is attached to it.

        Where the system itself refuses a second run of one key (`idempotent_start`) the run that exists is given.

        Raises:
            Refused: it declined; nothing was started.
            Indeterminate: sent, and what became of it is not known: look with `find`.

        """

    @abstractmethod
    async def find(self, pipeline: str, *, key: str) -> Run | None:
        """The run that a key has started, if it has."""

    @abstractmethod
    async def run(self, pipeline: str, run: str) -> Run:
        """Where a run stands, with its tasks. Raises NotFound."""

    @abstractmethod
    async def recent(self, pipeline: str, *, limit: int = 20) -> Sequence[Run]:
        """The newest runs, newest first, whoever started them; without tasks."""

    @abstractmethod
    async def cancel(self, pipeline: str, run: str) -> None:
        """Ask a run to stop; one that has ended is left alone. That it has stopped is seen by `run`."""


class PipelineSwitch(Protocol):
    """Switches a pipeline's schedule off and on."""

    @abstractmethod
    def plan_pause(self, pipeline: str, *, paused: bool) -> Call:
        """The call that `set_paused` will make, exactly, redacted."""

    @abstractmethod
    async def set_paused(self, pipeline: str, *, paused: bool) -> Pipeline:
        """Switch it, and read it back. Raises Indeterminate when what became of it is not known."""


@dataclass(frozen=True, slots=True)
class Split:
    """How a serving target's requests are shared between versions, in percent; the shares add up to 100."""

    shares: tuple[tuple[str, int], ...]
    """(version, percent), the newest version first; versions without requests are left out unless ready to serve."""
    at: datetime
    in_progress: bool = False
    token: str = ""
    """The vendor's etag or resourceVersion."""
    detail: str = ""

    def share(self, version: str) -> int:
        """The percentage that a version has."""
        return dict(self.shares).get(version, 0)


class TrafficSplitter(Protocol):
    """Shares requests between two versions that are both deployed."""

    @abstractmethod
    async def split(self, name: str) -> Split:
        """What each version gets now. `name` is the target's."""

    @abstractmethod
    def plan_shift(self, name: str, version: str, percent: int, *, expected: Split) -> Call:
        """The call that `shift` will make, exactly, redacted. Raises BadInput when it can't be done there."""

    @abstractmethod
    async def shift(self, name: str, version: str, percent: int, *, expected: Split) -> Split:
        """Give a version that many percent of the requests and the other one the rest, and read it back.

        Raises:
            Conflict: the split is no longer what `expected` says; nothing was changed.
            Indeterminate: sent, and what became of it is not known.

        """


class Pager(Protocol):
    """Wakes people."""

    @abstractmethod
    async def page(self, *, team: str, title: str, key: str) -> str:
        """Page a team once per key; gives the page's id."""

    @abstractmethod
    async def acknowledge(self, page: str, *, by: str) -> None:
        """Somebody has it."""

    @abstractmethod
    async def resolve(self, page: str, *, by: str) -> None:
        """It is over."""


class Schedule(Protocol):
    """Says who is on call."""

    @abstractmethod
    async def on_call(self, name: str, at: datetime) -> Sequence[str]:
        """E-mail addresses of who is to be paged, first level first."""


class Silencer(Protocol):
    """Mutes alerts at their source for a stated time."""

    @abstractmethod
    async def silence(self, labels: Mapping[str, str], *, until: datetime, by: str, comment: str) -> str:
        """Mute; gives the silence's id."""

    @abstractmethod
    async def unsilence(self, silence: str) -> None:
        """End it early; ending an ended one is no error."""


@dataclass(frozen=True, slots=True)
class Series:
    """A metric over time: Unix seconds and values. `labels` are the system's own, where it has some."""

    name: str
    points: tuple[tuple[float, float], ...]
    labels: Mapping[str, str] = field(default_factory=dict, compare=False)


class Metrics(Protocol):
    """Answers queries about a metric."""

    @abstractmethod
    def query_of(self, alert: Alert) -> str | None:
        """The query that the alert's own rule asks, without its comparison; `None` when this system didn't make it."""

    def threshold_of(self, alert: Alert) -> Threshold | None:
        """What the alert's own rule compares with, where that is certain."""
        del alert
        return None

    @abstractmethod
    async def value(self, query: str) -> float | None:
        """The query's value now; of several series the worst can't be known, so the first by labels; none: `None`."""

    @abstractmethod
    async def range(self, query: str, *, start: datetime, end: datetime, step: float) -> Sequence[Series]:
        """The query's series between two moments; `step` is in seconds."""


class DriftMonitor(Protocol):
    """How far data and predictions have moved."""

    @abstractmethod
    async def latest(self, model: str) -> Alert | None:
        """The monitor's last verdict."""


class Health(Protocol):
    """Whether the connection works, for the doctor."""

    @abstractmethod
    async def probe(self) -> str:
        """One line on what answered ("MLflow 3.17.2, 2 models"); raises an IntegrationError that says what to do."""
