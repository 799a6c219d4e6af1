"""The callback of the README, run by a real Airflow, and what is made of it."""

import asyncio
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.domain.alert import Alert, AlertStatus
from bot.domain.errors import Forged, Unreadable
from bot.ports.systems import Delivery
from integrations.airflow.adapter import Airflow, build
from integrations.airflow.manifest import Settings
from tests.fakes.clock import FakeClock
from tests.integrations.airflow_server import Connect, ended
from tests.integrations.answering import Answering
from tests.integrations.deliveries import NOW, delivery, load
from tests.needs import needs
from tests.servers.airflow import BOT, PASSWORDS, WEBHOOK_SECRET
from tests.servers.airflow import Airflow as Server
from tests.servers.asgi import serving


def adapter(secret: str | None = WEBHOOK_SECRET) -> Airflow:
    settings = Settings.model_validate({"url": "http://airflow.example:8080", "webhook_secret": secret})
    return build(settings, Answering({}).clients(), FakeClock())


def only(told: Delivery) -> Alert:
    (alert,) = adapter().alerts(told)
    return alert


def signed(body: bytes, at: datetime = NOW, secret: str = WEBHOOK_SECRET) -> Delivery:
    seconds = str(int(at.timestamp()))
    mac = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return delivery(body, headers={"X-Mlops-Bot-Timestamp": seconds, "X-Mlops-Bot-Signature": f"sha256={mac}"})


@needs("airflow", "postgresql")
@pytest.mark.xdist_group("airflow")
async def test_a_dag_tells_that_it_failed_and_that_it_works_again(
    airflow: Server, connect_airflow: Connect, run_key: str
) -> None:
    got: asyncio.Queue[Delivery] = asyncio.Queue()

    async def receive(request: Request) -> Response:
        await got.put(delivery(await request.body(), headers=dict(request.headers), at=datetime.now(UTC)))
        return Response()

    bot = connect_airflow(airflow.url, username=BOT, password=PASSWORDS[BOT], webhook_secret=SecretStr(WEBHOOK_SECRET))
    async with serving(Starlette(routes=[Route("/alerts/airflow", receive, methods=["POST"])])) as url:
        airflow.say("bot", url)
        told = await _of_a_run(bot, airflow, got, f"{run_key}-bad", "the loss is\nnot a number", 2)
        told += await _of_a_run(bot, airflow, got, f"{run_key}-good", "ok", 1)
    assert all(bot.verify(one) for one in told)
    of_task, of_dag, resolved = (only(one) for one in told)
    assert [alert.status for alert in (of_task, of_dag, resolved)] == ["firing", "firing", "resolved"]
    assert {(alert.instance, alert.fingerprint) for alert in (of_task, of_dag, resolved)} == {
        (airflow.url, of_task.fingerprint)
    }
    assert of_task.summary == f"Run {run_key}-bad of alarmed failed in task train: the loss is not a number"
    assert of_task.labels == {
        "model_name": "fraud-detector", "pipeline": "alarmed", "run": f"{run_key}-bad", "task": "train",
    }  # fmt: skip
    assert of_task.url.startswith(f"{airflow.url}/dags/alarmed/runs/{run_key}-bad/tasks/train")
    assert resolved.summary == f"Run {run_key}-good of alarmed succeeded"
    assert abs(of_task.starts_at - datetime.now(UTC)) < timedelta(minutes=5)


async def _of_a_run(
    bot: Airflow, airflow: Server, got: "asyncio.Queue[Delivery]", key: str, word: str, count: int
) -> list[Delivery]:
    """So many callbacks of a run that ends with this word, the task's first."""
    airflow.say(key, word)
    await bot.start("alarmed", {}, key=key)
    await ended(bot, "alarmed", key)
    async with asyncio.timeout(60):
        found = [await got.get() for _ in range(count)]
    return sorted(found, key=lambda one: b"not a number" not in one.body)


# ---------------------------------------------------------------- as captured


def test_a_failure_and_its_end_are_one_problem() -> None:
    failed, again, over = (only(load("airflow", name)) for name in ("task_failed", "dag_failed", "succeeded"))
    assert failed.fingerprint == again.fingerprint == over.fingerprint
    assert failed.instance == over.instance == "http://airflow.example:8080"
    assert (failed.name, failed.status) == ("PipelineFailed", AlertStatus.FIRING)
    assert (over.status, over.ends_at) == (AlertStatus.RESOLVED, over.starts_at)


def test_dags_are_different_problems() -> None:
    body = json.loads(load("airflow", "task_failed").body)
    other = only(delivery(body | {"dag_id": "nightly"}))
    assert other.fingerprint != only(delivery(body)).fingerprint


def test_hostile_words_stay_words() -> None:
    body = json.loads(load("airflow", "task_failed").body)
    odd = body | {"error": "x\n" * 5_000, "url": "javascript:alert(1)", "labels": {"pipeline": "another", "n": None}}
    alert = only(delivery(odd))
    assert len(alert.summary) < 700
    assert "\n" not in alert.summary
    assert (alert.url, alert.instance) == ("", "")
    assert alert.labels["pipeline"] == body["dag_id"], "the DAG's own name can't be talked away"


@pytest.mark.parametrize(
    "wrong", [{"state": "running"}, {"state": None}, {"dag_id": ""}, {"dag_id": 5}, {"at": "soon"}, {"labels": [1]}]
)
def test_what_is_no_callback_is_unreadable(wrong: dict[str, object]) -> None:
    body = json.loads(load("airflow", "task_failed").body)
    with pytest.raises(Unreadable):
        adapter().alerts(delivery(body | wrong))


# ---------------------------------------------------------------- who sent it


def test_a_callback_is_authentic_by_its_signature() -> None:
    body = load("airflow", "task_failed").body
    assert adapter().verify(signed(body)) is True
    assert adapter(None).verify(signed(body)) is False


@pytest.mark.parametrize(
    "forged",
    [
        signed(b"{}", at=NOW - timedelta(minutes=6)),
        signed(b"{}", at=NOW + timedelta(minutes=6)),
        signed(b"{}", secret="another-secret"),
        delivery(b"{}"),
        Delivery(b'{"a":1}', signed(b"{}").headers, NOW, {}),
        Delivery(b"{}", signed(b"{}").headers | {"x-mlops-bot-timestamp": str(int(NOW.timestamp()) + 1)}, NOW, {}),
        Delivery(b"{}", signed(b"{}").headers | {"x-mlops-bot-signature": "sha256=é"}, NOW, {}),
    ],
)
def test_a_callback_of_somebody_else_is_refused(forged: Delivery) -> None:
    with pytest.raises(Forged) as told:
        adapter().verify(forged)
    assert WEBHOOK_SECRET not in str(told.value)
