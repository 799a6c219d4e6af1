"""Asking a serving side itself: requests that change nothing, and the version out of their answers.

Whatever is answered is told and never raised: a probe is evidence about a target that was reached by other means.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from bot.domain.errors import BotError, Unreachable
from bot.domain.models import Probe
from bot.kit.http import Http, Response

ANY_STATUS = range(200, 600)
VERSION_LIMIT = 128
"""Characters of a version; what is longer is none."""
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Answered:
    """What the answers to probes say together."""

    versions: tuple[str, ...] = ()
    """Every version that was named, once each."""
    said: str = ""
    ill: bool = False
    """An answer speaks against it: one that is no 200."""
    reached: bool = True
    """Every probe got an answer."""

    @property
    def version(self) -> str | None:
        """The one that answers; `None` when none was named, or several."""
        return self.versions[0] if len(self.versions) == 1 else None


async def ask(http: Http, probes: Sequence[Probe], names: Mapping[str, str] | None = None) -> Answered:
    """Send each probe, one after the other. `names` are what stands for `{name}` and the like in a path."""
    found = [await _ask(http, probe, _filled(probe.path, names or {})) for probe in probes]
    return Answered(
        versions=tuple(dict.fromkeys(version for one in found for version in one.versions)),
        said="; ".join(one.said for one in found),
        ill=any(one.ill for one in found),
        reached=all(one.reached for one in found),
    )


async def _ask(http: Http, probe: Probe, path: str) -> Answered:
    try:
        answer = await _send(http, probe, path)
    except Unreachable as error:
        return Answered(said=f"{path} can't be asked: {_plain(error)}", reached=False)
    except BotError as error:
        return Answered(said=f"the answer of {path} can't be used: {_plain(error)}")
    if answer.status != 200:
        words = http.words(answer)
        return Answered(said=f"{path} is answered with {answer.status}{f': {words}' if words else ''}", ill=True)
    if not probe.version:
        return Answered(said=f"{path} is answered")
    try:
        versions = versions_at(answer.json(), probe.version)
    except BotError as error:
        return Answered(said=f"the answer of {path} can't be used: {_plain(error)}")
    if not versions:
        return Answered(said=f"{path} names no version at {probe.version}")
    plural = "s" if len(versions) > 1 else ""
    return Answered(versions, f"{path} answers as version{plural} {', '.join(versions[:SHOWN])}")


async def _send(http: Http, probe: Probe, path: str) -> Response:
    if probe.body is None:
        return await http.get(path, accept=ANY_STATUS)
    return await http.query(path, json.loads(probe.body), accept=ANY_STATUS)


def versions_at(value: object, place: str) -> tuple[str, ...]:
    """The version at a place of a JSON answer (`model.version`, `versions.0`); of a list, each of its versions."""
    for key in place.split("."):
        match value:
            case dict():
                value = value.get(key)
            case list() if key.isdecimal() and int(key) < len(value):
                value = value[int(key)]
            case _:
                return ()
    named = value if isinstance(value, list) else [value]
    return tuple(dict.fromkeys(version for version in map(plain, named) if version))


def plain(version: object) -> str:
    """The version as the registry calls it: `v3` is `3`; empty when it is none."""
    if isinstance(version, bool) or not isinstance(version, str | int):
        return ""
    text = str(version).strip()
    if len(text) > VERSION_LIMIT or not text.isprintable():
        return ""
    return text[1:] if text[:1] in {"v", "V"} and text[1:].isdecimal() else text


def _filled(template: str, names: Mapping[str, str]) -> str:
    for name, value in names.items():
        template = template.replace(f"{{{name}}}", quote(value, safe=""))
    return template


def _plain(error: BotError) -> str:
    return error.what.rstrip(".")
