"""What a process group takes, and what the whole machine does, as Linux tells it."""

import os
from collections.abc import Iterator
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def memory_mb(group: int) -> tuple[float, float]:
    """Resident and proportional memory (RSS, PSS) of a process group, without its guard, in MB."""
    texts = [_text(folder / "smaps_rollup") for folder in _members(group)]
    return sum(_kilobytes(t, "Rss:") for t in texts) / 1024, sum(_kilobytes(t, "Pss:") for t in texts) / 1024


def peak_mb(group: int) -> float:
    """The most resident memory that a process group has had so far, without its guard, in MB."""
    return sum(_kilobytes(_text(folder / "status"), "VmHWM:") for folder in _members(group)) / 1024


def open_files(group: int) -> int:
    """Files, sockets and pipes that a process group has open, without its guard."""
    return sum(len(list((folder / "fd").iterdir())) for folder in _members(group))


def cpu_seconds(group: int) -> float:
    """Processor time of a process group so far, user and system, without its guard."""
    return sum(sum(map(int, _fields(folder)[11:13])) for folder in _members(group)) / TICK


def busy_seconds() -> float:
    """Processor time of everything on this machine so far, all cores together."""
    user, nice, system, _, _, irq, soft, *_ = map(int, _text(Path("/proc/stat")).split("\n", 1)[0].split()[1:])
    return (user + nice + system + irq + soft) / TICK


def _members(group: int) -> Iterator[Path]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != group:
            fields = _fields(folder)
            if fields and int(fields[2]) == group:
                yield folder


def _fields(folder: Path) -> list[str]:
    """Of `stat`, those after the program's name; none when the process is gone."""
    return _text(folder / "stat").rpartition(")")[2].split()


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # it has ended meanwhile
        return ""


def _kilobytes(rollup: str, name: str) -> int:
    return sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith(name))
