"""The bot's side of drawing: a process that is started when a picture is wanted, and ended when none is for a while.

Whatever it does (it crashes, hangs, prints rubbish), the bot only has no picture.
"""

import asyncio
import contextlib
import importlib.util
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter

import bot
from bot.domain.chart import Chart
from bot.ports.charts import Artist, NotDrawn

COMMAND = (sys.executable, "-m", "bot.charts.worker")
WITHIN = 40.0
"""Seconds for one picture: the first one loads the library, and once in a machine's life lists its fonts."""
IDLE = 30.0
"""Seconds without a wish until the process is ended."""
LIFE = 40
"""Pictures that one process draws: what leaks in it is bounded."""
MOST_BYTES = 2_000_000
EXTRA = "matplotlib is not installed: pip install 'mlops-bot[charts]'"
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "SYSTEMROOT")
_CHART: TypeAdapter[Chart] = TypeAdapter(Chart)


def can_draw() -> bool:
    """Whether the library is there. It is not loaded."""
    return importlib.util.find_spec("matplotlib") is not None


class Studio(Artist):
    """Draws one picture at a time. `command` is what is started; `idle` and `within` are seconds."""

    def __init__(self, command: Sequence[str] = COMMAND, *, within: float = WITHIN, idle: float = IDLE) -> None:
        self._command = tuple(command)
        self._within = within
        self._idle = idle
        self._process: Process | None = None
        self._drawn = 0
        self._lock = asyncio.Lock()
        self._closing: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The process that draws, while there is one."""
        return None if self._process is None else self._process.pid

    async def draw(self, chart: Chart) -> bytes:
        """The picture. Raises NotDrawn; then the process is gone, too, unless the chart itself was at fault."""
        async with self._lock:
            self._stay()
            try:
                async with asyncio.timeout(self._within):
                    return await self._ask(_CHART.dump_json(chart))
            except TimeoutError:
                await self._kill()
                raise NotDrawn(f"The process that draws gave no picture within {self._within:g} s.") from None
            except (OSError, EOFError, ValueError) as error:
                code = await self._kill()
                why = f"{type(error).__name__}, it ended with {code}"
                raise NotDrawn(f"The process that draws broke off ({why}).") from error
            except asyncio.CancelledError:
                await self._kill()
                raise
            finally:
                if self._process is not None:
                    self._closing = asyncio.create_task(self._end_later(), name="charts-idle")

    async def close(self) -> None:
        """End the process."""
        self._stay()
        await self._end()

    # ------------------------------------------------------------ the process

    async def _ask(self, chart: bytes) -> bytes:
        if self._drawn >= LIFE:
            await self._end()
        process = self._process or await self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(chart + b"\n")
        await process.stdin.drain()
        head = json.loads(await process.stdout.readline() or b"null")
        if head is None:
            raise EOFError
        if not isinstance(head, dict):
            raise ValueError("no answer of ours")  # noqa: TRY004 - what a process says is a value
        if "missing" in head:
            await self._kill()
            raise NotDrawn(f"What draws can't be loaded ({head['missing']}).", lasting=True)
        if "error" in head:
            raise NotDrawn(f"The chart can't be drawn ({head['error']}).", lasting=True)
        size = int(head["bytes"]) if isinstance(head.get("bytes"), int) else 0
        if not 0 < size <= MOST_BYTES:
            raise ValueError("a picture without a size, or with an endless one")
        png = await process.stdout.readexactly(size)
        self._drawn += 1
        return png

    async def _start(self) -> Process:
        self._drawn = 0
        self._process = await asyncio.create_subprocess_exec(
            *self._command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=_environment()
        )
        return self._process

    def _stay(self) -> None:
        closing, self._closing = self._closing, None
        if closing is not None:
            closing.cancel()

    async def _end_later(self) -> None:
        await asyncio.sleep(self._idle)
        async with self._lock:
            await self._end()

    async def _end(self) -> None:
        """Its input ends, so it does; one that doesn't is killed."""
        process = self._process
        if process is None:
            return
        assert process.stdin is not None
        with contextlib.suppress(OSError):
            process.stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(3):
                await process.wait()
        await self._kill()

    async def _kill(self) -> int | None:
        process, self._process = self._process, None
        if process is None:
            return None
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        return await process.wait()


def _environment() -> dict[str, str]:
    """What it needs, and none of the bot's secrets."""
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return kept | {
        "PYTHONPATH": str(Path(bot.__file__).parents[1]),
        "PYTHONSAFEPATH": "1",
        "MPLBACKEND": "Agg",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
