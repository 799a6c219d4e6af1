"""Every webhook source loses alerts: what fires is asked for, and what was missed is entered as learned late."""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bot.domain.alert import Alert, AlertStatus, Episode
from bot.domain.errors import IntegrationError
from bot.domain.incident import confirm
from bot.domain.timeline import Actor, ActorKind
from bot.ports.clock import Clock
from bot.ports.store import AlertKey, Store, Transaction
from bot.usecases import notify, witness
from bot.usecases.fold import Receipt, take_alerts
from bot.usecases.setup import Setup
from bot.usecases.systems import Systems

_log = logging.getLogger(__name__)

ABSENT = "absent"
"""Where it is kept what a source does not list: one that was restarted lists nothing until it is told again."""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What one round found for one source; `fault` when it could not be asked."""

    source: str
    missed_firing: int = 0
    missed_resolved: int = 0
    confirmed: int = 0
    fault: str = ""


async def reconcile(
    store: Store, setup: Setup, systems: Systems, clock: Clock, nudge: Callable[[], None]
) -> Sequence[Reconciled]:
    """Ask every source that can be asked, and enter the difference. One that is slow keeps nobody waiting."""
    rounds = (ask_one(source, store, setup, systems, clock, nudge) for source in systems.polls)
    return await asyncio.gather(*rounds)


async def ask_one(
    source: str, store: Store, setup: Setup, systems: Systems, clock: Clock, nudge: Callable[[], None]
) -> Reconciled:
    """Ask one source what fires, and enter the difference; what could not be asked is a finding, not an error."""
    asked_at = clock.now()
    try:
        firing = tuple(await systems.polls[source].firing())
    except IntegrationError as error:
        return Reconciled(source, fault=error.what)
    except Exception as error:  # noqa: BLE001 - one adapter's fault must not keep the others from being asked
        _log.exception("asking %s what fires failed", source)
        return Reconciled(source, fault=f"Asking it failed ({type(error).__name__}).")
    doubted = await witness.doubted(store, systems, source)
    only_asked = source not in systems.sources
    result = await store.write(_Round(setup, source, firing, asked_at, doubted, only_asked).decide)
    if result.missed_firing or result.missed_resolved or result.confirmed:
        nudge()
    return result


def _absences(tx: Transaction, source: str) -> Mapping[str, str]:
    """Since when which of its alerts were not listed, in rounds that followed one another."""
    known: Mapping[str, str] = json.loads(tx.keys.get(ABSENT, source) or "{}")
    return known


@dataclass(frozen=True, slots=True)
class _Round:
    setup: Setup
    source: str
    firing: tuple[Alert, ...]
    asked_at: datetime
    doubted: frozenset[int]
    """Incidents whose end can't be confirmed now."""
    only_asked: bool
    """The source delivers nothing, so that nothing of it is late."""

    def decide(self, tx: Transaction) -> Reconciled:
        evidence = f"asked {self.source} at {self.asked_at:%Y-%m-%dT%H:%M:%SZ}"
        missed = self._missed(tx)
        opened = self._take(tx, missed, evidence) if missed else Receipt()
        gone = self._gone(tx)
        ended = self._take(tx, gone, evidence) if gone else Receipt()
        confirmed = self._confirm(tx)
        return Reconciled(self.source, opened.opened + opened.joined, ended.resolved, confirmed)

    def _take(self, tx: Transaction, alerts: Sequence[Alert], evidence: str) -> Receipt:
        return take_alerts(tx, self.setup, alerts, evidence=evidence, late=True, usual=self.only_asked)

    def _missed(self, tx: Transaction) -> list[Alert]:
        """Alerts that fire and are not known to. What has ended since we asked is known better than by the answer."""
        told = {tx.episodes.key_of(alert): alert for alert in reversed(self.firing) if not alert.muted}
        newest = tx.episodes.newest_of(list(told))
        return [alert for key, alert in reversed(told.items()) if not self._is_known(newest.get(key))]

    def _is_known(self, newest: Episode | None) -> bool:
        if newest is None:
            return False
        return newest.status is AlertStatus.FIRING or newest.last_seen >= self.asked_at

    def _gone(self, tx: Transaction) -> list[Alert]:
        """Alerts that we believe to fire and that the source has not listed for a while: their end was missed."""
        listed = self._listed(tx)
        gone: list[Alert] = []
        before = _absences(tx, self.source)
        absent: dict[str, str] = {}
        for episode in tx.episodes.firing_from(self.source):
            is_listed = (episode.source, episode.instance, episode.fingerprint) in listed
            if is_listed or episode.last_seen >= self.asked_at or episode.incident is None:
                continue
            name = f"{episode.instance} {episode.fingerprint}"
            since = datetime.fromisoformat(before.get(name, self.asked_at.isoformat()))
            absent[name] = since.isoformat()
            last = tx.episodes.alert_of(episode)
            if last is None or last.low_fidelity:  # read from words: its source doesn't list it under this identity
                continue
            if self.asked_at - since >= self.setup.policies.absent_for:
                gone.append(replace(last, status=AlertStatus.RESOLVED, starts_at=episode.starts_at, ends_at=since))
        if absent or before:
            tx.keys.put(ABSENT, self.source, json.dumps(absent))
        return gone

    def _listed(self, tx: Transaction) -> set[AlertKey]:
        """Also what is muted: it fires, and nobody is told."""
        return {tx.episodes.key_of(alert) for alert in self.firing}

    def _confirm(self, tx: Transaction) -> int:
        """A resolution that the source's own list agrees with counts as confirmed by it."""
        count, listed = 0, self._listed(tx)
        for incident in witness.unconfirmed(tx, self.source, before=self.asked_at):
            if incident.number in self.doubted:
                continue
            alerts = tx.episodes.alerts_of(incident.number, limit=1_000)
            if any(a.low_fidelity or tx.episodes.key_of(a) in listed for a in alerts):
                continue  # it fires again, silenced: "lists none of its alerts" would be untrue; or it can't be told
            by = Actor(ActorKind.SYSTEM, self.source, self.source)
            after, draft = confirm(incident, tx.now, by, f"asked, {self.source} lists none of its alerts any more")
            tx.incidents.save(after)
            tx.timeline.append(incident.number, draft)
            notify.show(tx, after)
            count += 1
        return count
