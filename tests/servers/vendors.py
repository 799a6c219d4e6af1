"""MLflow and a BentoML service as they really are, started once for all tests of a process that ask for them.

Tests that use them are marked `@needs("mlflow", "bentoml")` and `@pytest.mark.xdist_group("mlflow")`, so that one worker has them.
"""

import asyncio
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager
from typing import TypeVar

import pytest

from bot.demo.servers import MlflowServer, Serving, fraud_serving, mlflow_server

T = TypeVar("T")
NOBODY = "http://127.0.0.1:9"
"""A registry that is down. Serving then goes on with the version that it served last, whatever a test does to MLflow."""


@pytest.fixture(scope="session")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """`fraud-detector` with versions 1 to 3 and their past, `champion` on 3. Nothing follows the alias."""
    with kept(mlflow_server(tmp_path_factory.mktemp("mlflow"))) as server:
        yield server


@pytest.fixture(scope="session")
def bentoml(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Answers with version 3 of `fraud-detector`, for ever."""
    with kept(fraud_serving(tmp_path_factory.mktemp("serving"), NOBODY)) as server:
        yield server


@contextmanager
def kept(context: AbstractAsyncContextManager[T]) -> Iterator[T]:
    """An asynchronous block held open over many tests, on a loop of its own that runs at its start and its end only."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        stack = AsyncExitStack()
        value = runner.run(stack.enter_async_context(context))
        try:
            yield value
        finally:
            runner.run(stack.aclose())
