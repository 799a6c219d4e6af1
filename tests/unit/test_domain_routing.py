"""RACI: holes are found, people are found with the reason, and a right is exactly what the table says."""

import itertools
import re
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.config.shipped import table as shipped_table
from bot.domain.alert import Direction, Drift, DriftKind
from bot.domain.routing import (
    NO_RULE,
    Cell,
    Filling,
    Letter,
    Phase,
    PhaseChoice,
    RaciTable,
    Right,
    Role,
    Roster,
    Route,
    Rule,
    choose_phase,
    letters,
    lint,
    may,
    route,
)
from tests.unit.worlds import a_route, alert

CELLS: st.SearchStrategy[Cell] = st.frozensets(st.sampled_from(Letter), max_size=2)
ROWS = st.dictionaries(st.sampled_from(Role), CELLS)
TABLES = st.dictionaries(st.sampled_from(Phase), ROWS).map(RaciTable)
SHIPPED = shipped_table()

# ---------------------------------------------------------------- the table


def test_the_shipped_table_is_the_playbooks_with_its_hole_closed() -> None:
    rows = """
        Data Collection & Ingestion          | C  I  I  AR C
        Data Exploration & Feature Eng.      | AR C  I  R  C
        Model Experimentation & Training     | R  A  I  C  C
        Model Evaluation & Validation        | R  A  I  C  C
        Model Packaging & Optimization       | C  AR C  I  I
        Deployment                           | I  R  AR I  I
        Monitoring & Logging                 | I  R  AR I  C
        Model Retraining & Versioning        | R  A  C  R  I
        Business Alignment & Success Metrics | C  C  I  I  AR
    """
    for line in rows.strip().splitlines():
        name, cells = line.split("|")
        row = SHIPPED.cells[Phase(name.strip())]
        assert [letters(row[role]) for role in Role] == cells.split()
    assert lint(SHIPPED) == ()


def test_the_playbooks_own_hole_is_found() -> None:
    row = {**SHIPPED.cells[Phase.FEATURES], Role.DATA_SCIENTIST: frozenset({Letter.RESPONSIBLE})}
    (found,) = lint(RaciTable({**SHIPPED.cells, Phase.FEATURES: row}, SHIPPED.origin))
    assert found.where == SHIPPED.origin[Phase.FEATURES]
    assert found.what == 'phase "Data Exploration & Feature Eng." has nobody Accountable'


@given(TABLES)
def test_the_lint_finds_exactly_what_is_wrong(table: RaciTable) -> None:
    expected = 0
    for phase in Phase:
        if phase not in table.cells:
            expected += 1
            continue
        held = [letter for cell in table.cells[phase].values() for letter in cell]
        expected += (held.count(Letter.ACCOUNTABLE) != 1) + (held.count(Letter.RESPONSIBLE) == 0)
    assert len(lint(table)) == expected
    assert all(finding.where and finding.what and finding.fix for finding in lint(table))


@given(CELLS)
def test_a_cell_is_written_as_people_write_it(cell: Cell) -> None:
    assert set(letters(cell)) == {letter.value for letter in cell}
    assert letters(frozenset({Letter.RESPONSIBLE, Letter.ACCOUNTABLE})) == "AR"


# ---------------------------------------------------------------- rules

RULES = st.builds(
    Rule,
    id=st.text("abc", min_size=1, max_size=4),
    phase=st.sampled_from(Phase),
    words=st.sampled_from(["", "drift", "error|latency", "late", "x{3}"]),
    labels=st.dictionaries(st.sampled_from(["team", "job"]), st.sampled_from(["a", "b*", "*", "ab"]), max_size=2),
    monitoring_fault=st.booleans(),
    drift=st.booleans(),
    name_only=st.booleans(),
)
VERDICT = Drift(DriftKind.PREDICTION, "psi", 0.3, 0.2, Direction.ABOVE)
NAMES = st.sampled_from(["ModelDrift", "ErrorRate", "IngestionLate", "xxx", "Other"])
LABELS = st.dictionaries(st.sampled_from(["team", "job"]), st.sampled_from(["a", "b", "bc", "ab", ""]), max_size=2)


