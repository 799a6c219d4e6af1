"""What the connected systems say about each production model. A system that can't be asked is a finding, too."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.errors import BotError, NotFound
from bot.domain.models import Binding, Change, ModelVersion, Pointer
from bot.domain.plan import OperationKind, Plan
from bot.ports.clock import Clock
from bot.ports.store import Store
from bot.usecases.plans.version import plan_version
from bot.usecases.setup import Setup
from bot.usecases.systems import Systems

WINDOW = timedelta(days=90)
"""How far back evidence counts."""
AT_ONCE = 4
"""So many models are asked about at the same time."""


class Unasked(BotError):
    """The configuration names nothing that could be asked."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was read about one binding, at one moment. In the place of an answer stands why there is none."""

    binding: Binding
    live: ModelVersion | BotError
    """The version that the registry's pointer names, with everything."""
    newest: ModelVersion | BotError
    """The version that was registered last."""
    rollback: Plan | BotError
    """A rollback as it would be planned now."""
    changes: tuple[Change, ...]
    """What feeds remember of the window."""


async def collect(systems: Systems, setup: Setup, store: Store, clock: Clock) -> Sequence[Evidence]:
    """Ask the systems of every production binding, a few bindings at a time."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(binding: Binding) -> Evidence:
        async with turns:
            return await _about(systems, setup, store, binding, clock.now())

    return await asyncio.gather(*(one(binding) for binding in setup.bindings if binding.production))


async def _about(systems: Systems, setup: Setup, store: Store, binding: Binding, now: datetime) -> Evidence:
    pointer = binding.pointer
    if pointer is None or pointer.integration not in systems.registries:
        nobody = _nobody(binding)
        return Evidence(binding, nobody, nobody, nobody, await _changes(systems, binding, now))
    return Evidence(
        binding,
        await _live(systems, pointer),
        await _newest(systems, pointer),
        await _rollback(systems, setup, store, binding, now),
        await _changes(systems, binding, now),
    )


def _nobody(binding: Binding) -> Unasked:
    where = f"{binding.pointer.integration} is not connected" if binding.pointer else "no registry is configured for it"
    return Unasked(where, next_step="models → registry in the configuration would tell where to look")


async def _live(systems: Systems, pointer: Pointer) -> ModelVersion | BotError:
    registry = systems.registry(pointer.integration)
    try:
        seen = await registry.resolve(pointer.model, pointer.alias)
        if seen.version is None:
            raise NotFound(f"{pointer.model} has no alias {pointer.alias} in {pointer.integration}.")
        return await registry.version(pointer.model, seen.version)
    except BotError as error:
        return error


async def _newest(systems: Systems, pointer: Pointer) -> ModelVersion | BotError:
    try:
        versions = await systems.registry(pointer.integration).versions(pointer.model)
    except BotError as error:
        return error
    if not versions:
        return NotFound(f"{pointer.model} has no version in {pointer.integration}.")
    return max(versions, key=lambda version: version.created_at)


async def _rollback(systems: Systems, setup: Setup, store: Store, binding: Binding, now: datetime) -> Plan | BotError:
    """The very plan that a person would get who asked for it now; nothing is kept of it."""
    spans = await store.read(lambda tx: tx.ledger.spans(binding.model, binding.environment))
    try:
        return await plan_version(
            systems, binding, spans, None, kind=OperationKind.ROLLBACK, now=now, ttl=setup.policies.plan_ttl
        )
    except BotError as error:
        return error


async def _changes(systems: Systems, binding: Binding, now: datetime) -> tuple[Change, ...]:
    """A feed that doesn't answer takes nothing away: what it told before is in the store."""
    named = [binding.pointer.integration] if binding.pointer else []
    found: list[Change] = []
    for slug in dict.fromkeys([*named, *(target.integration for target in binding.serving)]):
        feed = systems.feeds.get(slug)
        if feed is None:
            continue
        try:
            found += await feed.changes_since(binding.model, now - WINDOW)
        except BotError:
            continue
    return tuple(found)
