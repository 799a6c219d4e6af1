"""Deliveries by HTTP: 2xx only when it is on disk, never lost, never a redirect, and an answer that says what to do."""

import asyncio
import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest

from bot.domain.alert import Alert
from bot.domain.errors import BotError, Forged, Overloaded, Unreachable, Unreadable
from bot.ports.systems import AlertSource, Delivery
from bot.usecases.fold import Receipt
from bot.usecases.ingest import Intake
from bot.usecases.systems import Systems
from bot.web.alerts import THREAD_FROM
from bot.web.body import Room
from tests.integrations.deliveries import dead_names, load, names
from tests.web.conftest import BEARER, HMAC_SECRET, SLUGS, TOKEN, Site

ONE = {
    "version": "4", "status": "firing", "externalURL": "http://am",
    "alerts": [{
        "status": "firing", "labels": {"alertname": "DataDrift", "model_name": "fraud-detector", "severity": "critical"},
        "annotations": {"summary": "psi 0.42"}, "startsAt": "2026-11-23T03:00:00Z", "fingerprint": "0123456789abcdef",
    }],
}  # fmt: skip
BODY = json.dumps(ONE).encode()


async def test_a_delivery_is_on_disk_before_it_is_answered(site: Site) -> None:
    answer = await site.post("alertmanager", BODY)
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "taken", "opened": 1, "joined": 0, "refreshed": 0, "resolved": 0, "ignored": 0, "changes": 0,
    }  # fmt: skip
    assert (await site.deliveries(), await site.incidents()) == (1, 1)


@pytest.mark.parametrize(
    ("slug", "name"), [(slug, name) for slug in SLUGS for name in (*names(slug), *dead_names(slug))]
)
async def test_every_fixture_is_taken_or_kept(site: Site, slug: str, name: str) -> None:
    request = load(slug, name)
    answer = await site.post(slug, request.body, {**request.headers, **BEARER}, request.query)
    assert answer.status_code == 200
    assert await site.deliveries() == 1
    if name.endswith(".dead"):
        assert answer.json()["status"] == "dead letter"
        assert await site.dead() == [(slug, answer.json()["reason"], request.body)]
    else:
        assert answer.json()["status"] == "taken"
        assert await site.dead() == []


async def test_an_equal_dead_letter_is_counted_and_its_body_kept_once(site: Site) -> None:
    for _ in range(3):
        assert (await site.post("grafana", "not json")).status_code == 200
    assert [body for *_, body in await site.dead()] == [None, None, b"not json"]
    assert await site.deliveries() == 3


# ---------------------------------------------------------------- who may

BASIC = base64.b64encode(f"anybody:{TOKEN}".encode()).decode()


@pytest.mark.parametrize(
    "headers",
    [
        BEARER,
        {"authorization": f"bearer  {TOKEN} "},
        {"authorization": f"Basic {BASIC}"},
        {"Authorization": f"BASIC {BASIC}"},
    ],
)
async def test_the_programs_token_opens_the_door(site: Site, headers: dict[str, str]) -> None:
    assert (await site.post("alertmanager", BODY, headers)).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        None, "", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN.upper()}", TOKEN,
        f"Digest {TOKEN}", "Basic", "Basic %%%", f"Basic {TOKEN}", "Basic " + base64.b64encode(TOKEN.encode()).decode(),
        "Basic " + base64.b64encode(b"u:\xff\xfe").decode(), f"Bearer {TOKEN}, Bearer {TOKEN}",
    ],
)  # fmt: skip
async def test_without_it_nothing_is_taken(site: Site, header: str | None) -> None:
    answer = await site.post("alertmanager", BODY, {} if header is None else {"authorization": header})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert TOKEN not in answer.text
    assert await site.deliveries() == 0


async def test_an_empty_token_lets_nobody_in(site: Site) -> None:
    site.token = ""
    for header in ("Bearer ", "Bearer", "Basic " + base64.b64encode(b"u:").decode()):
        assert (await site.post("alertmanager", BODY, {"authorization": header})).status_code == 401