def fits(rule: Rule, name: str, summary: str, labels: Mapping[str, str], fault: bool, drift: bool) -> bool:
    """The rule's own words, said again in the plainest way."""
    conditions = [rule.monitoring_fault, rule.drift, bool(rule.labels), bool(rule.words)]
    if not any(conditions) or (rule.monitoring_fault and not fault) or (rule.drift and not drift):
        return False
    for key, wanted in rule.labels.items():
        have = labels.get(key, "")
        if wanted.endswith("*"):
            if not have or not have.startswith(wanted.removesuffix("*")):
                return False
        elif have != wanted:
            return False
    where = [name] if rule.name_only else [name, summary]
    return not rule.words or any(re.search(rule.words.lower(), text.lower()) for text in where)


@given(
    st.lists(RULES, max_size=5),
    NAMES,
    st.sampled_from(["", "p99 latency", "drifted"]),
    LABELS,
    st.booleans(),
    st.booleans(),
)
def test_the_first_rule_that_fits_wins_and_says_why(
    rules: list[Rule], name: str, summary: str, labels: dict[str, str], fault: bool, drift: bool
) -> None:
    one = alert(
        name, labels=labels, annotations={"summary": summary}, monitoring_fault=fault, drift=VERDICT if drift else None
    )
    choice = choose_phase(one, rules)
    first = next((r for r in rules if fits(r, name, summary or name, labels, fault, drift)), None)
    assert choice.phase is (first.phase if first else Phase.MONITORING)
    assert choice.rule == (first.id if first else NO_RULE)
    assert choice.why
    if first is not None and first.words:
        assert f" in {name}" in choice.why or " in its summary" in choice.why


def test_nothing_hostile_gets_into_a_reason_at_length() -> None:
    rule = Rule("r", Phase.DEPLOYMENT, words="x+", labels={"team": "a*"})
    why = rule.matches(alert("x" * 20_000, labels={"team": "a" * 20_000}))
    assert why is not None
    assert len(why) < 300


# ---------------------------------------------------------------- people

PEOPLE = st.lists(st.sampled_from(["ana", "ben", "cy", "di"]), max_size=3, unique=True).map(tuple)
FILLINGS = st.builds(Filling, PEOPLE, st.just("filled here"), PEOPLE)
SCOPES = st.sampled_from(["default", "team:pay", "team:other", "model:fraud", "model:churn"])
ROSTERS = st.dictionaries(SCOPES, st.dictionaries(st.sampled_from(Role), FILLINGS)).map(Roster)


@given(TABLES, ROSTERS, st.sampled_from(Phase), st.sampled_from(["fraud", "churn", None]), st.sampled_from(["pay", ""]))
def test_everybody_on_a_route_is_there_for_a_reason(
    table: RaciTable, roster: Roster, phase: Phase, model: str | None, team: str
) -> None:
    found = route(PhaseChoice(phase, "r", "w"), table, roster, model=model, team=team)
    owner = (found.accountable,) if found.accountable else ()
    for one in (*owner, *found.responsible, *found.consulted, *found.informed):
        assert one.role in table.roles(phase, one.letter)
        filling = roster.fill(one.role, model=model, team=team)
        assert filling is not None
        assert one.person in filling.people
        assert one.why.startswith(f"{one.role.label} is {one.letter.word} for {phase.value} (")
        assert one.why.endswith("; filled here")
    holders = [role for role in table.roles(phase, Letter.ACCOUNTABLE) if roster.fill(role, model=model, team=team)]
    assert (found.accountable is None) is (not holders)
    if found.accountable is not None:
        filling = roster.fill(found.accountable.role, model=model, team=team)
        assert filling is not None
        assert (found.accountable.person, found.delegates) == (filling.people[0], filling.delegates)


