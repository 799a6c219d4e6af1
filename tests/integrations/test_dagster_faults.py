"""What can go wrong between the bot and a real Dagster: each is told for what it is, and a run is never started twice."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest
from starlette.requests import Request
from starlette.responses import Response

from bot.domain.errors import (
    BotError,
    Conflict,
    Indeterminate,
    NotFound,
    RateLimited,
    Refused,
    Unauthorized,
    Unreachable,
    Unreadable,
)
from bot.kit.http import HttpClients, Limits
from bot.ports.clock import SystemClock
from bot.ports.systems import RunState, Scalar
from integrations.dagster.adapter import Dagster, build
from integrations.dagster.manifest import Settings
from tests.integrations.dagster_server import Connect, Person, ended
from tests.needs import needs
from tests.servers.dagster import LOCATION, ReadOnly
from tests.servers.dagster import Dagster as Server
from tests.servers.proxy import Held, Proxy

pytestmark = [needs("dagster"), pytest.mark.xdist_group("dagster")]

GIVEN: dict[str, Scalar] = {"model": "fraud-detector"}
Hook = Callable[[Request], Awaitable[Response | None]]


async def is_(request: Request, operation: str) -> bool:
    """Whether it is asked for this."""
    return f" {operation}" in json.loads(await request.body())["query"].split("(")[0].split("{")[0]


class Instead:
    """Answers in Dagster's place to one operation, and counts."""

    def __init__(self, operation: str, status: int, body: bytes) -> None:
        self.asked = 0
        self._operation, self._status, self._body = operation, status, body

    async def __call__(self, request: Request) -> Response | None:
        if not await is_(request, self._operation):
            return None
        self.asked += 1
        return Response(self._body, self._status, media_type="text/html" if b"<" in self._body else "application/json")


def said(call: str, typename: str, **more: object) -> bytes:
    return json.dumps({"data": {call: {"__typename": typename, **more}}}).encode()


def erring(*errors: object) -> bytes:
    return json.dumps({"data": None, "errors": list(errors)}).encode()


# ---------------------------------------------------------------- starting

MISUNDERSTOOD = {"message": "Field 'runId' is not defined.", "locations": [{"line": 2, "column": 3}]}
BROKE = {"message": "database is locked", "locations": [{"line": 2, "column": 3}], "path": ["launchRun"]}
ELSEWHERE = {"message": "upstream timed out"}


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (200, said("launchRun", "UnauthorizedError", message="no"), Unauthorized, "Dagster does not allow it: no."),
        (200, said("launchRun", "RunConflict", message="Run exists"), Conflict, "Run exists."),
        (200, said("launchRun", "PipelineNotFoundError", message="Could not find"), NotFound, "Could not find."),
        (200, said("launchRun", "InvalidStepError", invalidStepKey="x"), Refused, "InvalidStepError: x"),
        (200, said("launchRun", "InvalidOutputError", stepKey="y"), Refused, "InvalidOutputError: y"),
        (200, said("launchRun", "InvalidSubsetError", message="empty"), Refused, "InvalidSubsetError: empty"),
        (200, said("launchRun", "PresetNotFoundError", message="p"), Refused, "PresetNotFoundError: p"),
        (200, said("launchRun", "ConflictingExecutionParamsError", message="c"), Refused, "c)"),
        (200, said("launchRun", "NoModeProvidedError", message="m"), Refused, "m)"),
        (200, said("launchRun", "RunConfigValidationInvalid", errors=[]), Refused, "doesn't take these parameters"),
        (400, erring(MISUNDERSTOOD), Refused, "Field 'runId' is not defined"),
        (500, erring(MISUNDERSTOOD), Refused, "Field 'runId' is not defined"),
        (400, b"No GraphQL query found in the request", Refused, "No GraphQL query found"),
        (413, b"<title>Request Entity Too Large</title>", Refused, "Too Large"),
        (401, b"who are you", Unauthorized, "who are you"),
        (429, b"", RateLimited, "429"),
    ],
)
async def test_a_start_that_is_declined_is_told_so_and_nothing_was_started(
    before_dagster: Proxy, connect_dagster: Connect, person: Person, start_key: str,
    status: int, body: bytes, error: type[BotError], words: str,
) -> None:  # fmt: skip
    before_dagster.before = instead = Instead("Launch", status, body)
    with pytest.raises(error) as told:
        await connect_dagster(before_dagster.url).start("retrain", GIVEN, key=start_key)
    assert words in told.value.what
    assert told.value.not_done.startswith("Nothing was")
    assert instead.asked == 1
    assert await person.runs(start_key) == []


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (
            500,
            said("launchRun", "PythonError", message="a.b.LaunchError: no", causes=[{"message": "E: why"}]),
            "E: why",
        ),
        (200, said("launchRun", "SomethingNew", message="hm"), "SomethingNew: hm"),
        (200, said("launchRun", "LaunchRunSuccess", run=None), "not what dagster documents"),
        (200, said("launchRun", "LaunchRunSuccess", run={"runId": "r", "jobName": "retrain", "status": "X"}), "'X'"),
        (200, erring(BROKE), "database is locked"),
        (500, erring(BROKE), "database is locked"),
        (200, erring(MISUNDERSTOOD, BROKE), "Field 'runId' is not defined"),
        (500, erring(ELSEWHERE), "upstream timed out"),
        (200, b'{"data": {}}', "not what dagster documents"),
        (200, b'{"data": {"launchRun": [[]]}}', "not what dagster documents"),
        (200, b"{}", "nothing that can be read"),
        (200, b"<html><title>Log in</title></html>", "Log in"),
        (200, b"\xff\xfe\x00", "launchRun was sent"),
        (200, b"[" * 100_000, "launchRun was sent"),
        (500, b"<title>Internal Server Error</title>", "Internal Server Error"),
        (502, b"bad gateway", "bad gateway"),
        (200, b'{"data": "' + b"x" * 9_000_000 + b'"}', "more than 8,192 KiB"),
    ],
)
async def test_a_start_whose_answer_says_nothing_for_sure_is_in_doubt_and_sent_once(
    before_dagster: Proxy, dagster: Server, start_key: str, status: int, body: bytes, words: str
) -> None:
    before_dagster.before = instead = Instead("Launch", status, body)
    clients = HttpClients(limits=Limits(attempts=3))
    at = build(Settings(url=before_dagster.url, location=LOCATION), clients, SystemClock())
    with pytest.raises(Indeterminate) as told:
        await at.start("retrain", GIVEN, key=start_key)
    assert words in told.value.what
    assert told.value.next_step
    assert len(str(told.value)) < 1_000
    assert instead.asked == 1
    await clients.aclose()


