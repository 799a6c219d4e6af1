"""The incident's card: what somebody woken at 03:10 must see on a phone without scrolling, most important first."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bot.domain.alert import Alert, AlertStatus, Direction, Reading
from bot.domain.incident import Incident, Status
from bot.domain.metrics import spoken
from bot.domain.models import Change
from bot.domain.operation import Operation, OperationState
from bot.domain.plan import OperationKind, VersionMove
from bot.domain.severity import Severity
from bot.slack.blocks import elements as buttons
from bot.slack.blocks.message import INCIDENT_EVENT, Block, Message, Metadata
from bot.slack.blocks.text import (
    Element,
    bullets,
    clean,
    context,
    escaped,
    group_mention,
    header,
    link,
    mention,
    moment,
    rich,
    section,
    text,
)
from bot.usecases.reply import Button
from bot.usecases.views import IncidentView, Named

DOTS: Mapping[Severity, str] = {
    Severity.SEV1: "🔴", Severity.SEV2: "🟠", Severity.SEV3: "🟡", Severity.SEV4: "🔵",
}  # fmt: skip
STEPS_SHOWN = 3
CONSULTED_SHOWN = 5
CHANGES_SHOWN = 3
_CONFIRMED: Mapping[OperationState, str] = {
    OperationState.SUCCEEDED: "", OperationState.WATCHING: "; whether it helps is being watched",
    OperationState.NOT_RECOVERED: "; it did not help, the alerts have not ended",
}  # fmt: skip
ALERTS_SHOWN = 3


def card(view: IncidentView) -> Message:
    """The card of an incident, complete; it replaces what was shown before."""
    incident = view.incident
    blocks: list[Block] = [header(_headline(incident)), rich(section(*_facts(view)))]
    blocks += _changes(view)
    blocks += _operations(view.operations)
    blocks += _next(view)
    blocks.append(rich(section(*_people(view))))
    blocks += _runbook(view)
    blocks.append(_small_print(view))
    return Message(
        text=escaped(f"{_headline(incident)}: {status_text(incident)}", 300),
        blocks=tuple(blocks),
        metadata=Metadata(INCIDENT_EVENT, {"incident": incident.ref, "revision": incident.revision}),
    )


def _headline(incident: Incident) -> str:
    dot = DOTS[incident.severity] if incident.status.live else "✅"
    drill = "DRILL · " if incident.drill else ""
    return f"{dot} {drill}{incident.ref} · {incident.severity.value} · {clean(incident.title, 110, one_line=True)}"


def status_text(incident: Incident) -> str:
    """The status as it is called; an end that nobody confirmed says so."""
    if incident.status is Status.RESOLVED and not incident.confirmed:
        return "resolved (unconfirmed)"
    return incident.status.value


# ---------------------------------------------------------------- what


def _facts(view: IncidentView) -> list[Element]:
    """One fact a line, so that nothing wraps on a phone."""
    incident = view.incident
    line: list[Element] = [text("Status ", bold=True), text(status_text(incident))]
    if incident.status is Status.ACKNOWLEDGED and view.acknowledged_by:
        line.append(text(f" by {view.acknowledged_by}", limit=100))
    elif incident.status is Status.OPEN:
        line.append(text(", nobody has acknowledged it yet"))
    if view.assignee and incident.status.live and view.assignee != view.acknowledged_by:
        line.append(text(f", with {view.assignee}", limit=100))
    if view.worse is not None and incident.status.live:
        line += [
            text("\nSeverity ", bold=True),
            text(f"{incident.severity.value}, but an alert says {view.worse.value}: "),
        ]
        line += [text(f"/mlops severity {incident.ref} {view.worse.value}", code=True), text(" raises it")]
    if incident.part_of is not None:
        line += [text("\nPart of ", bold=True), text(f"INC-{incident.part_of}: its cause is taken to be shared")]
    line += [text("\nModel ", bold=True), *_model(incident)]
    firing = _firing(view)
    line += firing
    if incident.reading is not None and not firing:
        line += [text("\nMetric ", bold=True), text(reading_text(incident.reading), limit=200)]
    line += _drift(view.alerts)
    line += [text("\nSince ", bold=True), *_since(incident)]
    if incident.summary and incident.summary != incident.title:
        line += [text("\n"), text(clean(incident.summary, 300, one_line=True), italic=True)]
    heard = [alert for alert in view.alerts if alert.low_fidelity]
    if heard:
        which = "Read" if len(heard) == len(view.alerts) else "Some of it is read"
        line.append(text(f"\n{which} from a message; low fidelity: not all labels, nor the real beginning, are known"))
    if incident.url:
        is_message = incident.url in {alert.url for alert in heard}
        line += [text("\n"), link("The message" if is_message else "The alert at its source", incident.url)]
    return line


def _since(incident: Incident) -> list[Element]:
    """Slack itself keeps "… ago" true: a card is only edited when something happens."""
    if incident.resolved_at is not None and not incident.status.live:
        return [moment(incident.started_at), text(f", {_lasted(incident)}")]
    return [moment(incident.started_at, "{date_short_pretty} {time}, {ago}")]


def _model(incident: Incident) -> list[Element]:
    if incident.model is None:
        return [text("unknown model"), text(f" ({clean(incident.subject_why, 100, one_line=True)})")]
    parts = [text(clean(incident.model, 100, one_line=True), code=True)]
    if incident.version:
        parts.append(text(f" version {clean(incident.version, 40, one_line=True)}"))
    if incident.environment:
        parts.append(text(f" · {clean(incident.environment, 60, one_line=True)}"))
    if incident.feature:
        parts.append(text(f" · feature {clean(incident.feature, 60, one_line=True)}"))
    return parts


def reading_text(reading: Reading) -> str:
    """`psi 0.31, limit 0.2 (bad above)`."""
    name = clean(reading.metric, 80, one_line=True)
    value = "no value" if reading.value is None else f"{reading.value:g}"
    if reading.threshold is None:
        return f"{name} {value}"
    side = "above" if reading.direction is Direction.ABOVE else "below"
    return f"{name} {value}, limit {reading.threshold:g} (bad {side})"


def _drift(alerts: Sequence[Alert]) -> list[Element]:
    """The worst features of the newest drift verdict."""
    drift = next((alert.drift for alert in alerts if alert.drift is not None), None)
    if drift is None:
        return []
    moved = [f for f in drift.features if f.drifted]
    names = ", ".join(f"{clean(f.feature, 40, one_line=True)} {f.score:g}" for f in moved[:3])
    more = f" and {len(moved) - 3} more" if len(moved) > 3 else ""
    size = f", {drift.sample_size:,} rows" if drift.sample_size else ""
    return [text("\nDrift ", bold=True), text(f"{drift.kind.value} by {drift.method}: {names}{more}{size}", limit=300)]


def _firing(view: IncidentView) -> list[Element]:
    """What fires, when it is more than the one that the title names; the newest first."""
    alerts = [alert for alert in view.alerts if alert.status is AlertStatus.FIRING]
    if len(alerts) < 2 or not view.incident.status.live:
        return []
    shown = list(dict.fromkeys(map(_alert_text, alerts)))[:ALERTS_SHOWN]  # of a storm's alerts many read alike
    more = max(len(alerts), view.incident.alerts_firing) - len(shown)
    line = [text("\nFiring", bold=True), *(text(f"\n• {said}", limit=200) for said in shown)]
    return [*line, text(f"\nand {more} more")] if more > 0 else line


def _alert_text(alert: Alert) -> str:
    reading = f": {reading_text(alert.reading)}" if alert.reading is not None else ""
    return f"{clean(alert.name, 60, one_line=True) or 'unnamed alert'}{reading}"


def _lasted(incident: Incident) -> str:
    if incident.resolved_at is None:
        return "is not over"
    return f"lasted {spoken(incident.resolved_at - incident.started_at)}"


# ---------------------------------------------------------------- who


def _people(view: IncidentView) -> list[Element]:
    """Who does what, and why it is them."""
    route = view.incident.route
    why = clean(route.why, 120, one_line=True)
    line = [text("Phase ", bold=True), text(f"{route.phase.value} ({why})"), text("\nResponsible ", bold=True)]
    if not view.responsible:
        line.append(text("nobody is configured, so nobody was paged"))
    mentioned: set[str] = set()
    for named in view.responsible:
        whom = group_mention(named.group) if named.group else mention(named.person)
        if str(whom) in mentioned:
            continue
        line += [text("; ")] if mentioned else []
        line += [whom, text(f" · {_short(named)}", limit=120)]
        mentioned.add(str(whom))
    line.append(text("\nAccountable ", bold=True))
    if view.accountable is None:
        line.append(text("nobody is configured, so nothing can be approved"))
    else:
        # Named, not mentioned: the Accountable is only woken when nobody acknowledges.
        why = f"{_short(view.accountable)} for {route.phase.value}"
        line.append(text(f"{view.accountable.person.name} · {why}", limit=200))
    return line + _consulted(view, mentioned)


def _consulted(view: IncidentView, mentioned: set[str]) -> list[Element]:
    """Invited, not paged: a mention tells them once, in the message that is there anyhow."""
    line: list[Element] = []
    for named in view.consulted[:CONSULTED_SHOWN]:
        whom = mention(named.person)
        if str(whom) in mentioned:
            continue
        line += [text("\nConsulted, not paged ", bold=True) if not line else text(" "), whom]
        mentioned.add(str(whom))
    return line


def _short(named: Named) -> str:
    """The whole reason, with files and lines, stands in /mlops who."""
    return clean(named.short or named.why, 100, one_line=True)


# ---------------------------------------------------------------- what now


def _operations(operations: Sequence[Operation]) -> list[Block]:
    if not operations:
        return []
    rows = [[text(f"{o.ref} ", bold=True), text(operation_line(o), limit=300)] for o in operations[:3]]
    return [rich(section(text("Operations", bold=True)), bullets(rows))]


def operation_line(operation: Operation) -> str:
    """One line that keeps `requested`, `registry changed` and `serving confirmed` apart."""
    versions = clean(operation.plan.aim.headline, 80, one_line=True)
    state = operation.state.value
    if operation.state in _CONFIRMED:
        served = isinstance(operation.plan.aim, VersionMove)
        done = f": version {operation.plan.move.target.version} answers" if served else ""
        state = f"{operation.stage.value}{done}{_CONFIRMED[operation.state]}"
    elif operation.state in {OperationState.VERIFYING, OperationState.INCONCLUSIVE}:
        state = f"{operation.stage.value}, {operation.state.value}"
    elif operation.outcome:
        state = f"{state}: {clean(operation.outcome, 160, one_line=True)}"
    return f"{operation.kind.noun}, {versions}: {state}"


def _runbook(view: IncidentView) -> list[Block]:
    if not view.incident.status.live:
        return []
    runbook = view.runbook
    if runbook is None:
        return [rich(section(text("Runbook ", bold=True), text("none fits; see /mlops runbook")))]
    done = view.incident.status is not Status.OPEN
    ahead = [step for step in runbook.steps if not (done and step.command.startswith("/mlops ack"))]
    steps = [[text(step.text, limit=200)] for step in ahead[:STEPS_SHOWN]]
    more = len(ahead) - len(steps)
    title = f"{runbook.title}{f', the next {len(steps)} of {len(runbook.steps)} steps' if more > 0 else ''}"
    shown = rich(section(text("Runbook ", bold=True), text(title, limit=150)), bullets(steps, ordered=True))
    ref = view.incident.ref
    return [shown, buttons.row([Button("Runbook", buttons.RUNBOOK, ref)], f"runbook-{view.incident.number}")]


def _changes(view: IncidentView) -> list[Block]:
    incident = view.incident
    if incident.model is None or not incident.status.live:
        return []
    if not view.changes:
        return [rich(section(text("What changed ", bold=True), text("nothing that the bot knows of")))]
    rows = [
        [
            text(clean(change.told, 150, one_line=True)),
            text(" · "),
            moment(change.at, "{ago}"),
            text(f", {_relative(change, incident)}"),
        ]
        for change in view.changes[:CHANGES_SHOWN]
    ]
    return [rich(section(text("What changed", bold=True)), bullets(rows))]


def _relative(change: Change, incident: Incident) -> str:
    """What a person looks for first: whether it was shortly before."""
    if change.at <= incident.started_at:
        return f"{spoken(incident.started_at - change.at)} before it began"
    return f"{spoken(change.at - incident.started_at)} after it began"


def _small_print(view: IncidentView) -> Block:
    incident = view.incident
    count = f"{incident.alerts_seen} alert{'s' if incident.alerts_seen != 1 else ''}, {incident.alerts_firing} firing"
    source = clean(incident.source, 40, one_line=True)
    parts = [incident.ref, "declared by a person" if source == "declared" else f"{count} · from {source}"]
    if incident.reopened:
        parts.append(f"reopened {incident.reopened} ×")
    parts.append(f"severity: {clean(incident.severity_why, 80, one_line=True)}")
    return context(" · ".join(parts))


def _next(view: IncidentView) -> list[Block]:
    """What is to be done next, at most two; what is only looked up has its own place."""
    incident = view.incident
    pressed: list[Button] = []
    if incident.status is Status.OPEN:
        pressed.append(Button("Acknowledge", buttons.ACKNOWLEDGE, incident.ref, "primary"))
    if incident.status.live and view.can_roll_back and not _going_on(view.operations):
        pressed.append(
            Button(
                "Roll back", buttons.ROLL_BACK, incident.ref, "" if pressed else "danger",
                confirm="A plan is made and shown. Nothing is changed before somebody else approves it.",
            )
        )  # fmt: skip
    if incident.status.live and view.can_retrain and _after_rollback(view):
        sure = "A plan is made and shown. Nothing is started before somebody else approves it."
        pressed.append(Button("Retrain", buttons.RETRAIN, incident.ref, "", confirm=sure))
    resolvable = incident.status in {Status.ACKNOWLEDGED, Status.MITIGATED} or not incident.confirmed
    if resolvable and len(pressed) < 2:
        sure = "You say that the service is back to normal. Who is Informed gets a summary."
        pressed.append(Button("Resolve", buttons.RESOLVE, incident.ref, "" if pressed else "primary", confirm=sure))
    if incident.status is Status.MITIGATED:
        # Users are well again: what comes next is the end of it, not another change.
        pressed = [replace(b, style="primary" if b.action == buttons.RESOLVE else "") for b in reversed(pressed)]
    return [buttons.row(pressed, f"next-{incident.number}")] if pressed else []


def _after_rollback(view: IncidentView) -> bool:
    """Retraining is the next thing when a good version serves again, or when there is none to go back to."""
    going = any(o.kind is OperationKind.RETRAIN and o.state.holds_the_model for o in view.operations)
    ready = view.incident.status is Status.MITIGATED or not view.can_roll_back
    return ready and not going


def _going_on(operations: Sequence[Operation]) -> bool:
    return any(o.state.holds_the_model and o.kind.lane == OperationKind.ROLLBACK.lane for o in operations)


def page(view: IncidentView, why: str, card_link: str) -> Message:
    """A direct message to somebody who is paged: what, why you, and the one button."""
    incident = view.incident
    blocks: list[Block] = [
        header(_headline(incident)),
        rich(section(*_facts(view)), section(text("Why you: ", bold=True), text(why, limit=400))),
        *_changes(view),
    ]
    if incident.status is Status.OPEN:
        pressed = Button("Acknowledge", buttons.ACKNOWLEDGE, incident.ref, "primary")
        blocks.append(buttons.row([pressed], f"page-{incident.number}"))
    if card_link:
        blocks.append(rich(section(link("Its card, with the runbook and all buttons", card_link))))
    called = "You are paged" if incident.status is Status.OPEN else "You were paged"
    return Message(escaped(f"{called}: {_headline(incident)}: {status_text(incident)}", 300), tuple(blocks))


def summary(view: IncidentView, card_link: str) -> Message:
    """What who is Informed gets when it is over."""
    incident = view.incident
    done = [o for o in view.operations if o.state is OperationState.SUCCEEDED]
    line = [
        text(f"{incident.title} is {status_text(incident)}", bold=True, limit=250),
        text(f"; it {_lasted(incident)}."),
    ]
    if done:
        line.append(text(f" {operation_line(done[0])}.", limit=300))
    blocks: list[Block] = [rich(section(*line))]
    if card_link:
        blocks.append(rich(section(link("Its card and thread", card_link))))
    blocks.append(context(f"{incident.ref} · you are Informed for {incident.route.phase.value}; nothing is to be done"))
    return Message(escaped(f"{incident.ref} is {status_text(incident)}: {incident.title}", 300), tuple(blocks))
