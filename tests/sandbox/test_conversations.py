"""conversations.*, reactions, pins, bookmarks, people and groups, by Slack's own client."""

from typing import Any

import pytest
from slack_sdk.errors import SlackApiError

from sandbox.workspace.values import Channel

from .conftest import BOT, DANA, GENERAL, INCIDENTS, LEADS, MIKA, World, error_of


async def test_channels_are_listed_as_far_as_the_app_may_know(world: World) -> None:
    public = await world.slack.conversations_list()
    assert [c["name"] for c in public["channels"]] == ["general", "ml-incidents", "ml-platform"]
    assert [c["is_member"] for c in public["channels"]] == [False, True, False]
    private = await world.slack.conversations_list(types="private_channel")
    assert private["channels"] == []
    await world.act("membership", channel="#ml-leads", user="mlops", member=True)
    private = await world.slack.conversations_list(types="private_channel")
    assert [c["id"] for c in private["channels"]] == [LEADS]
    assert await error_of(world.slack.conversations_list(types="secret")) == "invalid_types"


async def test_lists_come_in_pages(world: World) -> None:
    workspace = world.sandbox.workspace
    for number in range(250):
        channel = Channel(f"C1{number:08d}", f"c-{number}", "public", 1, MIKA, [MIKA])
        workspace.conversations[channel.id] = channel
    seen: list[str] = []
    pages = 0
    async for page in await world.slack.conversations_list(limit=100):
        seen += [channel["id"] for channel in page["channels"]]
        pages += 1
    assert (pages, len(seen), len(set(seen))) == (3, 253, 253)
    assert await error_of(world.slack.conversations_list(cursor="bm9uc2Vuc2U=")) == "invalid_cursor"


async def test_archived_ones_can_be_left_out(world: World) -> None:
    await world.act("archive", channel="#general", archived=True)
    found = await world.slack.conversations_list(exclude_archived=True)
    assert GENERAL not in [c["id"] for c in found["channels"]]
    assert await error_of(world.slack.conversations_join(channel=GENERAL)) == "is_archived"


async def test_a_channel_for_an_incident_from_beginning_to_end(world: World) -> None:
    made = (await world.slack.conversations_create(name="inc-1-fraud-detector"))["channel"]
    await world.slack.conversations_setTopic(channel=made["id"], topic="INC-1")
    await world.slack.conversations_setPurpose(channel=made["id"], purpose="The room")
    await world.slack.conversations_invite(channel=made["id"], users=[MIKA, DANA])
    await world.slack.conversations_rename(channel=made["id"], name="inc-1")
    await world.slack.conversations_kick(channel=made["id"], user=DANA)
    assert (await world.slack.conversations_members(channel=made["id"]))["members"] == [BOT, MIKA]
    info = (await world.slack.conversations_info(channel=made["id"], include_num_members=True))["channel"]
    assert (info["name"], info["topic"]["value"], info["purpose"]["value"], info["num_members"]) == (
        "inc-1",
        "INC-1",
        "The room",
        2,
    )
    await world.slack.conversations_archive(channel=made["id"])
    assert await error_of(world.slack.conversations_archive(channel=made["id"])) == "already_archived"
    await world.slack.conversations_unarchive(channel=made["id"])
    assert await error_of(world.slack.conversations_unarchive(channel=made["id"])) == "not_archived"
    kinds = [m.get("subtype") for m in world.messages(made["id"])]
    assert kinds == [
        "channel_join", "channel_topic", "channel_purpose", "channel_join", "channel_join", "channel_name", "channel_leave",
        "channel_archive", "channel_unarchive",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("general", "name_taken"),
        ("x" * 81, "invalid_name_maxlength"),
        ("Upper", "invalid_name_specials"),
        ("with space", "invalid_name_specials"),
        ("---", "invalid_name_punctuation"),
        ("", "invalid_name_required"),
    ],
)
async def test_names_that_no_channel_may_have(world: World, name: str, expected: str) -> None:
    assert await error_of(world.slack.conversations_create(name=name)) == expected


