"""Digests: what happened in a day, and how mature each model's operation is, for people who were not there."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.domain.models import Binding
from bot.ports.clock import Clock
from bot.ports.store import Store, Transaction
from bot.usecases.reply import Reply
from bot.usecases.setup import Setup
from bot.usecases.systems import Systems


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the connected systems said about one binding."""

    binding: Binding


async def collect(systems: Systems, setup: Setup, store: Store, clock: Clock) -> Sequence[Evidence]:
    """Ask the systems of every production binding."""
    raise NotImplementedError(systems, setup, store, clock)


def daily(tx: Transaction, setup: Setup, *, now: datetime) -> Reply:
    """What happened in the last 24 hours."""
    raise NotImplementedError(tx, setup, now)


def maturity(tx: Transaction, setup: Setup, evidence: Sequence[Evidence], *, now: datetime) -> Reply:
    """The level of every model, with what proves it."""
    raise NotImplementedError(tx, setup, evidence, now)


def post(tx: Transaction, setup: Setup, kind: str, reply: Reply, tick: datetime) -> None:
    """Have a digest posted, once a tick."""
    raise NotImplementedError(tx, setup, kind, reply, tick)
