"""InferenceServices are read, told another version or another split if they are as they were read, and read back."""

import json
from collections.abc import Mapping, Sequence

from bot.domain.errors import BadInput, Conflict
from bot.domain.models import Evidence, Observation, Probe
from bot.domain.plan import Call
from bot.kit.http import HttpFactory
from bot.kit.kubernetes import connect
from bot.ports.clock import Clock
from bot.ports.systems import Deployer, Health, Serving, Split, TrafficSplitter
from integrations.kserve import sharing
from integrations.kserve.answers import Answers
from integrations.kserve.cluster import SLUG, Cluster, unconfirmed
from integrations.kserve.manifest import Settings
from integrations.kserve.standing import Standing, owner_of
from integrations.kserve.versions import Target, Versions
from integrations.kserve.wire import InferenceService

AS_READ = "as read right before"
NOTE = "Sent after a dry run, on condition that nothing was changed since it was read right before"


class Kserve(Serving, TrafficSplitter, Health):
    """One cluster's InferenceServices, as long as it is not known where the versions' artefacts are."""

    def __init__(
        self, settings: Settings, cluster: Cluster, versions: Versions, answers: Answers, clock: Clock
    ) -> None:
        self._annotation = settings.version_annotation
        self._cluster = cluster
        self._versions = versions
        self._answers = answers
        self._clock = clock
        self._owners: dict[Target, str] = {}
        """Who else decides about a target, as last seen: for the notes of plans."""

    async def observe(self, name: str, *, probes: Sequence[Probe] = ()) -> Observation:
        """Ask Kubernetes; and, when everything has arrived, by the probes the model itself."""
        target = self._cluster.target(name)
        service = await self._read(target)
        stands = await self._cluster.stands(target, service)
        if stands.in_progress or stands.version is None:
            return self._observed(service, stands)
        if not probes:
            return self._observed(service, stands)
        answer = await self._answers.ask(target, service, probes)
        if answer.version is None or answer.ill:
            return self._observed(service, stands, answer.said, healthy=False if answer.ill else None)
        fits = answer.version == stands.version
        said = answer.said if fits else f"{answer.said}, its InferenceService says version {stands.version}"
        return Observation(
            stands.version if fits else None, Evidence.ANSWER, self._clock.now(), healthy=stands.healthy,
            token=service.metadata.resource_version, detail=f"({said})",
        )  # fmt: skip

    async def probe(self) -> str:
        return await self._cluster.about()

    # ------------------------------------------------------------ sharing requests

    async def split(self, name: str) -> Split:
        target = self._cluster.target(name)
        service = await self._read(target)
        sharing.shareable(target, service)
        return self._shared(service, await self._cluster.stands(target, service))

    def plan_shift(self, name: str, version: str, percent: int, *, expected: Split) -> Call:
        target = self._cluster.target(name)
        return self._call(target, sharing.body(AS_READ, sharing.newest_gets(target, version, percent, expected)))

    async def shift(self, name: str, version: str, percent: int, *, expected: Split) -> Split:
        target = self._cluster.target(name)
        newest = sharing.newest_gets(target, version, percent, expected)
        service = await self._read(target)
        sharing.shareable(target, service)
        stands = await self._cluster.stands(target, service)
        sharing.still_so(target, service, stands, expected, newest)
        patch = sharing.body(service.metadata.resource_version, newest)
        service, stands = await self._cluster.patch(target, patch)
        if not sharing.arrived(stands, expected, newest):
            now = sharing.in_words(stands.shares)
            raise unconfirmed(target, f"and right afterwards its requests are shared as {now}")
        return self._shared(service, stands)

    def _shared(self, service: InferenceService, stands: Standing) -> Split:
        detail = "; ".join((*sharing.notes(stands), *_kept_by(owner_of(service))))
        return Split(
            stands.shares, self._clock.now(), stands.in_progress, sharing.token_of(service), f"({detail})"
        )  # fmt: skip

    # ------------------------------------------------------------ pieces

    async def _read(self, target: Target) -> InferenceService:
        service = await self._cluster.read(target)
        self._owners[target] = owner_of(service)
        return service

    def _observed(
        self, service: InferenceService, stands: Standing, more: str = "", *, healthy: bool | None = None
    ) -> Observation:
        notes = (*stands.notes, *((more,) if more else ()), *_kept_by(owner_of(service)))
        return Observation(
            stands.version, Evidence.CONTROL_PLANE, self._clock.now(),
            healthy=stands.healthy if healthy is None else healthy, in_progress=stands.in_progress,
            token=service.metadata.resource_version, detail=f"({'; '.join(notes)})",
        )  # fmt: skip

    def _call(self, target: Target, body: Mapping[str, object]) -> Call:
        note = "; ".join((NOTE, *_kept_by(self._owners.get(target, ""))))
        return Call(SLUG, "PATCH", self._cluster.url(target), json.dumps(body, ensure_ascii=False), f"{note}.")


