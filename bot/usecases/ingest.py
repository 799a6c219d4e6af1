"""From a delivery to incidents, once: what a repeated, late or out-of-order delivery does is decided here."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from bot.domain.alert import Alert, AlertStatus, Episode, EpisodeChange, observe, reading_of, subject_of
from bot.domain.incident import Incident, Status, reopen, resolve, touched
from bot.domain.models import Change
from bot.domain.operation import OperationState
from bot.domain.runbook import choose
from bot.domain.severity import from_labels
from bot.domain.timeline import BOT, Actor, ActorKind, Draft, Kind
from bot.ports.store import DeliveryOutcome, Store, Transaction
from bot.ports.systems import Delivery
from bot.usecases import live, notify
from bot.usecases.setup import Setup


@dataclass(frozen=True, slots=True)
class Receipt:
    """What one delivery did, in numbers of alerts."""

    delivery: int = 0
    opened: int = 0
    joined: int = 0
    refreshed: int = 0
    resolved: int = 0
    ignored: int = 0
    changes: int = 0
    incidents: tuple[int, ...] = ()
    """The incidents that were touched."""


class Intake:
    """The door for deliveries: returns after the commit, so that a 2xx means it is on disk."""

    def __init__(self, store: Store, setup: Setup, nudge: Callable[[], None]) -> None:
        self._store = store
        self._setup = setup
        self._nudge = nudge

    async def take(
        self, integration: str, delivery: Delivery, alerts: Sequence[Alert], changes: Sequence[Change] = ()
    ) -> Receipt:
        """Fold a delivery's alerts into incidents, in one transaction."""
        digest = hashlib.sha256(delivery.body).hexdigest()

        def decide(tx: Transaction) -> Receipt:
            number = tx.deliveries.add(
                integration, digest, len(delivery.body), DeliveryOutcome.TAKEN, alerts=len(alerts)
            )
            fresh = live.remember(tx, changes)
            receipt = take_alerts(tx, self._setup, alerts, evidence=f"sha256:{digest}")
            return replace(receipt, delivery=number, changes=fresh)

        receipt = await self._store.write(decide)
        if receipt.incidents or receipt.changes:
            self._nudge()
        return receipt

    async def dead_letter(self, integration: str, delivery: Delivery, reason: str) -> None:
        """Keep a delivery that can't be read, with its body."""
        digest = hashlib.sha256(delivery.body).hexdigest()

        def decide(tx: Transaction) -> None:
            tx.deliveries.add(
                integration, digest, len(delivery.body), DeliveryOutcome.DEAD,
                alerts=0, reason=reason[:1_000], body=delivery.body,
            )  # fmt: skip

        await self._store.write(decide)


def take_alerts(
    tx: Transaction, setup: Setup, alerts: Sequence[Alert], *, evidence: str, late: bool = False
) -> Receipt:
    """Fold alerts into episodes and incidents. `late`: learned by asking the source, not by its delivery."""
    counts = dict.fromkeys(EpisodeChange, 0)
    joined = 0
    seen: list[int] = []
    for alert in alerts:
        change, episode = _fold(tx, alert)
        counts[change] += 1
        match change:
            case EpisodeChange.OPENED:
                number, is_new = _fired(tx, setup, alert, evidence, late=late)
                joined += not is_new
                seen.append(number)
                episode = replace(episode, incident=number)
            case EpisodeChange.RESOLVED if episode.incident is not None:
                _ended(tx, alert, episode.incident, evidence, late=late)
                seen.append(episode.incident)
            case _:
                pass
        tx.episodes.save(episode, alert)
    for number in dict.fromkeys(seen):
        _settle(tx, setup, number)
    ignored = (EpisodeChange.REPEATED, EpisodeChange.STALE, EpisodeChange.UNKNOWN_RESOLVED)
    return Receipt(
        opened=counts[EpisodeChange.OPENED] - joined,
        joined=joined,
        refreshed=counts[EpisodeChange.REFRESHED],
        resolved=counts[EpisodeChange.RESOLVED],
        ignored=sum(counts[kind] for kind in ignored),
        incidents=tuple(dict.fromkeys(seen)),
    )


def _fold(tx: Transaction, alert: Alert) -> tuple[EpisodeChange, Episode]:
    """Find the episode that an alert belongs to.

    A monitor that was restarted, and a monitor that only reports verdicts, name a new start for a problem that is
    still going on: such an alert goes on with the firing episode, and a later "resolved" ends it.
    """
    known = tx.episodes.get(alert.source, alert.instance, alert.fingerprint, alert.starts_at)
    newest = tx.episodes.newest(alert.source, alert.instance, alert.fingerprint)
    goes_on = (
        known is None
        and newest is not None
        and newest.status is AlertStatus.FIRING
        and newest.starts_at <= alert.starts_at
    )
    return observe(newest if goes_on else known, newest, alert, tx.now)


