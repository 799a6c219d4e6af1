"""The bot in a workspace on this machine."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.slack.office import Office, office


@pytest.fixture(params=["socket", "http"])
async def both(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Office]:
    """Connected in either mode: what people see is the same."""
    async with office(tmp_path, request.param) as here:
        await here.start()
        yield here


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Office]:
    """A workspace whose bot is not started yet, in Socket Mode."""
    async with office(tmp_path) as place:
        yield place
