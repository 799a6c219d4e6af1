"""One alert, sent ten thousand times unchanged: how fast it is taken, and that nothing grows by it."""

import asyncio
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import httpx

from bench import targets
from bench.figures import Figure, Report
from bench.load import Load, Taken, wrk
from bot.demo.workspace import Workspace

TIMES = 10_000
CONNECTIONS = 8
MANY = 32
ROUND = 2.0
"""Seconds of load after which it is looked whether it was often enough."""


async def run(folder: Path) -> Report:
    """The alert once, then again and again; rows and bytes are counted before and after, at a checkpoint."""
    async with (
        targets.bot(folder) as bot,
        httpx.AsyncClient(trust_env=False, timeout=60) as http,
    ):
        slack = Workspace(bot.slack.url, http, asyncio.sleep)
        load = Load("webhook", 1, CONNECTIONS, same=1)
        first = await wrk(bot.server, targets.PATH, load, seconds=1, token=targets.TOKEN, beside=bot.slack.process.pid)
        await bot.until_shown()
        rows, size = _rows(folder), targets.on_disk(folder)
        rounds: list[Taken] = []
        while sum(taken.requests for taken in rounds) < TIMES:
            rounds.append(
                await wrk(
                    bot.server, targets.PATH, load, seconds=ROUND, token=targets.TOKEN, beside=bot.slack.process.pid
                )
            )
        wide = await wrk(
            bot.server, targets.PATH, Load("webhook", 1, MANY, same=1), seconds=ROUND, token=targets.TOKEN,
            beside=bot.slack.process.pid,
        )  # fmt: skip
        await bot.until_shown()
        after, bytes_after = _rows(folder), targets.on_disk(folder)
        messages = [m for m in await slack.messages(targets.CHANNEL) if m.get("thread_ts", m["ts"]) == m["ts"]]
        edits = len(await slack.calls("chat.update"))
        incidents = bot.count("SELECT count(*) FROM incidents")
    sent = sum(taken.requests for taken in rounds)
    grown = {table: after[table] - before for table, before in rows.items() if after[table] != before}
    best = max(rounds, key=lambda taken: taken.rate)
    return Report(
        "duplicates",
        (
            Figure("sent again", sent, "", f"after {first.requests} in a first second"),
            Figure(f"taken, {CONNECTIONS} connections", sent / sum(t.seconds for t in rounds), "req/s", best.told()),
            Figure(f"taken, {MANY} connections", wide.rate, "req/s", wide.told()),
            Figure("refused or broken", sum(taken.refused + taken.broken for taken in (*rounds, wide)), ""),
            Figure("incidents", incidents, ""),
            Figure("messages in the channel", len(messages), ""),
            Figure("edits of messages", edits, ""),
            Figure("rows more", sum(grown.values()), "", ", ".join(f"{t} {n}" for t, n in grown.items())),
            Figure("bytes more, after a checkpoint", bytes_after - size, "B", f"{bytes_after:,} in all"),
        ),
        records=tuple(asdict(taken) for taken in (*rounds, wide)),
    )


def _rows(folder: Path) -> Mapping[str, int]:
    """How many there are in each table."""
    with closing(sqlite3.connect(f"file:{targets.database(folder)}?mode=ro", uri=True, timeout=30)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        return {t: connection.execute(f'SELECT count(*) FROM "{t}"').fetchone()[0] for (t,) in tables.fetchall()}
