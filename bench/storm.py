"""Ten thousand alerts of twenty problems in ten seconds, with Slack's limits enforced: when is what to be read?

200 bodies of 50 alerts, one every 50 ms, each of one problem, sent whether the one before was answered or not; what is
refused is sent again. In the middle comes one alert of a 21st problem, of the worst severity. A person looks at the
channel five times a second. All goes to the sandbox, a process of its own, which refuses what Slack would.
"""

import asyncio
import json
import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from bench import targets
from bench.alerts import body, model
from bench.figures import Figure, Report, quantile
from bench.processes import busy_seconds, cpu_seconds, peak_mb
from bot.demo.workspace import Workspace

PROBLEMS = 20
BODIES = 200
EACH = 50
SECONDS = 10.0
FINAL = BODIES // PROBLEMS * EACH
"""Alerts of each problem."""
WORST_AT = SECONDS / 2
WORST, WORST_NAME = 99, "ModelServesNothing"
LOOK_EVERY = 0.2
PATIENCE = float(os.environ.get("BENCH_STORM_PATIENCE", "150"))
"""Seconds after which what is not right yet is said never to have become so."""
NEVER = float("inf")


@dataclass
class Seen:
    """When, in seconds after the first alert was sent, a person could read what."""

    began: float = field(default_factory=time.time)
    first: float = NEVER
    readable: float = NEVER
    """All problems were named by messages of the channel."""
    own_cards: float = NEVER
    final: float = NEVER
    """Each problem's own card had its final count."""
    worst_card: float = NEVER
    looks_ms: list[float] = field(default_factory=list)

    def look(self, messages: Sequence[Mapping[str, Any]]) -> None:
        now = time.time() - self.began
        shown = [m for m in messages if m.get("thread_ts", m["ts"]) == m["ts"]]
        everything = json.dumps(shown)
        cards = {name: text for name, text in map(_card, shown) if name}
        if shown:
            self.first = min(self.first, now)
        if all(model(problem) in everything for problem in range(PROBLEMS)):
            self.readable = min(self.readable, now)
        if WORST_NAME in json.dumps(cards):
            self.worst_card = min(self.worst_card, now)
        mine = [card for card in cards.values() if WORST_NAME not in card]
        if len(mine) >= PROBLEMS:
            self.own_cards = min(self.own_cards, now)
            if sum(f"{FINAL} alerts" in card for card in mine) >= PROBLEMS:
                self.final = min(self.final, now)


@dataclass
class Answers:
    """How the bot answered."""

    ms: list[float] = field(default_factory=list)
    refused: int = 0
    last: float = 0.0
    """Seconds after the first alert was sent until the last one was acknowledged."""
    worst_sent: float = 0.0


async def run(folder: Path) -> Report:
    """The storm, then wait until all is shown."""
    async with (
        targets.bot(folder) as bot,
        httpx.AsyncClient(trust_env=False, timeout=120, limits=httpx.Limits(max_connections=None)) as http,
    ):
        slack = Workspace(bot.slack.url, http, asyncio.sleep)
        cpu, cpu_slack, busy = cpu_seconds(bot.group), cpu_seconds(bot.slack.process.pid), busy_seconds()
        seen, answers = Seen(), Answers()
        watching = asyncio.create_task(_watch(slack, seen))
        await _send(bot, http, seen, answers)
        await watching
        quiet = await _quiet(bot, seen)
        took = time.time() - seen.began
        cpu, cpu_slack = cpu_seconds(bot.group) - cpu, cpu_seconds(bot.slack.process.pid) - cpu_slack
        foreign = (busy_seconds() - busy - cpu - cpu_slack) / took / (os.cpu_count() or 1)
        calls = await slack.calls()
        stored = bot.count("SELECT count(*) FROM episodes WHERE incident IS NOT NULL")
        figures = (*_figures(seen, answers, calls, stored), Figure("nothing waits for Slack any more", quiet, "s"))
        return Report(
            "storm",
            (
                *figures,
                Figure("peak memory of the bot (RSS)", peak_mb(bot.group), "MB"),
                Figure("processor time of the bot", cpu, "s", f"in {took:.0f} s"),
                Figure("processor time of the sandbox", cpu_slack, "s", "what stands for Slack"),
                Figure("processor time of others", foreign * 100, "%", "of all cores, this generator included"),
            ),
            {"answered_ms": answers.ms, "looks_ms": seen.looks_ms},
            tuple({k: c[k] for k in ("at", "method", "ok", "error", "ms")} for c in calls),
        )


