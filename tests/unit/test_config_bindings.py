"""Bindings in the configuration: mirrors, several trainings, probes; what can't hold is said with its line."""

import json
from pathlib import Path

import pytest

from bot.app import settings_classes
from bot.config.loader import load
from bot.config.problems import ConfigFaults
from bot.domain.models import Mirror, Pointer, Probe, Target

HEAD = """\
people:
  devi: {name: Devi Rao, roles: [devops_mlops_engineer]}
  mika: {name: Mika Laine, roles: [ml_engineer, data_scientist, data_engineer, product_manager]}
integrations:
  mlflow: {url: "http://mlflow.example:5000"}
  airflow: {url: "http://airflow.example:8080", username: mlops-bot, password_file: airflow}
models:
  fraud:
    environments:
      production:
"""
REGISTRY = "        registry: {integration: mlflow}\n"


def loaded(tmp_path: Path, text: str):
    path = tmp_path / "mlops-bot.yaml"
    path.write_text(HEAD + text)
    (tmp_path / "airflow").write_text("not used")
    return load(path, environ={}, schemas=settings_classes())


def faults(tmp_path: Path, text: str) -> list[str]:
    """Each fault without the folder, so that it begins with the file's name and the line."""
    with pytest.raises(ConfigFaults) as refused:
        loaded(tmp_path, text)
    return [
        str(problem).removeprefix(f"{tmp_path}/")
        for problem in refused.value.problems
        if "warning: " not in str(problem)
    ]


def test_everything_arrives(tmp_path: Path) -> None:
    setup = loaded(
        tmp_path,
        REGISTRY
        + """\
        mirrors:
          - {integration: mlflow, alias: published}
          - {integration: mlflow, model: fraud-copy, alias: live, version_tag: source}
        serving:
          - integration: bentoml
            target: "http://fraud.example:3000"
            probes:
              - path: /predict
                version: model.version
                body: '{"payments": [{"amount": 12.5}]}'
              - {path: "/v2/models/{name}?full=1"}
          - {integration: bentoml, target: "http://fraud-eu.example:3000"}
        training: {integration: airflow, pipeline: retrain}
        other_trainings:
          full: {integration: airflow, pipeline: retrain_all, version_tag: run}
          weekly: {integration: airflow, pipeline: retrain, parameters: {mode: weekly}}
""",
    ).setup
    (binding,) = setup.bindings
    assert binding.pointer == Pointer("mlflow", "fraud", "champion")
    assert binding.mirrors == (
        Mirror(Pointer("mlflow", "fraud", "published")), Mirror(Pointer("mlflow", "fraud-copy", "live"), "source"),
    )  # fmt: skip
    first, second = binding.serving
    assert second == Target("bentoml", "http://fraud-eu.example:3000")
    assert first.probes[1] == Probe("/v2/models/{name}?full=1")
    assert (first.probes[0].path, first.probes[0].version) == ("/predict", "model.version")
    assert json.loads(first.probes[0].body or "") == {"payments": [{"amount": 12.5}]}
    assert [(one.called, one.pipeline.name) for one in binding.trainings] == [
        ("retrain", "retrain"), ("full", "retrain_all"), ("weekly", "retrain"),
    ]  # fmt: skip
    assert binding.training is binding.trainings[0]
    assert binding.trainings[2].parameters == (("mode", "weekly"),)


