"""BentoML: what a real service says about itself, and every way in which it may not."""

import json
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from bot.demo.servers import Serving
from bot.domain.errors import BadInput, BotError, Unauthorized, Unreachable, Unreadable
from bot.domain.models import Evidence, Probe
from bot.kit.http import HttpClients, Limits
from integrations.bentoml.adapter import Bentoml, build
from integrations.bentoml.manifest import Settings
from integrations.bentoml.wire import plain, versions_in
from tests.contracts.serving import ServingContract
from tests.fakes.clock import FakeClock
from tests.integrations.answering import Answering, answer
from tests.integrations.deliveries import ROOT
from tests.needs import needs
from tests.servers.proxy import Held, Proxy, proxy

URL = "http://fraud.example:3000"
PAYMENT = {"amount": 120.0, "hour": 3, "merchant_risk": 0.4, "country_risk": 0.2}
Answer = tuple[int, object] | httpx.TransportError
OK: Answer = (200, b"\n")
DOCS: Answer = (200, answer("bentoml", "docs"))
CLOSED: Answer = (404, b"Not Found")


def text(name: str) -> bytes:
    return (ROOT / "bentoml" / "fixtures" / name).read_bytes()


METRICS: Answer = (200, text("metrics.txt"))


def service(
    readyz: Answer = OK, docs: Answer = DOCS, metrics: Answer = METRICS, predict: Answer = (200, {"fraud": [0.1]})
) -> Answering:
    return Answering({"/readyz": readyz, "/docs.json": docs, "/metrics": metrics, "/predict": predict})


def posted(body: object, version: str = "") -> Probe:
    return Probe("/predict", version, json.dumps(body))


def adapter(system: Answering, **more: object) -> Bentoml:
    return build(Settings.model_validate({"targets": {"fraud": URL}, **more}), system.clients(), FakeClock())


# ---------------------------------------------------------------- a real one

