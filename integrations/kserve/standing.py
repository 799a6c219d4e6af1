"""Where an InferenceService stands: which version gets which share, whether that has arrived, whether it is well.

A version counts from when it was told, and `in_progress` says that it has not arrived: so whoever lost the answer to a
change sees by looking that it was made. Whether it has arrived is read off what KServe makes (revisions, deployments),
which carry their own `storageUri`; KServe's status may be older than what was told, and its `observedGeneration` is
that of an inner object. Pure: objects in, one value out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from integrations.kserve.versions import Named, Target, Versions
from integrations.kserve.wire import MODE, SOURCE, Deployment, InferenceService, Metadata

STUCK = frozenset({"BlockedByFailedLoad", "InvalidSpec"})
MESSAGE = 200


class Mode(StrEnum):
    """How KServe runs a model; the two canary mechanisms exclude each other by it."""

    KNATIVE = "Knative"
    STANDARD = "Standard"
    MODEL_MESH = "ModelMesh"


_MODES = {
    "Knative": Mode.KNATIVE, "Serverless": Mode.KNATIVE, "Standard": Mode.STANDARD, "RawDeployment": Mode.STANDARD,
    "ModelMesh": Mode.MODEL_MESH,
}  # fmt: skip

_OWNERS = {
    "argocd": "Argo CD", "kustomize-controller": "Flux", "helm-controller": "Flux", "flux": "Flux", "helm": "Helm",
}  # fmt: skip
_OWNERS_MARKS = {
    "argocd.argoproj.io/instance": "Argo CD", "argocd.argoproj.io/tracking-id": "Argo CD",
    "kustomize.toolkit.fluxcd.io/name": "Flux", "helm.toolkit.fluxcd.io/name": "Flux",
    "meta.helm.sh/release-name": "Helm",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Made:
    """What KServe has made of an InferenceService: in Knative mode revisions, in Standard mode deployments."""

    revisions: Mapping[str, Metadata] = field(default_factory=dict)
    deployments: Sequence[Deployment] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """One InferenceService as it stands. `shares` are as they were told, the newest version first."""

    mode: Mode
    declared: str | None
    shares: tuple[tuple[str, int], ...] = ()
    in_progress: bool = False
    settling: bool = False
    """The newest revision is still to come, or not ready: sharing requests with it is too early."""
    healthy: bool | None = None
    notes: tuple[str, ...] = ()
    unknown: int = 0
    """Percent that go to something whose version is not known."""

    @property
    def version(self) -> str | None:
        """The one version that gets every request; nothing when several do."""
        getting = [version for version, percent in self.shares if percent]
        return getting[0] if len(getting) == 1 and not self.unknown else None

    @property
    def detail(self) -> str:
        """The notes in parentheses."""
        return f"({'; '.join(self.notes)})" if self.notes else ""


def mode_of(service: InferenceService) -> Mode:
    """How it is run. Before the controller has said so: what is asked for; in KServe's code nothing means Standard."""
    said = service.status.mode or service.metadata.annotations.get(MODE, "")
    if not said and service.predictor.revisions:
        return Mode.KNATIVE
    return _MODES.get(said, Mode.STANDARD)


def owner_of(service: InferenceService) -> str:
    """Who puts it back to what Git says; empty when nobody seems to."""
    marks = {**service.metadata.labels, **service.metadata.annotations}
    for mark, owner in _OWNERS_MARKS.items():
        if mark in marks:
            return owner
    managers = [one.manager.lower() for one in service.metadata.managed_fields]
    return next((owner for start, owner in _OWNERS.items() for name in managers if name.startswith(start)), "")


def standing(service: InferenceService, made: Made, versions: Versions, target: Target) -> Standing:
    """Fold it all into one value."""
    mode = mode_of(service)
    named = versions.named(target, service.metadata.annotations, service.storage_uri)
    match mode:
        case Mode.KNATIVE:
            found = {
                name: versions.named(target, meta.annotations, meta.annotations.get(SOURCE, "")).version
                for name, meta in made.revisions.items()
            }
            stands = _knative(service, named, found)
        case Mode.STANDARD:
            found_there = [
                versions.named(target, pods.annotations, pods.annotations.get(SOURCE, "")).version
                for pods in (one.spec.template.metadata for one in made.deployments)
            ]
            stands = _standard(service, named, made.deployments, found_there)
        case Mode.MODEL_MESH:
            waits = service.status.model_status.transition == "InProgress" or not service.status.conditions
            stands = _whole(mode, service, named, in_progress=waits, notes=())
    if service.metadata.deletion_timestamp is None:
        return stands
    gone = (*stands.notes, "it is being deleted")
    return Standing(mode, stands.declared, stands.shares, True, True, False, gone, stands.unknown)


# ---------------------------------------------------------------- Knative mode


@dataclass(frozen=True, slots=True)
class _Route:
    """How requests are to be shared between the newest revision and the one before."""

    newest: str | None
    before: str | None
    """The version of the revision that was fully rolled out before; `None` when that is not known."""
    revision_before: str
    percent: int
    """What the newest gets."""
    coming: bool
    """The newest revision is not made yet."""


