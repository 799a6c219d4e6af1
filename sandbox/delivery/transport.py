"""A way to the app: something is delivered, and acknowledged or not. The deadline is the caller's."""

from dataclasses import dataclass
from typing import Literal, Protocol

from sandbox.workspace.values import Json

Kind = Literal["events_api", "slash_commands", "interactive"]


@dataclass(frozen=True, slots=True)
class Ack:
    """The app has it. The payload is what it wants to happen with a view, or a reply to a command."""

    payload: Json | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """Which attempt this is (0 is the first), and why there is another one."""

    attempt: int = 0
    reason: str = ""


class NotDelivered(Exception):
    """It did not get there, or the app said no. `final`: the app asked for no further attempt."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.final = final


class Transport(Protocol):
    """Socket Mode or HTTP."""

    timeout_reason: str
    """What a retry says when the app did not answer in time."""

    async def deliver(self, kind: Kind, payload: Json, retry: Retry) -> Ack:
        """Hand it over and wait for the acknowledgement, however long. Raises NotDelivered."""
        ...
