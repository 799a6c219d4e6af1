"""What Grafana posts in a channel: whole alerts by `slack.tmpl`, else the words of its own default message.

The default message lists each alert with its labels and annotations, `name = value` on a line; what it leaves out are
the private labels, which are part of the fingerprint, and when the alert began. So it is hearsay, with labels.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from bot.domain.alert import Alert, AlertStatus
from bot.kit.parsing import fingerprint_of, link
from bot.kit.told import heard, hearsay_of
from bot.ports.messages import ChannelMessage, Hearsay, MessagePart

ALERTS = 20
PAIRS = 60
ROWS = 2_000
_PAIR = re.compile(r"\s*- ([^=\s][^=]{0,199}?) = (.*)")
_HEADS = {"**Firing**": AlertStatus.FIRING, "**Resolved**": AlertStatus.RESOLVED}


@dataclass(slots=True)
class _Listed:
    """One alert of the default message."""

    status: AlertStatus
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    url: str = ""


def hearsay(part: MessagePart, message: ChannelMessage, source: str, instance: str) -> list[tuple[Hearsay, Alert]]:
    """What an attachment says in words: of each alert that it lists, else of the group that its title names."""
    listed = [one for one in _listed(part.text) if one.labels]
    if listed:
        return [_of(one, part, message, source, instance) for one in listed[:ALERTS]]
    words = hearsay_of(part)
    return [] if words is None else [(words, heard(words, part, message, source, instance))]


def _of(one: _Listed, part: MessagePart, message: ChannelMessage, source: str, instance: str) -> tuple[Hearsay, Alert]:
    words = Hearsay(one.status, one.labels.get("alertname", "") or "unnamed alert", labels=one.labels)
    alert = heard(words, part, message, source, instance)
    # Its link is the message all the same: that is the evidence.
    annotations = {"title": alert.annotations["title"], **one.annotations}
    if one.url:
        annotations.setdefault("rule_url", one.url)
    return words, replace(alert, fingerprint=fingerprint_of(one.labels), labels=one.labels, annotations=annotations)


def _listed(text: str) -> Iterator[_Listed]:
    status: AlertStatus | None = None
    one: _Listed | None = None
    into: dict[str, str] = {}
    for row in text.splitlines()[:ROWS]:
        plain = row.strip()
        if plain in _HEADS:
            status = _HEADS[plain]
        elif plain == "Labels:" and status is not None:
            if one is not None:
                yield one
            one = _Listed(status)
            into = one.labels
        elif plain == "Annotations:" and one is not None:
            into = one.annotations
        elif one is not None and plain.startswith("Source: "):
            one.url = link(plain.removeprefix("Source: "))
        elif one is not None and (pair := _PAIR.fullmatch(row)) is not None and len(into) < PAIRS:
            into.setdefault(pair[1], pair[2].strip()[:1_000])
    if one is not None:
        yield one
