"""P2, P3, P4 under kill -9, Slack's faults and the source's, all at random, for a simulated hour.

`CHAOS_SEEDS=200 pytest tests/chaos/test_chaos.py` lives through two hundred of them; one that failed is lived again by
`CHAOS_SEED=17`. The same seed gives the same troubles in the same order; how far the sockets of this machine have come at
a kill is theirs, so what is rare may need some tries.
"""

import asyncio
import os
from pathlib import Path

import pytest

from tests.chaos import promises
from tests.chaos.life import MortalWorld, watch_tasks
from tests.chaos.night import Night
from tests.fakes.clock import FakeClock
from tests.slack.office import office

FEW = 6


def _seeds() -> list[int]:
    if one := os.environ.get("CHAOS_SEED"):
        return [int(one)]
    return list(range(1, 1 + int(os.environ.get("CHAOS_SEEDS", FEW))))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", _seeds())
async def test_an_hour_of_chaos(tmp_path: Path, seed: int) -> None:
    watch_tasks(asyncio.get_running_loop())
    world = MortalWorld(tmp_path / "world.db", clock=FakeClock())
    async with office(tmp_path, driven=True, world=world) as here:
        night = Night(here, seed)
        try:
            await night.run()
            await promises.one_true_card(night)
            await promises.no_alert_lost(night)
            await promises.every_once(night)
        except BaseException as error:
            error.add_note(f"once more: CHAOS_SEED={seed} pytest tests/chaos/{Path(__file__).name}")
            error.add_note(f"{night.kills} kills; troubles met: {night.tally}")
            raise
    assert night.kills, "an hour of chaos has kills"
    assert night.monitor.acknowledged, "an hour of chaos has alerts"
