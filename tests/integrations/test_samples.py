"""Whatever the bytes: a delivery is read, or it is `Unreadable`; the same delivery is always read the same."""

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.alert import Alert, AlertStatus, LabelMapping, reading_of, subject_of
from bot.domain.errors import Unreadable
from bot.kit.http import HttpClients
from bot.ports.clock import SystemClock
from bot.ports.systems import AlertSource, Delivery
from integrations.alertmanager.adapter import Alertmanager
from integrations.alertmanager.manifest import Settings as AlertmanagerSettings
from integrations.cloudevents.adapter import CloudEvents
from integrations.cloudevents.manifest import Settings as CloudEventsSettings
from integrations.cloudwatch.adapter import build as build_cloudwatch
from integrations.cloudwatch.manifest import Settings as CloudWatchSettings
from integrations.evidently.adapter import Evidently
from integrations.evidently.manifest import Settings as EvidentlySettings
from integrations.grafana.adapter import Grafana
from integrations.grafana.manifest import Settings as GrafanaSettings
from integrations.opsgenie.adapter import Opsgenie
from integrations.opsgenie.manifest import Settings as OpsgenieSettings
from tests.integrations.deliveries import dead_names, delivery, every, load, names

SOURCES: Mapping[str, AlertSource] = {
    "alertmanager": Alertmanager(AlertmanagerSettings()),
    "cloudevents": CloudEvents(CloudEventsSettings()),
    "cloudwatch": build_cloudwatch(CloudWatchSettings(), HttpClients(), SystemClock()),
    "evidently": Evidently(EvidentlySettings()),
    "grafana": Grafana(GrafanaSettings()),
    "opsgenie": Opsgenie(OpsgenieSettings()),
}
FIXTURES = [(slug, name) for slug in SOURCES for name in names(slug)]
DEAD = [(slug, name) for slug in SOURCES for name in dead_names(slug)]
MAPPING = LabelMapping()

NASTY: list[Any] = [
    None, True, -1, 0, 1.5, 10**30, 10**400, "", "x", "NaN", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00", [], {}, [[]],
    {"a": {"b": []}}, float("nan"), float("inf"), "\x00", "<!channel>\n*b*", "é" * 300, ["firing"], {"status": "firing"},
]  # fmt: skip


def read(slug: str, request: Delivery) -> tuple[Alert, ...] | None:
    """The alerts, or `None` when the delivery is unreadable. Nothing else may happen."""
    try:
        alerts = tuple(SOURCES[slug].alerts(request))
    except Unreadable as error:
        assert_explained(slug, error)
        return None
    for alert in alerts:
        assert_well_formed(slug, alert)
    assert alerts == tuple(SOURCES[slug].alerts(request))
    return alerts


def assert_explained(slug: str, error: Unreadable) -> None:
    assert error.what
    assert error.system == slug
    assert len(str(error)) < 2_000


def assert_well_formed(slug: str, alert: Alert) -> None:
    assert alert.source == slug
    assert alert.fingerprint
    assert alert.name
    assert alert.starts_at.tzinfo is UTC
    assert (alert.ends_at is None) == (alert.status is AlertStatus.FIRING)
    assert all(
        isinstance(k, str) and isinstance(v, str) for k, v in [*alert.labels.items(), *alert.annotations.items()]
    )
    subject_of(alert, MAPPING)
    reading_of(alert, MAPPING)


@pytest.mark.parametrize(("slug", "name"), FIXTURES)
def test_every_fixture_is_read(slug: str, name: str) -> None:
    assert read(slug, load(slug, name)) is not None


@pytest.mark.parametrize(("slug", "name"), DEAD)
def test_every_dead_fixture_is_unreadable(slug: str, name: str) -> None:
    assert read(slug, load(slug, name)) is None


@pytest.mark.parametrize("slug", SOURCES)
def test_the_time_of_arrival_is_no_part_of_the_identity(slug: str) -> None:
    for request in every(slug):
        later = replace(request, received_at=request.received_at.replace(hour=23))
        identities = [
            [(a.instance, a.fingerprint, a.status) for a in SOURCES[slug].alerts(r)] for r in (request, later)
        ]
        assert identities[0] == identities[1]


# ---------------------------------------------------------------- anything at all