def signed(body: bytes, secret: str = HMAC_SECRET) -> dict[str, str]:
    return {"X-Grafana-Alerting-Signature": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


async def test_a_source_with_a_secret_of_its_own_needs_no_token(signing: Site) -> None:
    body = load("grafana", "own_drift_firing").body
    assert (await signing.post("grafana", body, signed(body))).status_code == 200
    assert await signing.deliveries() == 1


async def test_a_forged_delivery_is_dropped_and_not_told_why(signing: Site) -> None:
    body = load("grafana", "own_drift_firing").body
    for headers in (signed(body, "wrong"), signed(body + b" "), {}, BEARER, {**BEARER, **signed(b"")}):
        answer = await signing.post("grafana", body, headers)
        assert answer.status_code == 401
        assert "signature" not in answer.text
    assert await signing.deliveries() == 0


# ---------------------------------------------------------------- addresses and methods


async def test_an_unknown_integration_is_not_found_and_what_sends_no_alerts_is_told_so(site: Site) -> None:
    for slug in ("nagios", "..", "%2e%2e", "ALERTMANAGER", "é", "a" * 3_000, "alertmanager%00"):
        assert (await site.post(slug, BODY)).status_code == 404
    answer = await site.post("mlflow", BODY)
    assert (answer.status_code, answer.json()["error"]) == (404, "unknown_integration")
    assert answer.json()["what"] == "The integration mlflow is connected, but it does not send alerts."
    assert await site.deliveries() == 0


async def test_a_trailing_slash_and_put_are_as_good(site: Site) -> None:
    assert (await site.ask("POST", "/alerts/alertmanager/", BODY)).status_code == 200
    assert (await site.ask("PUT", "/alerts/alertmanager", BODY)).status_code == 200
    assert await site.deliveries() == 2


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/alerts/alertmanager", 405), ("HEAD", "/alerts/alertmanager", 405), ("DELETE", "/alerts/alertmanager/", 405),
        ("GET", "/alerts", 404), ("POST", "/alerts/", 404), ("POST", "//alerts/alertmanager", 404), ("GET", "/", 404),
        ("POST", "/alerts/alertmanager/more", 404), ("POST", "/slack/events", 404), ("GET", "/slack/events", 405),
        ("POST", "/slack/events/", 404), ("GET", "/livez/", 404), ("POST", "/livez", 405), ("HEAD", "/livez", 200),
        ("OPTIONS", "/api/incidents", 405), ("GET", "/api/incidents/", 404), ("PATCH", "/api/incidents/INC-1", 405),
    ],
)  # fmt: skip
async def test_no_address_redirects(site: Site, method: str, path: str, status: int) -> None:
    answer = await site.ask(method, path)
    assert answer.status_code == status
    if status == 405:
        assert answer.headers["allow"]


async def test_who_asks_before_sending_is_welcome(site: Site) -> None:
    """CloudEvents' web hooks begin with this; it opens nothing."""
    answer = await site.ask("OPTIONS", "/alerts/cloudevents", headers={"WebHook-Request-Origin": "events.example"})
    assert (answer.status_code, answer.headers["webhook-allowed-origin"]) == (204, "*")
    assert (await site.ask("OPTIONS", "/alerts/nagios")).status_code == 404


# ---------------------------------------------------------------- bodies


async def test_a_body_over_the_limit_is_refused_and_one_of_the_limit_taken(site: Site) -> None:
    site.limits["body_limit"] = len(BODY)
    assert (await site.post("alertmanager", BODY)).status_code == 200
    answer = await site.post("alertmanager", BODY + b" ")
    assert (answer.status_code, answer.json()["error"]) == (413, "too_large")
    assert await site.deliveries() == 1


async def test_a_compressed_body_is_refused_in_words(site: Site) -> None:
    for coding in ("gzip", "br", "gzip, gzip", "identity, gzip"):
        answer = await site.post("alertmanager", BODY, {**BEARER, "content-encoding": coding})
        assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "identity")
    assert (await site.post("alertmanager", BODY, {**BEARER, "content-encoding": "identity"})).status_code == 200
    assert await site.deliveries() == 1


DEAD = {
    "empty": b"", "space": b" ", "null": b"null", "number": b"1", "text": b'"x"', "list": b"[]", "nan": b"NaN", "cut": BODY[:-3],
    "two": BODY + BODY, "deep list": b"[" * 200_000, "deep object": b'{"alerts":' * 100_000, "deep and closed": b'{"alerts": [' + b"[" * 5_000 + b"]" * 5_000 + b"]}",
    "utf-16": BODY.decode().encode("utf-16"), "invalid utf-8": BODY.replace(b"DataDrift", b"Data\xffDrift"), "lone surrogate": BODY.replace(b"DataDrift", b"\\ud800"),
    "form": b"payload=%7B%7D", "gzip": b"\x1f\x8b\x08\x00", "nul": b"\x00" * 100,
    "nan inside": BODY.replace(b'"2026-11-23T03:00:00Z"', b"NaN"), "alerts is an object": b'{"alerts": {}}', "no status": b'{"alerts": [{"labels": {}}]}',
}  # fmt: skip


@pytest.mark.parametrize("name", DEAD)
async def test_what_can_not_be_read_is_kept_and_answered_200(site: Site, name: str) -> None:
    answer = await site.post("alertmanager", DEAD[name])
    assert (answer.status_code, answer.json()["status"]) == (200, "dead letter")
    ((slug, reason, body),) = await site.dead()
    assert (slug, reason, body) == ("alertmanager", answer.json()["reason"], DEAD[name])
    assert reason


