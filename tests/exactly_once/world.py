"""The world outside, as a server in the test's own process: a registry, what serves, and a log of every write.

It outlives the processes that talk to it, so what they did can be counted. It can end one of them at a call, before
the call has its effect or after it, and it can answer a call with trouble.
"""

import asyncio
import contextlib
import os
import signal
from collections import Counter, deque
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.servers.asgi import serving

MODEL, ALIAS, SERVICE, PIPELINE = "fraud-detector", "champion", "fraud", "retrain_fraud"
MIRROR = "published"
"""An alias that nothing serves by."""
WRITES = ("move", "serve", "start", "shift", "switch")
"""Calls that change something; all others only ask."""


@dataclass(frozen=True, slots=True)
class Write:
    """One write that was received. `applied`: it changed something."""

    call: str
    what: str
    before: str
    after: str
    applied: bool
    pid: int


@dataclass(frozen=True, slots=True)
class Doom:
    """The end of the process that makes the `nth` call of this name."""

    call: str
    nth: int
    after: bool
    """Whether the call has its effect before the process ends, or never."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """How a call goes wrong. With `status` 0 there is no answer at all; `body` is what stands in its place."""

    status: int = 0
    after: bool = False
    """Whether the call has had its effect by then."""
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass
class World:
    """What is true outside. Each `counted` write is an effect of its own, also one that sets what is set."""

    counted: Collection[str] = ()
    follows: bool = True
    """Whether what serves follows the registry's alias."""
    lag: int = 2
    """Looks until what serves has followed."""
    aliases: dict[str, str] = field(default_factory=lambda: {ALIAS: "3"})
    versions: list[str] = field(default_factory=lambda: ["3", "2", "1"])
    served: str = "3"
    shares: dict[str, int] = field(default_factory=lambda: {"3": 100, "2": 0})
    """Percent of the requests that each deployed version gets."""
    paused: bool = False
    """Whether the pipeline's schedule is off."""
    value: float = 0.1
    """What the alert's own query answers."""
    writes: list[Write] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    """The keys of the runs that were started. After as many looks as `lag` a run has ended, and yielded a version."""
    calls: Counter[str] = field(default_factory=Counter)
    order: list[str] = field(default_factory=list)
    """Every call, in the order of their arrival."""
    doom: Doom | None = None
    troubles: "dict[str, deque[Trouble]]" = field(default_factory=dict)
    always: dict[str, Trouble] = field(default_factory=dict)
    killed: asyncio.Event = field(default_factory=asyncio.Event)
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""

    @property
    def alias(self) -> str:
        """The version that should serve."""
        return self.aliases[ALIAS]

    @property
    def effects(self) -> list[Write]:
        """The writes that changed something."""
        return [write for write in self.writes if write.applied]

    def trouble(self, call: str, *troubles: Trouble) -> None:
        """Let the next calls of this name go wrong, one after the other."""
        self.troubles.setdefault(call, deque()).extend(troubles)

    # ------------------------------------------------------------ what calls do

    def move(self, alias: str, to: str, pid: int) -> str:
        before, self.aliases[alias] = self.aliases.get(alias, ""), to
        return self._take("move", f"{MODEL}@{alias}", before, to, pid)

    def serve(self, version: str, pid: int) -> str:
        before, self.served = self.served, version
        return self._take("serve", SERVICE, before, version, pid)

    def start(self, key: str, pid: int) -> str:
        """A run of a pipeline. Where starts are counted, the system doesn't know its keys again."""
        before = len(self.runs)
        if "start" in self.counted or key not in self.runs:
            self.runs.append(key)
        self._take("start", key, str(before), str(len(self.runs)), pid)
        return key

    def shift(self, version: str, percent: int, pid: int) -> str:
        """One version gets so many percent, the other one the rest."""
        before = self.shares[version]
        self.shares = {name: percent if name == version else 100 - percent for name in self.shares}
        self._take("shift", SERVICE, f"{version}: {before}", f"{version}: {percent}", pid)
        return str(percent)

    def switch(self, paused: bool, pid: int) -> str:
        before, self.paused = self.paused, paused
        return self._take("switch", PIPELINE, *("off" if state else "on" for state in (before, paused)), pid)

    def follow(self, run: str) -> str:
        """How a run is: it goes on for some looks."""
        assert run in self.runs
        self.lag -= 1
        if self.lag >= 0:
            return "running"
        if "4" not in self.versions:
            self.versions.insert(0, "4")
        return "succeeded"

    def observe(self) -> str:
        if self.follows and self.served != self.alias:
            self.lag -= 1
            if self.lag < 0:
                self.served, self.lag = self.alias, 2
        return self.served

    def _take(self, call: str, what: str, before: str, after: str, pid: int) -> str:
        self.writes.append(Write(call, what, before, after, call in self.counted or before != after, pid))
        return after


