"""Many people at once, on PostgreSQL at two processes.

The first request is the operation, and the others join it; the first approval is its start.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from bot.domain.timeline import Kind
from tests.exactly_once.conftest import Laboratory
from tests.exactly_once.lives import Life
from tests.exactly_once.plots import APPROVES, REQUEST
from tests.exactly_once.trial import Trial

MANY = 40
WHO = ("mika", "devi", "mika", "mika")


@contextlib.asynccontextmanager
async def replicas(trial: Trial) -> AsyncIterator[Sequence[Life]]:
    """Two processes where there may be two, so that no lock in memory is what keeps people apart.

    By the machine's own clock: nobody is taken for dead because all are busy.
    """
    names = "ab" if trial.spec.database.startswith("postgresql") else "a"
    async with contextlib.AsyncExitStack() as stack:
        lives = [
            await stack.enter_async_context(trial.zygote.life(replace(trial.spec, name=name, speed=1.0)))
            for name in names
        ]
        for life in lives:
            trial.pids.append(life.pid)
            await life.word("ready")
        yield lives


async def all_say(lives: Sequence[Life], text: str, who: Sequence[str]) -> Sequence[str]:
    """Forty people at once, in turns at one process and the other."""
    return await asyncio.gather(
        *(lives[place % len(lives)].say(text, who[place // len(lives) % len(who)]) for place in range(MANY))
    )


async def test_forty_requests_are_one_operation_and_forty_approvals_are_one_start(laboratory: Laboratory) -> None:
    async with laboratory.trial() as trial:
        with trial.noted("forty at once"):
            async with replicas(trial) as lives:
                asked = await all_say(lives, REQUEST, WHO)
                assert Counter("is planned" in title for title in asked) == {True: 1, False: MANY - 1}, asked
                assert {title.split()[0] for title in asked} == {"OP-1"}, asked
                (operation,) = await trial.ledger.operations()
                assert {operation.requested_by, *operation.joined_by} == set(WHO)
                trial.number, trial.approved = 1, True
                other = "dana" if operation.requested_by == APPROVES else APPROVES
                approved = await all_say(lives, "approve OP-1", [other])
                assert Counter("is approved and starts" in title for title in approved) == {True: 1, False: MANY - 1}
                await trial.finished(lives[0])
            await trial.check()


async def test_whoever_decides_first_decides(laboratory: Laboratory) -> None:
    """Yes, no and never mind at once: one of them is what happened, and the others are told so."""
    async with laboratory.trial() as trial, replicas(trial) as lives:
        await lives[0].say(REQUEST, "mika")
        words = [("approve", APPROVES), ("reject", APPROVES), ("cancel", "mika")] * 8
        titles = await asyncio.gather(
            *(lives[place % len(lives)].say(f"{verb} OP-1", who) for place, (verb, who) in enumerate(words))
        )
        first = [title for title in titles if "already" not in title]
        assert len(first) == 1, titles
        (operation,) = await trial.ledger.operations()
        entries = await trial.ledger.timeline(operation.incident or 0)
        decided = [e.kind for e in entries if e.kind in {Kind.APPROVED, Kind.REJECTED, Kind.CANCELLED}]
        assert len(decided) == 1
        if decided == [Kind.APPROVED]:
            trial.number = 1
            await trial.finished(lives[0])
            await trial.check()
        else:
            assert operation.state.final
            assert not trial.world.writes
            assert trial.ledger.workflows() == []