def impatient(url: str) -> tuple[Dagster, HttpClients]:
    clients = HttpClients(limits=Limits(read=4.0, attempts=3))
    return build(Settings(url=url, location=LOCATION), clients, SystemClock()), clients


async def test_a_start_whose_answer_is_lost_has_had_its_effect_and_is_found(
    before_dagster: Proxy, person: Person, start_key: str
) -> None:
    held = Held()

    async def lose(request: Request) -> None:
        if await is_(request, "Launch"):
            await held.stand_still()

    before_dagster.after = lose
    at, clients = impatient(before_dagster.url)
    with pytest.raises(Indeterminate, match="it took too long"):
        await at.start("retrain", GIVEN, key=start_key)
    await held.arrived.wait()
    held.release()
    (run,) = await person.runs(start_key)
    found = await at.find("retrain", key=start_key)
    assert found is not None
    assert found.id == run["runId"]
    await clients.aclose()


async def test_a_start_that_never_arrives_is_in_doubt_until_it_is_looked_for(
    before_dagster: Proxy, person: Person, start_key: str
) -> None:
    held = Held()
    sent = 0

    async def swallow(request: Request) -> Response | None:
        nonlocal sent
        if not await is_(request, "Launch"):
            return None
        sent += 1
        await held.stand_still()
        return Response("gone", 503)

    before_dagster.before = swallow
    at, clients = impatient(before_dagster.url)
    with pytest.raises(Indeterminate):
        await at.start("retrain", GIVEN, key=start_key)
    assert await at.find("retrain", key=start_key) is None
    held.release()
    assert sent == 1
    assert await person.runs(start_key) == []
    await clients.aclose()


async def test_a_start_that_arrives_late_is_seen_when_it_has_arrived(
    before_dagster: Proxy, person: Person, start_key: str
) -> None:
    held, arrived = Held(), asyncio.Event()

    async def slow(request: Request) -> Response | None:
        if await is_(request, "Launch"):
            await held.stand_still()
        return None

    async def through(request: Request) -> None:
        if await is_(request, "Launch"):
            arrived.set()

    before_dagster.before, before_dagster.after = slow, through
    at, clients = impatient(before_dagster.url)
    with pytest.raises(Indeterminate):
        await at.start("retrain", GIVEN, key=start_key)
    assert await at.find("retrain", key=start_key) is None
    held.release()
    await arrived.wait()
    assert await at.find("retrain", key=start_key) is not None
    assert len(await person.runs(start_key)) == 1
    await clients.aclose()


