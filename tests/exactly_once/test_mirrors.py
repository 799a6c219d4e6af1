"""A rollback of two pointers, killed at every boundary: each is moved once and taken back once, or what isn't is said."""

import asyncio

import pytest

from bot.domain.operation import OperationState
from bot.domain.timeline import Kind
from bot.usecases.export import verify_chain
from tests.exactly_once import world as outside
from tests.exactly_once.conftest import Laboratory
from tests.exactly_once.plots import TARGET
from tests.exactly_once.test_boundaries import APPROVAL, AT_ONCE, CONFIRMED, Case, endings
from tests.exactly_once.trial import Ending, Trial
from tests.exactly_once.world import MIRROR, MODEL

CASES = {
    "no write may be repeated": Case("mirrored", True, APPROVAL, ("move", 1)),
    "each write may be repeated, from what is told to serve on": Case(
        "mirrored, told", False, ("intents+timeline", 2), ("serve", 1)
    ),
    "watched until it is worse, and all taken back": Case("mirrored, worse", False, CONFIRMED, ("value", 1)),
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_killed_at_every_boundary_each_pointer_is_moved_once(laboratory: Laboratory, case: Case) -> None:
    beside = asyncio.Semaphore(AT_ONCE)

    async def killed_at(ending: Ending) -> None:
        async with beside, laboratory.trial(case.plot, counts=case.counts) as trial:
            with trial.noted(f"killed at {ending}"):
                await trial.run([ending])
                assert trial.deaths == 1, "the process was not killed"
                await check(trial)

    async with asyncio.TaskGroup() as trials:
        for ending in await endings(laboratory, case):
            trials.create_task(killed_at(ending))


async def check(trial: Trial) -> None:
    """As any story is checked; but a mirror's call that may not be repeated can be left in doubt, and that is said."""
    operation = (await trial.ledger.operations())[0]
    if operation.state is not OperationState.PARTLY:
        await trial.check()
        there = trial.world.alias if not trial.given_up else trial.world.aliases[MIRROR]
        assert trial.world.aliases[MIRROR] == there
        return
    assert not trial.spec.repeatable, "what may be repeated is not left in doubt"
    assert trial.world.calls["move"] <= 2, "it was repeated, and may not be"
    assert (trial.world.alias, trial.world.served, trial.world.aliases[MIRROR]) == (TARGET, TARGET, "3")
    assert f"Alias {MIRROR} of {MODEL} in registry is still at version 3" in operation.outcome
    assert "sent, not confirmed" in operation.outcome
    entries = await trial.ledger.timeline(operation.incident or 0)
    assert verify_chain(entries).intact
    kinds = [entry.kind for entry in entries]
    assert kinds.count(Kind.IN_DOUBT) == 1
    assert kinds.count(Kind.VERIFIED) == 1, "that it serves was confirmed all the same"


@pytest.mark.parametrize("laboratory", ["sqlite"], indirect=True)
async def test_a_mirror_that_was_moved_blindly_twice_would_be_found(laboratory: Laboratory) -> None:
    """The same trial with a mutant of the bot, that repeats what is in doubt without looking, fails."""
    async with laboratory.trial("mirrored", counts=True, blind=True) as trial:
        await trial.run([outside.Doom("move", 2, after=True)])
        assert trial.deaths == 1
        with pytest.raises(AssertionError, match="it was repeated, and may not be"):
            await check(trial)
