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


async def call(world: World, method: str, given: object, headers: dict[str, str] | None = None) -> dict:
    answer = await world.http.post(
        f"/api/{method}",
        content=json.dumps(given),
        headers={"Content-Type": "application/json"} | (auth(method) if headers is None else headers),
    )
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


# ------------------------------------------------------------ good calls, each argument of them spoilt in turn

BLOCKS = [{"type": "divider"}]
MODAL = {"type": "modal", "title": {"type": "plain_text", "text": "T"}, "blocks": BLOCKS}
HOME = {"type": "home", "blocks": BLOCKS}
GOOD: dict[str, dict] = {
    "api.test": {},
    "apps.connections.open": {},
    "assistant.threads.setStatus": {"channel_id": "CHANNEL", "thread_ts": "TS", "status": "looks"},
    "assistant.threads.setSuggestedPrompts": {"channel_id": "CHANNEL", "thread_ts": "TS", "prompts": [{"title": "a", "message": "b"}]},
    "assistant.threads.setTitle": {"channel_id": "CHANNEL", "thread_ts": "TS", "title": "a"},
    "auth.test": {},
    "blocks.validate": {"blocks": BLOCKS},
    "bookmarks.add": {"channel_id": "CHANNEL", "title": "a", "type": "link", "link": "https://a.example", "emoji": ":a:"},
    "bookmarks.edit": {"channel_id": "CHANNEL", "bookmark_id": "BOOKMARK", "title": "b", "link": "https://b.example", "emoji": ":b:"},
    "bookmarks.list": {"channel_id": "CHANNEL"},
    "bookmarks.remove": {"channel_id": "CHANNEL", "bookmark_id": "BOOKMARK"},
    "bots.info": {"bot": "B0MLOPSBOT"},
    "canvases.access.set": {"canvas_id": "CANVAS", "access_level": "read", "channel_ids": ["CHANNEL"]},
    "canvases.create": {"title": "a", "document_content": {"type": "markdown", "markdown": "# a"}},
    "canvases.delete": {"canvas_id": "CANVAS"},
    "canvases.edit": {"canvas_id": "CANVAS", "changes": [{"operation": "insert_at_end", "document_content": {"type": "markdown", "markdown": "b"}}]},
    "canvases.sections.lookup": {"canvas_id": "CANVAS", "criteria": {"contains_text": "a", "section_types": ["h1"]}},
    "chat.appendStream": {"channel": "CHANNEL", "ts": "STREAM", "markdown_text": "more"},
    "chat.delete": {"channel": "CHANNEL", "ts": "TS"},
    "chat.deleteScheduledMessage": {"channel": "CHANNEL", "scheduled_message_id": "SCHEDULED"},
    "chat.getPermalink": {"channel": "CHANNEL", "message_ts": "TS"},
    "chat.postEphemeral": {"channel": "CHANNEL", "user": "U0MLENG01", "text": "a", "blocks": BLOCKS, "thread_ts": "TS"},
    "chat.postMessage": {
        "channel": "CHANNEL", "text": "a", "blocks": BLOCKS, "attachments": [{"text": "a"}], "thread_ts": "TS", "reply_broadcast": True,
        "metadata": {"event_type": "a", "event_payload": {}},
    },
    "chat.scheduleMessage": {"channel": "CHANNEL", "post_at": "SOON", "text": "a", "thread_ts": "TS"},
    "chat.scheduledMessages.list": {"channel": "CHANNEL", "limit": 5},
    "chat.startStream": {"channel": "CHANNEL", "thread_ts": "TS", "recipient_user_id": "U0MLENG01", "recipient_team_id": "T0SANDBOX", "chunks": [], "task_display_mode": "plan"},
    "chat.stopStream": {"channel": "CHANNEL", "ts": "STREAM", "blocks": BLOCKS, "chunks": [{"type": "task_update", "id": "1", "title": "a", "status": "complete"}]},
    "chat.update": {"channel": "CHANNEL", "ts": "TS", "text": "b", "blocks": BLOCKS, "attachments": [{"text": "a"}], "metadata": {"event_type": "a", "event_payload": {}}},
    "conversations.archive": {"channel": "CHANNEL"},
    "conversations.canvases.create": {"channel_id": "CHANNEL", "document_content": {"type": "markdown", "markdown": "# a"}},
    "conversations.create": {"name": "new", "is_private": False},
    "conversations.history": {"channel": "CHANNEL", "latest": "TS", "oldest": "0", "inclusive": True, "limit": 3},
    "conversations.info": {"channel": "CHANNEL"},
    "conversations.invite": {"channel": "ROOM", "users": "U0MLENG01"},
    "conversations.join": {"channel": "C0GENERAL0"},
    "conversations.kick": {"channel": "CHANNEL", "user": "U0MLENG01"},
    "conversations.list": {"types": "public_channel", "limit": 3, "exclude_archived": True},
    "conversations.members": {"channel": "CHANNEL", "limit": 2},
    "conversations.open": {"users": "U0MLENG01", "return_im": True},
    "conversations.rename": {"channel": "ROOM", "name": "other"},
    "conversations.replies": {"channel": "CHANNEL", "ts": "TS", "limit": 2},
    "conversations.setPurpose": {"channel": "CHANNEL", "purpose": "a"},
    "conversations.setTopic": {"channel": "CHANNEL", "topic": "a"},
    "conversations.unarchive": {"channel": "ARCHIVED"},
    "files.completeUploadExternal": {"files": [{"id": "UPLOADED", "title": "a"}], "channel_id": "CHANNEL", "thread_ts": "TS", "initial_comment": "a"},
    "files.delete": {"file": "FILE"},
    "files.getUploadURLExternal": {"filename": "a.txt", "length": 3},
    "files.info": {"file": "FILE"},
    "pins.add": {"channel": "CHANNEL", "timestamp": "TS"},
    "pins.list": {"channel": "CHANNEL"},
    "pins.remove": {"channel": "CHANNEL", "timestamp": "PINNED"},
    "reactions.add": {"channel": "CHANNEL", "timestamp": "TS", "name": "eyes"},
    "reactions.get": {"channel": "CHANNEL", "timestamp": "TS"},
    "reactions.remove": {"channel": "CHANNEL", "timestamp": "PINNED", "name": "pushpin"},
    "team.info": {"team": "T0SANDBOX"},
    "usergroups.create": {"name": "a", "handle": "a", "description": "a", "channels": "CHANNEL"},
    "usergroups.list": {"include_users": True},
    "usergroups.update": {"usergroup": "GROUP", "name": "b", "handle": "b", "description": "b"},
    "usergroups.users.list": {"usergroup": "GROUP"},
    "usergroups.users.update": {"usergroup": "GROUP", "users": "U0MLENG01"},
    "users.conversations": {"user": "U0MLENG01", "types": "public_channel", "limit": 2},
    "users.getPresence": {"user": "U0MLENG01"},
    "users.info": {"user": "U0MLENG01"},
    "users.list": {"limit": 2},
    "users.lookupByEmail": {"email": "mika@ml.example"},
    "users.profile.get": {"user": "U0MLENG01"},
    "views.open": {"trigger_id": "TRIGGER", "view": MODAL},
    "views.publish": {"user_id": "U0MLENG01", "view": HOME, "hash": ""},
    "views.push": {"trigger_id": "TRIGGER", "view": MODAL},
    "views.update": {"view_id": "VIEW", "view": MODAL, "hash": ""},
}  # fmt: skip
ODD = (
    None,
    True,
    False,
    0,
    -1,
    3.5,
    1e300,
    [],
    [None],
    [[]],
    [{}],
    {},
    {"a": {"b": []}},
    {"type": None},
    {"type": "modal", "blocks": None},
    "\ud800",
)


