"""Opsgenie: odd numbers, actions that say nothing, our own alerts, and what is asked of it and of Operations."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from jsonschema import ValidationError as SchemaError
from pydantic import SecretStr, ValidationError

from bot.domain.alert import Alert, AlertStatus
from bot.domain.errors import RateLimited, Unauthorized, Unreachable, Unreadable
from bot.ports.systems import AlertPoll
from integrations.opsgenie.adapter import LOOKS, Opsgenie, PolledOpsgenie, build
from integrations.opsgenie.manifest import Settings
from tests.contracts.alert_poll import MODEL, AlertPollContract
from tests.fakes.clock import FakeClock
from tests.fakes.opsgenie import CLOUD, FakeOpsgenie
from tests.integrations.deliveries import NOW, delivery, load
from tests.integrations.folders import clients, cut

SOURCE = Opsgenie(Settings())


def only(name: str) -> Alert:
    (alert,) = SOURCE.alerts(load("opsgenie", name))
    return alert


def webhook(action: str, **alert: object) -> Mapping[str, object]:
    return {"action": action, "alert": {"alertId": "id-1", "alias": "drift", "message": "ModelDrift", **alert}}


# ---------------------------------------------------------------- deliveries


def test_milliseconds_and_nanoseconds_and_a_number_as_priority() -> None:
    alert = only("create")
    assert (alert.name, alert.instance) == ("another alert", "opsgenie")
    assert alert.starts_at == datetime(2017, 8, 14, 11, 25, 56, 288_000, tzinfo=UTC)
    assert alert.labels == {"alertname": "another alert", "priority": "P3", "entity": "Server"}
    closed = only("own_close")
    assert (closed.fingerprint, closed.starts_at) == (alert.fingerprint, alert.starts_at)
    assert closed.status is AlertStatus.RESOLVED
    assert closed.ends_at == datetime(2017, 8, 14, 11, 30, 56, 288_000, tzinfo=UTC)


def test_details_and_tags_name_the_model() -> None:
    alert = only("own_create_details")
    assert alert.labels.items() >= {
        "model_name": "fraud-detector", "environment": "production", "model_version": "3", "feature": "amount",
        "priority": "P2", "value": "0.31",
    }.items()  # fmt: skip
    assert "night" not in alert.labels
    assert alert.annotations["description"] == "PSI of amount is 0.31 (limit 0.2)"


@pytest.mark.parametrize("name", ["acknowledge", "escalate"])
def test_what_changes_nothing_about_the_problem_tells_nothing(name: str) -> None:
    assert list(SOURCE.alerts(load("opsgenie", name))) == []


@pytest.mark.parametrize("action", ["AddNote", "UnAcknowledge", "TakeOwnership", "Open a ticket", "create"])
def test_actions_of_any_name_tell_nothing(action: str) -> None:
    assert list(SOURCE.alerts(delivery(webhook(action)))) == []


def test_deleting_ends_it_too() -> None:
    (alert,) = SOURCE.alerts(delivery(webhook("Delete")))
    assert (alert.status, alert.ends_at, alert.starts_at) == (AlertStatus.RESOLVED, NOW, NOW)


def test_our_own_alerts_do_not_come_back() -> None:
    assert list(SOURCE.alerts(delivery(webhook("Create", source="mlops-bot")))) == []
    assert list(SOURCE.alerts(delivery(webhook("Create", source="mlops-bots")))) != []
    other = Opsgenie(Settings(own_source="page-bot"))
    assert list(other.alerts(delivery(webhook("Create", source="page-bot")))) == []


@pytest.mark.parametrize(
    "given", [10**40, -(10**40), True, "soon", 1.5e300, None, [], 1502709956, 1502709956288000, "2017-08-14T11:25:56Z"]
)
def test_whatever_stands_for_a_time_is_a_time_or_not_readable(given: object) -> None:
    try:
        (alert,) = SOURCE.alerts(delivery(webhook("Create", createdAt=given)))
    except Unreadable:
        return
    assert alert.starts_at.tzinfo is not None
    if given in (1502709956, 1502709956288000, "2017-08-14T11:25:56Z"):
        assert alert.starts_at.replace(microsecond=0) == datetime(2017, 8, 14, 11, 25, 56, tzinfo=UTC)


@pytest.mark.parametrize(
    ("tag", "label"),
    [
        ("model:fraud", ("model", "fraud")),
        ("model=fraud", ("model", "fraud")),
        ("url=http://x", ("url", "http://x")),
        ("a b:c", None),
        ("model:", None),
        ("plain", None),
        (":x", None),
    ],
)
def test_tags_as_labels(tag: str, label: tuple[str, str] | None) -> None:
    (alert,) = SOURCE.alerts(delivery(webhook("Create", tags=[tag])))
    extra = {key: text for key, text in alert.labels.items() if key != "alertname"}
    assert extra == (dict([label]) if label else {})


# ---------------------------------------------------------------- asking


def polled(fake: FakeOpsgenie, **more: object) -> PolledOpsgenie:
    given: dict[str, object] = {"api_key": SecretStr(fake.key)}
    if fake.moved:
        given = {"cloud_id": CLOUD, "user": "mika@example.com", "api_token": SecretStr(fake.key)}
    made = build(Settings.model_validate(given | more), clients(fake.answer), FakeClock())
    assert isinstance(made, PolledOpsgenie)
    return made


class World:
    """Opsgenie, or Operations."""

    source = "opsgenie"
    many = 120
    mutes = True

    def __init__(self, *, moved: bool) -> None:
        self.fake = FakeOpsgenie(moved=moved)
        self.poll: AlertPoll = polled(self.fake)
        settings = Settings(api_key=SecretStr("key"))
        deaf = build(settings, cut(httpx.ConnectError("refused")), FakeClock())
        assert isinstance(deaf, PolledOpsgenie)
        self.deaf: AlertPoll = deaf
        self._at = datetime(2026, 11, 23, 1, tzinfo=UTC)

    def _id(self, name: str) -> str:
        return next(id_ for id_, alert in self.fake.alerts.items() if alert["message"] == name)

    async def fire(self, name: str) -> None:
        self._at += timedelta(milliseconds=1)
        number = len(self.fake.alerts) + 1
        self.fake.alerts[f"id-{number}"] = {
            "id": f"id-{number}", "tinyId": str(number), "alias": f"alias-{name}", "message": name, "status": "open",
            "createdAt": self._at.isoformat().replace("+00:00", "Z"), "tags": ["ml"], "priority": "P2", "snoozed": False,
            "acknowledged": False, "source": "monitor", "details": {"model_name": MODEL}, "description": "-", "entity": "",
        }  # fmt: skip

    async def end(self, name: str) -> None:
        self.fake.alerts[self._id(name)]["status"] = "closed"

    async def mute(self, name: str) -> None:
        self.fake.alerts[self._id(name)]["snoozed"] = True

    async def delivered(self, name: str) -> Alert | None:
        shown = self.fake.alerts[self._id(name)]
        at = int(datetime.fromisoformat(shown["createdAt"]).timestamp() * 1000)
        more = {key: shown[key] for key in ("alias", "message", "tags", "priority", "details")}
        (alert,) = SOURCE.alerts(delivery(webhook("Create", alertId=shown["id"], createdAt=at, **more)))
        return alert


class TestOpsgenie(AlertPollContract):
    @pytest.fixture
    def world(self) -> World:
        return World(moved=False)


class TestOperations(AlertPollContract):
    @pytest.fixture
    def world(self) -> World:
        return World(moved=True)


async def arranged(*names: str, **more: object) -> tuple[World, PolledOpsgenie]:
    world = World(moved=False)
    for name in names:
        await world.fire(name)
    return world, polled(world.fake, **more)


async def test_details_are_asked_for_once_and_not_for_everything_at_the_same_time() -> None:
    world, poll = await arranged(*(f"Alert{number:03}" for number in range(LOOKS + 10)))
    first = await poll.firing()
    assert [alert.muted for alert in first] == [False] * LOOKS + [True] * 10
    assert first[0].labels["model_name"] == MODEL
    assert not any(alert.muted for alert in await poll.firing())
    looks = [request for request in world.fake.asked if request.url.path.startswith("/v2/alerts/")]
    assert len(looks) == LOOKS + 10
    await poll.firing()
    assert len([request for request in world.fake.asked if request.url.path.startswith("/v2/alerts/")]) == len(looks)


async def test_what_the_query_leaves_out_is_listed_and_not_told() -> None:
    world, poll = await arranged("Ours", "Theirs", query="tag: ml")
    world.fake.alerts["id-2"]["tags"] = []
    assert {alert.name: alert.muted for alert in await poll.firing()} == {"Ours": False, "Theirs": True}


async def test_our_own_alerts_are_not_listed() -> None:
    world, poll = await arranged("Ours", "Theirs")
    world.fake.alerts["id-1"]["source"] = "mlops-bot"
    assert [alert.name for alert in await poll.firing()] == ["Theirs"]


async def test_an_alert_that_is_deleted_while_we_look_is_not_told() -> None:
    world, poll = await arranged("Gone")
    real = world.fake._list

    def listed(given: dict[str, str]) -> httpx.Response:
        answer = real(given)
        world.fake.alerts.clear()
        return answer

    world.fake._list = listed  # type: ignore[method-assign]  # between the two requests
    assert [alert.muted for alert in await poll.firing()] == [True]


async def test_in_operations_what_is_acknowledged_still_fires() -> None:
    world = World(moved=True)
    await world.fire("ModelDrift")
    world.fake.alerts["id-1"]["status"] = "acked"
    assert [alert.name for alert in await world.poll.firing()] == ["ModelDrift"]


async def test_a_list_without_end_is_not_taken_for_all() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        offset = int(request.url.params["offset"])
        return httpx.Response(200, json={"data": [{"id": str(offset + number)} for number in range(100)]})

    poll = build(Settings(api_key=SecretStr("key")), clients(answer), FakeClock())
    assert isinstance(poll, PolledOpsgenie)
    with pytest.raises(Unreadable, match="More than 20000"):
        await poll.firing()


async def test_what_can_go_wrong_when_asking() -> None:
    world, poll = await arranged("ModelDrift")
    world.fake.limits = 1
    with pytest.raises(RateLimited):
        await poll.firing()
    wrong = build(Settings(api_key=SecretStr("wrong")), clients(world.fake.answer), FakeClock())
    assert isinstance(wrong, PolledOpsgenie)
    with pytest.raises(Unauthorized):
        await wrong.firing()
    with pytest.raises(Unreachable):
        await world.deaf.firing()


async def test_the_doctor_is_told_how_many_are_open() -> None:
    _, poll = await arranged("One", "Two")
    assert await poll.probe() == "Opsgenie, 2 alerts are open"


def test_operations_are_asked_at_atlassian() -> None:
    asked: list[str] = []
    settings = Settings(cloud_id=CLOUD, user="mika@example.com", api_token=SecretStr("token"))

    def made(base_url: str, **_: Any) -> Any:
        asked.append(base_url)

    build(settings, made, FakeClock())
    assert asked == ["https://api.atlassian.com"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"cloud_id": CLOUD},
        {"user": "mika@example.com", "api_token": "t"},
        {"api_key": "k", "cloud_id": CLOUD, "user": "u", "api_token": "t"},
        {"cloud_id": "../.."},
        {"own_source": ""},
    ],
)
def test_settings_that_contradict_themselves(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(wrong)


def test_the_stand_in_refuses_what_opsgenie_would() -> None:
    fake = FakeOpsgenie()
    headers = {"authorization": f"GenieKey {fake.key}"}
    for query in ("limit=101", "limit=0", "order=up", "offset=-1", "sort=age"):
        with pytest.raises(SchemaError):
            fake.answer(httpx.Request("GET", f"https://api.opsgenie.com/v2/alerts?{query}", headers=headers))
    with pytest.raises(AssertionError, match="no parameter size"):
        fake.answer(httpx.Request("GET", "https://api.opsgenie.com/v2/alerts?size=1", headers=headers))
    assert json.loads(fake.answer(httpx.Request("GET", "https://x/v2/alerts")).content)["message"]
