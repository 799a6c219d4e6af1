"""From checked settings to the values that the use cases work with. Every value remembers where it was written."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path as FilePath

from bot.config import shipped
from bot.config.fields import phase_named, role_named
from bot.config.problems import Place, Unfit
from bot.config.raw import Raw
from bot.config.settings import (
    Better,
    Done,
    Environment,
    FillingSettings,
    ProbeSettings,
    RegistrySettings,
    ScheduleSettings,
    Settings,
    TrainingSettings,
)
from bot.config.yaml_lines import Path
from bot.domain.alert import LabelMapping
from bot.domain.models import Binding, Mirror, PipelineRef, Pointer, Probe, Propagation, Target, Training
from bot.domain.people import Directory, Person
from bot.domain.plan import OperationKind
from bot.domain.routing import Filling, Phase, RaciTable, Role, Roster, Rule
from bot.domain.runbook import Runbook
from bot.domain.severity import WORDS
from bot.usecases.setup import Adoption, FreezeWindow, Monitor, Policies, Policy, Schedule, Setup

_KINDS: Mapping[Done, OperationKind] = {
    Done.ROLLBACK: OperationKind.ROLLBACK, Done.FREEZE: OperationKind.FREEZE, Done.RETRAIN: OperationKind.RETRAIN,
    Done.PROMOTE: OperationKind.PROMOTE, Done.SHIFT: OperationKind.SHIFT_TRAFFIC,
}  # fmt: skip

PRODUCTION = frozenset({"production", "prod"})


def setup(settings: Settings, raw: Raw, runbooks: Sequence[Runbook]) -> Setup:
    """Everything that was configured, as domain values."""
    return Setup(
        people=Directory(tuple(person(key, settings) for key in settings.people)),
        table=table(settings, raw),
        roster=roster(settings, raw),
        rules=rules(settings, raw),
        bindings=bindings(settings),
        runbooks=tuple(runbooks),
        mapping=mapping(settings),
        severities={**WORDS, **{word.casefold(): level for word, level in settings.routing.severities.items()}},
        policies=policies(settings, raw),
        channel=settings.slack.channel,
        channels=dict(settings.slack.channels),
        charts=settings.slack.charts,
        digests={"daily": _schedule(settings.digests.daily), "maturity": _schedule(settings.digests.maturity)},
        user_groups=dict(settings.slack.user_groups),
        reads={name: model.reads for name, model in settings.models.items() if model.reads},
        adoptions=tuple(Adoption(a.channel, a.integration, frozenset(a.senders)) for a in settings.slack.adopt),
        origin=_short(raw.tree.place(())),
    )


def person(key: str, settings: Settings) -> Person:
    """One person under their key."""
    given = settings.people[key]
    return Person(key, given.name, given.slack or "", given.email or "", given.title)


def table(settings: Settings, raw: Raw) -> RaciTable:
    """The shipped table with the rows of the file in the place of its own."""
    ships = shipped.table()
    origin = dict(ships.origin)
    for phase in settings.raci.table:
        origin[phase] = _short(raw.tree.place(row_path(raw, phase)))
    return RaciTable({**ships.cells, **settings.raci.table}, origin)


def row_path(raw: Raw, phase: Phase) -> Path:
    """Where the row of a phase stands in the file, under whichever of its names it was written."""
    return ("raci", "table", _key(raw, ("raci", "table"), phase))


def cell_path(raw: Raw, phase: Phase, role: Role) -> Path:
    """Where a cell stands in the file."""
    row = row_path(raw, phase)
    return (*row, _key(raw, row, role))


def _key(raw: Raw, path: Path, wanted: Phase | Role) -> str:
    given = raw.get(path)
    for key in given if isinstance(given, Mapping) else ():
        try:
            found = phase_named(key) if isinstance(wanted, Phase) else role_named(key)
        except Unfit:
            continue
        if found is wanted:
            return str(key)
    return wanted.value


def roster(settings: Settings, raw: Raw) -> Roster:
    """Who fills the roles: `raci.roles`, and for the default also what people say of themselves."""
    base: Path = ("raci", "roles")
    roles = settings.raci.roles
    fillings = {"default": _default(settings, raw)}
    for kind, groups in (("team", roles.teams), ("model", roles.models)):
        for name, filled in groups.items():
            place = (*base, f"{kind}s", name)
            fillings[f"{kind}:{name}"] = {
                role: _filling(given, f"for the {kind} {name}", raw.tree.place((*place, _key(raw, place, role))))
                for role, given in filled.items()
            }
    return Roster(fillings)


def _default(settings: Settings, raw: Raw) -> dict[Role, Filling]:
    found: dict[Role, Filling] = {}
    for role in Role:
        given = settings.raci.roles.default.get(role, FillingSettings())
        if given.people:
            place = raw.tree.place(("raci", "roles", "default", _key(raw, ("raci", "roles", "default"), role)))
            found[role] = _filling(given, "by default", place)
            continue
        named = tuple(key for key, member in settings.people.items() if role in member.roles)
        if named:
            place = raw.tree.place(("people", named[0], "roles"))
            found[role] = Filling(named, f"filled by the roles of people ({_short(place)})", given.delegates)
    return found


def _filling(given: FillingSettings, whom: str, place: Place) -> Filling:
    return Filling(tuple(given.people), f"filled {whom} ({_short(place)})", tuple(given.delegates))


def rules(settings: Settings, raw: Raw) -> tuple[Rule, ...]:
    """The file's own rules, then the shipped ones."""
    own = tuple(
        shipped.rule(given, _short(raw.tree.place(("routing", "rules", place))))
        for place, given in enumerate(settings.routing.rules)
    )
    return (*own, *shipped.rules()) if settings.routing.shipped else own