PROBED = (
    REGISTRY
    + '        serving:\n          - integration: bentoml\n            target: "http://x"\n            probes:\n'
)
TRAINED = REGISTRY + "        training: {integration: airflow, pipeline: retrain}\n        other_trainings:\n"
AT = "models.fraud.environments.production"
BAD = [
    (REGISTRY + "        mirrors:\n          - {integration: mlfow, alias: live}\n", f"13: {AT}.mirrors[0].integration: there is no integration “mlfow”; did you mean “mlflow”?"),
    (REGISTRY + "        mirrors:\n          - integration: mlflow\n", f"13: {AT}.mirrors[0].alias: is missing; add alias: …"),
    (REGISTRY + "        mirrors:\n          - {integration: mlflow, alias: live}\n          - {integration: mlflow, alias: live}\n", f"14: {AT}.mirrors[1]: alias live of fraud in mlflow is named before; one pointer is moved once: remove it from one of them"),
    (REGISTRY + "        mirrors:\n          - {integration: mlflow, model: fraud, alias: champion}\n", f"13: {AT}.mirrors[0]: alias champion of fraud in mlflow is named before; one pointer is moved once: remove it from one of them"),
    (REGISTRY + "        mirrors:\n" + "".join(f"          - {{integration: mlflow, alias: a{n}}}\n" for n in range(11)), f"12: {AT}.mirrors: tuple should have at most 10 items after validation, not 11; write a value that fits"),
    ('        serving: [{integration: bentoml, target: "http://x"}]\n        mirrors:\n          - {integration: mlflow, alias: live}\n', f"12: {AT}.mirrors: there is no registry that they could follow; add registry"),
    (REGISTRY + '        serving:\n          - {integration: bentoml, target: "http://x"}\n          - {integration: bentoml, target: "http://x"}\n', f"14: {AT}.serving[1]: http://x of bentoml is named before; name it once"),
    (PROBED + "              - path: predict\n", f"16: {AT}.serving[0].probes[0].path: “predict” is not a path; begin with a slash; the address is the target's"),
    (PROBED + "              - path: http://elsewhere.example/predict\n", f"16: {AT}.serving[0].probes[0].path: “http://elsewhere.example/predict” is not a path; begin with a slash; the address is the target's"),
    (PROBED + "              - version: model.version\n", f"16: {AT}.serving[0].probes[0].path: is missing; add path: …"),
    (PROBED + "              - path: /predict\n                version: $.model version\n", f"17: {AT}.serving[0].probes[0].version: “$.model version” is not a place in an answer; write the keys with dots: model.version"),
    (PROBED + "              - path: /predict\n                version: model..version\n", f"17: {AT}.serving[0].probes[0].version: “model..version” is not a place in an answer; write the keys with dots: model.version"),
    (PROBED + f"              - path: /predict\n                body: '[\"{'x' * 5_000}\"]'\n", f"17: {AT}.serving[0].probes[0].body: it has 5004 characters, at most 4000 are taken; send less"),
    (PROBED + "              - path: /predict\n                body: '[NaN]'\n", f"17: {AT}.serving[0].probes[0].body: it is not JSON: NaN is no value of JSON; write it as it is to be sent, in quotes"),
    (PROBED + "              - path: /predict\n                body: '{amount: 1}'\n", f"17: {AT}.serving[0].probes[0].body: it is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1); write it as it is to be sent, in quotes"),
    (PROBED + "              - path: /predict\n                body: {amount: 1}\n", f"17: {AT}.serving[0].probes[0].body: it is not JSON in quotes; write it as one text: '{{\"amount\": 12.5}}'"),
    (PROBED + "              - path: /predict\n                mehtod: POST\n", f"17: {AT}.serving[0].probes[0].mehtod: there is no such setting; there are: path, version, body"),
    (REGISTRY + "        other_trainings:\n          full: {integration: airflow, pipeline: all}\n", f"12: {AT}.other_trainings: there is no training beside which they could stand; write the one that is meant when none is named under training"),
    (TRAINED + "          retrain: {integration: airflow, pipeline: all}\n", f"14: {AT}.other_trainings.retrain: “retrain” is the pipeline of training too; choose another name"),
    (TRAINED + "          full: {integration: airfow, pipeline: all}\n", f"14: {AT}.other_trainings.full.integration: there is no integration “airfow”; did you mean “airflow”?"),
    (TRAINED + "          full: {integration: airflow, pipeline: all, fresh: {integration: prom, query: age}}\n", f"14: {AT}.other_trainings.full.fresh.integration: there is no integration “prom”; did you mean “prometheus”?"),
    (TRAINED + "          Every week: {integration: airflow, pipeline: all}\n", f"14: {AT}.other_trainings.Every week: “Every week” is not a short name; use lower-case letters, digits, dots and dashes"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), BAD, ids=[said.split(f"{AT}.")[1][:50] for _, said in BAD])
def test_one_fault_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    assert faults(tmp_path, text) == [f"mlops-bot.yaml:{said}"]


def test_a_mirror_in_a_system_that_is_not_connected_is_warned_about(tmp_path: Path) -> None:
    text = REGISTRY + "        mirrors:\n          - {integration: kserve, alias: live}\n"
    (finding,) = loaded(tmp_path, text).findings
    assert "mlops-bot.yaml:13: warning: " in str(finding)
    assert f"{AT}.mirrors[0].integration: kserve has no section under `integrations`" in str(finding)


def test_the_settings_that_integrations_had_for_this_are_gone(tmp_path: Path) -> None:
    text = "integrations:\n  bentoml: {probe_path: /predict}\n  kserve: {answer_path: /v2, server: in-cluster}\n"
    path = tmp_path / "mlops-bot.yaml"
    path.write_text(text)
    with pytest.raises(ConfigFaults) as refused:
        load(path, environ={}, schemas=settings_classes())
    said = "\n".join(map(str, refused.value.problems))
    assert "mlops-bot.yaml:2: integrations.bentoml.probe_path: there is no such setting" in said
    assert "mlops-bot.yaml:3: integrations.kserve.answer_path: there is no such setting" in said
