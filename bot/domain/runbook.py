"""Runbooks: the agreed way to handle one kind of problem, and which one fits an alert, with the reason."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from bot.domain.alert import Alert
from bot.domain.routing import Phase


@dataclass(frozen=True, slots=True)
class Step:
    """One line: done by a person, or by the bot after approval (`uses`, e.g. `rollback`)."""

    text: str
    uses: str = ""
    command: str = ""
    """The `/mlops …` line that does it, with `{model}` and `{incident}` to be filled in."""


@dataclass(frozen=True, slots=True)
class When:
    """When a runbook applies. Every given condition must hold."""

    phases: tuple[Phase, ...] = ()
    alerts: tuple[str, ...] = ()
    """Patterns for the alert's name, ignoring case."""
    labels: Mapping[str, str] = field(default_factory=dict)
    models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Runbook:
    """A runbook as it is shown. `prose` is Markdown, for people; `origin` is its file."""

    slug: str
    title: str
    when: When
    steps: tuple[Step, ...]
    verify: str
    prose: str
    reviewed: date | None
    owner: str
    origin: str


@dataclass(frozen=True, slots=True)
class Match:
    """A runbook that fits, and why."""

    runbook: Runbook
    why: str
    score: int


def choose(runbooks: Sequence[Runbook], alert: Alert, phase: Phase, model: str | None) -> Match | None:
    """The runbook with the most (and most specific) conditions that hold; ties go by slug."""
    named = alert.labels.get("runbook") or alert.annotations.get("runbook") or ""
    for runbook in runbooks:
        if named == runbook.slug:
            return Match(runbook, "the alert names it", 1_000)
    fits = [match for match in (_match(r, alert, phase, model) for r in runbooks) if match is not None]
    return min(fits, key=lambda m: (-m.score, m.runbook.slug), default=None)


def _match(runbook: Runbook, alert: Alert, phase: Phase, model: str | None) -> Match | None:
    reasons: list[str] = []
    score = 0
    when = runbook.when
    if when.models:
        if model not in when.models:
            return None
        reasons.append(f"model {model}")
        score += 8
    if when.alerts:
        hit = next((p for p in when.alerts if re.search(p, alert.name[:500], re.IGNORECASE)), None)
        if hit is None:
            return None
        reasons.append(f"alert name fits “{hit}”")
        score += 4
    if when.labels:
        if any(alert.labels.get(name) != value for name, value in when.labels.items()):
            return None
        reasons.append("labels " + ", ".join(f"{k}={v}" for k, v in when.labels.items()))
        score += 2
    if when.phases:
        if phase not in when.phases:
            return None
        reasons.append(f"phase {phase.value}")
        score += 1
    return Match(runbook, "; ".join(reasons), score) if reasons else None


def search(runbooks: Sequence[Runbook], words: str) -> tuple[Runbook, ...]:
    """Runbooks whose slug, title or steps hold all the words, best first."""
    wanted = words.casefold().split()

    def weight(runbook: Runbook) -> int:
        head = f"{runbook.slug} {runbook.title}".casefold()
        body = f"{' '.join(step.text for step in runbook.steps)} {runbook.prose}".casefold()
        if not all(word in head or word in body for word in wanted):
            return 0
        return sum(10 if word in head else 1 for word in wanted)

    ranked = sorted(((weight(r), r) for r in runbooks), key=lambda pair: (-pair[0], pair[1].slug))
    return tuple(runbook for score, runbook in ranked if score)
