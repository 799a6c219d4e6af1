"""The capabilities an integration may have. Each is small and optional; every write says what it expects to find.

Errors are those of `bot.domain.errors.IntegrationError`, never a vendor's or a library's own.
"""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from bot.domain.alert import Alert
from bot.domain.models import Change, ModelVersion, Observation
from bot.domain.operation import Call


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
    async def observe(self, name: str) -> Observation:
        """The version that the serving side itself says it answers with. `name` is the target's."""


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
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a pipeline."""

    id: str
    pipeline: str
    state: RunState
    started_at: datetime | None
    ended_at: datetime | None
    url: str = ""
    parameters: Mapping[str, str] | None = None


class Orchestrator(Protocol):
    """Starts and follows runs."""

    @abstractmethod
    async def start(self, pipeline: str, parameters: Mapping[str, str], *, key: str) -> Run:
        """Start a run; the same key starts nothing twice."""

    @abstractmethod
    async def find(self, pipeline: str, *, key: str) -> Run | None:
        """The run that a key has started, if it has."""

    @abstractmethod
    async def run(self, pipeline: str, run: str) -> Run:
        """Where a run stands."""

    @abstractmethod
    async def cancel(self, pipeline: str, run: str) -> None:
        """Ask a run to stop."""


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
    """A metric over time: Unix seconds and values."""

    name: str
    points: tuple[tuple[float, float], ...]


class Metrics(Protocol):
    """Answers queries about a metric."""

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
