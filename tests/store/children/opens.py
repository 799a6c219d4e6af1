"""Opens the store when told to, and says how that went."""

import asyncio
import sys

from bot.domain.errors import BotError
from bot.ports.clock import SystemClock
from bot.store.sqlstore import SqlStore
from tests.servers.child import say


async def main(url: str) -> None:
    store = SqlStore(url, SystemClock())
    say("ready")
    await asyncio.to_thread(sys.stdin.readline)
    try:
        await store.open()
        await store.write(lambda tx: tx.keys.first("opened", "x"))
    except BotError as error:
        say(error)
    else:
        say("open")
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
