"""The process that draws: `python -m bot.charts.worker`. A chart as one line of JSON comes in, an answer goes out.

The answer is one line of JSON, and after `{"bytes": N}` so many bytes of PNG. The process ends when its input does:
when nobody wanted a picture for a while, or when the bot is gone.
"""

import contextlib
import json
import os
import resource
import sys
from typing import BinaryIO

from pydantic import TypeAdapter

from bot.domain.chart import Chart

LINE = 4_000_000
"""Bytes of a chart; a thousand points take thirty thousand."""
PROCESSOR_SECONDS = 120
"""Of the whole life: a drawing that never ends ends itself, also when nobody is left to end it."""
CHART: TypeAdapter[Chart] = TypeAdapter(Chart)


def serve(asked: BinaryIO, answers: BinaryIO) -> None:
    """Draw until there is nothing more to read."""
    from bot.charts.drawing import draw  # noqa: PLC0415 - it is large: an interpreter that can't load it says so

    while line := asked.readline(LINE):
        try:
            png = draw(CHART.validate_json(line))
        except Exception as error:  # noqa: BLE001 - the edge of a process: whatever it was, it is this chart's own
            _say(answers, {"error": f"{type(error).__name__}: {error}"[:300]})
            continue
        _say(answers, {"bytes": len(png)}, png)


def _say(answers: BinaryIO, head: dict[str, object], body: bytes = b"") -> None:
    answers.write(json.dumps(head).encode() + b"\n" + body)
    answers.flush()


def main() -> None:
    """Behind everything else on this machine, and bounded."""
    with contextlib.suppress(OSError, ValueError):
        os.nice(10)
        resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS, PROCESSOR_SECONDS + 5))
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what anything prints is no answer
    try:
        serve(sys.stdin.buffer, answers)
    except ImportError as error:
        _say(answers, {"missing": str(error)[:200]})
    except (BrokenPipeError, KeyboardInterrupt):
        os._exit(0)


if __name__ == "__main__":
    main()