READABLE = {
    "byte order mark": b"\xef\xbb\xbf" + BODY, "white space": b"\r\n\t " + BODY + b" \n", "no alerts": b'{"alerts": []}',
    "alert without labels": b'{"alerts": [{"status": "firing"}]}', "labels null": b'{"alerts": [{"status": "firing", "labels": null}]}',
    "doubled keys": BODY.replace(b'"status": "firing", "labels"', b'"status": "resolved", "status": "firing", "labels"'),
    "unknown fields": BODY.replace(b'"version"', b'"new": [1, {"a": null}], "version"'), "year 9999": BODY.replace(b"2026-11-23", b"9999-12-31"),
    "year 2": BODY.replace(b"2026-11-23", b"0002-01-01"),
}  # fmt: skip


@pytest.mark.parametrize("name", READABLE)
async def test_what_is_odd_but_readable_is_taken(site: Site, name: str) -> None:
    answer = await site.post("alertmanager", READABLE[name])
    assert (answer.status_code, answer.json()["status"]) == (200, "taken")
    assert answer.json()["opened"] == (0 if name == "no alerts" else 1)
    assert await site.deliveries() == 1


async def test_the_content_type_does_not_matter(site: Site) -> None:
    for kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "",
        "application/json; charset=utf-16",
        "multipart/form-data",
    ):
        assert (await site.post("alertmanager", BODY, {**BEARER, "content-type": kind})).json()["status"] == "taken"


async def test_labels_of_20_000_characters_that_mention_everybody_are_kept_as_text(site: Site) -> None:
    hostile = "<!channel> <@U012AB3CD>\n*b* <script>alert(1)</script> " + "A" * 20_000
    alert = {**ONE["alerts"][0], "labels": {"alertname": hostile, "model_name": hostile, hostile: hostile}}
    assert (await site.post("alertmanager", json.dumps({**ONE, "alerts": [alert]}))).json()["opened"] == 1
    (incident,) = await site.store.read(lambda tx: tx.incidents.newest(limit=2))
    assert (incident.model, len(incident.title) < 200, "\n" in incident.title) == (None, True, False)


async def test_a_thousand_alerts_in_one_body(site: Site) -> None:
    alerts = [{**ONE["alerts"][0], "fingerprint": f"f{n}", "annotations": {"summary": "x" * 200}} for n in range(1_000)]
    body = json.dumps({**ONE, "alerts": alerts}).encode()
    assert len(body) > THREAD_FROM
    answer = await site.post("alertmanager", body)
    assert (answer.json()["opened"], answer.json()["joined"]) == (1, 999)
    assert await site.incidents() == 1


# ---------------------------------------------------------------- our own faults


class Source(AlertSource):
    """A source that does what a test says, and remembers on which thread."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.fault = fault
        self.threads: list[int] = []

    def verify(self, delivery: Delivery) -> bool:
        return False

    def alerts(self, delivery: Delivery) -> Iterable[Alert]:
        self.threads.append(threading.get_ident())
        if self.fault is not None:
            raise self.fault
        return ()


async def test_an_adapter_that_fails_loses_nothing(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    for fault in (KeyError("x"), RecursionError(), Unreadable("Not what it documents.")):
        site.systems = Systems(sources={"own": Source(fault)})
        site.__dict__.pop("app", None)
        assert (await site.post("own", repr(fault))).json()["status"] == "dead letter"
    reasons = [reason for _, reason, _ in await site.dead()]
    assert reasons == ["Not what it documents.", "reading it failed (RecursionError)", "reading it failed (KeyError)"]
    assert "failed to read a delivery" in caplog.text


async def test_a_large_body_is_read_beside_the_event_loop(site: Site) -> None:
    source = Source()
    site.systems = Systems(sources={"own": source})
    await site.post("own", b"x" * (THREAD_FROM - 1))
    await site.post("own", b"x" * THREAD_FROM)
    here = threading.get_ident()
    assert [thread == here for thread in source.threads] == [True, False]


class FailingIntake(Intake):
    """An intake that can't take."""

    def __init__(self, fault: Exception) -> None:
        self._fault = fault

    async def take(
        self, integration: str, delivery: Delivery, alerts: Sequence[Alert], changes: Sequence[object] = ()
    ) -> Receipt:
        raise self._fault

    async def dead_letter(self, integration: str, delivery: Delivery, reason: str) -> None:
        raise self._fault


@pytest.mark.parametrize(
    "fault", [Overloaded("10000 changes wait."), BotError("The store is closed."), OSError("disk full")]
)
@pytest.mark.parametrize("body", [BODY, b"not json"])
async def test_what_can_not_be_kept_is_503_and_never_429_or_200(site: Site, fault: Exception, body: bytes) -> None:
    site.intake = FailingIntake(fault)
    answer = await site.post("alertmanager", body)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["not_done"] or isinstance(fault, Overloaded | BotError)
    assert "disk full" not in answer.text