def _figures(seen: Seen, answers: Answers, calls: Sequence[Mapping[str, Any]], stored: int) -> Sequence[Figure]:
    mine = [call for call in calls if float(call["at"]) >= seen.began]
    count = Counter(str(call["method"]) for call in mine)
    limited = sum(call["error"] == "ratelimited" for call in mine)
    posts = [float(c["at"]) for c in mine if c["method"] == "chat.postMessage" and c["ok"]]
    about = f"of {BODIES * EACH + 1:,}: {BODIES * EACH:,} of {PROBLEMS} problems, and one of the worst severity"
    slow = quantile([float(call["ms"]) for call in mine] or [0.0], 0.99)
    return (
        Figure("alerts acknowledged and in an incident", stored, "alerts", about),
        Figure("answer to a body, p50", quantile(answers.ms, 0.5), "ms"),
        Figure("answer to a body, p99", quantile(answers.ms, 0.99), "ms", f"worst {max(answers.ms):.0f} ms"),
        Figure("bodies refused, and sent again", answers.refused, ""),
        Figure("last alert acknowledged", answers.last, "s", f"the last was sent at {SECONDS:.0f} s"),
        Figure("first message", (min(posts) - seen.began) if posts else NEVER, "s", "Slack's call"),
        Figure("all 20 problems readable in the channel", seen.readable, "s"),
        Figure("every problem has its own card", seen.own_cards, "s"),
        Figure("every card shows its final count", seen.final, "s"),
        Figure("sev1 in the middle: its page", _page(mine, seen.began) - answers.worst_sent, "s", "Slack's call"),
        Figure("sev1 in the middle: its card", seen.worst_card - answers.worst_sent, "s"),
        Figure("Slack calls", len(mine), "", ", ".join(f"{method} {n}" for method, n in count.most_common())),
        Figure("of them refused with 429", limited, ""),
        Figure("the sandbox's own time for a call, p99", slow, "ms"),
    )


async def _send(bot: targets.Bot, http: httpx.AsyncClient, seen: Seen, answers: Answers) -> None:
    seen.began = time.time()
    tasks = []
    for number in range(BODIES):
        await asyncio.sleep(seen.began + number * SECONDS / BODIES - time.time())
        if number == BODIES // 2:
            answers.worst_sent = time.time() - seen.began
            worst = body(WORST, [10**6], severity="critical", name=WORST_NAME)
            tasks.append(asyncio.create_task(_deliver(bot, http, worst, answers)))
        content = body(number % PROBLEMS, range(number * EACH, (number + 1) * EACH))
        tasks.append(asyncio.create_task(_deliver(bot, http, content, answers)))
    await asyncio.gather(*tasks)
    answers.last = time.time() - seen.began


async def _deliver(bot: targets.Bot, http: httpx.AsyncClient, content: bytes, answers: Answers) -> None:
    """Until it is taken, as the source would."""
    headers = {"Authorization": f"Bearer {targets.TOKEN}"}
    while True:
        began = time.perf_counter()
        answer = await http.post(f"{bot.url}{targets.PATH}", content=content, headers=headers)
        if answer.is_success:
            answers.ms.append((time.perf_counter() - began) * 1000)
            return
        answers.refused += 1
        await asyncio.sleep(0.5)


async def _watch(slack: Workspace, seen: Seen) -> None:
    while NEVER in {seen.final, seen.worst_card}:
        began = time.perf_counter()
        seen.look(await slack.messages(targets.CHANNEL))
        seen.looks_ms.append((time.perf_counter() - began) * 1000)
        if time.time() > seen.began + PATIENCE:
            return
        await asyncio.sleep(LOOK_EVERY)


async def _quiet(bot: targets.Bot, seen: Seen) -> float:
    """When nothing was left to be shown: threads, pages and what was put off, too."""
    while bot.count("SELECT count(*) FROM posts WHERE waits"):
        if time.time() > seen.began + PATIENCE:
            return NEVER
        await asyncio.sleep(LOOK_EVERY)
    return time.time() - seen.began


def _card(message: Mapping[str, Any]) -> tuple[str, str]:
    """The incident of a card and what it says; nothing for other messages."""
    metadata = message.get("metadata") or {}
    named = metadata.get("event_type") == "mlops_incident"
    return (str(metadata["event_payload"]["incident"]), json.dumps(message)) if named else ("", "")


def _page(calls: Sequence[Mapping[str, Any]], began: float) -> float:
    """When the first page about the worst was sent: a direct message, to a person's id."""
    found = [
        float(call["at"]) - began
        for call in calls
        if call["method"] == "chat.postMessage"
        and call["ok"]
        and WORST_NAME in json.dumps(call["arguments"])
        and "mlops_incident" not in json.dumps(call["arguments"])
        and not call["arguments"].get("thread_ts")
        and str(call["arguments"].get("channel", ""))[:1] in {"U", "D", "@"}
    ]
    return min(found, default=NEVER)