Connect = Callable[..., Bentoml]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Makes an adapter of the service at an address; it tries once."""
    made: list[HttpClients] = []

    def adapter(url: str, read: float = 5.0, **more: object) -> Bentoml:
        made.append(HttpClients(limits=Limits(read=read, attempts=1)))
        return build(Settings.model_validate({"targets": {"fraud": url}, **more}), made[-1], FakeClock())

    yield adapter
    for clients in made:
        await clients.aclose()


@needs("mlflow", "bentoml")
@pytest.mark.xdist_group("mlflow")
class TestReal(ServingContract):
    naming = Probe("/docs.json", "info.version")

    @pytest.fixture
    async def serving(self, bentoml: Serving, connect: Connect) -> Bentoml:
        return connect(bentoml.url)

    @pytest.fixture
    async def between(self, bentoml: Serving) -> AsyncIterator[Proxy]:
        async with proxy(bentoml.url) as made:
            yield made

    async def test_it_says_itself_which_version_it_is(self, serving: Bentoml) -> None:
        seen = await serving.observe("fraud")
        assert (seen.version, seen.evidence, seen.healthy) == ("3", Evidence.ANSWER, True)
        assert seen.detail == "(/docs.json of fraud_detector)"
        assert await serving.probe() == "BentoML: fraud answers with version 3"

    async def test_a_target_may_be_an_address(self, bentoml: Serving, connect: Connect) -> None:
        assert (await connect("http://127.0.0.1:9").observe(bentoml.url)).version == "3"

    async def test_where_its_documents_are_closed_its_metrics_say_it(self, between: Proxy, connect: Connect) -> None:
        async def close(request: Request) -> Response | None:
            return PlainTextResponse("Not Found", 404) if request.url.path == "/docs.json" else None

        between.before = close
        seen = await connect(between.url).observe("fraud")
        assert (seen.version, seen.detail) == ("3", "(service_version in /metrics)")

    async def test_a_trial_request_that_it_answers(self, serving: Bentoml) -> None:
        seen = await serving.observe("fraud", probes=(posted({"payments": [PAYMENT]}),))
        assert (seen.version, seen.healthy) == ("3", True)
        assert seen.detail == "(/docs.json of fraud_detector; /predict is answered)"

    @pytest.mark.parametrize(
        ("trial", "said"),
        [
            (posted({"payment": PAYMENT}), "/predict is answered with 400: 1 validation error"),
            (posted({"payments": [{}]}), "/predict is answered with 500: "),
            (Probe("/nope"), "/nope is answered with 404: Not Found"),
        ],
    )
    async def test_a_trial_request_that_it_refuses(self, serving: Bentoml, trial: Probe, said: str) -> None:
        seen = await serving.observe("fraud", probes=(trial,))
        assert (seen.version, seen.healthy, seen.in_progress) == ("3", False, False)
        assert said in seen.detail

    async def test_a_slow_service_is_given_up(self, between: Proxy, connect: Connect) -> None:
        held = Held()

        async def stand_still(_: Request) -> None:
            await held.stand_still()

        between.before = stand_still
        with pytest.raises(Unreachable, match="it took too long"):
            await connect(between.url, read=0.2).observe("fraud")
        held.release()

    async def test_nobody_there(self, connect: Connect) -> None:
        serving = connect("http://127.0.0.1:9")
        for asked in (serving.observe("fraud"), serving.probe()):
            with pytest.raises(Unreachable):
                await asked


# ---------------------------------------------------------------- what it says of itself


async def test_the_readiness_check_of_its_own_is_told_in_its_words() -> None:
    seen = await adapter(service(readyz=(503, text("readyz_unready.txt")))).observe("fraud")
    assert (seen.version, seen.healthy, seen.in_progress) == ("3", False, True)
    assert seen.detail == "(it is not ready yet: Service is not ready because .__is_ready__() returns False)"


async def test_a_service_that_is_being_started_has_no_version_yet() -> None:
    starting: Answer = (503, b"")
    seen = await adapter(service(starting, starting, starting)).observe("fraud")
    assert (seen.version, seen.healthy, seen.in_progress) == (None, False, True)


async def test_a_service_from_source_names_no_version() -> None:
    docs, metrics = (200, answer("bentoml", "docs_from_source")), (200, text("metrics_from_source.txt"))
    serving = adapter(service(docs=docs, metrics=metrics))
    seen = await serving.observe("fraud")
    assert (seen.version, seen.healthy, seen.in_progress) == (None, True, False)
    assert "names no version" in seen.detail
    assert await serving.probe() == "BentoML: fraud names no version"


async def test_between_two_versions_it_names_none() -> None:
    both = text("metrics.txt") + text("metrics.txt").replace(b'"v3"', b'"v2"')
    seen = await adapter(service(docs=CLOSED, metrics=(200, both))).observe("fraud")
    assert (seen.version, seen.healthy, seen.in_progress) == (None, False, True)
    assert seen.detail == "(/metrics names versions 3, 2)"


async def test_a_service_that_is_all_closed_is_seen_without_a_version() -> None:
    seen = await adapter(service(CLOSED, (403, b""), CLOSED)).observe("fraud")
    assert (seen.version, seen.healthy) == (None, True)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ((200, b"\xff\xfe"), Unreadable),
        ((200, b"<html><title>Log in</title></html>"), Unreadable),
        ((200, []), Unreadable),
        ((200, {"openapi": "3.0.2"}), Unreadable),
        ((200, {"info": "v3"}), Unreadable),
        ((401, {"message": "who are you?"}), Unauthorized),
        ((500, b"s3cret-proxy-token"), Unreachable),
        ((200, b"x" * (9 * 1024 * 1024)), Unreadable),
        (httpx.ReadError("reset"), Unreachable),
    ],
)
async def test_what_is_no_answer_of_a_bento_is_an_error_never_a_version(given: Answer, error: type[BotError]) -> None:
    with pytest.raises(error) as told:
        await adapter(service(docs=given), token="s3cret-proxy-token").observe("fraud")
    assert "s3cret-proxy-token" not in str(told.value)


async def test_odd_versions_are_none() -> None:
    for odd in (None, "", "  ", "None", "v3\n\u202e", "x" * 300, {"a": 1}, [3]):
        docs: Answer = (200, {"info": {"title": "t", "version": odd}})
        seen = await adapter(service(docs=docs, metrics=CLOSED)).observe("fraud")
        assert seen.version is None or "\n" not in seen.version


async def test_a_trial_that_gets_no_answer_says_so() -> None:
    serving = adapter(service(predict=httpx.ReadError("reset")))
    seen = await serving.observe("fraud", probes=(posted({}),))
    assert (seen.version, seen.healthy) == ("3", False)
    assert "/predict can't be asked" in seen.detail


@pytest.mark.parametrize(
    ("answered", "version", "healthy", "in_progress"),
    [
        ((200, {"model": {"version": "v7"}}), "7", True, False),
        ((200, {"model": {"version": ["7", "v7"]}}), "7", True, False),
        ((200, {"model": {"version": ["7", "8"]}}), None, False, True),
        ((200, {"model": {}}), None, True, False),
        ((200, b"<html></html>"), None, True, False),
        ((500, {"model": {"version": "v7"}}), None, False, False),
        (httpx.ReadError("reset"), None, False, False),
    ],
)
async def test_where_a_probe_says_the_version_nothing_else_is_asked_for_it(
    answered: Answer, version: str | None, healthy: bool, in_progress: bool
) -> None:
    """A bento may have a version of its own, which is not the registry's."""
    system = service(predict=answered)
    seen = await adapter(system).observe("fraud", probes=(posted({}, "model.version"),))
    assert (seen.version, seen.healthy, seen.in_progress) == (version, healthy, in_progress)
    assert seen.evidence is Evidence.ANSWER
    assert [request.url.path for request in system.asked] == ["/readyz", "/predict"]


