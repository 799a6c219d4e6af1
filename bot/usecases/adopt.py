"""Alerts that other bots post in channels: a message is read as a delivery is, once for each of its states.

What a template of ours has written is whole: it has the identity that the source's delivery has, so that both together
are one incident. Of anything else the words are compared with what the source says that fires, when it can be asked,
and with what is known to fire already. When nothing of that fits, the words are all there is: an alert of low fidelity.
"""

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from bot.domain.alert import Alert, AlertStatus
from bot.domain.errors import IntegrationError
from bot.domain.post import Lane, Post, PostKind
from bot.domain.timeline import BOT, Draft, Kind
from bot.ports.messages import ChannelMessage, Told
from bot.ports.store import Store, Timer, Transaction
from bot.usecases.fold import take_alerts
from bot.usecases.hearing import Ear
from bot.usecases.notify import card_key
from bot.usecases.setup import Setup
from bot.usecases.systems import Systems

ADOPTED = "adopted"
"""What is remembered of a message: its states that were read, and the incidents that it told."""
ANSWER = "answer adopted"
"""The kind of the timer that answers below a message as soon as the incident's card can be linked."""
ANSWER_AFTER = timedelta(seconds=2)
INCIDENTS_NAMED = 10

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the source says that fires; `answered` is false when it can't be asked, or did not answer."""

    firing: tuple[Alert, ...] = ()
    answered: bool = False


class Adopting:
    """Takes messages; each of its calls may be repeated, in any order."""

    def __init__(self, store: Store, setup: Setup, systems: Systems, nudge: Callable[[], None]) -> None:
        self._store = store
        self._setup = setup
        self._systems = systems
        self._nudge = nudge
        self._ear = Ear(store, setup)

    async def take(self, message: ChannelMessage, integration: str) -> tuple[int, ...]:
        """Read a message, new or edited; gives the incidents that it is about. Nothing is read twice."""
        source = self._systems.messages.get(integration)
        if source is None:
            _log.error("slack.adopt names %s, which reads no messages; the message was not read", integration)
            return ()
        told = source.told_by(message)
        if not told.alerts and not told.hearsay:
            return ()
        asked = await self._ask(integration) if told.hearsay else _Asked()
        decision = _Decision(self._setup, self._systems, integration, message, told, asked)
        numbers = await self._store.write(decision.decide)
        await self._ear.heard(integration, [*told.alerts, *(alert for _, alert in told.hearsay)])
        self._nudge()
        return numbers

    async def _ask(self, integration: str) -> _Asked:
        poll = self._systems.polls.get(integration)
        if poll is None:
            return _Asked()
        try:
            return _Asked(tuple(await poll.firing()), answered=True)
        except IntegrationError as error:
            _log.warning("%s could not be asked what a message means: %s", integration, error.what)
        except Exception:  # noqa: BLE001 - an adapter's fault: the message has words all the same
            _log.exception("asking %s what a message means failed", integration)
        return _Asked()

    async def deleted(self, channel: str, ts: str) -> None:
        """A message was deleted: that ends nothing, and is noted."""

        def decide(tx: Transaction) -> None:
            for number in _numbers(tx, channel, ts):
                if tx.keys.first("adopted and deleted", f"{channel}:{ts}:{number}"):
                    text = "The message in Slack that told an alert was deleted; the alert stays as it is."
                    tx.timeline.append(number, Draft(Kind.NOTE, text, BOT, tx.now))

        await self._store.write(decide)


