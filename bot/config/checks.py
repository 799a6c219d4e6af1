"""What no single value shows: references, the RACI table as a whole, rules that hide each other."""

import ipaddress
from collections.abc import Collection, Iterator, Mapping

from bot.config.build import cell_path, row_path
from bot.config.checks_models import check_models
from bot.config.checks_policies import check_policies
from bot.config.fields import near, phase_named, role_named
from bot.config.problems import Gravity, Unfit, errors
from bot.config.raw import Raw, dotted, variable
from bot.config.settings import FillingSettings, Settings
from bot.config.yaml_lines import Path
from bot.domain.routing import Letter, Phase, RaciTable, Role, Rule, letters, lint
from bot.usecases.setup import Setup


def check(
    settings: Settings, setup: Setup, raw: Raw, known: Collection[str], unset: Collection[str], *, secrets: bool
) -> None:
    """Note every fault that shows only when the settings are seen together."""
    _people(settings, raw)
    _references(settings, raw)
    _raci(setup.table, raw)
    _unfilled(settings, setup, raw)
    _routing(settings, setup, raw)
    check_models(settings, raw, known, unset)
    _teams(settings, raw)
    _adoptions(settings, raw, known)
    check_policies(settings, setup, raw)
    _web(settings, raw, secrets=secrets)


# ---------------------------------------------------------------- people


def _people(settings: Settings, raw: Raw) -> None:
    for attribute, path_key, word in (("slack", "slack", "Slack member id"), ("email", "email", "e-mail address")):
        seen: dict[str, str] = {}
        for key, member in settings.people.items():
            value = str(getattr(member, attribute) or "").casefold()
            if value and value in seen:
                what = f"people.{key}.{attribute}: this {word} is {seen[value]}'s already"
                raw.add(("people", key, path_key), what, "one identity is one person: leave it with one of them")
            seen.setdefault(value, key)


def _references(settings: Settings, raw: Raw) -> None:
    """Everybody named under `raci.roles` exists (also when a fault of their own has removed them)."""
    given = raw.get(("people",))
    known = {*settings.people, *(map(str, given) if isinstance(given, Mapping) else ())} | _removed(raw)
    for path, filling in _fillings(settings, raw):
        for kind in ("people", "delegates"):
            for place, key in enumerate(getattr(filling, kind)):
                if key not in known:
                    spot = (*path, place) if (*path, place) in raw.tree.places else (*path, kind, place)
                    what = f"{dotted(path)}: nobody under `people` is called “{key}”"
                    raw.add(spot, what, near(key, sorted(known)) or "add them under `people`")
        if path[2] != "default" and not filling.people:
            raw.add(path, f"{dotted(path)}: names nobody, so the default would be used", "name people, or remove it")


def _removed(raw: Raw) -> set[str]:
    return {str(path[1]) for path in raw.tree.places if len(path) == 2 and path[0] == "people"}


def _fillings(settings: Settings, raw: Raw) -> Iterator[tuple[Path, FillingSettings]]:
    roles = settings.raci.roles
    scopes: list[tuple[Path, Mapping[Role, FillingSettings]]] = [(("raci", "roles", "default"), roles.default)]
    scopes += [(("raci", "roles", "teams", name), filled) for name, filled in roles.teams.items()]
    scopes += [(("raci", "roles", "models", name), filled) for name, filled in roles.models.items()]
    for path, filled in scopes:
        for role, filling in filled.items():
            yield (*path, _written(raw, path, role)), filling


def _written(raw: Raw, path: Path, role: Role) -> str:
    given = raw.get(path)
    for key in given if isinstance(given, Mapping) else ():
        try:
            if role_named(key) is role:
                return str(key)
        except Unfit:
            continue
    return role.value


# ---------------------------------------------------------------- the RACI table


