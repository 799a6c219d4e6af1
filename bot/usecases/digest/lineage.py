"""The criteria that a model's registry can prove: where the live version came from, and what was checked before."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.domain.errors import BotError, IntegrationError, NotFound
from bot.domain.maturity import Criterion, Finding, Judgement
from bot.domain.models import ModelVersion
from bot.domain.routing import Phase
from bot.ports.store import Transaction
from bot.usecases.digest.evidence import WINDOW, Evidence, Unasked
from bot.usecases.setup import Setup

PIPELINE_RUN = (
    "pipeline_run", "pipeline_run_id", "workflow_run", "airflow_run_id", "dag_run_id", "dagster_run_id", "kfp_run_id",
    "github_run_id", "ci_pipeline_id",
)  # fmt: skip
RUN = ("mlflow.run_id", "run_id", "wandb_run_id", *PIPELINE_RUN)
COMMIT = ("mlflow.source.git.commit", "git_commit", "git_sha", "git.commit", "commit_sha", "commit", "code_revision")
DATA = ("data_version", "dataset_version", "dataset_digest", "data_revision", "dvc_rev", "dataset")
TRIGGER = ("triggered_by", "trigger", "run_trigger")
TESTS: Mapping[str, Sequence[str]] = {
    "data": ("tests_data", "tests.data", "data_tests", "data_validation"),
    "code": ("tests_code", "tests.code", "code_tests", "unit_tests"),
    "model": ("tests_model", "tests.model", "model_tests", "model_validation", "validation_status"),
}
SCAN = ("security_scan", "security_scan_status", "vulnerability_scan", "scan_status")
"""Tags of a version that are understood, first come first: there is no convention, these are met most."""

_GOOD = {"passed", "pass", "ok", "true", "approved", "success", "succeeded", "green", "clean"}
_BAD = {"failed", "fail", "false", "rejected", "error", "red"}
_BY_CHANGE = ("commit", "push", "merge", "pull_request", "data", "drift")


def judge(tx: Transaction, setup: Setup, evidence: Evidence, now: datetime) -> Sequence[Judgement]:
    """What the registry's answer says about each of them."""
    live = evidence.live
    if not isinstance(live, ModelVersion):
        return _no_version(live)
    return (
        _registered(live),
        _known(live, Criterion.PIPELINE_RUN, PIPELINE_RUN, "the run that made it"),
        _known(live, Criterion.CODE_REVISION, COMMIT, "the commit it was made from"),
        _known(live, Criterion.DATA_VERSION, DATA, "the data it was made from"),
        _last_run(tx, setup, evidence, now),
        _triggered(live),
        _tested(live),
        _scanned(live),
    )


def _no_version(error: BotError) -> Sequence[Judgement]:
    """Not there is an answer; not asked, or not answered, is none."""
    absent = isinstance(error, NotFound)
    first = Finding.FAILED if absent else Finding.UNKNOWN
    what = unanswered(error)
    rest = (
        Criterion.PIPELINE_RUN, Criterion.CODE_REVISION, Criterion.DATA_VERSION, Criterion.LAST_RUN,
        Criterion.TRIGGERED, Criterion.TESTED, Criterion.SCANNED,
    )  # fmt: skip
    why = "no registered version is known to be live" if absent else "the registry could not tell which version is live"
    return (
        Judgement(Criterion.REGISTERED, first, what),
        *(Judgement(criterion, Finding.UNKNOWN, why) for criterion in rest),
    )


def unanswered(error: BotError) -> str:
    """Why something could not be asked, and what would help."""
    what = error.what.rstrip(".")
    if isinstance(error, Unasked):
        return f"{what}; {error.next_step}"
    return f"it could not be asked: {what}" if isinstance(error, IntegrationError) else what


def _registered(live: ModelVersion) -> Judgement:
    tag = _tag(live, RUN)
    if tag is None:
        return Judgement(
            Criterion.REGISTERED, Finding.UNKNOWN,
            f"version {live.version} is registered, but nothing leads to the run that made it; {_tags(RUN)} would",
            live.url,
        )  # fmt: skip
    return Judgement(Criterion.REGISTERED, Finding.PROVED, f"version {live.version} with {tag}", live.url)