@pytest.mark.parametrize("slug", SOURCES)
@settings(max_examples=150, deadline=None)
@given(body=st.binary(max_size=300))
def test_any_bytes(slug: str, body: bytes) -> None:
    read(slug, delivery(body))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(NASTY),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(
            ["alerts", "status", "labels", "startsAt", "endsAt", "metrics", "tests", "metric_results", "state", "data", "type",
             "specversion", "id", "source", "values", "value", "config", "time", "ruleId", "evalMatches", "x"]
        ),
        inner,
        max_size=6,
    ),
    max_leaves=25,
)  # fmt: skip


@pytest.mark.parametrize("slug", SOURCES)
@settings(max_examples=200, deadline=None)
@given(value=json_values)
def test_any_json(slug: str, value: object) -> None:
    read(slug, delivery(value))


@pytest.mark.parametrize("slug", SOURCES)
@settings(max_examples=50, deadline=None)
@given(
    headers=st.dictionaries(
        st.sampled_from(
            ["ce-specversion", "ce-id", "ce-type", "ce-time", "content-type", "x-timestamp", "x-sample-size"]
        ),
        st.text(max_size=30),
    )
)
def test_any_headers(slug: str, headers: dict[str, str]) -> None:
    read(slug, replace(load(slug, names(slug)[0]), headers=headers))


def mutated(value: Any, chance: random.Random) -> Any:
    """The value with one place changed: replaced, removed, doubled, or its text cut."""
    if isinstance(value, dict) and value and chance.random() < 0.85:
        key = chance.choice(list(value))
        if chance.random() < 0.15:
            return {k: v for k, v in value.items() if k != key}
        return {**value, key: mutated(value[key], chance)}
    if isinstance(value, list) and value and chance.random() < 0.85:
        at = chance.randrange(len(value))
        if chance.random() < 0.15:
            return value + value
        return [*value[:at], mutated(value[at], chance), *value[at + 1 :]]
    return chance.choice(NASTY)


