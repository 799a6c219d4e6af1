"""Integrations are found by their folders: which are present, configured, and capable of what."""

import difflib
import importlib
import importlib.metadata
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Self, TypeVar, cast

from pydantic import SecretStr, ValidationError

from bot.domain.errors import BadInput
from bot.ports import systems
from bot.ports.clock import Clock
from bot.ports.manifest import Capability, IntegrationSettings, Manifest

ENTRY_POINTS = "mlops_bot.integrations"
"""Packages outside name their integration here: `acme = "acme.mlops_bot"`, a package like one of our folders."""

Port = TypeVar("Port")

Given = Mapping[str, object] | IntegrationSettings
"""Settings of an integration, raw or checked."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of `mlops-bot integrations`."""

    manifest: Manifest
    configured: bool
    """It has settings, or works without any."""
    capable: tuple[Capability, ...]
    """What it can do with its present settings; empty when it is not configured."""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Catalog:
    """Manifests by slug, in the slugs' order, and the packages that they came from."""

    manifests: Mapping[str, Manifest]
    packages: Mapping[str, str]

    @classmethod
    def discover(cls, package: str, *, entry_points: str = ENTRY_POINTS) -> Self:
        """Read every folder's manifest, and those of installed packages. No adapter is loaded.

        Raises:
            BadInput: a manifest can't be loaded or contradicts its folder. The program must not start without it.

        """
        manifests: dict[str, Manifest] = {}
        packages: dict[str, str] = {}
        for slug, path in sorted([*_folders(package), *_installed(entry_points)]):
            if slug in packages:
                raise _broken(path, f"{packages[slug]} has the same name", "Rename or remove one of the two")
            manifests[slug] = _manifest(slug, path)
            packages[slug] = path
        return cls(manifests, packages)

    def manifest(self, slug: str) -> Manifest:
        """The integration's manifest. Raises BadInput for an unknown slug, with the nearest known one."""
        try:
            return self.manifests[slug]
        except KeyError:
            near = difflib.get_close_matches(slug, self.manifests, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(self.manifests)}."
            raise BadInput(f"There is no integration {slug[:60]!r}.", next_step=hint) from None

    def settings(self, slug: str, raw: Mapping[str, object]) -> IntegrationSettings:
        """The integration's settings, checked. Raises BadInput that names every wrong key and repeats no value."""
        manifest = self.manifest(slug)
        try:
            return manifest.settings.model_validate(dict(raw))
        except ValidationError as error:
            raise BadInput(
                f"The settings of {manifest.name} are wrong: {'; '.join(_faults(manifest, error))}.",
                not_done=f"{manifest.name} was not connected.",
                next_step=f"Correct the section integrations.{slug}; its README explains every key.",
            ) from None

    def build(self, slug: str, given: Given, http: Callable[..., object], clock: Clock) -> object:
        """The integration's adapter, made from its settings; see `having` for what it is capable of.

        `given` are settings that were checked before, or raw ones. `http` makes the client of another system
        (`bot.kit.http.HttpFactory`). Raises BadInput for wrong settings.
        """
        self.manifest(slug)
        settings = given if isinstance(given, IntegrationSettings) else self.settings(slug, given)
        return _load(f"{self.packages[slug]}.adapter").build(settings, http, clock)

    def rows(self, configured: Mapping[str, Given], http: Callable[..., object], clock: Clock) -> list[Row]:
        """What is present, configured and capable, for people. A fault of one hides no other."""
        return [self._row(manifest, configured.get(slug), http, clock) for slug, manifest in self.manifests.items()]

    def _row(self, manifest: Manifest, given: Given | None, http: Callable[..., object], clock: Clock) -> Row:
        if given is None and not manifest.keyless:
            return Row(manifest, configured=False, capable=())
        try:
            adapter = self.build(manifest.slug, given or {}, http, clock)
        except BadInput as error:
            return Row(manifest, configured=True, capable=(), fault=error.what)
        return Row(manifest, configured=True, capable=capabilities(adapter))


def capable(adapter: object, capability: Capability) -> bool:
    """Whether an adapter fulfils a port: it inherits the port's protocol, so all its methods are there."""
    return getattr(systems, capability.value) in type(adapter).__mro__


def capabilities(adapter: object) -> tuple[Capability, ...]:
    """Everything that an adapter can do."""
    return tuple(capability for capability in Capability if capable(adapter, capability))


def having(adapters: Mapping[str, object], port: Callable[..., Port]) -> dict[str, Port]:
    """The adapters that fulfil a port, as that port: `having(built, AlertSource)`."""
    return {slug: cast(Port, adapter) for slug, adapter in adapters.items() if port in type(adapter).__mro__}


# ---------------------------------------------------------------- finding


def _folders(package: str) -> Iterator[tuple[str, str]]:
    parent = _load(package)
    for found in pkgutil.iter_modules(parent.__path__):
        if found.ispkg:
            yield found.name, f"{package}.{found.name}"


def _installed(group: str) -> Iterator[tuple[str, str]]:
    for point in importlib.metadata.entry_points(group=group):
        yield point.name, point.value


def _manifest(slug: str, path: str) -> Manifest:
    manifest = getattr(_load(f"{path}.manifest"), "MANIFEST", None)
    if not isinstance(manifest, Manifest):
        raise _broken(path, "its manifest.py has no MANIFEST", "Add one; any other integration shows how")
    if manifest.slug != slug:
        what = f"its manifest calls it {manifest.slug!r}, its folder {slug!r}"
        raise _broken(path, what, "Give both the same name")
    return manifest


def _load(path: str) -> ModuleType:
    try:
        return importlib.import_module(path)
    except Exception as error:  # a folder is somebody's program and may fail in any way at import
        what = f"{path.rsplit('.', 1)[-1]} does not load ({type(error).__name__}: {error})"
        raise _broken(path, what, "Repair it, or remove its folder") from error


def _broken(path: str, what: str, fix: str) -> BadInput:
    return BadInput(f"The integration {path}: {what}.", not_done="The program did not start.", next_step=f"{fix}.")


# ---------------------------------------------------------------- settings' faults


def _faults(manifest: Manifest, error: ValidationError) -> Iterator[str]:
    for fault in error.errors(include_url=False, include_input=False, include_context=False):
        key = str(fault["loc"][0]) if fault["loc"] else ""
        where = ".".join(["integrations", manifest.slug, *(str(part)[:60] for part in fault["loc"])])
        yield f"{where} {_fault(manifest, key, fault['type'], fault['msg'])}"


def _fault(manifest: Manifest, key: str, kind: str, message: str) -> str:
    fields = manifest.settings.model_fields
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(key, fields, n=1)
        return (
            f"is not a setting; did you mean {near[0]}?" if near else f"is not a setting; there are {', '.join(fields)}"
        )
    field = fields.get(key)
    if field is None:
        return f"- {message.removeprefix('Value error, ')}"
    meaning = f"{field.title} ({field.description})"
    if kind == "missing":
        return f"is missing: {meaning}"
    if SecretStr in (field.annotation, *getattr(field.annotation, "__args__", ())):
        return f"is not usable: {meaning}"
    return f"is not usable, {message.removeprefix('Value error, ')}: {meaning}"
