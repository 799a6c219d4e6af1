"""What Airflow can do for the bot and what the bot must know about it."""

from collections.abc import Mapping
from typing import Self

from pydantic import Field, SecretStr, model_validator

from bot.ports.manifest import Capability, Guarantees, IntegrationSettings, Level, Manifest


class Settings(IntegrationSettings):
    """Where Airflow is and who the bot is there."""

    url: str = Field(
        title="Address of Airflow",
        description="Base address of the API server (Airflow 3) or the webserver (Airflow 2), without `/api/…`. "
        "Which of the two answers is found out.",
        pattern=r"^https?://\S+$",
        examples=["http://airflow.example:8080"],
    )
    ui_url: str = Field(
        default="",
        title="Address for people",
        description="Where people open Airflow, when it is another address than `url`. Used in links only.",
        pattern=r"^(https?://\S+)?$",
    )
    username: str = Field(
        default="",
        title="User name",
        description="An account of the bot's own. Airflow 3 gives a token for it, which is renewed when it expires; "
        "Airflow 2 wants its `basic_auth` backend.",
    )
    password: SecretStr | None = Field(
        default=None, title="Password", description="The password that belongs to `username`.", min_length=1
    )
    token: SecretStr | None = Field(
        default=None,
        title="Bearer token",
        description="Instead of a user name, for whoever hands out tokens (Airflow hosted by somebody, a proxy). "
        "The bot can't renew it.",
        min_length=1,
    )
    headers: Mapping[str, SecretStr] = Field(
        default_factory=dict,
        title="Further headers",
        description="Sent with every request, for proxies that want headers of their own. Values are kept secret.",
    )

    webhook_secret: SecretStr | None = Field(
        default=None,
        title="Secret of callbacks",
        description="What the callback of the README signs with (`TELL_BOT_SECRET`). Empty: a callback needs the "
        "program's own token.",
        min_length=1,
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.username) != (self.password is not None):
            raise ValueError("username and password belong together: set both, or none")
        if self.token is not None and self.password is not None:
            raise ValueError("a request has one Authorization header: set token, or username, not both")
        return self


MANIFEST = Manifest(
    slug="airflow",
    name="Apache Airflow",
    homepage="https://airflow.apache.org/docs/apache-airflow/stable/stable-rest-api-ref.html",
    capabilities=frozenset(
        {Capability.ORCHESTRATOR, Capability.PIPELINE_SWITCH, Capability.ALERT_SOURCE, Capability.HEALTH}
    ),
    settings=Settings,
    level=Level.GOLD,
    guarantees=Guarantees(idempotent_start=True, idempotent_write=True, instant=True),
    cannot=(
        "Airflow knows no cancelled state: a run that is stopped ends as failed, with a note that says so.",
        "Airflow calls a stopped run ended at once; its processes live on for some seconds, and may still write.",
        "Airflow has no stop for running runs only: one that ends well in that very instant is then called failed.",
        "Airflow has no webhook: DAGs whose callbacks are not the bot's tell it nothing of their failures.",
        "Airflow lets the runs of a paused DAG wait for ever, so none is started.",
    ),
)