# ---------------------------------------------------------------- an alert fires


def _fired(tx: Transaction, setup: Setup, alert: Alert, evidence: str, *, late: bool) -> tuple[int, bool]:
    subject = subject_of(alert, setup.mapping, setup.models)
    since = tx.now - setup.policies.reopen_within
    incident = tx.incidents.joinable(
        model=subject.model, source=alert.source, environment=subject.environment, resolved_after=since
    )
    if incident is None:
        return _open(tx, setup, alert, evidence, late=late), True
    if not incident.status.live:
        incident, draft = reopen(incident, _monitor(alert), tx.now, f"{alert.name} fires again")
        tx.incidents.save(incident)
        tx.timeline.append(incident.number, draft)
        notify.page_responsible(tx, setup, incident, why="the problem is back")
    tx.timeline.append(incident.number, _fired_draft(alert, evidence, late=late))
    _mention_worse(tx, setup, incident, alert)
    tx.incidents.save(touched(incident))
    return incident.number, False


def _open(tx: Transaction, setup: Setup, alert: Alert, evidence: str, *, late: bool) -> int:
    subject = subject_of(alert, setup.mapping, setup.models)
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
    tx.timeline.append(incident.number, Draft(Kind.OPENED, opened, _monitor(alert), alert.starts_at, evidence))
    tx.timeline.append(incident.number, _fired_draft(alert, evidence, late=late))
    tx.timeline.append(incident.number, Draft(Kind.ROUTED, notify.routing_text(setup, incident), BOT, tx.now))
    notify.announce(tx, setup, incident)
    return incident.number


def _title(alert: Alert, model: str | None) -> str:
    name = " ".join(alert.name.split())[:120] or "unnamed alert"
    return f"{name} on {model}" if model else f"{name} (unknown model)"


def _fired_draft(alert: Alert, evidence: str, *, late: bool) -> Draft:
    text = f"{alert.name[:200]} fires: {' '.join(alert.summary.split())[:1_000]}"
    if late:
        text = f"Learned late (by asking {alert.source}, no delivery came): {text}"
    return Draft(
        Kind.LEARNED_LATE if late else Kind.ALERT_FIRED, text, _monitor(alert), alert.starts_at, alert.url or evidence
    )


def _mention_worse(tx: Transaction, setup: Setup, incident: Incident, alert: Alert) -> None:
    """Only people change a severity; but who was paged for less should know that it got worse."""
    severity, why = from_labels(alert.labels, setup.severities)
    if severity.worse_than(incident.severity):
        text = f"{alert.name[:200]} speaks for {severity.value} ({why}); the incident stays {incident.severity.value}"
        tx.timeline.append(incident.number, Draft(Kind.NOTE, f"{text} until a person changes it.", BOT, tx.now))
        notify.page_responsible(tx, setup, incident, why=f"it got worse: {alert.name[:100]} ({severity.value})")


# ---------------------------------------------------------------- an alert ends


def _ended(tx: Transaction, alert: Alert, number: int, evidence: str, *, late: bool) -> None:
    text = f"{alert.name[:200]} resolved."
    if late:
        text = f"Learned late (by asking {alert.source}, no delivery came): {text}"
    kind = Kind.LEARNED_LATE if late else Kind.ALERT_RESOLVED
    tx.timeline.append(number, Draft(kind, text, _monitor(alert), alert.ends_at or tx.now, evidence))


def _settle(tx: Transaction, setup: Setup, number: int) -> None:
    """Bring the incident's counts up to date; resolve it when nothing fires any more; show it."""
    incident = tx.incidents.get(number)
    if incident is None:
        return
    firing = len(tx.episodes.firing_of(number))
    seen = len(tx.episodes.alerts_of(number, limit=1_000))
    incident = replace(touched(incident), alerts_firing=firing, alerts_seen=max(seen, incident.alerts_seen))
    tx.incidents.save(incident)
    if firing == 0 and incident.status.live:
        _resolve_by_source(tx, setup, incident)
    notify.show(tx, incident)


def _resolve_by_source(tx: Transaction, setup: Setup, incident: Incident) -> None:
    done = [o for o in tx.operations.newest(limit=5, incident=incident.number) if o.state is OperationState.SUCCEEDED]
    if done:
        why = f"every alert has ended after {done[0].ref}, whose result was confirmed by the serving side"
    else:
        why = f"{incident.source} says that every alert has ended; nothing else has confirmed it"
    by = Actor(ActorKind.SYSTEM, incident.source, incident.source)
    after, draft = resolve(incident, by, tx.now, why=why, confirmed=bool(done))
    tx.incidents.save(after)
    tx.timeline.append(incident.number, draft)
    notify.resolved(tx, setup, after)


def _monitor(alert: Alert) -> Actor:
    return Actor(ActorKind.SYSTEM, alert.source, alert.source)