async def test_one_that_is_not_ready_is_not_probed() -> None:
    system = service(readyz=(503, text("readyz_unready.txt")))
    seen = await adapter(system).observe("fraud", probes=(posted({}, "model.version"),))
    assert (seen.version, seen.healthy, seen.in_progress) == (None, False, True)
    assert [request.url.path for request in system.asked] == ["/readyz"]


async def test_who_the_bot_is_is_told_to_every_target() -> None:
    system = service()
    serving = adapter(system, token="for-a-proxy", headers={"X-Team": "payments"})
    await serving.observe("fraud", probes=(posted([1]),))
    assert {r.headers["authorization"] for r in system.asked} == {"Bearer for-a-proxy"}
    assert {r.headers["x-team"] for r in system.asked} == {"payments"}
    assert [(r.method, r.url.path) for r in system.asked] == [
        ("GET", "/readyz"), ("GET", "/docs.json"), ("POST", "/predict"),
    ]  # fmt: skip
    assert system.asked[-1].content == b"[1]"


@pytest.mark.parametrize(
    "name", ["", "froud", "ftp://fraud", "file:///etc/passwd", "x" * 10_000, "a\nb", "http://", "http://a:b@c"]
)
async def test_what_is_no_target_is_not_asked(name: str) -> None:
    system = service()
    with pytest.raises(BadInput) as told:
        await adapter(system).observe(name)
    assert len(str(told.value)) < 500
    assert system.asked == []


async def test_without_named_services_there_is_nothing_to_probe() -> None:
    assert "no services are named" in await build(Settings(), service().clients(), FakeClock()).probe()


@pytest.mark.parametrize(
    "wrong",
    [{"targets": {"fraud": "fraud:3000"}}, {"token": ""}, {"target": {}}],
)
def test_settings_that_can_not_be_meant(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(wrong)


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("v3", "3"),
        ("V12", "12"),
        ("3", "3"),
        (" v3 ", "3"),
        ("v3-hotfix", "v3-hotfix"),
        ("vnext", "vnext"),
        ("v", "v"),
        ("not available", None),
    ],
)
def test_a_version_as_the_registry_calls_it(said: str, version: str | None) -> None:
    assert plain(said) == version


def test_versions_are_read_off_samples_not_off_comments() -> None:
    comment = '# HELP x service_version="v9"\n'
    assert versions_in(comment + text("metrics.txt").decode()) == ("3",)
    assert versions_in(text("metrics_from_source.txt").decode()) == ()
    assert versions_in('x{service_version="a\\"b"} 1\nx{service_version=""} 1') == ()
