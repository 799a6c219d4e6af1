"""A fresh world for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.usecases.ingest_world import Watch
from tests.usecases.plant import Plant
from tests.usecases.world import World, a_setup


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    here = World(tmp_path / "world.db")
    await here.open()
    yield here
    await here.close()


@pytest.fixture
async def delegating(tmp_path: Path) -> AsyncIterator[World]:
    """A world where Dana is the named delegate of the Accountable for Deployment."""
    here = World(tmp_path / "world.db", a_setup(delegates=("dana",)))
    await here.open()
    yield here
    await here.close()


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    """A world in which everything can be done to the fraud detector."""
    here = Plant(tmp_path / "world.db")
    await here.open()
    yield here
    await here.close()


@pytest.fixture
async def watch(tmp_path: Path) -> AsyncIterator[Watch]:
    here = Watch(tmp_path / "watch.db")
    await here.store.open()
    yield here
    await here.store.close()
