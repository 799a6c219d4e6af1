"""The three ways in which events travel by HTTP: structured, in a batch, and binary (`ce-*` headers)."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

from bot.domain.errors import Unreadable
from bot.kit.parsing import read_json, read_value
from bot.ports.systems import Delivery
from integrations.cloudevents.wire import Event

SLUG = "cloudevents"


def events(delivery: Delivery) -> Sequence[Event]:
    """The events of a delivery, in its order. Raises Unreadable."""
    content_type = delivery.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not content_type.startswith("application/cloudevents") and "ce-specversion" in delivery.headers:
        return (_binary(delivery, content_type),)
    body = read_json(delivery.body, SLUG)
    if isinstance(body, list):
        return tuple(read_value(Event, item, SLUG) for item in body)
    return (read_value(Event, body, SLUG),)


def _binary(delivery: Delivery, content_type: str) -> Event:
    attributes = {
        name.removeprefix("ce-"): unquote(value) for name, value in delivery.headers.items() if name.startswith("ce-")
    }
    reserved = {"data": delivery.body, "data_base64": None, "datacontenttype": content_type}
    return read_value(Event, {**attributes, **reserved}, SLUG)


def data(event: Event) -> Any:
    """An event's data as JSON values. Raises Unreadable when it is none, or not JSON."""
    kind = event.datacontenttype.partition(";")[0].strip().lower()
    if kind and kind != "application/json" and not kind.endswith("+json"):
        raise Unreadable(f"The data of a {event.type[:100]} event must be JSON, not {kind[:60]}.", system=SLUG)
    if isinstance(event.data, bytes):
        return read_json(event.data, SLUG)
    if event.data_base64 is not None:
        try:
            return read_json(base64.b64decode(event.data_base64, validate=True), SLUG)
        except (binascii.Error, ValueError):
            raise Unreadable("data_base64 of an event is not base64.", system=SLUG) from None
    return event.data
