"""Alertmanager: what its releases really send, and what is odd about it."""

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from pydantic import SecretStr, ValidationError

from bot.domain.alert import Alert, AlertStatus
from bot.domain.errors import Forged, Refused, Unauthorized, Unreachable, Unreadable
from bot.ports.clock import SystemClock
from integrations.alertmanager.adapter import Alertmanager, PolledAlertmanager, build
from integrations.alertmanager.manifest import Settings
from tests.integrations.answering import Answering, answer
from tests.integrations.deliveries import NOW, delivery, load

SOURCE = Alertmanager(Settings())


def alerts(name: str) -> list[Alert]:
    return list(SOURCE.alerts(load("alertmanager", name)))


def one(**fields: object) -> Alert:
    alert = {"status": "firing", "labels": {"alertname": "A"}, "startsAt": "2026-11-23T01:00:00Z", **fields}
    (read,) = SOURCE.alerts(delivery({"version": "4", "alerts": [alert]}))
    return read


def test_a_captured_alert() -> None:
    (alert,) = alerts("first_firing")
    assert alert.source == "alertmanager"
    assert alert.instance == "http://vm:19093"
    assert alert.fingerprint == "08fa3d443945d529"
    assert alert.name == "ModelFeatureDrift"
    assert alert.status is AlertStatus.FIRING
    assert alert.starts_at == datetime(2026, 11, 23, 1, 0, 13, 573_000, tzinfo=UTC)
    assert alert.ends_at is None
    assert alert.labels["model_name"] == "fraud-detector"
    assert alert.summary == "Feature amount of fraud-detector v3 drifted"
    assert alert.url == "http://vm:19090/graph?g0.expr=model_drift_score+%3E+0.2&g0.tab=1"
    assert alert.reading is None
    assert not alert.truncated


def test_every_alert_has_its_own_status() -> None:
    statuses = {a.labels["feature"]: (a.status, a.ends_at is None) for a in alerts("flap_with_old_resolved")}
    assert statuses == {
        "amount": (AlertStatus.RESOLVED, False),
        "country": (AlertStatus.RESOLVED, False),
        "device_age": (AlertStatus.FIRING, True),
    }


def test_firing_and_resolved_are_the_same_episode() -> None:
    (fired,) = alerts("first_firing")
    ended = next(a for a in alerts("all_resolved") if a.labels["feature"] == "amount")
    assert (ended.fingerprint, ended.instance, ended.starts_at) == (fired.fingerprint, fired.instance, fired.starts_at)
    assert ended.status is AlertStatus.RESOLVED
    assert ended.ends_at is not None
    assert ended.ends_at > ended.starts_at


def test_what_max_alerts_cut_off_is_said() -> None:
    assert all(alert.truncated for alert in alerts("max_20_of_1000_truncated"))
    assert len(alerts("max_20_of_1000_truncated")) == 20


def test_version_3_has_another_group_key_a_zone_and_no_fingerprint() -> None:
    (alert,) = alerts("version_3")
    assert alert.starts_at == datetime(2016, 8, 1, 10, 27, 8, 8_000, tzinfo=UTC)
    assert len(alert.fingerprint) == 16
    assert alert.url == "http://prometheus.host:9090/..."


def test_a_missing_fingerprint_does_not_depend_on_text_or_company() -> None:
    body = json.loads(load("alertmanager", "version_4_without_fingerprint").body)
    fired = next(iter(SOURCE.alerts(delivery(body))))
    body["alerts"][0] |= {
        "status": "resolved",
        "annotations": {"summary": "other words"},
        "endsAt": "2017-08-03T20:00:00Z",
    }
    body["commonLabels"] = {}
    ended = next(iter(SOURCE.alerts(delivery(body))))
    assert ended.fingerprint == fired.fingerprint
    body["alerts"][0]["labels"]["severity"] = "warning"
    assert next(iter(SOURCE.alerts(delivery(body)))).fingerprint != fired.fingerprint


