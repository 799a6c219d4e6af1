"""An incident moves only where it may, each move is told once, and the revision always rises."""

import itertools
from collections.abc import Callable
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bot.domain import incident as i
from bot.domain.errors import IllegalTransition
from bot.domain.incident import Incident, Status, Step
from bot.domain.severity import Severity
from bot.domain.timeline import Draft, Kind
from tests.unit.worlds import DANA, MONITOR, OMAR, T0, an_incident, minutes

Move = Callable[[Incident, datetime], Step]
MOVES: dict[Status, tuple[Move, Kind]] = {
    Status.ACKNOWLEDGED: (lambda x, now: i.acknowledge(x, DANA, now), Kind.ACKNOWLEDGED),
    Status.MITIGATED: (lambda x, now: i.mitigate(x, DANA.actor, now, "rolled back"), Kind.MITIGATED),
    Status.RESOLVED: (lambda x, now: i.resolve(x, MONITOR, now, why="the alert ended"), Kind.RESOLVED),
    Status.CLOSED: (lambda x, now: i.close(x, DANA, now), Kind.CLOSED),
    Status.OPEN: (lambda x, now: i.reopen(x, MONITOR, now, "it fires again"), Kind.REOPENED),
}
LEGAL = {
    (Status.OPEN, Status.ACKNOWLEDGED), (Status.OPEN, Status.MITIGATED), (Status.OPEN, Status.RESOLVED),
    (Status.ACKNOWLEDGED, Status.MITIGATED), (Status.ACKNOWLEDGED, Status.RESOLVED), (Status.MITIGATED, Status.RESOLVED),
    (Status.RESOLVED, Status.CLOSED), (Status.RESOLVED, Status.OPEN), (Status.CLOSED, Status.OPEN),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after"), list(itertools.product(Status, Status)))
def test_the_whole_matrix_of_transitions(before: Status, after: Status) -> None:
    move, kind = MOVES[after]
    start = an_incident(before)
    if (before, after) not in LEGAL:
        with pytest.raises(IllegalTransition) as refused:
            move(start, T0)
        assert "INC-42" in refused.value.what
        assert refused.value.not_done.startswith("It was not")
        assert ("already" in refused.value.what) is (before is after)
        return
    moved, draft = move(start, T0 + minutes(1))
    assert moved.status is after
    assert moved.revision == start.revision + 1
    assert isinstance(draft, Draft)
    assert (draft.kind, draft.happened_at) == (kind, T0 + minutes(1))


class Life(RuleBasedStateMachine):
    """Whatever people and monitors try, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.incident = an_incident()
        self.told: list[Draft] = []
        self.clock = T0

    def _try(self, step: Callable[[], Step]) -> None:
        self.clock += minutes(1)
        before = self.incident
        try:
            after, draft = step()
        except IllegalTransition:
            assert self.incident == before
            return
        assert after.revision == before.revision + 1
        assert (before.status, after.status) in LEGAL or before.status is after.status
        assert draft.happened_at == self.clock
        self.incident = after
        self.told.append(draft)

    @rule(to=st.sampled_from(Status))
    def move(self, to: Status) -> None:
        self._try(lambda: MOVES[to][0](self.incident, self.clock))

    @rule(to=st.sampled_from([DANA, OMAR]))
    def assign(self, to: i.Person) -> None:
        self._try(lambda: i.assign(self.incident, to, DANA, self.clock))

    @rule(to=st.sampled_from(Severity))
    def severity(self, to: Severity) -> None:
        self._try(lambda: i.set_severity(self.incident, to, OMAR, self.clock))

    @rule()
    def resolve_unconfirmed(self) -> None:
        self._try(lambda: i.resolve(self.incident, MONITOR, self.clock, why="ended", confirmed=False))

    @precondition(lambda self: self.incident.status is Status.RESOLVED)
    @rule()
    def confirm(self) -> None:
        self._try(lambda: i.confirm(self.incident, self.clock, MONITOR, "queried"))

    @invariant()
    def every_change_is_told(self) -> None:
        assert self.incident.revision == 1 + len(self.told)

    @invariant()
    def its_times_fit_its_status(self) -> None:
        now = self.incident
        assert (now.resolved_at is not None) is (now.status in {Status.RESOLVED, Status.CLOSED})
        assert (now.closed_at is not None) is (now.status is Status.CLOSED)
        assert now.status.live is (now.status in {Status.OPEN, Status.ACKNOWLEDGED, Status.MITIGATED})
        if now.status is Status.ACKNOWLEDGED:
            assert now.acknowledged_at is not None
        assert now.confirmed or now.status in {Status.RESOLVED, Status.CLOSED}
        assert now.reopened == sum(1 for draft in self.told if draft.kind is Kind.REOPENED)


TestLife = Life.TestCase


def test_the_first_acknowledgement_counts_also_after_a_reopening() -> None:
    first, _ = i.acknowledge(an_incident(), DANA, T0 + minutes(3))
    resolved, _ = i.resolve(first, MONITOR, T0 + minutes(5), why="ended")
    again, _ = i.reopen(resolved, MONITOR, T0 + minutes(9), "back")
    second, draft = i.acknowledge(again, OMAR, T0 + minutes(11))
    assert second.acknowledged_at == T0 + minutes(3)
    assert (second.acknowledged_by, second.assignee) == ("omar", "dana")
    assert draft.text == "Omar Haddad acknowledged: escalation stops."


def test_a_resolution_that_only_the_source_claims_says_so() -> None:
    resolved, draft = i.resolve(an_incident(), MONITOR, T0, why="the alert ended", confirmed=False)
    assert draft.text == "Resolved (unconfirmed): the alert ended"
    confirmed, draft = i.confirm(resolved, T0, MONITOR, "Prometheus was asked")
    assert (confirmed.confirmed, draft.text) == (True, "Resolution confirmed: Prometheus was asked")
    with pytest.raises(IllegalTransition):
        i.confirm(confirmed, T0, MONITOR, "again")


def test_what_is_over_cannot_be_assigned_or_judged_anew() -> None:
    for status in (Status.RESOLVED, Status.CLOSED):
        with pytest.raises(IllegalTransition, match="/mlops reopen INC-42"):
            i.assign(an_incident(status), OMAR, DANA, T0)
        with pytest.raises(IllegalTransition, match="given another severity"):
            i.set_severity(an_incident(status), Severity.SEV1, DANA, T0)


@given(st.sampled_from(Severity))
def test_the_same_severity_is_no_change(severity: Severity) -> None:
    with pytest.raises(IllegalTransition, match=f"{severity.value} already"):
        i.set_severity(an_incident(severity=severity), severity, DANA, T0)
