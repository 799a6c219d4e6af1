"""The shipped runbooks are read without a fault, fit a phone, name only commands that exist, and are found."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.config.loader import load
from bot.config.runbook_files import load_directory
from bot.config.shipped import runbook_directory
from bot.domain.alert import Alert, AlertStatus
from bot.domain.runbook import Runbook, choose, search
from bot.usecases.grammar import NOT_BUILT, parse
from bot.usecases.lists import show_runbook

DIRECTORY = runbook_directory() or Path()
RUNBOOKS, PROBLEMS = load_directory(DIRECTORY)
EACH = pytest.mark.parametrize("runbook", RUNBOOKS, ids=[r.slug for r in RUNBOOKS])


def test_all_five_are_there_without_a_fault() -> None:
    assert PROBLEMS == ()
    assert [r.slug for r in RUNBOOKS] == ["bad-deploy", "model-drift", "pipeline-failed", "serving-down", "stale-data"]


@EACH
def test_it_begins_with_the_acknowledgement_and_fits_a_phone(runbook: Runbook) -> None:
    assert runbook.steps[0].command == "/mlops ack {incident}"
    assert 5 <= len(runbook.steps) <= 8
    assert all(len(step.text) <= 140 for step in runbook.steps)
    assert runbook.reviewed is not None


@EACH
def test_its_commands_are_commands(runbook: Runbook) -> None:
    for step in runbook.steps:
        if step.command:
            line = step.command.format(model="fraud-detector", incident="INC-1")
            words = parse(line.removeprefix("/mlops "))
            assert words.name not in NOT_BUILT
            if step.uses:
                assert words.name == step.uses
                assert words.options["incident"] == "INC-1"


@EACH
def test_its_prose_says_why_what_not_to_do_and_whom_to_call(runbook: Runbook) -> None:
    headings = re.findall(r"^# (.+)$", runbook.prose, re.MULTILINE)
    assert {"Why", "Do not", "Whom to call"} <= set(headings)
    assert headings[0] == "Why"
    named = set(re.findall(r"\b(?:model-drift|bad-deploy|pipeline-failed|stale-data|serving-down)\b", runbook.prose))
    assert named <= {r.slug for r in RUNBOOKS}


@EACH
def test_it_can_be_shown(runbook: Runbook) -> None:
    assert runbook.title in show_runbook(runbook, model="fraud-detector", incident="INC-1").title


CHOSEN = {
    "model-drift": "ModelFeatureDrift DataDriftDetected ModelAccuracyDegraded ModelAccuracyLow BusinessKPIDrop BiasDetected",
    "bad-deploy": "ModelErrorRateHigh ModelPredictionLatencyHigh HighErrorRate RolloutFailed ModelInferenceSlow ModelLoadFailed",
    "pipeline-failed": "TrainingRunFailed RetrainFailed ModelRetrainingFailed EvaluationGateFailed ImageBuildFailed DAGFailureRate",
    "stale-data": "IngestionLate SchemaBreak FeatureStoreStale DataQualityIssues FeatureStoreDown KafkaConsumerLag",
    "serving-down": "ModelServerDown InferenceServiceNotReady KubePodCrashLooping ExporterAbsent DatasourceNoData TargetDown",
}


@pytest.mark.parametrize(("name", "slug"), [(name, slug) for slug, names in CHOSEN.items() for name in names.split()])
def test_a_real_alert_finds_its_runbook_through_the_shipped_routing(name: str, slug: str) -> None:
    setup = load(None, {}).setup
    alert = Alert("alertmanager", "am", "f", name, AlertStatus.FIRING, datetime(2026, 11, 23, tzinfo=UTC))
    match = choose(setup.runbooks, alert, setup.phase_of(alert).phase, None)
    assert match is not None
    assert match.runbook.slug == slug, match.why


def test_words_find_them() -> None:
    assert search(RUNBOOKS, "drift")[0].slug == "model-drift"
    assert search(RUNBOOKS, "Data LATE")[0].slug == "stale-data"
    assert search(RUNBOOKS, "ImagePullBackOff")[0].slug == "serving-down"
    assert search(RUNBOOKS, "unicorn") == ()


def test_the_readme_lists_them_all() -> None:
    text = (DIRECTORY / "README.md").read_text("utf-8")
    for runbook in RUNBOOKS:
        assert f"]({runbook.slug}.md)" in text
