"""Grafana: both alertings, the signature with and without a time, and what is a fault of the monitoring."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr, ValidationError

from bot.domain.alert import Alert, AlertStatus, Reading
from bot.domain.errors import Forged, Unauthorized, Unreadable
from bot.ports.clock import SystemClock
from integrations.grafana.adapter import Grafana, PolledGrafana, build
from integrations.grafana.manifest import Settings
from tests.integrations.answering import Answering, answer
from tests.integrations.deliveries import NOW, ROOT, delivery, load

SOURCE = Grafana(Settings())
VECTORS = json.loads((ROOT / "grafana" / "fixtures" / "hmac_vectors.answer.json").read_text())
SIGNATURE = "X-Grafana-Alerting-Signature"
TIMESTAMP = "X-Grafana-Alerting-Timestamp"


def only(name: str) -> Alert:
    (alert,) = SOURCE.alerts(load("grafana", name))
    return alert


def test_a_recorded_alert() -> None:
    alert = only("values")
    assert alert.instance == "https://play.grafana.org"
    assert alert.fingerprint == "e6349a25f5ef0e9e"
    assert alert.name == "Memory (copy)"
    assert alert.starts_at == datetime(2024, 3, 1, 2, 9, tzinfo=UTC)
    assert alert.reading == Reading("Memory (copy)", 2473545728.0)
    assert alert.annotations["panel_url"].endswith("viewPanel=2")
    assert alert.annotations["summary"] == "High memory usage"
    assert not alert.monitoring_fault


def test_a_missing_alertname_is_found_in_the_group() -> None:
    alert = only("no_alertname")
    assert alert.name == "Memory (copy)"
    assert alert.labels["alertname"] == "Memory (copy)"


def test_value_metric_and_threshold_are_read() -> None:
    alert = only("own_drift_firing")
    assert alert.reading == Reading("model_drift_score", 0.42, 0.2)
    assert alert.starts_at == datetime(2026, 11, 23, 1, 2, 10, tzinfo=UTC)


def test_firing_and_resolved_are_the_same_episode() -> None:
    fired, ended = only("own_drift_firing"), only("own_drift_resolved")
    assert (ended.fingerprint, ended.instance, ended.starts_at) == (fired.fingerprint, fired.instance, fired.starts_at)
    assert ended.status is AlertStatus.RESOLVED
    assert ended.ends_at == datetime(2026, 11, 23, 1, 40, 10, tzinfo=UTC)


@pytest.mark.parametrize("name", ["own_no_data", "own_datasource_error", "own_legacy_no_data"])
def test_faults_of_the_monitoring(name: str) -> None:
    alert = only(name)
    assert alert.monitoring_fault
    assert alert.reading is None
    assert alert.status is AlertStatus.FIRING


def test_a_series_that_vanished_is_no_fault() -> None:
    body = json.loads(load("grafana", "own_drift_resolved").body)
    body["alerts"][0]["annotations"]["grafana_state_reason"] = "MissingSeries"
    (alert,) = SOURCE.alerts(delivery(body))
    assert not alert.monitoring_fault


def test_a_press_of_the_test_button_wakes_nobody() -> None:
    alert = only("own_test_button")
    assert alert.name == "TestAlert"
    assert alert.labels["severity"] == "info"


def test_free_text_of_a_test_is_kept_as_a_dead_letter() -> None:
    with pytest.raises(Unreadable, match="neither alerts nor a state"):
        SOURCE.alerts(load("grafana", "free_text.dead"))


def test_the_old_alerting() -> None:
    fired, ended = only("legacy_alerting"), only("own_legacy_ok")
    assert fired.name == "Zeta CPU alert"
    assert fired.instance == "https://grafana.domain.tld"
    assert fired.reading == Reading("user", 97.007606)
    assert fired.labels["instance"] == "zeta.domain"
    assert "__name__" not in fired.labels
    assert fired.starts_at == NOW
    assert fired.summary == "[Alerting] CPU alert"
    assert ended.fingerprint == fired.fingerprint
    assert ended.status is AlertStatus.RESOLVED
    assert ended.ends_at == NOW
    assert only("legacy_example").fingerprint != fired.fingerprint


@pytest.mark.parametrize("state", ["pending", "paused", "unknown"])
def test_states_of_the_old_alerting_that_say_nothing(state: str) -> None:
    body = json.loads(load("grafana", "legacy_alerting").body)
    assert list(SOURCE.alerts(delivery({**body, "state": state}))) == []


def test_a_state_nobody_knows_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="state"):
        SOURCE.alerts(delivery({"state": "exploded", "ruleName": "r"}))


def test_tags_of_the_old_alerting_count_when_all_series_agree() -> None:
    matches = [{"metric": "m", "value": 1, "tags": {"model": "a", "pod": str(n)}} for n in range(3)]
    (alert,) = SOURCE.alerts(
        delivery({"state": "alerting", "ruleId": 1, "evalMatches": matches, "tags": {"team": "ml"}})
    )
    assert alert.labels == {"model": "a", "team": "ml"}


@pytest.mark.parametrize("values", [{"A": None}, {"A": "NaN"}, {}, None, [], {"A": {"deep": 1}}])
def test_no_value_is_no_reading(values: object) -> None:
    body = json.loads(load("grafana", "own_drift_firing").body)
    body["alerts"][0]["values"] = values
    (alert,) = SOURCE.alerts(delivery(body))
    assert alert.reading is None


def test_nan_is_no_value_and_the_condition_does_not_stand_in_for_it() -> None:
    body = load("grafana", "own_drift_firing").body.replace(b"0.42,", b"NaN,")
    (alert,) = SOURCE.alerts(delivery(body))
    assert alert.reading is None


# ---------------------------------------------------------------- who sent it


def signer(**more: object) -> Grafana:
    return Grafana(Settings.model_validate({"hmac_secret": "test-hmac-secret", **more}))


@pytest.mark.parametrize("vector", VECTORS, ids=["without a time", "with a time"])
def test_signature_vectors(vector: dict[str, str]) -> None:
    headers = {SIGNATURE: vector[SIGNATURE]}
    at = NOW
    more = {}
    if vector["timestamp_header"]:
        headers[vector["timestamp_header"]] = vector["timestamp"]
        at = datetime.fromtimestamp(int(vector["timestamp"]), UTC)
        more = {"timestamp_header": vector["timestamp_header"]}
    assert signer(**more).verify(delivery(vector["body"], headers=headers, at=at)) is True
    with pytest.raises(Forged):
        signer(**more).verify(delivery(vector["body"] + " ", headers=headers, at=at))
    wrong = Grafana(Settings.model_validate({"hmac_secret": "another-secret", **more}))
    with pytest.raises(Forged):
        wrong.verify(delivery(vector["body"], headers=headers, at=at))


@pytest.mark.parametrize(("late", "good"), [(299, True), (-299, True), (301, False), (-301, False), (86_400, False)])
def test_a_recorded_delivery_is_good_for_five_minutes(late: int, good: bool) -> None:
    vector = VECTORS[1]
    at = datetime.fromtimestamp(int(vector["timestamp"]), UTC) + timedelta(seconds=late)
    headers = {SIGNATURE: vector[SIGNATURE], TIMESTAMP: vector["timestamp"]}
    source = signer(timestamp_header=TIMESTAMP)
    if good:
        assert source.verify(delivery(vector["body"], headers=headers, at=at))
    else:
        with pytest.raises(Forged, match="five minutes"):
            source.verify(delivery(vector["body"], headers=headers, at=at))


def test_a_configured_time_may_not_be_left_out() -> None:
    vector = VECTORS[0]
    with pytest.raises(Forged):
        signer(timestamp_header=TIMESTAMP).verify(delivery(vector["body"], headers={SIGNATURE: vector[SIGNATURE]}))


@pytest.mark.parametrize("signature", ["", "sha256=abc", "é" * 64, "0" * 64])
def test_a_wrong_signature(signature: str) -> None:
    with pytest.raises(Forged):
        signer().verify(delivery("{}", headers={SIGNATURE: signature}))


def test_every_configured_check_must_pass() -> None:
    body, signature = VECTORS[0]["body"], VECTORS[0][SIGNATURE]
    both = signer(bearer_token="token-of-test")
    good = {SIGNATURE: signature, "Authorization": "Bearer token-of-test"}
    assert both.verify(delivery(body, headers=good))
    for missing in good:
        with pytest.raises(Forged):
            both.verify(delivery(body, headers={k: v for k, v in good.items() if k != missing}))
    assert Grafana(Settings()).verify(delivery(body)) is False
    assert Grafana(Settings(bearer_token=SecretStr("t"))).verify(delivery(body, headers={"Authorization": "Bearer t"}))


# ---------------------------------------------------------------- asking

ALERTS = "/api/alertmanager/grafana/api/v2/alerts"


def asked(system: Answering) -> PolledGrafana:
    settings = Settings.model_validate({"url": "https://grafana.example.com/", "token": "glsa_of_test_only"})
    adapter = build(settings, system.clients(), SystemClock())
    assert isinstance(adapter, PolledGrafana)
    return adapter


async def test_what_fires_now_is_known_as_its_delivery_would_be() -> None:
    system = Answering({ALERTS: (200, answer("grafana", "alerts"))})
    poll = asked(system)
    found, silenced = await poll.firing()
    assert (found.muted, silenced.muted) == (False, True)
    (told,) = poll.alerts(load("grafana", "own_drift_firing"))
    same = (
        "source",
        "instance",
        "fingerprint",
        "name",
        "status",
        "starts_at",
        "labels",
        "reading",
        "url",
        "monitoring_fault",
    )
    assert {name: getattr(found, name) for name in same} == {name: getattr(told, name) for name in same}
    assert set(found.annotations) == {"summary", "threshold"}
    assert system.asked[0].headers["authorization"] == "Bearer glsa_of_test_only"


async def test_the_doctor_sees_release_and_count() -> None:
    system = Answering({"/api/health": (200, {"version": "12.1.0", "database": "ok"}), ALERTS: (200, [])})
    assert await asked(system).probe() == "Grafana 12.1.0, 0 alerts fire"


@pytest.mark.parametrize("values", ["", "no json", "[1]", '{"A": "x"}', "[" * 1_000])
async def test_values_that_are_none_are_left_out(values: str) -> None:
    alert = {
        "fingerprint": "f",
        "labels": {"alertname": "A"},
        "annotations": {"__values__": values},
        "startsAt": "2026-11-23T01:00:00Z",
    }
    (found,) = await asked(Answering({ALERTS: (200, [alert])})).firing()
    assert found.reading is None
    assert found.annotations == {}


@pytest.mark.parametrize(("given", "error"), [((403, {"message": "no"}), Unauthorized), ((200, {"a": 1}), Unreadable)])
async def test_what_can_go_wrong_when_asking(given: tuple[int, object], error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        await asked(Answering({ALERTS: given})).firing()
    assert "glsa_of_test_only" not in str(caught.value)


def test_address_and_token_belong_together() -> None:
    for wrong in ({"url": "http://g"}, {"token": "t"}, {"url": "ftp://g", "token": "t"}):
        with pytest.raises(ValidationError):
            Settings.model_validate(wrong)
