"""Gives the demo's registry a past: MLflow dates everything "now"; a story needs versions promoted weeks ago."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

MODEL = "fraud-detector"


@dataclass(frozen=True, slots=True)
class Promoted:
    """When a version was made and made live, before now, and by whom."""

    version: int
    made: timedelta
    live: timedelta
    by: str


PAST = (
    Promoted(1, timedelta(days=63), timedelta(days=62, hours=20), "Dana"),
    Promoted(2, timedelta(days=33), timedelta(days=32, hours=22), "Mika"),
    Promoted(3, timedelta(minutes=58), timedelta(minutes=42), "Dana"),
)


def date_back(database: Path, now: datetime) -> None:
    """Write the past into MLflow's SQLite file, which no server has open."""
    with closing(sqlite3.connect(database)) as connection, connection:
        for one in PAST:
            _date_version(connection, one, now)
        first = _milliseconds(now - PAST[0].made)
        connection.execute("UPDATE registered_models SET creation_time = ? WHERE name = ?", (first, MODEL))


def _date_version(connection: sqlite3.Connection, one: Promoted, now: datetime) -> None:
    made, live = now - one.made, now - one.live
    connection.execute(
        "UPDATE model_versions SET creation_time = ?, last_updated_time = ? WHERE name = ? AND version = ?",
        (_milliseconds(made), _milliseconds(live), MODEL, one.version),
    )
    for tag in (("promoted_by", one.by), ("promoted_at", live.isoformat(timespec="seconds"))):
        connection.execute(
            "INSERT OR REPLACE INTO model_version_tags (key, value, name, version) VALUES (?, ?, ?, ?)",
            (*tag, MODEL, one.version),
        )
    started, ended = _milliseconds(made - timedelta(minutes=11)), _milliseconds(made - timedelta(seconds=5))
    of_run = "WHERE run_uuid = (SELECT run_id FROM model_versions WHERE name = ? AND version = ?)"
    connection.execute(
        f"UPDATE runs SET start_time = ?, end_time = ? {of_run}",  # noqa: S608 - a constant of this function
        (started, ended, MODEL, one.version),
    )
    for table in ("metrics", "latest_metrics"):
        connection.execute(
            f"UPDATE {table} SET timestamp = ? {of_run}",  # noqa: S608 - two names from the line above
            (ended, MODEL, one.version),
        )


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
