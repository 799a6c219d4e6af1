"""Runs the benchmarks that are named, or all: prints a table of each and keeps its figures."""

import argparse
import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from bench import alert_to_slack, operations
from bench.figures import Report

BENCHMARKS: Mapping[str, Callable[[Path], Awaitable[Report]]] = {
    "alert-to-slack": alert_to_slack.run,
    "operations": operations.run,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], help="benchmarks; all by default")
    for name in parser.parse_args().names or BENCHMARKS:
        with tempfile.TemporaryDirectory(prefix="mlops-bot-bench-") as folder:
            report = asyncio.run(BENCHMARKS[name](Path(folder)))  # type: ignore[arg-type]  # each is a coroutine function
        print(report.table())
        print(f"  kept in {report.keep().relative_to(Path.cwd())}\n")


if __name__ == "__main__":
    main()
