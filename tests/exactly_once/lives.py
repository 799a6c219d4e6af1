"""Processes of the bot, seen from the test: begun by the zygote, spoken to, killed, and followed by the next."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.exactly_once.replica import Spec
from tests.servers.child import PATIENCE, ROOT


class Died(Exception):
    """The process is gone."""


class Life:
    """One process."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pid: int) -> None:
        self.pid = pid
        self.commits: list[str] = []
        """What it has committed, or was about to when it ended."""
        self._reader = reader
        self._writer = writer
        self._replies: asyncio.Queue[dict[str, object]] = asyncio.Queue()
        self._gone = asyncio.Event()
        self._listening = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        with contextlib.suppress(ConnectionError):
            while line := await self._reader.readline():
                said = json.loads(line)
                if said["word"] == "commit":
                    self.commits.append(said["name"])
                else:
                    self._replies.put_nowait(said)
        self._gone.set()

    @property
    def gone(self) -> bool:
        return self._gone.is_set()

    async def word(self, word: str) -> dict[str, object]:
        """The next thing it says, which must be this. Raises Died."""
        reply = asyncio.create_task(self._replies.get())
        gone = asyncio.create_task(self._gone.wait())
        await asyncio.wait({reply, gone}, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        if not reply.done():
            reply.cancel()
            if self.gone:
                raise Died
            raise AssertionError(f"process {self.pid} does not say “{word}”")
        said = reply.result()
        assert said["word"] == word, said
        return said

    async def say(self, text: str, by: str) -> str:
        """What somebody types after /mlops; gives the answer's title. Raises Died."""
        self._tell(word="say", text=text, by=by)
        return str((await self.word("reply"))["title"])

    async def dies(self) -> None:
        """Wait for its end."""
        await asyncio.wait_for(self._gone.wait(), PATIENCE)

    async def stop(self) -> None:
        """As a service manager does it."""
        self._tell(word="stop")
        await self.word("stopped")
        await self.dies()

    def kill(self) -> None:
        """As a power cut does it."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    async def end(self) -> None:
        """It is killed, and gone."""
        self.kill()
        await self.dies()
        await self._listening
        self._writer.close()

    def _tell(self, **order: str) -> None:
        self._writer.write(json.dumps(order).encode() + b"\n")


@dataclass
class Zygote:
    """Where processes come from."""

    path: Path
    errors: Path
    begun: int = field(default=0)

    @contextlib.asynccontextmanager
    async def life(self, spec: Spec) -> AsyncIterator[Life]:
        """A process, until the block's end at the latest."""
        reader, writer = await asyncio.open_unix_connection(str(self.path))
        self.begun += 1
        born = json.loads(await reader.readline())
        life = Life(reader, writer, born["pid"])
        writer.write(spec.json.encode() + b"\n")
        try:
            yield life
        finally:
            await life.end()

    def complaints(self, *pids: int) -> str:
        """What these processes wrote to their standard error."""
        marks = tuple(f"{pid} " for pid in pids)
        lines = self.errors.read_text().splitlines()
        return "\n".join(line for line in lines if not marks or line.startswith(marks) or not line[:1].isdigit())


@contextlib.contextmanager
def zygote() -> Iterator[Zygote]:
    """One for all tests of this process."""
    with tempfile.TemporaryDirectory(prefix="zygote-") as folder:
        made = Zygote(Path(folder) / "socket", Path(folder) / "errors")
        command = [sys.executable, "-X", "faulthandler", "-W", "error", "-m", "tests.exactly_once.zygote", made.path]
        with made.errors.open("wb") as errors:
            process = subprocess.Popen(
                command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)},
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
            )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"ready\n", made.errors.read_text()
            yield made
        finally:
            process.stdin.close()
            process.wait(PATIENCE)
            process.stdout.close()