class KserveDeployer(Kserve, Deployer):
    """The same where it is known which `storageUri` serves a version."""

    def plan_serve(self, name: str, version: str) -> Call:
        target = self._cluster.target(name)
        return self._call(target, self._body(target, version, AS_READ))

    async def serve(self, name: str, version: str, *, expected: Observation) -> Observation:
        target = self._cluster.target(name)
        self._versions.uri(target, version)
        service = await self._read(target)
        _as_expected(target, service, await self._cluster.stands(target, service), expected)
        service, stands = await self._cluster.patch(
            target, self._body(target, version, service.metadata.resource_version)
        )
        if stands.version != version:
            raise unconfirmed(target, f"and right afterwards it says {_named(stands.version)} {stands.detail}".rstrip())
        return self._observed(service, stands)

    def _body(self, target: Target, version: str, resource_version: str) -> Mapping[str, object]:
        """A merge patch; `null` takes away what would keep requests with another version, in either mode."""
        annotations = {"annotations": {self._annotation: version}} if self._annotation else {}
        model = {"storageUri": self._versions.uri(target, version)}
        return {
            "metadata": {"resourceVersion": resource_version, **annotations},
            "spec": {"canary": None, "predictor": {"canaryTrafficPercent": None, "model": model}},
        }


def _as_expected(target: Target, service: InferenceService, stands: Standing, expected: Observation) -> None:
    """Raises Conflict when it isn't, BadInput when its version can't be changed at all."""
    unfitting = expected.version is None and expected.token  # what answered did not fit; the token says when
    moved = expected.token not in {"", service.metadata.resource_version}
    if moved or (expected.version != stands.version and not unfitting):
        raise Conflict(
            f"{target} was changed: it has {_named(stands.version)} {stands.detail}; "
            f"the plan was made when it had {_named(expected.version)}.",
            not_done="Nothing was changed.",
            next_step="Look at what is live now, and ask for a new plan.",
        )
    if service.metadata.deletion_timestamp is not None:
        raise Conflict(
            f"{target} is being deleted.", not_done="Nothing was changed.", next_step="Ask whoever deletes it."
        )
    if not service.storage_uri:
        raise BadInput(
            f"{target} has no spec.predictor.model.storageUri: its model comes from elsewhere.",
            not_done="Nothing was changed.",
            next_step="Its version can't be changed from here; change its own manifest.",
        )


def _kept_by(owner: str) -> tuple[str, ...]:
    return (f"{owner} manages it and may put it back",) if owner else ()


def _named(version: str | None) -> str:
    return "no single version" if version is None else f"version {version}"


def build(settings: Settings, http: HttpFactory, clock: Clock) -> Kserve:
    """An adapter with a client of the cluster, and one for each model that is asked itself."""
    versions = Versions(settings)
    cluster = Cluster(connect(settings, http, SLUG), versions)
    kind = KserveDeployer if settings.can_serve else Kserve
    return kind(settings, cluster, versions, Answers(settings, http), clock)
