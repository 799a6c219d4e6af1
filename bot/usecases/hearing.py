"""A monitor that was heard of and is silent now is a problem of its own: an incident of Monitoring & Logging.

Two kinds of silence: a source that is asked what fires and does not answer, and a monitor that has to report (a drift
verdict each night) and does not. Only what was heard of once can fall silent, and the bot's own absence is nobody's
silence: it is measured from the moment since which the bot has listened without a gap.
"""

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.alert import Alert, AlertStatus, subject_of
from bot.domain.incident import confirm
from bot.domain.timeline import BOT
from bot.ports.store import Store, Transaction
from bot.usecases import notify, witness
from bot.usecases.fold import take_alerts
from bot.usecases.reconcile import Reconciled
from bot.usecases.setup import Setup

SELF = "mlops-bot"
"""The source of these alerts: nobody delivers them."""
ALERT = "MonitorSilent"
GAP = timedelta(minutes=3)
"""Between two judgements, or three times as long as usual; more means that the bot was away, and heard nobody then."""

HEARD, UNANSWERED, LISTENING = "heard", "unanswered", "listening"


@dataclass(frozen=True, slots=True)
class Judged:
    """How many monitors fell silent, and how many speak again."""

    fell_silent: int = 0
    speak_again: int = 0


async def answers(store: Store, rounds: Sequence[Reconciled]) -> None:
    """Remember which sources have answered in a round of asking, and what the others' fault was."""

    def note(tx: Transaction) -> None:
        for one in rounds:
            if not one.fault:
                tx.keys.put(HEARD, one.source, tx.now.isoformat())
            if one.fault or tx.keys.get(UNANSWERED, one.source):
                tx.keys.put(UNANSWERED, one.source, one.fault)

    await store.write(note)


class Ear:
    """Hears deliveries of the monitors that have to report; those of others cost nothing."""

    def __init__(self, store: Store, setup: Setup) -> None:
        self._store = store
        self._setup = setup
        self._sources = frozenset(rule.source for rule in setup.policies.monitors)

    async def heard(self, source: str, alerts: Collection[Alert]) -> None:
        """A delivery of a source was taken: whatever it says, its monitors live."""
        if source not in self._sources:
            return
        subjects = (subject_of(alert, self._setup.mapping, self._setup.models) for alert in alerts)
        names = {source, *(_name(source, subject.model) for subject in subjects if subject.model)}

        def note(tx: Transaction) -> None:
            for name in sorted(names):
                tx.keys.put(HEARD, name, tx.now.isoformat())

        await self._store.write(note)


async def judge(store: Store, setup: Setup, polls: Collection[str], nudge: Callable[[], None]) -> Judged:
    """Open an incident for who is silent for too long, and end that of who speaks again."""
    judged = await store.write(lambda tx: _judge(tx, setup, polls))
    if judged.fell_silent or judged.speak_again:
        nudge()
    return judged


# ---------------------------------------------------------------- the decision


@dataclass(frozen=True, slots=True)
class _Watched:
    """Something that is listened to."""

    name: str
    within: timedelta
    source: str
    model: str = ""
    asked: bool = False

    @property
    def fingerprint(self) -> str:
        return f"silent:{'asked:' if self.asked else ''}{self.name}"


def _name(source: str, model: str) -> str:
    return f"{source} {model}" if model else source


def _watched(setup: Setup, polls: Collection[str]) -> Iterator[_Watched]:
    for source in polls:
        yield _Watched(source, setup.policies.unanswered_after, source, asked=True)
    for rule in setup.policies.monitors:
        yield _Watched(_name(rule.source, rule.model), rule.within, rule.source, rule.model)


