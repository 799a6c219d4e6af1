"""From a delivery to incidents, once: what a repeated, late or out-of-order delivery does is decided here."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bot.domain.alert import Alert, AlertStatus, Episode, EpisodeChange, observe
from bot.domain.incident import Incident, resolve, touched
from bot.domain.models import Change
from bot.domain.operation import Operation, OperationState
from bot.domain.timeline import Actor, ActorKind, Kind
from bot.ports.store import DeliveryOutcome, Store, Transaction
from bot.ports.systems import Delivery
from bot.usecases import live, notify
from bot.usecases.firing import AlertLog, Joined, fired
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
        """Keep a delivery that can't be read, with its body; of equal ones the first keeps it."""
        digest = hashlib.sha256(delivery.body).hexdigest()

        def decide(tx: Transaction) -> None:
            is_new = tx.keys.first("dead letter", f"{integration}:{digest}")
            tx.deliveries.add(
                integration, digest, len(delivery.body), DeliveryOutcome.DEAD,
                alerts=0, reason=reason[:1_000], body=delivery.body if is_new else None,
            )  # fmt: skip

        await self._store.write(decide)


def take_alerts(
    tx: Transaction, setup: Setup, alerts: Sequence[Alert], *, evidence: str, late: bool = False, usual: bool = False
) -> Receipt:
    """Fold alerts into episodes and incidents. `late`: learned by asking the source, not by its delivery.

    `usual`: asking is how that source tells, so the timeline says nothing of it.
    """
    counts = dict.fromkeys(EpisodeChange, 0)
    joined = 0
    touched_: list[int] = []
    log, joined_before = AlertLog(tx, evidence, late=late and not usual), Joined()
    for alert in alerts:
        found = _fold(tx, alert, late=late)
        episode = found.episode
        counts[found.change] += 1
        match found.change:
            case EpisodeChange.OPENED:
                number, is_new = fired(tx, setup, alert, log, joined_before, known_to=episode.incident)
                joined += not is_new
                touched_.append(number)
                episode = replace(episode, incident=number)
            case EpisodeChange.RESOLVED if episode.incident is not None:
                log.add(episode.incident, Kind.ALERT_RESOLVED, alert)
                touched_.append(episode.incident)
            case _:
                pass
        tx.episodes.save(episode, alert, moved_from=found.moved_from)
    log.close()
    numbers = tuple(dict.fromkeys(touched_))
    for number in numbers:
        _settle(tx, setup, number)
    ignored = (EpisodeChange.REPEATED, EpisodeChange.STALE, EpisodeChange.UNKNOWN_RESOLVED)
    return Receipt(
        opened=counts[EpisodeChange.OPENED] - joined,
        joined=joined,
        refreshed=counts[EpisodeChange.REFRESHED],
        resolved=counts[EpisodeChange.RESOLVED],
        ignored=sum(counts[kind] for kind in ignored),
        incidents=numbers,
    )


# ---------------------------------------------------------------- episodes


@dataclass(frozen=True, slots=True)
class _Folded:
    """An alert's episode after it; `moved_from` is the start under which it was known before."""

    change: EpisodeChange
    episode: Episode
    moved_from: datetime | None = None


def _fold(tx: Transaction, alert: Alert, *, late: bool) -> _Folded:
    """Find the episode that an alert belongs to, and fold it in."""
    newest = tx.episodes.newest(alert.source, alert.instance, alert.fingerprint)
    if newest is None or newest.starts_at == alert.starts_at:
        known = newest
    elif newest.starts_at > alert.starts_at:
        known = tx.episodes.get(alert.source, alert.instance, alert.fingerprint, alert.starts_at)
    elif newest.status is AlertStatus.FIRING:
        return _go_on(tx, newest, alert)
    else:
        known = None
    ended = newest is not None and newest.status is AlertStatus.RESOLVED and newest.starts_at >= alert.starts_at
    if newest is not None and ended and late and alert.status is AlertStatus.FIRING:
        # The source itself says that it fires: what was taken for its end was none.
        revived = replace(newest, status=AlertStatus.FIRING, ends_at=None, last_seen=max(tx.now, newest.last_seen))
        return _Folded(EpisodeChange.OPENED, revived)
    return _Folded(*observe(known, newest, alert, tx.now))


def _go_on(tx: Transaction, firing: Episode, alert: Alert) -> _Folded:
    """A newer start of what fires already: its monitor was restarted, or reports verdicts, or its end got lost.

    The episode takes the newer start, so that what is delivered late about the older one is known to be stale. Only
    when people have ended the incident meanwhile, it counts as firing anew.
    """
    change, episode = observe(firing, firing, alert, tx.now)
    incident = tx.incidents.get(firing.incident) if firing.incident is not None else None
    if change is EpisodeChange.REFRESHED and (incident is None or not incident.status.live):
        change = EpisodeChange.OPENED
    return _Folded(change, replace(episode, starts_at=alert.starts_at), firing.starts_at)


# ---------------------------------------------------------------- incidents


def _settle(tx: Transaction, setup: Setup, number: int) -> None:
    """Bring the incident's counts up to date; resolve it when nothing fires any more; show it."""
    incident = tx.incidents.get(number)
    if incident is None:
        return
    firing, seen = tx.episodes.tally(number)
    incident = replace(touched(incident), alerts_firing=firing, alerts_seen=max(seen, incident.alerts_seen))
    tx.incidents.save(incident)
    if firing == 0 and incident.status.live:
        _resolve_by_source(tx, setup, incident)
    notify.show(tx, incident)


def _resolve_by_source(tx: Transaction, setup: Setup, incident: Incident) -> None:
    done = _what_helped(tx, incident)
    if done is not None:
        why = f"every alert has ended after {done.ref}, whose result was confirmed by the serving side"
    else:
        why = f"{incident.source} says that every alert has ended; nothing else has confirmed it"
    by = Actor(ActorKind.SYSTEM, incident.source, incident.source)
    after, draft = resolve(incident, by, tx.now, why=why, confirmed=done is not None)
    tx.incidents.save(after)
    tx.timeline.append(incident.number, draft)
    notify.resolved(tx, setup, after)


_DONE = {OperationState.SUCCEEDED, OperationState.WATCHING}


def _what_helped(tx: Transaction, incident: Incident) -> Operation | None:
    """The newest operation that was seen to be done since the incident was opened, the last time if several times."""
    begun = incident.opened_at
    if incident.reopened:
        begun = max(e.learned_at for e in tx.timeline.of(incident.number) if e.kind is Kind.REOPENED)
    for operation in tx.operations.newest(limit=5, incident=incident.number):
        confirmed = operation.watch.since if operation.watch is not None else operation.finished_at
        if operation.state in _DONE and confirmed is not None and confirmed >= begun:
            return operation
    return None