@pytest.mark.parametrize(("slug", "name"), FIXTURES)
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_mutations_of_fixtures(slug: str, name: str, seed: int) -> None:
    original = load(slug, name)
    chance = random.Random(seed)
    value = json.loads(original.body)
    for _ in range(chance.randint(1, 3)):
        value = mutated(value, chance)
    read(slug, replace(original, body=json.dumps(value).encode()))


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place of a value; of a list only its first and last items, because the others are alike."""
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*path, key))
    if isinstance(value, list):
        for at in sorted({0, len(value) - 1}) if value else ():
            yield from places(value[at], (*path, at))


def replaced(value: Any, path: tuple[str | int, ...], new: Any) -> Any:
    """The value with another one at a place."""
    if not path:
        return new
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


@pytest.mark.parametrize(
    ("slug", "name"),
    [
        ("alertmanager", "first_firing"), ("grafana", "own_drift_firing"), ("grafana", "legacy_alerting"),
        ("cloudevents", "drift_firing"), ("cloudevents", "seldon_drift"), ("evidently", "p_values"), ("evidently", "dump_dict"),
    ],
)  # fmt: skip
def test_every_nasty_value_in_every_place(slug: str, name: str) -> None:
    original = load(slug, name)
    value = json.loads(original.body)
    outcomes = [
        read(slug, replace(original, body=json.dumps(replaced(value, path, nasty)).encode())) is None
        for path in places(value)
        for nasty in NASTY
    ]
    assert any(outcomes)
    assert not all(outcomes)


@pytest.mark.parametrize(("slug", "name"), FIXTURES)
def test_cut_and_flipped_bytes(slug: str, name: str) -> None:
    original = load(slug, name)
    chance = random.Random(name)
    for _ in range(30):
        at = chance.randrange(len(original.body))
        flipped = original.body[:at] + bytes([chance.randrange(256)]) + original.body[at + 1 :]
        read(slug, replace(original, body=flipped))
        assert read(slug, replace(original, body=original.body[: min(at, len(original.body) - 3)])) is None


# ---------------------------------------------------------------- hostile and huge

HOSTILE = "<!channel> <@U012AB3CD> *bold* `code`\r\n&<script>alert(1)</script>\u202e " + "A" * 20_000


def hostile_body(slug: str) -> Any:
    """A fixture of this source in which every name that a person will read is hostile."""
    by_slug = {
        "alertmanager": "first_firing",
        "grafana": "own_drift_firing",
        "cloudevents": "drift_firing",
        "cloudwatch": "own_eventbridge_alarm",
        "evidently": "dump_dict",
        "opsgenie": "own_create_details",
    }
    body = json.loads(load(slug, by_slug[slug]).body)
    match slug:
        case "alertmanager" | "grafana":
            body["alerts"][0]["labels"] |= {"model_name": HOSTILE, "alertname": HOSTILE}
            body["alerts"][0]["annotations"]["summary"] = HOSTILE
        case "cloudevents":
            body["data"] |= {"model_name": HOSTILE, "summary": HOSTILE}
            body["data"]["features"][0]["name"] = HOSTILE
        case "cloudwatch":
            body["detail"]["alarmName"] = HOSTILE
            metric = body["detail"]["configuration"]["metrics"][0]["metricStat"]["metric"]
            metric["dimensions"] = {"model_name": HOSTILE}
        case "opsgenie":
            body["alert"] |= {"message": HOSTILE, "tags": [f"model_name:{HOSTILE}"], "details": {"model_name": HOSTILE}}
        case _:
            body["metadata"] = {"model_name": HOSTILE}
    return body


@pytest.mark.parametrize("slug", SOURCES)
def test_hostile_text_survives_untouched(slug: str) -> None:
    alerts = read(slug, delivery(hostile_body(slug)))
    assert alerts is not None
    assert alerts[0].labels["model_name"] == HOSTILE
    assert subject_of(alerts[0], MAPPING).model is None


@pytest.mark.parametrize("slug", SOURCES)
@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"alerts":' * 50_000,
        b'{"a":' * 300 + b"1" + b"}" * 300,
        b"",
        b"null",
        b"NaN",
        b"{}",
        b"\xff\xfe{\x00}\x00",
        b'{"alerts": [{"labels": {"a": "\xff"}}]}',
        b'{"alerts": [{"labels": {"a": "\\ud800"}}]}',
        b'{"n": ' + b"9" * 100_000 + b"}",
        b"\x00" * 1_000,
        b"PK\x03\x04",
    ],
    ids=lambda body: repr(body[:20]),
)
def test_what_can_not_be_a_delivery(slug: str, body: bytes) -> None:
    assert read(slug, delivery(body)) is None


@pytest.mark.parametrize("slug", ["alertmanager", "grafana"])
def test_doubled_keys_count_once_and_always_the_same(slug: str) -> None:
    body = b'{"status": "resolved", "alerts": [], "alerts": [{"status": "firing", "status": "resolved", "labels": {"a": "1", "a": "2"}}]}'
    alerts = read(slug, delivery(body))
    assert alerts is not None
    assert [(a.status, a.labels["a"]) for a in alerts] == [(AlertStatus.RESOLVED, "2")]


@pytest.mark.parametrize("slug", ["alertmanager", "grafana"])
def test_a_body_of_five_thousand_alerts(slug: str) -> None:
    alert = {"status": "firing", "labels": {"alertname": "A", "model_name": "m"}, "startsAt": "2026-11-23T01:00:00Z"}
    body = {"alerts": [{**alert, "labels": {**alert["labels"], "n": str(n)}} for n in range(5_000)]}  # type: ignore[dict-item] # labels is the dict above
    alerts = read(slug, delivery(body))
    assert alerts is not None
    assert len({a.fingerprint for a in alerts}) == 5_000


@pytest.mark.parametrize("slug", ["alertmanager", "grafana"])
def test_three_hundred_wrong_alerts_make_one_short_reason(slug: str) -> None:
    body = {"alerts": [{"status": "on fire", "startsAt": "s3cret" * 1_000}] * 300}
    with pytest.raises(Unreadable) as caught:
        SOURCES[slug].alerts(delivery(body))
    assert "alerts.0.status" in caught.value.what
    assert "and 597 more" in caught.value.what
    assert len(str(caught.value)) < 800
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(("slug", "name"), FIXTURES)
def test_a_byte_order_mark_before_the_body_is_passed_over(slug: str, name: str) -> None:
    original = load(slug, name)
    assert read(slug, replace(original, body=b"\xef\xbb\xbf" + original.body)) == read(slug, original)
