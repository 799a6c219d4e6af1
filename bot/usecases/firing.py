"""An alert fires: it opens an incident, joins one, or brings one back; and what stands on the timeline about it."""

from collections import Counter
from dataclasses import dataclass, field, replace

from bot.domain.alert import Alert, Subject, reading_of, subject_of
from bot.domain.incident import Incident, Status, reopen
from bot.domain.runbook import choose
from bot.domain.severity import from_labels
from bot.domain.timeline import BOT, Actor, ActorKind, Draft, Kind
from bot.ports.store import Transaction
from bot.usecases import notify, policy
from bot.usecases.setup import Setup

ENTRIES_EACH = 20
"""Entries that one delivery writes on a timeline about its alerts; what follows is counted in one more."""
NAMES_SHOWN = 5


Joined = dict[tuple[str | None, str, str | None], Incident]
"""The live incidents that a delivery's alerts have joined so far, by model, source and environment."""


def fired(
    tx: Transaction, setup: Setup, alert: Alert, log: "AlertLog", joined: Joined, *, known_to: int | None
) -> tuple[int, bool]:
    """The incident of an alert that fires, and whether it is new. `known_to`: the incident that it was part of."""
    subject = subject_of(alert, setup.mapping, setup.models)
    place = (subject.model, alert.source, subject.environment)
    incident = joined.get(place) or tx.incidents.joinable(
        model=subject.model,
        source=alert.source,
        environment=subject.environment,
        resolved_after=tx.now - setup.policies.reopen_within,
    )
    if incident is None:
        joined[place] = incident = _open(tx, setup, alert, subject, log)
        return incident.number, True
    if not incident.status.live:
        incident = _bring_back(tx, setup, incident, alert, again=_was_part(tx, alert, incident, known_to))
    joined[place] = incident
    log.add(incident.number, Kind.ALERT_FIRED, alert)
    _mention_worse(tx, setup, incident, alert)
    return incident.number, False


def _was_part(tx: Transaction, alert: Alert, incident: Incident, known_to: int | None) -> bool:
    before = tx.episodes.newest(alert.source, alert.instance, alert.fingerprint)
    return incident.number in {known_to, before.incident if before is not None else None}


def _bring_back(tx: Transaction, setup: Setup, incident: Incident, alert: Alert, *, again: bool) -> Incident:
    why = f"{_name(alert)} fires again" if again else f"{_name(alert)} fires, soon after it was resolved"
    after, draft = reopen(incident, _monitor(alert), tx.now, why)
    # Whoever is called back needs to know what fires now; the title stays what the incident is known by.
    after = replace(after, reading=reading_of(alert, setup.mapping) or after.reading)
    tx.incidents.save(after)
    tx.timeline.append(after.number, draft)
    notify.page_responsible(tx, setup, after, why="the problem is back")
    return after


def _open(tx: Transaction, setup: Setup, alert: Alert, subject: Subject, log: "AlertLog") -> Incident:
    severity, severity_why = from_labels(alert.labels, setup.severities)
    choice = setup.phase_of(alert)
    match = choose(setup.runbooks, alert, choice.phase, subject.model)
    incident = Incident(
        number=tx.incidents.next_number(),
        title=_title(alert, subject.model),
        status=Status.OPEN,
        severity=severity,
        severity_why=severity_why,
        route=setup.route_for(choice, subject.model),
        model=subject.model,
        version=subject.version,
        environment=subject.environment,
        feature=subject.feature,
        subject_why=subject.why,
        source=alert.source,
        opened_at=tx.now,
        started_at=min(alert.starts_at, tx.now),
        reading=reading_of(alert, setup.mapping),
        summary=alert.summary[:2_000],
        url=alert.url,
        runbook=match.runbook.slug if match else None,
        runbook_why=match.why if match else "no runbook matched",
    )
    tx.incidents.add(incident)
    opened = f"{incident.ref} opened: {incident.title} ({severity.value}, {severity_why})"
    tx.timeline.append(incident.number, Draft(Kind.OPENED, opened, _monitor(alert), alert.starts_at, log.evidence))
    log.add(incident.number, Kind.ALERT_FIRED, alert)
    tx.timeline.append(incident.number, Draft(Kind.ROUTED, notify.routing_text(setup, incident), BOT, tx.now))
    notify.announce(tx, setup, incident)
    policy.consider(tx, setup, incident, alert.name)
    return incident


