"""The configuration as the use cases see it: domain values, checked before the program starts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from bot.domain.alert import Alert, LabelMapping
from bot.domain.models import Binding
from bot.domain.people import Directory, Person
from bot.domain.plan import OperationKind
from bot.domain.routing import PhaseChoice, RaciTable, Role, Roster, Route, Rule, choose_phase, route
from bot.domain.runbook import Runbook
from bot.domain.severity import WORDS, Severity


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a digest is made: cron in a time zone, and where it goes."""

    cron: str
    zone: str = "UTC"
    channel: str = ""
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Adoption:
    """A channel in which other bots post alerts: whose messages are read, and which integration reads them."""

    channel: str
    """`#name`, or the channel's id."""
    integration: str
    senders: frozenset[str]
    """Ids of bots (`B…`) and apps (`A…`)."""


class Mode(StrEnum):
    """What the bot does by itself when an alert of a policy fires."""

    SUGGEST = "suggest"
    """Nothing: the card has the button."""
    APPROVE = "approve"
    """It makes the plan and asks the Accountable."""
    AUTO = "auto"
    """It makes the plan and carries it out when every check passes. Needs the Accountable's signature."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What is done about alerts that fit. Empty conditions fit everything."""

    name: str
    kind: OperationKind
    mode: Mode
    models: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ()
    """Names of alerts; a trailing `*` matches a beginning."""
    per_day: int = 1
    signed_by: str = ""
    undo: bool = False
    """Whether a change is taken back by itself when it got worse."""
    origin: str = ""

    @property
    def asks(self) -> bool:
        """Whether an alert asks for it; what no alert asks for can still be taken back."""
        return self.kind not in _ONLY_UNDONE

    def fits(self, model: str, alert: str) -> bool:
        """Whether this policy is about this model and this alert."""
        return (not self.models or model in self.models) and (
            not self.alerts or any(_same(wanted, alert) for wanted in self.alerts)
        )


_ONLY_UNDONE = {OperationKind.PROMOTE, OperationKind.SHIFT_TRAFFIC}


def _same(wanted: str, name: str) -> bool:
    return name.startswith(wanted[:-1]) if wanted.endswith("*") else name == wanted


@dataclass(frozen=True, slots=True)
class FreezeWindow:
    """A time in which nothing is changed that can wait."""

    since: datetime
    until: datetime
    models: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class Monitor:
    """A monitor that has to report: a source, or what it says about one model. `within` is the longest pause."""

    source: str
    within: timedelta
    model: str = ""


@dataclass(frozen=True, slots=True)
class Policies:
    """Times and limits that people may set."""

    plan_ttl: timedelta = timedelta(minutes=10)
    escalate_after: timedelta = timedelta(minutes=5)
    """Responsible did not acknowledge: the Accountable is paged."""
    remind_after: timedelta = timedelta(hours=1)
    """Acknowledged and nothing happened: the assignee is reminded."""
    reopen_within: timedelta = timedelta(minutes=30)
    """A problem that comes back within this time re-opens its incident."""
    confirm_within: timedelta = timedelta(minutes=2)
    """How long the serving side may take to follow before a change counts as not confirmed."""
    restart_within: timedelta = timedelta(minutes=15)
    """The same where a person must restart it first."""
    acknowledge_target: timedelta = timedelta(minutes=5)
    changes_window: timedelta = timedelta(hours=48)
    reconcile_every: timedelta = timedelta(seconds=30)
    absent_for: timedelta = timedelta(minutes=2)
    """How long a source must not have listed an alert, when asked, until its end counts as missed."""
    unanswered_after: timedelta = timedelta(minutes=10)
    """How long a source that is asked may give no answer until that is an incident of its own."""
    monitors: tuple[Monitor, ...] = ()
    upstream_models: int = 3
    """From so many models on that read the same dataset and alert together, their problem is a common one."""
    upstream_within: timedelta = timedelta(minutes=15)
    """How long after the first of them the last one may begin to alert."""
    look_every: timedelta = timedelta(seconds=30)
    watch_for: timedelta = timedelta(minutes=10)
    """How long after a change it is watched whether the alerts end."""
    retrain_within: timedelta = timedelta(hours=12)
    """How long a run may take until it counts as lost."""
    cool_down: timedelta = timedelta(hours=1)
    """How long after a training ended none is started."""
    retrains_per_day: int = 3
    rules: tuple[Policy, ...] = ()
    freezes: tuple[FreezeWindow, ...] = ()

    def frozen_at(self, at: datetime, model: str) -> FreezeWindow | None:
        """The freeze window that is on for a model."""
        return next((f for f in self.freezes if f.since <= at < f.until and (not f.models or model in f.models)), None)

    def rule(self, model: str, alert: str) -> Policy | None:
        """The first policy that fits an alert and says what to do about it."""
        return next((rule for rule in self.rules if rule.asks and rule.fits(model, alert)), None)


@dataclass(frozen=True, slots=True)
class Setup:
    """Everything that was configured. `origin` is the file it came from, for reasons given to people."""

    people: Directory
    table: RaciTable
    roster: Roster
    rules: tuple[Rule, ...]
    bindings: tuple[Binding, ...] = ()
    runbooks: tuple[Runbook, ...] = ()
    mapping: LabelMapping = field(default_factory=LabelMapping)
    severities: Mapping[str, Severity] = field(default_factory=lambda: WORDS)
    policies: Policies = field(default_factory=Policies)
    channel: str = "#ml-incidents"
    channels: Mapping[str, str] = field(default_factory=dict)
    """Team → channel, where it isn't the default one."""
    charts: bool = False
    """Whether an incident's thread gets pictures."""
    digests: Mapping[str, Schedule] = field(default_factory=dict)
    """`daily` and `maturity`."""
    user_groups: Mapping[Role, str] = field(default_factory=dict)
    reads: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Model → the datasets that it reads."""
    adoptions: tuple[Adoption, ...] = ()
    """Nothing is read by default."""
    origin: str = "the defaults"

    def binding(self, model: str, environment: str | None = None) -> Binding | None:
        """The binding of a model; without an environment the production one is meant."""
        mine = [b for b in self.bindings if b.model == model]
        if environment is not None:
            mine = [b for b in mine if b.environment == environment] or mine
        return next((b for b in mine if b.production), mine[0] if mine else None)

    @property
    def models(self) -> Sequence[str]:
        """The configured models' names."""
        return tuple(dict.fromkeys(b.model for b in self.bindings))

    def team(self, model: str | None) -> str:
        """The team that owns a model, or nothing."""
        found = self.binding(model) if model else None
        return found.team if found else ""

    def channel_of(self, model: str | None) -> str:
        """Where incidents of this model are shown."""
        return self.channels.get(self.team(model), self.channel)

    def route_for(self, choice: PhaseChoice, model: str | None) -> Route:
        """Apply the RACI table to a phase, for a model."""
        return route(choice, self.table, self.roster, model=model, team=self.team(model))

    def phase_of(self, alert: Alert) -> PhaseChoice:
        """The first routing rule that matches."""
        return choose_phase(alert, self.rules)

    def name(self, person: str | None) -> str:
        """A person's name, for texts; an unknown id is shown as it is."""
        if person is None:
            return "nobody"
        known = self.people.by_id(person)
        return known.name if known else person.removeprefix("slack:").replace("policy:", "the policy ")

    def person(self, person: str) -> Person:
        """The person with this id; an unknown id becomes a stranger."""
        plain = person.removeprefix("slack:")
        return self.people.by_id(person) or Person(person, plain, plain if plain != person else "")