def _raci(table: RaciTable, raw: Raw) -> None:
    _twice(raw)
    for phase in Phase:
        lone = RaciTable({**_perfect(), phase: table.cells.get(phase, {})}, table.origin)
        for finding in lint(lone):
            row = row_path(raw, phase)
            holders = table.roles(phase, Letter.ACCOUNTABLE)
            if len(holders) > 1:
                _too_many(raw, table, phase, holders, finding.fix)
            else:
                raw.add(
                    row, f"{dotted(row)}: {finding.what} (the row reads: {table.row(phase) or 'empty'})", finding.fix
                )


def _too_many(raw: Raw, table: RaciTable, phase: Phase, holders: tuple[Role, ...], fix: str) -> None:
    """Name each cell too many: the line to mend is a cell's, not the row's."""
    first = cell_path(raw, phase, holders[0])
    for role in holders[1:]:
        path = cell_path(raw, phase, role)
        what = (
            f"{dotted(path)}: “{letters(table.cells[phase][role])}” is one A too many in the row “{phase.value}”; "
            f"{holders[0].label} has it (line {raw.tree.place(first).line})"
        )
        raw.add(path, what, fix)


def _perfect() -> dict[Phase, dict[Role, frozenset[Letter]]]:
    fine = {Role.ML_ENGINEER: frozenset({Letter.ACCOUNTABLE, Letter.RESPONSIBLE})}
    return dict.fromkeys(Phase, fine)


def _twice(raw: Raw) -> None:
    """Two names of one phase (or role) would silently overwrite each other."""
    rows = raw.get(("raci", "table"))
    for path, named in ((("raci", "table"), phase_named),) if isinstance(rows, Mapping) else ():
        _same(raw, path, rows, named)
        for key, cells in rows.items():
            if isinstance(cells, Mapping):
                _same(raw, (*path, key), cells, role_named)


def _same(raw: Raw, path: Path, given: Mapping[str, object], named: object) -> None:
    seen: dict[object, str] = {}
    for key in given:
        try:
            meant = phase_named(key) if named is phase_named else role_named(key)
        except Unfit:
            continue
        if meant in seen:
            what = f"{dotted((*path, key))}: the same as “{seen[meant]}” above"
            raw.add((*path, key), what, "keep one of the two")
        seen.setdefault(meant, str(key))


def _unfilled(settings: Settings, setup: Setup, raw: Raw) -> None:
    if not settings.people:
        if not _removed(raw):
            what = "nobody is configured: incidents are shown, but nobody can be paged, and nobody can approve"
            raw.add(("people",), what, "add people with their roles under `people`", Gravity.WARNING)
        return
    for role in Role:
        if setup.roster.fill(role, model=None) is not None or _hidden(raw):
            continue
        held = {letter: _phases(setup.table, role, letter) for letter in Letter}
        group = setup.user_groups.get(role)
        serious = held[Letter.ACCOUNTABLE] or (held[Letter.RESPONSIBLE] and not group)
        if not any(held.values()) or (group and not serious):
            continue
        told = (Letter.RESPONSIBLE, Letter.ACCOUNTABLE) if serious else (Letter.CONSULTED, Letter.INFORMED)
        shown = " and ".join(f"{letter.word} for {', '.join(held[letter])}" for letter in told if held[letter])
        raw.add(
            ("people",),
            f"nobody fills the role {role.value}, which is {shown}",
            f"add it to somebody's `roles`, or name people under raci.roles.default.{role.value}",
            Gravity.ERROR if serious else Gravity.WARNING,
        )


def _hidden(raw: Raw) -> bool:
    """Whether a fault under `people` was reported: whoever it left out may fill the role."""
    return any(problem.what.startswith("people.") for problem in errors(raw.problems))


def _phases(table: RaciTable, role: Role, letter: Letter) -> list[str]:
    return [phase.value for phase in Phase if role in table.roles(phase, letter)]


# ---------------------------------------------------------------- routing


