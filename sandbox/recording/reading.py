"""Reading a recording: whatever is wrong with the file is said with its line."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.bodies import loads
from sandbox.recording.form import KINDS, MARK, MOST_BYTES, MOST_IN_LINE, VERSION
from sandbox.recording.things import made
from sandbox.workspace.values import App, Json, Shortcut, Team

ADDRESS = re.compile(r"https?://[\w.:\[\]-]+")
NO_TOKEN = "(left out)"  # noqa: S105 - it is none


class RecordingFault(ValueError):
    """The file can't be shown; the text says where and why."""

    def __init__(self, path: Path, line: int, what: str) -> None:
        super().__init__(f"{path}:{line}: {what}")
        self.line = line


@dataclass(frozen=True, slots=True)
class Recording:
    """What stands in a file. `cut` says that the last line is only half there."""

    path: Path
    address: str
    team: Team
    app: App
    steps: Sequence[Json]
    cut: bool = False

    @property
    def begun(self) -> float:
        """When it begins."""
        return float(self.steps[0]["at"])


def read(path: Path) -> Recording:
    """The recording in a file. Raises RecordingFault and OSError."""
    size = path.stat().st_size
    if size > MOST_BYTES:
        what = f"the file has {size} bytes; a recording has at most {MOST_BYTES}. Its beginning is one, too: cut it."
        raise RecordingFault(path, 1, what)
    head: Json | None = None
    steps: list[Json] = []
    cut = False
    with path.open("rb") as file:
        number = 0
        while line := file.readline(MOST_IN_LINE + 1):
            number += 1
            if len(line) > MOST_IN_LINE:
                raise RecordingFault(path, number, f"the line is longer than {MOST_IN_LINE} bytes.")
            found = _object(line)
            if found is None and not line.endswith(b"\n") and head is not None:
                cut = True
                break
            if head is None:
                head = _head(path, found)
            else:
                steps.append(_step(path, number, found))
    if head is None:
        raise RecordingFault(path, 1, "the file is empty.")
    if not steps or steps[0]["kind"] != "start":
        raise RecordingFault(path, 2, "the beginning is missing.")
    try:
        if not ADDRESS.fullmatch(head["address"]):
            raise ValueError("address")
        return Recording(path, head["address"], made(Team, head["team"]), _app(head["app"]), steps, cut)
    except (KeyError, TypeError, ValueError) as error:
        raise RecordingFault(path, 1, f"the first line does not say what was recorded ({error!r}).") from None


def _object(line: bytes) -> Json | None:
    try:
        found = loads(line.decode())
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _head(path: Path, found: Json | None) -> Json:
    if found is None or found.get("recording") != MARK:
        raise RecordingFault(path, 1, "this is no recording of the sandbox.")
    version = found.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise RecordingFault(path, 1, f"there is no version {version!r} of recordings.")
    if version > VERSION:
        what = f"the recording has version {version}, and this sandbox reads up to {VERSION}. Take a newer sandbox."
        raise RecordingFault(path, 1, what)
    return found


def _step(path: Path, number: int, found: Json | None) -> Json:
    if found is None:
        raise RecordingFault(path, number, "the line is no JSON object.")
    if found.get("kind") not in KINDS:
        raise RecordingFault(path, number, f"there is no step of the kind {found.get('kind')!r}.")
    if isinstance(found.get("at"), bool) or not isinstance(found.get("at"), int | float):
        raise RecordingFault(path, number, "the step has no time.")
    if not isinstance(found.setdefault("set", {}), dict):
        raise RecordingFault(path, number, "what the step has set is no JSON object.")
    return found


def _app(given: Any) -> App:
    shortcuts = tuple(made(Shortcut, one) for one in given["shortcuts"])
    for name in ("id", "name", "user_id", "bot_id"):
        if not isinstance(given[name], str):
            raise TypeError(name)
    return App(
        id=given["id"],
        name=given["name"],
        user_id=given["user_id"],
        bot_id=given["bot_id"],
        bot_token=NO_TOKEN,
        app_token=NO_TOKEN,
        signing_secret=NO_TOKEN,
        verification_token=NO_TOKEN,
        scopes=frozenset(given["scopes"]),
        events=frozenset(given["events"]),
        commands=frozenset(given["commands"]),
        shortcuts=shortcuts,
    )