def mapping(settings: Settings) -> LabelMapping:
    """Label candidates, and what sources call the models."""
    labels = settings.routing.labels
    aliases = {other: name for name, model in settings.models.items() for other in model.aliases}
    return replace(LabelMapping(**labels.model_dump()), aliases=aliases)


def bindings(settings: Settings) -> tuple[Binding, ...]:
    """Every model in every environment."""
    return tuple(
        _binding(name, label, environment, model.team or "", alone=len(model.environments) == 1)
        for name, model in settings.models.items()
        for label, environment in model.environments.items()
    )


def _binding(name: str, label: str, given: Environment, team: str, *, alone: bool) -> Binding:
    registry = given.registry
    usual = Propagation.WATCH if given.serving else Propagation.NONE
    return Binding(
        model=name,
        environment=label,
        pointer=_pointer(registry, name) if registry else None,
        serving=tuple(
            Target(one.integration, one.target, tuple(_probe(probe) for probe in one.probes)) for one in given.serving
        ),
        propagation=given.propagation or usual,
        team=team,
        production=given.production if given.production is not None else label.casefold() in PRODUCTION or alone,
        fallback=given.fallback or "",
        challenger=given.challenger,
        gate=tuple((metric, better is Better.HIGHER) for metric, better in given.gate.items()),
        training=_training(given.training) if given.training else None,
        other_trainings=tuple(_training(training, called) for called, training in given.other_trainings.items()),
        mirrors=tuple(Mirror(_pointer(mirror, name), mirror.version_tag) for mirror in given.mirrors),
    )


def _pointer(given: RegistrySettings, model: str) -> Pointer:
    return Pointer(given.integration, given.model or model, given.alias)


def _probe(given: ProbeSettings) -> Probe:
    return Probe(given.path, given.version, given.body)


def _training(given: TrainingSettings, name: str = "") -> Training:
    training = Training(
        PipelineRef(given.integration, given.pipeline), tuple(given.parameters.items()), given.window_end,
        given.version_tag, name=name,
    )  # fmt: skip
    if given.fresh is None:
        return training
    fresh = given.fresh
    return replace(training, fresh_query=fresh.query, fresh_metrics=fresh.integration, fresh_within=fresh.within)


def policies(settings: Settings, raw: Raw) -> Policies:
    """Times as they stand; rules with the place where they are written."""
    given = settings.policies
    times = given.model_dump(exclude={"rules", "freezes", "monitors"})
    rules_ = tuple(
        Policy(
            rule.name, _KINDS[rule.do], rule.mode, rule.models, rule.alerts, rule.per_day,
            rule.signed_by or "", rule.undo, _short(raw.tree.place(("policies", "rules", place))),
        )
        for place, rule in enumerate(given.rules)
    )  # fmt: skip
    freezes = tuple(FreezeWindow(_aware(f.since), _aware(f.until), f.models, f.why) for f in given.freezes)
    monitors = tuple(Monitor(one.source, one.within, one.model or "") for one in given.monitors)
    return Policies(**times, rules=rules_, freezes=freezes, monitors=monitors)


def _aware(moment: datetime) -> datetime:
    """A time without a zone is UTC; the checks say so."""
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _schedule(given: ScheduleSettings) -> Schedule:
    return Schedule(given.cron, given.zone, given.channel or "", given.enabled)


def _short(place: Place) -> str:
    """A place as it is shown to people in Slack: the file's name without its directories."""
    return str(Place(FilePath(place.file).name or place.file, place.line))
