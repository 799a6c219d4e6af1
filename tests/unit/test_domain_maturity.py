"""A level holds only when every criterion of it and of those below holds; what is not known raises nothing."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.maturity import LEVELS, NAMES, Criterion, Finding, Judgement, Maturity, assess, team

GOOD = {Finding.PROVED, Finding.ATTESTED}
FINDINGS = st.dictionaries(st.sampled_from(Criterion), st.sampled_from(Finding))


def assessed(findings: Mapping[Criterion, Finding]) -> Maturity:
    return assess("fraud", [Judgement(c, f, f"evidence of {c.name}") for c, f in findings.items()])


def all_but(*missing: Criterion) -> dict[Criterion, Finding]:
    return {c: Finding.PROVED for c in Criterion if c not in missing}


def test_every_criterion_belongs_to_one_level_and_every_level_has_a_name() -> None:
    listed = [criterion for criteria in LEVELS.values() for criterion in criteria]
    assert sorted(listed) == sorted(Criterion)
    assert list(LEVELS) == [1, 2, 3, 4]
    assert list(NAMES) == [0, 1, 2, 3, 4]


@given(FINDINGS)
def test_the_level_is_the_highest_below_the_first_gap(findings: Mapping[Criterion, Finding]) -> None:
    level = assessed(findings).level
    assert all(findings.get(c) in GOOD for n in range(1, level + 1) for c in LEVELS[n])
    if level < 4:
        assert any(findings.get(c) not in GOOD for c in LEVELS[level + 1])


@given(FINDINGS, st.sampled_from(Criterion), st.sampled_from(Finding))
def test_better_evidence_never_lowers_a_level(
    findings: Mapping[Criterion, Finding], criterion: Criterion, before: Finding
) -> None:
    worse = assessed({**findings, criterion: before}).level
    assert worse <= assessed({**findings, criterion: Finding.PROVED}).level


@given(FINDINGS)
def test_unknown_and_failed_hold_the_level_back_alike(findings: Mapping[Criterion, Finding]) -> None:
    swapped = {c: Finding.FAILED if f is Finding.UNKNOWN else f for c, f in findings.items()}
    assert assessed(findings).level == assessed(swapped).level


@given(FINDINGS)
def test_every_criterion_is_told_also_what_nobody_judged(findings: Mapping[Criterion, Finding]) -> None:
    found = assessed(findings)
    assert [j.criterion for j in found.judgements] == list(Criterion)
    for judgement in found.judgements:
        assert judgement.finding is findings.get(judgement.criterion, Finding.UNKNOWN)
        assert judgement.evidence


@given(FINDINGS)
def test_the_next_change_is_one_criterion_of_the_next_level(findings: Mapping[Criterion, Finding]) -> None:
    found = assessed(findings)
    if found.level == 4:
        assert found.next_change == "Nothing: this is the highest level."
        return
    named = [c for c in LEVELS[found.level + 1] if found.next_change.startswith(c.value)]
    assert len(named) == 1
    assert findings.get(named[0]) not in GOOD


@pytest.mark.parametrize("criterion", Criterion)
def test_each_single_criterion_counts(criterion: Criterion) -> None:
    level = next(level for level, criteria in LEVELS.items() if criterion in criteria)
    assert assessed(all_but(criterion)).level == level - 1
    assert assessed(all_but()).level == 4
    assert assessed({**all_but(), criterion: Finding.ATTESTED}).level == 4


def test_what_failed_is_named_before_what_is_only_unknown() -> None:
    found = assessed({**all_but(Criterion.REGISTERED, Criterion.LAST_RUN), Criterion.CODE_REVISION: Finding.FAILED})
    assert found.next_change == "code revision known: evidence of CODE_REVISION (2 more criteria of level 1 are open)"
    alone = assessed({**all_but(), Criterion.SCANNED: Finding.UNKNOWN})
    assert alone.next_change == "security scan evidence: evidence of SCANNED"
    assert alone.name == "automated and monitored"


@given(st.lists(FINDINGS, max_size=6))
def test_a_team_is_as_mature_as_its_least_mature_model(all_findings: list[Mapping[Criterion, Finding]]) -> None:
    models = [assessed(findings) for findings in all_findings]
    whole = team(models)
    assert whole.level == min([m.level for m in models], default=0)
    assert sum(whole.distribution.values()) == len(models)
    assert all(whole.distribution[m.level] for m in models)
    assert list(whole.models) == models
