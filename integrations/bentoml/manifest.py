"""What a BentoML service can do for the bot and what the bot must know about it."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, SecretStr

from bot.kit.httpauth import NO_AUTH, Auth, bearer, headers
from bot.ports.manifest import Capability, Guarantees, IntegrationSettings, Level, Manifest


class Settings(IntegrationSettings):
    """All optional: a serving target may be named by its address, and then nothing else is needed."""

    targets: Mapping[str, Annotated[str, Field(pattern=r"^https?://\S+$")]] = Field(
        default_factory=dict,
        title="Names of services",
        description="Name → base address, such as `fraud: http://fraud.example:3000`. A serving target of a model is "
        "one of these names, or an address itself.",
    )
    token: SecretStr | None = Field(
        default=None,
        title="Bearer token",
        description="For a proxy in front of the services that wants `Authorization: Bearer …`. It is sent to every "
        "target.",
        min_length=1,
    )
    headers: Mapping[str, SecretStr] = Field(
        default_factory=dict,
        title="Further headers",
        description="Sent with every request, for proxies that want headers of their own. Values are kept secret.",
    )

    @property
    def auth(self) -> Auth:
        """What every request carries."""
        return headers(self.headers) | (bearer(self.token) if self.token is not None else NO_AUTH)


MANIFEST = Manifest(
    slug="bentoml",
    name="BentoML",
    homepage="https://docs.bentoml.com",
    capabilities=frozenset({Capability.SERVING, Capability.HEALTH}),
    settings=Settings,
    level=Level.BRONZE,
    guarantees=Guarantees(identity=True),
    cannot=(
        "BentoML only says what answers: making another version answer is up to whatever runs the process.",
        "Behind a load balancer one answer speaks for one process: others may still answer with another version.",
    ),
    keyless=True,
)
