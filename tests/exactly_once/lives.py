"""Processes of the bot, seen from the test: begun by the zygote, spoken to, killed, and followed by the next."""

import asyncio
import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bot.domain.alert import AlertStatus
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
        self._words: asyncio.Queue[str] = asyncio.Queue()
        self._answers: dict[str, asyncio.Future[str]] = {}
        self._numbers = itertools.count(1)
        self._gone = asyncio.Event()
        self._listening = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        with contextlib.suppress(ConnectionError):
            while line := await self._reader.readline():
                said = json.loads(line)
                match said["word"]:
                    case "commit":
                        self.commits.append(said["name"])
                    case "reply":
                        self._answers.pop(said["to"]).set_result(said["title"])
                    case word:
                        self._words.put_nowait(word)
        self._gone.set()

    @property
    def gone(self) -> bool:
        return self._gone.is_set()

    async def word(self, word: str) -> None:
        """The next thing it says by itself, which must be this. Raises Died."""
        assert await self._unless_it_dies(asyncio.create_task(self._words.get()), word) == word

    async def say(self, text: str, by: str) -> str:
        """What somebody types after /mlops; gives the answer's title. Raises Died."""
        return await self._ask(f"the answer to {text}", word="say", text=text, by=by)

    async def alert(self, status: AlertStatus) -> None:
        """The alert arrives, and is on disk. Raises Died."""
        await self._ask("that the alert has arrived", word="alert", status=status.value)

    async def _ask(self, what: str, **order: str) -> str:
        number = str(next(self._numbers))
        self._answers[number] = answer = asyncio.get_running_loop().create_future()
        self._tell(number=number, **order)
        return await self._unless_it_dies(answer, what)

    async def _unless_it_dies(self, wanted: asyncio.Future[str], what: str) -> str:
        gone = asyncio.create_task(self._gone.wait())
        await asyncio.wait({wanted, gone}, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        if wanted.done():
            return wanted.result()
        wanted.cancel()
        if self.gone:
            raise Died
        raise AssertionError(f"process {self.pid} does not say {what}")

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
