"""RACI: from what an alert is about to a phase of the ML life cycle, and from there to people, with reasons."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from bot.domain.alert import Alert


class Phase(StrEnum):
    """The playbook's nine phases of the ML life cycle."""

    INGESTION = "Data Collection & Ingestion"
    FEATURES = "Data Exploration & Feature Eng."
    TRAINING = "Model Experimentation & Training"
    EVALUATION = "Model Evaluation & Validation"
    PACKAGING = "Model Packaging & Optimization"
    DEPLOYMENT = "Deployment"
    MONITORING = "Monitoring & Logging"
    RETRAINING = "Model Retraining & Versioning"
    BUSINESS = "Business Alignment & Success Metrics"


class Role(StrEnum):
    """The playbook's five roles."""

    DATA_SCIENTIST = "data_scientist"
    ML_ENGINEER = "ml_engineer"
    DEVOPS = "devops_mlops_engineer"
    DATA_ENGINEER = "data_engineer"
    PRODUCT_MANAGER = "product_manager"

    @property
    def label(self) -> str:
        """The role as people say it."""
        return _TITLES[self]


_TITLES: Mapping[Role, str] = {
    Role.DATA_SCIENTIST: "data scientist",
    Role.ML_ENGINEER: "ML engineer",
    Role.DEVOPS: "DevOps/MLOps engineer",
    Role.DATA_ENGINEER: "data engineer",
    Role.PRODUCT_MANAGER: "product manager",
}


class Letter(StrEnum):
    """The four letters; a cell may hold `AR`."""

    RESPONSIBLE = "R"
    ACCOUNTABLE = "A"
    CONSULTED = "C"
    INFORMED = "I"

    @property
    def word(self) -> str:
        """The letter as a word."""
        return _WORDS[self]


_WORDS: Mapping[Letter, str] = {
    Letter.RESPONSIBLE: "Responsible",
    Letter.ACCOUNTABLE: "Accountable",
    Letter.CONSULTED: "Consulted",
    Letter.INFORMED: "Informed",
}

Cell = frozenset[Letter]


@dataclass(frozen=True, slots=True)
class RaciTable:
    """9 phases × 5 roles. `origin` says where a phase's row stands (`raci.yaml:12`), for reasons given to people."""

    cells: Mapping[Phase, Mapping[Role, Cell]]
    origin: Mapping[Phase, str] = field(default_factory=dict)

    def roles(self, phase: Phase, letter: Letter) -> tuple[Role, ...]:
        """The roles that hold this letter in this phase, in the table's order."""
        row = self.cells.get(phase, {})
        return tuple(role for role in Role if letter in row.get(role, frozenset()))

    def row(self, phase: Phase) -> str:
        """The phase's row as one line for people: `ML engineer R, DevOps/MLOps engineer AR, …`."""
        row = self.cells.get(phase, {})
        return ", ".join(f"{role.label} {letters(row[role])}" for role in Role if row.get(role))


