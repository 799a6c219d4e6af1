"""A browser and what it looks at. The tests of a module share one event loop, and so one browser; each opens its tabs."""

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser

from sandbox.world import Sandbox
from tests.browser import chromium
from tests.sandbox.page_app import living


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as started:
        yield started


@pytest_asyncio.fixture(loop_scope="module")
async def place() -> AsyncIterator[tuple[Sandbox, str]]:
    """A sandbox at an address, with a small app connected to it."""
    async with living() as made:
        yield made