@given(ROSTERS, st.sampled_from(Role))
def test_the_most_specific_filling_that_names_somebody_is_taken(roster: Roster, role: Role) -> None:
    found = roster.fill(role, model="fraud", team="pay")
    order = [roster.fillings.get(key, {}).get(role) for key in ("model:fraud", "team:pay", "default")]
    assert found == next((filling for filling in order if filling and filling.people), None)


def test_reasons_name_the_row_the_line_and_the_filling() -> None:
    roster = Roster({"default": {Role.DEVOPS: Filling(("omar",), "filled by default (mlops-bot.yaml:55)", ("mei",))}})
    found = route(PhaseChoice(Phase.DEPLOYMENT, "r", "w"), SHIPPED, roster, model=None)
    assert found.accountable is not None
    assert found.accountable.why == (
        f"DevOps/MLOps engineer is Accountable for Deployment ({SHIPPED.origin[Phase.DEPLOYMENT]}); filled by default (mlops-bot.yaml:55)"
    )
    assert found.delegates == ("mei",)
    assert found.letters_of("omar") == {Letter.RESPONSIBLE, Letter.ACCOUNTABLE}
    assert found.letters_of("mei") == frozenset()


# ---------------------------------------------------------------- rights

HELD = [frozenset(c) for n in range(5) for c in itertools.combinations(Letter, n)]
FLAGS = list(itertools.product([False, True], repeat=3))


def world(held: Cell, delegate: bool) -> Route:
    """A route with others in every letter, on which `me` holds exactly these."""
    mine = {letter: ("me",) if letter in held else () for letter in Letter}
    return a_route(
        responsible=("r1", *mine[Letter.RESPONSIBLE]),
        accountable="me" if Letter.ACCOUNTABLE in held else "acc",
        delegates=("del", "me") if delegate else ("del",),
        consulted=("c", *mine[Letter.CONSULTED]),
        informed=("i", *mine[Letter.INFORMED]),
    )


@pytest.mark.parametrize("right", Right)
@pytest.mark.parametrize("held", HELD, ids=lambda cell: letters(cell) or "none")
def test_every_right_for_everybody(right: Right, held: Cell) -> None:
    for delegate, requester, paged in FLAGS:
        does, answers = Letter.RESPONSIBLE in held, Letter.ACCOUNTABLE in held
        approves = answers or delegate
        expected = {
            Right.READ: True,
            Right.DECLARE: True,
            Right.ACKNOWLEDGE: does or approves or paged,
            Right.RESPOND: does or approves,
            Right.REQUEST: does or approves,
            Right.APPROVE: approves and not requester,
            Right.REJECT: approves,
            Right.CANCEL: approves or requester,
            Right.BREAK_GLASS: does,
        }[right]
        on = world(held, delegate)
        found = may("me", right, on, requester="me" if requester else "r1", paged=("me", "p") if paged else ("p",))
        assert found.allowed is expected, (delegate, requester, paged, found)
        assert found.why
        if right not in {Right.READ, Right.DECLARE}:
            assert found.who
            assert ("me" in found.who) is (expected and not (right is Right.REJECT and requester))


@pytest.mark.parametrize("right", Right)
def test_a_stranger_may_only_read_and_declare(right: Right) -> None:
    assert may("slack:U9", right, a_route(), requester="r1").allowed is (right in {Right.READ, Right.DECLARE})


@pytest.mark.parametrize("right", [Right.APPROVE, Right.REJECT, Right.REQUEST, Right.BREAK_GLASS])
def test_where_nobody_could_be_named_nobody_may(right: Right) -> None:
    empty = a_route((), None, (), (), ())
    found = may("me", right, empty, requester="r1")
    assert (found.allowed, found.who) == (False, ())


@given(st.text(max_size=20))
def test_nobody_ever_approves_what_they_asked_for(person: str) -> None:
    on = a_route((person,), person, (person,), (), ())
    found = may(person, Right.APPROVE, on, requester=person)
    assert not found.allowed
    assert person not in found.who
    assert found.why == "nobody approves what they asked for themselves"
