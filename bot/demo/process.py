"""Starts other programs, waits until they answer, and ends them for sure: after an error, Ctrl-C, a kill -9 of ours."""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import httpx

from bot.domain.errors import BotError

A = TypeVar("A")
B = TypeVar("B")
GUARD = Path(__file__).parent / "world" / "guard.py"
GRACE = 8.0
"""Seconds until a program that was asked to end is killed; a little more than the guard's own grace."""
START_WITHIN = 90.0
"""Seconds for a vendor's program. Two idle cores need a tenth of it; a busy machine takes several times as long."""
LAST_LINES = 15
ATTEMPTS = 3
"""How often another port is tried when somebody took the free one that we had found."""


class DidNotStart(BotError):
    """A program ended or did not answer in time; the text carries its last log lines."""


class PortTaken(DidNotStart):
    """Somebody else listens where this program was to listen."""


class Process:
    """A running program in a process group of its own, whose leader is the guard."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name = name
        self.log = log
        self._process = process

    @property
    def pid(self) -> int:
        """The guard's id, which is the group's."""
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.returncode is None

    async def wait_until_http_ok(self, url: str, within: float, *, headers: Mapping[str, str] | None = None) -> None:
        """Until a GET is answered with 2xx. Raises DidNotStart when the program ends first, or after these seconds."""
        until = time.monotonic() + within
        async with httpx.AsyncClient(trust_env=False, timeout=5.0, headers=headers) as http:
            while not await _answers(http, url):
                if not self.running:
                    raise self._failure("ended before it answered")
                if time.monotonic() > until:
                    raise self._failure(f"did not answer at {url} within {within:.0f} s")
                await asyncio.sleep(0.1)
        if not self.running:
            raise self._failure("ended, and something else answers in its place")

    async def wait(self) -> int:
        """Until it ends by itself; its exit code."""
        return await self._process.wait()

    async def stop(self) -> None:
        """Ask it and all that it started to end, and kill what does not. Harmless when it has ended already."""
        if self.running:
            self._signal(signal.SIGTERM)
            with suppress(TimeoutError):
                async with asyncio.timeout(GRACE):
                    await self._process.wait()
        await self.kill()

    async def kill(self) -> None:
        """End it and all that it started at once, as a power cut would (SIGKILL)."""
        if self.running or self._guard_was_killed:
            self._signal(signal.SIGKILL, group=True)
            await self._process.wait()

    @property
    def _guard_was_killed(self) -> bool:
        """Then it could not end the others of its group. They keep the group's id from being given away."""
        return self._process.returncode is not None and self._process.returncode < 0

    def last_lines(self) -> str:
        """The end of its log."""
        with suppress(OSError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-LAST_LINES:])
        return ""

    def _signal(self, number: signal.Signals, *, group: bool = False) -> None:
        with suppress(ProcessLookupError):
            if group:
                os.killpg(self.pid, number)
            else:
                os.kill(self.pid, number)

    def _failure(self, what: str) -> DidNotStart:
        lines = self.last_lines()
        kind = PortTaken if "address already in use" in lines.lower() else DidNotStart
        return kind(f"{self.name} {what}.\n{lines}\n", next_step=f"Its whole log: {self.log}")


@asynccontextmanager
async def running(
    name: str, command: Sequence[str | Path], *, log: Path, env: Mapping[str, str], cwd: Path | None = None
) -> AsyncIterator[Process]:
    """The program, from start to end of the block. `env` is its whole environment; its output is appended to `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-S", str(GUARD), *(str(part) for part in command),
            stdin=asyncio.subprocess.PIPE, stdout=output, stderr=output, env=env, cwd=cwd, start_new_session=True,
        )  # fmt: skip
    one = Process(name, process, log)
    try:
        yield one
    finally:
        await asyncio.shield(one.stop())


@asynccontextmanager
async def listening(
    name: str,
    command: Callable[[int], Sequence[str | Path]],
    *,
    log: Path,
    env: Mapping[str, str],
    ready: str,
    within: float,
    port: int | None = None,
    cwd: Path | None = None,
) -> AsyncIterator[tuple[Process, int]]:
    """A program that listens on a loopback port and answers `GET {ready}`; on a free port, or on the given one."""
    if port:
        _must_be_free(name, port)
    for attempt in range(1, ATTEMPTS + 1):
        chosen = port or free_port()
        async with running(name, command(chosen), log=log, env=env, cwd=cwd) as process:
            try:
                await process.wait_until_http_ok(f"http://127.0.0.1:{chosen}{ready}", within)
            except PortTaken:
                if port or attempt == ATTEMPTS:
                    raise
                await asyncio.to_thread(log.write_bytes, b"")
                continue
            yield process, chosen
            return


def _must_be_free(name: str, port: int) -> None:
    """Whoever listens there would be taken for our own program. Raises PortTaken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise PortTaken(
                f"{name} can't listen on 127.0.0.1:{port}: {error.strerror}.", not_done="It was not started.",
                next_step="Stop what listens there, or take another port.",
            ) from None  # fmt: skip


async def side_by_side(first: Coroutine[Any, Any, A], second: Coroutine[Any, Any, B]) -> tuple[A, B]:
    """Both at the same time. When one fails, the other is cancelled and has ended before the error is told."""
    tasks = one, two = asyncio.create_task(first), asyncio.create_task(second)
    try:
        await asyncio.gather(one, two)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        raise
    return one.result(), two.result()


def free_port() -> int:
    """A loopback port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(*dropped: str, **added: str) -> dict[str, str]:
    """Our environment without the variables that begin so, with others added.

    Bytecode may be written, for quicker starts; what runs on this machine is not asked through a proxy.
    """
    unwanted = (*dropped, "PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "VIRTUAL_ENV")
    direct = {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}
    return {name: value for name, value in os.environ.items() if not name.startswith(unwanted)} | direct | added


async def _answers(http: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await http.get(url)).is_success
    except httpx.HTTPError:
        return False
