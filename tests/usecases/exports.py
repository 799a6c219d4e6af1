"""Timelines to export: one that tells a story, and strategies that make hostile ones."""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import strategies as st

from bot.domain.incident import Incident, Status
from bot.domain.operation import Operation, OperationState, Stage
from bot.domain.timeline import BOT, Actor, ActorKind, Draft, Entry, Kind, seal
from bot.usecases.views import TimelineView
from tests.unit.worlds import DANA, MONITOR, OMAR, T0, TIMES, an_incident, an_operation, minutes

NOW = T0 + minutes(90)
NAMES = {"r1": "Mika Laine", "r2": "Dana Sutter", "acc": "Devi Rao"}

NASTY = (
    "<script>alert(1)</script>", "</pre><img src=x onerror=alert(1)>", "-->", "<!-- ", "```", "```jsonl", "~~~",
    "=cmd|'/c calc'!A0", "+1+1", "-2", "@SUM(A1)", "'=1", ";=1+1", "\t=1", "\r\n=1", '"', '""', "a,b", "\u202e", "\u2028", "\ufeff",
    "\x00", "\x1b[31m", "\x85", "\ud800", "😀", "👩\u200d🔬", "a\u0301", "[x](javascript:alert(1))", "![x](http://x/y)", "# h", "1. x",
    "- x", "    code", "> q", "|a|b|", "\\", "&amp;", "&lt;", "{{ 7*7 }}", "{title}", "*b*", "_i_", "~~s~~", "$x$", "http://x.example/a b",
    "https://x.example/?a=1&b=<2>", "\r", "\n\n", "\n", " ", "\t", "---", "===", '<pre id="records">', "</pre>", '{"record": "seal"}',
)  # fmt: skip
TEXTS = st.one_of(
    st.lists(st.one_of(st.sampled_from(NASTY), st.text(max_size=8)), max_size=6).map("".join),
    st.sampled_from(NASTY).map(lambda text: text * 2_700).map(lambda text: text[:8_000]),
)
ACTORS = st.builds(Actor, st.sampled_from(ActorKind), TEXTS, TEXTS)
DRAFTS = st.builds(Draft, st.sampled_from(Kind), TEXTS, ACTORS, TIMES, TEXTS)


def chain(drafts: Sequence[Draft], incident: int = 42) -> list[Entry]:
    entries: list[Entry] = []
    for place, draft in enumerate(drafts):
        after = entries[-1] if entries else None
        entries.append(seal(draft, incident=incident, after=after, learned_at=T0 + minutes(place)))
    return entries


def a_view(
    entries: Sequence[Entry], incident: Incident | None = None, operations: tuple[Operation, ...] = ()
) -> TimelineView:
    return TimelineView(incident or an_incident(), entries, "Devi Rao", operations, NAMES)


def story() -> TimelineView:
    """A night with everything in it: the sample files under `samples` are this one."""
    incident = an_incident(
        Status.RESOLVED, title="ModelFeatureDrift on fraud-detector <amount>", feature="amount", runbook="feature-drift",
        started_at=T0 - minutes(4), acknowledged_at=T0 + minutes(3), acknowledged_by="r1", assignee="r1",
        mitigated_at=T0 + minutes(20), resolved_at=T0 + minutes(65), resolved_by="alertmanager", confirmed=False, reopened=1,
        url="http://prometheus.example/graph?g0.expr=psi+%3E+0.2&g0.tab=1",
    )  # fmt: skip
    operation = replace(
        an_operation(OperationState.SUCCEEDED, requested_by="r1", decided_by="acc", decided_at=T0 + minutes(12)),
        stage=Stage.SERVING_CONFIRMED, outcome="Serving confirmed: version 2 answers.", finished_at=T0 + minutes(19),
        evidence="fraud answers with version 2",
    )  # fmt: skip
    drafts = [
        Draft(Kind.OPENED, "ModelFeatureDrift fires: PSI of amount is 0.31 (limit 0.2).", MONITOR, T0 - minutes(4), "sha256:c0ffee"),
        Draft(Kind.ACKNOWLEDGED, "Dana Sutter acknowledged: escalation stops.", DANA.actor, T0 + minutes(3)),
        Draft(Kind.NOTE, "=1+1; I saw:\n- `psi` > 0.2\n<b>upstream</b>, *since* Monday", OMAR.actor, T0 + minutes(8), "http://slack.example/p1"),
        Draft(Kind.CHANGED, "OP-17: registry changed. champion → version 2.", BOT, T0 + minutes(14)),
        Draft(Kind.RESOLVED, "Resolved (unconfirmed): every alert has ended.", MONITOR, T0 + minutes(65)),
    ]  # fmt: skip
    return a_view(chain(drafts), incident, (operation,))


VIEWS = st.builds(
    a_view,
    st.lists(DRAFTS, max_size=5).map(chain),
    st.builds(
        lambda title, why, model, drill, confirmed: an_incident(
            Status.RESOLVED, title=title, severity_why=why, model=model, drill=drill, confirmed=confirmed, resolved_at=T0 + minutes(9),
            url=why,
        ),
        TEXTS, TEXTS, TEXTS, st.booleans(), st.booleans(),
    ),
    st.lists(st.tuples(TEXTS, st.booleans()), max_size=2).map(
        lambda told: tuple(
            an_operation(number=number, reason=text, outcome=text, break_glass=glass)
            for number, (text, glass) in enumerate(told, start=17)
        )
    ),
)  # fmt: skip
