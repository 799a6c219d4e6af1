"""Alerts that another bot has posted in a chat channel: what an integration is given, and what it makes of it."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from bot.domain.alert import Alert, AlertStatus


@dataclass(frozen=True, slots=True)
class MessagePart:
    """A piece of a message, in plain text: the chat's own notation is undone. What is missing is empty."""

    title: str = ""
    link: str = ""
    """Where the title leads."""
    text: str = ""
    fields: str = ""
    """Its fields, `name: value` on a line."""
    footer: str = ""
    color: str = ""
    """Six hex digits in lower case, or the sender's word for it."""


@dataclass(frozen=True, slots=True)
class ChannelMessage:
    """A message as it stands now. `channel` and `ts` name it for ever; texts are plain, and bounded."""

    channel: str
    ts: str
    sender: str
    """The bot's id (`B…`), which its sender can't choose."""
    said_at: datetime
    """When it was posted, or edited last."""
    permalink: str = ""
    parts: tuple[MessagePart, ...] = ()
    """Its attachments; of a message without any, the text of its blocks, or its own: the first line is the title."""


@dataclass(frozen=True, slots=True)
class Hearsay:
    """What a message says in words alone: that something fires or has ended, and how it is called."""

    status: AlertStatus
    name: str
    group: str = ""
    """What its title says about which alerts are meant, for `MessageSource.is_told`; empty: nothing."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """The labels of one alert, where the words name them."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a message tells. `alerts` have the identity that a delivery would have given them.

    `hearsay` alerts are read from words: marked `low_fidelity`, with an identity of their own; each comes with what is
    needed to look the real ones up.
    """

    alerts: tuple[Alert, ...] = ()
    hearsay: tuple[tuple[Hearsay, Alert], ...] = ()


class MessageSource(Protocol):
    """Reads what its system posts in a channel."""

    @abstractmethod
    def told_by(self, message: ChannelMessage) -> Told:
        """What a message tells; nothing when it is about no alert. Never raises, whatever the text."""

    @abstractmethod
    def is_told(self, hearsay: Hearsay, alert: Alert) -> bool:
        """Whether the words of a message are about this alert, as a delivery or the source's own list gave it."""
