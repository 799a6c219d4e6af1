"""The log on standard error: one record a line, whatever an alert, an address or a vendor's answer says."""

import logging
import sys
import time
from collections.abc import Callable
from types import TracebackType

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_NOISY = ("httpx", "slack_bolt", "slack_sdk", "apscheduler", "uvicorn", "alembic")


def begin() -> None:
    """Log to standard error from now on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine(_FORMAT))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(logging.WARNING)
    _listen_to(logging.getLogger("dbos"))


def _listen_to(engine: logging.Logger) -> None:
    """The durable engine asks its database twenty times a second, and would write with a handler of its own."""
    engine.handlers[:] = [logging.NullHandler()]  # with one there, it adds none
    engine.propagate = True
    engine.addFilter(Sparingly())


class OneLine(logging.Formatter):
    """Text from outside begins no line of its own and steers no terminal. Only a traceback goes on, indented."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the base class's name
        record.message = harmless(record.message)
        return super().formatMessage(record)

    def formatException(  # noqa: N802 - the base class's name
        self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    ) -> str:
        return "\n".join(f"  {harmless(line)}" for line in super().formatException(ei).splitlines())


def harmless(text: str) -> str:
    """Text in which control characters, line breaks and what reorders text are written out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class Sparingly(logging.Filter):
    """One line a minute from each place that complains, without its traceback.

    For a library that polls many times a second: while its database is away it would fill the disk.
    """

    def __init__(self, seconds: float = 60.0, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._seconds = seconds
        self._monotonic = monotonic
        self._said: dict[tuple[str, int], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        place, now = (record.pathname, record.lineno), self._monotonic()
        if now - self._said.get(place, -self._seconds) < self._seconds:
            return False
        self._said[place] = now
        record.msg, record.args = record.getMessage().partition("\n")[0], None
        record.exc_info = record.exc_text = None
        return True
