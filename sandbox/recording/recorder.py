"""Writes a recording while things happen: each line at once and whole, so that it survives a kill of the process."""

import asyncio
import logging
from pathlib import Path
from typing import Any, BinaryIO

from sandbox.recording import things
from sandbox.recording.form import MARK, MOST_BYTES, MOST_IN_FILES, MOST_IN_LINE, VERSION
from sandbox.recording.secrets import cleaner
from sandbox.workspace.state import Workspace
from sandbox.workspace.values import App, Change, Json

DONE_AT_ONCE = frozenset({"call", "fault"})
"""Notes that are made right after what they tell of: what has changed belongs to them."""
FULL = 1_000
"""Bytes that are kept free for the last line."""

_log = logging.getLogger(__name__)


class Recorder:
    """One per recording. Raises FileExistsError for a file that is there, OSError for what can't be written."""

    def __init__(self, workspace: Workspace, path: Path, most: int = MOST_BYTES) -> None:
        self._workspace = workspace
        self._line = cleaner(lambda: workspace.app)
        self._file: BinaryIO | None = path.open("xb", buffering=0)
        self._most = most
        self._size = 0
        self._in_files = 0
        self._touched: dict[str, None] = {}
        self._aside: set[str] = set()
        self._last: dict[str, int] = {}
        self._due: asyncio.Handle | None = None
        self._write(self._head())
        self._touch(*things.keys(workspace))
        self._entry("start", {})
        workspace.attend(self._noted, self._changed)

    def close(self) -> None:
        """Write what is left, and let go of the file."""
        self._changes()
        if self._file is not None:
            self._file.close()
            self._file = None

    # ------------------------------------------------------------ what happens

    def _noted(self, number: int, kind: str, facts: Json) -> None:
        if kind in {"delivery", "outcome"}:  # what was typed into a modal is told by nobody else
            self._touch(*(f"views:{user}" for user in self._workspace.modals))
        if kind not in DONE_AT_ONCE:
            self._changes()
        self._entry(kind, {"id": number} | facts)

    def _changed(self, change: Change) -> None:
        """Things are written when all of what is being done to them is done: a moment later."""
        self._touch(*things.of_change(self._workspace, change))
        if self._due is None and self._touched:
            self._due = asyncio.get_running_loop().call_soon(self._changes)

    def _changes(self) -> None:
        if self._touched:
            self._entry("change", {})

    def _touch(self, *keys: str) -> None:
        self._touched.update(dict.fromkeys(keys))

    def _aside_now(self) -> set[str]:
        """Those that are there, and those that were."""
        before, self._aside = self._aside, set(things.aside(self._workspace))
        return before | self._aside

    # ------------------------------------------------------------ lines

    def _entry(self, kind: str, facts: Json) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None
        self._touch(*self._aside_now())
        touched, self._touched = self._touched, {}
        changed = {key: value for key in touched if (value := self._fresh(key)) is not self}
        if kind == "change" and not changed:
            return
        entry = {"at": self._workspace.clock.now(), "kind": kind} | facts
        self._write(entry | ({"set": changed} if changed else {}))

    def _fresh(self, key: str) -> Any:
        """A thing as it is now; the recorder itself when that was written before."""
        value = things.value_of(self._workspace, key)
        print_ = hash(self._line({"": value}))
        if self._last.get(key, hash(self._line({"": None}))) == print_:
            return self
        if value is None:
            self._last.pop(key, None)
        else:
            self._last[key] = print_
        if key.startswith("file:") and value and value["data"]:
            self._in_files += len(value["data"])
            if self._in_files > MOST_IN_FILES:
                value["data"] = None
        return value

    def _write(self, entry: Json) -> None:
        if self._file is None:
            return
        line = self._line(entry).encode("utf-8", "replace") + b"\n"
        try:
            if self._size + len(line) > self._most - FULL or len(line) > MOST_IN_LINE:
                _log.warning("The recording is full (%d bytes); nothing more is recorded.", self._size)
                self._file.write(self._line({"at": entry["at"], "kind": "full"}).encode() + b"\n")
                self._stop()
                return
            self._file.write(line)
        except OSError as error:
            _log.error("The recording can't be written any more (%s); the sandbox goes on without it.", error.strerror)
            self._stop()
        self._size += len(line)

    def _stop(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _head(self) -> Json:
        workspace = self._workspace
        return {
            "recording": MARK,
            "version": VERSION,
            "at": workspace.clock.now(),
            "address": workspace.address,
            "team": {"id": workspace.team.id, "name": workspace.team.name, "domain": workspace.team.domain},
            "app": _public(workspace.app),
        }


def _public(app: App) -> Json:
    """An app without its tokens."""
    return {
        "id": app.id,
        "name": app.name,
        "user_id": app.user_id,
        "bot_id": app.bot_id,
        "scopes": sorted(app.scopes),
        "events": sorted(app.events),
        "commands": sorted(app.commands),
        "shortcuts": [{"callback_id": s.callback_id, "name": s.name, "type": s.type} for s in app.shortcuts],
    }
