"""The live ledger: which version served from when to when, learned by looking and from what systems say."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.errors import BotError
from bot.domain.incident import touched
from bot.domain.models import Binding, Change, Evidence, LiveSpan, Observation, Verdict
from bot.domain.post import Lane
from bot.ports.clock import Clock
from bot.ports.store import Store, Transaction
from bot.usecases import notify
from bot.usecases.setup import Setup
from bot.usecases.systems import Systems

HISTORY = timedelta(days=365)
"""How far back a feed is asked when the ledger knows nothing yet."""
PROMOTION = "promotion"
"""The kind of change that makes a version live."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one round of looking found about a binding."""

    binding: Binding
    live: Observation | None
    changes: tuple[Change, ...]
    fault: str = ""


async def look_at_models(
    store: Store, setup: Setup, systems: Systems, clock: Clock, nudge: Callable[[], None] = lambda: None
) -> Sequence[Seen]:
    """One round over all bindings; a system that can't be asked is a finding, and the ledger is left as it is."""
    seen = [await _look(systems, binding, clock.now()) for binding in setup.bindings]
    if await store.write(lambda tx: sum(learn(tx, one.binding, one.live, one.changes) for one in seen)):
        nudge()
    return seen


async def look_at(store: Store, systems: Systems, binding: Binding, clock: Clock) -> Seen:
    """Look at one binding now: before a plan is made, what is known must not be half a minute old."""
    seen = await _look(systems, binding, clock.now())
    await store.write(lambda tx: learn(tx, seen.binding, seen.live, seen.changes))
    return seen


async def _look(systems: Systems, binding: Binding, now: datetime) -> Seen:
    changes: list[Change] = []
    fault = ""
    live: Observation | None = None
    try:
        for slug in dict.fromkeys(_systems_of(binding)):
            feed = systems.feeds.get(slug)
            if feed is not None:
                changes += await feed.changes_since(binding.model, now - HISTORY)
        live = await _live(systems, binding)
    except BotError as error:  # one that isn't configured is a finding, too: the others are looked at all the same
        fault = error.what
    return Seen(binding, live, tuple(changes), fault)


def _systems_of(binding: Binding) -> Sequence[str]:
    pointer = [binding.pointer.integration] if binding.pointer else []
    return [*pointer, *(target.integration for target in binding.serving)]


async def _live(systems: Systems, binding: Binding) -> Observation | None:
    """The serving side's own answer is better than the registry's pointer."""
    for target in binding.serving:
        try:
            seen = await systems.observe(target)
        except BotError:
            continue
        if seen.version is not None and not seen.in_progress:
            return seen
    if binding.pointer is None:
        return None
    return await systems.registry(binding.pointer.integration).resolve(binding.pointer.model, binding.pointer.alias)


def learn(tx: Transaction, binding: Binding, live: Observation | None, changes: Sequence[Change]) -> int:
    """Fold what was seen into the ledger and the list of changes; gives how many changes are new."""
    fresh = remember(tx, changes)
    if live is not None and live.version is not None:
        _note_live(tx, binding, live, changes)
    return fresh


def remember(tx: Transaction, changes: Sequence[Change]) -> int:
    """Keep changes, and show new ones on the cards of their models' incidents; gives how many are new."""
    fresh = [change for change in changes if tx.changes.add(change)]
    for model in dict.fromkeys(change.model for change in fresh):
        for incident in tx.incidents.live(model=model):
            after = touched(incident)
            tx.incidents.save(after)
            notify.show(tx, after, Lane.ENRICHMENT)
    return len(fresh)


def _note_live(tx: Transaction, binding: Binding, live: Observation, changes: Sequence[Change]) -> None:
    assert live.version is not None
    model, environment = binding.model, binding.environment
    open_span = tx.ledger.open_span(model, environment)
    if open_span is not None and open_span.version == live.version:
        return
    promotions = sorted((c for c in changes if c.kind == PROMOTION and c.version), key=lambda c: c.at)
    if open_span is None and not tx.ledger.spans(model, environment):
        _reconstruct(tx, binding, promotions, live)
        return
    newest = next((c for c in reversed(promotions) if c.version == live.version), None)
    since = newest.at if newest is not None and (open_span is None or newest.at > open_span.since) else live.at
    if open_span is not None and since < open_span.since:
        return  # what is live was learned after this look began: a slow system answered late
    tx.ledger.end(model, environment, since)
    cause = newest.text if newest is not None else "seen live"
    tx.ledger.begin(
        LiveSpan(model, environment, live.version, live.evidence, since, None, Verdict.UNKNOWN, cause=cause)
    )


def _reconstruct(tx: Transaction, binding: Binding, promotions: Sequence[Change], live: Observation) -> None:
    """Nothing is known yet: the promotions that the feed remembers are the history, until the version seen live."""
    assert live.version is not None
    history = list(promotions)
    while history and history[-1].version != live.version:
        history.pop()
    for change, following in itertools.pairwise(history):
        tx.ledger.begin(_span(binding, change))
        tx.ledger.end(binding.model, binding.environment, following.at)
    if history:
        tx.ledger.begin(_span(binding, history[-1]))
        return
    first = LiveSpan(
        binding.model, binding.environment, live.version, live.evidence, live.at, None, Verdict.UNKNOWN,
        cause="first seen live",
    )  # fmt: skip
    tx.ledger.begin(first)


def _span(binding: Binding, change: Change) -> LiveSpan:
    return LiveSpan(
        binding.model, binding.environment, change.version, Evidence.REGISTRY, change.at, None, Verdict.UNKNOWN,
        cause=change.text,
    )  # fmt: skip
