"""The rows behind a chart: a timer says that it is owed, and a key how far it has come.

The timer is set anew whenever somebody begins to work on it, so that a chart whose process ends is taken up by another.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import TypeAdapter

from bot.domain.alert import Alert
from bot.domain.incident import Incident
from bot.ports.store import Timer, Transaction
from bot.usecases.setup import Setup

KIND = "chart"
"""Of timers."""
SCOPE = "charts"
LEASE = timedelta(minutes=3)
"""How long one process works on a chart until it is taken for dead."""


class Occasion(StrEnum):
    """Which of the two charts of an incident."""

    START = "start"
    END = "end"
    """The whole course, when it is over."""


_AFTER = {Occasion.START: timedelta(seconds=10), Occasion.END: timedelta(seconds=90)}
"""The card goes first; the measured value needs a scrape or two until it shows that it is over."""


class Phase(StrEnum):
    """How far a chart is."""

    OWED = "owed"
    HANGING = "hanging"
    """It may be in the thread: it is looked for before anything else is done."""
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Progress:
    """What is known of one chart. `files` are those that may hang in the thread."""

    phase: Phase = Phase.OWED
    files: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    words: str = ""
    since: datetime | None = None
    """When it was hung last."""
    hung: int = 0
    """How many times it was tried to hang it."""
    tries: int = 0
    held_by: str = ""
    held_until: datetime | None = None
    outcome: str = ""
    shown: bool = False

    def held_by_another(self, replica: str, now: datetime) -> bool:
        """Whether another process works on it."""
        return self.held_by not in {"", replica} and self.held_until is not None and self.held_until > now


_PROGRESS: TypeAdapter[Progress] = TypeAdapter(Progress)


def _key(number: int, occasion: Occasion) -> str:
    return f"{number}:{occasion.value}"


def _timer(number: int, occasion: Occasion, due: datetime) -> Timer:
    return Timer(f"{KIND}:{_key(number, occasion)}", KIND, number, due, occasion.value)


def progress(tx: Transaction, number: int, occasion: Occasion) -> Progress | None:
    """How far it is; nothing when it was never begun. What another version wrote counts as not begun."""
    text = tx.keys.get(SCOPE, _key(number, occasion))
    try:
        return None if text is None else _PROGRESS.validate_json(text)
    except ValueError:
        return None


def keep(tx: Transaction, number: int, occasion: Occasion, now: Progress) -> None:
    """Remember how far it is."""
    tx.keys.put(SCOPE, _key(number, occasion), _PROGRESS.dump_json(now).decode())


# ---------------------------------------------------------------- owing


def owe(tx: Transaction, setup: Setup, incident: Incident, alert: Alert) -> None:
    """A new incident owes a chart, when its alert says who could be asked, or which features have drifted."""
    drifted = alert.drift is not None and alert.drift.features
    if setup.charts and (alert.url or drifted):
        tx.timers.set(_timer(incident.number, Occasion.START, tx.now + _AFTER[Occasion.START]))


def owe_end(tx: Transaction, setup: Setup, incident: Incident) -> None:
    """One that is over owes a second one, when there was a first. Once, however often it comes back."""
    if not setup.charts or progress(tx, incident.number, Occasion.START) is None:
        return
    before = progress(tx, incident.number, Occasion.END)
    if before is None or before.phase is Phase.OWED:
        tx.timers.set(_timer(incident.number, Occasion.END, tx.now + _AFTER[Occasion.END]))


def ring(tx: Transaction, timer: Timer) -> None:
    """It is due: whoever works on it does so after the commit. Should that process end, it is due again."""
    tx.timers.set(replace(timer, due_at=tx.now + LEASE))


def put_off(tx: Transaction, number: int, occasion: Occasion, seconds: float) -> None:
    """Try again later."""
    tx.timers.set(_timer(number, occasion, tx.now + timedelta(seconds=seconds)))


def drop(tx: Transaction, number: int, occasion: Occasion) -> None:
    """It is not owed any more."""
    tx.timers.cancel(_timer(number, occasion, tx.now).key)