async def test_nothing_is_sent_when_the_job_can_not_be_read(
    before_dagster: Proxy, connect_dagster: Connect, person: Person, start_key: str
) -> None:
    before_dagster.before = Instead("Job", 500, b"<title>Internal Server Error</title>")
    with pytest.raises(Unreachable):
        await connect_dagster(before_dagster.url).start("retrain", GIVEN, key=start_key)
    assert await person.runs(start_key) == []


# ---------------------------------------------------------------- reading


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (500, b"<title>Internal Server Error</title>", Unreachable, "Internal Server Error"),
        (503, b"starting", Unreachable, "starting"),
        (200, b"<html><title>Log in</title></html>", Unreadable, "web page titled"),
        (200, b"\xff\xfe\x00", Unreadable, "not JSON"),
        (200, b"[1]", Unreadable, "no answer to GraphQL"),
        (200, b'{"data": {"pipelineOrError": 5}}', Unreadable, "not what dagster documents"),
        (400, erring(MISUNDERSTOOD), Unreadable, "does not understand what it is asked: Field 'runId'"),
        (200, erring(BROKE), Unreachable, "database is locked"),
        (500, erring(BROKE), Unreachable, "database is locked"),
        (200, b'{"data": "' + b"x" * 9_000_000 + b'"}', Unreadable, "more than 8,192 KiB"),
        (404, b"<title>Not Found</title>", Refused, "Not Found"),
        (403, b"no", Unauthorized, "no"),
    ],
)
async def test_something_else_than_dagster_is_told_for_what_it_is(
    before_dagster: Proxy, connect_dagster: Connect, status: int, body: bytes, error: type[BotError], words: str
) -> None:
    async def always(_: Request) -> Response:
        return Response(body, status, media_type="text/html" if b"<" in body else "application/json")

    before_dagster.before = always
    at = connect_dagster(before_dagster.url)
    asked: list[Callable[[], Awaitable[object]]] = [
        lambda: at.pipeline("retrain"),
        lambda: at.start("retrain", GIVEN, key="k"),
        lambda: at.find("retrain", key="k"),
        lambda: at.run("retrain", "r"),
        lambda: at.recent("retrain"),
        lambda: at.cancel("retrain", "r"),
        lambda: at.set_paused("retrain", paused=True),
        at.probe,
    ]
    for one in asked:
        with pytest.raises(error) as told:
            await one()
        assert words in str(told.value)
        assert told.value.not_done.startswith("Nothing was")
    assert before_dagster.passed == []


@pytest.mark.parametrize("typename", ["PythonError", "InvalidPipelineRunsFilterError", "UnauthorizedError", "New"])
async def test_what_a_query_is_answered_with_instead(
    before_dagster: Proxy, connect_dagster: Connect, typename: str
) -> None:
    at = connect_dagster(before_dagster.url)
    error = Unauthorized if typename == "UnauthorizedError" else Unreachable
    before_dagster.before = Instead("Runs", 200, said("runsOrError", typename, message="hm"))
    with pytest.raises(error, match="hm"):
        await at.recent("retrain")
    before_dagster.before = Instead("Run", 200, said("runOrError", typename, message="hm"))
    with pytest.raises(error, match="hm"):
        await at.run("retrain", "r")


async def test_a_log_that_can_not_be_read_leaves_which_step_failed(
    before_dagster: Proxy, connect_dagster: Connect, at_dagster: Dagster, start_key: str
) -> None:
    failed = await ended(at_dagster, await at_dagster.start("failing", {}, key=start_key))
    before_dagster.before = Instead("Events", 500, b"")
    assert (await connect_dagster(before_dagster.url).run("failing", failed.id)).detail == "fails"


# ---------------------------------------------------------------- stopping and switching


async def test_a_server_that_only_shows_lets_nothing_be_changed(
    read_only: ReadOnly, connect_dagster: Connect, at_dagster: Dagster, person: Person, start_key: str
) -> None:
    run = await at_dagster.start("retrain", GIVEN, key=start_key)
    at = connect_dagster(read_only.url)
    asked: list[Callable[[], Awaitable[object]]] = [
        lambda: at.start("retrain", GIVEN, key=start_key),
        lambda: at.cancel("retrain", run.id),
        lambda: at.set_paused("retrain", paused=True),
    ]
    for one in asked:
        with pytest.raises(Unauthorized, match="Dagster does not allow it") as told:
            await one()
        assert told.value.not_done == "Nothing was changed."
        assert "--read-only" in told.value.next_step
    assert [one["runId"] for one in await person.runs(start_key)] == [run.id]
    assert (await at.pipeline("retrain")).paused is False
    assert (await at.probe()).endswith("; it may be looked at only")


