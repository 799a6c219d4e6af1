"""An integration's visiting card: what it is, what it can do, what it needs to know, what its system can guarantee."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Capability(StrEnum):
    """The ports an integration may implement; the value is the protocol's name in `bot.ports.systems`."""

    ALERT_SOURCE = "AlertSource"
    ALERT_POLL = "AlertPoll"
    MESSAGE_SOURCE = "MessageSource"
    REGISTRY = "Registry"
    SERVING = "Serving"
    DEPLOYER = "Deployer"
    TRAFFIC_SPLITTER = "TrafficSplitter"
    ORCHESTRATOR = "Orchestrator"
    PIPELINE_SWITCH = "PipelineSwitch"
    PAGER = "Pager"
    SCHEDULE = "Schedule"
    SILENCER = "Silencer"
    METRICS = "Metrics"
    DRIFT_MONITOR = "DriftMonitor"
    CHANGE_FEED = "ChangeFeed"
    HEALTH = "Health"


class Level(StrEnum):
    """How far an integration has been taken."""

    BRONZE = "bronze"
    """Reads."""
    SILVER = "silver"
    """Acts."""
    GOLD = "gold"
    """Acts, verifies, and is tested against a real server."""


@dataclass(frozen=True, slots=True)
class Guarantees:
    """What the system itself can promise; plans are worded from this."""

    compare_and_set: bool = False
    """It refuses a write when the thing has changed since it was read."""
    dry_run: bool = False
    idempotent_write: bool = False
    """The same write twice has the effect of one."""
    idempotent_start: bool = False
    """The same start key starts one run."""
    history: bool = False
    """It remembers what was live before."""
    instant: bool = False
    """A switch takes effect within seconds, without a new deployment."""
    identity: bool = False
    """An answer of the serving side says which version gave it."""


class IntegrationSettings(BaseModel):
    """Base of an integration's settings: unknown keys are refused, values are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)
    """Checks are built when something is checked: most of what is present is not configured."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """No vendor import, no I/O: read to know what is there.

    `settings` is a pydantic class whose every field has a title and a description; secrets are `SecretStr`.
    `cannot` says in sentences what a person must know before relying on it; plans and READMEs quote it.
    """

    slug: str
    name: str
    homepage: str
    capabilities: frozenset[Capability]
    settings: type[IntegrationSettings]
    level: Level
    guarantees: Guarantees = field(default_factory=Guarantees)
    cannot: tuple[str, ...] = ()
    exempt: Mapping[str, str] = field(default_factory=dict)
    """Conformance rules that do not apply, each with its reason."""
    keyless: bool = False
    """Works without any settings (a pure alert source)."""
