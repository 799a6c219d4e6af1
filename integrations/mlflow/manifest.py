"""What MLflow can do for the bot and what the bot must know about it."""

from collections.abc import Mapping
from typing import Self

from pydantic import Field, SecretStr, model_validator

from bot.kit.httpauth import NO_AUTH, Auth, basic, bearer, headers
from bot.ports.manifest import Capability, Guarantees, IntegrationSettings, Level, Manifest


class Settings(IntegrationSettings):
    """Where MLflow is and who the bot is there."""

    url: str = Field(
        title="Address of MLflow",
        description="Base address of the tracking server, with the prefix of `--static-prefix` if it has one.",
        pattern=r"^https?://\S+$",
        examples=["http://mlflow.example:5000"],
    )
    ui_url: str = Field(
        default="",
        title="Address for people",
        description="Where people open MLflow, when it is another address than `url`. Used in links only.",
        pattern=r"^(https?://\S+)?$",
    )
    api_path: str = Field(
        default="/api/2.0/mlflow",
        title="Path of the API",
        description="Below `url`. Only for servers behind a proxy that moves it.",
        pattern=r"^/\S*[^/\s]$",
    )
    username: str = Field(
        default="", title="User name", description="For a server with `--app-name basic-auth`, or a proxy."
    )
    password: SecretStr | None = Field(
        default=None, title="Password", description="The password that belongs to `username`.", min_length=1
    )
    token: SecretStr | None = Field(
        default=None,
        title="Bearer token",
        description="For a proxy in front of MLflow that wants `Authorization: Bearer …`.",
        min_length=1,
    )
    headers: Mapping[str, SecretStr] = Field(
        default_factory=dict,
        title="Further headers",
        description="Sent with every request, for proxies that want headers of their own. Values are kept secret.",
    )
    webhook_secret: SecretStr | None = Field(
        default=None,
        title="Secret of webhooks",
        description="The `secret` that the webhook was created with. Empty: deliveries need the program's own token, "
        "which MLflow can't send, so its webhooks are then of no use.",
        min_length=1,
    )
    live_aliases: tuple[str, ...] = Field(
        default=("champion", "production", "prod", "live"),
        title="Aliases that mean live",
        description="A webhook about one of these is a promotion; other aliases are shown as changes only.",
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.username) != (self.password is not None):
            raise ValueError("username and password belong together: set both, or none")
        if self.token is not None and self.password is not None:
            raise ValueError("a request has one Authorization header: set token, or username, not both")
        return self

    @property
    def auth(self) -> Auth:
        """What every request carries."""
        auth = headers(self.headers)
        if self.password is not None:
            return auth | basic(self.username, self.password)
        return auth | (bearer(self.token) if self.token is not None else NO_AUTH)


MANIFEST = Manifest(
    slug="mlflow",
    name="MLflow",
    homepage="https://mlflow.org/docs/latest/ml/model-registry/",
    capabilities=frozenset(
        {Capability.REGISTRY, Capability.ALERT_SOURCE, Capability.CHANGE_FEED, Capability.HEALTH},
    ),
    settings=Settings,
    level=Level.GOLD,
    guarantees=Guarantees(idempotent_write=True),
    cannot=(
        "MLflow has no compare-and-set: a change by somebody else in the same instant can't be noticed.",
        "MLflow's alias is a name, not what serves: only an answer of the serving side shows that it took effect.",
        "MLflow keeps no history of its aliases: what was live before is known from the bot's own ledger only.",
    ),
    exempt={"alerts": "MLflow's deliveries tell of changes, never of alerts"},
)