def letters(cell: Cell) -> str:
    """A cell as it is written in the table: `AR`, `C`."""
    return "".join(letter.value for letter in sorted(cell, key="ARCI".index))


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of a table or roster: where, what, and what to do."""

    where: str
    what: str
    fix: str


def lint(table: RaciTable) -> tuple[Finding, ...]:
    """Every phase needs exactly one Accountable and at least one Responsible."""
    found: list[Finding] = []
    for phase in Phase:
        if phase not in table.cells:
            found.append(Finding(phase.value, "the phase is missing from the table", "add its row"))
            continue
        accountable = table.roles(phase, Letter.ACCOUNTABLE)
        where = table.origin.get(phase, phase.value)
        if not accountable:
            what = f'phase "{phase.value}" has nobody Accountable'
            found.append(Finding(where, what, "give exactly one role of this row the letter A"))
        elif len(accountable) > 1:
            names = " and ".join(role.label for role in accountable)
            what = f'phase "{phase.value}" has {len(accountable)} Accountable ({names})'
            found.append(Finding(where, what, "leave A with one of them; nobody answers when two do"))
        if not table.roles(phase, Letter.RESPONSIBLE):
            what = f'phase "{phase.value}" has nobody Responsible'
            found.append(Finding(where, what, "give at least one role of this row the letter R"))
    return tuple(found)


# ---------------------------------------------------------------- from an alert to a phase


@dataclass(frozen=True, slots=True)
class Rule:
    """Alerts that match belong to this phase. First match wins.

    `words` is a pattern searched (ignoring case) in the alert's name, then (unless `name_only`) its summary; `labels`
    must all be equal (a trailing `*` matches a prefix). An empty condition is not asked.
    """

    id: str
    phase: Phase
    words: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    monitoring_fault: bool = False
    drift: bool = False
    name_only: bool = False
    origin: str = ""

    def matches(self, alert: Alert) -> str | None:
        """Why this rule matches, or `None`."""
        reasons: list[str] = []
        if self.monitoring_fault:
            if not alert.monitoring_fault:
                return None
            reasons.append("the monitor itself reports a fault")
        if self.drift:
            if alert.drift is None:
                return None
            reasons.append(f"it carries a {alert.drift.kind.value} verdict")
        for name, wanted in self.labels.items():
            have = alert.labels.get(name, "")
            if not (have and have.startswith(wanted[:-1]) if wanted.endswith("*") else have == wanted):
                return None
            reasons.append(f"label {name}={have[:60]}")
        if self.words:
            hit, where = re.search(self.words, alert.name[:500], re.IGNORECASE), alert.name[:60]
            if hit is None and not self.name_only:
                hit, where = re.search(self.words, alert.summary[:2_000], re.IGNORECASE), "its summary"
            if hit is None:
                return None
            reasons.append(f'"{hit.group(0)[:60]}" in {where}')
        return "; ".join(reasons) or None


@dataclass(frozen=True, slots=True)
class PhaseChoice:
    """The phase of an alert, and why."""

    phase: Phase
    rule: str
    why: str


NO_RULE = "none"


def choose_phase(alert: Alert, rules: Sequence[Rule]) -> PhaseChoice:
    """The first rule that matches; else Monitoring & Logging, and it is said that no rule matched."""
    for rule in rules:
        why = rule.matches(alert)
        if why is not None:
            return PhaseChoice(rule.phase, rule.id, why)
    return PhaseChoice(Phase.MONITORING, NO_RULE, "no routing rule matched")


# ---------------------------------------------------------------- from a phase to people


@dataclass(frozen=True, slots=True)
class Filling:
    """Who fills a role: these people, in order of preference, and where that is written."""

    people: tuple[str, ...]
    why: str
    delegates: tuple[str, ...] = ()
    """Who may approve in the place of the first of them."""


@dataclass(frozen=True, slots=True)
class Roster:
    """Roles filled per model, else per team, else by default. Keys are `model:NAME`, `team:NAME`, `default`."""

    fillings: Mapping[str, Mapping[Role, Filling]]

    def fill(self, role: Role, *, model: str | None, team: str = "") -> Filling | None:
        """Who fills the role for this model, most specific first."""
        for key in (f"model:{model}" if model else "", f"team:{team}" if team else "", "default"):
            filling = self.fillings.get(key, {}).get(role)
            if filling is not None and filling.people:
                return filling
        return None


@dataclass(frozen=True, slots=True)
class Assignment:
    """One person with one letter, and why: `ML engineer; raci.yaml:7; people.yaml:3`."""

    person: str
    role: Role
    letter: Letter
    why: str


@dataclass(frozen=True, slots=True)
class Route:
    """Who does what about one incident or operation. `accountable` is exactly one person, or nobody could be named."""

    phase: Phase
    rule: str
    why: str
    accountable: Assignment | None
    delegates: tuple[str, ...]
    responsible: tuple[Assignment, ...]
    consulted: tuple[Assignment, ...]
    informed: tuple[Assignment, ...]

    def letters_of(self, person: str) -> Cell:
        """The letters this person holds here."""
        everyone = (*self.responsible, *self.consulted, *self.informed)
        held = {a.letter for a in everyone if a.person == person}
        if self.accountable is not None and self.accountable.person == person:
            held.add(Letter.ACCOUNTABLE)
        return frozenset(held)


def route(choice: PhaseChoice, table: RaciTable, roster: Roster, *, model: str | None, team: str = "") -> Route:
    """Apply the table's row to the people who fill its roles."""

    def assigned(letter: Letter) -> tuple[Assignment, ...]:
        found: list[Assignment] = []
        for role in table.roles(choice.phase, letter):
            filling = roster.fill(role, model=model, team=team)
            if filling is None:
                continue
            row = table.origin.get(choice.phase, "the RACI table")
            why = f"{role.label} is {letter.word} for {choice.phase.value} ({row}); {filling.why}"
            people = filling.people[:1] if letter is Letter.ACCOUNTABLE else filling.people
            found.extend(Assignment(person, role, letter, why) for person in people)
        return tuple(found)

    accountable = next(iter(assigned(Letter.ACCOUNTABLE)), None)
    filling = roster.fill(accountable.role, model=model, team=team) if accountable else None
    return Route(
        phase=choice.phase,
        rule=choice.rule,
        why=choice.why,
        accountable=accountable,
        delegates=filling.delegates if filling else (),
        responsible=assigned(Letter.RESPONSIBLE),
        consulted=assigned(Letter.CONSULTED),
        informed=assigned(Letter.INFORMED),
    )


