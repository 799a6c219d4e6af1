"""Load by `wrk`, a program that is not ours: alerts as fast as they are taken, on so many connections."""

import asyncio
import json
import os
import resource
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from bench.processes import busy_seconds, cpu_seconds
from bot.demo.servers import Server
from bot.domain.errors import BotError

SCRIPT = Path(__file__).parent / "lua" / "alerts.lua"
PROBLEMS = 20
"""Models that the alerts are about."""


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent. `same` bodies again and again, or (0) none twice."""

    form: str
    """`webhook`, as we take it, or `api`, as Alertmanager does."""
    alerts: int
    """A body."""
    connections: int
    same: int = 0
    first: int = 0
    """The number of the first alert: loads of other numbers have no alert in common."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of it."""

    requests: int
    """Answered with 2xx."""
    alerts: int
    """In them."""
    seconds: float
    refused: int
    """Answered with anything else."""
    broken: int
    """Not answered: connections that failed, and time-outs."""
    p50_ms: float
    p99_ms: float
    worst_ms: float
    cpu_ms: float
    """Processor time of the target for each alert, user and system."""
    foreign: float
    """Processor time that others took, as a share of all cores: what the figures are to be doubted by."""

    @property
    def rate(self) -> float:
        """Alerts a second."""
        return self.alerts / self.seconds

    def told(self) -> str:
        """For a table."""
        wrong = f", {self.refused} refused, {self.broken} broken" if self.refused or self.broken else ""
        return (
            f"{self.requests / self.seconds:,.0f} req/s, p50 {self.p50_ms:.1f} p99 {self.p99_ms:.1f} ms, "
            f"{self.cpu_ms:.3f} CPU-ms an alert{wrong}, others {self.foreign:.0%}"
        )


async def wrk(target: Server, path: str, load: Load, *, seconds: float, token: str = "", beside: int = 0) -> Taken:
    """Send for so long. `beside`: a process group whose processor time belongs to the measurement, too."""
    program = shutil.which("wrk")
    if program is None:
        raise BotError("wrk is not installed.", not_done="Nothing was measured.", next_step="apt-get install wrk")
    command = [
        program, "--threads", "1", "--connections", str(load.connections), "--duration", f"{seconds:.0f}s",
        "--timeout", "10s", "--script", str(SCRIPT),
        *(["--header", f"Authorization: Bearer {token}"] if token else []),
        f"{target.url}{path}", "--", load.form, str(load.alerts), str(PROBLEMS), str(load.same), str(load.first),
    ]  # fmt: skip
    cpu, ours, busy, at = cpu_seconds(target.process.pid), _ours(beside), busy_seconds(), time.monotonic()
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    if process.returncode:
        raise BotError(f"wrk ended with {process.returncode}: {output.decode(errors='replace')[-500:]}")
    cpu = cpu_seconds(target.process.pid) - cpu
    foreign = busy_seconds() - busy - cpu - (_ours(beside) - ours)
    cores = len(os.sched_getaffinity(0))
    said = json.loads(output.decode().strip().rpartition("\n")[2])
    requests = int(said["requests"]) - int(said["refused"])
    return Taken(
        requests=requests, alerts=requests * load.alerts, seconds=said["seconds"], refused=int(said["refused"]),
        broken=int(said["broken"]), p50_ms=said["p50_ms"], p99_ms=said["p99_ms"], worst_ms=said["worst_ms"],
        cpu_ms=cpu * 1000 / max(requests * load.alerts, 1),
        foreign=max(foreign, 0.0) / ((time.monotonic() - at) * cores),
    )  # fmt: skip


def _ours(group: int) -> float:
    """Processor time of ourselves, of what we started and have waited for, and of that group."""
    mine = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in mine) + (cpu_seconds(group) if group else 0.0)
