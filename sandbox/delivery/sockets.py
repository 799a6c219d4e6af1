"""Socket Mode: the app holds up to ten sockets open, anything goes to one of them, and an ack may come on any."""

import asyncio
import contextlib
import json
import random
import uuid
from dataclasses import dataclass

from starlette.websockets import WebSocket, WebSocketDisconnect

from sandbox.delivery.transport import Ack, Kind, NotDelivered, Retry
from sandbox.workspace.state import Workspace
from sandbox.workspace.values import Json

MOST = 10
"""Sockets that one app may have open."""
TICKET_SECONDS = 30.0
HOST = "applink-sandbox"


@dataclass(eq=False, slots=True)
class _Socket:
    """One connection. It stays usable until it is closed: what was sent before is still answered."""

    web: WebSocket

    async def send(self, frame: Json) -> None:
        await self.web.send_text(json.dumps(frame, ensure_ascii=False))


class Sockets:
    """Every socket of the app, and what waits for an acknowledgement."""

    timeout_reason = "timeout"

    def __init__(self, workspace: Workspace, chance: random.Random) -> None:
        self.opened = 0
        """How many connections there have been."""
        self._workspace = workspace
        self._chance = chance
        self._open: list[_Socket] = []
        self._tickets: dict[str, float] = {}
        self._waiting: dict[str, asyncio.Future[Ack]] = {}
        self._came = asyncio.Event()
        workspace.sockets = lambda: len(self._open)

    # ------------------------------------------------------------ connecting

    def ticket_url(self) -> str:
        """Where a socket can be opened, once and soon."""
        ticket = str(uuid.uuid4())
        self._tickets[ticket] = self._workspace.clock.now() + TICKET_SECONDS
        address = self._workspace.address.replace("http", "ws", 1)
        return f"{address}/link/?ticket={ticket}&app_id={self._workspace.app.id}"

    async def serve(self, web: WebSocket) -> None:
        """One connection, from its ticket to its end."""
        until = self._tickets.pop(web.query_params.get("ticket", ""), 0.0)
        if until < self._workspace.clock.now():
            await web.close(4000, "the ticket is not valid")
            return
        await web.accept()
        socket = _Socket(web)
        if len(self._open) >= MOST:
            await socket.send(_disconnect("too_many_websockets"))
            await web.close()
            return
        await socket.send(self._hello(len(self._open) + 1))
        self._open.append(socket)
        self.opened += 1
        self._came.set()
        self._workspace.changed("connection")
        try:
            await self._read(socket)
        finally:
            self._drop(socket)

    async def until_connected(self, sockets: int = 1) -> None:
        """Wait until the app holds so many."""
        while len(self._open) < sockets:
            self._came.clear()
            await self._came.wait()

    async def close(self) -> None:
        """End all of them in order."""
        for socket in list(self._open):
            self._drop(socket)
            with contextlib.suppress(RuntimeError):
                await socket.web.close(1001)

    # ------------------------------------------------------------ faults that Slack has, too

    async def announce(self, reason: str) -> int:
        """Send every socket a `disconnect`; the app is expected to open others. Returns how many were told."""
        told = list(self._open)
        for socket in told:
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                await socket.send(_disconnect(reason))
        return len(told)

    def abort(self) -> int:
        """Cut every connection without a word, as a broken network does. Returns how many were cut."""
        cut = list(self._open)
        for socket in cut:
            self._drop(socket)
            socket.web.scope["state"]["transport"].abort()
        return len(cut)

    def go_deaf(self) -> int:
        """Half-open: nothing is read any more, no ping answered, and nobody told. Returns how many it concerns."""
        for socket in self._open:
            socket.web.scope["state"]["transport"].pause_reading()
        return len(self._open)

    # ------------------------------------------------------------ delivering

    async def deliver(self, kind: Kind, payload: Json, retry: Retry) -> Ack:
        envelope_id = str(uuid.uuid4())
        frame: Json = {
            "envelope_id": envelope_id,
            "type": kind,
            "payload": payload,
            "accepts_response_payload": kind == "slash_commands" or payload.get("type") == "view_submission",
        }
        if kind == "events_api":
            frame |= {"retry_attempt": retry.attempt, "retry_reason": retry.reason}
        acknowledged: asyncio.Future[Ack] = asyncio.get_running_loop().create_future()
        self._waiting[envelope_id] = acknowledged
        try:
            await self._send_to_one(frame)
            return await acknowledged
        finally:
            self._waiting.pop(envelope_id, None)

    async def _send_to_one(self, frame: Json) -> None:
        candidates = list(self._open)
        self._chance.shuffle(candidates)
        for socket in candidates:
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                await socket.send(frame)
                return
            self._drop(socket)
        raise NotDelivered("connection_failed")

    async def _read(self, socket: _Socket) -> None:
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                self._acknowledge(await socket.web.receive_text())

    def _acknowledge(self, text: str) -> None:
        """A frame from the app. What is no acknowledgement of something open is ignored, as Slack does."""
        try:
            frame = json.loads(text)
        except ValueError:
            return
        if not isinstance(frame, dict):
            return
        waiting = self._waiting.get(str(frame.get("envelope_id")))
        if waiting is not None and not waiting.done():
            payload = frame.get("payload")
            waiting.set_result(Ack(payload if isinstance(payload, dict) and payload else None))

    def _drop(self, socket: _Socket) -> None:
        if socket in self._open:
            self._open.remove(socket)
            self._workspace.changed("connection")

    def _hello(self, connections: int) -> Json:
        return {
            "type": "hello",
            "num_connections": connections,
            "debug_info": {"host": HOST, "build_number": 1, "approximate_connection_time": 18060},
            "connection_info": {"app_id": self._workspace.app.id},
        }


def _disconnect(reason: str) -> Json:
    return {"type": "disconnect", "reason": reason, "debug_info": {"host": HOST}}