def test_nanoseconds_and_year_one() -> None:
    alert = one(startsAt="2026-11-23T01:00:28.292320313Z", endsAt="0001-01-01T00:00:00+03:00")
    assert alert.starts_at == datetime(2026, 11, 23, 1, 0, 28, 292_000, tzinfo=UTC)
    assert one(startsAt="0001-01-01T00:00:00Z").starts_at == NOW


def test_a_resolved_alert_without_an_end_ended_when_we_were_told() -> None:
    assert one(status="resolved", endsAt="0001-01-01T00:00:00Z").ends_at == NOW
    assert one(status="firing", endsAt="2026-11-23T05:00:00Z").ends_at is None


def test_no_labels_at_all() -> None:
    nothing: tuple[object, ...] = ({}, None)
    for labels in nothing:
        alert = one(labels=labels, generatorURL="http://p/graph?g0.expr=up")
        assert alert.name == "unnamed alert"
        assert alert.fingerprint
        assert alert.fingerprint != one(labels=labels, generatorURL="http://p/graph?g0.expr=down").fingerprint


def test_labels_of_the_group_count_for_an_alert_without_its_own() -> None:
    body = {"alerts": [{"status": "firing"}], "groupLabels": {"alertname": "Grouped"}, "commonLabels": {"env": "prod"}}
    (alert,) = SOURCE.alerts(delivery(body))
    assert alert.name == "Grouped"
    assert alert.labels == {"alertname": "Grouped", "env": "prod"}


def test_the_alerts_status_may_stand_above() -> None:
    body: dict[str, object] = {"status": "resolved", "alerts": [{"labels": {"alertname": "A"}}]}
    (alert,) = SOURCE.alerts(delivery(body))
    assert alert.status is AlertStatus.RESOLVED
    del body["status"]
    with pytest.raises(Unreadable, match="neither firing nor resolved"):
        list(SOURCE.alerts(delivery(body)))


def test_fields_of_newer_releases_are_taken_or_ignored() -> None:
    body = json.loads(load("alertmanager", "first_firing").body)
    body |= {"notification_reason": "repeat interval elapsed", "routeLabels": {"team": "ml"}, "somethingNew": [1]}
    body["alerts"][0]["alsoNew"] = {"deep": True}
    assert list(SOURCE.alerts(delivery(body))) == alerts("first_firing")


def test_a_custom_template_is_kept_as_a_dead_letter() -> None:
    with pytest.raises(Unreadable, match=r"alerts: Field required"):
        list(SOURCE.alerts(delivery({"text": "custom payload of 0.32", "secret": "s3cret"})))


def test_a_number_as_a_label_is_its_text() -> None:
    assert one(labels={"alertname": "A", "model_version": 3, "canary": True, "gone": None}).labels == {
        "alertname": "A",
        "model_version": "3",
        "canary": "true",
    }


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "http://x/|<@U1>", "http://x/ y", "http://[", "http://x/" + "a" * 2_000]
)
def test_only_real_addresses_become_links(url: str) -> None:
    assert one(generatorURL=url).url == ""


def test_a_configured_address_names_the_instance_of_deliveries_too() -> None:
    asked = Alertmanager(Settings(url="http://alertmanager:9093/"))
    named = Alertmanager(Settings(url="http://alertmanager:9093", instance="eu1"))
    assert [a.instance for a in asked.alerts(load("alertmanager", "first_firing"))] == ["http://alertmanager:9093"]
    assert [a.instance for a in named.alerts(load("alertmanager", "first_firing"))] == ["eu1"]


def test_verification() -> None:
    body = load("alertmanager", "first_firing")
    assert SOURCE.verify(body) is False
    strict = Alertmanager(Settings(bearer_token=SecretStr("token-of-test")))
    with pytest.raises(Forged):
        strict.verify(body)
    assert strict.verify(delivery(body.body, headers={"Authorization": "Bearer token-of-test"})) is True