def _title(alert: Alert, model: str | None) -> str:
    name = _name(alert)[:120] or "unnamed alert"
    return f"{name} on {model}" if model else f"{name} (unknown model)"


def _mention_worse(tx: Transaction, setup: Setup, incident: Incident, alert: Alert) -> None:
    """Only people change a severity; but who was paged for less should know that it got worse. Once per severity."""
    severity, why = from_labels(alert.labels, setup.severities)
    if not severity.worse_than(incident.severity):
        return
    if not tx.keys.first("worse", f"{incident.number}:{incident.reopened}:{severity.value}"):
        return
    text = f"{_name(alert)} speaks for {severity.value} ({why}); the incident stays {incident.severity.value}"
    tx.timeline.append(incident.number, Draft(Kind.NOTE, f"{text} until a person changes it.", BOT, tx.now))
    because = f"it got worse: {_name(alert)[:100]} ({severity.value})"
    notify.page_again(tx, setup, incident, severity.value, why=because)


# ---------------------------------------------------------------- what is written about alerts


@dataclass(slots=True)
class AlertLog:
    """Writes a delivery's alerts on the timelines of their incidents; a storm becomes a few entries and a count."""

    tx: Transaction
    evidence: str
    late: bool = False
    _written: Counter[tuple[int, Kind]] = field(default_factory=Counter)
    _left: dict[tuple[int, Kind], list[Alert]] = field(default_factory=dict)

    def add(self, incident: int, kind: Kind, alert: Alert) -> None:
        """One alert fired or was resolved."""
        place = (incident, kind)
        self._written[place] += 1
        if self._written[place] > ENTRIES_EACH:
            self._left.setdefault(place, []).append(alert)
            return
        if kind is Kind.ALERT_FIRED:
            text = f"{_name(alert)} fires: {' '.join(alert.summary.split())[:1_000]}"
            draft = Draft(kind, text, _monitor(alert), alert.starts_at, alert.url or self.evidence)
        else:
            ended_at = alert.ends_at or self.tx.now
            draft = Draft(kind, f"{_name(alert)} resolved.", _monitor(alert), ended_at, self.evidence)
        self._write(incident, draft)

    def close(self) -> None:
        """Say how many were left out, and which."""
        for (incident, kind), alerts in self._left.items():
            names = Counter(_name(alert) for alert in alerts)
            shown = ", ".join(f"{name} ({count})" for name, count in names.most_common(NAMES_SHOWN))
            more = f" and {len(names) - NAMES_SHOWN} other names" if len(names) > NAMES_SHOWN else ""
            verb = "fire" if kind is Kind.ALERT_FIRED else "were resolved"
            text = f"{len(alerts)} more alerts {verb}: {shown}{more}."
            self._write(incident, Draft(kind, text, _monitor(alerts[0]), self.tx.now, self.evidence))
        self._left.clear()

    def _write(self, incident: int, draft: Draft) -> None:
        if self.late:
            text = f"Learned late (by asking {draft.actor.name}, no delivery came): {draft.text}"
            draft = replace(draft, kind=Kind.LEARNED_LATE, text=text)
        self.tx.timeline.append(incident, draft)


def _name(alert: Alert) -> str:
    return " ".join(alert.name.split())[:200]


def _monitor(alert: Alert) -> Actor:
    return Actor(ActorKind.SYSTEM, alert.source, alert.source)
