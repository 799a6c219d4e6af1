"""What KServe can do for the bot and what the bot must know about it."""

import re
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from bot.kit.kubernetes import ClusterSettings
from bot.ports.manifest import Capability, Guarantees, Level, Manifest

StorageUri = Annotated[str, Field(pattern=r"^[a-z][a-z0-9+.-]*:\S*\{version\}\S*$", max_length=1000)]


class Settings(ClusterSettings):
    """Which cluster, how a version is read off an InferenceService, and how another one is asked for."""

    storage_uri: StorageUri | None = Field(
        default=None,
        title="Where a version's artefact is",
        description="`storageUri` of a version, with `{version}`, `{name}` and `{namespace}`, such as "
        "`s3://models/{name}/{version}`. With it the bot can make another version serve.",
    )
    storage_uris: Mapping[str, StorageUri] = Field(
        default_factory=dict,
        title="The same for single targets",
        description="`namespace/name` → `storageUri`, for InferenceServices that `storage_uri` does not fit.",
    )
    version_annotation: str = Field(
        default="mlops-bot/version",
        title="Annotation with the version",
        description="Read off the InferenceService, and written with every change of version. Empty: none is used.",
        pattern=r"^(([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$",
    )
    version_pattern: str = Field(
        default=r"([^/]+)/*$",
        title="Pattern of the version",
        description="A regular expression with one group, searched for in `storageUri` where neither `storage_uri` "
        "nor the annotation names a version. The default is the last part of the path.",
    )
    model_url: str = Field(
        default="",
        title="Address of models",
        description="Where probes are sent, with `{name}` and `{namespace}`, such as "
        "`http://{name}-predictor.{namespace}.svc.cluster.local`. Empty: what the InferenceService says.",
        pattern=r"^(https?://\S+)?$",
    )

    @field_validator("version_pattern")
    @classmethod
    def _one_group(cls, pattern: str) -> str:
        try:
            groups = re.compile(pattern).groups
        except re.error as error:
            raise ValueError(f"it is no regular expression: {error}") from None
        if groups != 1:
            raise ValueError(f"it must have one group, the version; it has {groups}")
        return pattern

    @model_validator(mode="after")
    def _full_names(self) -> Self:
        for name in self.storage_uris:
            if not re.fullmatch(r"[^/\s]+/[^/\s]+", name):
                raise ValueError(f"storage_uris names targets as namespace/name, not {name!r}")
        return self

    @property
    def can_serve(self) -> bool:
        """Whether it is known how to ask for a version."""
        return self.storage_uri is not None or bool(self.storage_uris)


MANIFEST = Manifest(
    slug="kserve",
    name="KServe",
    homepage="https://kserve.github.io/website/",
    capabilities=frozenset(
        {Capability.SERVING, Capability.DEPLOYER, Capability.TRAFFIC_SPLITTER, Capability.HEALTH},
    ),
    settings=Settings,
    level=Level.SILVER,
    guarantees=Guarantees(compare_and_set=True, dry_run=True, idempotent_write=True),
    cannot=(
        "KServe's control plane knows what was rolled out, not what answers: that is known only by a probe.",
        "KServe loads a version anew to make it serve, which takes minutes; its requests can be shared at once.",
        "KServe shares requests only in Knative mode, and only with the one revision that was rolled out before.",
        "KServe can't keep a change that Argo CD, Flux or Helm puts back to what they were told.",
    ),
)
