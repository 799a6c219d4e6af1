"""A past of any size for the bot: incidents that it really had once, copied row by row into its own tables.

The bot itself makes two incidents of ten alerts, one that was resolved and one that fires. All rows about them are then
copied under other numbers, models and times; the timelines' chains are sealed anew by the domain's own code. So it
fits whatever the tables are. Made once for each schema and size, and kept in the temporary folder.
"""

import asyncio
import hashlib
import json
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from bench import targets
from bench.alerts import body, model
from bot.domain.timeline import Actor, ActorKind, Draft, Entry, Kind, seal, stamp

EACH = 10
"""Alerts of an incident."""
LIVE = 60
"""Incidents that are not over; the newest ones."""
MODELS = 500
YEAR = timedelta(days=365)
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Pattern:
    """All rows about one incident, by table."""

    number: int
    model: str
    rows: Mapping[str, tuple[Row, ...]]


async def past(incidents: int) -> Path:
    """A database with so many incidents, each of ten alerts."""
    with tempfile.TemporaryDirectory(prefix="mlops-bot-pattern-") as folder:
        await _played(Path(folder))
        return await asyncio.to_thread(_kept, targets.database(Path(folder)), incidents)


async def _played(folder: Path) -> None:
    """What is copied: incident 1 was resolved, incident 2 fires; Slack shows both."""
    headers = {"Authorization": f"Bearer {targets.TOKEN}"}
    begun = datetime.now(UTC)
    async with targets.bot(folder) as bot, httpx.AsyncClient(trust_env=False, headers=headers, timeout=60) as http:
        for content in (
            body(1, range(EACH), since=begun),
            body(2, range(EACH, 2 * EACH), since=begun),
            body(1, range(EACH), since=begun, ended_at=datetime.now(UTC)),
        ):
            (await http.post(f"{bot.url}{targets.PATH}", content=content)).raise_for_status()
        await bot.until_shown()
    targets.on_disk(folder)


def _kept(pattern: Path, incidents: int) -> Path:
    with closing(sqlite3.connect(pattern)) as connection:
        schema = "".join(sql or "" for (sql,) in connection.execute("SELECT sql FROM sqlite_master ORDER BY name"))
    key = hashlib.sha256((schema + Path(__file__).read_text()).encode()).hexdigest()[:16]
    path = Path(tempfile.gettempdir()) / "mlops-bot-bench" / f"{incidents}-{key}.db"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        half = path.with_suffix(".half")
        shutil.copyfile(pattern, half)
        _fill(half, incidents)
        half.rename(path)
    return path


def _fill(path: Path, incidents: int) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        over, live = (_pattern(connection, number) for number in (1, 2))
        # Those of the pattern become the oldest two.
        copies = range(3, incidents + 1)
        # Nothing is kept of it when it is interrupted.
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "foreign_keys=OFF", "cache_size=-262144"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("BEGIN")
        for table in over.rows:
            _insert(connection, table, _copies(table, over, live, copies))
        connection.commit()
        connection.execute("PRAGMA journal_mode=WAL").fetchone()


def _pattern(connection: sqlite3.Connection, number: int) -> Pattern:
    def of(query: str) -> tuple[Row, ...]:
        return tuple(dict(row) for row in connection.execute(query, {"n": number}))

    rows = {
        "incidents": of("SELECT * FROM incidents WHERE number = :n"),
        "episodes": of("SELECT * FROM episodes WHERE incident = :n ORDER BY id"),
        "timeline": of("SELECT * FROM timeline WHERE incident = :n ORDER BY seq"),
        "posts": of("SELECT * FROM posts WHERE ref = :n"),
    }
    assert len(rows["episodes"]) == EACH, f"incident {number} has {len(rows['episodes'])} alerts"
    return Pattern(number, model(number), rows)