class Server:
    """Worlds behind one address, each under a number of its own."""

    def __init__(self) -> None:
        self._worlds: dict[str, World] = {}
        self.address = ""
        self.app = Starlette(
            routes=[
                Route("/{world}/aliases/{alias}", self._alias, methods=["GET", "PUT"]),
                Route("/{world}/versions", self._versions, methods=["GET"]),
                Route("/{world}/versions/{version}", self._version, methods=["GET"]),
                Route("/{world}/serving", self._serving, methods=["GET", "PUT"]),
                Route("/{world}/split", self._split, methods=["GET", "PUT"]),
                Route("/{world}/schedule", self._schedule, methods=["GET", "PUT"]),
                Route("/{world}/value", self._value, methods=["GET"]),
                Route("/{world}/runs", self._runs, methods=["GET", "POST"]),
                Route("/{world}/runs/{run}", self._run, methods=["GET"]),
            ]
        )

    @contextlib.contextmanager
    def world(self, **how: object):
        """A new world."""
        number = str(len(self._worlds) + 1)
        made = World(**how)  # type: ignore[arg-type]  # free keywords
        made.url = f"{self.address}/{number}"
        self._worlds[number] = made
        try:
            yield made
        finally:
            made.closing.set()

    # ------------------------------------------------------------ calls

    async def _alias(self, request: Request) -> Response:
        alias = request.path_params["alias"]
        if request.method == "GET":
            return await self._do(request, "resolve", lambda world, _: {"version": world.aliases.get(alias)})
        to = (await request.json())["version"]
        return await self._do(request, "move", lambda world, pid: {"version": world.move(alias, to, pid)})

    async def _versions(self, request: Request) -> Response:
        return await self._do(request, "versions", lambda world, _: [{"version": v} for v in world.versions])

    async def _version(self, request: Request) -> Response:
        version = request.path_params["version"]
        return await self._do(request, "version", lambda world, _: {"version": version})

    async def _serving(self, request: Request) -> Response:
        if request.method == "GET":
            return await self._do(request, "observe", lambda world, _: {"version": world.observe()})
        body = await request.json()
        return await self._do(request, "serve", lambda world, pid: {"version": world.serve(body["version"], pid)})

    async def _split(self, request: Request) -> Response:
        if request.method == "GET":
            return await self._do(request, "split", lambda world, _: {"shares": world.shares})
        body = await request.json()
        return await self._do(
            request, "shift", lambda world, pid: {"percent": world.shift(body["version"], body["percent"], pid)}
        )

    async def _schedule(self, request: Request) -> Response:
        if request.method == "GET":
            return await self._do(request, "schedule", lambda world, _: {"schedule": "off" if world.paused else "on"})
        paused = (await request.json())["paused"]
        return await self._do(request, "switch", lambda world, pid: {"schedule": world.switch(paused, pid)})

    async def _value(self, request: Request) -> Response:
        return await self._do(request, "value", lambda world, _: {"value": world.value})

    async def _runs(self, request: Request) -> Response:
        if request.method == "GET":
            key = request.query_params["key"]
            return await self._do(request, "find", lambda world, _: [{"run": run} for run in world.runs if run == key])
        key = (await request.json())["key"]
        return await self._do(request, "start", lambda world, pid: {"run": world.start(key, pid)})

    async def _run(self, request: Request) -> Response:
        run = request.path_params["run"]
        return await self._do(request, "run", lambda world, _: {"run": run, "state": world.follow(run)})

    async def _do(self, request: Request, call: str, effect) -> Response:
        """One call: perhaps the process that makes it ends; perhaps it goes wrong; else it is done."""
        world = self._worlds[request.path_params["world"]]
        pid = int(request.headers["x-process"])
        world.calls[call] += 1
        world.order.append(f"{call}#{world.calls[call]}")
        doom = world.doom
        if doom is not None and (doom.call, doom.nth) == (call, world.calls[call]):
            if doom.after:
                effect(world, pid)
            os.kill(pid, signal.SIGKILL)
            world.killed.set()
            return Response(status_code=503)
        waiting = world.troubles.get(call)
        trouble = waiting.popleft() if waiting else world.always.get(call)
        if trouble is None:
            return JSONResponse(effect(world, pid))
        if trouble.after:
            effect(world, pid)
        if not trouble.status:
            await world.closing.wait()
        return Response(trouble.body, trouble.status or 503, dict(trouble.headers))


@contextlib.asynccontextmanager
async def server() -> AsyncIterator[Server]:
    """A server for this test."""
    made = Server()
    async with serving(made.app) as made.address:
        yield made
