"""Evidently: whose verdict counts, on which side a score is bad, and what names the model."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from bot.domain.alert import Alert, AlertStatus, Direction, DriftKind, FeatureDrift
from bot.domain.errors import Forged, Unreadable
from integrations.evidently.adapter import Evidently
from integrations.evidently.manifest import FireOn, Settings
from integrations.evidently.verdict import direction_of
from tests.integrations.deliveries import NOW, delivery, load

SOURCE = Evidently(Settings())


def only(name: str, source: Evidently = SOURCE) -> Alert:
    (alert,) = source.alerts(load("evidently", name))
    return alert


def report(name: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(load("evidently", name).body)
    return body


def read(body: object, **query: str) -> Alert:
    (alert,) = SOURCE.alerts(delivery(body, query=query))
    return alert


def drifted(alert: Alert) -> list[str]:
    assert alert.drift is not None
    return [f.feature for f in alert.drift.features if f.drifted]


def test_a_drifted_dataset() -> None:
    alert = only("dataset_drifted")
    assert alert.status is AlertStatus.FIRING
    assert alert.name == "DataDrift"
    assert alert.labels == {"model_name": "fraud-detector", "model_version": "3", "environment": "prod"}
    assert alert.starts_at == NOW
    drift = alert.drift
    assert drift is not None
    assert (drift.method, drift.score, drift.threshold) == ("share of drifted columns", 0.6, 0.5)
    assert drift.direction is Direction.ABOVE
    assert drifted(alert) == ["amount", "prediction", "country"]
    assert FeatureDrift("age_days", 0.009339389425104814, 0.1, drifted=False) in drift.features
    assert alert.summary == (
        "data drift of fraud-detector v3: share of drifted columns 0.6 (limit 0.5); amount, prediction, country drifted"
    )


def test_columns_drift_though_the_dataset_does_not() -> None:
    alert = only("psi_columns_only")
    assert alert.status is AlertStatus.FIRING
    assert alert.labels["severity"] == "info"
    assert alert.labels["monitor"] == "hourly"
    assert drifted(alert) == ["prediction", "country"]
    drift = alert.drift
    assert drift is not None
    assert (drift.method, drift.score, drift.threshold) == ("psi", 0.987579701188597, 0.2)
    assert drift.sample_size == 5000
    assert drift.window_start == datetime(2026, 11, 23, 0, 0, tzinfo=UTC)
    assert drift.window_end == datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
    assert alert.url == drift.report_url == "https://drift.example.com/r/17"
    assert "2 of 5 columns, too few for the dataset as a whole" in alert.summary


def test_the_dataset_alone_may_decide() -> None:
    by_dataset = Evidently(Settings(fire_on=FireOn.DATASET))
    assert only("psi_columns_only", by_dataset).status is AlertStatus.RESOLVED
    assert only("dataset_drifted", by_dataset).status is AlertStatus.FIRING
    without = report("dataset_drifted")
    without["metrics"] = without["metrics"][1:]
    (alert,) = by_dataset.alerts(delivery(without))
    assert alert.status is AlertStatus.FIRING


def test_p_values_are_bad_when_small() -> None:
    alert = only("p_values")
    assert drifted(alert) == ["a"]
    assert alert.labels["feature"] == "a"
    without = report("p_values")
    without["tests"] = []
    without["metrics"] = without["metrics"][1:]
    alert = read(without)
    assert alert.status is AlertStatus.FIRING
    assert drifted(alert) == ["a"]
    assert alert.drift is not None
    assert (alert.drift.method, alert.drift.direction) == ("K-S p_value", Direction.BELOW)
    assert alert.drift.score == pytest.approx(1.12e-25, rel=0.01)


@pytest.mark.parametrize(
    ("method", "direction"),
    [
        ("K-S p_value", Direction.BELOW), ("chi-square p_value", Direction.BELOW), ("ks", Direction.BELOW), ("z", Direction.BELOW),
        ("Z-test p_value", Direction.BELOW), ("anderson", Direction.BELOW), ("TVD", Direction.BELOW),
        ("psi", Direction.ABOVE), ("PSI", Direction.ABOVE), ("Wasserstein distance (normed)", Direction.ABOVE),
        ("Jensen-Shannon distance", Direction.ABOVE), ("Kullback-Leibler divergence", Direction.ABOVE), ("", Direction.ABOVE),
    ],
)  # fmt: skip
def test_the_direction_goes_with_the_method(method: str, direction: Direction) -> None:
    assert direction_of(method) is direction


def test_without_tests_values_are_compared() -> None:
    alert = only("without_tests")
    assert alert.status is AlertStatus.FIRING
    assert drifted(alert) == ["amount", "prediction", "country"]
    assert drifted(alert) == drifted(only("dataset_drifted"))


def test_a_test_outweighs_the_comparison() -> None:
    body = report("dataset_drifted")
    for test in body["tests"]:
        test["status"] = "SUCCESS"
    assert read(body).status is AlertStatus.RESOLVED
    body["tests"][1]["status"] = "WARNING"
    assert drifted(read(body)) == ["amount"]
    for test in body["tests"]:
        test["status"] = "ERROR"
    assert drifted(read(body)) == ["amount", "prediction", "country"]


def test_no_drift_resolves_the_same_problem() -> None:
    fired, ended = only("dataset_drifted"), only("own_no_drift")
    assert ended.status is AlertStatus.RESOLVED
    assert ended.ends_at == NOW
    assert ended.fingerprint == fired.fingerprint
    assert ended.instance == fired.instance
    assert "severity" not in ended.labels


def test_the_dump_knows_model_time_and_the_same_verdict() -> None:
    alert = only("dump_dict")
    assert alert.labels == {"model_name": "fraud-detector", "model_version": "3"}
    assert alert.starts_at == datetime(2026, 11, 23, 1, 36, 34, 878_137, tzinfo=UTC)
    assert alert.drift is not None
    assert (alert.drift.score, alert.drift.threshold) == (0.6, 0.5)
    assert alert.drift.features == (only("dataset_drifted").drift or alert.drift).features


def test_the_request_comes_before_the_dump() -> None:
    body = report("dump_dict") | {"tags": ["environment=prod", "model_name:other", "plain", 5]}
    assert read(body).labels == {"model_name": "fraud-detector", "model_version": "3", "environment": "prod"}
    assert read(body, model="asked", version="9", environment="qa", timestamp="2026-11-22T00:00:00+01:00").labels == {
        "model_name": "asked",
        "model_version": "9",
        "environment": "qa",
    }
    assert read(body, timestamp="2026-11-22T00:00:00+01:00").starts_at == datetime(2026, 11, 21, 23, 0, tzinfo=UTC)


def test_no_model_is_said_and_not_guessed() -> None:
    alert = read(report("without_tests"))
    assert alert.labels == {}
    assert alert.summary.startswith("data drift of an unnamed model")


def test_the_version_is_no_part_of_the_identity_but_the_monitor_is() -> None:
    body = report("without_tests")
    assert read(body, model="m", version="2").fingerprint == read(body, model="m", version="3").fingerprint
    assert read(body, model="m").fingerprint != read(body, model="n").fingerprint
    assert read(body, model="m", monitor="a").fingerprint != read(body, model="m", monitor="b").fingerprint


def test_only_the_prediction_drifted() -> None:
    body = report("without_tests")
    for metric in body["metrics"][1:]:
        if metric["config"]["column"] != "prediction":
            metric["value"] = 0.0
    body["metrics"][0]["value"] = {"count": 1, "share": 0.2}
    alert = read(body)
    assert alert.name == "PredictionDrift"
    assert alert.drift is not None
    assert alert.drift.kind is DriftKind.PREDICTION
    assert alert.labels["feature"] == "prediction"


def test_the_row_count_of_the_report_is_the_sample_size() -> None:
    body = report("without_tests")
    body["metrics"].append({"id": "rows", "config": {"type": "evidently:metric_v2:RowCount"}, "value": 1234.0})
    alert = read(body, sample_size="99")
    assert alert.drift is not None
    assert alert.drift.sample_size == 1234


@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", "-Infinity", "1" + "0" * 400, "null", '"text"', "[1]", '{"deep": {}}', "true"]
)
def test_a_value_that_is_no_number_says_nothing_about_its_column(value: str) -> None:
    text = load("evidently", "without_tests").body.decode().replace("0.7751698564544183", value)
    alert = next(iter(SOURCE.alerts(delivery(text))))
    assert alert.drift is not None
    assert [f.feature for f in alert.drift.features] == ["age_days", "prediction", "country", "device"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ([], "neither metrics"),
        ({"tests": []}, "neither metrics"),
        ({"metrics": []}, "no drift metric"),
        ({"metrics": 5}, "metrics"),
        ({"metric_results": []}, "metric_results"),
        ({"metric_results": {}}, "no drift metric"),
    ],
)
def test_what_is_no_drift_report_says_why(body: object, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        SOURCE.alerts(delivery(body))


def test_a_wrong_parameter_is_named() -> None:
    with pytest.raises(Unreadable, match="window_start"):
        read(report("without_tests"), window_start="yesterday")


def test_verification() -> None:
    request = load("evidently", "without_tests")
    assert SOURCE.verify(request) is False
    strict = Evidently(Settings(bearer_token=SecretStr("token-of-test")))
    with pytest.raises(Forged):
        strict.verify(request)
    assert strict.verify(delivery(request.body, headers={"Authorization": "Bearer token-of-test"}))