async def test_an_invitation_is_for_all_or_nobody(world: World) -> None:
    made = (await world.slack.conversations_create(name="room"))["channel"]["id"]
    with pytest.raises(SlackApiError) as caught:
        await world.slack.conversations_invite(channel=made, users=[DANA, "U0NOBODY00"])
    answer = caught.value.response
    assert (answer["error"], answer["errors"]) == (
        "user_not_found",
        [{"user": "U0NOBODY00", "ok": False, "error": "user_not_found"}],
    )
    assert (await world.slack.conversations_members(channel=made))["members"] == [BOT]
    await world.slack.conversations_invite(channel=made, users=[DANA])
    assert await error_of(world.slack.conversations_invite(channel=made, users=[DANA])) == "already_in_channel"
    assert await error_of(world.slack.conversations_invite(channel=made, users=[BOT])) == "cant_invite_self"
    assert await error_of(world.slack.conversations_invite(channel=GENERAL, users=[DANA])) == "not_in_channel"


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda s: s.conversations_setTopic(channel=INCIDENTS, topic="x" * 251), "too_long"),
        (lambda s: s.conversations_setTopic(channel=GENERAL, topic="x"), "not_in_channel"),
        (lambda s: s.conversations_rename(channel=INCIDENTS, name="x"), "not_authorized"),
        (lambda s: s.conversations_kick(channel=INCIDENTS, user=BOT), "cant_kick_self"),
        (lambda s: s.conversations_join(channel=LEADS), "channel_not_found"),
        (lambda s: s.conversations_info(channel="C0NOWHERE0"), "channel_not_found"),
        (lambda s: s.conversations_open(users=["U0NOBODY00"]), "user_not_found"),
        (lambda s: s.conversations_open(users=[BOT]), "not_enough_users"),
        (lambda s: s.conversations_replies(channel=INCIDENTS, ts="1.1"), "thread_not_found"),
        (lambda s: s.users_info(user="U0NOBODY00"), "user_not_found"),
        (lambda s: s.users_lookupByEmail(email="nobody@ml.example"), "users_not_found"),
        (lambda s: s.users_getPresence(user="U0NOBODY00"), "user_not_found"),
        (lambda s: s.usergroups_users_list(usergroup="S1"), "no_such_subteam"),
        (lambda s: s.bookmarks_add(channel_id=INCIDENTS, title="a", type="link", link="nowhere"), "invalid_link"),
        (lambda s: s.bookmarks_add(channel_id=INCIDENTS, title="a", type="folder"), "invalid_bookmark_type"),
        (lambda s: s.pins_add(channel=INCIDENTS, timestamp="1.1"), "message_not_found"),
        (lambda s: s.pins_add(channel=INCIDENTS, timestamp="now"), "bad_timestamp"),
        (lambda s: s.reactions_add(channel=INCIDENTS, timestamp="1.1", name="eyes"), "message_not_found"),
        (lambda s: s.reactions_add(channel=GENERAL, timestamp="1.1", name="eyes"), "no_access"),
    ],
)
async def test_what_is_refused(world: World, call: Any, expected: str) -> None:
    assert await error_of(call(world.slack)) == expected


async def test_reactions_pins_and_bookmarks(world: World) -> None:
    ts = (await world.slack.chat_postMessage(channel=INCIDENTS, text="card"))["ts"]
    await world.slack.reactions_add(channel=INCIDENTS, timestamp=ts, name="eyes")
    await world.act("react", user="mika", channel=INCIDENTS, ts=ts, name=":eyes:")
    assert await error_of(world.slack.reactions_add(channel=INCIDENTS, timestamp=ts, name="eyes")) == "already_reacted"
    assert await error_of(world.slack.reactions_add(channel=INCIDENTS, timestamp=ts, name="No Emoji")) == "invalid_name"
    found = await world.slack.reactions_get(channel=INCIDENTS, timestamp=ts)
    assert found["message"]["reactions"] == [{"name": "eyes", "users": [BOT, MIKA], "count": 2}]
    await world.slack.reactions_remove(channel=INCIDENTS, timestamp=ts, name="eyes")
    assert await error_of(world.slack.reactions_remove(channel=INCIDENTS, timestamp=ts, name="eyes")) == "no_reaction"
    await world.act("react", user="mika", channel=INCIDENTS, ts=ts, name="eyes", remove=True)
    assert "reactions" not in world.messages()[0]

    await world.slack.pins_add(channel=INCIDENTS, timestamp=ts)
    assert await error_of(world.slack.pins_add(channel=INCIDENTS, timestamp=ts)) == "already_pinned"
    assert [item["message"]["ts"] for item in (await world.slack.pins_list(channel=INCIDENTS))["items"]] == [ts]
    await world.slack.pins_remove(channel=INCIDENTS, timestamp=ts)
    assert await error_of(world.slack.pins_remove(channel=INCIDENTS, timestamp=ts)) == "no_pin"

    mark = (
        await world.slack.bookmarks_add(channel_id=INCIDENTS, title="Runbook", type="link", link="https://r.example")
    )["bookmark"]
    await world.slack.bookmarks_edit(channel_id=INCIDENTS, bookmark_id=mark["id"], title="The runbook")
    assert [b["title"] for b in (await world.slack.bookmarks_list(channel_id=INCIDENTS))["bookmarks"]] == [
        "The runbook"
    ]
    await world.slack.bookmarks_remove(channel_id=INCIDENTS, bookmark_id=mark["id"])
    gone = world.slack.bookmarks_remove(channel_id=INCIDENTS, bookmark_id=mark["id"])
    assert await error_of(gone) == "not_found"


