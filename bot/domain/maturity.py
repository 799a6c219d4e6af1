"""How mature a model's operation is, 0 to 4, computed from evidence: the playbook's key enablers made checkable."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Finding(StrEnum):
    """What is known about one criterion. Unknown is not failed, but does not raise the level."""

    PROVED = "proved"
    ATTESTED = "attested"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Criterion(StrEnum):
    """Every criterion of the four levels, in the playbook's order."""

    REGISTERED = "in a registry with lineage"
    PIPELINE_RUN = "produced by a pipeline run"
    CODE_REVISION = "code revision known"
    DATA_VERSION = "data version known"
    LAST_RUN = "last pipeline run in the window succeeded"
    TRIGGERED = "runs started by commits or data changes"
    TESTED = "tests of data, code and model recorded before promotion"
    PROGRESSIVE = "progressive delivery used"
    MONITORED = "a drift and a performance monitor reported within their period"
    OWNED = "at least 90 % of alerts had an owner and a runbook"
    RETRAINED = "a retraining was started by an alert or policy and its result evaluated"
    ACKNOWLEDGED = "median time to acknowledge within target"
    RECOVERED = "an automatic recovery happened, or a drill of it passed, in 90 days"
    READY = "rollback readiness green"
    GOVERNED = "every production change matches an approved operation or a recorded change"
    INTACT = "timeline chain intact"
    SCANNED = "security scan evidence"


LEVELS: Mapping[int, tuple[Criterion, ...]] = {
    1: (
        Criterion.REGISTERED, Criterion.PIPELINE_RUN, Criterion.CODE_REVISION, Criterion.DATA_VERSION,
        Criterion.LAST_RUN,
    ),
    2: (Criterion.TRIGGERED, Criterion.TESTED, Criterion.PROGRESSIVE),
    3: (Criterion.MONITORED, Criterion.OWNED, Criterion.RETRAINED, Criterion.ACKNOWLEDGED),
    4: (Criterion.RECOVERED, Criterion.READY, Criterion.GOVERNED, Criterion.INTACT, Criterion.SCANNED),
}  # fmt: skip

NAMES: Mapping[int, str] = {
    0: "manual process",
    1: "pipeline automation",
    2: "CI/CD",
    3: "automated and monitored",
    4: "self-healing and governed",
}


@dataclass(frozen=True, slots=True)
class Judgement:
    """One criterion with its evidence: a sentence, and a link where there is one."""

    criterion: Criterion
    finding: Finding
    evidence: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Maturity:
    """A model's level with everything behind it, and the one change that would raise it."""

    model: str
    level: int
    judgements: tuple[Judgement, ...]
    next_change: str

    @property
    def name(self) -> str:
        """The level's name."""
        return NAMES[self.level]


def assess(model: str, judgements: Sequence[Judgement]) -> Maturity:
    """A level holds when every criterion of it and of those below holds (proved or attested)."""
    by = {judgement.criterion: judgement for judgement in judgements}
    full = tuple(by.get(c, Judgement(c, Finding.UNKNOWN, "nothing is known")) for c in Criterion)
    holds = {j.criterion for j in full if j.finding in {Finding.PROVED, Finding.ATTESTED}}
    level = 0
    for number, criteria in LEVELS.items():
        if not holds.issuperset(criteria):
            break
        level = number
    missing = [j for j in full if level < 4 and j.criterion in LEVELS[level + 1] and j.criterion not in holds]
    change = "Nothing: this is the highest level."
    if missing:
        first = min(missing, key=lambda j: j.finding is Finding.UNKNOWN)
        rest = f" ({len(missing) - 1} more criteria of level {level + 1} are open)" if len(missing) > 1 else ""
        change = f"{first.criterion.value}: {first.evidence}{rest}"
    return Maturity(model, level, full, change)


@dataclass(frozen=True, slots=True)
class TeamMaturity:
    """A team's level is the lowest among its production models, shown with the distribution."""

    level: int
    distribution: Mapping[int, int]
    models: tuple[Maturity, ...]


def team(models: Sequence[Maturity]) -> TeamMaturity:
    """Fold the models' levels."""
    counts = {level: sum(1 for m in models if m.level == level) for level in range(5)}
    return TeamMaturity(min((m.level for m in models), default=0), counts, tuple(models))
