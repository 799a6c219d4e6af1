"""A source of alerts with a truth of its own, as bad as the real ones: at least once, in no order, and it gives up.

Each change of the truth is a delivery about everything of that model. It is tried again until somebody has said that it
was taken, for a while; then it is lost, and only who asks learns of it. What was taken may come again, up to five times,
whenever it likes. The network may lose an answer, so that something was taken and the source does not know.
"""

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.domain.alert import Alert, AlertStatus
from bot.domain.errors import Unreachable
from bot.ports.clock import Clock
from bot.ports.systems import AlertPoll, AlertSource, Delivery

SLUG = "alertmanager"
MODELS = ("fraud-detector", "churn", "pricing", "ranking")
OF_EACH = 3
KEEPS = timedelta(minutes=15)
"""How long a source repeats that an alert was resolved."""
GIVES_UP = timedelta(minutes=3)
AGAIN = 5
"""Times that what was taken may come again."""

Take = Callable[[Sequence[Alert], bytes], Awaitable[object]]


@dataclass
class Signal:
    """One alert of the source, as it is now."""

    name: str
    model: str
    since: datetime | None = None
    until: datetime | None = None
    times: int = 0
    """How often it began to fire."""

    @property
    def fires(self) -> bool:
        return self.since is not None and self.until is None

    def told(self) -> Alert | None:
        if self.since is None:
            return None
        labels = {"alertname": self.name, "model": self.model, "environment": "production", "severity": "warning"}
        return Alert(
            SLUG, "http://am", name=self.name, fingerprint=f"{self.model}/{self.name}", starts_at=self.since,
            ends_at=self.until, labels=labels, annotations={"summary": f"{self.name} of {self.model}"},
            status=AlertStatus.FIRING if self.fires else AlertStatus.RESOLVED,
        )  # fmt: skip


@dataclass
class Letter:
    """A delivery on its way, tried first at `due`."""

    number: int
    alerts: tuple[Alert, ...]
    due: datetime
    gives_up: datetime
    taken: bool = False
    again: int = 0

    @property
    def body(self) -> bytes:
        return f"letter {self.number}".encode()


@dataclass
class Monitor(AlertSource, AlertPoll):
    """What fires, who was told, and what it was told in return."""

    clock: Clock
    chance: random.Random
    signals: list[Signal] = field(
        default_factory=lambda: [Signal(f"Odd{place}", model) for model in MODELS for place in range(OF_EACH)]
    )
    letters: list[Letter] = field(default_factory=list)
    acknowledged: list[Alert] = field(default_factory=list)
    """Alerts of deliveries that somebody said to have taken."""
    away_until: datetime | None = None
    """Until when it can't be asked."""
    silent_until: datetime | None = None
    """Until when nothing of it gets through."""
    deaf: int = 0
    """Answers that it does not get to hear."""
    lost: int = 0
    repeats: int = 0
    _count: int = 0

    # ------------------------------------------------------------ its truth

    def change(self) -> None:
        """One of its alerts begins to fire, or ends."""
        signal, now = self.chance.choice(self.signals), self.clock.now()
        if signal.fires:
            signal.until = now
        else:
            signal.since, signal.until, signal.times = now, None, signal.times + 1
        self._write(signal.model)

    @property
    def firing_now(self) -> set[str]:
        return {f"{signal.model}/{signal.name}" for signal in self.signals if signal.fires}

    def _write(self, model: str) -> None:
        now = self.clock.now()
        mine = [signal for signal in self.signals if signal.model == model]
        told = [signal.told() for signal in mine if signal.until is None or signal.until >= now - KEEPS]
        alerts = [alert for alert in told if alert is not None]
        self.chance.shuffle(alerts)
        self._count += 1
        due = now + timedelta(seconds=self.chance.choice((0, 0, 5, 40)))
        self.letters.append(Letter(self._count, tuple(alerts), due, due + GIVES_UP))

    # ------------------------------------------------------------ it tells

    async def tell(self, take: Take) -> None:
        """Try everything that is due, in any order."""
        now = self.clock.now()
        due = [letter for letter in self.letters if letter.due <= now]
        self.chance.shuffle(due)
        for letter in due:
            if self.silent_until is None or self.silent_until <= now:
                await self._try(letter, take)
            else:
                letter.due = self.silent_until
            self._settle(letter)

    async def _try(self, letter: Letter, take: Take) -> None:
        letter.due = self.clock.now() + timedelta(seconds=self.chance.choice((1, 5, 20)))
        if await take(letter.alerts, letter.body) is None:
            return
        if self.deaf > 0 and not letter.taken:
            self.deaf -= 1
            return
        if not letter.taken:
            letter.taken, letter.again = True, self.chance.choice((0, 0, 0, 1, 2, AGAIN))
            self.acknowledged += letter.alerts
        else:
            letter.again -= 1
            self.repeats += 1
        letter.due = self.clock.now() + timedelta(seconds=self.chance.choice((0, 3, 60, 600)))

    def _settle(self, letter: Letter) -> None:
        done = letter.taken and letter.again <= 0
        given_up = not letter.taken and self.clock.now() >= letter.gives_up
        self.lost += given_up
        if done or given_up:
            self.letters.remove(letter)

    def well_again(self) -> None:
        """It can be asked and heard, and what it still has to say it says now."""
        self.away_until = self.silent_until = None
        self.deaf = 0
        for letter in self.letters:
            letter.due = self.clock.now()

    # ------------------------------------------------------------ it is asked

    async def firing(self) -> Sequence[Alert]:
        if self.away_until is not None and self.away_until > self.clock.now():
            raise Unreachable("The source can't be reached.", system=SLUG)
        told = [signal.told() for signal in self.signals if signal.fires]
        return tuple(replace(alert) for alert in told if alert is not None)

    # ------------------------------------------------------------ what nobody uses here

    def verify(self, delivery: Delivery) -> bool:
        return False

    def alerts(self, delivery: Delivery) -> Sequence[Alert]:
        raise NotImplementedError("what it tells is handed over as alerts")