async def furnished(world: World) -> dict[str, object]:
    """One of everything that a good call can be about, by its name in the table."""

    async def made(method: str, **given: object) -> dict:
        found = await call(world, method, given)
        assert found["ok"], found
        return found

    await world.act("limits", which="off")
    channel = "C0INCIDENT"
    ts, pinned = [(await made("chat.postMessage", channel=channel, text="a"))["ts"] for _ in range(2)]
    await made("pins.add", channel=channel, timestamp=pinned)
    await made("reactions.add", channel=channel, timestamp=pinned, name="pushpin")
    recipient = {"recipient_user_id": "U0MLENG01", "recipient_team_id": "T0SANDBOX"}
    archived = (await made("conversations.create", name="archived"))["channel"]["id"]
    await made("conversations.archive", channel=archived)
    exchanges = world.sandbox.interactions.exchanges
    view = await made("views.open", trigger_id=exchanges.begin("U0MLENG01").trigger_id, view=MODAL)
    files = []
    for _ in range(2):
        place = await made("files.getUploadURLExternal", filename="a.txt", length=1)
        await world.http.post(place["upload_url"], content=b"a")
        files.append(place["file_id"])
    await made("files.completeUploadExternal", files=[{"id": files[0]}], channel_id=channel)
    soon = int(world.clock.now()) + 60
    return {
        "CHANNEL": channel,
        "TS": ts,
        "PINNED": pinned,
        "STREAM": (await made("chat.startStream", channel=channel, thread_ts=ts, **recipient))["ts"],
        "ROOM": (await made("conversations.create", name="room"))["channel"]["id"],
        "ARCHIVED": archived,
        "BOOKMARK": (await made("bookmarks.add", channel_id=channel, title="a", type="link", link="https://a.example"))[
            "bookmark"
        ]["id"],
        "CANVAS": (await made("canvases.create", title="a"))["canvas_id"],
        "SCHEDULED": (await made("chat.scheduleMessage", channel=channel, text="a", post_at=soon))[
            "scheduled_message_id"
        ],
        "SOON": soon,
        "GROUP": (await made("usergroups.create", name="g", handle="g"))["usergroup"]["id"],
        "VIEW": view["view"]["id"],
        "TRIGGER": exchanges.begin("U0MLENG01").trigger_id,
        "FILE": files[0],
        "UPLOADED": files[1],
    }


def filled(value: object, made: dict[str, object]) -> object:
    match value:
        case dict():
            return {name: filled(inner, made) for name, inner in value.items()}
        case list():
            return [filled(inner, made) for inner in value]
        case str():
            return made.get(value, value)
    return value


@pytest.mark.parametrize("method", OURS)
async def test_a_good_call_is_answered_and_a_spoilt_one_refused_with_a_listed_error(
    direct: World, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    made = await furnished(direct)
    good = filled(GOOD[method], made)
    assert isinstance(good, dict)
    with caplog.at_level(logging.ERROR):
        for name in good:
            for value in (*HOSTILE, *ODD):
                found = await call(direct, method, good | {name: value})
                if not found["ok"]:
                    assert listed(method, found["error"]), f"{method}({name}={value!r}) answers {found['error']}"
    assert not caplog.records, f"a mistake of the sandbox: {caplog.records[0].getMessage()}"


@pytest.mark.parametrize("method", OURS)
async def test_a_good_call_works(direct: World, method: str) -> None:
    found = await call(direct, method, filled(GOOD[method], await furnished(direct)))
    assert found["ok"], found


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
        (b'{"channel": NaN}', "application/json", "invalid_arguments"),
        (b'{"text": "\\ud800"}', "application/json", "invalid_arguments"),
        (b"[" * 100_000, "application/json", "invalid_arguments"),
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
