"""MLflow as it really is: a server of our own, with a trained model's three versions."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bot.demo.servers import MlflowServer
from bot.domain.errors import (
    BadInput,
    BotError,
    Conflict,
    Forged,
    Indeterminate,
    NotFound,
    Refused,
    Unreachable,
    Unreadable,
)
from bot.domain.models import Column, Evidence, Observation, compare_signatures
from bot.kit.http import HttpClients, Limits
from bot.ports.clock import SystemClock
from bot.ports.systems import Delivery
from integrations.mlflow.adapter import Mlflow, build
from integrations.mlflow.manifest import Settings
from tests.contracts.registry import ALIAS, MODEL, RegistryContract
from tests.integrations.deliveries import delivery
from tests.needs import needs
from tests.servers.asgi import serving
from tests.servers.proxy import Held, Proxy, proxy

pytestmark = [needs("mlflow", "bentoml"), pytest.mark.xdist_group("mlflow")]
API = "/api/2.0/mlflow"
MOVE = "registered-models/alias"
SECRET = "secret-of-this-tests-webhook"


class Direct:
    """A person at MLflow itself, past the bot."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def call(self, method: str, path: str, **body: object) -> dict[str, object]:
        answer = await self._http.request(method, f"{API}/{path}", json=body)
        assert answer.status_code == 200, answer.text
        value = answer.json()
        assert isinstance(value, dict)
        return value

    async def point(self, alias: str, version: str, model: str = MODEL) -> None:
        await self.call("POST", MOVE, name=model, alias=alias, version=version)


@pytest.fixture
async def direct(mlflow: MlflowServer) -> AsyncIterator[Direct]:
    """Whatever the test before has done: `champion` is on 3, `fallback` is nowhere."""
    async with httpx.AsyncClient(base_url=mlflow.url, trust_env=False) as http:
        found = Direct(http)
        await found.point(ALIAS, "3")
        await found.call("DELETE", MOVE, name=MODEL, alias="fallback")
        yield found


