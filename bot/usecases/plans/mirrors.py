"""What follows a version: further pointers, read and planned each by itself.

Nothing about a mirror keeps what serves from being changed: one that can't be read, or has no such version, is left out
of the plan, and the plan says so.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from bot.domain.errors import BotError
from bot.domain.models import Binding, Mirror, ModelVersion, VersionStatus
from bot.domain.plan import Call, Check, CheckResult, MirrorMove
from bot.usecases.systems import Systems


@dataclass(frozen=True, slots=True)
class Following:
    """What is to follow, in its order, what was found out about every mirror, and a sentence about each left out."""

    moves: tuple[MirrorMove, ...]
    checks: tuple[Check, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Found:
    """One mirror: a move, or why there is none."""

    move: MirrorMove | None
    result: CheckResult
    text: str

    @property
    def left_out(self) -> bool:
        """Whether it stays where it should not be."""
        return self.move is None and self.result is not CheckResult.PASS


async def plan_mirrors(systems: Systems, binding: Binding, live: str, target: str) -> Following:
    """Read every mirror of what goes from `live` to `target`."""
    found = await asyncio.gather(*(_find(systems, mirror, live, target) for mirror in binding.mirrors))
    named = tuple((mirror.pointer.words, one) for mirror, one in zip(binding.mirrors, found, strict=True))
    return Following(
        tuple(one.move for one in found if one.move is not None),
        tuple(Check(f"mirror: {words}", one.result, one.text) for words, one in named),
        tuple(f"{words[:1].upper()}{words[1:]}: {one.text}." for words, one in named if one.left_out),
    )


def mirror_calls(systems: Systems, binding: Binding, moves: Sequence[MirrorMove]) -> tuple[Call, ...]:
    """The calls of those that the configuration still names."""
    named = {mirror.pointer for mirror in binding.mirrors}
    return tuple(
        systems.registry(one.pointer.integration).plan_move(one.pointer.model, one.pointer.alias, one.to)
        for one in moves
        if one.pointer in named
    )


async def _find(systems: Systems, mirror: Mirror, live: str, target: str) -> _Found:
    pointer = mirror.pointer
    try:
        registry = systems.registry(pointer.integration)
        before, versions = await asyncio.gather(
            registry.resolve(pointer.model, pointer.alias), registry.versions(pointer.model)
        )
    except BotError as error:
        return _left_out(error.what)
    if before.version is None:
        return _left_out("there is no such alias; create it there once")
    there = _called(mirror, versions, target)
    if len(there) != 1:
        return _left_out(_none_or_many(mirror, there, target))
    (wanted,) = there
    if wanted.version == before.version:
        return _Found(None, CheckResult.PASS, f"it is at version {wanted.version} already")
    if wanted.status is not VersionStatus.READY:
        return _left_out(f"its version {wanted.version} is {wanted.status.value}")
    text = f"version {before.version} → {wanted.version}"
    move = MirrorMove(pointer, before, wanted.version)
    if before.version in {version.version for version in _called(mirror, versions, live)}:
        return _Found(move, CheckResult.PASS, text)
    return _Found(move, CheckResult.WARN, f"{text}; it is not at what serves now")


def _called(mirror: Mirror, versions: Sequence[ModelVersion], number: str) -> tuple[ModelVersion, ...]:
    """The versions there that are this one here."""
    tag = mirror.version_tag
    return tuple(v for v in versions if (v.tags.get(tag) if tag else v.version) == number)


def _none_or_many(mirror: Mirror, there: Sequence[ModelVersion], number: str) -> str:
    which = f"with the tag {mirror.version_tag}={number}" if mirror.version_tag else number
    if not there:
        return f"there is no version {which}"
    return f"there are {len(there)} versions {which} ({', '.join(v.version for v in there[:5])})"


def _left_out(why: str) -> _Found:
    return _Found(None, CheckResult.WARN, f"it is left out, and stays as it is: {why.rstrip('.')}")
