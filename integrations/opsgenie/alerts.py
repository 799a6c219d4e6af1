"""One alert of Opsgenie as ours: the same identity and labels, delivered or asked for."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from bot.domain.alert import Alert, AlertStatus
from bot.kit.parsing import fingerprint_of, to_milliseconds

SLUG = "opsgenie"
NAMELESS = "unnamed alert"


def alert(
    *, id_: str, alias: str, message: str, instance: str, status: AlertStatus, began: datetime, ended: datetime | None,
    tags: Iterable[str], priority: str, entity: str, description: str, details: Mapping[str, str], muted: bool = False,
) -> Alert:  # fmt: skip
    """`alias` is what Opsgenie itself knows a problem by; without one it is the id."""
    name = " ".join(message.split()) or NAMELESS
    own = {"alertname": details.get("alertname", "") or name, "priority": _priority(priority), "entity": entity}
    texts = {"summary": message.strip(), "description": description}
    return Alert(
        source=SLUG,
        instance=instance,
        fingerprint=fingerprint_of({"alias": alias or id_}),
        name=name,
        status=status,
        starts_at=to_milliseconds(began),
        ends_at=ended,
        labels={key: text for key, text in {**_pairs(tags), **own, **details}.items() if text},
        annotations={key: text for key, text in texts.items() if text},
        muted=muted,
    )


def _priority(given: str) -> str:
    """`3` and `P3` are the same; so the severity's words need one."""
    return f"P{given}" if given.isdigit() else given


def _pairs(tags: Iterable[str]) -> Mapping[str, str]:
    """Tags of the form `key:value` or `key=value`, as several senders write their labels."""
    found: dict[str, str] = {}
    for tag in tags:
        key, colon, text = tag.partition(":") if ":" in tag and "=" not in tag.partition(":")[0] else tag.partition("=")
        if colon and key.strip().isidentifier() and text.strip():
            found.setdefault(key.strip(), text.strip())
    return found