def _judge(tx: Transaction, setup: Setup, polls: Collection[str]) -> Judged:
    since = _listening_since(tx, max(GAP, 3 * setup.policies.reconcile_every))
    silent: list[Alert] = []
    speaking: list[Alert] = []
    for one in _watched(setup, polls):
        heard = _heard(tx, one)
        before = tx.episodes.newest(SELF, SELF, one.fingerprint)
        fires = before is not None and before.status is AlertStatus.FIRING
        if heard is None:
            continue
        if not fires and tx.now - max(heard, since) > one.within:
            silent.append(_alert(tx, setup, one, heard))
        elif fires and before is not None and heard > before.first_seen:
            speaking.append(_alert(tx, setup, one, before.starts_at, ended=heard))
    # What nobody watches any more (a rule was removed) ends as well: nothing would ever end it.
    known = {one.fingerprint for one in _watched(setup, polls)}
    gone = [episode for episode in tx.episodes.firing_from(SELF) if episode.fingerprint not in known]
    speaking += [_over(alert, tx.now) for episode in gone if (alert := tx.episodes.alert_of(episode)) is not None]
    if silent:
        take_alerts(tx, setup, silent, evidence="")
    if speaking:
        take_alerts(tx, setup, speaking, evidence="")
        _confirm(tx)
    return Judged(len(silent), len(speaking))


def _listening_since(tx: Transaction, gap: timedelta) -> datetime:
    """Since when the bot listens without a gap. Several processes keep the same row: one that listens is enough."""
    known = json.loads(tx.keys.get(LISTENING, SELF) or "{}")
    since = datetime.fromisoformat(known["since"]) if known else tx.now
    if known and tx.now - datetime.fromisoformat(known["last"]) > gap:
        since = tx.now
    tx.keys.put(LISTENING, SELF, json.dumps({"since": since.isoformat(), "last": tx.now.isoformat()}))
    return since


def _heard(tx: Transaction, one: _Watched) -> datetime | None:
    known = tx.keys.get(HEARD, one.name)
    return datetime.fromisoformat(known) if known else None


def _alert(tx: Transaction, setup: Setup, one: _Watched, since: datetime, *, ended: datetime | None = None) -> Alert:
    labels = {"alertname": ALERT, "monitor": one.source}
    if one.model and setup.mapping.model:
        labels[setup.mapping.model[0]] = one.model
    return Alert(
        source=SELF,
        instance=SELF,
        fingerprint=one.fingerprint,
        name=ALERT,
        status=AlertStatus.FIRING if ended is None else AlertStatus.RESOLVED,
        starts_at=since,
        ends_at=ended,
        labels=labels,
        annotations={"summary": _summary(tx, one, since)},
        monitoring_fault=True,
    )


def _summary(tx: Transaction, one: _Watched, since: datetime) -> str:
    if one.asked:
        fault = tx.keys.get(UNANSWERED, one.name) or "It does not answer."
        return f"{one.source} has not said what fires since {since:%Y-%m-%d %H:%M} UTC. {fault}"
    about = f" about {one.model}" if one.model else ""
    return (
        f"{one.source} has reported nothing{about} since {since:%Y-%m-%d %H:%M} UTC; "
        f"it has to at least every {_words(one.within)}."
    )


def _words(time: timedelta) -> str:
    minutes = int(time.total_seconds() // 60)
    hours, rest = divmod(minutes, 60)
    return f"{hours} h" if hours and not rest else f"{hours} h {rest} min" if hours else f"{minutes} min"


def _over(alert: Alert, at: datetime) -> Alert:
    return Alert(
        alert.source, alert.instance, alert.fingerprint, alert.name, AlertStatus.RESOLVED, alert.starts_at, at,
        alert.labels, alert.annotations, monitoring_fault=True,
    )  # fmt: skip


def _confirm(tx: Transaction) -> None:
    """We have heard it ourselves: nothing else has to confirm it."""
    for incident in list(witness.unconfirmed(tx, SELF, before=tx.now + timedelta(seconds=1))):
        after, draft = confirm(incident, tx.now, BOT, "it was heard of again, or is not listened to any more")
        tx.incidents.save(after)
        tx.timeline.append(incident.number, draft)
        notify.show(tx, after)