@dataclass(frozen=True, slots=True)
class _Decision:
    setup: Setup
    systems: Systems
    integration: str
    message: ChannelMessage
    told: Told
    asked: _Asked

    def decide(self, tx: Transaction) -> tuple[int, ...]:
        place = f"{self.message.channel}:{self.message.ts}"
        if not tx.keys.first("adopted state", f"{place}:{self.message.said_at.isoformat()}"):
            return _numbers(tx, self.message.channel, self.message.ts)
        meant = [*self.told.alerts, *self._meant(tx)]
        fresh = [alert for alert in meant if not _known(tx, alert)]
        tx.deliveries.heard(self.integration, deliveries=1, alerts=len(meant))
        if fresh:
            take_alerts(tx, self.setup, fresh, evidence=self.message.permalink or f"the message {place}")
        before = _numbers(tx, self.message.channel, self.message.ts)
        numbers = tuple(dict.fromkeys([*before, *_incidents(tx, meant)]))
        if numbers != before:
            tx.keys.put(ADOPTED, place, json.dumps(numbers))
            for number in numbers[len(before) :]:
                self._note(tx, number)
        if numbers and any(alert.status is AlertStatus.FIRING for alert in meant):
            answer(tx, self.message.channel, self.message.ts, numbers)
        return numbers

    def _meant(self, tx: Transaction) -> list[Alert]:
        """The alerts that words are about: those that the source lists, else those that are known, else the words."""
        source = self.systems.messages[self.integration]
        known = [alert for e in tx.episodes.firing_from(self.integration) if (alert := tx.episodes.alert_of(e))]
        listed = {(alert.instance, alert.fingerprint) for alert in self.asked.firing}
        meant: list[Alert] = []
        for words, alert in self.told.hearsay:
            of_source = [one for one in self.asked.firing if not one.muted and source.is_told(words, one)]
            of_known = [one for one in known if not one.low_fidelity and source.is_told(words, one)]
            if words.status is AlertStatus.FIRING:
                meant += of_source or of_known or [alert]
                continue
            meant.append(alert)  # ends what was opened by words alone
            if self.asked.answered:
                gone = [one for one in of_known if (one.instance, one.fingerprint) not in listed]
                meant += [replace(one, status=AlertStatus.RESOLVED, ends_at=self.message.said_at) for one in gone]
        return meant

    def _note(self, tx: Transaction, number: int) -> None:
        """Where it was told, for those who only read the timeline."""
        text = f"Told by a message in Slack, read by {self.integration}."
        tx.timeline.append(number, Draft(Kind.NOTE, text, BOT, self.message.said_at, self.message.permalink))


def _known(tx: Transaction, alert: Alert) -> bool:
    """Whether it was told already, in this state: a message holds less of it than a delivery, and adds nothing."""
    if alert.low_fidelity:
        return False
    episode = tx.episodes.get(alert.source, alert.instance, alert.fingerprint, alert.starts_at)
    return episode is not None and episode.status is alert.status


def _incidents(tx: Transaction, alerts: Sequence[Alert]) -> list[int]:
    found = (tx.episodes.newest(alert.source, alert.instance, alert.fingerprint) for alert in alerts)
    return [episode.incident for episode in found if episode is not None and episode.incident is not None]


def _numbers(tx: Transaction, channel: str, ts: str) -> tuple[int, ...]:
    return tuple(json.loads(tx.keys.get(ADOPTED, f"{channel}:{ts}") or "[]"))


# ---------------------------------------------------------------- the answer below the message


def answer(tx: Transaction, channel: str, ts: str, numbers: Sequence[int]) -> None:
    """Have one answer in the message's thread say which incidents it is about, once their cards can be linked."""
    key, body = f"adopted:{channel}:{ts}", json.dumps(list(numbers[:INCIDENTS_NAMED]))
    have = tx.posts.get(key)
    if have is not None and have.body == body:
        return
    cards = [tx.posts.get(card_key(number)) for number in numbers[:INCIDENTS_NAMED]]
    if any(card is not None and not card.ts for card in cards):
        place = json.dumps([channel, ts, list(numbers[:INCIDENTS_NAMED])])
        tx.timers.set(Timer(f"{ANSWER}:{channel}:{ts}", ANSWER, numbers[0], tx.now + ANSWER_AFTER, place))
        return
    tx.posts.want(
        Post(key, PostKind.ADOPTED, numbers[0], channel, Lane.HOUSEKEEPING, thread=_foreign(tx, channel, ts), body=body)
    )


def answer_due(tx: Transaction, timer: Timer) -> None:
    """The timer's doing."""
    channel, ts, numbers = json.loads(timer.detail)
    answer(tx, channel, ts, numbers)


def _foreign(tx: Transaction, channel: str, ts: str) -> str:
    """The post that stands for somebody else's message: shown as it is, so the projector never touches it."""
    key = f"foreign:{channel}:{ts}"
    if tx.posts.get(key) is None:
        post = tx.posts.want(Post(key, PostKind.FOREIGN, 0, channel, Lane.HOUSEKEEPING))
        tx.posts.save(replace(post, shown=post.wanted, channel_id=channel, ts=ts))
    return key
