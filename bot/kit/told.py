"""Alerts in the text of a chat message: lines for machines, which the shipped templates write, and usual titles.

A template that we ship writes a footer, `mlops-bot/1 n=2 am=ADDRESS`, and a line for each alert in the text:

    `mlops-bot/1 f=FINGERPRINT s=firing t=START l.NAME=VALUE a.NAME=VALUE .`

Values are percent-encoded (Go's `urlquery`), so nothing in an alert can end a value or begin a line. The footer holds
nothing that an alert could write, and only a message that has it is read this way: the same line within somebody's
annotation, shown by another template, is no more than words. A line without its end was cut off, and is not read.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import unquote_plus

from bot.domain.alert import Alert, AlertStatus
from bot.kit.parsing import fingerprint_of, link, to_milliseconds
from bot.ports.messages import ChannelMessage, Hearsay, MessagePart

MARK = "mlops-bot/1"
"""The version of these lines; another one is not read."""
LINES = 20
"""More alerts of one message are not read."""
FIELDS = 80
VALUE_LIMIT = 2_000

_STARTS = re.compile(r"[^\w\[]{0,5}(FIRING|RESOLVED)\b[\s:|-]*(\S.*)")
_TITLE = re.compile(r"\[(FIRING|RESOLVED)(?::\d{1,9})?(?:, ?RESOLVED:\d{1,9})?\]\s*(.*)", re.DOTALL)
_FIRING_COLORS = {"danger", "a30200", "d63232"}
_RESOLVED_COLORS = {"good", "2eb886", "36a64f"}
_WORDS = 1_000
"""Characters of a title that are looked at."""


# ---------------------------------------------------------------- lines for machines


@dataclass(frozen=True, slots=True)
class Line:
    """One alert as a template wrote it."""

    fingerprint: str
    status: AlertStatus
    starts_at: datetime
    ends_at: datetime | None
    url: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of one attachment, of which there should be `count`; `address` is the sender's own."""

    address: str
    count: int
    lines: tuple[Line, ...]

    @property
    def incomplete(self) -> bool:
        """Whether the template left alerts out, or some were cut off."""
        return self.count > len(self.lines)


def lines_of(part: MessagePart) -> Lines | None:
    """What a template of ours has written for machines; nothing when it is another one's message."""
    envelope = _fields(part.footer.strip())
    if envelope is None:
        return None
    wanted = (row.strip().strip("`").strip() for row in part.text.splitlines())
    read = [line for row in wanted if row.startswith(f"{MARK} ") and (line := _line(row)) is not None]
    count = envelope.get("n", "")
    return Lines(envelope.get("am", ""), int(count) if count.isdecimal() and len(count) < 7 else 0, tuple(read[:LINES]))


def _fields(row: str) -> dict[str, str] | None:
    """Names and values of a line; the first of a name counts. Nothing when it is no line of this version."""
    mark, _, rest = row.partition(" ")
    if mark != MARK:
        return None
    found: dict[str, str] = {}
    for word in rest.split(" ")[:FIELDS]:
        name, is_field, value = word.partition("=")
        if is_field:
            found.setdefault(unquote_plus(name)[:200], unquote_plus(value)[:VALUE_LIMIT])
    return found


def _line(row: str) -> Line | None:
    if not row.endswith(" ."):
        return None
    found = _fields(row) or {}
    starts_at, ends_at = _moment(found.get("t", "")), _moment(found.get("e", ""))
    status = found.get("s", "")
    fingerprint = found.get("f", "")
    if not re.fullmatch(r"[0-9a-f]{16}", fingerprint) or status not in set(AlertStatus) or starts_at is None:
        return None
    resolved = status == AlertStatus.RESOLVED
    if resolved and ends_at is None:
        return None
    return Line(
        fingerprint, AlertStatus(status), to_milliseconds(starts_at), ends_at if resolved else None,
        link(found.get("g", "")), _named(found, "l."), _named(found, "a."), _named(found, "v."),
    )  # fmt: skip


def _named(found: Mapping[str, str], prefix: str) -> Mapping[str, str]:
    return {name.removeprefix(prefix): value for name, value in found.items() if name.startswith(prefix)}


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.astimezone(UTC) if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return moment if moment.year > 1 else None  # Go's zero time: it has none


# ---------------------------------------------------------------- usual titles


def hearsay_of(part: MessagePart) -> Hearsay | None:
    """What the title of Alertmanager's and Grafana's own templates says: the status, and values of group labels.

    `[FIRING:2] ModelFeatureDrift fraud-detector (production critical)`: the group's alerts have these values, the
    name first, in brackets what else they have in common. A title in other words may begin with one of the two
    statuses, which then is no part of the name: that must be the same at the end. At least it has a colour.
    """
    title = " ".join(part.title[:_WORDS].split())
    usual = _TITLE.fullmatch(title)
    if usual is None:
        begun = _STARTS.fullmatch(title)
        if begun is not None:
            return Hearsay(AlertStatus(begun[1].lower()), begun[2], begun[2])
        status = _status_of(part.color)
        return None if status is None or not title else Hearsay(status, title, title)
    group = usual[2].partition(" (")[0].strip()
    name = group.partition(" ")[0] or usual[2].strip(" ()") or "unnamed alert"
    return Hearsay(AlertStatus(usual[1].lower()), name, group)


def _status_of(color: str) -> AlertStatus | None:
    if color in _FIRING_COLORS:
        return AlertStatus.FIRING
    return AlertStatus.RESOLVED if color in _RESOLVED_COLORS else None


def has_values(alert: Alert, group: str) -> bool:
    """Whether a title's words are values of the alert's labels, its name first and then in the labels' order.

    Which labels a route groups by is not said, and values may hold spaces: every way to read the words is tried.
    """
    rest = sorted((name, value) for name, value in alert.labels.items() if name != "alertname")
    values = [alert.labels.get("alertname", ""), *(value for _, value in rest)]
    reached = {0}
    for value in values:
        word = " ".join(value.split())
        if word:
            ends = {at + len(word) for at in reached if group.startswith(word, at)}
            # After a word the next one begins, or the title ends: "fraud" is not told by "fraud-detector".
            reached |= {min(end + 1, len(group)) for end in ends if group[end : end + 1] in {"", " "}}
    return bool(group) and len(group) in reached


def heard(hearsay: Hearsay, part: MessagePart, message: ChannelMessage, source: str, instance: str) -> Alert:
    """An alert of low fidelity: what fires is only known by its words, and since when by the message's own time."""
    resolved = hearsay.status is AlertStatus.RESOLVED
    summary = " ".join(f"{part.text} {part.fields}".split())[:1_000]
    return Alert(
        source=source,
        instance=instance,
        fingerprint=fingerprint_of({"said": hearsay.group or hearsay.name}),
        name=hearsay.name[:200],
        status=hearsay.status,
        starts_at=message.said_at,
        ends_at=message.said_at if resolved else None,
        annotations={"title": " ".join(part.title.split())[:1_000], **({"summary": summary} if summary else {})},
        url=link(message.permalink),
        low_fidelity=True,
    )
