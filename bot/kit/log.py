"""The log on standard error: one record a line, whatever an alert, an address or a vendor's answer says."""

import logging
import sys
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