def _known(live: ModelVersion, criterion: Criterion, names: Sequence[str], what: str) -> Judgement:
    tag = _tag(live, names)
    if tag is None:
        text = f"version {live.version} does not name {what}; {_tags(names)} would prove it"
        return Judgement(criterion, Finding.UNKNOWN, text, live.url)
    return Judgement(criterion, Finding.PROVED, f"version {live.version} has {tag}", live.url)


def _last_run(tx: Transaction, setup: Setup, evidence: Evidence, now: datetime) -> Judgement:
    """A registry shows the runs that succeeded; those that failed are known by their alerts."""
    newest = evidence.newest
    if not isinstance(newest, ModelVersion):
        return Judgement(Criterion.LAST_RUN, Finding.UNKNOWN, unanswered(newest))
    failed = next(
        (a for a in tx.episodes.since(evidence.binding.model, max(newest.created_at, now - WINDOW))
         if setup.phase_of(a).phase is Phase.TRAINING),
        None,
    )  # fmt: skip
    if failed is not None:
        text = f"after version {newest.version} was registered, the alert {failed.name[:80]} told of a failed run"
        return Judgement(Criterion.LAST_RUN, Finding.FAILED, text, failed.url)
    run = _tag(newest, PIPELINE_RUN)
    if run is None or newest.created_at < now - WINDOW:
        text = f"no pipeline run has registered a version in {WINDOW.days} days; the next one that does would prove it"
        return Judgement(Criterion.LAST_RUN, Finding.UNKNOWN, text, newest.url)
    text = f"version {newest.version} with {run} on {newest.created_at:%Y-%m-%d}, and no alert of a failed run since"
    return Judgement(Criterion.LAST_RUN, Finding.PROVED, text, newest.url)


def _triggered(live: ModelVersion) -> Judgement:
    tag = _value(live, TRIGGER)
    if tag is None:
        text = f"what started the run of version {live.version} is not recorded; {_tags(TRIGGER)} would prove it"
        return Judgement(Criterion.TRIGGERED, Finding.UNKNOWN, text, live.url)
    good = any(word in tag[1].casefold() for word in _BY_CHANGE)
    finding = Finding.PROVED if good else Finding.FAILED
    return Judgement(Criterion.TRIGGERED, finding, f"version {live.version} has {_shown(tag)}", live.url)


def _tested(live: ModelVersion) -> Judgement:
    found = {what: _value(live, names) for what, names in TESTS.items()}
    bad = [tag for tag in found.values() if tag is not None and tag[1].casefold() in _BAD]
    if bad:
        return Judgement(Criterion.TESTED, Finding.FAILED, f"version {live.version} has {_shown(bad[0])}", live.url)
    missing = [what for what, tag in found.items() if tag is None or tag[1].casefold() not in _GOOD]
    if missing:
        tags = " and ".join(TESTS[what][0] for what in missing)
        text = f"version {live.version} records no passed tests of {' and '.join(missing)}; tags {tags} would"
        return Judgement(Criterion.TESTED, Finding.UNKNOWN, text, live.url)
    shown = ", ".join(_shown(tag) for tag in found.values() if tag is not None)
    return Judgement(Criterion.TESTED, Finding.PROVED, f"version {live.version} has {shown}", live.url)


def _scanned(live: ModelVersion) -> Judgement:
    tag = _value(live, SCAN)
    if tag is None or tag[1].casefold() not in _GOOD | _BAD:
        text = f"version {live.version} records no security scan; {_tags(SCAN)} with “passed” would"
        return Judgement(Criterion.SCANNED, Finding.UNKNOWN, text, live.url)
    finding = Finding.PROVED if tag[1].casefold() in _GOOD else Finding.FAILED
    return Judgement(Criterion.SCANNED, finding, f"version {live.version} has {_shown(tag)}", live.url)


def _value(version: ModelVersion, names: Sequence[str]) -> tuple[str, str] | None:
    return next(((name, version.tags[name].strip()) for name in names if version.tags.get(name, "").strip()), None)


def _tag(version: ModelVersion, names: Sequence[str]) -> str | None:
    found = _value(version, names)
    return None if found is None else _shown(found)


def _shown(tag: tuple[str, str]) -> str:
    return f"{tag[0]} {' '.join(tag[1].split())[:60]}"


def _tags(names: Sequence[str]) -> str:
    return f"a tag {names[0]} or {names[1]}"
