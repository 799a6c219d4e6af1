"""An hour of ordinary traffic, and whether memory stays flat.

Every minute a problem begins; its ten alerts are repeated every minute and end after ten. Mika acknowledges every other
one, lists what is open, and a program reads the newest incidents. `BENCH_SOAK_SECONDS` says how long that hour takes:
120 s by default, after which Slack's limit on edits lets the cards follow for some minutes; 3600 is the hour itself.
"""

import asyncio
import os
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx

from bench import targets
from bench.alerts import body
from bench.figures import Figure, Report
from bench.processes import memory_mb, open_files, peak_mb
from bot.demo.workspace import Message, Workspace

SECONDS = float(os.environ.get("BENCH_SOAK_SECONDS", "120"))
MINUTES = 60
EACH = 10
LASTS = 10
"""Minutes until a problem is over."""
REST = 8.0
CATCH_UP = 420.0
"""Seconds after the hour: to acknowledge and end sixty problems is some 240 edits, and Slack takes 50 a minute."""
SAMPLES = 240
"""Looks at the memory in the whole time."""


@dataclass
class Hour:
    """What has happened so far."""

    deliveries: int = 0
    refused: int = 0
    acknowledged: int = 0
    rss: list[float] = field(default_factory=list)
    files: list[float] = field(default_factory=list)


async def run(folder: Path) -> Report:
    """The hour, minute by minute."""
    headers = {"Authorization": f"Bearer {targets.TOKEN}"}
    async with targets.bot(folder) as bot, httpx.AsyncClient(trust_env=False, headers=headers, timeout=60) as http:
        slack = Workspace(bot.slack.url, http, asyncio.sleep)
        await asyncio.sleep(REST)
        hour = Hour()
        _look(bot, hour)
        looking = asyncio.create_task(_looking(bot, hour))
        began = time.monotonic()
        for minute in range(MINUTES):
            await asyncio.sleep(began + minute * SECONDS / MINUTES - time.monotonic())
            await _minute(minute, bot, http, slack, hour)
        await asyncio.sleep(began + SECONDS - time.monotonic())
        looking.cancel()
        await bot.until_shown(CATCH_UP)
        _look(bot, hour)
        peak, incidents = peak_mb(bot.group), bot.count("SELECT count(*) FROM incidents")
    middle = len(hour.rss) // 2
    return Report(
        "soak",
        (
            Figure("an hour of traffic in", SECONDS, "s", f"{hour.deliveries} deliveries, {incidents} incidents"),
            Figure("deliveries refused", hour.refused, ""),
            Figure("incidents acknowledged by a press", hour.acknowledged, ""),
            Figure("memory at the start (RSS)", hour.rss[0], "MB"),
            Figure("memory after a sixth, the first problems over (RSS)", hour.rss[len(hour.rss) // 6], "MB"),
            Figure("memory in the middle (RSS)", hour.rss[middle], "MB"),
            Figure("memory at the end (RSS)", hour.rss[-1], "MB", f"peak {peak:.0f} MB"),
            Figure("more in the second half", hour.rss[-1] - hour.rss[middle], "MB"),
            Figure("open files at the start", hour.files[0], ""),
            Figure("open files at the end", hour.files[-1], ""),
        ),
        {"rss_mb": hour.rss, "files": hour.files},
    )


async def _minute(minute: int, bot: targets.Bot, http: httpx.AsyncClient, slack: Workspace, hour: Hour) -> None:
    """Deliveries of what fires and of what has ended, and what people do meanwhile."""
    for problem in range(max(minute - LASTS, 0), minute + 1):
        over = datetime.now(UTC) if problem == minute - LASTS else None
        content = body(problem, range(problem * EACH, (problem + 1) * EACH), since=_since(problem), ended_at=over)
        answer = await http.post(f"{bot.url}{targets.PATH}", content=content)
        hour.deliveries += 1
        hour.refused += not answer.is_success
    (await http.get(f"{bot.url}/api/incidents")).raise_for_status()
    if minute % 2:
        await slack.command(targets.MIKA, "incidents", targets.CHANNEL)
        hour.acknowledged += await _acknowledge(slack)


async def _acknowledge(slack: Workspace) -> bool:
    """Mika presses the button of the newest card that has one."""
    for message in reversed(await slack.messages(targets.CHANNEL)):
        if _has(message, "incident.acknowledge"):
            answer = await slack.click(targets.MIKA, targets.CHANNEL, str(message["ts"]), "incident.acknowledge")
            return not answer.error
    return False


def _has(message: Message, action: str) -> bool:
    return action in str(message.get("blocks"))


def _since(problem: int) -> datetime:
    """Every delivery of a problem names the same moment."""
    return datetime.fromtimestamp(_BEGAN + problem, UTC)


_BEGAN = 1_795_000_000
"""Some moment before any of this is run."""


async def _looking(bot: targets.Bot, hour: Hour) -> None:
    while True:
        await asyncio.sleep(SECONDS / SAMPLES)
        _look(bot, hour)


def _look(bot: targets.Bot, hour: Hour) -> None:
    hour.rss.append(memory_mb(bot.group)[0])
    hour.files.append(open_files(bot.group))
