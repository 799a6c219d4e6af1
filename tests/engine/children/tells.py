"""A process with the durable engine that does as it is told, line by line, and says what its stories do.

A story has three steps; each writes a line to a file, which is the world outside. Where the story's name for a place is
in the file `hold`, it says so and waits there for ever.
"""

import asyncio
import logging
import sys
import threading
from datetime import timedelta
from pathlib import Path

from bot.domain.errors import BotError
from bot.engine import durable
from bot.engine.durable import Engine
from bot.ports.clock import SystemClock
from bot.ports.engine import Fenced, Steps
from bot.ports.store import Transaction
from bot.store.sqlstore import SqlStore
from tests.servers.child import say


class Story:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.troubles: list[Exception] = []
        """Raised by the first step, or before it, one a try."""
        self.early: list[Exception] = []

    async def tell(self, number: int, steps: Steps) -> None:
        if self.early:
            raise self.early.pop(0)
        results = [await steps.run("one", lambda: self._step("one", number))]
        await self._hold("between")
        results.append(await steps.run("two", lambda: self._step("two", number)))
        results.append(await steps.run("three", lambda: self._step("three", number)))
        say(f"finished {number} {' '.join(results)}")

    async def _step(self, name: str, number: int) -> str:
        self._write(f"{name} {number} begun")
        if self.troubles:
            say(f"trouble in {number}")
            raise self.troubles.pop(0)
        await self._hold(f"in {name}")
        self._write(f"{name} {number} done")
        return f"{name}-{number}"

    async def _hold(self, place: str) -> None:
        hold = self._folder / "hold"
        if hold.exists() and hold.read_text() == place:
            say(f"holding {place}")
            await asyncio.get_running_loop().create_future()

    def _write(self, line: str) -> None:
        with (self._folder / "world").open("a") as world:
            world.write(line + "\n")


async def start(store: SqlStore, word: str, number: int) -> None:
    def decide(tx: Transaction) -> None:
        tx.keys.put("approved", str(number), word)
        tx.start_work("story", number, delay=timedelta(hours=1) if word == "later" else None)
        if word == "twice":
            tx.start_work("story", number)
        if word == "fail":
            raise RuntimeError("on purpose")

    try:
        await store.write(decide)
    except (RuntimeError, BotError) as error:
        say(f"refused {number}: {error}")
    else:
        say(f"started {number}")


async def main(url: str, folder: str, replica: str, mode: str) -> None:
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    durable.FIRST_PAUSE = 0.01
    engine, story = Engine(url, replica), Story(Path(folder))
    engine.register("story", story.tell)
    store = SqlStore(url, SystemClock(), engine.start_work)
    await store.open()
    say("ready")  # from now on it can be told; what it continues by itself may be finished before it listens
    if mode == "serve":
        await engine.launch()
    elif mode == "attach":
        await engine.attach()
    say("listening")
    while line := (await asyncio.to_thread(sys.stdin.readline)).split():
        match line:
            case ["trouble", count]:
                story.troubles = [ConnectionError("the database was away")] * int(count)
            case ["early", count]:
                story.early = [ConnectionError("the database was away")] * int(count)
            case ["fenced"]:
                story.troubles = [Fenced("Another one has taken over.")]
            case ["continue", other]:
                say(f"continuing {await engine.continue_work_of(other)}")
            case ["stop"]:
                break
            case [word, number]:
                await start(store, word, int(number))
    await (engine.stop() if mode == "serve" else engine.detach())
    await store.close()
    await asyncio.get_running_loop().shutdown_default_executor()
    mine = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    say(f"stopped, threads: {mine}")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
