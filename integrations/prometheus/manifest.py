"""What Prometheus can do for the bot and what the bot must know about it."""

from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator

from bot.kit.httpauth import NO_AUTH, Auth, basic, bearer
from bot.ports.manifest import Capability, IntegrationSettings, Level, Manifest

Address = Annotated[str, Field(pattern=r"^https?://\S+$")]


class Settings(IntegrationSettings):
    """Where it is asked, and by which other addresses its alerts call it."""

    url: Address = Field(
        title="Address of Prometheus",
        description="Base address of the HTTP API, such as `http://prometheus:9090`. Thanos, Mimir and VictoriaMetrics "
        "have the same API, below a path of their own.",
        examples=["http://prometheus.example:9090"],
    )
    external_urls: tuple[Address, ...] = Field(
        default=(),
        title="Its other addresses",
        description="What Prometheus calls itself in the links of its alerts (`--web.external-url`), where that is "
        "another address than `url`. An alert with any other address is not asked about here.",
        examples=[["https://prometheus.example.com"]],
    )
    ask_alerts: bool = Field(
        default=False,
        title="Ask what fires",
        description="Whether the alerts of its rules open incidents. Only where there is no Alertmanager that is "
        "connected here: the same alert would be told by both.",
    )
    api_token: SecretStr | None = Field(
        default=None,
        title="Bearer token of the API",
        description="For a proxy in front of it that wants `Authorization: Bearer …`.",
        min_length=1,
    )
    api_user: str = Field(
        default="",
        title="User name of the API",
        description="For a Prometheus, or a proxy in front of it, that wants HTTP basic authentication.",
    )
    api_password: SecretStr | None = Field(
        default=None,
        title="Password of the API",
        description="The password that belongs to `api_user`.",
        min_length=1,
    )

    @model_validator(mode="after")
    def _one_way_to_ask(self) -> Self:
        if bool(self.api_user) != (self.api_password is not None):
            raise ValueError("api_user and api_password belong together: set both, or none")
        if self.api_token is not None and self.api_password is not None:
            raise ValueError("a request has one Authorization header: set api_token, or api_user, not both")
        return self

    @property
    def auth(self) -> Auth:
        """What every request carries."""
        if self.api_token is not None:
            return bearer(self.api_token)
        return NO_AUTH if self.api_password is None else basic(self.api_user, self.api_password)


MANIFEST = Manifest(
    slug="prometheus",
    name="Prometheus",
    homepage="https://prometheus.io/docs/prometheus/latest/querying/api/",
    capabilities=frozenset({Capability.ALERT_POLL, Capability.METRICS, Capability.HEALTH}),
    settings=Settings,
    level=Level.BRONZE,
    cannot=(
        "Only alerts that carry the link of their own rule can be asked about: relabelled or templated ones can't.",
        "What fires there (ask_alerts) carries no external labels, and no silence of Alertmanager's is known to it.",
        "A value is as old as the last scrape, and a query that finds nothing gives no value, which is no good news.",
    ),
)
