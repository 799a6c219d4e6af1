"""Processes that the tests started and that still run: known by a mark in their environment, or by their parent."""

import contextlib
import os
import signal
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

MARK = "STARTED_BY_TEST_SESSION"
"""In the environment of whatever the tests start; children pass it on, also those that leave their parent."""
PROC = Path("/proc")
HARMLESS = ("multiprocessing.resource_tracker",)
"""Python's own helper, which ends with the process that it helps."""


@dataclass(frozen=True, slots=True)
class Left:
    """A process that still runs."""

    pid: int
    command: str

    def __str__(self) -> str:
        return f"{self.pid} {self.command[:200]}"


def mark() -> str:
    """From now on, what this process starts carries a mark of its own."""
    own = uuid.uuid4().hex
    os.environ[MARK] = own
    return own


def left_over(own: str) -> Sequence[Left]:
    """What carries our mark or is a child of ours. Empty where there is no /proc."""
    return [
        Left(pid, command)
        for pid in _pids()
        if pid != os.getpid()
        and (_parent(pid) == os.getpid() or _marked(pid, own))
        and not any(word in (command := _command(pid)) for word in HARMLESS)
    ]


def end(found: Sequence[Left]) -> None:
    """Leave the machine as it was."""
    for one in found:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(one.pid, signal.SIGKILL)


def _pids() -> Iterator[int]:
    if PROC.is_dir():
        for entry in PROC.iterdir():
            if entry.name.isdigit():
                yield int(entry.name)


def _command(pid: int) -> str:
    """Empty for one that is about to become another program."""
    return _read(pid, "cmdline").replace(b"\0", b" ").decode("utf-8", "replace").strip()


def _parent(pid: int) -> int:
    """0 for one that has ended and only waits to be asked for its exit code."""
    # The name in parentheses may hold anything, so the fields are counted from its end.
    state, parent, *_ = [*_read(pid, "stat").rpartition(b")")[2].split(), b"Z", b"0"]
    return 0 if state in {b"Z", b"X"} else int(parent)


def _marked(pid: int, own: str) -> bool:
    return f"{MARK}={own}".encode() in _read(pid, "environ").split(b"\0")


def _read(pid: int, name: str) -> bytes:
    try:
        return (PROC / str(pid) / name).read_bytes()
    except OSError:
        return b""
