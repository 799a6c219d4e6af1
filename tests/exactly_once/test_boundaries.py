"""Kill -9 at every durable boundary and at every call, before it and after it: one effect, and a true story.

Right after a commit and right before the next one, or before or after a call between them that only asks, the same is
on disk and the same is true outside. All but the first case are brief: they end the process once in each such state,
before every commit, before every write, at looks of a watch, and after the last commit. At the durable engine's commits,
which each database has of its own, they do so on both, and at ours and at calls on one of the two. The first case does all
of it on both. `KILL_EVERYWHERE=1` makes none of them brief, and takes six times as long.
"""

import asyncio
import os
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import pytest

from tests.exactly_once import boundaries
from tests.exactly_once import world as outside
from tests.exactly_once.conftest import Laboratory, Shelf
from tests.exactly_once.lives import Zygote
from tests.exactly_once.trial import Ending
from tests.exactly_once.world import Server
from tests.needs import needs

EVERYWHERE = bool(os.environ.get("KILL_EVERYWHERE"))
AT_ONCE = 3
"""Trials that are made beside each other: a process mostly waits for its database."""
LOOKS = {"worse": 4, "over": 2}
"""So many looks at the alert's value there are at least: the first before the watch; how many more depends on the time."""
APPROVAL = ("operations+timers+workflow_status+workflow_input+timeline+posts", 1)
INTENT = ("intents+timeline", 1)
CONFIRMED = ("timeline+live_spans+incidents+posts+operations", 1)
"""From here on it is watched."""
BOTH = ("sqlite", "postgresql")
ENGINES = frozenset({"workflow_status", "workflow_input", "workflow_output", "operation_outputs"})
"""What the durable engine writes by itself: in one commit on the one database, in two on the other."""


@dataclass(frozen=True, slots=True)
class Case:
    """A plot, and from which commit and call on its process is killed: what is before is another case's."""

    plot: str
    counts: bool = False
    commit: tuple[str, int] | None = None
    call: tuple[str, int] | None = None
    brief: bool = True


CASES = {
    "each write may be repeated": Case("rollback, told", brief=False),
    "no write may be repeated": Case("rollback", True, APPROVAL, ("move", 1)),
    "a training whose start may not be repeated": Case("training", True, APPROVAL, ("start", 1)),
    "a shift that may not be repeated": Case("shift", True, INTENT, ("shift", 1)),
    "a pause": Case("pause", False, APPROVAL, ("switch", 1)),
    "a resumption": Case("resume", False, INTENT, ("switch", 1)),
    "an undo": Case("undo", False, INTENT, ("resolve", 2)),
    "watched until it is over": Case("watch, over", False, CONFIRMED, ("value", 1)),
    "watched until it is worse, and undone": Case("watch, worse", False, CONFIRMED, ("value", 1)),
    "a shift that is watched until it is worse, and may not be repeated": Case(
        "shift, worse", True, ("operations+posts", 2), ("value", 1)
    ),
}


async def endings(laboratory: Laboratory, case: Case) -> Sequence[Ending]:
    """Those that are made on this database."""
    everywhere = EVERYWHERE or not case.brief
    found = await every_ending(laboratory, case)
    return [end for end in found if everywhere or laboratory.database in made_on(case.plot, end)]


def made_on(plot: str, end: Ending) -> Collection[str]:
    """The databases on which a brief case makes this end: told by its name, as the order of commits may differ."""
    if isinstance(end, boundaries.Doom) and ENGINES.issuperset(end.name.split("+")):
        return BOTH
    return (BOTH[zlib.crc32(f"{plot}: {end}".encode()) % 2],)


async def every_ending(laboratory: Laboratory, case: Case) -> Sequence[Ending]:
    """Every boundary of a story in which nobody is killed."""
    async with laboratory.trial(case.plot, counts=case.counts) as trial:
        await trial.run()
        await trial.check()
        commits = boundaries.each(trial.commits)
        calls = [(name, int(nth)) for name, nth in (call.split("#") for call in trial.world.order)]
        looks = LOOKS.get(trial.spec.what.watched, 0)
    assert len(commits) >= 11, commits
    commits = commits[commits.index(case.commit) if case.commit else 0 :]
    calls = calls[calls.index(case.call) if case.call else 0 :]
    calls = [(name, nth) for name, nth in calls if name != "value" or nth <= looks]
    if case.brief and not EVERYWHERE:
        told = [(name, nth) for name, nth in calls if name in outside.WRITES or (name == "value" and nth == looks)]
        return [
            *(boundaries.Doom(name, nth, after=False) for name, nth in commits),
            boundaries.Doom(*commits[-1], after=True),
            *(outside.Doom(name, nth, after=False) for name, nth in told),
        ]
    return [
        *(boundaries.Doom(name, nth, after) for name, nth in commits for after in (False, True)),
        *(outside.Doom(name, nth, after=False) for name, nth in calls),
        *(outside.Doom(name, nth, after=True) for name, nth in calls if name in outside.WRITES),
    ]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_killed_at_every_boundary_there_is_one_effect(laboratory: Laboratory, case: Case) -> None:
    beside = asyncio.Semaphore(AT_ONCE)

    async def killed_at(ending: Ending) -> None:
        async with beside, laboratory.trial(case.plot, counts=case.counts) as trial:
            with trial.noted(f"killed at {ending}"):
                await trial.run([ending])
                assert trial.deaths == 1, "the process was not killed"
                await trial.check()

    async with asyncio.TaskGroup() as trials:
        for ending in await endings(laboratory, case):
            trials.create_task(killed_at(ending))


@needs("postgresql")
@pytest.mark.parametrize("name", ["no write may be repeated", "watched until it is worse, and undone"])
async def test_each_end_of_a_brief_case_is_made(
    zygote: Zygote, server: Server, sqlite_shelf: Shelf, postgres_shelf: Shelf, name: str
) -> None:
    """What is left to the other database is there, too, and has the same name."""
    case = CASES[name]
    ends = {
        database: await every_ending(Laboratory(zygote, server, shelf, database), case)
        for database, shelf in zip(BOTH, (sqlite_shelf, postgres_shelf), strict=True)
    }
    missed = [
        end
        for end in {*ends["sqlite"], *ends["postgresql"]}
        if not any(end in ends[database] for database in made_on(case.plot, end))
    ]
    assert not missed


MUTANTS = {
    "move": Case("rollback", True), "shift": Case("shift", True), "start": Case("training", True),
    "switch": Case("pause"), "the way back": Case("shift, worse", True),
}  # fmt: skip


@pytest.mark.parametrize("laboratory", ["sqlite"], indirect=True)
@pytest.mark.parametrize("write", MUTANTS)
async def test_a_blind_repeat_would_be_found(laboratory: Laboratory, write: str) -> None:
    """The same trial with a mutant of the bot, that repeats what is in doubt without looking, fails."""
    case = MUTANTS[write]
    ending = outside.Doom("shift", 2, after=True) if write == "the way back" else outside.Doom(write, 1, after=True)
    async with laboratory.trial(case.plot, counts=case.counts, blind=True) as trial:
        await trial.run([ending])
        assert trial.deaths == 1
        with pytest.raises(AssertionError, match=r"it was repeated|other effects than planned"):
            await trial.check()
