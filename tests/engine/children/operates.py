"""A replica as it is shipped, with a clock that runs fast: engine, heartbeat, and operations that change the world once.

The world is a file: each effect is a line. Where the replica's name is in the file `slow`, its calls are sent and then
wait for an answer that never comes.
"""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

from bot.engine.durable import Engine
from bot.engine.replicas import Heartbeat
from bot.ports.engine import Steps
from bot.ports.store import Transaction
from bot.store.sqlstore import SqlStore
from bot.usecases.once import Found, Once, Step
from tests.engine.children.clock import FastClock
from tests.servers.child import say
from tests.unit.worlds import an_incident, an_operation


class Replica:
    def __init__(self, url: str, folder: Path, name: str) -> None:
        self.clock = FastClock()
        self.name = name
        self._folder = folder
        self.engine = Engine(url, name)
        self.engine.register("operate", self._story)
        self.store = SqlStore(url, self.clock, self.engine.start_work)
        self.heartbeat = Heartbeat(self.store, self.clock, name, self.engine.continue_work_of)
        self._once = Once(self.store, self.clock, self.heartbeat)

    async def _story(self, number: int, steps: Steps) -> None:
        result = await steps.run("move", self._step(number))
        say(f"operation {number}: {result}")

    def _step(self, number: int) -> Callable[[], Awaitable[str]]:
        async def step() -> str:
            call = Step(number, 42, "move", "moving", self._call(number), self._find(number), repeatable=False)
            return (await self._once.do(call)).outcome.value

        return step

    def _call(self, number: int) -> Callable[[], Awaitable[str]]:
        async def call() -> str:
            with (self._folder / "world").open("a") as world:
                world.write(f"{number} by {self.name}\n")
            if (self._folder / "slow").read_text() == self.name:
                say(f"sent {number}")
                await asyncio.get_running_loop().create_future()
            return "moved"

        return call

    def _find(self, number: int) -> Callable[[], Awaitable[Found]]:
        async def find() -> Found:
            lines = (self._folder / "world").read_text().splitlines()
            return Found.THERE if any(line.startswith(f"{number} ") for line in lines) else Found.AS_BEFORE

        return find

    async def approve(self, number: int) -> datetime:
        def decide(tx: Transaction) -> datetime:
            if tx.incidents.get(42) is None:
                tx.incidents.add(an_incident())
            tx.operations.add(an_operation(number=number))
            tx.start_work("operate", number)
            return tx.now

        return await self.store.write(decide)


async def main(url: str, folder: str, name: str) -> None:
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    replica = Replica(url, Path(folder), name)
    await replica.store.open()
    await replica.heartbeat.start()
    await replica.engine.launch()
    say("ready")
    lost = asyncio.create_task(_until_lost(replica))
    while line := (await asyncio.to_thread(sys.stdin.readline)).split():
        match line:
            case ["approve", number]:
                await replica.approve(int(number))
            case ["stop"]:
                break
    lost.cancel()
    await replica.engine.stop()
    await replica.heartbeat.stop()
    await replica.store.close()
    say("stopped")


async def _until_lost(replica: Replica) -> None:
    await replica.heartbeat.lost.wait()
    say("lost")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
