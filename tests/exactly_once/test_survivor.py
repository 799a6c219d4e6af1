"""Two processes on PostgreSQL, by the machine's own clock: one is killed with -9 in the middle of an operation.

The survivor finishes it within half a minute, and what was done is done once.
"""

import asyncio
import contextlib
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.timeline import Kind
from tests.exactly_once import world as outside
from tests.exactly_once.conftest import Laboratory
from tests.exactly_once.lives import Died, Life
from tests.exactly_once.plots import APPROVES, ASKS, REQUEST
from tests.exactly_once.trial import Trial
from tests.needs import needs

WITHIN = timedelta(seconds=30)
CASES = {
    "its request never arrived": (outside.Doom("move", 1, after=False), False),
    "its answer never came": (outside.Doom("move", 1, after=True), False),
    "its answer never came, and it may not be repeated": (outside.Doom("move", 1, after=True), True),
    "it was looking whether it serves": (outside.Doom("observe", 4, after=True), True),
}


@needs("postgresql")
@pytest.mark.parametrize("laboratory", ["postgresql"], indirect=True)
async def test_the_survivor_finishes_it_within_half_a_minute(laboratory: Laboratory) -> None:
    async with asyncio.TaskGroup() as tasks:  # beside each other, for they mostly wait for a lease to run out
        for name, (doom, counts) in CASES.items():
            tasks.create_task(_survived(laboratory, name, doom, counts=counts))


async def _survived(laboratory: Laboratory, name: str, doom: outside.Doom, *, counts: bool) -> None:
    async with laboratory.trial("rollback" if counts else "rollback, told", counts=counts) as trial:
        trial.world.doom = doom
        real = replace(trial.spec, speed=1.0)
        a, b = (trial.zygote.life(replace(real, name=name)) for name in ("a", "b"))
        with trial.noted(f"killed when {name}"):
            async with a as first, b as second:
                await _killed_in_the_middle(trial, first, second)
                await trial.finished(second if first.gone else first)
            await trial.check()
            await _in_time(trial)


async def _killed_in_the_middle(trial: Trial, first: Life, second: Life) -> None:
    """Whichever of them has taken it from the queue is killed by the world."""
    trial.pids += [first.pid, second.pid]
    for life in (first, second):
        await life.word("ready")
    trial.number = int((await first.say(REQUEST, ASKS)).split()[0].removeprefix("OP-"))
    with contextlib.suppress(Died):
        await first.say(f"approve OP-{trial.number}", APPROVES)
    ends = [asyncio.create_task(life.dies()) for life in (first, second)]
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    for end in ends:
        end.cancel()
    assert first.gone != second.gone
    trial.deaths, trial.interrupted = 1, 1


async def _in_time(trial: Trial) -> None:
    """By the times that stand in the database: a lease must run out, and a beat come, before anybody goes on."""
    operation = (await trial.ledger.operations())[0]
    assert operation.incident is not None
    assert operation.finished_at is not None
    entries = await trial.ledger.timeline(operation.incident)
    before = next(entry for entry in entries if entry.kind is Kind.RECOVERED).seq - 1
    assert operation.finished_at - entries[before - 1].learned_at <= WITHIN
