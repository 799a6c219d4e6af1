"""KServe's InferenceService (v1beta1) and what it makes of it: Knative revisions, or Kubernetes deployments."""

from collections.abc import Mapping
from typing import Annotated, TypeVar

from pydantic import BeforeValidator, Field

from bot.kit.parsing import Moment, Text, Texts, Wire

T = TypeVar("T")

SOURCE = "internal.serving.kserve.io/storage-initializer-sourceuri"
"""The annotation in which KServe hands a revision's or a pod's `storageUri` to its initializer."""
MODE = "serving.kserve.io/deploymentMode"
OWNER_LABEL = "serving.kserve.io/inferenceservice"

List = Annotated[tuple[T, ...], BeforeValidator(lambda value: value or ())]
"""Kubernetes leaves empty lists out, or writes null."""


def _or_default(value: object) -> object:
    return {} if value is None else value


class Manager(Wire):
    """Who has set fields of an object."""

    manager: Text = ""


class Metadata(Wire):
    """What every object has."""

    name: Text = ""
    namespace: Text = ""
    resource_version: Text = Field(default="", alias="resourceVersion")
    generation: int = 0
    annotations: Texts = Field(default_factory=dict)
    labels: Texts = Field(default_factory=dict)
    managed_fields: List[Manager] = Field(default=(), alias="managedFields")
    deletion_timestamp: Moment = Field(default=None, alias="deletionTimestamp")


class Model(Wire):
    """`spec.predictor.model`."""

    storage_uri: Text = Field(default="", alias="storageUri")


class Predictor(Wire):
    """`spec.predictor`. KServe's webhook turns `sklearn:` and the like into `model:`."""

    model: Model | None = None
    canary_traffic_percent: int | None = Field(default=None, alias="canaryTrafficPercent")


class Canary(Wire):
    """One of `spec.canary` (Standard mode, since 0.20)."""

    traffic_percent: int = Field(default=0, alias="trafficPercent")


class Spec(Wire):
    """What is wanted."""

    predictor: Predictor
    canary: List[Canary] = ()


class Condition(Wire):
    """One condition: `status` is True, False or Unknown."""

    type: str
    status: str
    reason: Text = ""
    message: Text = ""


class Traffic(Wire):
    """How many percent a revision gets."""

    revision_name: Text = Field(default="", alias="revisionName")
    percent: int | None = None


class Component(Wire):
    """`status.components.predictor`; revisions are there in Knative mode only."""

    created: Text = Field(default="", alias="latestCreatedRevision")
    ready: Text = Field(default="", alias="latestReadyRevision")
    rolled_out: Text = Field(default="", alias="latestRolledoutRevision")
    previous: Text = Field(default="", alias="previousRolledoutRevision")
    traffic: List[Traffic] = ()

    @property
    def revisions(self) -> tuple[str, ...]:
        """Every revision that is named, once."""
        named = (self.created, self.ready, self.rolled_out, self.previous, *(one.revision_name for one in self.traffic))
        return tuple(dict.fromkeys(name for name in named if name))

    @property
    def shares(self) -> Mapping[str, int]:
        """Percent by revision, as it is now; those that get none are left out."""
        found: dict[str, int] = {}
        for one in self.traffic:
            found[one.revision_name] = found.get(one.revision_name, 0) + (one.percent or 0)
        return {revision: percent for revision, percent in found.items() if percent}


class Failure(Wire):
    """Why a model could not be loaded."""

    reason: Text = ""
    message: Text = ""


class Copies(Wire):
    """How many pods have the model."""

    total: int = Field(default=0, alias="totalCopies")


class ModelStatus(Wire):
    """`status.modelStatus`."""

    transition: Text = Field(default="", alias="transitionStatus")
    failure: Failure | None = Field(default=None, alias="lastFailureInfo")
    copies: Copies | None = None


class Address(Wire):
    """Where it answers inside of the cluster."""

    url: Text = ""


class Status(Wire):
    """What is, as KServe's controller has written it last. `observedGeneration` is an inner object's: no use."""

    conditions: List[Condition] = ()
    components: Annotated[Mapping[str, Component], BeforeValidator(_or_default)] = Field(default_factory=dict)
    model_status: Annotated[ModelStatus, BeforeValidator(_or_default)] = Field(
        default=ModelStatus(), alias="modelStatus"
    )
    mode: Text = Field(default="", alias="deploymentMode")
    url: Text = ""
    address: Address | None = None

    def condition(self, kind: str) -> Condition | None:
        """The condition of this type, if it was ever written."""
        return next((one for one in self.conditions if one.type == kind), None)

    def says(self, kind: str) -> str:
        """A condition's status: True, False, or Unknown, also when there is none."""
        found = self.condition(kind)
        return found.status if found is not None else "Unknown"


class InferenceService(Wire):
    """One InferenceService."""

    metadata: Metadata
    spec: Spec
    status: Annotated[Status, BeforeValidator(_or_default)] = Status()

    @property
    def predictor(self) -> Component:
        """What its status says of the predictor."""
        return self.status.components.get("predictor", Component())

    @property
    def storage_uri(self) -> str:
        """Where its model comes from; empty when it has no `model`, or one from elsewhere."""
        return self.spec.predictor.model.storage_uri if self.spec.predictor.model is not None else ""


class Revision(Wire):
    """A Knative revision, of which only the annotations matter."""

    metadata: Metadata


class PodTemplate(Wire):
    """What a deployment makes pods of."""

    metadata: Annotated[Metadata, BeforeValidator(_or_default)] = Metadata()


class DeploymentSpec(Wire):
    """What is wanted of a deployment."""

    replicas: int = 1
    template: PodTemplate


class DeploymentStatus(Wire):
    """What a deployment is; unlike KServe's, this `observedGeneration` is its own."""

    observed_generation: int = Field(default=0, alias="observedGeneration")
    replicas: int = 0
    updated: int = Field(default=0, alias="updatedReplicas")
    available: int = Field(default=0, alias="availableReplicas")


class Deployment(Wire):
    """A deployment that KServe has made."""

    metadata: Metadata
    spec: DeploymentSpec
    status: Annotated[DeploymentStatus, BeforeValidator(_or_default)] = DeploymentStatus()

    @property
    def arrived(self) -> bool:
        """Whether every pod that there is has the present template, and one of them is available.

        Not whether all that are wanted are there: a deployment that grows, or has lost a pod, is not being changed.
        """
        now = self.status
        seen = now.observed_generation >= self.metadata.generation
        return seen and now.replicas <= now.updated and (now.available > 0 or self.spec.replicas == 0)
