"""What every serving system must do: inherit from `ServingContract` and say how one is arranged."""

from dataclasses import replace

import pytest

from bot.domain.errors import BadInput, IntegrationError
from bot.domain.models import Evidence, Probe
from bot.ports.systems import Serving


class ServingContract:
    """`serving` has a target `target` that answers with version 3, also to the probe `naming`; not to `failing`."""

    target = "fraud"
    version = "3"
    naming = Probe("/version", "model.version")
    failing = Probe("/nope")

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

    async def test_a_probe_that_names_the_version_is_an_answer_of_the_model_itself(self, serving: Serving) -> None:
        seen = await serving.observe(self.target, probes=(self.naming,))
        assert (seen.version, seen.evidence) == (self.version, Evidence.ANSWER)
        assert not seen.in_progress
        assert seen.healthy is not False

    async def test_a_probe_whose_answer_names_no_version_proves_none(self, serving: Serving) -> None:
        seen = await serving.observe(self.target, probes=(replace(self.naming, version="no.such.place"),))
        assert seen.version is None or seen.evidence is not Evidence.ANSWER

    async def test_a_probe_that_is_no_200_speaks_against_it(self, serving: Serving) -> None:
        seen = await serving.observe(self.target, probes=(self.naming, self.failing))
        assert seen.healthy is False
        seen = await serving.observe(self.target, probes=(self.failing,))
        assert (seen.version, seen.healthy) == (self.version, False)
        assert self.failing.path in seen.detail

    async def test_a_target_that_does_not_answer_is_an_error_never_a_version(self, serving: Serving) -> None:
        with pytest.raises((IntegrationError, BadInput)):
            await serving.observe("no-such-target")
