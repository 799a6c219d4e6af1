"""What Alertmanager can do for the bot and what the bot must know about it."""

from typing import Self

from pydantic import Field, SecretStr, model_validator

from bot.kit.signatures import SenderSettings
from bot.ports.manifest import Capability, Level, Manifest


class Settings(SenderSettings):
    """All optional: without any, deliveries are taken with the program's own token and nothing is asked."""

    url: str = Field(
        default="",
        title="Address of Alertmanager",
        description="Base address for asking what fires now, such as `http://alertmanager:9093`. "
        "Empty: Alertmanager is never asked, and an alert whose deliveries all failed is lost.",
        pattern=r"^(https?://\S+)?$",
        examples=["http://alertmanager.example:9093"],
    )
    instance: str = Field(
        default="",
        title="Name of this Alertmanager",
        description="Under which its alerts are remembered. Empty: `url`, and without that what it calls itself "
        "in deliveries (`--web.external-url`).",
        max_length=200,
    )
    api_token: SecretStr | None = Field(
        default=None,
        title="Bearer token of the API",
        description="For asking through a proxy that wants `Authorization: Bearer …`.",
        min_length=1,
    )
    api_user: str = Field(
        default="",
        title="User name of the API",
        description="For asking through a proxy that wants HTTP basic authentication.",
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
        if not self.url and (self.api_token is not None or self.api_password is not None):
            raise ValueError("there is a credential for the API but no url to ask")
        return self


MANIFEST = Manifest(
    slug="alertmanager",
    name="Prometheus Alertmanager",
    homepage="https://prometheus.io/docs/alerting/latest/alertmanager/",
    capabilities=frozenset(
        {Capability.ALERT_SOURCE, Capability.ALERT_POLL, Capability.MESSAGE_SOURCE, Capability.HEALTH}
    ),
    settings=Settings,
    level=Level.BRONZE,
    cannot=(
        "It says resolved when Prometheus stops, too: a resolution is confirmed only by asking.",
        "It drops notifications for good when its retries end; only asking (the setting url) finds such alerts.",
        "Its deliveries carry no signature: anybody who has the token can send one.",
        "Its own Slack template names no label: without the shipped one its messages are matched by values.",
    ),
    keyless=True,
)
