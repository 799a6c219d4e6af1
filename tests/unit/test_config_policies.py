"""Policies and trainings in the configuration: what can't hold is said with its line, and nothing starts."""

from datetime import timedelta
from pathlib import Path

import pytest

from bot.app import settings_classes
from bot.config.loader import load
from bot.config.problems import ConfigFaults
from bot.domain.plan import OperationKind
from bot.usecases.setup import Mode, Monitor

PEOPLE = """
people:
  devi: {name: Devi Rao, roles: [devops_mlops_engineer]}
  mika: {name: Mika Laine, roles: [ml_engineer, data_scientist, data_engineer, product_manager]}
integrations:
  mlflow: {url: "http://mlflow.example:5000"}
models:
  fraud:
    environments:
      production:
        registry: {integration: mlflow}
        fallback: "1"
        gate: {auc: higher, loss: lower}
        training: {integration: airflow, pipeline: retrain, parameters: {epochs: 5, mode: full}, window_end: until}
"""


def loaded(tmp_path: Path, text: str, people: str = PEOPLE):
    path = tmp_path / "mlops-bot.yaml"
    path.write_text(people + text)
    return load(path, environ={}, schemas=settings_classes())


def test_everything_arrives(tmp_path: Path) -> None:
    setup = loaded(
        tmp_path,
        """
policies:
  watch_for: 3m
  cool_down: 2h
  retrains_per_day: 7
  rules:
    - {name: night, models: fraud, alerts: "Model*", do: rollback, mode: auto, signed_by: devi, per_day: 2, undo: true}
  freezes:
    - {since: "2026-12-24T00:00:00+01:00", until: "2026-12-27T00:00:00+01:00", models: [fraud], why: holidays}
""",
    ).setup
    binding = setup.binding("fraud")
    assert binding is not None
    assert (binding.fallback, binding.challenger, binding.gate) == ("1", "challenger", (("auc", True), ("loss", False)))
    assert binding.training is not None
    assert (binding.training.parameters, binding.training.window_end) == ((("epochs", "5"), ("mode", "full")), "until")
    (rule,) = setup.policies.rules
    assert (rule.kind, rule.mode, rule.signed_by, rule.per_day, rule.undo) == (
        OperationKind.ROLLBACK, Mode.AUTO, "devi", 2, True,
    )  # fmt: skip
    assert rule.origin.startswith("mlops-bot.yaml:")
    assert rule.fits("fraud", "ModelErrorRateHigh")
    assert not rule.fits("churn", "ModelErrorRateHigh")
    assert not rule.fits("fraud", "DiskFull")
    assert setup.policies.rule("fraud", "ModelErrorRateHigh") is rule
    (window,) = setup.policies.freezes
    assert window.since.isoformat() == "2026-12-24T00:00:00+01:00"
    assert setup.policies.frozen_at(window.since, "fraud") is window
    assert setup.policies.frozen_at(window.until, "fraud") is None
    assert setup.policies.frozen_at(window.since, "churn") is None


RULE = "policies: {rules: [{name: a, do: rollback, %s}]}"


@pytest.mark.parametrize(("text", "said"), [
    (RULE % "mode: auto", "policies.rules[0]: the mode auto needs the signature of who is Accountable"),
    (RULE % "mode: auto, signed_by: mika", "mika is not Accountable for a rollback of fraud; devi is"),
    (RULE % "mode: auto, signed_by: nobody", "nobody is not Accountable for a rollback of fraud; devi is"),
    ("policies: {rules: [{name: a, do: retrain, mode: auto, signed_by: devi}]}", "is not Accountable for a retraining of fraud"),
    (RULE % "mode: maybe", "maybe"),
    (RULE % "models: [fruad]", "there is no model “fruad”: did you mean “fraud”?"),
    ("policies: {rules: [{name: a, do: promote}]}", "policies.rules[0]: a policy about a promotion without undo does nothing"),
    ("policies: {rules: [{name: a, do: shift, mode: approve, undo: true}]}", "policies.rules[0].mode: no alert asks for a traffic shift"),
    ("policies: {rules: [{name: a, do: promote, signed_by: devi, undo: true}]}", "policies.rules[0].signed_by: no alert asks for a promotion"),
    ("policies: {rules: [{name: a, do: retrain, undo: true}]}", "policies.rules[0].undo: a retraining changes nothing that serves"),
    ("policies: {rules: [{name: a, do: resume}]}", "resume"),
    ("policies: {rules: [{name: a, do: rollback}, {name: a, do: freeze}]}", "“a” is there twice"),
    (RULE % "per_day: 0", "per_day"),
    ('policies: {freezes: [{since: "2026-12-27T00:00:00Z", until: "2026-12-24T00:00:00Z"}]}', "it ends before it begins"),
    ('policies: {freezes: [{since: "soon", until: "2026-12-24T00:00:00Z"}]}', "since"),
])  # fmt: skip
def test_what_cannot_hold_is_said(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigFaults) as faults:
        loaded(tmp_path, text)
    assert said in str(faults.value).replace("; did you", ": did you")
    assert "mlops-bot.yaml:" in str(faults.value)


UNDO = """
policies:
  rules:
    - {name: take-back-promotions, do: promote, undo: true}
    - {name: take-back-shifts, models: fraud, do: shift, undo: true}
    - {name: night, do: rollback, mode: approve}
"""


def test_what_people_promote_or_shift_can_be_taken_back_and_is_in_no_alerts_way(tmp_path: Path) -> None:
    policies = loaded(tmp_path, UNDO).setup.policies
    promotions, shifts, night = policies.rules
    assert (promotions.kind, promotions.undo) == (OperationKind.PROMOTE, True)
    assert (shifts.kind, shifts.undo) == (OperationKind.SHIFT_TRAFFIC, True)
    assert policies.rule("fraud", "ModelErrorRateHigh") is night


@pytest.mark.parametrize(("old", "new", "said"), [
    ("integration: airflow", "integration: airlfow", "there is no integration “airlfow”"),
    ("gate: {auc: higher", "gate: {auc: bigger", "bigger"),
    ("pipeline: retrain", "pipline: retrain", "pipline"),
])  # fmt: skip
def test_trainings(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(ConfigFaults) as faults:
        loaded(tmp_path, "", PEOPLE.replace(old, new))
    assert said in str(faults.value)


def test_monitors_arrive_and_what_can_not_hold_is_said(tmp_path: Path) -> None:
    text = "policies:\n  unanswered_after: 20m\n  monitors:\n    - {source: evidently, model: fraud, within: 26h}\n"
    policies = loaded(tmp_path, text).setup.policies
    assert policies.unanswered_after == timedelta(minutes=20)
    assert policies.monitors == (Monitor("evidently", timedelta(hours=26), "fraud"),)
    with pytest.raises(ConfigFaults) as caught:
        loaded(tmp_path, f"{text}{text[text.index('    -') :]}    - {{source: evidently, model: fruad, within: 1h}}\n")
    assert "policies.monitors[1]: it is there twice" in str(caught.value)
    assert "there is no model “fruad”" in str(caught.value)


def test_what_models_read_arrives(tmp_path: Path) -> None:
    text = "  churn: {reads: orders_daily}\npolicies: {upstream_models: 2, upstream_within: 5m}\n"
    setup = loaded(tmp_path, text).setup
    assert setup.reads == {"churn": ("orders_daily",)}
    assert (setup.policies.upstream_models, setup.policies.upstream_within) == (2, timedelta(minutes=5))
