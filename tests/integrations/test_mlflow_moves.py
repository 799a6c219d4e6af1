"""An alias of a real MLflow is moved, while others move it too, answers get lost, or something else answers."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from bot.demo.servers import MlflowServer
from bot.domain.errors import BotError, Conflict, Indeterminate, Refused, Unreachable, Unreadable
from bot.domain.models import Evidence, Observation
from bot.kit.http import HttpClients, Limits
from bot.ports.clock import SystemClock
from integrations.mlflow.adapter import Mlflow, build
from integrations.mlflow.manifest import Settings
from tests.contracts.registry import ALIAS, MODEL, RegistryContract
from tests.integrations.mlflow_server import MOVE, Connect, Direct
from tests.needs import needs
from tests.servers.proxy import Held, Proxy

pytestmark = [needs("mlflow", "bentoml"), pytest.mark.xdist_group("mlflow")]


class TestContract(RegistryContract):
    @pytest.fixture
    async def registry(self, mlflow: MlflowServer, direct: Direct, connect_mlflow: Connect) -> Mlflow:
        return connect_mlflow(mlflow.url)


# ---------------------------------------------------------------- moving


async def test_a_reserved_alias_is_refused_in_mlflows_words(registry: Mlflow) -> None:
    none = await registry.resolve(MODEL, "v1")
    with pytest.raises(Refused, match=r"Version alias name 'v1' is reserved\.") as told:
        await registry.move(MODEL, "v1", "1", expected=none)
    assert told.value.not_done == "Nothing was changed."


async def test_an_alias_that_disappeared_is_a_conflict(registry: Mlflow, direct: Direct) -> None:
    before = await registry.resolve(MODEL, ALIAS)
    await direct.call("DELETE", MOVE, name=MODEL, alias=ALIAS)
    with pytest.raises(Conflict, match=r"champion of fraud-detector points at no version now; .* it was version 3\."):
        await registry.move(MODEL, ALIAS, "2", expected=before)
    assert (await registry.resolve(MODEL, ALIAS)).version is None


async def test_a_move_that_is_not_answered_is_in_doubt_and_sent_once(between: Proxy, direct: Direct) -> None:
    held = Held()

    async def lose(request: Request) -> None:
        if request.method == "POST":
            await held.stand_still()

    between.after = lose
    clients = HttpClients(limits=Limits(read=0.5, attempts=3))
    registry = build(Settings(url=between.url), clients, SystemClock())
    before = await registry.resolve(MODEL, ALIAS)
    with pytest.raises(Indeterminate) as told:
        await registry.move(MODEL, ALIAS, "2", expected=before)
    held.release()
    assert told.value.next_step
    assert between.count("POST", MOVE) == 1
    assert (await registry.resolve(MODEL, ALIAS)).version == "2"
    await clients.aclose()


async def test_a_move_that_cannot_be_read_back_is_in_doubt(between: Proxy, connect_mlflow: Connect) -> None:
    async def down_after_the_move(request: Request) -> Response | None:
        moved = between.count("POST", MOVE) > 0
        return PlainTextResponse("starting", 503) if moved and request.method == "GET" else None

    between.before = down_after_the_move
    registry = connect_mlflow(between.url)
    before = await registry.resolve(MODEL, ALIAS)
    with pytest.raises(Indeterminate, match="MLflow took the move of the alias, and it can't be read back"):
        await registry.move(MODEL, ALIAS, "2", expected=before)


async def test_somebody_who_moves_right_after_us_is_seen(
    between: Proxy, connect_mlflow: Connect, direct: Direct
) -> None:
    async def race(request: Request) -> None:
        if request.method == "POST":
            await direct.point(ALIAS, "1")

    between.after = race
    registry = connect_mlflow(between.url)
    before = await registry.resolve(MODEL, ALIAS)
    with pytest.raises(Indeterminate, match="right afterwards alias champion points at version 1"):
        await registry.move(MODEL, ALIAS, "2", expected=before)


async def test_an_alias_set_between_two_looks_is_found(between: Proxy, connect_mlflow: Connect, direct: Direct) -> None:
    async def late(request: Request) -> None:
        if request.url.path.endswith(MOVE):
            await direct.point("fallback", "1")

    between.after = late
    assert (await connect_mlflow(between.url).resolve(MODEL, "fallback")).version == "1"


# ---------------------------------------------------------------- when MLflow is not itself


def answering(status: int, body: bytes) -> Callable[[Request], Awaitable[Response]]:
    async def answer(_: Request) -> Response:
        return Response(body, status, media_type="text/html" if b"<" in body else "application/json")

    return answer


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (500, b"<title>Internal Server Error</title>", Unreachable, "Internal Server Error"),
        (503, b"starting", Unreachable, "starting"),
        (200, b"<html><title>Log in</title></html>", Unreadable, "web page titled"),
        (200, b"\xff\xfe\x00", Unreadable, "not JSON"),
        (200, b'{"model_version": {"name": 5}}', Unreadable, "not what mlflow documents"),
        (200, b"[" * 100_000, Unreadable, "not JSON"),
        (404, b"<title>Not Found</title>", Refused, "does not know MLflow's API"),
        (403, b"Invalid Host header - possible DNS rebinding attack detected", BotError, "Invalid Host header"),
    ],
)
async def test_something_else_than_mlflow_is_told_for_what_it_is(
    between: Proxy, connect_mlflow: Connect, status: int, body: bytes, error: type[BotError], words: str
) -> None:
    between.before = answering(status, body)
    registry = connect_mlflow(between.url)
    seen = Observation("3", Evidence.REGISTRY, datetime.now(UTC))
    for asked in (registry.resolve(MODEL, ALIAS), registry.move(MODEL, ALIAS, "2", expected=seen)):
        with pytest.raises(error) as told:
            await asked
        assert words in str(told.value)
        assert not isinstance(told.value, Indeterminate)  # the first look failed: nothing was sent
    assert between.passed == []


async def test_the_host_check_of_a_real_mlflow_says_what_helps(
    between: Proxy, mlflow: MlflowServer, connect_mlflow: Connect
) -> None:
    async def from_elsewhere(request: Request) -> Response:
        async with httpx.AsyncClient(trust_env=False) as http:
            answer = await http.get(f"{mlflow.url}{request.url.path}", headers={"host": "mlflow.example"})
        return Response(answer.content, answer.status_code)

    between.before = from_elsewhere
    with pytest.raises(BotError) as told:
        await connect_mlflow(between.url).resolve(MODEL, ALIAS)
    assert "--allowed-hosts" in told.value.next_step


async def test_a_slow_mlflow_is_given_up(between: Proxy) -> None:
    held = Held()

    async def stand_still(_: Request) -> None:
        await held.stand_still()

    between.before = stand_still
    clients = HttpClients(limits=Limits(read=0.2, attempts=1))
    with pytest.raises(Unreachable, match="it took too long"):
        await build(Settings(url=between.url), clients, SystemClock()).versions(MODEL)
    held.release()
    await clients.aclose()


async def test_nobody_there(connect_mlflow: Connect) -> None:
    registry = connect_mlflow("http://127.0.0.1:9")
    for asked in (registry.versions(MODEL), registry.probe(), registry.changes_since(MODEL, datetime.now(UTC))):
        with pytest.raises(Unreachable):
            await asked


async def test_a_version_without_its_runs_metrics_is_still_a_version(between: Proxy, connect_mlflow: Connect) -> None:
    async def forbidden(request: Request) -> Response | None:
        return PlainTextResponse("Permission denied", 403) if "runs/get" in request.url.path else None

    between.before = forbidden
    version = await connect_mlflow(between.url).version(MODEL, "3")
    assert version.metrics == {}
    assert version.signature is not None
