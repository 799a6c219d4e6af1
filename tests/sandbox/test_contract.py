"""Every method of the table × every rule: answered or unknown, required arguments, tokens, scopes, listed errors only."""

import json
import logging
from dataclasses import replace

import pytest

from sandbox.api import METHODS
from sandbox.specs import common_errors, methods
from sandbox.workspace.seed import APP

from .conftest import World, direct_world

NAMES = sorted(methods())
OURS = sorted(METHODS)
AUTH = {"Authorization": f"Bearer {APP.bot_token}"}
APP_AUTH = {"Authorization": f"Bearer {APP.app_token}"}
HOSTILE = (
    "",
    "0",
    "-1",
    "nonsense",
    "<!channel>",
    "x" * 5000,
    "[]",
    "{}",
    "[{}]",
    "null",
    "C0INCIDENT",
    "U0MLENG01",
    "\u0000",
)


def auth(method: str) -> dict[str, str]:
    return APP_AUTH if method == "apps.connections.open" else AUTH


async def call(world: World, method: str, given: dict[str, str], headers: dict[str, str] | None = None) -> dict:
    answer = await world.http.post(f"/api/{method}", json=given, headers=auth(method) if headers is None else headers)
    assert answer.status_code == 200
    found = answer.json()
    assert found["ok"] is ("error" not in found)
    return found


def listed(method: str, error: str) -> bool:
    return error in methods()[method].errors | common_errors()


def test_the_sandbox_has_no_method_that_the_reference_lacks() -> None:
    assert set(OURS) <= set(NAMES)


@pytest.mark.parametrize("method", sorted(set(NAMES) - set(OURS)))
async def test_what_is_not_built_is_an_unknown_method(direct: World, method: str) -> None:
    assert await call(direct, method, {}) == {"ok": False, "error": "unknown_method", "req_method": method}


@pytest.mark.parametrize("method", OURS)
async def test_a_call_without_a_token_is_not_authed(direct: World, method: str) -> None:
    found = await call(direct, method, {}, headers={})
    assert found.get("error") == (None if method == "api.test" else "not_authed")


@pytest.mark.parametrize("method", OURS)
async def test_a_wrong_token_is_invalid(direct: World, method: str) -> None:
    found = await call(direct, method, {}, headers={"Authorization": "Bearer something-else"})
    assert found["error"] == "invalid_auth"


@pytest.mark.parametrize("method", OURS)
async def test_the_other_kind_of_token_is_refused(direct: World, method: str) -> None:
    other = AUTH if method == "apps.connections.open" else APP_AUTH
    assert (await call(direct, method, {}, headers=other))["error"] == "not_allowed_token_type"


@pytest.mark.parametrize("method", OURS)
async def test_a_revoked_token_is_named(direct: World, method: str) -> None:
    await direct.act("token", revoke=True)
    found = await call(direct, method, {})
    expected = {"apps.connections.open": None}.get(method, "token_revoked")
    assert found.get("error") == expected


@pytest.mark.parametrize("method", [name for name in OURS if methods()[name].scopes])
async def test_without_a_scope_the_answer_names_it(method: str) -> None:
    async with direct_world(app=replace(APP, scopes=frozenset({"commands"}))) as direct:
        found = await call(direct, method, {})
        assert found["error"] == "missing_scope"
        assert set(found["needed"].split(",")) == set(methods()[method].scopes)
        assert found["provided"] == "commands"


@pytest.mark.parametrize("method", [name for name in OURS if methods()[name].required])
async def test_each_required_argument_is_missed(direct: World, method: str) -> None:
    found = await call(direct, method, {})
    assert found["error"] in {"invalid_arguments", "invalid_name_required"}
    assert listed(method, found["error"])
    if found["error"] == "invalid_arguments":
        said = " ".join(found["response_metadata"]["messages"])
        assert all(name in said for name in methods()[method].required)


