"""Showing a recording: forwards, backwards, to any step, or by itself as fast as it happened."""

import asyncio
import json
from collections import deque
from collections.abc import Sequence
from typing import Any

from sandbox.clock import Clock, SystemClock
from sandbox.recording import things
from sandbox.recording.form import label
from sandbox.recording.reading import Recording, RecordingFault
from sandbox.workspace.state import Workspace
from sandbox.workspace.values import Change, Json

LONGEST_PAUSE = 2.0
"""Seconds that playing waits at most between two steps, before its speed is counted in."""
SLOWEST, FASTEST = 0.1, 100.0
FOREIGN = 36**8
"""Where the ids begin that a look at a recording makes; those in it are lower."""
MANY = 200
"""Things that change in one go; for more, a page draws everything anew."""


class Moment:
    """A clock that shows the time of a step. Nobody sleeps by it."""

    def __init__(self, at: float) -> None:
        self.at = at

    def now(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError(f"in a recording nothing waits, not even {seconds} seconds")


class Replay:
    """A workspace as it was after any step; the first one is the beginning. Raises RecordingFault."""

    def __init__(self, recording: Recording, pace: Clock | None = None) -> None:
        self.recording = recording
        self._moment = Moment(recording.begun)
        self.workspace = Workspace(self._moment, recording.app, recording.team)
        self.workspace.recorded = deque()
        self.workspace.number_from(FOREIGN)
        self.workspace.members.clear()
        self.workspace.conversations.clear()
        self._pace: Clock = pace or SystemClock()
        self._steps = recording.steps
        self._now: dict[str, Any] = {}
        self._undo: list[list[tuple[str, Any]]] = []
        self._playing: asyncio.Task[None] | None = None
        self._address = recording.address
        self.at = 0
        self.speed = 1.0
        self._check()

    # ------------------------------------------------------------ where it is

    def __len__(self) -> int:
        return len(self._steps)

    def shown(self) -> Json:
        """For the page and for scripts."""
        step = self._steps[self.at - 1]
        return {
            "file": self.recording.path.name,
            "at": self.at,
            "of": len(self),
            "time": self._moment.at,
            "playing": self._playing is not None,
            "speed": self.speed,
            "label": label(step),
            "step": {name: value for name, value in step.items() if name != "set"},
            "set": sorted(step["set"]),
            "cut": self.recording.cut,
        }

    # ------------------------------------------------------------ moving

    def to(self, step: int) -> None:
        """Show the state after a step; beyond the ends it stops there."""
        changed: dict[str, Change] = {}
        wanted = min(max(step, 1), len(self))
        while self.at < wanted:
            changed |= self._forward()
        while self.at > wanted:
            changed |= self._back()
        self._moment.at = float(self._steps[self.at - 1]["at"])
        if len(changed) > MANY:
            self.workspace.changed("everything")
        else:
            for change in changed.values():
                self.workspace.changed(change.what, change.channel, change.ts, change.user)
        self.workspace.changed("replay")

    def play(self) -> None:
        """Go on by itself; from the end, once more from the beginning."""
        if self._playing is None:
            if self.at == len(self):
                self.to(1)
            self._playing = asyncio.create_task(self._play())
            self.workspace.changed("replay")

    def pause(self) -> None:
        """Stay where it is."""
        playing, self._playing = self._playing, None
        if playing is not None:
            playing.cancel()
            self.workspace.changed("replay")

    def set_speed(self, speed: float) -> None:
        """How much faster than it happened."""
        self.speed = min(max(speed, SLOWEST), FASTEST)
        self.workspace.changed("replay")

    async def _play(self) -> None:
        while self.at < len(self):
            passed = float(self._steps[self.at]["at"]) - self._moment.at
            await self._pace.sleep(min(max(passed, 0.0), LONGEST_PAUSE) / self.speed)
            self.to(self.at + 1)
        self._playing = None
        self.workspace.changed("replay")

    # ------------------------------------------------------------ one step

    def _forward(self) -> dict[str, Change]:
        changes: dict[str, Change] = {}
        undo: list[tuple[str, Any]] = []
        for key, value in self._here(self._steps[self.at]["set"]).items():
            before = self._now.get(key)
            undo.append((key, before))
            changes[key] = things.change_of(key, value or before)
            self._put(key, value)
        if len(self._undo) == self.at:
            self._undo.append(undo)
        self.at += 1
        return changes

    def _back(self) -> dict[str, Change]:
        self.at -= 1
        changes: dict[str, Change] = {}
        for key, value in reversed(self._undo[self.at]):
            changes[key] = things.change_of(key, value or self._now.get(key))
            self._put(key, value)
        return changes

    def _put(self, key: str, value: Any) -> None:
        things.put(self.workspace, key, value)
        if value is None:
            self._now.pop(key, None)
        else:
            self._now[key] = value

    def _here(self, given: Json) -> Json:
        """The same things at this server's address: files and links lead here."""
        if self._address == self.workspace.address or not given:
            return given
        text = json.dumps(given)
        found: Json = json.loads(text.replace(self._address, self.workspace.address))
        return found

    def _check(self) -> None:
        """Every step must be possible: found out now, not when somebody comes to it."""
        steps: Sequence[Json] = self._steps
        while self.at < len(steps):
            try:
                self._forward()
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                what = f"what this step has set can't be shown ({type(error).__name__}: {error})."
                raise RecordingFault(self.recording.path, self.at + 2, what) from None
            if self.at == 1:
                self._must_be_whole()
        while self.at:
            self._back()
        self._undo.clear()
        self._forward()

    def _must_be_whole(self) -> None:
        """A workspace without the app or without people and channels can't be looked at."""
        workspace = self.workspace
        people = [person for person in workspace.members.values() if not person.is_bot]
        if self.recording.app.user_id not in workspace.members or not people or not workspace.conversations:
            raise RecordingFault(self.recording.path, 2, "the workspace of the beginning is not whole.")