def _insert(connection: sqlite3.Connection, table: str, rows: Iterator[Row]) -> None:
    first = next(rows)
    columns = ", ".join(f'"{name}"' for name in first)
    holes = ", ".join(f":{name}" for name in first)
    statement = f'INSERT INTO "{table}" ({columns}) VALUES ({holes})'
    connection.execute(statement, first)
    connection.executemany(statement, rows)


def _copies(table: str, over: Pattern, live: Pattern, numbers: range) -> Iterator[Row]:
    for number in numbers:
        pattern = live if number > numbers.stop - 1 - LIVE else over
        ago = timedelta(days=1) + YEAR * (numbers.stop - number) / len(numbers)
        text = _Text(pattern, number, ago if pattern is over else ago - timedelta(days=1))
        yield from _one(table, pattern.rows[table], text, number)


@dataclass(frozen=True, slots=True)
class _Text:
    """How what stands in a pattern's row reads in a copy's."""

    pattern: Pattern
    number: int
    ago: timedelta
    known: dict[str, str] = field(default_factory=dict)
    """Moments that were moved already: most rows name the same few."""

    def said(self, text: str) -> str:
        named = text.replace(self.pattern.model, f"model-{self.number % MODELS:03}")
        return named.replace(f"INC-{self.pattern.number} ", f"INC-{self.number} ")

    def moment(self, text: str | None) -> str | None:
        if text is None:
            return None
        if text not in self.known:
            self.known[text] = stamp(datetime.fromisoformat(text) - self.ago)
        return self.known[text]


def _one(table: str, rows: Iterable[Row], text: _Text, number: int) -> Iterator[Row]:
    match table:
        case "incidents":
            for row in rows:
                data = json.loads(text.said(row["data"])) | {"number": number}
                for name in ("opened_at", "started_at", "resolved_at", "acknowledged_at", "closed_at"):
                    if isinstance(data.get(name), str):
                        data[name] = text.moment(data[name])
                yield _moved(row, text) | {"number": number, "data": json.dumps(data)}
        case "episodes":
            for place, row in enumerate(rows):
                fingerprint = f"f{number:011d}{place:04d}"  # no load sends such a one
                alert = text.said(row["alert"]).replace(row["fingerprint"], fingerprint)
                yield _moved(row, text) | {
                    "id": number * EACH + place, "incident": number, "fingerprint": fingerprint, "alert": alert
                }  # fmt: skip
        case "timeline":
            before: Entry | None = None
            for row in rows:
                before = seal(
                    _draft(row, text), incident=number, after=before, learned_at=_time(row, "learned_at", text)
                )
                yield _moved(row, text) | {
                    "incident": number, "text": before.text, "prev_hash": before.prev_hash, "hash": before.hash
                }  # fmt: skip
        case _:
            for row in rows:
                own = {name: _renamed(row[name], text.pattern.number, number) for name in ("key", "thread")}
                yield (
                    _moved(row, text)
                    | own
                    | {"ref": number, "ts": f"{number:010d}.{abs(hash(row['key'])) % 10**6:06d}"}
                )


def _renamed(key: str | None, old: int, new: int) -> str | None:
    """`card:1` → `card:77`, `page:1:mika` → `page:77:mika`."""
    return None if key is None else ":".join(str(new) if part == str(old) else part for part in key.split(":"))


def _moved(row: Row, text: _Text) -> Row:
    """The row at another time, about another model."""
    return {
        name: text.moment(value) if name.endswith(("_at", "_seen", "_before", "_until")) or name == "at"
        else f"model-{text.number % MODELS:03}" if name == "model"
        else value
        for name, value in row.items()
    }  # fmt: skip


def _draft(row: Row, text: _Text) -> Draft:
    actor = Actor(ActorKind(row["actor_kind"]), row["actor_id"], row["actor_name"])
    return Draft(Kind(row["kind"]), text.said(row["text"]), actor, _time(row, "happened_at", text), row["evidence"])


def _time(row: Row, name: str, text: _Text) -> datetime:
    return datetime.fromisoformat(str(text.moment(row[name])))
