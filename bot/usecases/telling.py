"""What a timeline says about an incident's alerts: the first ones one by one, those of a storm in one entry a while."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from bot.domain.alert import Alert
from bot.domain.incident import Incident, Untold
from bot.domain.timeline import Actor, ActorKind, Draft, Kind
from bot.ports.store import Timer, Transaction

ENTRIES_EACH = 20
"""Alerts of an incident that get an entry each, by kind; what follows is counted."""
TELL = "tell"
"""The kind of the timer that writes what was counted."""
TELL_AFTER = timedelta(seconds=10)
NAMES_SHOWN = 5
NAMED_OF = 100
"""So many alerts are looked at for the names that are shown."""


@dataclass(frozen=True, slots=True)
class Told:
    """How many alerts have entries of their own, fired and resolved; and those that are only counted."""

    fired: int
    resolved: int
    untold: Untold


@dataclass(slots=True)
class AlertLog:
    """Collects what one transaction's alerts did, and writes it at its end: a storm must not cost an entry an alert."""

    tx: Transaction
    late: bool = False
    _drafts: list[tuple[int, Draft]] = field(default_factory=list)
    _told: dict[tuple[int, Kind], int] = field(default_factory=dict)
    _untold: dict[int, Untold] = field(default_factory=dict)
    _known: dict[int, Incident] = field(default_factory=dict)

    def add(self, incident: int, kind: Kind, alert: Alert, evidence: str) -> None:
        """One alert fired or was resolved."""
        told = self._told_so_far(incident, kind)
        if told >= ENTRIES_EACH:
            self._untold[incident] = self._untold.get(incident, Untold()).more(kind, self.tx.now, evidence)
            return
        self._told[incident, kind] = told + 1
        self._drafts.append((incident, self.draft(kind, alert, evidence)))

    def knows(self, incident: Incident) -> None:
        """How much its timeline says already."""
        known = self._known.get(incident.number)
        if known is not None and known.reopened != incident.reopened:
            for kind in (Kind.ALERT_FIRED, Kind.ALERT_RESOLVED):
                self._told.pop((incident.number, kind), None)
        self._known[incident.number] = incident

    def _told_so_far(self, incident: int, kind: Kind) -> int:
        told = self._told.get((incident, kind))
        if told is not None:
            return told
        known = self._known.get(incident) or self.tx.incidents.get(incident)
        return 0 if known is None else told_of(known, kind)

    def draft(self, kind: Kind, alert: Alert, evidence: str) -> Draft:
        """What is written about one alert. `evidence`: of its delivery, for where it has no link of its own."""
        if kind is Kind.ALERT_FIRED:
            text = f"{name_of(alert)} fires{_how(alert)}: {' '.join(alert.summary.split())[:1_000]}"
            draft = Draft(kind, text, monitor(alert.source), alert.starts_at, alert.url or evidence)
        else:
            ended_at = alert.ends_at or self.tx.now
            draft = Draft(kind, f"{name_of(alert)} resolved{_how(alert)}.", monitor(alert.source), ended_at, evidence)
        if not self.late:
            return draft
        text = f"Learned late (by asking {draft.actor.name}, no delivery came): {draft.text}"
        return replace(draft, kind=Kind.LEARNED_LATE, text=text)

    def flush(self) -> None:
        """Write what was collected so far: something else is about to be written after it."""
        self.tx.timeline.extend(self._drafts)
        self._drafts.clear()

    def told(self, incident: Incident) -> "Told":
        """How much an incident's timeline says now, to be kept with it; what is only counted is told in a while."""
        number = incident.number
        untold = incident.untold.and_then(self._untold.get(number, Untold()))
        if untold.any and not incident.untold.any:
            self.tx.timers.set(Timer(f"{TELL}:{number}", TELL, number, self.tx.now + TELL_AFTER))
        return Told(
            self._told.get((number, Kind.ALERT_FIRED), incident.told_fired),
            self._told.get((number, Kind.ALERT_RESOLVED), incident.told_resolved),
            untold,
        )

    def tell(self, incident: Incident) -> Incident:
        """Write what was only counted now; gives the incident without it."""
        return tell(self.tx, incident)


def told_of(incident: Incident, kind: Kind) -> int:
    """How many of its alerts have an entry of their own."""
    return incident.told_fired if kind is Kind.ALERT_FIRED else incident.told_resolved


def tell(tx: Transaction, incident: Incident) -> Incident:
    """Write on the timeline what was only counted; gives the incident without it."""
    untold = incident.untold
    if not untold.any or untold.since is None:
        return incident
    parts = [f"{untold.fired} more alerts fired"] if untold.fired else []
    parts += [f"{untold.resolved} were resolved"] if untold.resolved else []
    told = f"{' and '.join(parts)} since {untold.since:%H:%M:%S} UTC; {incident.alerts_seen} were seen in all"
    text = f"{told}, the newest {_names(tx.episodes.alerts_of(incident.number, limit=NAMED_OF))}."
    kind = Kind.ALERT_FIRED if untold.fired else Kind.ALERT_RESOLVED
    tx.timeline.append(incident.number, Draft(kind, text, monitor(incident.source), untold.since, untold.evidence))
    tx.timers.cancel(f"{TELL}:{incident.number}")
    return replace(incident, untold=Untold())


def _names(alerts: Sequence[Alert]) -> str:
    names = list(dict.fromkeys(name_of(alert) for alert in alerts))
    more = f" and {len(names) - NAMES_SHOWN} other names" if len(names) > NAMES_SHOWN else ""
    return f"{', '.join(names[:NAMES_SHOWN])}{more}"


def tell_due(tx: Transaction, number: int) -> None:
    """The timer's doing."""
    incident = tx.incidents.get(number)
    if incident is not None and incident.untold.any:
        tx.incidents.save(tell(tx, incident))


def _how(alert: Alert) -> str:
    return " (read from a message; low fidelity)" if alert.low_fidelity else ""


def name_of(alert: Alert) -> str:
    """The alert's name on one line."""
    return " ".join(alert.name.split())[:200]


def monitor(source: str) -> Actor:
    """The system that says it."""
    return Actor(ActorKind.SYSTEM, source, source)
