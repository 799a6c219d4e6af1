"""An alert fires: it opens an incident, joins one, or brings one back."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from bot.domain.alert import Alert, Episode, Subject, reading_of, subject_of
from bot.domain.incident import Incident, Status, reopen
from bot.domain.post import Lane
from bot.domain.runbook import choose
from bot.domain.severity import from_labels
from bot.domain.timeline import BOT, Draft, Kind
from bot.ports.store import Place, Transaction
from bot.usecases import notify, policy, upstream
from bot.usecases.charting import owed
from bot.usecases.setup import Setup
from bot.usecases.telling import AlertLog, monitor, name_of, tell


@dataclass(slots=True)
class Rooms:
    """The incidents that one transaction's alerts open, join or bring back; `known` are those as they are now."""

    tx: Transaction
    setup: Setup
    log: AlertLog
    known: dict[int, Incident] = field(default_factory=dict)
    _about: dict[int, tuple[Subject, Place]] = field(default_factory=dict)
    """By the alert's identity: what it is about is asked for twice, and all alerts live as long as this."""
    _models: Sequence[str] = ()
    _asked: dict[Place, Place] = field(default_factory=dict)
    """Places that were looked up, each with itself without an environment."""
    _joinable: dict[Place, Incident] = field(default_factory=dict)
    _live: dict[Place, Incident] = field(default_factory=dict)
    """What an alert of this transaction has joined, until one opens anything: the next of its place joins it, too."""

    def __post_init__(self) -> None:
        self._models = self.setup.models

    def know(self, numbers: Sequence[int]) -> None:
        """Look up these incidents."""
        for number, incident in self.tx.incidents.get_all(numbers).items():
            self.known[number] = incident
            self.log.knows(incident)

    def expect(self, alerts: Sequence[Alert]) -> None:
        """Look up which incidents these alerts would join."""
        self._ask(list(dict.fromkeys(self._subject(alert)[1] for alert in alerts)))

    def _ask(self, places: Sequence[Place]) -> None:
        if places:
            recently = self.tx.now - self.setup.policies.reopen_within
            self._asked.update({place: replace(place, environment=None) for place in places})
            self._joinable.update(self.tx.incidents.joinable(places, resolved_after=recently))

    def get(self, number: int) -> Incident | None:
        """An incident as this transaction has left it."""
        return self.known.get(number) or self.tx.incidents.get(number)

    def _subject(self, alert: Alert) -> tuple[Subject, Place]:
        about = self._about.get(id(alert))
        if about is None:
            subject = subject_of(alert, self.setup.mapping, self._models)
            source = "" if subject.model is not None else alert.source
            about = self._about[id(alert)] = subject, Place(subject.model, source, subject.environment)
        return about

    def fired(self, alert: Alert, evidence: str, *, known_to: int | None, was: Episode | None) -> tuple[int, bool]:
        """The incident of an alert that fires, and whether it is new.

        `known_to`: the incident that it was part of; `was`: its newest episode until now.
        """
        subject, place = self._subject(alert)
        incident = self._live.get(place) or self._joined(place)
        if incident is None:
            self._live.clear()
            incident = _open(self.tx, self.setup, alert, subject)
            self.tx.timeline.extend([(incident.number, draft) for draft in self._first(incident, alert, evidence)])
            incident = upstream.placed(self.tx, self.setup, incident, self.known)
            notify.announce(self.tx, self.setup, incident)
            owed.owe(self.tx, self.setup, incident, alert)
            if incident.part_of is None:  # what the data does to many models, no change of one of them mends
                policy.consider(self.tx, self.setup, incident, alert.name)
            self._keep(place, replace(incident, told_fired=1))
            return incident.number, True
        if not incident.status.live:
            again = incident.number in {known_to, was.incident if was is not None else None}
            self.log.flush()
            incident = _bring_back(self.tx, self.setup, incident, alert, again=again)
        if place not in self._live:
            self._keep(place, incident)
            self._live[place] = incident
        self.log.add(incident.number, Kind.ALERT_FIRED, alert, evidence)
        self._mention_worse(incident, alert)
        return incident.number, False

    def _first(self, incident: Incident, alert: Alert, evidence: str) -> tuple[Draft, ...]:
        """What stands on the timeline of a new incident before anything else."""
        text = f"{incident.ref} opened: {incident.title} ({incident.severity.value}, {incident.severity_why})"
        return (
            Draft(Kind.OPENED, text, monitor(alert.source), alert.starts_at, evidence),
            self.log.draft(Kind.ALERT_FIRED, alert, evidence),
            Draft(Kind.ROUTED, notify.routing_text(self.setup, incident), BOT, self.tx.now),
        )

    def _keep(self, place: Place, incident: Incident) -> None:
        self._joinable[place] = self.known[incident.number] = incident
        self.log.knows(incident)

    def _joined(self, place: Place) -> Incident | None:
        """The newest of what is live in its place: one without an environment is joined from every environment."""
        if place not in self._asked:
            self._ask([place])
        here = self._joinable.get(place)
        anywhere = self._joinable.get(self._asked[place])
        found = [incident for incident in (here, anywhere) if incident is not None and _is_in(incident, place)]
        newest = max(found, key=lambda incident: incident.number, default=None)
        return None if newest is None else self.known.get(newest.number, newest)

    def _mention_worse(self, incident: Incident, alert: Alert) -> None:
        severity, _ = from_labels(alert.labels, self.setup.severities)
        if severity.worse_than(incident.severity):
            self.log.flush()
            _mention_worse(self.tx, self.setup, incident, alert)


def _is_in(incident: Incident, place: Place) -> bool:
    return incident.environment in {None, place.environment}


def _bring_back(tx: Transaction, setup: Setup, incident: Incident, alert: Alert, *, again: bool) -> Incident:
    why = f"{name_of(alert)} fires again" if again else f"{name_of(alert)} fires, soon after it was resolved"
    after, draft = reopen(tell(tx, incident), monitor(alert.source), tx.now, why)
    # Whoever is called back needs to know what fires now; the title stays what the incident is known by.
    reading = reading_of(alert, setup.mapping) or after.reading
    after = replace(after, reading=reading, told_fired=0, told_resolved=0)
    tx.incidents.save(after)
    tx.timeline.append(after.number, draft)
    notify.show(tx, after, Lane.NEW_INCIDENT)
    if not upstream.is_covered(tx, after):
        notify.page_responsible(tx, setup, after, why="the problem is back")
    return after


def _open(tx: Transaction, setup: Setup, alert: Alert, subject: Subject) -> Incident:
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
    return incident


def _title(alert: Alert, model: str | None) -> str:
    name = name_of(alert)[:120] or "unnamed alert"
    return f"{name} on {model}" if model else f"{name} (unknown model)"


def _mention_worse(tx: Transaction, setup: Setup, incident: Incident, alert: Alert) -> None:
    """Only people change a severity; but who was paged for less should know that it got worse. Once per severity."""
    severity, why = from_labels(alert.labels, setup.severities)
    if not severity.worse_than(incident.severity):
        return
    if not tx.keys.first("worse", f"{incident.number}:{incident.reopened}:{severity.value}"):
        return
    text = f"{name_of(alert)} speaks for {severity.value} ({why}); the incident stays {incident.severity.value}"
    tx.timeline.append(incident.number, Draft(Kind.NOTE, f"{text} until a person changes it.", BOT, tx.now))
    because = f"it got worse: {name_of(alert)[:100]} ({severity.value})"
    notify.page_again(tx, setup, incident, severity.value, why=because)
