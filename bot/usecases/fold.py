"""Alerts become episodes and incidents, many at once: what is known is looked up once, and all is written together.

Alerts are taken one after the other, each as if those before it were written already; only the statements are shared.
What a repeated, late or out-of-order alert does is decided here.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from bot.domain.alert import Alert, AlertStatus, Episode, EpisodeChange, observe
from bot.domain.incident import Incident, resolve
from bot.domain.operation import Operation, OperationState
from bot.domain.post import Lane
from bot.domain.timeline import Actor, ActorKind, Kind
from bot.ports.store import AlertKey, EpisodeWrite, Transaction
from bot.usecases import notify
from bot.usecases.firing import Rooms
from bot.usecases.setup import Setup
from bot.usecases.telling import AlertLog


@dataclass(frozen=True, slots=True)
class Receipt:
    """What one delivery did, in numbers of alerts."""

    opened: int = 0
    joined: int = 0
    refreshed: int = 0
    resolved: int = 0
    ignored: int = 0
    changes: int = 0
    incidents: tuple[int, ...] = ()
    """The incidents that were touched."""

    @property
    def changed(self) -> bool:
        """Whether anything is different now, but for when an alert was seen last."""
        return bool(self.opened or self.joined or self.resolved or self.changes)


def take_alerts(
    tx: Transaction, setup: Setup, alerts: Sequence[Alert], *, evidence: str, late: bool = False, usual: bool = False
) -> Receipt:
    """Fold alerts into episodes and incidents. `late`: learned by asking the source, not by its delivery.

    `usual`: asking is how that source tells, so the timeline says nothing of it.
    """
    fold = Fold(tx, setup, late=late, usual=usual)
    fold.expect(alerts)
    receipt = fold.take(alerts, evidence)
    fold.close()
    return receipt


_IGNORED = (EpisodeChange.REPEATED, EpisodeChange.STALE, EpisodeChange.UNKNOWN_RESOLVED)


@dataclass(slots=True)
class _Count:
    """How an incident's counts of alerts change."""

    firing: int = 0
    seen: int = 0


@dataclass(frozen=True, slots=True)
class _Folded:
    """What an alert means; `before` is its episode as it was known."""

    change: EpisodeChange
    before: Episode | None
    episode: Episode


