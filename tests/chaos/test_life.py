"""What a kill in this process means: begun is on disk and nobody heard, not begun never was, and nothing goes on."""

import asyncio
from pathlib import Path

import pytest

from bot.ports.store import Transaction
from tests.chaos.life import MortalWorld, watch_tasks
from tests.fakes.clock import FakeClock


@pytest.fixture
async def world(tmp_path: Path):
    watch_tasks(asyncio.get_running_loop())
    made = MortalWorld(tmp_path / "world.db", clock=FakeClock())
    await made.open()
    yield made
    await made.close()


def put(name: str):
    def decide(tx: Transaction) -> str:
        tx.keys.put("test", name, "there")
        return name

    return decide


async def found(world: MortalWorld, name: str) -> str | None:
    return await world.disk.read(lambda tx: tx.keys.get("test", name))


async def test_what_began_before_the_kill_is_there_and_nobody_heard_of_it(world: MortalWorld) -> None:
    loop, begun, killed = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()

    def decide(tx: Transaction) -> None:
        loop.call_soon_threadsafe(begun.set)
        asyncio.run_coroutine_threadsafe(killed.wait(), loop).result(10)
        put("begun")(tx)

    writing = world.life.spawn(world.store.write(decide))
    await begun.wait()
    await world.life.kill()
    assert writing.cancelled()
    killed.set()
    await world.restart()
    assert await found(world, "begun") == "there"


async def test_what_had_not_begun_never_was(world: MortalWorld) -> None:
    world.life.gate.clear()
    waiting = world.life.spawn(world.store.write(put("waiting")))
    await asyncio.sleep(0)
    await world.restart()
    assert waiting.cancelled()
    assert await found(world, "waiting") is None


async def test_the_dead_start_nothing_and_write_nothing(world: MortalWorld) -> None:
    dead, steps = world.store, []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:  # a process that is killed has no last words
            with pytest.raises(asyncio.CancelledError):
                await dead.write(put("last words"))
            steps.append("tried")

    async def begin() -> None:
        task = asyncio.create_task(work())  # is the process's, as it began it
        await task

    beginning = world.life.spawn(begin())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await world.restart()
    assert beginning.cancelled()
    assert steps == ["tried"]
    assert await found(world, "last words") is None
    assert await world.life.run(world.store.write(put("the next one"))) == "the next one"
