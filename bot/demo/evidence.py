"""The story's proof that a timeline can be trusted: exported twice, verified offline, and forged to see it found."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from bot.demo.command import Command, Ran
from bot.demo.workspace import Workspace
from bot.domain.errors import BotError

DATABASE = "mlops-bot.db"
FORGED = "forged.db"
UPLOADED_WITHIN = 15.0


class NotProved(BotError):
    """Verification did not say what it should have."""


async def check(workspace: Workspace, command: Command) -> str:
    """Export and verify, then change one byte of a file and one row of a copy of the database: both must be found."""
    uploaded = await _uploaded(workspace, command.folder)
    changed = uploaded.with_name("changed.md")
    await asyncio.to_thread(_change_one_byte, uploaded, changed)
    entry = await asyncio.to_thread(_forge, command.folder)
    good, exported, found, row = await asyncio.gather(
        command.run("timeline", "verify", uploaded.name),
        command.run("timeline", "export", "INC-1", "--format", "md", "--output", "INC-1.by-command.md"),
        command.run("timeline", "verify", changed.name),
        command.run("timeline", "verify", "--all", MLOPS_BOT_DATABASE__URL=f"sqlite:///{FORGED}"),
    )
    _expect(good.code == 0 and "intact" in good.output, "the file from Slack does not verify", good)
    _expect(exported.code == 0, "the command exported nothing", exported)
    _expect(found.code == 1 and "BROKEN" in found.output, "a changed byte in a file was not found", found)
    _expect(row.code == 1 and f"entry {entry}" in row.output, f"a changed row (entry {entry}) was not found", row)
    return f"{good.output.splitlines()[0]}; one changed byte: {found.output.splitlines()[0].strip()}"


async def _uploaded(workspace: Workspace, folder: Path) -> Path:
    data = await workspace.wait_for_file(".md", UPLOADED_WITHIN)
    path = folder / "INC-1.md"
    await asyncio.to_thread(path.write_bytes, data)
    return path


def _change_one_byte(source: Path, target: Path) -> None:
    data = bytearray(source.read_bytes())
    where = data.index(b"acknowledged")
    data[where] ^= 0x20  # "a" becomes "A": nobody would see it
    target.write_bytes(data)


def _forge(folder: Path) -> int:
    """What somebody with the database's file could do, its guards taken away first; gives the entry's number."""
    with (
        closing(sqlite3.connect(folder / DATABASE)) as original,
        closing(sqlite3.connect(folder / FORGED)) as copy,
    ):
        original.backup(copy)
        guards = copy.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'timeline'")
        for (guard,) in guards.fetchall():
            copy.execute(f'DROP TRIGGER "{guard}"')
        (entry,) = copy.execute("SELECT seq FROM timeline WHERE kind = 'acknowledged' ORDER BY seq LIMIT 1").fetchone()
        copy.execute(
            "UPDATE timeline SET text = replace(text, 'Mika', 'Nika') WHERE incident = 1 AND seq = ?", (entry,)
        )
        copy.commit()
    return int(entry)


def _expect(true: bool, otherwise: str, ran: Ran) -> None:
    if not true:
        raise NotProved(f"{otherwise}: exit code {ran.code}: {ran.output.strip()[:300]} {ran.errors.strip()[-600:]}")
