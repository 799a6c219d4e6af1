"""P2, P3, P4 with a real process that is killed -9: `mlops-bot serve` beside the sandbox, each a process of its own.

`CHAOS_KILLED=20 pytest tests/chaos/test_killed.py` for more of them, `CHAOS_KILLED_SEED=7` for one of them again.
"""

import asyncio
import os
import random
import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from bench.alerts import body, model
from bot.demo import servers
from bot.demo.play import bot_env
from bot.demo.servers import Server
from bot.demo.workspace import NotSeen, Workspace
from tests.slack.office import incident_of, key_of, until

FEW = 2
TOKEN = "a word"
CHANNEL = "ml-incidents"
MIKA = "U0MLENG01"
CONFIG = """
people:
  mika: {name: Mika Laine, slack: U0MLENG01, roles: [ml_engineer, data_scientist, data_engineer, product_manager]}
  devi: {name: Devi Rao, slack: U0DEVOPS1, roles: [devops_mlops_engineer]}
"""
MODELS = 4
OF_EACH = 5
LIVES = 3
AT_ONCE = 4
FAULTS = ("http_500", "http_503", "rate_limited", "lost_answer", "invalid_json", "empty_body")
EVERYTHING = "SELECT count(*) FROM posts WHERE waits"


def _seeds() -> Sequence[int]:
    if one := os.environ.get("CHAOS_KILLED_SEED"):
        return [int(one)]
    return range(1, 1 + int(os.environ.get("CHAOS_KILLED", FEW)))


@dataclass
class Letter:
    """A delivery about some alerts of one model, to be taken so many times."""

    problem: int
    numbers: tuple[int, ...]
    since: datetime
    over: bool
    times: int
    acknowledged: int = 0

    @property
    def content(self) -> bytes:
        ended = self.since + timedelta(minutes=1) if self.over else None
        return body(self.problem, self.numbers, since=self.since, ended_at=ended)