def test_five_thousand_alerts_are_read_in_time() -> None:
    body = json.loads(load("alertmanager", "first_firing").body)
    first = body["alerts"][0]
    body["alerts"] = [{**first, "fingerprint": f"{n:016x}"} for n in range(5_000)]
    raw = delivery(body)
    assert len(raw.body) > 2_000_000
    begun = datetime.now(UTC)
    assert len({a.fingerprint for a in SOURCE.alerts(raw)}) == 5_000
    assert datetime.now(UTC) - begun < timedelta(seconds=5)


# ---------------------------------------------------------------- asking

ALERTS = "/api/v2/alerts"
STATUS = "/api/v2/status"


def asked(system: Answering, **more: object) -> PolledAlertmanager:
    adapter = build(
        Settings.model_validate({"url": "http://alertmanager:9093/", **more}), system.clients(), SystemClock()
    )
    assert isinstance(adapter, PolledAlertmanager)
    return adapter


async def test_what_fires_now_is_known_as_its_delivery_would_be() -> None:
    system = Answering({ALERTS: (200, answer("alertmanager", "alerts_active"))})
    poll = asked(system)
    (found,) = await poll.firing()
    (told,) = poll.alerts(load("alertmanager", "first_firing"))
    assert (found.source, found.instance, found.fingerprint) == (told.source, told.instance, told.fingerprint)
    assert (found.name, found.labels, found.url) == (told.name, told.labels, told.url)
    assert found.status is AlertStatus.FIRING
    assert found.ends_at is None
    assert not found.muted
    assert [system.asked[0].url.params[name] for name in ("active", "silenced", "inhibited")] == ["true"] * 3


async def test_what_is_silenced_still_fires_and_is_marked() -> None:
    system = Answering({ALERTS: (200, answer("alertmanager", "alerts_silenced"))})
    (found,) = await asked(system).firing()
    assert found.muted


async def test_credentials_of_the_api_are_not_those_of_deliveries() -> None:
    system = Answering({ALERTS: (200, [])})
    await asked(system, bearer_token="for-deliveries").firing()
    await asked(system, api_token="for-asking").firing()
    await asked(system, api_user="bot", api_password="pass").firing()
    sent = [request.headers.get("authorization") for request in system.asked]
    assert sent == [None, "Bearer for-asking", "Basic Ym90OnBhc3M="]


async def test_the_doctor_sees_release_and_count() -> None:
    status = {"versionInfo": {"version": "0.25.0"}, "cluster": {}}
    system = Answering({STATUS: (200, status), ALERTS: (200, answer("alertmanager", "alerts_active"))})
    assert await asked(system).probe() == "Alertmanager 0.25.0, 1 alerts fire"


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ((200, {"not": "a list"}), Unreadable),
        ((200, [{"labels": {}}]), Unreadable),
        ((200, b"<html><title>Log in</title>"), Unreadable),
        ((401, {"message": "token s3cret-token-xyz is wrong"}), Unauthorized),
        ((503, "starting"), Unreachable),
        ((302, ""), Refused),
        (httpx.ConnectError("refused"), Unreachable),
    ],
)
async def test_what_can_go_wrong_when_asking(
    given: tuple[int, object] | httpx.TransportError, error: type[Exception]
) -> None:
    poll = asked(Answering({ALERTS: given}), api_token="s3cret-token-xyz")
    with pytest.raises(error) as caught:
        await poll.firing()
    assert "s3cret-token-xyz" not in str(caught.value)


def test_without_an_address_nothing_is_asked() -> None:
    adapter = build(Settings(), Answering({}).clients(), SystemClock())
    assert not isinstance(adapter, PolledAlertmanager)


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "alertmanager:9093"},
        {"url": "http://a", "api_user": "u"},
        {"url": "http://a", "api_token": "t", "api_user": "u", "api_password": "p"},
        {"api_token": "t"},
    ],
)
def test_settings_that_contradict_themselves(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(wrong)
