"""Opsgenie's deliveries become alerts, and so do its open alerts, with the same identity."""

from collections import OrderedDict
from collections.abc import Sequence

from bot.domain.alert import Alert, AlertStatus
from bot.domain.errors import NotFound, Refused
from bot.kit.http import HttpFactory
from bot.kit.parsing import read
from bot.ports.clock import Clock
from bot.ports.systems import AlertPoll, AlertSource, Delivery, Health
from integrations.opsgenie.alerts import SLUG, alert
from integrations.opsgenie.api import Api, connect
from integrations.opsgenie.manifest import Settings
from integrations.opsgenie.wire import Detail, Listed, Webhook

STATUS = {"Create": AlertStatus.FIRING, "Close": AlertStatus.RESOLVED, "Delete": AlertStatus.RESOLVED}
"""Every other action (Acknowledge, AddNote, Escalate, custom ones) changes nothing about the problem itself."""
LOOKS = 50
"""Alerts whose details are asked for in one round; the others are told in the next ones."""
KEPT = 2_000


class Opsgenie(AlertSource):
    """Reads deliveries of the webhook integration."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def verify(self, delivery: Delivery) -> bool:
        return self._settings.credentials.check(delivery.headers, SLUG)

    def alerts(self, delivery: Delivery) -> Sequence[Alert]:
        """One alert, or none of an action that says nothing new, and of an alert that we have made ourselves."""
        webhook = read(Webhook, delivery.body, SLUG)
        told = webhook.alert
        status = STATUS.get(webhook.action)
        if status is None or self._is_ours(told.source):
            return ()
        ended = (told.updated_at or delivery.received_at) if status is AlertStatus.RESOLVED else None
        return (
            alert(
                id_=told.id, alias=told.alias, message=told.message, instance=self._settings.instance, status=status,
                began=told.created_at or delivery.received_at, ended=ended, tags=told.tags, priority=told.priority,
                entity=told.entity, description=told.description, details=told.details,
            ),
        )  # fmt: skip

    def _is_ours(self, source: str) -> bool:
        """What the bot makes there comes back as a delivery: taken, it would go round for ever."""
        return source == self._settings.own_source


class PolledOpsgenie(Opsgenie, AlertPoll, Health):
    """Can be asked as well."""

    def __init__(self, settings: Settings, api: Api, clock: Clock) -> None:
        super().__init__(settings)
        self._api = api
        self._clock = clock
        self._details: OrderedDict[str, Detail] = OrderedDict()

    async def firing(self) -> Sequence[Alert]:
        """Every open alert. Muted is what is snoozed, what `query` leaves out, and what could not be looked at yet."""
        everything = [one for one in await self._api.open("") if not self._is_ours(one.source)]
        told = await self._told(everything)
        looks = LOOKS
        found: list[Alert] = []
        for one in everything:
            detail = self._details.get(one.id)
            if detail is None and one.id in told and looks:
                looks -= 1
                detail = await self._look(one.id)
            found.append(
                self._alert(one, detail or Detail(), muted=one.snoozed or one.id not in told or detail is None)
            )
        return tuple(found)

    async def _told(self, everything: Sequence[Listed]) -> frozenset[str]:
        """Those of them that count."""
        some = await self._api.open(self._settings.query) if self._settings.query and everything else everything
        return frozenset(one.id for one in some)

    async def _look(self, id_: str) -> Detail | None:
        """The details, kept: they do not change. `None` of an alert that was deleted meanwhile."""
        try:
            detail = await self._api.detail(id_)
        except (NotFound, Refused):
            return None
        self._details[id_] = detail
        while len(self._details) > KEPT:
            self._details.popitem(last=False)
        return detail

    def _alert(self, one: Listed, detail: Detail, *, muted: bool) -> Alert:
        return alert(
            id_=one.id, alias=one.alias, message=one.message, instance=self._settings.instance,
            status=AlertStatus.FIRING, began=one.created_at or self._clock.now(), ended=None, tags=one.tags,
            priority=one.priority, entity=detail.entity, description=detail.description,
            details={**detail.extra, **detail.details}, muted=muted,
        )  # fmt: skip

    async def probe(self) -> str:
        """How many alerts are open."""
        everything = await self._api.open("")
        return f"{'Operations' if self._settings.cloud_id else 'Opsgenie'}, {len(everything)} alerts are open"


def build(settings: Settings, http: HttpFactory, clock: Clock) -> Opsgenie:
    """What these settings allow: with a credential it can be asked, too."""
    api = connect(settings, http)
    return Opsgenie(settings) if api is None else PolledOpsgenie(settings, api, clock)
