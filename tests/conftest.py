"""The suite's own rules: a missing program is said, a skip fails where CI=true, and no process outlives the tests."""

import functools
import gc
import os
import signal
import time
from collections.abc import Generator, Iterator, Sequence

import httpx
import pytest

from tests.leftovers import MARK, Left, end, left_over, mark
from tests.needs import is_here, missing
from tests.servers.airflow import airflow
from tests.servers.dagster import dagster
from tests.servers.localstack import localstack

__all__ = ["airflow", "dagster", "localstack"]

PATIENCE = 2.0
"""Seconds that a process which was told to end may take for it."""


def pytest_configure() -> None:
    """A session that a script began in the background ignores Ctrl-C, and every program that it starts would, too."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def no_process_is_left_over() -> Iterator[None]:
    """Fail when a process that the tests started still runs after the last fixture was taken down."""
    before = os.environ.get(MARK)
    own = mark()
    yield
    found = _waited_for(own)
    if before is None:
        os.environ.pop(MARK, None)
    else:
        os.environ[MARK] = before
    end(found)
    if found:
        pytest.fail(
            "left running by some test of this session, and ended now:\n  " + "\n  ".join(map(str, found)),
            pytrace=False,
        )


@pytest.fixture(scope="session", autouse=True)
def authorities_are_read_once() -> Iterator[None]:
    """For each of its clients httpx reads all of the machine's authorities anew, which takes longer than many a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("httpx._transports.default.create_ssl_context", functools.cache(httpx.create_ssl_context))
        yield


def _waited_for(own: str) -> Sequence[Left]:
    """What does not end by itself. Twice nothing, for one that is just becoming another program shows no mark."""
    deadline = time.monotonic() + PATIENCE
    looks = [left_over(own)]
    while any(looks[-2:]) or len(looks) < 2:
        if time.monotonic() >= deadline:
            return looks[-1]
        time.sleep(0.05)
        looks.append(left_over(own))
    return ()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("loadgroup", False):  # what a worker of `--dist loadgroup` is told
        _name_groups(items)
    for item in items:
        for wanted in item.iter_markers("real"):
            if not wanted.args:
                raise pytest.UsageError(f"{item.nodeid}: say which program it needs: @needs(…) of tests/needs.py")
            for program in wanted.args:
                if not is_here(program):
                    item.add_marker(pytest.mark.skip(reason=missing(program)))


def pytest_collection_finish() -> None:
    """Thousands of tests stay as they were collected: the garbage collector need not look through them each time."""
    gc.collect()
    gc.freeze()


def _name_groups(items: list[pytest.Item]) -> None:
    """Tests of one `xdist_group` go to one worker, so that what they share is started once.

    pytest-xdist tells by the test's id, and 3.8 writes it where pytest 9.2 doesn't look: pytest-dev/pytest-xdist#1386.
    """
    for item in items:
        groups = sorted({str(mark.args[0]) for mark in item.iter_markers("xdist_group")})
        if groups:
            item._id = item.id.parse(f"{item.nodeid}@{'_'.join(groups)}")


# ---------------------------------------------------------------- skips


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, None]:
    outcome = yield
    _judge(outcome.get_result())


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, None]:
    outcome = yield
    _judge(outcome.get_result())


def _judge(report: pytest.TestReport | pytest.CollectReport) -> None:
    """With CI=true every program is there, so a skip means that something was not tested."""
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"skipped, and with CI=true that is a failure: {reason.removeprefix('Skipped: ')}"
