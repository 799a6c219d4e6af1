"""A process that can be killed at any await, in the process of the test: its clock can be driven.

Everything that it starts is known by a context variable. At its death all of that is cancelled, no decision of it that
has not begun is kept, and its store answers nobody any more; what had begun is on disk, and nobody heard of it.
"""

import asyncio
import contextvars
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from bot.ports.store import Store, Transaction
from tests.fakes.engine import FakeFence
from tests.usecases.world import World

T = TypeVar("T")

_OWNER: contextvars.ContextVar["Life | None"] = contextvars.ContextVar("whose task it is", default=None)


SLOWEST = 10.0
"""Seconds of the machine's clock that a decision is kept waiting."""


class DeadError(Exception):
    """A decision came up for a process that had been killed."""


class Life:
    """From a start to a kill."""

    def __init__(self) -> None:
        self.alive = True
        self.gate = threading.Event()
        """Closed, no decision begins: the disk is slow. A kill opens it, too late for those that wait."""
        self.gate.set()
        self.tasks: set[asyncio.Task[Any]] = set()
        self._context = contextvars.copy_context()
        self._context.run(_OWNER.set, self)

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin something that ends with this process."""
        return asyncio.get_running_loop().create_task(work, context=self._context)

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The same, and wait for it. Raises CancelledError when the process is killed meanwhile."""
        return await self.spawn(work)

    async def kill(self) -> None:
        """Everything ends where it is."""
        self.alive = False
        self.gate.set()
        while tasks := [task for task in self.tasks if not task.done()]:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=1.0)


def watch_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """From now on each task of the loop is known to the process that started it."""

    def made(loop: asyncio.AbstractEventLoop, work: Any, **more: Any) -> asyncio.Task[Any]:
        context: contextvars.Context = more.pop("context", None) or contextvars.copy_context()
        task = asyncio.Task(work, loop=loop, context=context, **more)
        owner = context.get(_OWNER)
        if owner is not None:
            owner.tasks.add(task)
            task.add_done_callback(owner.tasks.discard)
        return task

    loop.set_task_factory(made)


class MortalStore(Store):
    """The store as one process has it."""

    def __init__(self, store: Store, life: Life) -> None:
        self._store = store
        self._life = life

    async def write(self, decide: Callable[[Transaction], T]) -> T:
        def decide_if_alive(tx: Transaction) -> T:
            self._life.gate.wait(SLOWEST)
            if not self._life.alive:
                raise DeadError
            return decide(tx)

        return await self._heard(self._store.write(decide_if_alive))

    async def read(self, look: Callable[[Transaction], T]) -> T:
        return await self._heard(self._store.read(look))

    async def _heard(self, answer: Coroutine[Any, Any, T]) -> T:
        if not self._life.alive:
            answer.close()
            raise asyncio.CancelledError
        said = await answer
        if not self._life.alive:
            raise asyncio.CancelledError
        return said


class MortalWorld(World):
    """A world whose process can be killed. `store` is the process's; `disk` is what stands in the database."""

    def __init__(self, *given: Any, **more: Any) -> None:
        self.life = Life()
        super().__init__(*given, **more)

    def _process(self) -> None:
        self.life = Life()
        super()._process()
        self.disk = self.store
        self.store = MortalStore(self.disk, self.life)  # type: ignore[assignment]  # all that the use cases need
        self.rebuild()

    async def open(self) -> None:
        await self.disk.open()
        self.engine.prepare()

    async def close(self) -> None:
        await self.disk.close()

    async def restart(self) -> None:
        await self.life.kill()
        await self.disk.close()
        self.fence = FakeFence()
        self._process()
        await self.open()
