"""What Grafana Alerting can do for the bot and what the bot must know about it."""

from typing import Self

from pydantic import Field, SecretStr, model_validator

from bot.kit.signatures import SenderSettings
from bot.ports.manifest import Capability, Level, Manifest


class Settings(SenderSettings):
    """All optional: without any, deliveries are taken with the program's own token and nothing is asked."""

    hmac_secret: SecretStr | None = Field(
        default=None,
        title="HMAC secret of deliveries",
        description="The secret of the contact point's HMAC signature (Grafana 12 and later).",
        min_length=1,
    )
    signature_header: str = Field(
        default="X-Grafana-Alerting-Signature",
        title="Signature header",
        description="The header that holds the signature; only if the contact point names another one.",
        pattern=r"^[A-Za-z0-9-]+$",
    )
    timestamp_header: str = Field(
        default="",
        title="Timestamp header",
        description="The header that holds the signed time, as the contact point names it; good for five minutes. "
        "Empty: no time is signed, and a delivery that somebody recorded can be sent again.",
        pattern=r"^[A-Za-z0-9-]*$",
        examples=["X-Grafana-Alerting-Timestamp"],
    )
    url: str = Field(
        default="",
        title="Address of Grafana",
        description="Base address for asking what fires now, such as `https://grafana.example.com`. "
        "Empty: Grafana is never asked, and an alert whose deliveries all failed is lost.",
        pattern=r"^(https?://\S+)?$",
        examples=["http://grafana.example"],
    )
    token: SecretStr | None = Field(
        default=None,
        title="Service account token",
        description="The token (`glsa_…`) of a service account that may read alerts; needed with `url`.",
        min_length=1,
    )
    instance: str = Field(
        default="",
        title="Name of this Grafana",
        description="Under which its alerts are remembered. Empty: `url`, and without that what it calls itself in "
        "deliveries (`root_url`).",
        max_length=200,
    )

    @model_validator(mode="after")
    def _asking_needs_both(self) -> Self:
        if bool(self.url) != (self.token is not None):
            raise ValueError("url and token belong together: Grafana answers nobody without a token")
        return self


MANIFEST = Manifest(
    slug="grafana",
    name="Grafana Alerting",
    homepage="https://grafana.com/docs/grafana/latest/alerting/",
    capabilities=frozenset(
        {Capability.ALERT_SOURCE, Capability.ALERT_POLL, Capability.MESSAGE_SOURCE, Capability.HEALTH}
    ),
    settings=Settings,
    level=Level.BRONZE,
    cannot=(
        "It tries once per group interval, and never tells what ended meanwhile; only asking (url) finds that.",
        "Its deliveries name values by the rule's reference letters and say no threshold.",
        "The bodies of Grafana's old alerting carry no time: an alert begins when its delivery arrives.",
        "Its own Slack message names labels, but neither when an alert began nor its fingerprint.",
    ),
    keyless=True,
)
