"""What a BentoML service says about itself: `/docs.json` (OpenAPI) and `/metrics` (Prometheus' text format)."""

import re

from bot.kit.parsing import Text, Wire

_LABEL = re.compile(r'\bservice_version="([^"\\]{1,200})"')
_NO_VERSION = frozenset({"", "none", "not available", "unknown"})
"""What a service that was started from source, not from a bento, calls its version."""
VERSION_LIMIT = 200


class Info(Wire):
    """`info`; the title is the service's name, the version that of its bento."""

    title: Text = ""
    version: Text = ""


class Docs(Wire):
    """`/docs.json`."""

    info: Info


def plain(version: str) -> str | None:
    """The version as the registry calls it: `v3` is `3`; `None` when the service names none."""
    version = version.strip()
    if version.lower() in _NO_VERSION or len(version) > VERSION_LIMIT or not version.isprintable():
        return None
    return version[1:] if version[:1] in "vV" and version[1:].isdecimal() else version


def versions_in(metrics: str) -> tuple[str, ...]:
    """Every version that labels a sample, once each, in their order."""
    found = (plain(label) for line in metrics.splitlines() if line[:1] != "#" for label in _LABEL.findall(line))
    return tuple(dict.fromkeys(version for version in found if version is not None))
