"""A version and where its artefact is: each is read off the other, by the settings."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bot.domain.errors import BadInput
from bot.kit.probing import plain
from integrations.kserve.manifest import Settings

_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
SHOWN = 80


@dataclass(frozen=True, slots=True)
class Target:
    """An InferenceService by its names."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Named:
    """A version as it was found, and what is odd about that."""

    version: str | None
    note: str = ""


def target_of(name: str, namespace: str) -> Target:
    """`namespace/name`, or a name in the configured namespace. Raises BadInput."""
    before, slash, after = name.rpartition("/")
    target = Target(before if slash else namespace, after)
    if not target.namespace:
        raise _no_target(name, "names no namespace, and none is set", "Write it as namespace/name")
    if not (_NAME.fullmatch(target.name) and _NAME.fullmatch(target.namespace)):
        raise _no_target(name, "is no name of an InferenceService", "Write it as namespace/name, in small letters")
    return target


class Versions:
    """Reads and writes versions."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pattern = re.compile(settings.version_pattern)

    def uri(self, target: Target, version: str) -> str:
        """The `storageUri` that serves a version. Raises BadInput when it is not known, or can't be written."""
        template = self._template(target)
        if template is None:
            raise BadInput(
                f"Where the versions of {target} are is not configured.",
                not_done="Nothing was changed.",
                next_step="Set storage_uri, or storage_uris for this target, in integrations.kserve.",
            )
        if not _VERSION.fullmatch(version):
            raise BadInput(
                f"{version[:SHOWN]!a} can't be a version in a storageUri.",
                not_done="Nothing was changed.",
                next_step="Letters, digits and . _ + - are possible.",
            )
        return template.replace("{version}", version)

    def named(self, target: Target, annotations: Mapping[str, str], storage_uri: str) -> Named:
        """The version that an object names: by its `storageUri` where that fits, else its annotation, else the pattern.

        What is loaded is decided by the `storageUri`: an annotation that says something else is out of date.
        """
        noted = (
            plain(annotations.get(self._settings.version_annotation, "")) if self._settings.version_annotation else ""
        )
        loaded = self._loaded(target, storage_uri)
        if loaded and noted and loaded != noted:
            return Named(loaded, f"its annotation says version {noted}")
        if loaded or noted:
            return Named(loaded or noted)
        found = self._pattern.search(storage_uri) if storage_uri else None
        return Named((plain(found[1] or "") or None) if found else None)

    def _loaded(self, target: Target, storage_uri: str) -> str:
        """The version out of a `storageUri` that was made from the template; empty when it was not."""
        template = self._template(target)
        if template is None:
            return ""
        before, after = template.split("{version}", 1)
        if "{version}" in after:
            pattern = re.escape(template).replace(re.escape("{version}"), "(?P<v>[^/]+)", 1)
            pattern = pattern.replace(re.escape("{version}"), "(?P=v)")
            match = re.fullmatch(pattern, storage_uri)
            return plain(match["v"]) if match else ""
        fits = storage_uri.startswith(before) and storage_uri.endswith(after)
        middle = storage_uri[len(before) : len(storage_uri) - len(after)] if fits else ""
        return plain(middle) if "/" not in middle else ""

    def _template(self, target: Target) -> str | None:
        template = self._settings.storage_uris.get(str(target), self._settings.storage_uri)
        if template is None:
            return None
        return template.replace("{name}", target.name).replace("{namespace}", target.namespace)


def _no_target(name: str, why: str, step: str) -> BadInput:
    return BadInput(f"{name[:SHOWN]!a} {why}.", not_done="Nothing was asked.", next_step=f"{step}.")
