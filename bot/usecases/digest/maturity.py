"""The maturity digest: each model's level with what proves it, and the one change that would raise it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from pydantic import TypeAdapter, ValidationError

from bot.domain.maturity import LEVELS, NAMES, Finding, Judgement, Maturity, TeamMaturity, assess, team
from bot.domain.models import Binding
from bot.ports.store import Transaction
from bot.usecases.digest import lineage, practice
from bot.usecases.digest.evidence import Evidence
from bot.usecases.reply import Bullets, Heading, Link, Paragraph, Part, Reply, say
from bot.usecases.setup import Setup

SCOPE = "maturity"
LAST = "last posted"

_MARKS = {Finding.PROVED: "✓", Finding.ATTESTED: "✓ attested", Finding.FAILED: "✗", Finding.UNKNOWN: "?"}


@dataclass(frozen=True, slots=True)
class Levels:
    """What a posted digest said, to compare the next one with."""

    on: date
    team: int
    models: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class MaturityReply(Reply):
    """The digest with its levels, so that they can be remembered when it is posted."""

    levels: Levels | None = field(default=None)


_LEVELS: TypeAdapter[Levels] = TypeAdapter(Levels)


def maturity(tx: Transaction, setup: Setup, evidence: Sequence[Evidence], *, now: datetime) -> Reply:
    """The level of every production model, the lowest first."""
    if not evidence:
        return say("Maturity: no production model is configured.", "Add a section models to the configuration.")
    found = [_assessed(tx, setup, one, _named(one.binding, evidence), now) for one in evidence]
    whole = team(sorted((m for m, _ in found), key=lambda m: (m.level, m.model)))
    urls = {m.model: url for m, url in found}
    last = _last(tx)
    parts: list[Part] = [Paragraph(_distribution(whole))]
    for one in whole.models:
        parts += _model(one, urls[one.model], last)
    models = f"{len(found)} production model{'' if len(found) == 1 else 's'}"
    title = f"Maturity: level {whole.level} of 4 ({NAMES[whole.level]}), {models}{_team_trend(whole, last)}"
    levels = Levels(now.date(), whole.level, {m.model: m.level for m in whole.models})
    return MaturityReply(title, parts=tuple(parts), levels=levels)


def remember(tx: Transaction, levels: Levels) -> None:
    """Keep what was posted."""
    tx.keys.put(SCOPE, LAST, _LEVELS.dump_json(levels).decode())


def _last(tx: Transaction) -> Levels | None:
    text = tx.keys.get(SCOPE, LAST)
    try:
        return None if text is None else _LEVELS.validate_json(text)
    except ValidationError:
        return None  # written by another version: a trend is missing, nothing else


def _assessed(
    tx: Transaction, setup: Setup, evidence: Evidence, name: str, now: datetime
) -> tuple[Maturity, Sequence[tuple[str, str]]]:
    judgements = (*lineage.judge(tx, setup, evidence, now), *practice.judge(tx, setup, evidence, now))
    return assess(name, judgements), _links(judgements)


def _named(binding: Binding, evidence: Sequence[Evidence]) -> str:
    """The environment is named where a model has several in production."""
    alike = sum(1 for one in evidence if one.binding.model == binding.model)
    return binding.model if alike == 1 else f"{binding.model} ({binding.environment})"


def _distribution(whole: TeamMaturity) -> str:
    counted = ", ".join(f"{count} at level {level}" for level, count in whole.distribution.items() if count)
    lowest = "" if len(whole.models) == 1 else " The team's level is the lowest of its production models'."
    return f"{counted}.{lowest} ✓ proved, ✗ failed, ? not known: it does not raise a level."


def _model(one: Maturity, links: Sequence[tuple[str, str]], last: Levels | None) -> Sequence[Part]:
    trend = _trend(one.level, last.models.get(one.model) if last else None, last)
    following = f"For level {one.level + 1}: {one.next_change}" if one.level < max(LEVELS) else one.next_change
    items = tuple(
        f"{level} {_MARKS[j.finding]} {j.criterion.value}: {j.evidence}"
        for level, criteria in LEVELS.items()
        for j in one.judgements
        if j.criterion in criteria
    )
    return (
        Heading(f"{one.model}: level {one.level}, {one.name}{trend}"),
        Paragraph(following),
        Bullets(items),
        *(Link(text, url) for text, url in links[:3]),
    )


def _links(judgements: Sequence[Judgement]) -> Sequence[tuple[str, str]]:
    """Each address once, under the first criterion that it proves."""
    links: dict[str, str] = {}
    for one in judgements:
        if one.url:
            links.setdefault(one.url, one.criterion.value)
    return [(text, url) for url, text in links.items()]


def _team_trend(whole: TeamMaturity, last: Levels | None) -> str:
    return _trend(whole.level, last.team if last else None, last)


def _trend(level: int, before: int | None, last: Levels | None) -> str:
    if before is None or last is None:
        return ""
    if before == level:
        return f", as on {last.on:%Y-%m-%d}"
    return f", {'up' if level > before else 'down'} from {before} on {last.on:%Y-%m-%d}"
