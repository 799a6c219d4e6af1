"""Whether a socket still hears: connections have been seen that look well and stay deaf for hours."""

from datetime import datetime, timedelta
from typing import Any, Protocol

from bot.ports.clock import Clock

SILENT = timedelta(minutes=10)
"""After so long without a word (an event, a hello) a socket is replaced while Slack otherwise answers."""


class Socket(Protocol):
    """What is looked at of the library's client."""

    on_message_listeners: list[Any]
    message_receiver: Any
    message_processor: Any
    aiohttp_client_session: Any

    async def is_connected(self) -> bool:
        """Whether it is open, and its pings are answered."""
        ...


class Ear:
    """Listens beside the library on one connection."""

    def __init__(self, socket: Socket, clock: Clock) -> None:
        self._socket = socket
        self._clock = clock
        self._heard: datetime = clock.now()
        socket.on_message_listeners.append(self.hear)

    async def hear(self, message: object) -> None:
        """Something was said."""
        del message
        self._heard = self._clock.now()

    @property
    def silent(self) -> bool:
        """Whether nothing was said for long; that alone may be a quiet night."""
        return self._clock.now() - self._heard >= SILENT

    async def trouble(self) -> str:
        """Why nothing can be heard; empty when all is well."""
        socket = self._socket
        if not await socket.is_connected():
            return "the connection to Slack was lost"
        if socket.aiohttp_client_session.closed:
            return "the library has closed its session and goes on without one"
        for task, does in ((socket.message_receiver, "reads"), (socket.message_processor, "handles")):
            if task is None or task.done():
                return f"the task that {does} what Slack says has ended"
        return ""
