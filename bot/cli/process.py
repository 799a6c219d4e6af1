"""How a command runs and ends: a configuration, a loop, and for every expected error a sentence and an exit code."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import uvloop

from bot.cli.lazily import Lazily
from bot.config.loader import ConfigFaults, Loaded, load
from bot.domain.errors import BotError

if TYPE_CHECKING:
    from bot import app as program
else:
    program = Lazily("bot.app")

__all__ = ["configured", "program", "run", "saying_errors"]

T = TypeVar("T")


@contextlib.contextmanager
def saying_errors() -> Iterator[None]:
    """Every expected error is a sentence on standard error, never a stack trace."""
    try:
        yield
    except ConfigFaults as faults:
        _fail(str(faults))
    except BotError as error:
        _fail("\n".join(part for part in (error.what, error.not_done, error.next_step) if part))
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)


def _fail(text: str) -> NoReturn:
    sys.stderr.write(f"{text}\n")
    sys.exit(1)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run it to its end, or until Ctrl-C."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(work)
    except KeyboardInterrupt:
        sys.stderr.write("Stopped.\n")
        sys.exit(130)


def configured(config: Path | None, *, secrets: bool = True) -> Loaded:
    """The configuration of a file, else of the one in this folder, else the defaults. Raises ConfigFaults."""
    found = config
    if found is None and Path("mlops-bot.yaml").exists():
        found = Path("mlops-bot.yaml")
    return load(found, os.environ, schemas=program.settings_classes(), secrets=secrets)
