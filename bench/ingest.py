"""How many alerts a second are taken, by us and, in turn, by Debian's Alertmanager, under the same load.

Ours: on disk (SQLite, FULL) and part of an incident before the answer, which is counted afterwards; the sandbox, with
Slack's limits enforced, shows the incidents meanwhile. Alertmanager: in memory, and nobody is told. Each figure is of
programs that were started anew and have had the same load for a second, `BENCH_INGEST_SECONDS` long.
"""

import asyncio
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from bench import targets
from bench.figures import Figure, Report
from bench.load import Load, Taken, wrk
from bot.domain.errors import BotError

SECONDS = float(os.environ.get("BENCH_INGEST_SECONDS", "5"))
WARM_UP = 1.0
"""Seconds of the same load before: then all problems are known, as they are to a bot that runs for longer."""
ELSEWHERE = 10**12
"""Where the numbers of those alerts begin."""
BODIES = (1, 100)
CONNECTIONS = (1, 8, 32)
AGAIN = 20
"""Bodies that are sent again and again in the variant of repeats."""
PATIENCE = 60.0
"""Seconds until everything that was acknowledged must be part of an incident."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The same load on both."""

    load: Load
    ours: Taken
    theirs: Taken
    late: float
    """Seconds after the last answer until all was part of an incident."""

    @property
    def name(self) -> str:
        again = "repeats, " if self.load.same else ""
        return f"{again}{self.load.alerts} a body, {self.load.connections} connections"

    def figures(self) -> Iterator[Figure]:
        yield Figure(f"{self.name}: ours", self.ours.rate, "alerts/s", self.ours.told())
        yield Figure(f"{self.name}: Alertmanager", self.theirs.rate, "alerts/s", self.theirs.told())
        yield Figure(f"{self.name}: ratio", self.ours.rate / self.theirs.rate, "×")


async def run(folder: Path) -> Report:
    """Every load, ours and theirs in turn."""
    loads = [Load("webhook", alerts, connections) for alerts in BODIES for connections in CONNECTIONS]
    loads += [Load("webhook", alerts, 8, same=AGAIN) for alerts in BODIES]
    pairs = [await _pair(folder / str(number), load) for number, load in enumerate(loads)]
    return Report(
        "ingest",
        tuple(figure for pair in pairs for figure in pair.figures()),
        records=tuple({"name": pair.name, **asdict(pair)} for pair in pairs),
    )


async def _pair(folder: Path, load: Load) -> Pair:
    ours, late = await measured(folder / "ours", load)
    async with targets.alertmanager(folder / "theirs") as server:
        api = replace(load, form="api")
        await wrk(server, "/api/v2/alerts", replace(api, first=ELSEWHERE), seconds=WARM_UP)
        theirs = await wrk(server, "/api/v2/alerts", api, seconds=SECONDS)
    return Pair(load, ours, theirs, late)


async def measured(folder: Path, load: Load) -> tuple[Taken, float]:
    """A new bot under a load, and how long after it everything was correlated."""
    async with targets.bot(folder) as bot:
        return await loaded(bot, load)


async def loaded(bot: targets.Bot, load: Load) -> tuple[Taken, float]:
    """A bot that runs already. Raises BotError when anything that was acknowledged is not there."""
    await wrk(bot.server, targets.PATH, replace(load, first=ELSEWHERE), seconds=WARM_UP, token=targets.TOKEN)
    before = bot.count(CORRELATED)
    sending = wrk(
        bot.server, targets.PATH, load, seconds=SECONDS, token=targets.TOKEN, beside=bot.slack.process.pid
    )  # fmt: skip
    taken, ended = await sending, time.monotonic()
    wanted = min(taken.alerts, load.same * load.alerts) if load.same else taken.alerts
    while (found := bot.count(CORRELATED) - before) < wanted:
        if time.monotonic() > ended + PATIENCE:
            raise BotError(f"{wanted} alerts were acknowledged and {found} are part of an incident.")
        await asyncio.sleep(0.05)
    return taken, time.monotonic() - ended


CORRELATED = "SELECT count(*) FROM episodes WHERE incident IS NOT NULL"
