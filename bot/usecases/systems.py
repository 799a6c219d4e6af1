"""The connected systems by what they can do: asked for here, so that a capability is a question with an answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.domain.errors import BadInput
from bot.domain.models import Observation, Target
from bot.ports.manifest import Guarantees
from bot.ports.systems import (
    AlertPoll,
    AlertSource,
    ChangeFeed,
    Deployer,
    Health,
    MessageSource,
    Metrics,
    Orchestrator,
    PipelineSwitch,
    Registry,
    Serving,
    TrafficSplitter,
)


@dataclass(frozen=True, slots=True)
class Systems:
    """Adapters by the integration's slug, one mapping per capability."""

    sources: Mapping[str, AlertSource] = field(default_factory=dict)
    polls: Mapping[str, AlertPoll] = field(default_factory=dict)
    messages: Mapping[str, MessageSource] = field(default_factory=dict)
    registries: Mapping[str, Registry] = field(default_factory=dict)
    servings: Mapping[str, Serving] = field(default_factory=dict)
    deployers: Mapping[str, Deployer] = field(default_factory=dict)
    splitters: Mapping[str, TrafficSplitter] = field(default_factory=dict)
    orchestrators: Mapping[str, Orchestrator] = field(default_factory=dict)
    switches: Mapping[str, PipelineSwitch] = field(default_factory=dict)
    metrics: Mapping[str, Metrics] = field(default_factory=dict)
    feeds: Mapping[str, ChangeFeed] = field(default_factory=dict)
    health: Mapping[str, Health] = field(default_factory=dict)
    guarantees: Mapping[str, Guarantees] = field(default_factory=dict)
    cannot: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def registry(self, slug: str) -> Registry:
        """The registry behind a pointer. Raises BadInput when the configuration names one that can't be one."""
        try:
            return self.registries[slug]
        except KeyError:
            raise _not_capable(slug, "a model registry") from None

    def serving(self, slug: str) -> Serving:
        """The serving system behind a target. Raises BadInput when the configuration names one that can't be one."""
        try:
            return self.servings[slug]
        except KeyError:
            raise _not_capable(slug, "a serving system") from None

    async def observe(self, target: Target) -> Observation:
        """What a target says, asked as its binding wants it. Raises BadInput, IntegrationErrors."""
        return await self.serving(target.integration).observe(target.name, probes=target.probes)

    def orchestrator(self, slug: str) -> Orchestrator:
        """The orchestrator behind a pipeline. Raises BadInput when the configuration names one that can't be one."""
        try:
            return self.orchestrators[slug]
        except KeyError:
            raise _not_capable(slug, "an orchestrator") from None


def _not_capable(slug: str, what: str) -> BadInput:
    return BadInput(
        f"The integration {slug} is not configured as {what}.",
        not_done="Nothing was changed.",
        next_step="See mlops-bot integrations, and the section integrations of the configuration.",
    )
