"""The bot's use cases in the test's own process, with a clock that jumps, an engine that steps, and the world outside."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Self

from bot.domain.operation import Operation
from bot.domain.timeline import Entry
from bot.kit.http import HttpClients, Limits
from bot.store.sqlstore import SqlStore
from bot.usecases.desk import Desk
from bot.usecases.execute import Executor
from bot.usecases.reply import Reply
from tests.exactly_once.replica import Spec, setup_of, systems_of
from tests.exactly_once.world import World
from tests.fakes.databases import lay_out
from tests.fakes.engine import FakeFence, SteppingEngine
from tests.usecases.world import PEOPLE, JumpingClock

IMPATIENT = Limits(connect=5, read=0.1, attempts=2, budget=5)
"""A vendor that doesn't answer costs a test a tenth of a second."""


class Office:
    """Whoever asks, approves and carries out."""

    def __init__(self, world: World, path: Path, *, counts: bool) -> None:
        spec = Spec(lay_out(path), world.url, repeatable=not counts, plot="rollback, told")
        setup = setup_of(spec)
        setup = replace(setup, policies=replace(setup.policies, confirm_within=timedelta(seconds=5)))
        self.clock = JumpingClock()
        self.engine = SteppingEngine(path)
        self.store = SqlStore(spec.database, self.clock, self.engine.start_work)
        self.http = HttpClients(limits=IMPATIENT, sleep=self.clock.sleep)
        systems = systems_of(spec, self.clock, self.http)
        self.desk = Desk(self.store, setup, systems, self.clock, nudge=_nothing)
        self.executor = Executor(self.store, setup, systems, self.clock, FakeFence(), _nothing)

    async def __aenter__(self) -> Self:
        await self.store.open()
        self.engine.prepare()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.store.close()
        await self.http.aclose()

    async def say(self, text: str, by: str) -> Reply:
        """Everything after /mlops."""
        return await self.desk.command(text, next(person for person in PEOPLE if person.id == by))

    async def carry_out(self) -> None:
        """Whatever was approved is done, as far as it goes."""
        await self.engine.run(self.executor.story)

    async def operations(self) -> Sequence[Operation]:
        return await self.store.read(lambda tx: tx.operations.newest(limit=1_000))

    async def timeline(self, operation: Operation) -> Sequence[Entry]:
        return await self.store.read(lambda tx: tx.timeline.of(operation.incident or 0))


def _nothing() -> None:
    pass
