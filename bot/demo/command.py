"""`mlops-bot` as a process of its own, next to the bot that runs: what somebody at a terminal would type."""

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command did."""

    code: int
    output: str
    errors: str


@dataclass(frozen=True, slots=True)
class Command:
    """Runs in the bot's folder with the bot's environment."""

    folder: Path
    env: Mapping[str, str] = field(repr=False)

    async def run(self, *arguments: str, **env: str) -> Ran:
        """Run `mlops-bot ARGUMENTS`; `env` is added for this one."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", *arguments, cwd=self.folder, env={**self.env, **env},
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        output, errors = await process.communicate()
        return Ran(process.returncode or 0, output.decode(errors="replace"), errors.decode(errors="replace"))
