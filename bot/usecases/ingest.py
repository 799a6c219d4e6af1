"""The door for deliveries: those that arrive together share one transaction, and each is answered after its commit."""

import asyncio
import hashlib
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile

from bot.domain.alert import Alert
from bot.domain.errors import BotError, Overloaded
from bot.domain.models import Change
from bot.ports.store import DeliveryNote, DeliveryOutcome, Store, Transaction
from bot.ports.systems import Delivery
from bot.usecases import live
from bot.usecases.fold import Fold, Receipt
from bot.usecases.repeats import Repeats, count
from bot.usecases.setup import Setup

ALERTS_TOGETHER = 2_000
"""Alerts that share one transaction: more would keep presses of buttons waiting behind it."""
WAITING_LIMIT = 2_000
"""Deliveries that may wait for their transaction; more is an overload, and said so."""


@dataclass(slots=True)
class _Waiting:
    """A delivery that waits for its commit."""

    integration: str
    digest: str
    size: int
    alerts: Sequence[Alert]
    changes: Sequence[Change]
    answer: "asyncio.Future[Receipt]"


@dataclass(slots=True)
class Intake:
    """Takes deliveries. `take` returns after the commit, so that a 2xx means it is on disk."""

    store: Store
    setup: Setup
    nudge: Callable[[], None]
    _repeats: Repeats = field(default_factory=Repeats)
    _waiting: deque[_Waiting] = field(default_factory=deque)
    _working: "asyncio.Task[None] | None" = None

    async def take(
        self, integration: str, delivery: Delivery, alerts: Sequence[Alert], changes: Sequence[Change] = ()
    ) -> Receipt:
        """Fold a delivery's alerts into incidents. Raises BotErrors (Overloaded): then nothing of it was kept."""
        if len(self._waiting) >= WAITING_LIMIT:
            raise Overloaded(
                f"{len(self._waiting)} deliveries wait for the database.", not_done="This one was not taken.",
                next_step="Send it again in a few seconds.",
            )  # fmt: skip
        answer: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        digest = hashlib.sha256(delivery.body).hexdigest()
        self._waiting.append(_Waiting(integration, digest, len(delivery.body), alerts, changes, answer))
        if self._working is None:
            self._working = asyncio.create_task(self._work(), name="intake")
        return await answer

    async def _work(self) -> None:
        """While one transaction is being written, what arrives gathers for the next."""
        try:
            while together := self._next():
                await self._write(together)
        finally:
            self._working = None

    def _next(self) -> list[_Waiting]:
        together: list[_Waiting] = []
        alerts = 0
        while self._waiting and (not together or alerts + len(self._waiting[0].alerts) <= ALERTS_TOGETHER):
            one = self._waiting.popleft()
            alerts += len(one.alerts)
            together.append(one)
        return together

    async def _write(self, together: Sequence[_Waiting]) -> None:
        try:
            receipts = await self.store.write(lambda tx: take_deliveries(tx, self.setup, together, self._repeats))
        except Exception as error:  # noqa: BLE001 - whatever it was, each caller must hear of it
            if len(together) == 1 or isinstance(error, BotError):
                _refuse(together, error)
                return
            for one in together:  # one of them can't be taken: the others must not suffer
                await self._write([one])
            return
        if any(receipt.incidents or receipt.changes for receipt in receipts):
            self.nudge()
        for one, receipt in zip(together, receipts, strict=True):
            if one.alerts and receipt.refreshed == len(one.alerts):
                self._repeats.remember(one)
            if not one.answer.done():
                one.answer.set_result(receipt)

    async def dead_letter(self, integration: str, delivery: Delivery, reason: str) -> None:
        """Keep a delivery that can't be read, with its body; of equal ones the first keeps it."""
        digest = hashlib.sha256(delivery.body).hexdigest()

        def decide(tx: Transaction) -> None:
            is_new = tx.keys.first("dead letter", f"{integration}:{digest}")
            tx.deliveries.heard(integration, deliveries=1, alerts=0)
            tx.deliveries.add(
                integration, digest, len(delivery.body), DeliveryOutcome.DEAD,
                alerts=0, reason=reason[:1_000], body=delivery.body if is_new else None,
            )  # fmt: skip

        await self.store.write(decide)


def _refuse(together: Sequence[_Waiting], error: Exception) -> None:
    for one in together:
        if not one.answer.done():
            one.answer.set_exception(error)


def take_deliveries(tx: Transaction, setup: Setup, together: Sequence[_Waiting], repeats: Repeats) -> list[Receipt]:
    """Fold them in, in their order. A delivery that changed nothing leaves a count, no record of its own."""
    # Only those before anything else: what comes after something new may no longer be true.
    left = count(tx, takewhile(repeats.is_one, together))
    wanted = [*left, *(one.alerts for one in together[len(left) :])]
    receipts = _folded(tx, setup, together, wanted)
    heard, alerts = Counter[str](), Counter[str]()
    for one in together:
        heard[one.integration] += 1
        alerts[one.integration] += len(one.alerts)
    for integration, deliveries in heard.items():
        tx.deliveries.heard(integration, deliveries=deliveries, alerts=alerts[integration])
    return receipts


def _folded(
    tx: Transaction, setup: Setup, together: Sequence[_Waiting], wanted: Sequence[Sequence[Alert]]
) -> list[Receipt]:
    """What each of the deliveries did, of which these alerts are left to be folded in."""
    if not any(wanted) and not any(one.changes for one in together):
        return [Receipt(refreshed=len(one.alerts)) for one in together]
    fold = Fold(tx, setup)
    fold.expect([alert for alerts in wanted for alert in alerts])
    receipts: list[Receipt] = []
    notes: list[DeliveryNote] = []
    for one, alerts in zip(together, wanted, strict=True):
        fresh = live.remember(tx, one.changes) if one.changes else 0
        receipt = fold.take(alerts, f"sha256:{one.digest}")
        receipt = replace(receipt, changes=fresh, refreshed=receipt.refreshed + len(one.alerts) - len(alerts))
        if receipt.changed:
            notes.append(DeliveryNote(one.integration, one.digest, one.size, len(one.alerts)))
        receipts.append(receipt)
    tx.deliveries.taken(notes)
    fold.close()
    return receipts
