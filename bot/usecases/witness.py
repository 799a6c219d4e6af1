"""Who else knows whether a problem is over: "resolved" is also said when a monitor has stopped looking.

Alertmanager says it when Prometheus ends, and lists nothing any more, so asking it again proves nothing. Where the
alert's own rule can be asked about, its server must answer before the end counts as confirmed.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from bot.domain.alert import Alert
from bot.domain.errors import IntegrationError, Refused
from bot.domain.incident import Incident, Status
from bot.ports.store import Store, Transaction
from bot.ports.systems import Metrics
from bot.usecases.systems import Systems

PAGE = 50
"""Incidents that are looked at together; further pages only while they hold some that were resolved just now."""
JUST_NOW = timedelta(hours=1)
ASKED_ABOUT = 10
"""Incidents whose rules are asked about in one round; the others stay unconfirmed until a later one."""


def unconfirmed(tx: Transaction, source: str, *, before: datetime) -> Iterator[Incident]:
    """Incidents of a source that were resolved before a moment, and of which nothing has confirmed it. Newest first."""
    number: int | None = None
    while True:
        page = tx.incidents.newest(limit=PAGE, before=number, status=Status.RESOLVED)
        for incident in page:
            settled = incident.resolved_at is not None and incident.resolved_at < before
            if incident.source == source and not incident.confirmed and settled:
                yield incident
        recent = any(one.resolved_at is not None and one.resolved_at > before - JUST_NOW for one in page)
        if len(page) < PAGE or not recent:
            return
        number = page[-1].number


async def doubted(store: Store, systems: Systems, source: str) -> frozenset[int]:
    """The incidents whose end must not be confirmed now, because who measures it does not answer."""
    if not systems.metrics:
        return frozenset()

    def look(tx: Transaction) -> list[tuple[int, list[Alert]]]:
        found = unconfirmed(tx, source, before=tx.now + JUST_NOW)
        return [(one.number, list(tx.episodes.alerts_of(one.number, limit=5))) for one in found]

    doubts: set[int] = set()
    silent: set[str] = set()
    for place, (number, alerts) in enumerate(await store.read(look)):
        found = _witness(systems, alerts)
        if found is None:
            continue
        slug, metrics, query = found
        if slug not in silent and place < ASKED_ABOUT and await _answers(metrics, query):
            continue
        doubts.add(number)
        if place < ASKED_ABOUT:
            silent.add(slug)
    return frozenset(doubts)


def _witness(systems: Systems, alerts: list[Alert]) -> tuple[str, Metrics, str] | None:
    for slug, metrics in systems.metrics.items():
        for alert in alerts:
            if (query := metrics.query_of(alert)) is not None:
                return slug, metrics, query
    return None


async def _answers(metrics: Metrics, query: str) -> bool:
    """Whether it can be asked at all; what it measures is for people and for the watch after a change."""
    try:
        await metrics.value(query)
    except Refused:
        return True  # it is there, and does not like the query
    except IntegrationError:
        return False
    return True
