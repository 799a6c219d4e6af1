"""KServe is told another version, or another split: refusals, races, lost answers, and what is known after each.

On an API server in memory and, where there is one, on a real one.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from bot.domain.errors import (
    BadInput,
    BotError,
    Conflict,
    Indeterminate,
    IntegrationError,
    Refused,
    Unauthorized,
    Unreachable,
    Unreadable,
)
from bot.domain.models import Evidence, Observation
from bot.ports.systems import Split
from integrations.kserve.adapter import Kserve, KserveDeployer
from tests.integrations.kserve_world import Connect, World, role, uri
from tests.servers.kube import ON_KUBE
from tests.servers.proxy import Held, Proxy

pytestmark = ON_KUBE

SENT = "PATCH"
PAGE = "<html><title>Log in</title></html>"


@pytest.fixture(params=["Knative", "Standard"])
async def served(request: pytest.FixtureRequest, kserve: World) -> World:
    """Version 3 serves, in either mode."""
    await kserve.create("3", mode=str(request.param))
    return kserve


@pytest.fixture
async def shared(kserve: World) -> World:
    """Version 3 gets 20 %, version 2 the rest."""
    await kserve.create("2")
    await kserve.roll_out("3", canary=20)
    await kserve.settle()
    return kserve


def rehearsal(request: Request) -> bool:
    return request.method == SENT and request.query_params.get("dryRun") == "All"


def earnest(request: Request) -> bool:
    return request.method == SENT and "dryRun" not in request.query_params


async def stored(world: World) -> tuple[str, int | None]:
    """What is really there: where the model comes from, and what its newest revision gets."""
    predictor = (await world.get())["spec"]["predictor"]
    return predictor["model"]["storageUri"], predictor.get("canaryTrafficPercent")


# ---------------------------------------------------------------- another version


async def test_exactly_the_planned_call_is_made(served: World, connect_kserve: Connect, between_kube: Proxy) -> None:
    sent: list[tuple[Request, bytes]] = []

    async def note(request: Request) -> None:
        if request.method == SENT:
            sent.append((request, await request.body()))

    between_kube.before = note
    deployer = connect_kserve(server=between_kube.url, ca_file="")
    before = await deployer.observe("fraud")
    call = deployer.plan_serve("fraud", "2")
    await deployer.serve("fraud", "2", expected=before)
    assert [rehearsal(request) for request, _ in sent] == [True, False]
    planned = json.loads(call.body)
    for request, body in sent:
        assert (call.method, call.url) == (request.method, str(request.url).partition("?")[0])
        assert request.query_params["fieldManager"] == "mlops-bot"
        made = json.loads(body)
        assert made["metadata"].pop("resourceVersion") == before.token
        assert planned["metadata"]["resourceVersion"] == "as read right before"
        assert made == planned | {"metadata": {"annotations": {"mlops-bot/version": "2"}}}
    assert served.api.bot not in f"{call}"


async def test_what_kept_requests_elsewhere_is_taken_away(shared: World, connect_kserve: Connect) -> None:
    deployer = connect_kserve()
    split = await deployer.observe("fraud")
    assert split.version is None
    after = await deployer.serve("fraud", "2", expected=split)
    assert (after.version, after.in_progress) == ("2", True)
    assert await stored(shared) == (uri("2"), None)
    await shared.settle()
    assert (await deployer.observe("fraud")).version == "2"


async def test_in_standard_mode_other_canaries_go(kserve: World, connect_kserve: Connect) -> None:
    await kserve.create("2", mode="Standard")
    candidate = {"name": "next", "model": {"modelFormat": {"name": "sklearn"}, "storageUri": uri("3")}}
    await kserve.change({"spec": {"canary": [{"trafficPercent": 10, "predictor": candidate}]}})
    deployer = connect_kserve()
    assert (await deployer.serve("fraud", "2", expected=await deployer.observe("fraud"))).version == "2"
    assert "canary" not in (await kserve.get())["spec"]


async def test_what_else_is_set_stays(served: World, connect_kserve: Connect) -> None:
    await served.change({"metadata": {"labels": {"team": "risk"}}, "spec": {"predictor": {"minReplicas": 2}}})
    await served.settle()
    deployer = connect_kserve()
    before = await served.get()
    await deployer.serve("fraud", "1", expected=await deployer.observe("fraud"))
    after = await served.get()
    wanted = {"minReplicas": 2, "model": before["spec"]["predictor"]["model"] | {"storageUri": uri("1")}}
    assert after["spec"]["predictor"] == wanted
    assert after["metadata"]["labels"] == {"team": "risk"}
    assert after["status"] == before["status"]


async def test_single_targets_have_addresses_of_their_own(served: World, connect_kserve: Connect) -> None:
    own = {f"{served.namespace}/fraud": "models:/{name}-{namespace}/{version}"}
    for deployer in (connect_kserve(storage_uris=own), connect_kserve(storage_uris=own, storage_uri=None)):
        call = deployer.plan_serve("fraud", "2")
        assert f"models:/fraud-{served.namespace}/2" in call.body
    with pytest.raises(BadInput, match=r"Where the versions of .*/other are is not configured"):
        deployer.plan_serve("other", "2")


async def test_without_an_address_it_only_looks(served: World, connect_kserve: Connect) -> None:
    looking = connect_kserve(storage_uri=None)
    assert type(looking) is Kserve
    assert not isinstance(looking, KserveDeployer)
    assert (await looking.observe("fraud")).version == "3"


@pytest.mark.parametrize("version", ["", "../4", "3/4", "3 4", "{version}", "x" * 200, "4\n", "é"])
async def test_a_version_can_not_lead_elsewhere(served: World, connect_kserve: Connect, version: str) -> None:
    deployer = connect_kserve()
    with pytest.raises(BadInput):
        deployer.plan_serve("fraud", version)
    with pytest.raises(BadInput):
        await deployer.serve("fraud", version, expected=await deployer.observe("fraud"))
    assert (await stored(served))[0] == uri("3")


async def test_a_model_from_elsewhere_is_left_alone(kserve: World, connect_kserve: Connect) -> None:
    container = {"name": "kserve-container", "image": "registry.example/fraud:3"}
    await kserve.create("3", mode="ModelMesh", predictor={"containers": [container]})
    deployer = connect_kserve()
    with pytest.raises(BadInput, match=r"has no spec\.predictor\.model\.storageUri"):
        await deployer.serve("fraud", "2", expected=await deployer.observe("fraud"))


async def test_one_that_is_being_deleted_is_told_nothing(kserve: World, connect_kserve: Connect) -> None:
    await kserve.create("3", metadata={"finalizers": ["example.com/wait"]})
    await kserve.do("DELETE", kserve.isvc())
    deployer = connect_kserve()
    with pytest.raises(Conflict, match="is being deleted"):
        await deployer.serve("fraud", "2", expected=await deployer.observe("fraud"))
    await kserve.change({"metadata": {"finalizers": None}})


async def test_an_answer_that_did_not_fit_is_no_hindrance(served: World, connect_kserve: Connect) -> None:
    deployer = connect_kserve()
    seen = await deployer.observe("fraud")
    odd = Observation(None, Evidence.ANSWER, seen.at, token=seen.token)
    assert (await deployer.serve("fraud", "2", expected=odd)).version == "2"


# ---------------------------------------------------------------- another split


async def test_exactly_the_planned_split_is_sent(shared: World, connect_kserve: Connect, between_kube: Proxy) -> None:
    sent: list[bytes] = []

    async def note(request: Request) -> None:
        if earnest(request):
            sent.append(await request.body())

    between_kube.before = note
    splitter = connect_kserve(server=between_kube.url, ca_file="")
    before = await splitter.split("fraud")
    planned = json.loads(splitter.plan_shift("fraud", "2", 65, expected=before).body)
    await splitter.shift("fraud", "2", 65, expected=before)
    assert planned["spec"] == {"predictor": {"canaryTrafficPercent": 35}}
    assert [json.loads(body)["spec"] for body in sent] == [planned["spec"]]


async def test_a_status_that_is_written_meanwhile_does_not_hold_up_a_plan(
    shared: World, connect_kserve: Connect
) -> None:
    splitter = connect_kserve()
    before = await splitter.split("fraud")
    status = (await shared.get())["status"]
    model = status["modelStatus"] | {"copies": {"failedCopies": 0, "totalCopies": 7}}
    await shared.write_status(status | {"modelStatus": model})
    assert (await splitter.shift("fraud", "3", 50, expected=before)).share("3") == 50


async def test_anything_else_that_is_changed_meanwhile_does(shared: World, connect_kserve: Connect) -> None:
    splitter = connect_kserve()
    before = await splitter.split("fraud")
    await shared.change({"spec": {"predictor": {"minReplicas": 3}}})
    with pytest.raises(Conflict, match="it was changed otherwise"):
        await splitter.shift("fraud", "3", 50, expected=before)
    assert (await stored(shared))[1] == 20


async def test_a_revision_that_is_not_ready_gets_no_more(kserve: World, connect_kserve: Connect) -> None:
    await kserve.create("2")
    kserve.controller.broken = {"3"}
    await kserve.roll_out("3", canary=20)
    await kserve.settle()
    splitter = connect_kserve()
    split = await splitter.split("fraud")
    assert split.shares == (("3", 20), ("2", 80))
    assert "requests now: version 2 100 %" in split.detail
    with pytest.raises(Conflict, match=r"The newest revision of .* is not ready"):
        await splitter.shift("fraud", "3", 50, expected=split)
    await splitter.shift("fraud", "3", 0, expected=split)
    await kserve.settle()
    after = await splitter.split("fraud")
    assert (after.shares, after.in_progress) == ((("2", 100),), False)


# ---------------------------------------------------------------- rights


@pytest.mark.parametrize("missing", ["get", "patch"])
async def test_a_missing_right_is_named(kserve: World, connect_kserve: Connect, missing: str) -> None:
    await kserve.create("3", mode="ModelMesh")
    less = role()
    less["rules"][0]["verbs"].remove(missing)
    await kserve.do("PUT", kserve.path("/apis/rbac.authorization.k8s.io/v1", "roles", "mlops-bot-kserve"), less)
    deployer = connect_kserve()
    seen = Observation("3", Evidence.CONTROL_PLANE, deployer._clock.now())
    with pytest.raises(Unauthorized) as told:
        await deployer.serve("fraud", "2", expected=seen)
    user = "system:serviceaccount:ml:mlops-bot"
    assert (
        f'inferenceservices.serving.kserve.io "fraud" is forbidden: User "{user}" cannot {missing}' in told.value.what
    )
    assert f"the verb {missing} on inferenceservices.serving.kserve.io in the namespace" in told.value.next_step
    assert told.value.not_done == ("Nothing was changed." if missing == "patch" else "Nothing was read.")
    assert (await stored(kserve))[0] == uri("3")
    if missing == "patch":
        assert (await deployer.probe()).endswith("; the bot may not patch them")


async def test_who_is_nobody_is_told(kserve: World, connect_kserve: Connect) -> None:
    with pytest.raises(Unauthorized, match=r"\(401: Unauthorized\)") as told:
        await connect_kserve(token="token-that-has-ended").observe("fraud")
    assert "token_file" in told.value.next_step
    assert "token-that-has-ended" not in str(told.value)


async def test_the_bot_can_neither_delete_nor_write_a_status(kserve: World) -> None:
    await kserve.create("3")
    headers = {"authorization": f"Bearer {kserve.api.bot}", "content-type": "application/merge-patch+json"}
    for method, path in (("DELETE", kserve.isvc()), (SENT, f"{kserve.isvc()}/status")):
        answer = await kserve.http.request(method, path, headers=headers, content=b'{"status":{}}')
        assert answer.status_code == 403


# ---------------------------------------------------------------- somebody else

Meanwhile = Callable[[World], Awaitable[object]]


@pytest.mark.parametrize(
    ("meanwhile", "error", "words"),
    [
        (lambda world: world.roll_out("4"), Conflict, "the object has been modified"),
        (lambda world: world.do("DELETE", world.isvc()), Refused, "not found"),
    ],
)
async def test_what_somebody_else_does_between_reading_and_writing_is_kept(
    served: World,
    connect_kserve: Connect,
    between_kube: Proxy,
    meanwhile: Meanwhile,
    error: type[BotError],
    words: str,
) -> None:
    async def race(request: Request) -> None:
        if rehearsal(request):
            await meanwhile(served)

    between_kube.after = race
    deployer = connect_kserve(server=between_kube.url, ca_file="")
    with pytest.raises(error, match=words) as told:
        await deployer.serve("fraud", "2", expected=await deployer.observe("fraud"))
    assert told.value.not_done == "Nothing was changed."
    there = await served.http.get(served.isvc())
    assert there.status_code == 404 or there.json()["spec"]["predictor"]["model"]["storageUri"] == uri("4")


async def test_what_is_stale_is_refused_by_the_rehearsal_already(
    served: World, connect_kserve: Connect, between_kube: Proxy
) -> None:
    async def race(request: Request) -> None:
        if request.method == "GET" and not between_kube.count(SENT, "/fraud"):
            await served.change({"metadata": {"labels": {"seen": str(len(between_kube.passed))}}})

    deployer = connect_kserve(server=between_kube.url, ca_file="")
    seen = Observation("3", Evidence.CONTROL_PLANE, (await deployer.observe("fraud")).at)
    between_kube.after = race
    with pytest.raises(Conflict):
        await deployer.serve("fraud", "2", expected=seen)
    assert between_kube.count(SENT, "/fraud") == 1, "only the rehearsal"


async def test_somebody_who_changes_it_right_after_us_is_seen(
    served: World, connect_kserve: Connect, between_kube: Proxy
) -> None:
    async def race(request: Request) -> None:
        if earnest(request):
            await served.roll_out("4")

    between_kube.after = race
    deployer = connect_kserve(server=between_kube.url, ca_file="")
    with pytest.raises(Indeterminate, match="right afterwards it says version 4"):
        await deployer.serve("fraud", "2", expected=await deployer.observe("fraud"))


async def test_and_so_is_somebody_who_shares_otherwise(
    shared: World, connect_kserve: Connect, between_kube: Proxy
) -> None:
    async def race(request: Request) -> None:
        if earnest(request):
            await shared.change({"spec": {"predictor": {"canaryTrafficPercent": 5}}})

    between_kube.after = race
    splitter = connect_kserve(server=between_kube.url, ca_file="")
    with pytest.raises(Indeterminate, match="right afterwards its requests are shared as version 3 5 %"):
        await splitter.shift("fraud", "3", 50, expected=await splitter.split("fraud"))


# ---------------------------------------------------------------- answers that don't come, or are no answers


async def change(adapter: Kserve, what: str) -> tuple[Callable[[], Awaitable[object]], Callable[[], Awaitable[object]]]:
    """A change of either kind, and how to look whether it was made."""
    if what == "serve":
        assert isinstance(adapter, KserveDeployer)
        before = await adapter.observe("fraud")

        async def version() -> object:
            return (await adapter.observe("fraud")).version == "4"

        return lambda: adapter.serve("fraud", "4", expected=before), version
    split = await adapter.split("fraud")

    async def percent() -> object:
        return (await adapter.split("fraud")).share("3") == 50

    return lambda: adapter.shift("fraud", "3", 50, expected=split), percent


@pytest.mark.parametrize("what", ["serve", "shift"])
@pytest.mark.parametrize("effect", [True, False])
async def test_a_lost_answer_is_in_doubt_sent_once_and_found_by_looking(
    shared: World, connect_kserve: Connect, between_kube: Proxy, what: str, effect: bool
) -> None:
    held, late = Held(), asyncio.Event()

    async def lose(request: Request) -> None:
        if earnest(request):
            await request.body()
            await held.stand_still()

    async def arrived(request: Request) -> None:
        if earnest(request):
            late.set()

    if effect:
        between_kube.after = lose
    else:
        between_kube.before = lose
    adapter = connect_kserve(server=between_kube.url, ca_file="", read=1.0)
    act, made = await change(adapter, what)
    with pytest.raises(Indeterminate) as told:
        await act()
    assert told.value.next_step
    assert await made() is effect, "the controller has done nothing yet, and still it is seen"
    between_kube.before = between_kube.after = None
    if effect:
        with pytest.raises(Conflict):  # the same condition holds no longer: it has no second effect
            await act()
        held.release()
        assert between_kube.count(SENT, "/fraud") == 2, "the rehearsal, and the change"
        return
    await act()
    before = (await shared.get())["metadata"]["generation"]
    between_kube.after = arrived
    held.release()
    await asyncio.wait_for(late.wait(), 10)  # the first one comes late, with a condition that holds no longer
    assert (await shared.get())["metadata"]["generation"] == before
    assert await made() is True


def instead(
    status: int, body: str | dict[str, str], when: Callable[[Request], bool]
) -> Callable[[Request], Awaitable[Response | None]]:
    async def answer(request: Request) -> Response | None:
        if not when(request):
            return None
        if isinstance(body, dict):
            return JSONResponse(body, status)
        return HTMLResponse(body, status) if body.startswith("<") else PlainTextResponse(body, status)

    return answer


REFUSAL = {"kind": "Status", "status": "Failure", "reason": "Invalid", "message": "admission webhook said no"}


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (422, REFUSAL, Refused, "admission webhook said no"),
        (400, REFUSAL, Refused, "admission webhook said no"),
        (409, "", Conflict, "409"),
        (403, PAGE, Unauthorized, "Log in"),
        (500, REFUSAL, Unreachable, "admission webhook said no"),
        (503, "starting", Unreachable, "starting"),
        (429, "", IntegrationError, "429"),
        (302, "", Refused, "redirect"),
    ],
)
async def test_a_rehearsal_that_fails_ends_it_and_nothing_was_changed(
    shared: World,
    connect_kserve: Connect,
    between_kube: Proxy,
    status: int,
    body: str | dict[str, str],
    error: type[BotError],
    words: str,
) -> None:
    between_kube.before = instead(status, body, rehearsal)
    adapter = connect_kserve(server=between_kube.url, ca_file="")
    for what in ("serve", "shift"):
        act, _ = await change(adapter, what)
        with pytest.raises(error, match=words) as told:
            await act()
        assert not isinstance(told.value, Indeterminate)
        assert told.value.not_done == "Nothing was changed."
    assert between_kube.count(SENT, "/fraud") == 0


async def test_a_webhook_that_can_not_rehearse_is_no_reason_to_refuse(
    served: World, connect_kserve: Connect, between_kube: Proxy
) -> None:
    said = {"kind": "Status", "message": 'admission webhook "x.example" does not support dry run', "code": "400"}
    between_kube.before = instead(400, said, rehearsal)
    deployer = connect_kserve(server=between_kube.url, ca_file="")
    assert (await deployer.serve("fraud", "2", expected=await deployer.observe("fraud"))).version == "2"


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (500, REFUSAL, Indeterminate, "admission webhook said no"),
        (504, PAGE, Indeterminate, "Log in"),
        (200, PAGE, Indeterminate, "right afterwards"),
        (200, "", Indeterminate, "right afterwards"),
        (422, REFUSAL, Refused, "admission webhook said no"),
        (403, "", Unauthorized, "403"),
        (409, PAGE, Conflict, "409"),
    ],
)
async def test_what_answers_instead_of_a_change_is_never_a_success(
    shared: World,
    connect_kserve: Connect,
    between_kube: Proxy,
    status: int,
    body: str | dict[str, str],
    error: type[BotError],
    words: str,
) -> None:
    between_kube.before = instead(status, body, earnest)
    adapter = connect_kserve(server=between_kube.url, ca_file="")
    for what in ("serve", "shift"):
        act, made = await change(adapter, what)
        with pytest.raises(error, match=words):
            await act()
        assert await made() is False
    assert between_kube.count(SENT, "/fraud") == 2, "two rehearsals, and nothing else"


async def test_a_change_that_can_not_be_read_back_is_in_doubt(
    shared: World, connect_kserve: Connect, between_kube: Proxy
) -> None:
    adapter = connect_kserve(server=between_kube.url, ca_file="")
    for what in ("shift", "serve"):
        between_kube.before = None
        act, made = await change(adapter, what)
        sent = between_kube.count(SENT, "/fraud")

        def down(request: Request, sent: int = sent) -> bool:
            return request.method == "GET" and between_kube.count(SENT, "/fraud") == sent + 2

        between_kube.before = instead(503, "starting", down)
        with pytest.raises(Indeterminate, match=r"Kubernetes took the change of .*, and it can't be read back"):
            await act()
        between_kube.before = None
        assert await made() is True


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (500, "etcd is not there", Unreachable, "etcd is not there"),
        (200, PAGE, Unreadable, "web page titled"),
        (200, "[" * 100_000, Unreadable, "not JSON"),
        (200, '{"metadata": {"name": 5}}', Unreadable, "not what kserve documents"),
        (200, '{"metadata": null, "spec": {"predictor": {}}}', Unreadable, "not what kserve documents"),
        (
            200,
            '{"metadata": {}, "spec": {"predictor": {"canaryTrafficPercent": "all"}}}',
            Unreadable,
            "canaryTrafficPercent",
        ),
        (200, '"' + "x" * 9_000_000 + '"', Unreadable, "is not read"),
        (404, "404 page not found", Refused, "does not know inferenceservices.serving.kserve.io in version v1beta1"),
        (404, PAGE, Refused, "does not know inferenceservices"),
    ],
)
async def test_something_else_than_kubernetes_is_told_for_what_it_is(
    kserve: World,
    connect_kserve: Connect,
    between_kube: Proxy,
    status: int,
    body: str,
    error: type[BotError],
    words: str,
) -> None:
    between_kube.before = instead(status, body, lambda _: True)
    adapter = connect_kserve(server=between_kube.url, ca_file="")
    now = adapter._clock.now()
    seen = Observation("3", Evidence.CONTROL_PLANE, now)
    split = Split((("3", 20), ("2", 80)), now)
    for asked in (
        adapter.observe("fraud"),
        adapter.split("fraud"),
        adapter.serve("fraud", "2", expected=seen),
        adapter.shift("fraud", "3", 50, expected=split),
    ):
        with pytest.raises(error) as told:
            await asked
        assert words in str(told.value)
        assert not isinstance(told.value, Indeterminate)
    assert between_kube.passed == []


async def test_nobody_there(kserve: World, connect_kserve: Connect) -> None:
    adapter = connect_kserve(server="http://127.0.0.1:9", ca_file="")
    for asked in (adapter.observe("fraud"), adapter.split("fraud"), adapter.probe()):
        with pytest.raises(Unreachable):
            await asked
