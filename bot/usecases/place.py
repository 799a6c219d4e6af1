"""Where somebody said or pressed something, and which incident that is about."""

from dataclasses import dataclass

from bot.domain.incident import Incident
from bot.ports.store import Transaction


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody said or pressed something; all empty on the command line."""

    channel_id: str = ""
    thread_ts: str = ""
    message_ts: str = ""


NOWHERE = Place()


def incident_at(tx: Transaction, place: Place) -> Incident | None:
    """The incident whose card or thread this is."""
    if not place.channel_id:
        return None
    ts = place.thread_ts or place.message_ts
    return tx.incidents.by_post(place.channel_id, ts) if ts else None
