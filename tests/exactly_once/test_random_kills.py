"""Kill -9 at random instants between the request and the end, up to three times in one operation.

`KILLS=100` kills a hundred times instead of a few; `KILL_SEED=7` begins with another trial, so that the one that a
failure names is made again first.
"""

import asyncio
import itertools
import os
import random
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from tests.exactly_once.conftest import Laboratory
from tests.exactly_once.trial import Trial

KILLS = int(os.environ.get("KILLS", "24"))
SEED = int(os.environ.get("KILL_SEED", "0"))
AT_ONCE = 3


KINDS = (
    ("rollback, told", False), ("rollback", True), ("training", True), ("shift", True), ("pause", False), ("undo", False),
    ("watch, worse", False), ("shift, worse", True),
)  # fmt: skip
"""Plots, and whether what they do may not be repeated."""


async def lengths(laboratory: Laboratory) -> Mapping[str, float]:
    """Seconds from the first word to the end, of each plot, with as many beside as there will be."""
    beside = asyncio.Semaphore(AT_ONCE)

    async def one(plot: str, counts: bool) -> tuple[str, float]:
        async with beside, laboratory.trial(plot, counts=counts) as trial:
            await trial.run()
            return plot, trial.seconds

    return dict(await asyncio.gather(*(one(*kind) for kind in KINDS)))


@dataclass
class Figures:
    """What became of all trials."""

    trials: int = 0
    kills: int = 0
    interrupted: int = 0
    """Kills at which the operation had begun and was not at its end."""
    in_doubt: int = 0
    effects: int = 0
    seconds: int = 0

    def add(self, trial: Trial) -> None:
        self.trials += 1
        self.kills += trial.deaths
        self.interrupted += trial.interrupted
        self.in_doubt += trial.given_up
        self.effects += len(trial.world.effects)


async def killed(laboratory: Laboratory, seed: int, whole: Mapping[str, float]) -> Trial:
    """One operation whose processes are killed at the instants that this seed gives."""
    dice = random.Random(seed)
    plot, counts = KINDS[seed % len(KINDS)]
    instants = [dice.uniform(0, whole[plot]) for _ in range(dice.choice((1, 1, 2, 3)))]
    async with laboratory.trial(plot, counts=counts) as trial:
        with trial.noted(
            f"KILL_SEED={seed} KILLS=1, {plot}, {'no ' if counts else ''}write may be repeated: {instants} s"
        ):
            await trial.run(instants)
            await trial.check()
    return trial


@pytest.mark.timeout(900)
async def test_killed_at_random_there_is_one_effect(laboratory: Laboratory, capsys: pytest.CaptureFixture[str]) -> None:
    whole, figures, seeds = await lengths(laboratory), Figures(), itertools.count(SEED)
    began = time.monotonic()

    async def one_after_the_other() -> None:
        while figures.kills < KILLS:
            assert figures.trials < 20 + 10 * KILLS, "most were done before they were killed: the instants are wrong"
            figures.add(await killed(laboratory, next(seeds), whole))

    async with asyncio.TaskGroup() as tasks:
        for _ in range(min(AT_ONCE, KILLS)):
            tasks.create_task(one_after_the_other())
    figures.seconds = round(time.monotonic() - began)
    with capsys.disabled():
        sys.stdout.write(f"\n{figures}\n")
