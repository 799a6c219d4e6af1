"""A storm by two clocks that go together: alerts come in, the projector does what is due, and every call is counted."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from bot.domain.alert import Alert, AlertStatus
from bot.ports.store import Store, Transaction
from bot.slack.connection import Connection
from bot.slack.projector import Projector
from sandbox.clock import DrivenClock
from tests.fakes.clock import FakeClock
from tests.slack.office import INCIDENTS, Json, Office, incident_of, key_of, office
from tests.slack.reading import text
from tests.usecases.world import World, an_alert

T = TypeVar("T")
STEP = 0.1
"""Seconds between two looks."""


@dataclass
class Sky:
    """An office without the bot's Slack side, but with a projector whose rounds the test makes."""

    here: Office
    projector: Projector
    connection: Connection
    begun: float = 0.0
    more: list[Projector] = field(default_factory=list)
    """Those of other replicas."""

    @property
    def seconds(self) -> float:
        """Since the storm began."""
        return self.here.sandbox.clock.now() - self.begun

    @property
    def clock(self) -> FakeClock:
        assert isinstance(self.here.world.clock, FakeClock)
        return self.here.world.clock

    async def work(self) -> None:
        """Everything that may be done at this moment."""
        while any(await asyncio.gather(*(one.round() for one in (self.projector, *self.more)))):
            pass

    async def step(self, seconds: float = STEP) -> None:
        """Time goes on for the bot and for Slack; then what is due is done."""
        assert isinstance(self.here.sandbox.clock, DrivenClock)
        self.clock.advance(seconds)
        self.here.sandbox.clock.jump(seconds)
        await self.work()

    async def step_of(self, projector: Projector, seconds: float) -> None:
        """Time goes on, and only this one works, as long as it lives."""
        self.clock.advance(seconds)
        self.here.sandbox.clock.jump(seconds)  # type: ignore[attr-defined]  # driven
        with contextlib.suppress(Killed):
            while await projector.round():
                pass

    def dying(self, at: int, *, kept: bool) -> "Mortal":
        """A projector whose process ends at its n-th commit: before it is there, or before anybody hears of it."""
        world = self.here.world
        mortal = Mortal(world.store, at, kept)
        mortal.projector = Projector(mortal, world.setup, self.connection, world.clock)  # type: ignore[arg-type]
        return mortal

    async def send(self, *alerts: Alert) -> None:
        """A delivery."""
        await self.here.world.send(*alerts)

    async def until_quiet(self, within: float = 300.0) -> None:
        """Until nothing waits any more."""
        end = self.seconds + within
        while await self.here.world.store.read(lambda tx: tx.posts.waiting()) or await self.open_storms():
            assert self.seconds < end, await self.here.world.store.read(
                lambda tx: [(p.key, p.last_error, p.not_before) for p in tx.posts.due(tx.now, by="", limit=20)]
            )
            await self.step()

    async def open_storms(self) -> int:
        """Messages of many problems that are not finished."""
        storms = (await self.here.messages()) if self.seconds >= 0 else ()
        return sum("have their card, the others follow" in text(m) for m in storms if key_of(m).startswith("storm:"))

    def fire(self, problem: int, number: int, severity: str = "warning", **more: Any) -> Alert:
        """One of the alerts of a problem."""
        labels = {"severity": severity, "model": f"model-{problem}", "environment": "production"}
        return an_alert(
            self.clock, f"Problem{problem}", None, labels=labels, fingerprint=f"{problem}/{number}",
            starts_at=self.clock.now(), **more,
        )  # fmt: skip

    async def resolve(self, problem: int, number: int) -> None:
        """The end of one."""
        await self.here.world.send(self.fire(problem, number, status=AlertStatus.RESOLVED, ends_at=self.clock.now()))

    async def storms(self, channel: str = INCIDENTS) -> list[Json]:
        """The messages of many problems in a channel."""
        return [m for m in await self.here.messages(channel) if key_of(m).startswith("storm:")]

    async def cards(self) -> dict[str, Json]:
        """The cards by their incidents; each has one."""
        found = [m for m in await self.here.messages() if incident_of(m)]
        names = [incident_of(m) for m in found]
        assert len(names) == len(set(names)), names
        return dict(zip(names, found, strict=True))

    async def readable(self) -> set[str]:
        """The incidents that somebody can read of in the channel, on cards or in a list."""
        words = " ".join(text(m) for m in await self.here.messages())
        numbers = await self.here.world.store.read(lambda tx: [i.ref for i in tx.incidents.newest(limit=200)])
        return {ref for ref in numbers if f"{ref} " in f"{words} "}

    async def refused(self) -> Sequence[Json]:
        """Calls that Slack found too many."""
        return [call for call in await self.here.calls() if call["error"] == "ratelimited"]


class Killed(Exception):
    """The process has ended."""


@dataclass
class Mortal:
    """A store whose process is killed at a commit; from then on it does nothing any more."""

    store: Store
    at: int
    kept: bool
    commits: int = 0
    projector: Projector = field(init=False)

    @property
    def dead(self) -> bool:
        return self.commits >= self.at

    async def write(self, decide: Callable[[Transaction], T]) -> T:
        if self.dead:
            raise Killed
        self.commits += 1
        if not self.dead:
            return await self.store.write(decide)
        if self.kept:
            await self.store.write(decide)
        raise Killed


@contextlib.asynccontextmanager
async def sky(path: Path, world: World | None = None) -> AsyncIterator[Sky]:
    """Everything ready, nothing has happened."""
    async with office(path, driven=True, world=world) as here:
        connection = Connection(here.settings(), here.world.clock)
        await connection.open()
        projector = Projector(here.world.store, here.world.setup, connection, here.world.clock)
        try:
            yield Sky(here, projector, connection, here.sandbox.clock.now())
        finally:
            await connection.close()
