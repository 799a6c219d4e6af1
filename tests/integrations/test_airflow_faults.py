"""Between the bot and a real Airflow: answers get lost, or something else answers. A run is never asked for twice."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from bot.domain.errors import BotError, Indeterminate, RateLimited, Refused, Unreachable, Unreadable
from bot.kit.http import HttpClients, Limits
from bot.ports.clock import SystemClock
from bot.ports.systems import RunState
from integrations.airflow.adapter import Airflow, build
from integrations.airflow.manifest import Settings
from tests.integrations.airflow_server import Admin, Connect
from tests.needs import needs
from tests.servers.airflow import BOT, PASSWORDS
from tests.servers.proxy import Held, Proxy

pytestmark = [needs("airflow", "postgresql"), pytest.mark.xdist_group("airflow")]

GIVEN = {"model": "fraud", "epochs": 2}


@pytest.fixture
async def impatient(before_airflow: Proxy) -> AsyncIterator[Airflow]:
    """Waits three seconds for an answer, and would try three times."""
    clients = HttpClients(limits=Limits(read=3.0, attempts=3))
    yield build(
        Settings.model_validate({"url": before_airflow.url, "username": BOT, "password": PASSWORDS[BOT]}),
        clients, SystemClock(),
    )  # fmt: skip
    await clients.aclose()


def starts(request: Request) -> bool:
    return request.method == "POST" and request.url.path.endswith("/dagRuns")


# ---------------------------------------------------------------- lost answers


async def test_a_start_whose_answer_is_lost_is_in_doubt_and_then_found(
    before_airflow: Proxy, impatient: Airflow, run_key: str
) -> None:
    held = Held()

    async def lose(request: Request) -> None:
        if starts(request):
            await held.stand_still()

    before_airflow.after = lose
    with pytest.raises(Indeterminate) as told:
        await impatient.start("retrain", GIVEN, key=run_key)
    held.release()
    assert told.value.next_step
    assert before_airflow.count("POST", "/dagRuns") == 1
    found = await impatient.find("retrain", key=run_key)
    assert found is not None
    assert found.id == run_key
    again = await impatient.start("retrain", GIVEN, key=run_key)
    assert again.id == run_key, "and whoever asks again is given it"


async def test_a_start_that_never_arrives_is_in_doubt_and_then_not_found(
    before_airflow: Proxy, impatient: Airflow, run_key: str, admin: Admin
) -> None:
    held, seen = Held(), []

    async def swallow(request: Request) -> Response | None:
        if not starts(request):
            return None
        seen.append(request.url.path)
        await held.stand_still()
        return PlainTextResponse("too late", 504)

    before_airflow.before = swallow
    with pytest.raises(Indeterminate):
        await impatient.start("retrain", GIVEN, key=run_key)
    held.release()
    assert len(seen) == 1
    assert await impatient.find("retrain", key=run_key) is None
    assert await admin.runs("retrain", run_key) == []


async def test_a_stop_whose_answer_is_lost_is_in_doubt_and_then_seen(
    before_airflow: Proxy, impatient: Airflow, admin: Admin, run_key: str
) -> None:
    held = Held()

    async def lose(request: Request) -> None:
        if request.method == "PATCH":
            await held.stand_still()

    before_airflow.after = lose
    await admin.call("POST", "/dags/nightly/dagRuns", {"dag_run_id": run_key, "logical_date": None})
    with pytest.raises(Indeterminate):
        await impatient.cancel("nightly", run_key)
    held.release()
    assert before_airflow.count("PATCH", run_key) == 1
    assert (await impatient.run("nightly", run_key)).state is RunState.CANCELLED


@pytest.mark.parametrize("times", [1, 2, 3])
async def test_a_stop_that_airflows_database_has_broken_off_is_asked_for_again(
    before_airflow: Proxy, connect_airflow: Connect, admin: Admin, run_key: str, times: int
) -> None:
    """Airflow's API and its scheduler can lock each other out; the real one was seen to answer 500 then."""
    broken: list[str] = []

    async def deadlock(request: Request) -> Response | None:
        if request.method != "PATCH" or len(broken) == times:
            return None
        broken.append(request.url.path)
        return JSONResponse({"detail": {"reason": "Database error", "statement": "hidden"}}, 500)

    before_airflow.before = deadlock
    airflow = connect_airflow(before_airflow.url)
    await admin.call("POST", "/dags/nightly/dagRuns", {"dag_run_id": run_key, "logical_date": None})
    if times == 3:
        with pytest.raises(Indeterminate, match="answered 3 times with an error"):
            await airflow.cancel("nightly", run_key)
    else:
        await airflow.cancel("nightly", run_key)
    assert len(broken) == times
    stopped = (await airflow.run("nightly", run_key)).state
    assert stopped is (RunState.QUEUED if times == 3 else RunState.CANCELLED)


async def test_a_switch_that_cannot_be_read_back_is_in_doubt(before_airflow: Proxy, connect_airflow: Connect) -> None:
    async def down_afterwards(request: Request) -> Response | None:
        switched = before_airflow.count("PATCH", "/bare") > 0
        return PlainTextResponse("starting", 503) if switched and request.method == "GET" else None

    before_airflow.before = down_afterwards
    with pytest.raises(Indeterminate, match="bare was switched, and can't be read back"):
        await connect_airflow(before_airflow.url).set_paused("bare", paused=False)
    assert before_airflow.count("PATCH", "/bare") == 1


