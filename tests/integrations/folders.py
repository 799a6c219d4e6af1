"""An integration's folder as the conformance rules see it: its manifest, its README's settings, its fixtures."""

import importlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import yaml

from bot.kit.http import HttpClients, Limits
from bot.ports.clock import SystemClock
from bot.ports.manifest import Capability, Manifest
from bot.ports.systems import Delivery
from tests.integrations.deliveries import NO_DELIVERY, delivery

SECRET = "conformance-secret-of-{key}"


@dataclass(frozen=True)
class Integration:
    """A folder, and what can be read off it."""

    slug: str
    package: str
    folder: Path

    @cached_property
    def manifest(self) -> Manifest:
        manifest = importlib.import_module(f"{self.package}.manifest").MANIFEST
        assert isinstance(manifest, Manifest)
        return manifest

    @cached_property
    def adapter_module(self) -> Any:
        return importlib.import_module(f"{self.package}.adapter")

    @cached_property
    def readme(self) -> str:
        path = self.folder / "README.md"
        return path.read_text() if path.exists() else ""

    @cached_property
    def example(self) -> Mapping[str, Any]:
        """The settings that the README shows, with a secret in place of each `*_file`."""
        for block in re.findall(r"```yaml\n(.*?)```", self.readme, re.DOTALL):
            shown = yaml.safe_load(block)
            if (
                isinstance(shown, dict)
                and isinstance(shown.get("integrations"), dict)
                and self.slug in shown["integrations"]
            ):
                return _with_secrets(shown["integrations"][self.slug] or {})
        return {}

    def build(self, http: Any = None) -> Any:
        """The adapter made from the README's settings."""
        settings = self.manifest.settings.model_validate(dict(self.example))
        return self.adapter_module.build(settings, http or cut(httpx.ConnectError("refused")), SystemClock())

    def plain(self) -> Any:
        """The adapter made with as few settings as possible: no secret is known."""
        needed = {
            key: self.example[key] for key, field in self.manifest.settings.model_fields.items() if field.is_required()
        }
        settings = self.manifest.settings.model_validate(needed)
        return self.adapter_module.build(settings, cut(httpx.ConnectError("refused")), SystemClock())

    def fixtures(self) -> Iterator[tuple[str, Delivery]]:
        """Readable deliveries by name."""
        for path in sorted((self.folder / "fixtures").glob("*.json")):
            if not path.name.endswith(NO_DELIVERY):
                yield path.stem, _delivery(path)

    def dead_fixtures(self) -> Iterator[tuple[str, Delivery]]:
        """Unreadable deliveries by name."""
        for path in sorted((self.folder / "fixtures").glob("*.dead.json")):
            yield path.stem, _delivery(path)

    @property
    def is_source(self) -> bool:
        return Capability.ALERT_SOURCE in self.manifest.capabilities


def find(package: str = "integrations") -> list[Integration]:
    """Every folder of a package."""
    root = Path(str(importlib.import_module(package).__file__)).parent
    folders = sorted(path.parent for path in root.glob("*/__init__.py"))
    return [Integration(folder.name, f"{package}.{folder.name}", folder) for folder in folders]


# ---------------------------------------------------------------- the other side of HTTP


def raising(error: httpx.TransportError) -> Callable[[httpx.Request], httpx.Response]:
    """A system that breaks the connection like this."""

    def handler(_request: httpx.Request) -> httpx.Response:
        raise error

    return handler


def clients(handler: Callable[[httpx.Request], httpx.Response]) -> HttpClients:
    """Clients of a system that answers like this, each call tried once."""
    return HttpClients(limits=Limits(attempts=1), transport=httpx.MockTransport(handler))


def cut(error: httpx.TransportError) -> HttpClients:
    """Clients of a system that breaks every connection."""
    return clients(raising(error))


# ---------------------------------------------------------------- pieces


def _with_secrets(shown: Mapping[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for key, value in shown.items():
        if key.endswith("_file"):
            name = key.removesuffix("_file")
            plain[name] = SECRET.format(key=name)
        else:
            plain[key] = value
    return plain


def _delivery(path: Path) -> Delivery:
    beside = path.with_name(path.name.removesuffix(".json").removesuffix(".dead") + ".request.json")
    request = json.loads(beside.read_text()) if beside.exists() else {}
    return delivery(path.read_bytes(), headers=request.get("headers"), query=request.get("query"))
