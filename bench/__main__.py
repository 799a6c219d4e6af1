"""Runs the benchmarks that are named, or all: prints a table of each and keeps its figures."""

import argparse
import asyncio
import tempfile
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path

from bench import alert_to_slack, duplicates, growth, ingest, kill, operations, soak, storm
from bench.figures import Report

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


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], help="benchmarks; all by default")
    for name in parser.parse_args().names or BENCHMARKS:
        with tempfile.TemporaryDirectory(prefix="mlops-bot-bench-") as folder:
            report = asyncio.run(BENCHMARKS[name](Path(folder)))
        print(report.table())
        print(f"  kept in {report.keep().relative_to(Path.cwd())}\n")


if __name__ == "__main__":
    main()