@dataclass
class Outside:
    """Everything around the process that is killed."""

    folder: Path
    slack: Server
    http: httpx.AsyncClient
    chance: random.Random
    letters: list[Letter] = field(default_factory=list)
    done: list[Letter] = field(default_factory=list)
    url: str = ""

    def __post_init__(self) -> None:
        self.people = Workspace(self.slack.url, self.http, asyncio.sleep)
        since = datetime.now(UTC) - timedelta(minutes=5)
        firing: list[Letter] = []
        over: list[Letter] = []
        for problem in range(MODELS):
            mine = range(problem * OF_EACH, (problem + 1) * OF_EACH)
            firing += [self._letter(problem, (number,), since, over=False) for number in mine]
            over.append(self._letter(problem, tuple(mine[: OF_EACH // 2]), since, over=True))
        over.append(self._letter(0, tuple(range(OF_EACH)), since, over=True))
        self.chance.shuffle(firing)
        self.chance.shuffle(over)
        self.letters = firing + over  # what ends was told to fire before; what comes again comes whenever it likes

    def _letter(self, problem: int, numbers: tuple[int, ...], since: datetime, *, over: bool) -> Letter:
        return Letter(problem, numbers, since, over, self.chance.choice((1, 1, 2, 5)))

    def ask(self, query: str) -> list[tuple]:
        """Of the database, beside whoever has it."""
        with closing(sqlite3.connect(f"file:{self.folder / 'mlops-bot.db'}?mode=ro", uri=True, timeout=20)) as database:
            return database.execute(query).fetchall()

    async def fault(self) -> None:
        kind = self.chance.choice(FAULTS)
        method = self.chance.choice(("chat.postMessage", "chat.update", "*"))
        await self.people.fault(kind, method=method, count=self.chance.randint(1, 3), retry_after=1)

    async def deliver(self, answers: int | None) -> None:
        """Until so many were answered, or all are; then whatever is on its way is left alone."""
        count = 0
        while self.letters and (answers is None or count < answers):
            batch, self.letters = self.letters[:AT_ONCE], self.letters[AT_ONCE:]
            taken = await asyncio.gather(*(self._post(letter) for letter in batch))
            count += sum(taken)
            for letter in reversed(batch):
                self._put_back(letter)

    def _put_back(self, letter: Letter) -> None:
        if letter.acknowledged == 0:
            self.letters.insert(0, letter)
        elif letter.acknowledged < letter.times:
            self.letters.insert(self.chance.randint(0, len(self.letters)), letter)
        else:
            self.done.append(letter)

    async def _post(self, letter: Letter) -> bool:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        try:
            answer = await self.http.post(f"{self.url}/alerts/alertmanager", content=letter.content, headers=headers)
        except httpx.TransportError:
            return False
        letter.acknowledged += answer.is_success
        return answer.is_success


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", _seeds())
async def test_a_real_process_is_killed(tmp_path: Path, seed: int) -> None:
    async with AsyncExitStack() as stack:
        slack = await stack.enter_async_context(servers.sandbox_process(tmp_path))
        http = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=30))
        folder = tmp_path / "bot"
        await asyncio.to_thread(_lay_out, folder)
        outside = Outside(folder, slack, http, random.Random(seed))
        try:
            await _live(outside)
            _nothing_is_lost(outside)
            await _nothing_is_doubled(outside)
        except BaseException as error:
            error.add_note(f"once more: CHAOS_KILLED_SEED={seed} pytest tests/chaos/{Path(__file__).name}")
            error.add_note((folder / "bot.log").read_text(errors="replace")[-3_000:])
            raise


async def _live(outside: Outside) -> None:
    for life in range(LIVES):
        last = life == LIVES - 1
        if life:
            await outside.fault()
        async with servers.bot_process(bot_env(outside.slack.url, TOKEN), outside.folder, ready="/livez") as bot:
            outside.url = bot.url
            if not last:
                # The process is dead before anything of the next answer could have come back from Slack.
                await outside.deliver(outside.chance.randint(1, 12))
                late = [asyncio.create_task(outside._post(one)) for one in outside.letters[:AT_ONCE]]
                for _ in range(outside.chance.randint(0, 40)):
                    await asyncio.sleep(0)
                await bot.process.kill()
                await asyncio.gather(*late)
                continue
            await outside.people.fault("clear")
            await outside.deliver(None)
            await _acknowledged_twice(outside)
            await until(lambda: _nothing_waits(outside), within=90)


async def _acknowledged_twice(outside: Outside) -> None:
    """Somebody presses the same button again, as people do."""
    card = await outside.people.wait_for_message(CHANNEL, lambda m: "incident.acknowledge" in str(m.get("blocks")), 60)
    press = outside.people.click(MIKA, CHANNEL, str(card["ts"]), "incident.acknowledge")
    again = outside.people.click(MIKA, CHANNEL, str(card["ts"]), "incident.acknowledge")
    taken = await asyncio.gather(press, again, return_exceptions=True)
    # When the card was edited in between, the button is not there any more.
    assert [one for one in taken if not isinstance(one, NotSeen)], taken


async def _nothing_waits(outside: Outside) -> bool:
    return outside.ask(EVERYTHING) == [(0,)]


def _nothing_is_lost(outside: Outside) -> None:
    """P3: every alert is there, once, in the incident of its model, and as it was told last."""
    rows = outside.ask(
        "SELECT e.fingerprint, e.status, i.model FROM episodes e JOIN incidents i ON i.number = e.incident"
    )
    found = {int(fingerprint): (status, its_model) for fingerprint, status, its_model in rows}
    assert len(rows) == len(found) == MODELS * OF_EACH
    over = {number for letter in outside.done if letter.over for number in letter.numbers}
    assert found == {
        number: ("resolved" if number in over else "firing", model(number // OF_EACH))
        for number in range(MODELS * OF_EACH)
    }
    assert outside.ask("SELECT count(*) FROM incidents") == [(MODELS,)]


async def _nothing_is_doubled(outside: Outside) -> None:
    """P2 and P4: one card for each incident, in its last state; no message twice, and no entry about an act twice."""
    cards = Counter(filter(None, map(incident_of, await outside.people.messages(CHANNEL))))
    assert cards == Counter(f"INC-{number}" for (number,) in outside.ask("SELECT number FROM incidents"))
    for channel in (CHANNEL, "@mika"):
        names = Counter(incident_of(m) or key_of(m) for m in await outside.people.messages(channel))
        del names[""]
        assert all(times == 1 for times in names.values()), names
    shown = {incident_of(m): m["text"] for m in await outside.people.messages(CHANNEL) if incident_of(m)}
    for number, status in outside.ask("SELECT number, status FROM incidents"):
        assert status in shown[f"INC-{number}"], (status, shown)
    for kind in ("opened", "acknowledged"):
        entries = outside.ask(f"SELECT incident, count(*) FROM timeline WHERE kind = '{kind}' GROUP BY incident")
        assert all(count == 1 for _, count in entries), (kind, entries)


def _lay_out(folder: Path) -> None:
    folder.mkdir()
    (folder / "mlops-bot.yaml").write_text(CONFIG)