# ---------------------------------------------------------------- rights


class Right(StrEnum):
    """What a person may want to do."""

    READ = "read"
    DECLARE = "declare"
    ACKNOWLEDGE = "acknowledge"
    RESPOND = "respond"
    """Resolve, reopen, assign, change the severity, take notes."""
    REQUEST = "request an operation"
    APPROVE = "approve an operation"
    REJECT = "reject an operation"
    CANCEL = "cancel an operation"
    BREAK_GLASS = "execute without approval"


@dataclass(frozen=True, slots=True)
class Permission:
    """Whether, and why; `who` names those who may."""

    allowed: bool
    why: str
    who: tuple[str, ...] = ()


def may(person: str, right: Right, on: Route, *, requester: str | None = None, paged: Sequence[str] = ()) -> Permission:
    """Whether a person has a right under a route. Approval is never the requester's."""
    held = on.letters_of(person)
    doers = tuple(dict.fromkeys(a.person for a in on.responsible))
    owner = (on.accountable.person,) if on.accountable else ()
    match right:
        case Right.READ | Right.DECLARE:
            return Permission(True, "everyone may")
        case Right.ACKNOWLEDGE:
            who = tuple(dict.fromkeys((*doers, *owner, *on.delegates, *paged)))
            why = "Responsible, Accountable, or paged"
            return Permission(person in who, why, who)
        case Right.RESPOND | Right.REQUEST:
            who = tuple(dict.fromkeys((*doers, *owner, *on.delegates)))
            return Permission(person in who, f"Responsible or Accountable for {on.phase.value}", who)
        case Right.BREAK_GLASS:
            return Permission(Letter.RESPONSIBLE in held, f"Responsible for {on.phase.value}", doers)
        case Right.APPROVE | Right.REJECT:
            return _approval(person, right, on, owner, requester)
        case Right.CANCEL:
            who = tuple(dict.fromkeys((*((requester,) if requester else ()), *owner, *on.delegates)))
            return Permission(person in who, "the requester or the Accountable", who)


def _approval(person: str, right: Right, on: Route, owner: tuple[str, ...], requester: str | None) -> Permission:
    approvers = tuple(dict.fromkeys((*owner, *on.delegates)))
    others = tuple(p for p in approvers if p != requester)
    if right is Right.APPROVE and person == requester:
        return Permission(False, "nobody approves what they asked for themselves", others)
    return Permission(person in approvers, f"Accountable for {on.phase.value}, or a named delegate", others)
