"""What Opsgenie can do for the bot and what the bot must know about it."""

from typing import Self

from pydantic import Field, SecretStr, model_validator

from bot.kit.signatures import SenderSettings
from bot.ports.manifest import Capability, Level, Manifest


class Settings(SenderSettings):
    """All optional: without any, deliveries are taken with the program's own token and nothing is asked."""

    url: str = Field(
        default="https://api.opsgenie.com",
        title="Address of the API",
        description="`https://api.eu.opsgenie.com` for accounts in Europe. With `cloud_id`, by default Atlassian's.",
        pattern=r"^https?://\S+$",
    )
    api_key: SecretStr | None = Field(
        default=None,
        title="API key of Opsgenie",
        description="The key of an API integration that may read alerts. Empty: Opsgenie is never asked, and an alert "
        "whose delivery was lost stays lost.",
        min_length=1,
    )
    cloud_id: str = Field(
        default="",
        title="Cloud id of Jira Service Management",
        description="For accounts that were moved to Operations of Jira Service Management: the site's id. It is asked "
        "in the place of Opsgenie, with `user` and `api_token`.",
        pattern=r"^[A-Za-z0-9-]*$",
    )
    user: str = Field(
        default="", title="User of Jira Service Management", description="The e-mail address that has the token."
    )
    api_token: SecretStr | None = Field(
        default=None,
        title="API token of Jira Service Management",
        description="The token of `user`; that person has to see the alerts.",
        min_length=1,
    )
    query: str = Field(
        default="",
        title="Which alerts count when asked",
        description="A search query of Opsgenie, such as `tag: ml`. Other open alerts are seen and not told. It should "
        "let through what the webhook integration delivers.",
        max_length=1_000,
    )
    instance: str = Field(
        default="opsgenie",
        title="Name of this account",
        description="Under which its alerts are remembered.",
        min_length=1,
        max_length=200,
    )
    own_source: str = Field(
        default="mlops-bot",
        title="Source of our own alerts",
        description="Alerts that name this as their source were made by the bot and are left out.",
        min_length=1,
    )

    @model_validator(mode="after")
    def _one_account(self) -> Self:
        moved = (bool(self.cloud_id), bool(self.user), self.api_token is not None)
        if any(moved) and not all(moved):
            raise ValueError("cloud_id, user and api_token belong together: set all of them, or none")
        if all(moved) and self.api_key is not None:
            raise ValueError("there is one account: set api_key for Opsgenie, or cloud_id for Operations, not both")
        return self


MANIFEST = Manifest(
    slug="opsgenie",
    name="Opsgenie / JSM Operations",
    homepage="https://support.atlassian.com/opsgenie/docs/integrate-opsgenie-with-webhook/",
    capabilities=frozenset({Capability.ALERT_SOURCE, Capability.ALERT_POLL, Capability.HEALTH}),
    settings=Settings,
    level=Level.BRONZE,
    cannot=(
        "Opsgenie's own API ends on 5 April 2027; an account that was moved needs cloud_id.",
        "A delivery carries no signature, and its details only when the alert is created.",
        "An alert that is closed by hand counts as over: Opsgenie does not know whether it is.",
    ),
    keyless=True,
)
