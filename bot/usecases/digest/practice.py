"""The criteria that our own rows prove: how alerts, incidents, operations and changes of a model went in the window."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.alert import Alert
from bot.domain.errors import IntegrationError
from bot.domain.incident import Incident, Status
from bot.domain.maturity import Criterion, Finding, Judgement
from bot.domain.metrics import response, spoken
from bot.domain.models import Binding, Change, LiveSpan
from bot.domain.operation import Operation, OperationState
from bot.domain.plan import CheckResult, OperationKind, Plan
from bot.domain.routing import Phase
from bot.ports.store import Transaction
from bot.usecases.digest.evidence import WINDOW, Evidence, Unasked
from bot.usecases.digest.lineage import unanswered
from bot.usecases.export import verify_chain
from bot.usecases.setup import Setup

PAGE = 500
OWNED_SHARE = 0.9
NEAR = timedelta(hours=1)
"""How long after a recorded change the version may be seen live for the first time."""

_DRIFT = re.compile(r"drift|psi\b", re.IGNORECASE)
_PROGRESSIVE = re.compile(r"canary|shadow|traffic|a/b", re.IGNORECASE)
_PERFORMANCE = {Phase.EVALUATION, Phase.DEPLOYMENT}


@dataclass(frozen=True, slots=True)
class Rows:
    """What the store holds about one binding."""

    binding: Binding
    incidents: tuple[Incident, ...]
    """Of the window, drills among them."""
    operations: tuple[Operation, ...]
    spans: tuple[LiveSpan, ...]
    changes: tuple[Change, ...]
    now: datetime

    @property
    def real(self) -> tuple[Incident, ...]:
        """Without drills."""
        return tuple(incident for incident in self.incidents if not incident.drill)


def judge(tx: Transaction, setup: Setup, evidence: Evidence, now: datetime) -> Sequence[Judgement]:
    """What the rows say about each of them."""
    rows = _rows(tx, evidence, now)
    return (
        _progressive(rows),
        _monitored(tx, setup, rows),
        _owned(rows),
        _retrained(rows),
        _acknowledged(setup, rows),
        _recovered(rows),
        _ready(evidence),
        _governed(rows),
        _intact(tx, rows),
    )


def _rows(tx: Transaction, evidence: Evidence, now: datetime) -> Rows:
    binding, since = evidence.binding, now - WINDOW
    mine = [i for i in _incidents(tx, binding, since) if i.environment in {None, binding.environment}]
    operations = tx.operations.newest(limit=PAGE, model=binding.model, since=since)
    known = {(c.kind, c.version, c.at): c for c in (*tx.changes.of(binding.model, since), *evidence.changes)}
    return Rows(
        binding,
        tuple(mine),
        tuple(o for o in operations if o.environment == binding.environment),
        tx.ledger.spans(binding.model, binding.environment),
        tuple(known.values()),
        now,
    )


def _incidents(tx: Transaction, binding: Binding, since: datetime | None) -> Sequence[Incident]:
    found: list[Incident] = []
    page = tx.incidents.newest(limit=PAGE, model=binding.model, since=since)
    while page:
        found += page
        page = tx.incidents.newest(limit=PAGE, before=page[-1].number, model=binding.model, since=since)
    return found


# ---------------------------------------------------------------- CI/CD, monitored


def _progressive(rows: Rows) -> Judgement:
    for operation in rows.operations:
        if operation.kind is OperationKind.SHIFT_TRAFFIC and operation.state is OperationState.SUCCEEDED:
            return Judgement(Criterion.PROGRESSIVE, Finding.PROVED, f"{operation.ref} shifted traffic step by step")
    change = next((c for c in rows.changes if _PROGRESSIVE.search(c.kind)), None)
    if change is not None:
        return Judgement(
            Criterion.PROGRESSIVE, Finding.PROVED, f"{change.text[:120]} ({change.at:%Y-%m-%d})", change.url
        )
    text = f"no traffic split, canary or shadow was recorded in {WINDOW.days} days; one such change would prove it"
    return Judgement(Criterion.PROGRESSIVE, Finding.UNKNOWN, text)


def _monitored(tx: Transaction, setup: Setup, rows: Rows) -> Judgement:
    alerts = [a for i in rows.real for a in tx.episodes.alerts_of(i.number) if not a.monitoring_fault]
    drift = next((a for a in alerts if a.drift is not None or _DRIFT.search(a.name)), None)
    performance = next((a for a in alerts if a is not drift and _measures(setup, a)), None)
    if drift is not None and performance is not None:
        text = f"{drift.name[:60]} (drift) and {performance.name[:60]} (performance) reported in {WINDOW.days} days"
        return Judgement(Criterion.MONITORED, Finding.PROVED, text, drift.url or performance.url)
    silent = [what for what, alert in (("drift", drift), ("performance", performance)) if alert is None]
    text = (
        f"no {' and no '.join(silent)} monitor reported in {WINDOW.days} days, and a silent one can't be told from "
        "none; its next alert would prove it"
    )
    return Judgement(Criterion.MONITORED, Finding.UNKNOWN, text)


def _measures(setup: Setup, alert: Alert) -> bool:
    """Whether it is about how well the model, or what serves it, does its work."""
    phase = setup.phase_of(alert).phase
    decay = phase is Phase.RETRAINING and alert.drift is None and not _DRIFT.search(alert.name)
    return phase in _PERFORMANCE or decay


def _owned(rows: Rows) -> Judgement:
    counted = [(max(i.alerts_seen, 1), i) for i in rows.real if i.source != "declared"]
    total = sum(number for number, _ in counted)
    if not total:
        text = f"there was no alert in {WINDOW.days} days; the next one with an owner and a runbook would prove it"
        return Judgement(Criterion.OWNED, Finding.UNKNOWN, text)
    owned = sum(n for n, i in counted if i.route.accountable and i.route.responsible and i.runbook)
    without = next((i.ref for _, i in counted if not (i.route.accountable and i.route.responsible and i.runbook)), "")
    text = f"{owned} of {total} alerts in {WINDOW.days} days{f'; not those of {without}' if without else ''}"
    good = owned >= OWNED_SHARE * total
    return Judgement(Criterion.OWNED, Finding.PROVED if good else Finding.FAILED, text)


def _retrained(rows: Rows) -> Judgement:
    done = next(
        (o for o in rows.operations
         if o.kind is OperationKind.RETRAIN and o.state is OperationState.SUCCEEDED and o.incident is not None),
        None,
    )  # fmt: skip
    if done is not None and done.evidence:
        text = f"{done.ref} retrained it because of INC-{done.incident}: {done.evidence[:120]}"
        return Judgement(Criterion.RETRAINED, Finding.PROVED, text)
    text = f"no retraining for an alert was recorded in {WINDOW.days} days; one with its evaluation would prove it"
    return Judgement(Criterion.RETRAINED, Finding.UNKNOWN, text)


def _acknowledged(setup: Setup, rows: Rows) -> Judgement:
    target = setup.policies.acknowledge_target
    # Who still has time, or was never needed, is neither in time nor late.
    due = [i for i in rows.real if i.acknowledged_at or (i.resolved_at or rows.now) - i.opened_at > target]
    times = response(due).to_acknowledge
    waiting = sum(i.status is Status.OPEN for i in rows.real)
    if not due and waiting:
        text = f"{waiting} incident{'s are' if waiting > 1 else ' is'} not acknowledged yet, target {spoken(target)}"
        return Judgement(Criterion.ACKNOWLEDGED, Finding.UNKNOWN, text)
    if not due:
        text = f"there was no incident to acknowledge in {WINDOW.days} days; the next one in time would prove it"
        return Judgement(Criterion.ACKNOWLEDGED, Finding.UNKNOWN, text)
    never = f"; {times.without} never acknowledged" if times.without else ""
    text = f"median {spoken(times.median)} over {times.count} incidents, target {spoken(target)}{never}"
    # Never is longer than any time, so with as many of them as others there is no median within a target.
    good = times.median is not None and times.median <= target and times.without < times.count
    return Judgement(Criterion.ACKNOWLEDGED, Finding.PROVED if good else Finding.FAILED, text)


# ---------------------------------------------------------------- self-healing, governed


def _recovered(rows: Rows) -> Judgement:
    drills = {i.number: i for i in rows.incidents if i.drill}
    passed = next((o for o in rows.operations if o.incident in drills and o.state is OperationState.SUCCEEDED), None)
    if passed is not None:
        text = f"drill INC-{passed.incident}: {passed.ref} succeeded on {passed.requested_at:%Y-%m-%d}"
        return Judgement(Criterion.RECOVERED, Finding.PROVED, text)
    healed = next((o for o in rows.operations if _by_itself(o)), None)
    if healed is not None:
        text = f"{healed.ref} recovered it by itself on {healed.requested_at:%Y-%m-%d}: {healed.outcome[:120]}"
        return Judgement(Criterion.RECOVERED, Finding.PROVED, text)
    text = f"neither an automatic recovery nor a passed drill is recorded in {WINDOW.days} days; a drill would prove it"
    return Judgement(Criterion.RECOVERED, Finding.UNKNOWN, text)


def _by_itself(operation: Operation) -> bool:
    """Carried out by a policy, and seen to have helped."""
    decided = (operation.decided_by or "").startswith("policy:")
    return decided and operation.state is OperationState.SUCCEEDED and operation.watch is not None


def _ready(evidence: Evidence) -> Judgement:
    """The checks are those that a person would see who asked for a rollback now."""
    plan = evidence.rollback
    if not isinstance(plan, Plan):
        unasked = isinstance(plan, (Unasked, IntegrationError))
        return Judgement(Criterion.READY, Finding.UNKNOWN if unasked else Finding.FAILED, unanswered(plan))
    to = f"to version {plan.move.target.version}"
    for result, finding in ((CheckResult.BLOCK, Finding.FAILED), (CheckResult.WARN, Finding.UNKNOWN)):
        found = [f"{check.name}: {check.evidence}" for check in plan.checks if check.result is result]
        if found:
            return Judgement(Criterion.READY, finding, f"{to}: {'; '.join(found)}"[:300], plan.move.target.url)
    return Judgement(Criterion.READY, Finding.PROVED, f"{to}: all {len(plan.checks)} checks pass", plan.move.target.url)


def _governed(rows: Rows) -> Judgement:
    if not rows.spans:
        text = "the ledger has not seen a live version yet; it begins when a system answers which one is"
        return Judgement(Criterion.GOVERNED, Finding.UNKNOWN, text)
    since = rows.now - WINDOW
    made = [span for place, span in enumerate(rows.spans) if span.since >= since and (place or _is_change(span))]
    loose = [span for span in made if not _matched(rows, span)]
    if loose:
        named = ", ".join(f"version {s.version} on {s.since:%Y-%m-%d %H:%M}" for s in loose[:3])
        text = f"{len(loose)} of {len(made)} changes match neither an operation nor a recorded change: {named}"
        return Judgement(Criterion.GOVERNED, Finding.FAILED, text)
    begun = max(rows.spans[0].since, since)
    count = f"all {len(made)} changes" if made else "there was no change"
    text = f"{count} since {begun:%Y-%m-%d}{' match an operation or a recorded change' if made else ''}"
    return Judgement(Criterion.GOVERNED, Finding.PROVED, text)


def _is_change(span: LiveSpan) -> bool:
    """The ledger's first line is a change only when something is known to have made it."""
    return span.cause not in {"", "first seen live", "seen live"}


def _matched(rows: Rows, span: LiveSpan) -> bool:
    if any(operation.ref == span.cause for operation in rows.operations):
        return True
    return any(c.version == span.version and span.since - NEAR <= c.at <= span.since for c in rows.changes)


def _intact(tx: Transaction, rows: Rows) -> Judgement:
    """All chains of the model, also those that are older than the window."""
    entries = chains = 0
    for incident in _incidents(tx, rows.binding, None):
        found = verify_chain(tx.timeline.of(incident.number))
        if not found.intact:
            return Judgement(Criterion.INTACT, Finding.FAILED, f"{incident.ref}: {found.what.rstrip('.')}")
        entries += found.entries
        chains += 1
    if not chains:
        return Judgement(Criterion.INTACT, Finding.UNKNOWN, "it has no timeline yet; its first incident begins one")
    plural = "timeline" if chains == 1 else "timelines"
    return Judgement(Criterion.INTACT, Finding.PROVED, f"{chains} {plural} with {entries} entries verified just now")
