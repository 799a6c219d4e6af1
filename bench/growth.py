"""What a million stored alerts cost: the same questions to an empty bot and to one with a long past.

`BENCH_GROWTH` sets how many alerts there are in the past, 1,000,000 by default, ten to an incident; the lists are also
asked for with a tenth of them.
"""

import asyncio
import os
import shutil
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench import targets
from bench.alerts import body
from bench.figures import Figure, Report, quantile
from bench.ingest import loaded
from bench.load import Load, Taken
from bench.past import EACH, past
from bench.processes import memory_mb
from bot.demo import servers
from bot.demo.workspace import Workspace

ALERTS = int(os.environ.get("BENCH_GROWTH", "1000000"))
LOAD = Load("webhook", 100, 8)
ASKED = 50
"""Times that each list is asked for."""
SINGLE = 15
"""Alerts that come one at a time, each a new incident."""
PACE = 2.2
"""Seconds between them: see `alert_to_slack`."""
REST = 8.0
NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Lists:
    """Milliseconds."""

    api: Sequence[float]
    """`GET /api/incidents`: a page is the newest fifty."""
    command: Sequence[float]
    """`/mlops incidents`, until its answer is in Slack."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What one bot was like."""

    start: float
    rss: float
    lists: Lists
    answered: Sequence[float]
    shown: Sequence[float]
    load: Taken
    size: int


async def run(folder: Path) -> Report:
    """An empty database, a tenth of the past (lists alone), the whole past."""
    empty = await _measured(folder / "empty", None)
    tenth = await past(ALERTS // EACH // 10)
    lists = await _lists(folder / "tenth", tenth)
    began = time.monotonic()
    whole = await past(ALERTS // EACH)
    made = time.monotonic() - began
    full = await _measured(folder / "full", whole)
    sizes = (("nothing stored", empty), (f"{ALERTS:,} stored", full))
    return Report(
        "growth",
        (
            *(figure for name, found in sizes for figure in _figures(name, found)),
            *_of_lists(f"{ALERTS // 10:,} stored", lists),
            Figure("size of the past", whole.stat().st_size / 1024 / 1024, "MB", f"{made:.0f} s until it was there"),
        ),
        {f"{what}, {name}": getattr(found, what) for name, found in sizes for what in ("answered", "shown")},
    )


def _figures(name: str, found: Found) -> Sequence[Figure]:
    return (
        Figure(f"{name}: start until ready", found.start, "s"),
        Figure(f"{name}: memory at rest (RSS)", found.rss, "MB"),
        *_of_lists(name, found.lists),
        Figure(f"{name}: alert → answer (on disk), p50", quantile(found.answered, 0.5), "ms", "at rest"),
        Figure(f"{name}: alert → Slack's call, p50", quantile(found.shown, 0.5), "ms", f"{SINGLE} new incidents"),
        Figure(f"{name}: alert → Slack's call, worst", max(found.shown), "ms"),
        Figure(f"{name}: 100 a body, 8 connections", found.load.rate, "alerts/s", found.load.told()),
    )


def _of_lists(name: str, lists: Lists) -> Sequence[Figure]:
    return (
        Figure(f"{name}: newest 50 incidents by the API, p50", quantile(lists.api, 0.5), "ms", lists.note),
        Figure(f"{name}: newest 50 incidents by the API, p99", quantile(lists.api, 0.99), "ms"),
        Figure(f"{name}: /mlops incidents, p50", quantile(lists.command, 0.5), "ms"),
        Figure(f"{name}: /mlops incidents, worst", max(lists.command), "ms"),
    )


async def _measured(folder: Path, database: Path | None) -> Found:
    await _laid_out(folder, database)
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(_http())
        slack = await stack.enter_async_context(servers.sandbox_process(folder))
        began = time.monotonic()
        bot = await stack.enter_async_context(targets.bot_at(slack, folder))
        start = time.monotonic() - began
        await asyncio.sleep(REST)
        rss, _ = memory_mb(bot.group)
        lists = await _asked(bot, http)
        answered, shown = await _singles(bot, http)
        taken, _ = await loaded(bot, LOAD)
    return Found(start, rss, lists, answered, shown, taken, targets.on_disk(folder))


async def _lists(folder: Path, database: Path) -> Lists:
    await _laid_out(folder, database)
    async with targets.bot(folder) as bot, _http() as http:
        return await _asked(bot, http)


async def _laid_out(folder: Path, database: Path | None) -> None:
    await asyncio.to_thread(folder.mkdir, parents=True)
    if database is not None:
        await asyncio.to_thread(shutil.copyfile, database, targets.database(folder))


def _http() -> httpx.AsyncClient:
    return httpx.AsyncClient(trust_env=False, timeout=60, headers={"Authorization": f"Bearer {targets.TOKEN}"})


async def _asked(bot: targets.Bot, http: httpx.AsyncClient) -> Lists:
    slack = Workspace(bot.slack.url, http, asyncio.sleep)
    api: list[float] = []
    command: list[float] = []
    for _ in range(ASKED):
        began = time.perf_counter()
        (await http.get(f"{bot.url}/api/incidents")).raise_for_status()
        api.append((time.perf_counter() - began) * 1000)
    for _ in range(ASKED // 5):
        began = time.perf_counter()
        answer = await slack.command(targets.MIKA, "incidents", targets.CHANNEL)
        assert answer.messages, answer
        command.append((time.perf_counter() - began) * 1000)
    there = bot.count("SELECT count(*) FROM incidents")
    return Lists(api, command, f"of {there:,} incidents")


async def _singles(bot: targets.Bot, http: httpx.AsyncClient) -> tuple[list[float], list[float]]:
    """Milliseconds until each was answered, and until Slack was called about it."""
    slack = Workspace(bot.slack.url, http, asyncio.sleep)
    answered: list[float] = []
    sent: dict[str, float] = {}
    for number in range(SINGLE):
        name = f"BenchAlert{number:03}"
        sent[name] = time.time()
        content = body(900 + number, [10**9 + number], name=name)
        (await http.post(f"{bot.url}{targets.PATH}", content=content)).raise_for_status()
        answered.append((time.time() - sent[name]) * 1000)
        await asyncio.sleep(PACE)
    calls = [(float(call["at"]), str(call["arguments"])) for call in await slack.calls("chat.postMessage")]
    first = {name: min((at for at, said in calls if name in said), default=NEVER) for name in sent}
    shown = [(first[name] - began) * 1000 for name, began in sent.items()]
    return answered, shown
