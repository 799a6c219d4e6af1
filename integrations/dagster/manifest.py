"""What Dagster can do for the bot and what the bot must know about it."""

from collections.abc import Mapping
from typing import Self

from pydantic import Field, SecretStr, model_validator

from bot.kit.httpauth import NO_AUTH, Auth, basic, bearer, headers
from bot.ports.manifest import Capability, Guarantees, IntegrationSettings, Level, Manifest

ONLY = "*"
"""Stands in a plan for the only place that takes parameters, or for every schedule of a job."""
REPOSITORY = "__repository__"
"""What Dagster calls the repository of a code location that has one `Definitions`."""


class PipelineSettings(IntegrationSettings):
    """What is special about one pipeline. Nothing has to be."""

    job: str = Field(default="", title="Job", description="Its name in Dagster, when it is another one than ours.")
    location: str = Field(default="", title="Code location", description="When it is in another one than the others.")
    repository: str = Field(default="", title="Repository", description="When it is in another one than the others.")
    parameters_at: str = Field(
        default="",
        title="Where its parameters are",
        description="The place in the run config that they are written to: `ops.train.config`. "
        "Empty: the only op that takes any.",
        pattern=r"^([A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*)?$",
    )
    schedules: tuple[str, ...] = Field(
        default=(),
        title="Schedules",
        description="Those that are switched off and on. Empty: all schedules of the job.",
    )


class Settings(IntegrationSettings):
    """Where Dagster is, where its jobs are, and who the bot is there."""

    url: str = Field(
        title="Address of Dagster",
        description="Base address of the web server, with the prefix of `--path-prefix` if it has one.",
        pattern=r"^https?://\S+$",
        examples=["http://dagster.example:3000"],
    )
    ui_url: str = Field(
        default="",
        title="Address for people",
        description="Where people open Dagster, when it is another address than `url`. Used in links only.",
        pattern=r"^(https?://\S+)?$",
    )
    location: str = Field(
        title="Code location",
        description="The code location that the jobs are in, as Dagster's page *Deployment* names it.",
        min_length=1,
        max_length=200,
        examples=["training"],
    )
    repository: str = Field(
        default=REPOSITORY,
        title="Repository",
        description="The repository within the code location. Those with one `Definitions` have none of their own.",
        min_length=1,
        max_length=200,
    )
    pipelines: Mapping[str, PipelineSettings] = Field(
        default_factory=dict,
        title="Pipelines",
        description="By the name that models use: what is special about a job (`job`, `location`, `repository`), where "
        "its parameters are written to (`parameters_at: ops.train.config`), and which `schedules` are switched.",
    )
    username: str = Field(default="", title="User name", description="For a proxy in front of Dagster.")
    password: SecretStr | None = Field(
        default=None, title="Password", description="The password that belongs to `username`.", min_length=1
    )
    token: SecretStr | None = Field(
        default=None,
        title="Bearer token",
        description="For a proxy in front of Dagster that wants `Authorization: Bearer …`.",
        min_length=1,
    )
    headers: Mapping[str, SecretStr] = Field(
        default_factory=dict,
        title="Further headers",
        description="Sent with every request, for proxies that want headers of their own. Values are kept secret.",
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
    slug="dagster",
    name="Dagster",
    homepage="https://docs.dagster.io/",
    capabilities=frozenset({Capability.ORCHESTRATOR, Capability.PIPELINE_SWITCH, Capability.HEALTH}),
    settings=Settings,
    level=Level.GOLD,
    guarantees=Guarantees(idempotent_write=True, idempotent_start=False),
    cannot=(
        "Dagster would start a second run for the same key: a key is a tag, looked for before anything is repeated.",
        "Dagster switches schedules one after another: of a job with several, some may be switched and others not.",
        "Dagster's jobs can be started while their schedules are off.",
    ),
)
