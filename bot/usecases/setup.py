"""The configuration as the use cases see it: domain values, checked before the program starts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from bot.domain.alert import Alert, LabelMapping
from bot.domain.models import Binding
from bot.domain.people import Directory, Person
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
    acknowledge_target: timedelta = timedelta(minutes=5)
    changes_window: timedelta = timedelta(hours=48)
    reconcile_every: timedelta = timedelta(seconds=30)
    absent_for: timedelta = timedelta(minutes=2)
    """How long a source must not have listed an alert, when asked, until its end counts as missed."""
    look_every: timedelta = timedelta(seconds=30)


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
    digests: Mapping[str, Schedule] = field(default_factory=dict)
    """`daily` and `maturity`."""
    user_groups: Mapping[Role, str] = field(default_factory=dict)
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
        return known.name if known else person.removeprefix("slack:")

    def person(self, person: str) -> Person:
        """The person with this id; an unknown id becomes a stranger."""
        plain = person.removeprefix("slack:")
        return self.people.by_id(person) or Person(person, plain, plain if plain != person else "")
