"""A world for what arrives by itself: deliveries, askings, timers. The real store; time stands still until it is moved."""

import contextlib
import functools
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from bot.domain.alert import Alert, AlertStatus
from bot.domain.errors import NotFound
from bot.domain.incident import Incident
from bot.domain.post import Post, PostKind
from bot.domain.timeline import Entry, Kind, verify
from bot.ports.store import Transaction
from bot.ports.systems import Delivery
from bot.store.sqlstore import SqlStore
from bot.usecases.clockwork import Clockwork
from bot.usecases.desk import Desk
from bot.usecases.fold import Receipt
from bot.usecases.ingest import Intake
from bot.usecases.reconcile import Reconciled, reconcile
from bot.usecases.systems import Systems
from bot.usecases.views import IncidentView, incident_view
from tests.fakes.clock import FakeClock
from tests.fakes.databases import lay_out
from tests.fakes.polls import FakeAlertPoll
from tests.usecases.world import FRAUD, a_setup

FIRING, RESOLVED = AlertStatus.FIRING, AlertStatus.RESOLVED
setup = functools.cache(a_setup)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def an_alert(
    start: datetime,
    name: str = "ModelErrorRateHigh",
    *,
    model: str | None = FRAUD,
    status: AlertStatus = FIRING,
    severity: str = "high",
    **more: object,
) -> Alert:
    """An alert of Alertmanager; its fingerprint is its name and model."""
    labels = {"alertname": name, "severity": severity}
    if model is not None:
        labels |= {"model": model, "environment": "production"}
    values: dict[str, object] = {
        "fingerprint": f"{name}/{model}", "starts_at": start, "labels": labels, "annotations": {"summary": f"{name} is true"},
        "ends_at": start + minutes(3) if status is RESOLVED else None, **more,
    }  # fmt: skip
    return Alert("alertmanager", "http://am", name=name, status=status, **values)  # type: ignore[arg-type]  # free keywords


def over(alert: Alert) -> Alert:
    """The same alert, resolved."""
    return replace(alert, status=RESOLVED, ends_at=alert.starts_at + minutes(3))


class Watch:
    """What arrives, and what becomes of it. `restart` begins a new process on the same database."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.setup = replace(setup(), policies=replace(setup().policies, absent_for=timedelta(0)))
        self.clock = FakeClock()
        self.poll = FakeAlertPoll()
        self.nudges = 0
        self._process()

    def _process(self) -> None:
        self.store = SqlStore(lay_out(self.path), self.clock)
        self.systems = Systems(polls={"alertmanager": self.poll})
        self.intake = Intake(self.store, self.setup, self._nudge)
        self.clockwork = Clockwork(self.store, self.setup, self.systems, self.clock, self._nudge)
        self.desk = Desk(self.store, self.setup, self.systems, self.clock, nudge=self._nudge)

    def _nudge(self) -> None:
        self.nudges += 1

    async def restart(self) -> None:
        await self.store.close()
        self._process()
        await self.store.open()

    # ------------------------------------------------------------ what arrives

    @property
    def start(self) -> datetime:
        """Two minutes ago: when the problems of these tests begin."""
        return self.clock.now() - minutes(2)

    async def send(self, *alerts: Alert, body: bytes | None = None) -> Receipt:
        delivery = Delivery(body or repr(alerts).encode(), {}, self.clock.now(), {})
        return await self.intake.take("alertmanager", delivery, alerts)

    async def ask(self) -> Reconciled:
        """One round of asking what fires; a second passes before and after it."""
        self.clock.advance(1)
        (result,) = await reconcile(self.store, self.setup, self.systems, self.clock, self._nudge)
        self.clock.advance(1)
        return result

    async def pass_time(self, minutes_: float) -> int:
        """Time passes; gives how many timers came due."""
        self.clock.advance(minutes(minutes_))
        return await self.clockwork.timers()

    # ------------------------------------------------------------ what is true

    async def incidents(self) -> Sequence[Incident]:
        return await self.store.read(lambda tx: tx.incidents.newest(limit=1_000))

    async def incident(self, number: int = 1) -> Incident:
        return (await self.view(number)).incident

    async def view(self, number: int = 1) -> IncidentView:
        return await self.store.read(lambda tx: incident_view(tx, self.setup, number))

    async def timeline(self, number: int = 1, *kinds: Kind) -> list[Entry]:
        """The entries (of some kinds); the chain is verified whenever it is looked at."""
        entries = await self.store.read(lambda tx: tx.timeline.of(number))
        assert verify(entries) is None
        return [entry for entry in entries if not kinds or entry.kind in kinds]

    async def posts(self, kind: PostKind) -> list[Post]:
        """Every post of a kind that is wanted."""

        def look(tx: Transaction) -> list[Post]:
            return [post for post in tx.posts.due(tx.now, limit=10_000) if post.kind is kind]

        # Posts in a card's thread wait for the card, so what is looked for here stands on its own.
        return await self.store.read(look)

    async def records(self) -> int:
        """How many deliveries have a record of their own."""
        with contextlib.closing(sqlite3.connect(self.path)) as connection:
            return int(connection.execute("SELECT count(*) FROM deliveries").fetchone()[0])

    async def exists(self, number: int) -> bool:
        try:
            await self.view(number)
        except NotFound:
            return False
        return True
