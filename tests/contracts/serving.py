"""What every serving system must do: inherit from `ServingContract` and say how one is arranged."""

import pytest

from bot.domain.errors import BadInput, IntegrationError
from bot.domain.models import Evidence
from bot.ports.systems import Serving


class ServingContract:
    """`serving` has a target `target` that answers with version 3."""

    target = "fraud"
    version = "3"

    @pytest.fixture
    def serving(self) -> Serving:
        raise NotImplementedError

    async def test_the_version_is_what_the_serving_side_says(self, serving: Serving) -> None:
        seen = await serving.observe(self.target)
        assert seen.version == self.version
        assert seen.evidence in {Evidence.ANSWER, Evidence.CONTROL_PLANE}
        assert seen.at.tzinfo is not None
        assert not seen.in_progress
        assert seen.healthy is not False

    async def test_looking_changes_nothing(self, serving: Serving) -> None:
        first, second = await serving.observe(self.target), await serving.observe(self.target)
        assert first.version == second.version

    async def test_a_target_that_does_not_answer_is_an_error_never_a_version(self, serving: Serving) -> None:
        with pytest.raises((IntegrationError, BadInput)):
            await serving.observe("no-such-target")