# ---------------------------------------------------------------- something else answers


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (PlainTextResponse("boom", 500), Indeterminate),
        (PlainTextResponse("bad gateway", 502), Indeterminate),
        (PlainTextResponse("starting", 503, {"retry-after": "1"}), Indeterminate),
        (PlainTextResponse("<html><title>Log in</title></html>", 200, media_type="text/html"), Indeterminate),
        (JSONResponse({}), Indeterminate),
        (JSONResponse([1, 2]), Indeterminate),
        (JSONResponse({"dag_run_id": "another", "dag_id": "retrain", "state": "queued"}), Indeterminate),
        (PlainTextResponse("x" * (9 * 1024 * 1024)), Indeterminate),
        (RedirectResponse("https://login.example/", 302), Refused),
        (JSONResponse({"detail": "Not Found"}, 404), Refused),
        (JSONResponse({"detail": "no such thing as a mask"}, 422), Refused),
        (JSONResponse({"detail": {"reason": "Unique constraint violation"}}, 409), Refused),
        (PlainTextResponse("slow down", 429, {"retry-after": "7"}), RateLimited),
    ],
    ids=lambda value: f"{value.status_code}-{len(value.body)}" if isinstance(value, Response) else value.__name__,
)
async def test_whatever_answers_a_start_it_is_sent_once_and_not_called_started(
    before_airflow: Proxy, connect_airflow: Connect, run_key: str, answer: Response, error: type[BotError]
) -> None:
    sent: list[str] = []

    async def instead(request: Request) -> Response | None:
        if not starts(request):
            return None
        sent.append(request.url.path)
        return answer

    before_airflow.before = instead
    airflow = connect_airflow(before_airflow.url)
    with pytest.raises(error) as told:
        await airflow.start("retrain", GIVEN, key=run_key)
    assert type(told.value) is error
    assert told.value.not_done
    assert told.value.next_step
    assert len(sent) == 1
    assert await airflow.find("retrain", key=run_key) is None


async def test_a_run_that_is_there_and_can_not_be_looked_at_is_doubt(
    before_airflow: Proxy, connect_airflow: Connect, run_key: str
) -> None:
    airflow = connect_airflow(before_airflow.url)
    await airflow.start("retrain", GIVEN, key=run_key)

    async def hidden(request: Request) -> Response | None:
        return PlainTextResponse("boom", 500) if request.url.path.endswith(run_key) else None

    before_airflow.before = hidden
    with pytest.raises(Indeterminate, match="is there already, and can't be read"):
        await airflow.start("retrain", GIVEN, key=run_key)


Ask = Callable[[Airflow, str], Awaitable[object]]
READS: list[Ask] = [
    lambda airflow, key: airflow.pipeline("retrain"),
    lambda airflow, key: airflow.find("retrain", key=key),
    lambda airflow, key: airflow.run("retrain", key),
    lambda airflow, key: airflow.recent("retrain"),
    lambda airflow, key: airflow.cancel("retrain", key),
    lambda airflow, key: airflow.start("retrain", GIVEN, key=key),
    lambda airflow, key: airflow.probe(),
]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (PlainTextResponse("boom", 500), Unreachable),
        (PlainTextResponse("<html><title>Log in</title></html>", 200, media_type="text/html"), Unreadable),
        (JSONResponse({"nothing": "known"}), Unreadable),
        (JSONResponse({"detail": "Not Found"}, 404), Refused),
        (RedirectResponse("https://login.example/", 302), Refused),
        (PlainTextResponse("x" * (9 * 1024 * 1024)), Unreadable),
    ],
    ids=lambda value: f"{value.status_code}-{len(value.body)}" if isinstance(value, Response) else value.__name__,
)
async def test_whatever_answers_a_question_nothing_follows_from_it(
    before_airflow: Proxy, connect_airflow: Connect, run_key: str, answer: Response, error: type[BotError]
) -> None:
    async def instead(request: Request) -> Response | None:
        return answer if request.method == "GET" and "/version" not in request.url.path else None

    before_airflow.before = instead
    airflow = connect_airflow(before_airflow.url)
    for ask in READS:
        with pytest.raises(error) as told:
            await ask(airflow, run_key)
        assert told.value.not_done
    assert before_airflow.count("POST", "/dagRuns") == 0
    assert before_airflow.count("PATCH", run_key) == 0


async def test_an_airflow_that_is_not_there_is_said_once_and_for_all(connect_airflow: Connect, run_key: str) -> None:
    nobody = connect_airflow("http://127.0.0.1:9")
    for ask in READS:
        with pytest.raises(Unreachable) as told:
            await ask(nobody, run_key)
        assert "integrations.airflow" in told.value.next_step


async def test_many_starts_of_many_keys_at_once(connect_airflow: Connect, before_airflow: Proxy, run_key: str) -> None:
    """Two replicas, two runs, each asked for by both: each is there once."""
    replicas = [connect_airflow(before_airflow.url) for _ in "12"]
    keys = [f"{run_key}-{name}" for name in "ab"]
    runs = await asyncio.gather(*(one.start("retrain", GIVEN, key=key) for key in keys for one in replicas))
    assert sorted({run.id for run in runs}) == keys
