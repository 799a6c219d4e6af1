"""A Python process of the tests that says line by line how far it has come, so that it can be killed just there."""

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE = 45.0
"""Seconds for a line that must come; only a test that fails waits so long."""


def say(line: object) -> None:
    """What a child tells its test."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class Child:
    """A running module."""

    def __init__(self, process: asyncio.subprocess.Process, errors: Path) -> None:
        self._process = process
        self._errors = errors

    @property
    def pid(self) -> int:
        return self._process.pid

    async def line(self) -> str:
        """The next line; fails with what the process complained about when it ends before."""
        assert self._process.stdout is not None
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), PATIENCE)
        except TimeoutError:
            self._process.send_signal(signal.SIGABRT)  # faulthandler writes down where each of its threads is
            await self._process.wait()
            raise AssertionError(f"the child says nothing more:\n{self._errors.read_text()}") from None
        if not line.endswith(b"\n"):
            raise AssertionError(f"the child ended ({await self._process.wait()}):\n{self._errors.read_text()}")
        return line.decode().rstrip("\n")

    def tell(self, line: str) -> None:
        """A line for its standard input."""
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")

    async def until(self, text: str) -> list[str]:
        """Read up to this line; gives what came before it."""
        before: list[str] = []
        while (line := await self.line()) != text:
            before.append(line)
        return before

    async def rest(self) -> list[str]:
        """What it says until it ends."""
        assert self._process.stdout is not None
        said = await asyncio.wait_for(self._process.stdout.read(), PATIENCE)
        complete, _, _ = said.decode().rpartition("\n")
        return complete.split("\n") if complete else []

    def freeze(self) -> None:
        """It doesn't run, and can't know it."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    async def kill(self) -> None:
        """As a power cut does it: no time for anything."""
        self._process.kill()
        await self._process.wait()

    async def end(self) -> int:
        """As a service manager does it; gives the exit code."""
        self._process.terminate()
        return await asyncio.wait_for(self._process.wait(), PATIENCE)

    async def ended(self) -> int:
        """Wait until it ends by itself; gives the exit code."""
        return await asyncio.wait_for(self._process.wait(), PATIENCE)

    def complaints(self) -> str:
        """What it wrote to its standard error."""
        return self._errors.read_text()


@contextlib.asynccontextmanager
async def child(module: str, *arguments: str) -> AsyncIterator[Child]:
    """Run `python -m module`, with warnings as errors; whatever happens, it is gone in the end."""
    with tempfile.NamedTemporaryFile(prefix="child-", suffix=".log") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-X", "faulthandler", "-W", "error", "-m", module, *arguments,
            cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=errors,
        )  # fmt: skip
        try:
            yield Child(process, Path(errors.name))
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
