"""What a process group takes, as Linux tells it."""

from pathlib import Path


def memory_mb(group: int) -> tuple[float, float]:
    """Resident and proportional memory (RSS, PSS) of a process group, without its guard, in MB."""
    rss = pss = 0
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == group:
            continue
        try:
            its_group = int((folder / "stat").read_text().rpartition(")")[2].split()[2])
            rollup = (folder / "smaps_rollup").read_text() if its_group == group else ""
        except OSError:
            continue
        rss += _kilobytes(rollup, "Rss:")
        pss += _kilobytes(rollup, "Pss:")
    return rss / 1024, pss / 1024


def _kilobytes(rollup: str, name: str) -> int:
    return sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith(name))
