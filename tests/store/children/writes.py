"""Writes without end, eight at a time, and says each number after its commit."""

import asyncio
import itertools
import sys

from bot.domain.timeline import BOT, Draft, Kind
from bot.ports.clock import SystemClock
from bot.ports.store import Transaction
from bot.store.sqlstore import SqlStore
from tests.servers.child import say
from tests.unit.worlds import an_incident


async def main(url: str) -> None:
    store = SqlStore(url, SystemClock())
    await store.open()
    await store.write(lambda tx: tx.incidents.add(an_incident(number=1)))
    numbers = itertools.count()

    async def work() -> None:
        for number in numbers:

            def decide(tx: Transaction, number: int = number) -> None:
                tx.keys.first("written", str(number))
                tx.timeline.append(1, Draft(Kind.NOTE, str(number), BOT, tx.now))

            await store.write(decide)
            say(number)

    await asyncio.gather(*(work() for _ in range(8)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