@pytest.mark.parametrize("method", [name for name in OURS if name != "api.test"])
async def test_only_listed_errors_whatever_the_arguments(
    direct: World, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    reference = methods()[method]
    names = [*reference.required, *reference.optional]
    with caplog.at_level(logging.ERROR):
        for value in HOSTILE:
            found = await call(direct, method, dict.fromkeys(names, value))
            if not found["ok"]:
                assert listed(method, found["error"]), f"{method}({value!r}) answers {found['error']}"
        for odd in (None, True, 3.5, [], {}, [[]], {"a": {"b": []}}):
            found = await call(direct, method, dict.fromkeys(names, odd))
            assert found["ok"] or listed(method, found["error"])
    assert not caplog.records, f"a mistake of the sandbox: {caplog.records[0].getMessage()}"


@pytest.mark.parametrize("way", ["query", "form", "json", "get", "query and form", "token in the form"])
async def test_arguments_are_merged_whatever_way_they_come(world: World, way: str) -> None:
    first, second = {"channel": "C0INCIDENT"}, {"text": "said", "thread_ts": ""}
    both = first | second
    match way:
        case "query":
            answer = await world.http.post("/api/chat.postMessage", params=both, headers=AUTH)
        case "form":
            answer = await world.http.post("/api/chat.postMessage", data=both, headers=AUTH)
        case "json":
            answer = await world.http.post("/api/chat.postMessage", json=both, headers=AUTH)
        case "get":
            answer = await world.http.get("/api/chat.postMessage", params=both, headers=AUTH)
        case "query and form":
            answer = await world.http.post("/api/chat.postMessage", params=first, data=second, headers=AUTH)
        case _:
            answer = await world.http.post("/api/chat.postMessage", data=both | {"token": APP.bot_token})
    assert answer.json()["ok"], answer.text
    assert world.texts() == ["said"]


@pytest.mark.parametrize(
    ("content", "content_type", "expected"),
    [
        (b"{not json", "application/json", "invalid_arguments"),
        (b"[1, 2]", "application/json", "invalid_arguments"),
        (b"\xff\xfe", "application/json", "invalid_charset"),
        (b"<xml/>", "text/xml", "invalid_post_type"),
        (b"text=a", "", "missing_post_type"),
    ],
)
async def test_a_body_that_can_not_be_read_is_refused(
    world: World, content: bytes, content_type: str, expected: str
) -> None:
    headers = AUTH | ({"Content-Type": content_type} if content_type else {})
    answer = await world.http.post("/api/chat.postMessage", content=content, headers=headers)
    assert answer.json()["error"] == expected
    assert expected in common_errors()


async def test_a_huge_body_is_turned_away(world: World) -> None:
    answer = await world.http.post("/api/chat.postMessage", content=b" " * 4_000_001, headers=AUTH)
    assert answer.status_code == 413


async def test_calls_are_written_down_without_the_token(world: World) -> None:
    await world.http.post("/api/chat.postMessage", data={"token": APP.bot_token, "channel": "C0INCIDENT", "text": "a"})
    await world.http.post("/api/chat.update", data={"token": APP.bot_token, "channel": "C0INCIDENT", "ts": "1.2"})
    calls = (await world.get("calls"))["calls"]
    assert [(one["method"], one["ok"], one["error"]) for one in calls] == [
        ("chat.postMessage", True, None),
        ("chat.update", False, "message_not_found"),
    ]
    assert calls[0]["arguments"] == {"channel": "C0INCIDENT", "text": "a"}
    assert APP.bot_token not in json.dumps(calls)
    assert [one["method"] for one in (await world.get("calls", method="chat.u*"))["calls"]] == ["chat.update"]
    assert len((await world.get("calls", since=calls[0]["n"]))["calls"]) == 1


async def test_the_scopes_are_in_the_headers(shipped: World) -> None:
    answer = await shipped.slack.auth_test()
    assert set(answer.headers["X-OAuth-Scopes"].split(",")) == APP.scopes
