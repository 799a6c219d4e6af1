"""Kill -9 in a storm, right after an answer, and start again: what was acknowledged must be there, nothing twice.

Eight senders hand in bodies of 50 alerts, each until it is taken, as a source does. `BENCH_KILLS` times the process is
killed the moment one of them has its answer, and started anew on the same database and the same Slack.
"""

import asyncio
import os
import random
import sqlite3
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from bench import targets
from bench.alerts import body
from bench.figures import Figure, Report
from bot.demo import servers
from bot.demo.workspace import Workspace

KILLS = int(os.environ.get("BENCH_KILLS", "5"))
SEED = 17
SENDERS = 8
PROBLEMS = 20
EACH = 50
ANSWERS = (3, 12)
"""Answers between a start and its kill, by chance from this range."""
CATCH_UP = 180.0


@dataclass
class Senders:
    """What was handed in, and what of it was acknowledged."""

    acknowledged: list[int] = field(default_factory=list)
    """Bodies, in the order of their answers."""
    repeated: int = 0
    url: str = ""
    """Where the bot listens now; each start has a port of its own."""
    stopping: bool = False
    running: asyncio.Event = field(default_factory=asyncio.Event)
    _next: int = 0
    _heard: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def send(self, http: httpx.AsyncClient) -> None:
        while not self.stopping:
            number, self._next = self._next, self._next + 1
            content = body(number % PROBLEMS, range(number * EACH, (number + 1) * EACH))
            while not await self._taken(http, content):
                self.repeated += 1
            self.acknowledged.append(number)
            async with self._heard:
                self._heard.notify_all()

    @property
    def idle(self) -> bool:
        """Whether everything that was begun is acknowledged."""
        return len(self.acknowledged) == self._next

    async def answers(self, count: int) -> None:
        """Until so many more have come."""
        wanted = len(self.acknowledged) + count
        async with self._heard:
            await self._heard.wait_for(lambda: len(self.acknowledged) >= wanted)

    async def _taken(self, http: httpx.AsyncClient, content: bytes) -> bool:
        headers = {"Authorization": f"Bearer {targets.TOKEN}"}
        await self.running.wait()
        try:
            return (await http.post(f"{self.url}{targets.PATH}", content=content, headers=headers)).is_success
        except httpx.HTTPError:
            return False


async def run(folder: Path) -> Report:
    """So many kills; in the end everything is compared."""
    chance = random.Random(SEED)
    starts: list[float] = []
    async with (
        servers.sandbox_process(folder) as slack_server,
        httpx.AsyncClient(trust_env=False, timeout=60) as http,
    ):
        slack = Workspace(slack_server.url, http, asyncio.sleep)
        senders = Senders()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(SENDERS):
                tasks.create_task(senders.send(http))
            for kill in range(KILLS + 1):
                began = time.monotonic()
                async with targets.bot_at(slack_server, folder) as bot:
                    starts.append(time.monotonic() - began)
                    senders.url = bot.url
                    senders.running.set()
                    await senders.answers(chance.randint(*ANSWERS))
                    if kill < KILLS:
                        senders.running.clear()
                        await bot.server.process.kill()
                        continue
                    senders.stopping = True
                    while not senders.idle:  # noqa: ASYNC110 - the last ones
                        await asyncio.sleep(0.05)
                    began = time.monotonic()
                    await bot.until_shown(CATCH_UP)
                    caught_up = time.monotonic() - began
        there = _stored(folder)
        doubled = await _doubled(slack)
        limited = sum(call["error"] == "ratelimited" for call in await slack.calls())
    acknowledged = {number for first in senders.acknowledged for number in range(first * EACH, (first + 1) * EACH)}
    return Report(
        "kill",
        (
            Figure("kills", KILLS, "", f"right after an answer, {SENDERS} senders, seed {SEED}"),
            Figure("alerts acknowledged", len(acknowledged), "", f"{senders.repeated} bodies were sent again"),
            Figure("of them lost", len(acknowledged - set(there)), ""),
            Figure("stored twice", sum(count > 1 for count in there.values()), ""),
            Figure("messages doubled", sum(count - 1 for count in doubled.values()), "", str(dict(doubled))[:200]),
            Figure("refused by Slack with 429", limited, ""),
            Figure("start until ready, slowest", max(starts), "s"),
            Figure("until Slack shows everything", caught_up, "s", "after the last answer"),
        ),
        {"starts_s": starts},
    )


def _stored(folder: Path) -> Counter[int]:
    with closing(sqlite3.connect(f"file:{targets.database(folder)}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT fingerprint FROM episodes WHERE incident IS NOT NULL")
        return Counter(int(fingerprint) for (fingerprint,) in rows)


async def _doubled(slack: Workspace) -> Counter[str]:
    """Messages that are there more than once: by what Slack's metadata says that each is, and pages by their text."""
    names: Counter[str] = Counter()
    for channel in (targets.CHANNEL, *targets.DIRECT):
        for message in await slack.messages(channel):
            payload = (message.get("metadata") or {}).get("event_payload") or {}
            own = payload.get("incident") or payload.get("key") or message.get("text")
            names[f"{channel} {own}"] += 1
    return Counter({name: count for name, count in names.items() if count > 1})