@dataclass(slots=True)
class Fold:
    """One transaction's alerts. `expect` them all, `take` each delivery's in order, then `close`."""

    tx: Transaction
    setup: Setup
    late: bool = False
    usual: bool = False
    _keys: dict[int, AlertKey] = field(default_factory=dict)
    """By the alert's identity: each is asked for it often, and all live as long as the fold."""
    _newest: dict[AlertKey, Episode] = field(default_factory=dict)
    _writes: dict[tuple[AlertKey, datetime], EpisodeWrite] = field(default_factory=dict)
    _left: set[tuple[AlertKey, datetime]] = field(default_factory=set)
    """Starts under which nothing is known any more: the episode takes a newer one."""
    _counts: dict[int, _Count] = field(default_factory=dict)
    _touched: dict[int, None] = field(default_factory=dict)
    _rooms: Rooms = field(init=False)
    _log: AlertLog = field(init=False)

    def __post_init__(self) -> None:
        self._log = AlertLog(self.tx, late=self.late and not self.usual)
        self._rooms = Rooms(self.tx, self.setup, self._log)

    def expect(self, alerts: Sequence[Alert]) -> None:
        """Look up what is known about all of them, and which incidents they could join."""
        for alert in alerts:
            self._keys[id(alert)] = self.tx.episodes.key_of(alert)
        self._newest.update(self.tx.episodes.newest_of(list(dict.fromkeys(self._keys.values()))))
        self._rooms.know(list({*self._ending(alerts)}))
        self._rooms.expect([alert for alert in alerts if self._may_open(alert)])

    def _ending(self, alerts: Sequence[Alert]) -> Iterator[int]:
        """The incidents of what fires and is about to be something else."""
        for alert in alerts:
            newest = self._before(alert)
            fires = newest is not None and newest.status is AlertStatus.FIRING
            if newest is not None and newest.incident is not None and fires and _differs(newest, alert):
                yield newest.incident

    def _may_open(self, alert: Alert) -> bool:
        if alert.status is not AlertStatus.FIRING:
            return False
        newest = self._before(alert)
        return newest is None or newest.status is not AlertStatus.FIRING or _differs(newest, alert)

    def take(self, alerts: Sequence[Alert], evidence: str) -> Receipt:
        """Fold one delivery's alerts in."""
        counts: Counter[EpisodeChange] = Counter()
        new, numbers = 0, dict[int, None]()
        for alert in alerts:
            folded = self._fold(alert)
            counts[folded.change] += 1
            episode = folded.episode
            match folded.change:
                case EpisodeChange.OPENED:
                    known_to, was = episode.incident, self._before(alert)
                    number, is_new = self._rooms.fired(alert, evidence, known_to=known_to, was=was)
                    new += is_new
                    numbers[number] = None
                    episode = episode.joins(number)
                case EpisodeChange.RESOLVED if episode.incident is not None:
                    self._log.add(episode.incident, Kind.ALERT_RESOLVED, alert, evidence)
                    numbers[episode.incident] = None
                case _:
                    pass
            self._keep(alert, folded.before, episode)
        self._touched.update(numbers)
        return Receipt(
            opened=new,
            joined=counts[EpisodeChange.OPENED] - new,
            refreshed=counts[EpisodeChange.REFRESHED],
            resolved=counts[EpisodeChange.RESOLVED],
            ignored=sum(counts[kind] for kind in _IGNORED),
            incidents=tuple(numbers),
        )

    def close(self) -> None:
        """Write it all: episodes, timelines, the incidents' counts; resolve those of which nothing fires any more."""
        self.tx.episodes.save_all(list(self._writes.values()))
        loaded = self.tx.incidents.get_all([number for number in self._counts if number not in self._rooms.known])
        incidents = {**loaded, **self._rooms.known}
        self._log.flush()
        wanted = [incidents[number] for number in {**self._touched, **self._counts} if number in incidents]
        after = [self._counted(incident) for incident in wanted]
        self.tx.incidents.count_all(after)
        shown = [incident for incident in after if incident.number in self._touched]
        for incident in shown:
            if incident.alerts_firing == 0 and incident.status.live:
                _resolve_by_source(self.tx, self.setup, incident, self._log)
        notify.show_all(self.tx, shown, Lane.ENRICHMENT)

    # ------------------------------------------------------------ episodes

    def _before(self, alert: Alert) -> Episode | None:
        return self._newest.get(self._key(alert))

    def _key(self, alert: Alert) -> AlertKey:
        return self._keys[id(alert)]

    def _fold(self, alert: Alert) -> _Folded:
        """Find the episode that an alert belongs to, and fold it in."""
        newest = self._before(alert)
        if newest is None or newest.starts_at == alert.starts_at:
            known = newest
        elif newest.starts_at > alert.starts_at:
            known = self._stored(alert)
        elif newest.status is AlertStatus.FIRING:
            return self._go_on(newest, alert)
        else:
            known = None
        ended = newest is not None and newest.status is AlertStatus.RESOLVED and newest.starts_at >= alert.starts_at
        if newest is not None and ended and self.late and alert.status is AlertStatus.FIRING:
            # The source itself says that it fires: what was taken for its end was none.
            seen = max(self.tx.now, newest.last_seen)
            revived = replace(newest, status=AlertStatus.FIRING, ends_at=None, last_seen=seen)
            return _Folded(EpisodeChange.OPENED, newest, revived)
        change, episode = observe(known, newest, alert, self.tx.now)
        if known is None and newest is not None and change is EpisodeChange.STALE:
            # It was over when the newer one began; kept as firing, it would be so for ever: nobody tells its end again.
            episode = replace(episode, status=AlertStatus.RESOLVED, ends_at=alert.ends_at or newest.starts_at)
        return _Folded(change, known, episode)

    def _stored(self, alert: Alert) -> Episode | None:
        """An episode that is not the newest of its alert."""
        place = (self._key(alert), alert.starts_at)
        write = self._writes.get(place)
        if write is not None:
            return write.episode
        if place in self._left:
            return None
        return self.tx.episodes.get(alert.source, alert.instance, alert.fingerprint, alert.starts_at)

    def _go_on(self, firing: Episode, alert: Alert) -> _Folded:
        """A newer start of what fires already: its monitor was restarted, or reports verdicts, or its end got lost.

        The episode takes the newer start, so that what is delivered late about the older one is known to be stale. Only
        when people have ended the incident meanwhile, it counts as firing anew.
        """
        change, episode = observe(firing, firing, alert, self.tx.now)
        incident = None if firing.incident is None else self._rooms.get(firing.incident)
        if change is EpisodeChange.REFRESHED and (incident is None or not incident.status.live):
            change = EpisodeChange.OPENED
        return _Folded(change, firing, replace(episode, starts_at=alert.starts_at))

    def _keep(self, alert: Alert, before: Episode | None, episode: Episode) -> None:
        """Remember what must be written, and count."""
        key = self._key(alert)
        stored_as = None
        if before is not None:
            write = self._writes.pop((key, before.starts_at), None)
            stored_as = before.starts_at if write is None else write.stored_as
            if before.starts_at != episode.starts_at:
                self._left.add((key, before.starts_at))
        self._writes[key, episode.starts_at] = EpisodeWrite(key, episode, alert, stored_as)
        newest = self._newest.get(key)
        if newest is None or episode.starts_at >= newest.starts_at:
            self._newest[key] = episode
        self._count(before, episode)

    def _count(self, before: Episode | None, after: Episode) -> None:
        was = before.incident if before is not None else None
        if before is not None and was is not None and before.status is AlertStatus.FIRING:
            self._counts.setdefault(was, _Count()).firing -= 1
        if after.incident is None:
            return
        count = self._counts.setdefault(after.incident, _Count())
        count.firing += after.status is AlertStatus.FIRING
        count.seen += after.incident != was

    def _counted(self, incident: Incident) -> Incident:
        """The incident with its new counts: in one copy, for it is large and this is done for every delivery."""
        count = self._counts.get(incident.number, _Count())
        told = self._log.told(incident)
        return replace(
            incident,
            revision=incident.revision + (incident.number in self._touched),
            alerts_firing=incident.alerts_firing + count.firing,
            alerts_seen=incident.alerts_seen + count.seen,
            told_fired=told.fired,
            told_resolved=told.resolved,
            untold=told.untold,
        )


def _differs(newest: Episode, alert: Alert) -> bool:
    return newest.starts_at != alert.starts_at or newest.status is not alert.status


# ---------------------------------------------------------------- the end of an incident


def _resolve_by_source(tx: Transaction, setup: Setup, incident: Incident, log: AlertLog) -> None:
    done = _what_helped(tx, incident)
    if done is not None:
        why = f"every alert has ended after {done.ref}, whose result was confirmed by the serving side"
    else:
        why = f"{incident.source} says that every alert has ended; nothing else has confirmed it"
    by = Actor(ActorKind.SYSTEM, incident.source, incident.source)
    after, draft = resolve(log.tell(incident), by, tx.now, why=why, confirmed=done is not None)
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