def _knative(service: InferenceService, named: Named, found: Mapping[str, str | None]) -> Standing:
    now = service.predictor
    route = _route(service, named.version, found)
    wanted = {revision: share for revision, share in _wanted(route, now.created).items() if share}
    settled = not route.coming and now.shares == wanted
    unready = route.coming or now.created != now.ready
    failed = not route.coming and service.status.says("PredictorReady") == "False"
    in_progress = not settled and not failed
    in_progress = in_progress or (route.percent > 0 and service.status.says("PredictorReady") == "Unknown")
    shares, unknown = _shares(route, ready=not unready)
    notes = [f"revision {now.created}"] if now.created and settled else []
    if not settled and now.shares:
        told = (f"{_called(found.get(revision), revision)} {share} %" for revision, share in now.shares.items())
        notes.append(f"requests now: {', '.join(told)}")
    if route.percent == 0 and unready:
        notes.append(f"revision {now.created} is not ready and gets none")
    healthy, why = _idle_health(service) if settled and route.percent == 0 else _health(service)
    all_notes = _notes(Mode.KNATIVE, named, shares, [*notes, *why])
    return Standing(Mode.KNATIVE, named.version, shares, in_progress, unready, healthy, all_notes, unknown)


def _route(service: InferenceService, newest: str | None, found: Mapping[str, str | None]) -> _Route:
    now, wanted = service.predictor, service.spec.predictor.canary_traffic_percent
    made = found.get(now.created)
    coming = not now.created or (made is not None and made != newest)
    # KServe shares with the last revision that had everything; when that is the newest itself, with the one before it.
    before = now.rolled_out if coming or now.created != now.rolled_out else now.previous
    percent = 100 if wanted is None or not before else min(max(wanted, 0), 100)
    return _Route(newest, found.get(before), before, percent, coming)


def _wanted(route: _Route, created: str) -> Mapping[str, int]:
    if not route.revision_before or route.revision_before == created:
        return {created: 100}
    return {created: route.percent, route.revision_before: 100 - route.percent}


def _shares(route: _Route, *, ready: bool) -> tuple[tuple[tuple[str, int], ...], int]:
    """Shares by version, and what goes to something that names none."""
    found: dict[str, int] = {}
    unknown = 0
    pairs = [(route.newest, route.percent, ready)]
    if route.revision_before:
        pairs.append((route.before, 100 - route.percent, True))
    for version, percent, able in pairs:
        if version is None:
            unknown += percent
        elif percent or able:
            found[version] = found.get(version, 0) + percent
    return tuple(found.items()), unknown


def _idle_health(service: InferenceService) -> tuple[bool | None, list[str]]:
    """When the newest revision gets nothing its own trouble is nobody's: the route decides."""
    if service.status.says("Ready") == "True":
        return True, []
    routed = service.status.says("RoutesReady")
    return (True, []) if routed == "True" else (None if routed == "Unknown" else False, [])


# ---------------------------------------------------------------- Standard mode


def _standard(
    service: InferenceService, named: Named, deployments: Sequence[Deployment], found: Sequence[str | None]
) -> Standing:
    canaries = [one.traffic_percent for one in service.spec.canary if one.traffic_percent > 0]
    if canaries:
        notes = _notes(Mode.STANDARD, named, (), [f"spec.canary gets {sum(canaries)} % of the requests"])
        healthy, why = _health(service)
        rest = 100 - min(sum(canaries), 100)
        shares = ((named.version, rest),) if named.version is not None else ()
        return Standing(Mode.STANDARD, named.version, shares, False, False, healthy, (*notes, *why), 100 - rest)
    told = [version for version in found if version is not None]
    coming = not deployments or (not service.spec.canary and any(version != named.version for version in told))
    rolling = not all(one.arrived for one in deployments)
    stuck = service.status.says("PredictorReady") == "False" or service.status.model_status.transition in STUCK
    waits = rolling or service.status.says("PredictorReady") == "Unknown"
    where = ["its deployment is not made yet"] if not deployments else []
    if coming and told:
        where.append(f"its deployment has version {', '.join(dict.fromkeys(told))}")
    elif rolling:
        where.append("its pods are being replaced")
    return _whole(Mode.STANDARD, service, named, in_progress=coming or (waits and not stuck), notes=where)


def _whole(mode: Mode, service: InferenceService, named: Named, *, in_progress: bool, notes: Sequence[str]) -> Standing:
    """Everything goes to one version."""
    healthy, why = _health(service)
    shares = ((named.version, 100),) if named.version is not None else ()
    told = _notes(mode, named, shares, [*notes, *why])
    return Standing(mode, named.version, shares, in_progress, in_progress, healthy, told)


# ---------------------------------------------------------------- pieces


def _health(service: InferenceService) -> tuple[bool | None, list[str]]:
    """Ready, and the model loaded; with KServe's reason when not."""
    model = service.status.model_status
    if model.transition in STUCK:
        failure = model.failure
        said = f": {failure.reason} {failure.message}".rstrip(": ") if failure is not None else ""
        return False, [_line(f"{model.transition}{said}")]
    ready = service.status.condition("Ready")
    if ready is None:
        return None, [] if service.status.conditions else ["no controller has written its status yet"]
    if ready.status == "True":
        return True, []
    why = _line(f"Ready is {ready.status}: {ready.reason} {ready.message}".rstrip(": "))
    return (False if ready.status == "False" else None), [why]


def _notes(mode: Mode, named: Named, shares: tuple[tuple[str, int], ...], more: Sequence[str]) -> tuple[str, ...]:
    split = ", ".join(f"version {version} {percent} %" for version, percent in shares) if len(shares) > 1 else ""
    nothing = "" if named.version is not None else "it names no version"
    first = f"its InferenceService, {mode.value} mode"
    return tuple(note for note in (first, split, named.note, nothing, *more) if note)


def _called(version: str | None, revision: str) -> str:
    return f"version {version}" if version is not None else f"revision {revision}"


def _line(text: str) -> str:
    """One line of what the cluster says, cut."""
    line = "".join(c for c in " ".join(text.split()) if c.isprintable())
    return line if len(line) <= MESSAGE else f"{line[: MESSAGE - 1]}…"
