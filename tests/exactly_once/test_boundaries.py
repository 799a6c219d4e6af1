"""Kill -9 at every durable boundary and at every call, before it and after it: one effect, and a true story."""

import asyncio
from collections.abc import Sequence

import pytest

from tests.exactly_once import boundaries
from tests.exactly_once import world as outside
from tests.exactly_once.conftest import Laboratory
from tests.exactly_once.trial import Ending

AT_ONCE = 3
"""Trials that are made beside each other: a process mostly waits for its database."""


async def endings(laboratory: Laboratory, **how: bool) -> Sequence[Ending]:
    """Every boundary of a story in which nobody is killed."""
    async with laboratory.trial(**how) as trial:
        await trial.run()
        await trial.check()
        commits, calls = boundaries.each(trial.commits), [call.split("#") for call in trial.world.order]
    assert len(commits) >= 13, commits
    if how.get("counts"):  # up to the approval it is the same story
        approval = next(place for place, (name, _) in enumerate(commits) if "workflow_input" in name)
        commits, calls = commits[approval:], calls[calls.index(["start" if how.get("trains") else "move", "1"]) :]
    return [
        *(boundaries.Doom(name, nth, after) for name, nth in commits for after in (False, True)),
        *(outside.Doom(name, int(nth), after=False) for name, nth in calls),
        *(outside.Doom(name, int(nth), after=True) for name, nth in calls if name in outside.WRITES),
    ]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "how",
    [
        pytest.param({"told": True}, id="each write may be repeated"),
        pytest.param({"counts": True}, id="no write may be repeated"),
        pytest.param({"trains": True, "counts": True}, id="a training whose start may not be repeated"),
    ],
)
async def test_killed_at_every_boundary_there_is_one_effect(laboratory: Laboratory, how: dict[str, bool]) -> None:
    beside = asyncio.Semaphore(AT_ONCE)

    async def killed_at(ending: Ending) -> None:
        async with beside, laboratory.trial(**how) as trial:
            with trial.noted(f"killed at {ending}"):
                await trial.run([ending])
                assert trial.deaths == 1, "the process was not killed"
                await trial.check()

    async with asyncio.TaskGroup() as trials:
        for ending in await endings(laboratory, **how):
            trials.create_task(killed_at(ending))
