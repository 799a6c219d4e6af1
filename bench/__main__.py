"""Runs the benchmarks that are named, or all: prints a table of each and keeps its figures."""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path

from bench import alert_to_slack, duplicates, growth, ingest, kill, operations, soak, storm
from bench.figures import Report
from bot.domain.errors import BotError

BENCHMARKS: Mapping[str, Callable[[Path], Coroutine[None, None, Report]]] = {
    "alert-to-slack": alert_to_slack.run,
    "operations": operations.run,
    "ingest": ingest.run,
    "duplicates": duplicates.run,
    "storm": storm.run,
    "kill": kill.run,
    "growth": growth.run,
    "soak": soak.run,
}


def main() -> int:
    """All that are wanted, one after the other; one that can't be run doesn't keep back the others."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], help="benchmarks; all by default")
    failed = [name for name in parser.parse_args().names or BENCHMARKS if not _measured(name)]
    if failed:
        print(f"Not measured: {', '.join(failed)}.", file=sys.stderr)
    return 1 if failed else 0


def _measured(name: str) -> bool:
    with tempfile.TemporaryDirectory(prefix="mlops-bot-bench-") as folder:
        try:
            report = asyncio.run(BENCHMARKS[name](Path(folder)))
        except BotError as error:
            print(f"{name}: {error}\n", file=sys.stderr)
            return False
    print(report.table())
    print(f"  kept in {report.keep().relative_to(Path.cwd())}\n", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
