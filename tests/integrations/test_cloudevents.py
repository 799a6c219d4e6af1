"""CloudEvents: three ways to travel, our own drift event, and alibi-detect's verdict."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import jsonschema
import pytest
from pydantic import SecretStr

from bot.domain.alert import Alert, AlertStatus, Direction, DriftKind, FeatureDrift
from bot.domain.errors import Forged, Unreadable
from integrations.cloudevents.adapter import CloudEvents
from integrations.cloudevents.manifest import Settings
from integrations.cloudevents.wire import Feature, Verdict, Window
from tests.integrations.deliveries import NOW, ROOT, delivery, load

SOURCE = CloudEvents(Settings())
SCHEMA = json.loads((ROOT / "cloudevents" / "fixtures" / "drift.v1.schema.json").read_text())


def only(name: str) -> Alert:
    (alert,) = SOURCE.alerts(load("cloudevents", name))
    return alert


def event(**changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(load("cloudevents", "drift_firing").body)
    return body | changes


def verdict(**changes: Any) -> Alert:
    body = event()
    body["data"] |= changes
    (alert,) = SOURCE.alerts(delivery(body))
    return alert


def test_our_own_event() -> None:
    alert = only("drift_firing")
    assert alert.name == "DataDrift"
    assert alert.instance == "/monitors/fraud"
    assert alert.status is AlertStatus.FIRING
    assert alert.starts_at == datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
    assert alert.labels == {
        "model_name": "fraud-detector", "model_version": "3", "environment": "prod", "namespace": "ml",
        "service": "fraud-predictor", "metric": "share of drifted features", "severity": "critical",
    }  # fmt: skip
    assert alert.summary == "Two of three features of fraud-detector v3 drifted"
    assert alert.annotations["runbook_url"] == "https://runbooks.example.com/drift"
    assert alert.annotations["cloudevent"] == "/monitors/fraud#2026-11-23T01:00:00Z-fraud"
    assert alert.url == "https://drift.example.com/r/17"
    drift = alert.drift
    assert drift is not None
    assert (drift.kind, drift.method, drift.score, drift.threshold) == (DriftKind.DATA, "psi", 0.42, 0.2)
    assert drift.direction is Direction.ABOVE
    assert drift.sample_size == 5000
    assert drift.window_start == datetime(2026, 11, 23, 0, 0, tzinfo=UTC)
    assert drift.window_end == datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
    assert drift.features == (
        FeatureDrift("amount", 0.42, 0.2, drifted=True),
        FeatureDrift("country", 0.31, 0.2, drifted=True),
        FeatureDrift("age_days", 0.01, 0.2, drifted=False),
    )


def test_a_resolved_verdict_has_the_same_fingerprint_and_an_end() -> None:
    fired, ended = only("drift_firing"), only("drift_resolved")
    assert (ended.fingerprint, ended.instance) == (fired.fingerprint, fired.instance)
    assert ended.status is AlertStatus.RESOLVED
    assert ended.ends_at == datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
    assert ended.summary == "data drift of fraud-detector v3: psi 0.05 (limit 0.2)"


def test_binary_and_structured_are_the_same_event() -> None:
    assert only("drift_binary") == only("drift_firing")


def test_a_batch_gives_what_can_be_read() -> None:
    alerts = list(SOURCE.alerts(load("cloudevents", "drift_batch")))
    assert [(a.name, a.labels["model_name"]) for a in alerts] == [
        ("DataDrift", "fraud-detector"),
        ("PredictionDrift", "churn"),
    ]
    assert alerts[1].drift is not None
    assert alerts[1].drift.direction is Direction.BELOW
    assert list(SOURCE.alerts(load("cloudevents", "spec_7_empty_batch"))) == []


@pytest.mark.parametrize("number", range(7))
def test_events_of_other_types_are_dead_letters_with_a_reason(number: int) -> None:
    with pytest.raises(Unreadable, match=r"Nothing here understands events of type com\.example\.some"):
        SOURCE.alerts(load("cloudevents", f"spec_{number}.dead"))


def test_the_version_is_no_part_of_the_identity() -> None:
    assert verdict(model_version="2", status="resolved").fingerprint == only("drift_firing").fingerprint


@pytest.mark.parametrize(
    "change",
    [
        {"model_name": "x"},
        {"environment": "dev"},
        {"metric": "m"},
        {"service": "s"},
        {"namespace": "n"},
        {"feature": "f"},
        {"kind": "concept drift"},
    ],
)
def test_other_problems_have_other_fingerprints(change: dict[str, str]) -> None:
    assert verdict(**change).fingerprint != only("drift_firing").fingerprint


def test_what_names_the_model_in_order() -> None:
    body = event()
    data = {"status": "firing"}
    body |= {"data": data}
    query = {"model": "from-query", "version": "7", "environment": "qa"}
    (by_subject,) = SOURCE.alerts(delivery(body, query=query))
    assert by_subject.labels == {"model_name": "fraud-detector", "model_version": "3", "environment": "qa"}
    (by_query,) = SOURCE.alerts(delivery(body | {"subject": ""}, query=query))
    assert by_query.labels["model_name"] == "from-query"
    headers = {"X-Model-Name": "from-header", "X-Environment": "prod"}
    (by_header,) = SOURCE.alerts(delivery(body | {"subject": None}, headers=headers))
    assert by_header.labels == {"model_name": "from-header", "environment": "prod"}
    (unknown,) = SOURCE.alerts(delivery(body | {"subject": ""}))
    assert unknown.labels == {}
    assert unknown.summary == "data drift of an unnamed model"


def test_a_single_drifted_feature_is_named() -> None:
    alert = verdict(features=[{"name": "amount", "score": 0.5}, {"name": "age", "score": 0.1}])
    assert alert.labels["feature"] == "amount"


def test_a_p_value_drifts_downwards() -> None:
    alert = verdict(
        direction="below", threshold=0.05, features=[{"name": "a", "score": 0.001}, {"name": "b", "score": 0.9}]
    )
    assert alert.drift is not None
    assert [f.drifted for f in alert.drift.features] == [True, False]


def test_nan_is_no_score() -> None:
    body = load("cloudevents", "drift_firing").body.replace(b'"score": 0.42', b'"score": NaN')
    (alert,) = SOURCE.alerts(delivery(body))
    assert alert.drift is not None
    assert alert.drift.score is None
    assert [f.feature for f in alert.drift.features] == ["country", "age_days"]


def test_an_event_without_a_time_begins_when_it_arrives() -> None:
    body = event()
    del body["time"]
    assert next(iter(SOURCE.alerts(delivery(body)))).starts_at == NOW


def test_data_may_be_base64() -> None:
    body = event()
    body["data_base64"] = base64.b64encode(json.dumps(body.pop("data")).encode()).decode()
    assert list(SOURCE.alerts(delivery(body))) == [only("drift_firing")]
    body["data_base64"] = "ä"
    with pytest.raises(Unreadable, match="base64"):
        SOURCE.alerts(delivery(body))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"id": ""}, "id"),
        ({"source": None}, "source"),
        ({"specversion": "0.3"}, "specversion"),
        ({"data": {"status": "maybe"}}, "status"),
        ({"data": "text"}, "documents"),
        ({"data": {}}, "status"),
        ({"datacontenttype": "application/xml"}, "must be JSON"),
        ({"time": "yesterday"}, "time"),
    ],
)
def test_what_is_no_drift_event_says_why(change: dict[str, Any], words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        SOURCE.alerts(delivery(event(**change)))


# ---------------------------------------------------------------- Seldon


def test_seldons_verdict() -> None:
    alert = only("seldon_drift")
    assert alert.status is AlertStatus.FIRING
    assert alert.labels == {"model_name": "cifar10", "environment": "prod", "namespace": "default"}
    drift = alert.drift
    assert drift is not None
    assert (drift.method, drift.direction, drift.threshold) == ("KSDrift", Direction.BELOW, 0.0125)
    assert drift.score == pytest.approx(9.85e-29, rel=0.01)
    assert [f.drifted for f in drift.features] == [True, False, False, False]


def test_no_drift_resolves_the_same_problem() -> None:
    fired, ended = only("seldon_drift"), only("seldon_no_drift")
    assert ended.status is AlertStatus.RESOLVED
    assert ended.fingerprint == fired.fingerprint
    assert ended.drift is not None
    assert not any(f.drifted for f in ended.drift.features)


def seldon(found: dict[str, Any]) -> Alert:
    request = load("cloudevents", "seldon_drift")
    (alert,) = SOURCE.alerts(delivery({"data": found}, headers=request.headers))
    return alert


def test_verdicts_per_feature_and_distances() -> None:
    by_feature = seldon({"is_drift": [0, 1], "p_val": [0.5, 0.001], "distance": [0.1, 0.9], "threshold": 0.05})
    assert by_feature.status is AlertStatus.FIRING
    assert by_feature.drift is not None
    assert [f.drifted for f in by_feature.drift.features] == [False, True]
    online = seldon({"is_drift": 0, "distance": 0.1, "p_val": None, "threshold": 0.3})
    assert online.status is AlertStatus.RESOLVED
    assert online.drift is not None
    assert (online.drift.direction, online.drift.score, online.drift.threshold) == (Direction.ABOVE, 0.1, 0.3)
    assert online.drift.features == ()


@pytest.mark.parametrize("found", [{}, {"is_drift": []}, {"is_drift": "yes?"}, {"is_drift": 1, "p_val": [[0.1]]}])
def test_verdicts_that_are_none(found: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        seldon(found)


def test_another_event_type_may_be_configured() -> None:
    source = CloudEvents(Settings.model_validate({"alibi_types": ["com.example.someevent"]}))
    found = {"is_drift": 1, "p_val": 0.01, "threshold": 0.05}
    (alert,) = source.alerts(delivery(event(type="com.example.someevent", data={"data": found})))
    assert alert.status is AlertStatus.FIRING


# ---------------------------------------------------------------- what is promised outside


def test_the_schema_describes_what_is_read() -> None:
    assert set(SCHEMA["properties"]) == set(Verdict.model_fields)
    assert set(SCHEMA["properties"]["features"]["items"]["properties"]) == set(Feature.model_fields)
    assert set(SCHEMA["properties"]["window"]["properties"]) == set(Window.model_fields)
    for name in ("drift_firing", "drift_resolved"):
        jsonschema.validate(json.loads(load("cloudevents", name).body)["data"], SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"status": "maybe"}, SCHEMA)


def test_verification() -> None:
    request = load("cloudevents", "drift_binary")
    assert SOURCE.verify(request) is False
    strict = CloudEvents(Settings(bearer_token=SecretStr("token-of-test")))
    with pytest.raises(Forged):
        strict.verify(request)
    assert strict.verify(delivery(request.body, headers={**request.headers, "Authorization": "Bearer token-of-test"}))
