"""MLflow's deliveries and its answers, as captured, and what is odd about them."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr, ValidationError

from bot.domain.errors import BotError, Forged, Unauthorized, Unreadable
from bot.domain.models import Change
from bot.ports.systems import Delivery
from integrations.mlflow.adapter import Mlflow, build
from integrations.mlflow.manifest import Settings
from integrations.mlflow.wire import Measured, moment
from tests.fakes.clock import FakeClock
from tests.integrations.answering import Answering, answer
from tests.integrations.deliveries import delivery, load

URL = "http://mlflow.example:5000"
API = "/api/2.0/mlflow"
SECRET = "webhook-secret-of-the-fixtures"
SENT = datetime.fromtimestamp(1795573022, UTC)


def adapter(system: Answering | None = None, **more: object) -> Mlflow:
    settings = Settings.model_validate({"url": URL, "webhook_secret": SECRET, **more})
    return build(settings, (system or Answering({})).clients(), FakeClock())


def captured(name: str, at: datetime = SENT, **headers: str) -> Delivery:
    """A fixture as it arrived at that moment, with some headers replaced; an empty one is left out."""
    found = load("mlflow", name)
    changed = {key: value for key, value in {**found.headers, **headers}.items() if value}
    return Delivery(found.body, changed, at, found.query)


def told(name: str, **more: object) -> list[Change]:
    return list(adapter(**more).changes(load("mlflow", name)))


def signed(body: bytes, number: str = "1", at: datetime = SENT, secret: str = SECRET) -> Delivery:
    seconds = str(int(at.timestamp()))
    mac = hmac.new(secret.encode(), f"{number}.{seconds}.".encode() + body, hashlib.sha256).digest()
    headers = {
        "x-mlflow-delivery-id": number,
        "x-mlflow-timestamp": seconds,
        "x-mlflow-signature": f"v1,{base64.b64encode(mac).decode()}",
    }
    return Delivery(body, headers, at, {})


# ---------------------------------------------------------------- deliveries


@pytest.mark.parametrize(
    "name",
    ["alias_promoted", "alias_set", "alias_deleted", "tag_set", "tag_deleted", "model_created", "version_created"],
)
def test_a_captured_signature_fits(name: str) -> None:
    assert adapter().verify(captured(name)) is True


@pytest.mark.parametrize(
    "request_",
    [
        captured("alias_promoted", at=SENT + timedelta(minutes=5, seconds=1)),
        captured("alias_promoted", at=SENT - timedelta(minutes=5, seconds=1)),
        captured("alias_promoted", **{"x-mlflow-timestamp": ""}),
        captured("alias_promoted", **{"x-mlflow-timestamp": "1795573023"}),
        captured("alias_promoted", **{"x-mlflow-timestamp": "NaN"}),
        captured("alias_promoted", **{"x-mlflow-delivery-id": ""}),
        captured("alias_promoted", **{"x-mlflow-delivery-id": "another"}),
        captured("alias_promoted", **{"x-mlflow-delivery-id": "\udcff"}),
        captured("alias_promoted", **{"x-mlflow-signature": ""}),
        captured("alias_promoted", **{"x-mlflow-signature": "v1,"}),
        captured("alias_promoted", **{"x-mlflow-signature": "v1,ü"}),
        captured("alias_promoted", **{"x-mlflow-signature": "v2,8eWH4LA+q8+uI7aM3ti3eLam5OtFOfYEMzShLZWDgD4="}),
        captured("alias_promoted", **{"x-mlflow-signature": captured("alias_set").headers["x-mlflow-signature"]}),
        signed(load("mlflow", "alias_promoted").body, secret="another secret"),
        signed(load("mlflow", "alias_promoted").body, number=""),
    ],
)
def test_a_forged_or_stale_delivery_is_refused_without_a_hint(request_: Delivery) -> None:
    with pytest.raises(Forged) as refused:
        adapter().verify(request_)
    assert SECRET not in str(refused.value)


def test_a_changed_body_does_not_fit_its_signature() -> None:
    found = captured("alias_promoted")
    changed = Delivery(found.body.replace(b'"2"', b'"3"'), found.headers, found.received_at, found.query)
    with pytest.raises(Forged):
        adapter().verify(changed)


def test_within_five_minutes_a_clock_may_differ() -> None:
    assert adapter().verify(captured("alias_promoted", at=SENT + timedelta(minutes=4))) is True


def test_without_a_secret_it_cannot_tell() -> None:
    assert build(Settings(url=URL), Answering({}).clients(), FakeClock()).verify(captured("alias_promoted")) is False


def test_a_promotion_is_told_with_its_moment_and_a_link() -> None:
    assert told("alias_promoted") == [
        Change(
            model="fraud-detector",
            kind="promotion",
            text="version 2 promoted: alias champion points at it",
            at=datetime(2026, 11, 25, 2, 17, 2, 420_089, tzinfo=UTC),
            version="2",
            url=f"{URL}/#/models/fraud-detector",
            integration="mlflow",
        )
    ]


@pytest.mark.parametrize(
    ("name", "kind", "text"),
    [
        ("alias_set", "alias", "alias challenger → 3"),
        ("alias_deleted", "alias", "alias challenger removed"),
        ("version_created", "version", "version 1 registered"),
        ("test_delivery", "alias", "alias example_alias → 1"),
    ],
)
def test_what_other_deliveries_tell(name: str, kind: str, text: str) -> None:
    (change,) = told(name)
    assert (change.kind, change.text) == (kind, text)


@pytest.mark.parametrize("name", ["tag_set", "tag_deleted", "model_created"])
def test_what_changes_nothing_about_versions_is_not_told(name: str) -> None:
    assert told(name) == []


def test_which_aliases_mean_live_is_the_teams_own_word() -> None:
    assert told("alias_set", live_aliases=["challenger"])[0].kind == "promotion"
    assert told("alias_promoted", live_aliases=["serving"])[0].kind == "alias"


@pytest.mark.parametrize("name", ["it's <b>", "a\nb", "x" * 10_000, "../..", "`*_~", "\u202egnp.exe", "😀"])
def test_hostile_names_are_carried_as_they_are_and_never_in_a_link(name: str) -> None:
    body = {
        "entity": "model_version_alias",
        "action": "created",
        "data": {"name": name, "alias": name, "version": name},
    }
    (change,) = adapter().changes(delivery(body))
    assert change.model == name
    assert len(change.version) <= 80
    assert len(change.text) < 400
    assert len(change.url) <= 2_000
    assert not set(change.url) & set(" <>`'\n")


@pytest.mark.parametrize(
    "body",
    [
        {"entity": "model_version_alias"},
        {"entity": "model_version_alias", "action": "created", "data": None},
        {"entity": 5, "action": "created", "data": {}},
        {"entity": "model_version", "action": "created", "timestamp": "yesterday", "data": {"name": "m"}},
        [],
    ],
)
def test_what_is_no_delivery_is_unreadable_to_both_readers(body: object) -> None:
    for read in (adapter().alerts, adapter().changes):
        with pytest.raises(Unreadable):
            list(read(delivery(body)))


def test_new_kinds_of_events_are_passed_over() -> None:
    new = {"entity": "budget_policy", "action": "exceeded", "data": {"budget_policy_id": "b-1"}}
    unknown = {"entity": "model_version_alias", "action": "renamed", "data": {"name": "m"}}
    assert [*adapter().changes(delivery(new)), *adapter().changes(delivery(unknown))] == []


def test_a_delivery_without_a_time_happened_when_it_came() -> None:
    body = {"entity": "model_version", "action": "created", "data": {"name": "m", "version": 7}}
    request = delivery(body)
    (change,) = adapter().changes(request)
    assert (change.at, change.version) == (request.received_at, "7")


# ---------------------------------------------------------------- answers


def test_the_newest_value_of_a_metric_counts_and_what_is_no_number_is_none() -> None:
    measured = Measured.model_validate(
        {
            "metrics": [
                {"key": "auc", "value": 0.9, "step": 2, "timestamp": 1},
                {"key": "auc", "value": 0.8, "step": 1, "timestamp": 2},
                {"key": "loss", "value": float("nan")},
                {"key": "mae", "value": None},
            ]
        }
    )
    assert measured.values == {"auc": 0.9}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026-11-25T01:34:54+00:00", datetime(2026, 11, 25, 1, 34, 54, tzinfo=UTC)),
        (" 2026-11-25T02:34:54+01:00\n", datetime(2026, 11, 25, 1, 34, 54, tzinfo=UTC)),
        ("1795570494", datetime(2026, 11, 25, 1, 34, 54, tzinfo=UTC)),
        ("", None),
        ("last week", None),
        ("9" * 400, None),
        ("0001-01-01T00:00:00Z", None),
        ("9999-12-31T23:59:59-12:00", None),
    ],
)
def test_a_moment_in_a_tag(text: str, found: datetime | None) -> None:
    assert moment(text) == found


async def test_a_page_that_never_ends_is_left() -> None:
    page = answer("mlflow", "versions_page_1")
    system = Answering({
        f"{API}/model-versions/search": (200, page),
        f"{API}/registered-models/get": (200, answer("mlflow", "model")),
    })  # fmt: skip
    versions = await adapter(system).versions("fraud-detector")
    assert len(system.asked) == 11
    assert {version.version for version in versions} == {"3", "2"}


async def test_a_version_of_another_model_is_not_taken() -> None:
    system = Answering({
        f"{API}/model-versions/search": (200, answer("mlflow", "versions")),
        f"{API}/registered-models/get": (200, {"registered_model": {"name": "other"}}),
    })  # fmt: skip
    assert list(await adapter(system).versions("other")) == []


@pytest.mark.parametrize(
    ("settings", "header"),
    [
        ({}, None),
        ({"username": "bot", "password": "pass"}, "Basic Ym90OnBhc3M="),
        ({"token": "for-a-proxy"}, "Bearer for-a-proxy"),
    ],
)
async def test_who_the_bot_is(settings: Mapping[str, str], header: str | None) -> None:
    system = Answering({f"{API}/registered-models/alias": (200, answer("mlflow", "alias"))})
    mlflow = adapter(system, headers={"X-Proxy": "for-the-proxy"}, **settings)
    assert (await mlflow.resolve("fraud-detector", "champion")).version == "3"
    (request,) = system.asked
    assert request.headers.get("authorization") == header
    assert request.headers["x-proxy"] == "for-the-proxy"


async def test_a_refused_account_is_told_without_its_password() -> None:
    said = b"You are not authenticated. correct-horse was wrong"
    system = Answering({f"{API}/registered-models/alias": (401, said)})
    with pytest.raises(Unauthorized) as told_:
        await adapter(system, username="bot", password="correct-horse").resolve("m", "champion")
    assert "correct-horse" not in str(told_.value)
    assert "credentials" in told_.value.next_step


async def test_a_server_behind_another_path_is_asked_there() -> None:
    path = "/ml/gateway/registry"
    system = Answering({f"{path}/registered-models/alias": (200, answer("mlflow", "alias"))})
    mlflow = adapter(system, url=f"{URL}/ml", api_path="/gateway/registry")
    await mlflow.resolve("fraud-detector", "champion")
    assert mlflow.plan_move("m", "champion", "2").url == f"{URL}{path}/registered-models/alias"


def test_the_plan_shows_the_call_and_what_mlflow_cannot_promise() -> None:
    call = adapter(password="correct-horse", username="bot").plan_move('say "ü"', "champion", "2")
    assert (call.integration, call.method) == ("mlflow", "POST")
    assert json.loads(call.body) == {"name": 'say "ü"', "alias": "champion", "version": "2"}
    assert "no compare-and-set" in call.note
    assert "correct-horse" not in repr(call)


async def test_links_for_people_lead_to_their_address() -> None:
    system = Answering({
        f"{API}/model-versions/search": (200, answer("mlflow", "versions")),
        f"{API}/registered-models/get": (200, answer("mlflow", "model")),
    })  # fmt: skip
    (newest, *_) = await adapter(system, ui_url="https://mlflow.example/ui/").versions("fraud-detector")
    assert newest.url == "https://mlflow.example/ui/#/models/fraud-detector/versions/3"


WEBHOOKS_LOST = (500, {"error_code": "INTERNAL_ERROR", "message": "Signature did not match digest."})


@pytest.mark.parametrize(
    ("webhooks", "secret", "said"),
    [
        ((200, {}), SECRET, "MLflow 3.17.2, 2 models"),
        (WEBHOOKS_LOST, SECRET, "MLflow 3.17.2, 2 models; its webhooks can't be listed"),
        ((403, b"Permission denied"), SECRET, "MLflow 3.17.2, 2 models; its webhooks can't be listed"),
        (WEBHOOKS_LOST, None, "MLflow 3.17.2, 2 models"),
    ],
)
async def test_the_doctor_hears_of_webhooks_that_were_lost(
    webhooks: tuple[int, object], secret: str | None, said: str
) -> None:
    system = Answering({
        "/version": (200, b"3.17.2"),
        f"{API}/registered-models/search": (200, answer("mlflow", "models")),
        f"{API}/webhooks": webhooks,
    })  # fmt: skip
    settings = Settings(url=URL, webhook_secret=SecretStr(secret) if secret else None)
    assert await build(settings, system.clients(), FakeClock()).probe() == said


async def test_an_old_server_that_does_not_say_its_release() -> None:
    page: Mapping[str, object] = {"registered_models": [{"name": "m"}], "next_page_token": "x"}
    system = Answering({"/version": (404, b""), f"{API}/registered-models/search": (200, page)})
    assert await adapter(system, webhook_secret=None).probe() == "MLflow, 1 or more models"


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "mlflow:5000"},
        {"url": URL, "username": "bot"},
        {"url": URL, "password": "pass"},
        {"url": URL, "token": "t", "username": "bot", "password": "pass"},
        {"url": URL, "api_path": "api"},
        {"url": URL, "api_path": "/api/"},
        {"url": URL, "webhook_secret": ""},
        {"url": URL, "stage": "Production"},
    ],
)
def test_settings_that_contradict_themselves(wrong: Mapping[str, str]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(wrong)


@pytest.mark.parametrize("name", ["alias_unknown", "model_unknown", "version_too_large"])
async def test_a_bare_fault_where_an_answer_was_promised_is_one_of_our_errors(name: str) -> None:
    system = Answering({f"{API}/registered-models/alias": (200, answer("mlflow", name))})
    with pytest.raises(BotError):
        await adapter(system).resolve("fraud-detector", "champion")
