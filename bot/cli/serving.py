"""The bot itself, started without what only commands need: it runs for months, and its memory is paid for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.cli.process import configured, program, run
from bot.cli.spare import spared


@dataclass(frozen=True, slots=True)
class Serve:
    """Words that say plainly to serve: nothing is to be explained or refused."""

    config: Path | None


def plainly(words: Sequence[str]) -> Serve | None:
    """Read the words of a command line; None for all that is not exactly `serve [--config FILE]`."""
    match words:
        case ["serve"]:
            return Serve(None)
        case ["serve", "--config", file] if not file.startswith("-"):
            return Serve(Path(file))
        case ["serve", option] if option.startswith("--config="):
            return Serve(Path(option.removeprefix("--config=")))
        case _:
            return None


def serve(config: Path | None) -> None:
    """Run until it is told to end."""
    with spared(absent=["httpx._main"], on_demand=["psycopg", "psycopg.errors"]):
        serving = program.serve
    run(serving(configured(config)))