async def test_a_run_that_can_not_be_stopped_goes_on(
    before_dagster: Proxy, connect_dagster: Connect, at_dagster: Dagster, start_key: str
) -> None:
    run = await at_dagster.start("retrain", GIVEN, key=start_key)
    before_dagster.before = Instead("Terminate", 200, said("terminateRun", "TerminateRunFailure", message="no client."))
    with pytest.raises(Refused, match=r"Dagster can't stop the run .*: no client") as told:
        await connect_dagster(before_dagster.url).cancel("retrain", run.id)
    assert told.value.not_done == "It goes on."


async def test_a_run_that_ends_while_it_is_asked_to_stop_is_no_error(
    before_dagster: Proxy, connect_dagster: Connect, at_dagster: Dagster, start_key: str
) -> None:
    run = await at_dagster.start("bare", {}, key=start_key)

    async def first_it_ends(request: Request) -> Response | None:
        if await is_(request, "Terminate"):
            await ended(at_dagster, run)
        return None

    before_dagster.before = first_it_ends
    await connect_dagster(before_dagster.url).cancel("bare", run.id)
    assert (await at_dagster.run("bare", run.id)).state is RunState.SUCCEEDED


@pytest.mark.parametrize(
    ("typename", "error"),
    [("RunNotFoundError", NotFound), ("PythonError", Indeterminate), ("New", Indeterminate)],
)
async def test_a_stop_that_fails_is_told(
    before_dagster: Proxy, connect_dagster: Connect, at_dagster: Dagster, start_key: str,
    typename: str, error: type[BotError],
) -> None:  # fmt: skip
    run = await at_dagster.start("retrain", GIVEN, key=start_key)
    before_dagster.before = Instead("Terminate", 200, said("terminateRun", typename, message="hm"))
    with pytest.raises(error):
        await connect_dagster(before_dagster.url).cancel("retrain", run.id)


@pytest.mark.parametrize(
    ("typename", "error"),
    [("ScheduleNotFoundError", NotFound), ("PythonError", Indeterminate), ("New", Indeterminate)],
)
async def test_a_switch_that_fails_is_told(
    before_dagster: Proxy, connect_dagster: Connect, typename: str, error: type[BotError]
) -> None:
    before_dagster.before = Instead("StartSchedule", 200, said("startSchedule", typename, message="hm"))
    with pytest.raises(error, match="hm"):
        await connect_dagster(before_dagster.url).set_paused("nightly", paused=False)


async def test_a_switch_that_is_half_done_is_in_doubt(
    before_dagster: Proxy, connect_dagster: Connect, person: Person
) -> None:
    for name in ("odd_early", "odd_late"):
        await person.start_schedule(name)
    stopped = 0

    async def only_one(request: Request) -> Response | None:
        nonlocal stopped
        if not await is_(request, "StopSchedule"):
            return None
        stopped += 1
        return Response("starting", 400) if stopped > 1 else None

    before_dagster.before = only_one
    with pytest.raises(
        Indeterminate, match="odd_early was switched, and odd_late was not: Dagster does not understand"
    ):
        await connect_dagster(before_dagster.url).set_paused("odd", paused=True)


async def test_a_switch_that_can_not_be_read_back_is_in_doubt(
    before_dagster: Proxy, connect_dagster: Connect, person: Person
) -> None:
    down = Instead("Job", 503, b"starting")

    async def after(request: Request) -> None:
        if await is_(request, "StopSchedule"):
            before_dagster.before = down

    before_dagster.after = after
    at = connect_dagster(before_dagster.url)
    with pytest.raises(Indeterminate, match="retrain was switched, and can't be read back"):
        await at.set_paused("retrain", paused=True)
    before_dagster.before = None

    async def race(request: Request) -> None:
        if await is_(request, "StartSchedule"):
            await person.stop_schedule("retrain")

    before_dagster.after = race
    with pytest.raises(Indeterminate, match="retrain was switched, and is not what it was switched to"):
        await at.set_paused("retrain", paused=False)
    await person.start_schedule("retrain_schedule")
