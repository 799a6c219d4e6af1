"""What CloudWatch can do for the bot and what the bot must know about it."""

from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator

from bot.kit.signatures import SenderSettings
from bot.ports.manifest import Capability, Level, Manifest

TopicArn = Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}$")]
Region = Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]


class Settings(SenderSettings):
    """All optional: without any, deliveries are taken with the program's own token and nothing is asked."""

    topic_arns: tuple[TopicArn, ...] = Field(
        default=(),
        title="Topics",
        description="The SNS topics that may deliver here, signed by AWS. Only a subscription to one of them is "
        "confirmed, and only alarms that notify one of them count when CloudWatch is asked.",
        examples=[["arn:aws:sns:eu-west-1:123456789012:ml-alarms"]],
    )
    alarm_prefix: str = Field(
        default="",
        title="Beginning of alarms' names",
        description="Other alarms are left out, delivered or asked for. Empty: all.",
        max_length=255,
    )
    regions: tuple[Region, ...] = Field(
        default=(),
        title="Regions that are asked",
        description="Empty: those of the topics.",
        examples=[["eu-west-1"]],
    )
    access_key_id: str = Field(
        default="",
        title="Access key id",
        description="Who asks CloudWatch which alarms are in ALARM. Empty: nothing is asked, and a notification that "
        "was lost stays lost.",
        pattern=r"^[A-Z0-9]*$",
    )
    secret_access_key: SecretStr | None = Field(
        default=None,
        title="Secret access key",
        description="The secret that belongs to `access_key_id`.",
        min_length=1,
    )
    session_token: SecretStr | None = Field(
        default=None,
        title="Session token",
        description="Of temporary credentials only; they are read at start and not renewed.",
        min_length=1,
    )
    endpoint_url: str = Field(
        default="",
        title="Address in the place of AWS",
        description="What is asked instead of AWS's own addresses: a VPC endpoint, or LocalStack. Signing certificates "
        "are then taken from there, too, so it has to be as trusted as AWS.",
        pattern=r"^(https?://\S+)?$",
    )

    @model_validator(mode="after")
    def _credentials_belong_together(self) -> Self:
        if bool(self.access_key_id) != (self.secret_access_key is not None):
            raise ValueError("access_key_id and secret_access_key belong together: set both, or none")
        if self.session_token is not None and self.secret_access_key is None:
            raise ValueError("session_token belongs to an access_key_id and its secret_access_key")
        if self.access_key_id and not self.asked_regions:
            raise ValueError("there are credentials and no region to ask: set regions, or topic_arns")
        return self

    @property
    def asked_regions(self) -> tuple[str, ...]:
        """The regions whose alarms are asked for."""
        return tuple(dict.fromkeys(self.regions or (arn.split(":")[3] for arn in self.topic_arns)))


MANIFEST = Manifest(
    slug="cloudwatch",
    name="Amazon CloudWatch",
    homepage="https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html",
    capabilities=frozenset({Capability.ALERT_SOURCE, Capability.ALERT_POLL, Capability.HEALTH}),
    settings=Settings,
    level=Level.BRONZE,
    cannot=(
        "SNS counts an answer of 400 to 499 as delivered and gives up after some minutes; only asking finds the rest.",
        "An alarm without data (INSUFFICIENT_DATA) is not over: it is shown as still firing, and its data as missing.",
        "CloudWatch tells a change of state once, and never reminds.",
    ),
    keyless=True,
)
