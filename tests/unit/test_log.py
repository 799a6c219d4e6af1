"""The log: whatever is in a record, it is one line, and steers nothing."""

import io
import logging
from collections.abc import Iterator

import pytest

from bot.kit.log import OneLine, Sparingly, harmless

HOSTILE = "ok\n2026-11-25 03:10:00,000 CRITICAL bot: forged\r\x1b[2J\u202egnp.exe\u2028\x00"


@pytest.fixture
def written() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(OneLine("%(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("bot.test.log")
    logger.propagate = False
    logger.addHandler(handler)
    yield logger, stream
    logger.removeHandler(handler)


def test_one_record_one_line(written: tuple[logging.Logger, io.StringIO]) -> None:
    logger, stream = written
    logger.warning("a delivery to %s was refused: %s", "alertmanager", HOSTILE)
    text = stream.getvalue()
    assert text.count("\n") == 1
    assert text.startswith("WARNING bot.test.log: a delivery to alertmanager was refused: ok\\n2026")
    assert text.rstrip("\n").isprintable()


def test_half_a_character_can_be_written() -> None:
    assert harmless("\ud800").encode() == b"\\ud800"


def test_a_traceback_is_indented_and_harmless(written: tuple[logging.Logger, io.StringIO]) -> None:
    logger, stream = written
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        logger.exception("it failed: %s", "naïve – 数据")
    first, *rest = stream.getvalue().rstrip("\n").split("\n")
    assert first == "ERROR bot.test.log: it failed: naïve – 数据"
    assert rest
    assert all(line.startswith("  ") and line.isprintable() for line in rest)


def test_a_library_that_complains_all_the_time_is_heard_once_a_minute(
    written: tuple[logging.Logger, io.StringIO],
) -> None:
    logger, stream = written
    now = [0.0]
    sparingly = Sparingly(60, lambda: now[0])
    logger.addFilter(sparingly)
    try:
        for _ in range(1_300):  # 65 seconds
            try:
                raise OSError("connection refused")
            except OSError as error:
                logger.warning("queue: %s\nIs the server running?", error, exc_info=True)
            now[0] += 0.05
        logger.warning("another place")
    finally:
        logger.removeFilter(sparingly)
    queue = "WARNING bot.test.log: queue: connection refused"
    assert stream.getvalue().splitlines() == [queue, queue, "WARNING bot.test.log: another place"]