async def test_a_closed_store_is_503(site: Site) -> None:
    await site.store.close()
    answer = await site.post("alertmanager", BODY)
    assert answer.status_code == 503


async def test_more_at_once_than_there_is_room_for_is_put_off(site: Site) -> None:
    site.limits["room"] = room = Room(2 * len(BODY) - 1)
    with room.share() as other:
        other.grow(len(BODY))
        answer = await site.post("alertmanager", BODY)
        assert (answer.status_code, answer.json()["error"], answer.headers["retry-after"]) == (503, "overloaded", "5")
        assert room.used == len(BODY)
        assert await site.deliveries() == 0
    assert (await site.post("alertmanager", BODY)).status_code == 200
    assert room.used == 0


async def test_forty_equal_deliveries_at_once_open_one_incident(site: Site) -> None:
    answers = await asyncio.gather(*(site.post("alertmanager", BODY) for _ in range(40)))
    assert sorted(answer.json()["opened"] for answer in answers) == [0] * 39 + [1]
    assert (await site.deliveries(), await site.incidents()) == (40, 1)


async def test_a_delivery_says_when_it_was_repeated(site: Site) -> None:
    await site.post("alertmanager", BODY)
    resolved = replace(load("alertmanager", "all_resolved"), body=BODY.replace(b"firing", b"resolved"))
    outcomes = [(await site.post("alertmanager", body)).json() for body in (BODY, resolved.body, resolved.body, BODY)]
    assert [{k for k, v in o.items() if v == 1} for o in outcomes] == [
        {"refreshed"},
        {"resolved"},
        {"ignored"},
        {"ignored"},
    ]


async def test_who_asks_hears_of_a_delivery_that_was_cut_short_and_of_no_other(site: Site) -> None:
    cut: list[str] = []
    site.limits["cut_short"] = cut.append
    await site.post("alertmanager", load("alertmanager", "first_firing").body)
    assert cut == []
    await site.post("alertmanager", load("alertmanager", "max_20_of_1000_truncated").body)
    assert cut == ["alertmanager"]


async def test_who_listens_hears_of_what_was_taken_and_of_nothing_else(site: Site) -> None:
    heard: list[tuple[str, int]] = []

    async def ear(slug: str, alerts: Sequence[Alert]) -> None:
        heard.append((slug, len(alerts)))

    site.limits["heard"] = ear
    await site.post("alertmanager", "no json")
    await site.post("alertmanager", load("alertmanager", "first_firing").body, {})
    assert heard == []
    await site.post("alertmanager", load("alertmanager", "first_firing").body)
    assert heard == [("alertmanager", 1)]


class Shy(AlertSource):
    """Has to ask somebody before it can judge, and answers a handshake."""

    def __init__(self) -> None:
        self.faults: dict[str, Exception] = {}
        self.done: list[str] = []

    async def prepare(self, delivery: Delivery) -> None:
        self._do("prepare")

    def verify(self, delivery: Delivery) -> bool:
        self._do("verify")
        return True

    def alerts(self, delivery: Delivery) -> Iterable[Alert]:
        self._do("alerts")
        return ()

    async def handshake(self, delivery: Delivery) -> None:
        self._do("handshake")

    def _do(self, what: str) -> None:
        self.done.append(what)
        if what in self.faults:
            raise self.faults[what]


@pytest.mark.parametrize(
    ("where", "fault", "status"),
    [
        ("prepare", Unreachable("Its certificate can't be had.", system="shy"), 503),
        ("prepare", TimeoutError(), 503),
        ("prepare", Forged("It names a certificate of somebody else's.", system="shy"), 401),
        ("handshake", Unreachable("It does not answer.", system="shy"), 503),
        ("handshake", TimeoutError(), 503),
    ],
)
async def test_what_can_not_be_asked_is_put_off_and_not_on_disk(
    site: Site, where: str, fault: Exception, status: int
) -> None:
    shy = Shy()
    site.systems = replace(site.systems, sources={"shy": shy})
    shy.faults[where] = fault
    assert (await site.post("shy", "{}")).status_code == status
    assert await site.deliveries() == 0
    shy.faults.clear()
    shy.done.clear()
    assert (await site.post("shy", "{}")).status_code == 200
    assert await site.deliveries() == 1
    assert shy.done[-4:] == ["prepare", "verify", "alerts", "handshake"]


async def test_a_delivery_that_is_not_authentic_gets_no_handshake(site: Site) -> None:
    shy = Shy()
    site.systems = replace(site.systems, sources={"shy": shy})
    shy.faults["verify"] = Forged("It does not fit.", system="shy")
    assert (await site.post("shy", "{}")).status_code == 401
    assert "handshake" not in shy.done