def _routing(settings: Settings, setup: Setup, raw: Raw) -> None:
    own = setup.rules[: len(settings.routing.rules)]
    shipped = {rule.id for rule in setup.rules[len(own) :]}
    seen: dict[str, int] = {}
    for place, rule in enumerate(own):
        path: Path = ("routing", "rules", place)
        if rule.id in seen or rule.id in shipped:
            first = f"rule {seen[rule.id] + 1} of this list" if rule.id in seen else "a shipped rule"
            raw.add((*path, "id"), f"{dotted(path)}.id: “{rule.id}” is the name of {first} too", "choose another name")
        seen.setdefault(rule.id, place)
        if not (rule.words or rule.labels or rule.drift or rule.monitoring_fault):
            if (*path, "words") in raw.tree.places and raw.get((*path, "words")) is None:
                continue  # its pattern was taken out as faulty
            fix = "give it words, labels, drift or monitoring_fault"
            raw.add(path, f"{dotted(path)}: the rule “{rule.id}” has no condition, so it never fits", fix)
            continue
        hider = next((earlier for earlier in own[:place] if _covers(earlier, rule)), None)
        if hider is not None:
            what = f"{dotted(path)}: “{rule.id}” is never reached, “{hider.id}” ({hider.origin}) fits all that it fits"
            raw.add(path, what, "move it before that rule, or remove it", Gravity.WARNING)


def _covers(earlier: Rule, later: Rule) -> bool:
    """Whether every alert that fits the later rule fits the earlier one (as far as equal conditions show)."""
    if not (earlier.words or earlier.labels or earlier.drift or earlier.monitoring_fault):
        return False
    same_words = not earlier.words or (earlier.words == later.words and (later.name_only or not earlier.name_only))
    labels = all(_label_covers(wanted, later.labels.get(name)) for name, wanted in earlier.labels.items())
    flags = earlier.drift <= later.drift and earlier.monitoring_fault <= later.monitoring_fault
    return same_words and labels and flags


def _label_covers(earlier: str, later: str | None) -> bool:
    if later is None:
        return False
    return later.removesuffix("*").startswith(earlier[:-1]) if earlier.endswith("*") else earlier == later


def _teams(settings: Settings, raw: Raw) -> None:
    """A team or model that only appears under `raci.roles` or `slack.channels` is probably misspelt."""
    teams = {model.team for model in settings.models.values() if model.team}
    named: list[tuple[Path, str, Collection[str], str]] = [
        (("slack", "channels", team), team, teams, "team") for team in settings.slack.channels
    ]
    named += [(("raci", "roles", "teams", team), team, teams, "team") for team in settings.raci.roles.teams]
    named += [
        (("raci", "roles", "models", model), model, settings.models, "model") for model in settings.raci.roles.models
    ]
    for path, name, known, word in named:
        if name not in known:
            what = f"{dotted(path)}: no model {'is' if word == 'model' else 'belongs to a team'} called “{name}”"
            raw.add(path, what, near(name, sorted(known)) or "add it under `models`", Gravity.WARNING)


def _adoptions(settings: Settings, raw: Raw, known: Collection[str]) -> None:
    """A message is read by one integration."""
    seen: dict[tuple[str, str], int] = {}
    for place, given in enumerate(settings.slack.adopt):
        path: Path = ("slack", "adopt", place)
        if given.integration not in known:
            what = f"{dotted(path)}.integration: there is no integration “{given.integration}”"
            raw.add((*path, "integration"), what, near(given.integration, sorted(known)))
        for sender in given.senders:
            first = seen.setdefault((given.channel, sender), place)
            if first != place:
                what = f"{dotted(path)}.senders: what {sender} posts in {given.channel} is read by entry {first + 1}"
                raw.add((*path, "senders"), what, "a message is read by one integration: name the sender once")


# ---------------------------------------------------------------- the web side


def _web(settings: Settings, raw: Raw, *, secrets: bool) -> None:
    if settings.web.token is not None or _loopback(settings.web.host):
        return
    if raw.get(("web", "token_file")) is not None:
        return  # the file could not be read: reported where it is named
    path = ("web", "host")
    what = f"web.host is {settings.web.host}, which others can reach, and there is no web.token"
    fix = f"set {variable(('web', 'token'))} or web.token_file, or listen on 127.0.0.1"
    raw.add(path, what, fix, Gravity.ERROR if secrets else Gravity.WARNING)


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.casefold() == "localhost"
