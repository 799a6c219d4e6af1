"""What Alertmanager can do for the bot and what the bot must know about it."""

from pydantic import Field, SecretStr

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


MANIFEST = Manifest(
    slug="alertmanager",
    name="Prometheus Alertmanager",
    homepage="https://prometheus.io/docs/alerting/latest/alertmanager/",
    capabilities=frozenset({Capability.ALERT_SOURCE, Capability.ALERT_POLL, Capability.HEALTH}),
    settings=Settings,
    level=Level.BRONZE,
    cannot=(
        "It says resolved when Prometheus stops, too: a resolution is confirmed only by asking.",
        "It drops notifications for good when its retries end; only asking (the setting url) finds such alerts.",
        "Its deliveries carry no signature: anybody who has the token can send one.",
    ),
    keyless=True,
)
