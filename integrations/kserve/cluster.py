"""InferenceServices in their cluster: read with what KServe has made of them, patched once, and read back."""

import asyncio
import difflib
from collections.abc import Mapping

from bot.domain.errors import BotError, Indeterminate, Refused
from bot.kit.kubernetes import Kind, Kube
from bot.kit.parsing import read_value
from integrations.kserve.manifest import MANIFEST
from integrations.kserve.standing import Made, Mode, Standing, mode_of, standing
from integrations.kserve.versions import Target, Versions, target_of
from integrations.kserve.wire import OWNER_LABEL, Deployment, InferenceService, Metadata, Revision

SLUG = MANIFEST.slug
SERVICES = Kind("serving.kserve.io", "v1beta1", "inferenceservices")
REVISIONS = Kind("serving.knative.dev", "v1", "revisions")
DEPLOYMENTS = Kind("apps", "v1", "deployments")


class Cluster:
    """One cluster. The namespace is that of targets which name none."""

    def __init__(self, kube: Kube, versions: Versions) -> None:
        self._kube = kube
        self._versions = versions

    def target(self, name: str) -> Target:
        """A target by its name. Raises BadInput."""
        return target_of(name, self._kube.namespace)

    def url(self, target: Target) -> str:
        """Where it is, for plans."""
        return self._kube.url(SERVICES, target.namespace, target.name)

    async def read(self, target: Target) -> InferenceService:
        """The InferenceService. Raises Refused, with the nearest names, when there is none."""
        found = await self._kube.get(SERVICES, target.namespace, target.name)
        if found is None:
            raise Refused(
                f"There is no InferenceService {target}.",
                system=SLUG,
                not_done="Nothing was changed.",
                next_step=await self._near(target),
            )
        return read_value(InferenceService, found, SLUG)

    async def _near(self, target: Target) -> str:
        try:
            listed = await self._kube.list(SERVICES, target.namespace)
            names = [read_value(Revision, one, SLUG).metadata.name for one in listed]
        except BotError:
            return "Check its name, and its namespace."
        near = difflib.get_close_matches(target.name, names, n=3, cutoff=0.5)
        have = ", ".join(names[:10]) or "none"
        return f"Did you mean {' or '.join(near)}?" if near else f"In {target.namespace} there are: {have}."

    async def stands(self, target: Target, service: InferenceService) -> Standing:
        """With what KServe has made of it: only that tells whether it has taken up what it was told."""
        match mode_of(service):
            case Mode.KNATIVE:
                names = service.predictor.revisions
                found = await asyncio.gather(*(self._revision(target, name) for name in names))
                made = Made(revisions={name: meta for name, meta in zip(names, found, strict=True) if meta is not None})
            case Mode.STANDARD:
                labels = f"{OWNER_LABEL}={target.name},component=predictor"
                listed = await self._kube.list(DEPLOYMENTS, target.namespace, labels=labels)
                made = Made(deployments=[read_value(Deployment, one, SLUG) for one in listed])
            case Mode.MODEL_MESH:
                made = Made()
        return standing(service, made, self._versions, target)

    async def _revision(self, target: Target, name: str) -> Metadata | None:
        """A revision; Knative removes old ones by and by."""
        found = await self._kube.get(REVISIONS, target.namespace, name)
        return None if found is None else read_value(Revision, found, SLUG).metadata

    async def patch(self, target: Target, body: Mapping[str, object]) -> tuple[InferenceService, Standing]:
        """Send a change once, and read back what is there then.

        It is rehearsed first: a refusal of the dry run is certain, whatever the answer to the real one.

        Raises:
            Indeterminate: sent, and what became of it is not known.
            BotError: refused, or it could not be rehearsed; nothing was changed.

        """
        await self._kube.rehearse(SERVICES, target.namespace, target.name, body)
        await self._kube.patch(SERVICES, target.namespace, target.name, body)
        try:
            service = await self.read(target)
            return service, await self.stands(target, service)
        except BotError as error:  # Kubernetes said yes: from here on nothing may sound as if nothing had been sent
            raise unconfirmed(target, f"and it can't be read back: {error.what}") from error

    async def about(self) -> str:
        """What answers, and what the bot may do there, in one line."""
        release = f"Kubernetes {await self._kube.release()}".strip()
        namespace = self._kube.namespace
        if not namespace:
            return f"{release}; no namespace is set, targets name theirs"
        found = await self._kube.list(SERVICES, namespace)
        many = f"{len(found)} InferenceService{'' if len(found) == 1 else 's'} in {namespace}"
        may = await self._kube.may("patch", SERVICES, namespace)
        return f"{release}, {many}{'' if may else '; the bot may not patch them'}"


def unconfirmed(target: Target, what: str) -> Indeterminate:
    """Kubernetes has taken a change, and it can't be seen."""
    return Indeterminate(
        f"Kubernetes took the change of {target}, {what.rstrip('.')}.",
        system=SLUG,
        not_done="Whether it serves what it should is not known.",
        next_step="Look at the InferenceService before anything is repeated.",
    )