async def test_people_and_groups(world: World) -> None:
    people = (await world.slack.users_list())["members"]
    assert [p["name"] for p in people] == ["dana", "mika", "devi", "omar", "paula", "mlops"]
    assert (await world.slack.users_info(user=MIKA))["user"]["profile"]["email"] == "mika@ml.example"
    assert (await world.slack.users_lookupByEmail(email="dana@ml.example"))["user"]["id"] == DANA
    assert (await world.slack.team_info())["team"]["id"] == "T0SANDBOX"
    assert (await world.slack.bots_info(bot="B0MLOPSBOT"))["bot"]["user_id"] == BOT
    group = (await world.slack.usergroups_create(name="On-call ML", handle="oncall-ml"))["usergroup"]["id"]
    await world.slack.usergroups_users_update(usergroup=group, users=[MIKA, DANA])
    assert (await world.slack.usergroups_users_list(usergroup=group))["users"] == [MIKA, DANA]
    listed = (await world.slack.usergroups_list(include_users=True))["usergroups"]
    assert [(g["handle"], g["users"]) for g in listed] == [("oncall-ml", [MIKA, DANA])]
    again = world.slack.usergroups_create(name="Other", handle="oncall-ml")
    assert await error_of(again) == "handle_already_exists"


async def test_an_address_is_shown_with_its_own_permission_only(shipped: World) -> None:
    assert "email" not in (await shipped.slack.users_info(user=MIKA))["user"]["profile"]


async def test_several_people_have_one_conversation(world: World) -> None:
    first = (await world.slack.conversations_open(users=[MIKA, DANA]))["channel"]["id"]
    again = (await world.slack.conversations_open(users=[DANA, MIKA]))["channel"]["id"]
    assert first == again
    await world.slack.chat_postMessage(channel=first, text="both of you")
    listed = (await world.slack.users_conversations(types="mpim,im"))["channels"]
    assert [c["id"] for c in listed if c.get("is_mpim")] == [first]


# ------------------------------------------------------------ views by the API


def modal(**more: Any) -> dict[str, Any]:
    title = {"type": "plain_text", "text": "T"}
    return {"type": "modal", "title": title, "blocks": [{"type": "divider"}]} | more


async def test_views_are_pushed_three_deep(world: World) -> None:
    exchanges = world.sandbox.interactions.exchanges
    first = await world.slack.views_open(trigger_id=exchanges.begin(MIKA).trigger_id, view=modal())
    for _ in range(2):
        pushed = await world.slack.views_push(trigger_id=exchanges.begin(MIKA).trigger_id, view=modal())
    assert pushed["view"]["root_view_id"] == first["view"]["id"]
    more = world.slack.views_push(trigger_id=exchanges.begin(MIKA).trigger_id, view=modal())
    assert await error_of(more) == "push_limit_reached"
    nobody = world.slack.views_push(trigger_id=exchanges.begin(DANA).trigger_id, view=modal())
    assert await error_of(nobody) == "not_found"


async def test_a_view_is_updated_only_from_what_was_seen(world: World) -> None:
    trigger = world.sandbox.interactions.exchanges.begin(MIKA).trigger_id
    view = (await world.slack.views_open(trigger_id=trigger, view=modal(external_id="mine")))["view"]
    newer = (await world.slack.views_update(external_id="mine", view=modal(), hash=view["hash"]))["view"]
    assert newer["hash"] != view["hash"]
    stale = world.slack.views_update(view_id=view["id"], view=modal(), hash=view["hash"])
    assert await error_of(stale) == "hash_conflict"
    assert await error_of(world.slack.views_update(view_id="V1", view=modal())) == "not_found"


async def test_an_external_id_belongs_to_one_view(world: World) -> None:
    exchanges = world.sandbox.interactions.exchanges
    await world.slack.views_open(trigger_id=exchanges.begin(MIKA).trigger_id, view=modal(external_id="mine"))
    again = world.slack.views_open(trigger_id=exchanges.begin(DANA).trigger_id, view=modal(external_id="mine"))
    assert await error_of(again) == "duplicate_external_id"


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        (modal(title={"type": "plain_text", "text": "x" * 25}), "invalid_arguments"),
        (
            modal(blocks=[{"type": "section", "text": {"type": "plain_text", "text": "x" * 3000}}] * 90),
            "view_too_large",
        ),
        ({"type": "home", "blocks": []}, "invalid_arguments"),
        ("text", "invalid_arguments"),
    ],
)
async def test_views_that_are_refused(world: World, view: Any, expected: str) -> None:
    trigger = world.sandbox.interactions.exchanges.begin(MIKA).trigger_id
    assert await error_of(world.slack.views_open(trigger_id=trigger, view=view)) == expected


async def test_blocks_are_validated_as_slack_offers_it(world: World) -> None:
    long = [{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}]
    with pytest.raises(SlackApiError) as caught:
        await world.slack.api_call("blocks.validate", json={"blocks": long})
    answer = caught.value.response
    assert answer["error"] == "invalid_blocks"
    assert answer["errors"] == [
        {
            "code": "failed_constraint",
            "message": "must be less than 151 characters",
            "pointer": "/0/text/text",
            "constraint": {"type": "max_length", "expected": 150},
        }
    ]
    assert (await world.slack.api_call("blocks.validate", json={"view": modal()}))["ok"]
    both = world.slack.api_call("blocks.validate", json={"view": modal(), "blocks": []})
    assert await error_of(both) == "invalid_arguments"