Connect = Callable[[str], Mlflow]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Makes an adapter of MLflow at an address; it tries once."""
    made: list[HttpClients] = []

    def adapter(url: str) -> Mlflow:
        made.append(HttpClients(limits=Limits(read=5.0, attempts=1)))
        return build(Settings(url=url, webhook_secret=SecretStr(SECRET)), made[-1], SystemClock())

    yield adapter
    for clients in made:
        await clients.aclose()


@pytest.fixture
async def registry(mlflow: MlflowServer, direct: Direct, connect: Connect) -> Mlflow:
    return connect(mlflow.url)


@pytest.fixture
async def between(mlflow: MlflowServer, direct: Direct) -> AsyncIterator[Proxy]:
    """Between the bot and MLflow, for what can go wrong there."""
    async with proxy(mlflow.url) as made:
        yield made


class TestContract(RegistryContract):
    @pytest.fixture
    async def registry(self, mlflow: MlflowServer, direct: Direct, connect: Connect) -> Mlflow:
        return connect(mlflow.url)


# ---------------------------------------------------------------- reading


async def test_a_version_shows_what_was_measured_and_where_it_comes_from(
    registry: Mlflow, mlflow: MlflowServer
) -> None:
    version = await registry.version(MODEL, "3")
    assert version.metrics["auc"] > 0.99
    assert version.metrics["recent_auc"] < 0.85
    assert version.tags["git_commit"] == "91e7d2f4"
    assert version.description == "Monthly retraining on the payments of November."
    assert version.url == f"{mlflow.url}/#/models/fraud-detector/versions/3"
    assert version.signature is not None
    assert version.signature.inputs[0] == Column("amount", "double")
    assert [column.name for column in version.signature.outputs] == ["fraud"]


async def test_versions_of_one_model_can_be_exchanged(registry: Mlflow) -> None:
    three, two = await registry.version(MODEL, "3"), await registry.version(MODEL, "2")
    assert three.signature is not None
    assert two.signature is not None
    assert compare_signatures(three.signature, two.signature).compatible


async def test_ready_is_not_loadable(registry: Mlflow, direct: Direct) -> None:
    run = (await direct.call("POST", "runs/create", experiment_id="0"))["run"]
    assert isinstance(run, dict)
    run_id = run["info"]["run_id"]
    made = {"name": "hollow", "source": f"{run['info']['artifact_uri']}/nothing", "run_id": run_id}
    await direct.call("POST", "registered-models/create", name="hollow")
    await direct.call("POST", "model-versions/create", **made)
    await direct.call("POST", "model-versions/create", name="hollow", source="s3://no-such-bucket/model")
    hollow, elsewhere = await registry.version("hollow", "1"), await registry.version("hollow", "2")
    assert (hollow.status.value, hollow.artifact_loadable) == ("ready", False)
    assert (elsewhere.status.value, elsewhere.artifact_loadable) == (
        "ready",
        None,
    )  # a store that this server can't ask
    assert hollow.metrics == {}


async def test_an_unknown_model_is_answered_with_what_was_meant(registry: Mlflow) -> None:
    with pytest.raises(NotFound) as told:
        await registry.versions("fraud-detecter")
    assert str(told.value) == "MLflow has no model fraud-detecter. Nothing was changed. Did you mean fraud-detector?"
    with pytest.raises(NotFound, match=r"MLflow has no version 99 of fraud-detector\."):
        await registry.version(MODEL, "99")


@pytest.mark.parametrize(
    "version", ["", "0", "-1", "03", "1.0", "latest", "²", "٣", "9" * 20, "2147483648", "3\n", "'"]
)
async def test_what_is_no_number_is_no_version(registry: Mlflow, version: str) -> None:
    with pytest.raises(NotFound):
        await registry.version(MODEL, version)
    before = await registry.resolve(MODEL, ALIAS)
    with pytest.raises(BadInput) as refused:
        await registry.move(MODEL, ALIAS, version, expected=before)
    assert refused.value.not_done == "Nothing was changed."


async def test_aliases_are_told_apart_by_case(registry: Mlflow) -> None:
    assert (await registry.resolve(MODEL, "Champion")).version is None


@pytest.mark.parametrize(
    "name",
    [
        "it's",
        'say "x"',
        "a\\b",
        "a%b_c",
        "ünï 😀",
        "a;b--",
        "<b>&z",
        "*bold*`",
        " lead",
        "a.b",
        "name='a' OR 1=1",
        "é" * 200,
    ],
)
async def test_any_name_that_mlflow_takes_is_read_and_moved(
    registry: Mlflow, direct: Direct, mlflow: MlflowServer, name: str
) -> None:
    await direct.call("POST", "registered-models/create", name=name)
    for _ in "12":
        await direct.call("POST", "model-versions/create", name=name, source="s3://nowhere/model")
    none = await registry.resolve(name, ALIAS)
    await registry.move(name, ALIAS, "1", expected=none)
    versions = await registry.versions(name)
    assert [(v.model, v.version, v.aliases) for v in versions] == [(name, "2", ()), (name, "1", (ALIAS,))]
    assert (await registry.version(name, "1")).aliases == (ALIAS,)
    assert versions[0].url.startswith(f"{mlflow.url}/#/models/")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a/b",
        "..",
        "../../etc/passwd",
        "a:b",
        "' OR 1=1 --",
        "'\"",
        "a\nb",
        "nul\x00",
        "\ud83d",
        "x" * 5_000,
        "x" * 70_000,
    ],
)
async def test_no_name_does_harm(registry: Mlflow, name: str) -> None:
    for asked in (registry.versions(name), registry.version(name, "1"), registry.resolve(name, ALIAS)):
        with pytest.raises(BotError) as told:
            await asked
        assert len(str(told.value)) < 1_000
        assert "\n" not in str(told.value)
    with pytest.raises(BotError):
        await registry.resolve(name, "\ud83d")


async def test_many_versions_come_page_by_page(registry: Mlflow, direct: Direct) -> None:
    await direct.call("POST", "registered-models/create", name="prolific")
    await asyncio.gather(
        *(
            direct.call("POST", "model-versions/create", name="prolific", source="s3://nowhere/model")
            for _ in range(205)
        )
    )
    assert [v.version for v in await registry.versions("prolific")] == [str(number) for number in range(205, 0, -1)]


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


async def test_a_move_that_cannot_be_read_back_is_in_doubt(between: Proxy, connect: Connect) -> None:
    async def down_after_the_move(request: Request) -> Response | None:
        moved = between.count("POST", MOVE) > 0
        return PlainTextResponse("starting", 503) if moved and request.method == "GET" else None

    between.before = down_after_the_move
    registry = connect(between.url)
    before = await registry.resolve(MODEL, ALIAS)
    with pytest.raises(Indeterminate, match="MLflow took the move of the alias, and it can't be read back"):
        await registry.move(MODEL, ALIAS, "2", expected=before)


async def test_somebody_who_moves_right_after_us_is_seen(between: Proxy, connect: Connect, direct: Direct) -> None:
    async def race(request: Request) -> None:
        if request.method == "POST":
            await direct.point(ALIAS, "1")

    between.after = race
    registry = connect(between.url)
    before = await registry.resolve(MODEL, ALIAS)
    with pytest.raises(Indeterminate, match="right afterwards alias champion points at version 1"):
        await registry.move(MODEL, ALIAS, "2", expected=before)


async def test_an_alias_set_between_two_looks_is_found(between: Proxy, connect: Connect, direct: Direct) -> None:
    async def late(request: Request) -> None:
        if request.url.path.endswith(MOVE):
            await direct.point("fallback", "1")

    between.after = late
    assert (await connect(between.url).resolve(MODEL, "fallback")).version == "1"


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
    between: Proxy, connect: Connect, status: int, body: bytes, error: type[BotError], words: str
) -> None:
    between.before = answering(status, body)
    registry = connect(between.url)
    seen = Observation("3", Evidence.REGISTRY, datetime.now(UTC))
    for asked in (registry.resolve(MODEL, ALIAS), registry.move(MODEL, ALIAS, "2", expected=seen)):
        with pytest.raises(error) as told:
            await asked
        assert words in str(told.value)
        assert not isinstance(told.value, Indeterminate)  # the first look failed: nothing was sent
    assert between.passed == []


async def test_the_host_check_of_a_real_mlflow_says_what_helps(
    between: Proxy, mlflow: MlflowServer, connect: Connect
) -> None:
    async def from_elsewhere(request: Request) -> Response:
        async with httpx.AsyncClient(trust_env=False) as http:
            answer = await http.get(f"{mlflow.url}{request.url.path}", headers={"host": "mlflow.example"})
        return Response(answer.content, answer.status_code)

    between.before = from_elsewhere
    with pytest.raises(BotError) as told:
        await connect(between.url).resolve(MODEL, ALIAS)
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


async def test_nobody_there(connect: Connect) -> None:
    registry = connect("http://127.0.0.1:9")
    for asked in (registry.versions(MODEL), registry.probe(), registry.changes_since(MODEL, datetime.now(UTC))):
        with pytest.raises(Unreachable):
            await asked


async def test_a_version_without_its_runs_metrics_is_still_a_version(between: Proxy, connect: Connect) -> None:
    async def forbidden(request: Request) -> Response | None:
        return PlainTextResponse("Permission denied", 403) if "runs/get" in request.url.path else None

    between.before = forbidden
    version = await connect(between.url).version(MODEL, "3")
    assert version.metrics == {}
    assert version.signature is not None


# ---------------------------------------------------------------- what was changed


async def test_the_feed_tells_who_promoted_what_and_when(registry: Mlflow) -> None:
    made = (await registry.version(MODEL, "3")).created_at
    changes = await registry.changes_since(MODEL, made - timedelta(hours=1))
    assert [(c.kind, c.text, c.by) for c in changes] == [
        ("promotion", "version 3 promoted by Dana", "Dana"),
        ("version", "version 3 registered by run train-fraud-144", ""),
    ]
    assert changes[1].at == made
    assert abs(changes[0].at - made - timedelta(minutes=16)) < timedelta(seconds=1)
    assert [c.kind for c in await registry.changes_since(MODEL, made + timedelta(minutes=1))] == ["promotion"]
    assert len(await registry.changes_since(MODEL, made - timedelta(days=100))) == 6


async def test_nobody_remembers_anything_of_an_unknown_model(registry: Mlflow) -> None:
    assert list(await registry.changes_since("no-such-model", datetime(2000, 1, 1, tzinfo=UTC))) == []


async def test_a_webhook_of_the_real_server_is_authentic_and_tells_of_the_move(
    registry: Mlflow, direct: Direct
) -> None:
    got: asyncio.Queue[Delivery] = asyncio.Queue()

    async def receive(request: Request) -> Response:
        await got.put(delivery(await request.body(), headers=dict(request.headers), at=datetime.now(UTC)))
        return Response()

    async with serving(Starlette(routes=[Route("/hook", receive, methods=["POST"])])) as url:
        events = [{"entity": "MODEL_VERSION_ALIAS", "action": "CREATED"}]
        made = await direct.call("POST", "webhooks", name="tests", url=f"{url}/hook", events=events, secret=SECRET)
        assert isinstance(made["webhook"], dict)
        try:
            told = await _moved_until_told(direct, got)
        finally:
            await direct.call("DELETE", f"webhooks/{made['webhook']['webhook_id']}")
    assert registry.verify(told) is True
    assert list(registry.alerts(told)) == []
    (change,) = registry.changes(told)
    assert (change.model, change.kind, change.version) == (MODEL, "promotion", "2")
    assert abs(change.at - datetime.now(UTC)) < timedelta(minutes=1)
    forged = Delivery(told.body.replace(b'"2"', b'"1"'), told.headers, told.received_at, told.query)
    with pytest.raises(Forged):
        registry.verify(forged)


async def _moved_until_told(direct: Direct, got: "asyncio.Queue[Delivery]") -> Delivery:
    """MLflow remembers for a second which webhooks there are, and may miss the first move."""
    async with asyncio.timeout(60):
        while True:
            await direct.point(ALIAS, "2")
            try:
                return await asyncio.wait_for(got.get(), 2)
            except TimeoutError:
                continue


async def test_the_doctor_sees_release_and_models(registry: Mlflow) -> None:
    said = await registry.probe()
    assert said.startswith("MLflow 3.17.2, ")
    assert said.endswith(" models")
