"""The calls about places and people: channels, direct messages, members, tokens and scopes, files and views."""

from typing import Any

from sandbox.workspace.seed import APP, PEOPLE

from .asking import Side

NOWHERE, UNKNOWN = "C0NOTTHERE", "U0NOTTHERE"
CHANNEL = ("name", "is_private", "is_member", "is_archived", "creator", "topic.value")
SHOWN = tuple(f"channel.{name}" for name in CHANNEL)


async def people(side: Side) -> dict[str, str]:
    """The ids of the people by their handles."""
    members = (await side.client.users_list()).data["members"]
    found = {one["name"]: str(one["id"]) for one in members}
    return {one.name: side.knows(found[one.name], one.name) for one in PEOPLE} | {
        "bot": side.knows(APP.user_id, "the app")
    }


async def a_room(side: Side, name: str, *members: str) -> str:
    """A channel that the app has made, with these people in it."""
    side.knows(APP.user_id, "the app")
    room = str((await side.client.conversations_create(name=name)).data["channel"]["id"])
    if members:
        await side.client.conversations_invite(channel=room, users=list(members))
    return side.knows(room, f"#{name}")


async def identity(side: Side) -> None:
    """Who am I, who are you."""
    who = await people(side)
    await side.ask("who the app is", "auth.test", "user_id", "bot_id", "user", "team")
    member = ("id", "name", "real_name", "is_bot", "deleted", "profile.email", "profile.display_name", "profile.title")
    await side.ask("a person", "users.info", *(f"user.{name}" for name in member), user=who["mika"])
    await side.ask("the app", "users.info", "user.is_bot", "user.name", user=APP.user_id)
    await side.ask("nobody", "users.info", user=UNKNOWN)
    await side.ask("some", "users.list", "#members", limit=2)
    await side.ask("a person", "users.lookupByEmail", "user.id", email="mika@ml.example")
    await side.ask("nobody", "users.lookupByEmail", email="nobody@ml.example")
    await side.ask("a person", "users.profile.get", "profile.real_name", "profile.email", user=who["mika"])
    await side.ask("nobody", "users.profile.get", user=UNKNOWN)
    await side.ask("a person", "users.getPresence", "presence", user=who["mika"])
    await side.ask("nobody", "users.getPresence", user=UNKNOWN)
    await side.ask("the team", "team.info", "team.name", "team.domain")
    await side.ask(
        "the app", "bots.info", "bot.id", "bot.name", "bot.deleted", "bot.app_id", "bot.user_id", bot=APP.bot_id
    )
    await side.ask("nobody", "bots.info", bot="B0NOTTHERE")


async def channels(side: Side) -> None:
    """Made, named, described, put away and taken out again."""
    await people(side)
    create = "conversations.create"
    room = await side.ask("a channel", create, *SHOWN, keep="channel.id", arguments={"name": "inc-1"})
    await side.ask("a private one", create, *SHOWN, arguments={"name": "inc-secret"}, is_private=True)
    names = {"again": "inc-1", "in capitals": "INC-2", "with spaces": "inc 3", "of marks": "!!!", "without a letter": "---",
             "with a dot": "inc.4", "of 80 letters": "a" * 80, "of 81 letters": "a" * 81, "without a name": ""}  # fmt: skip
    for case, name in names.items():
        await side.ask(case, create, "channel.name", arguments={"name": name})
    info, rename = "conversations.info", "conversations.rename"
    await side.ask("a channel", info, *SHOWN, channel=room)
    await side.ask("with the number of members", info, "channel.num_members", channel=room, include_num_members=True)
    await side.ask("nowhere", info, channel=NOWHERE)
    await side.ask("another name", rename, "channel.name", channel=room, arguments={"name": "inc-one"})
    await side.ask("a name that is taken", rename, channel=room, arguments={"name": "general"})
    await side.ask("a name with a dot", rename, channel=room, arguments={"name": "inc.one"})
    await side.ask("a channel of another", rename, channel=side.general, arguments={"name": "common"})
    await described(side, room)
    await put_away(side, room)


async def described(side: Side, room: str) -> None:
    """Its topic and its purpose."""
    for what, method in (("topic", "conversations.setTopic"), ("purpose", "conversations.setPurpose")):
        await side.ask(
            "a text", method, f"channel.{what}.value", f"channel.{what}.creator", channel=room, **{what: "sev1"}
        )
        await side.ask("no text", method, f"channel.{what}.value", channel=room, **{what: ""})
        await side.ask("250 letters", method, channel=room, **{what: "a" * 250})
        await side.ask("251 letters", method, channel=room, **{what: "a" * 251})
        await side.ask("nowhere", method, channel=NOWHERE, **{what: "sev1"})
        await side.ask("where the app isn't", method, channel=side.general, **{what: "sev1"})
    lines = "messages[].subtype"
    await side.ask("the lines of what was done", "conversations.history", lines, channel=room, limit=20)


async def put_away(side: Side, room: str) -> None:
    """What an archived channel still lets do."""
    archive, unarchive = "conversations.archive", "conversations.unarchive"
    post = {"channel": room, "text": "hello"}
    ts = await side.ask("before", "chat.postMessage", keep="ts", name="kept", **post)
    await side.ask("a channel", archive, channel=room)
    await side.ask("a channel again", archive, channel=room)
    await side.ask("where the app isn't", archive, channel=side.general)
    await side.ask("a channel of others", "conversations.join", "channel.name", channel=side.general)
    await side.ask("the channel of all", archive, channel=side.general)
    await side.ask("nowhere", archive, channel=NOWHERE)
    await side.ask("archived", "conversations.info", "channel.is_archived", channel=room)
    await side.ask("archived", "chat.postMessage", **post)
    await side.ask("archived", "chat.postEphemeral", user=APP.user_id, **post)
    await side.ask("archived", "chat.update", ts=ts, **post)
    await side.ask("archived", "conversations.setTopic", channel=room, topic="sev2")
    await side.ask("archived", "conversations.invite", channel=room, users=UNKNOWN)
    await side.ask("archived", "conversations.join", channel=room)
    await side.ask("archived", "conversations.rename", channel=room, arguments={"name": "inc-new"})
    await side.ask("archived", "reactions.add", channel=room, timestamp=ts, arguments={"name": "eyes"})
    await side.ask("archived", "conversations.history", "messages[].text", channel=room, limit=2)
    listed = "conversations.list"
    await side.ask("with the archived", listed, "channels{}.is_archived")
    await side.ask("without the archived", listed, "channels{}.is_archived", exclude_archived=True)
    await side.ask("of a kind that is none", listed, types="tunnel")
    await side.ask("a channel", unarchive, channel=room)
    await side.ask("a channel again", unarchive, channel=room)


async def members(side: Side) -> None:
    """Invited, thrown out, joined."""
    who = await people(side)
    room = await a_room(side, "members")
    invite, kick, join = "conversations.invite", "conversations.kick", "conversations.join"
    await side.ask("two people", invite, "channel.name", channel=room, users=[who["mika"], who["dana"]])
    await side.ask("one again", invite, "errors[].error", channel=room, users=[who["mika"]])
    await side.ask("one again and a new one", invite, "errors[].error", channel=room, users=[who["mika"], who["omar"]])
    await side.ask("nobody's id", invite, "errors[].error", channel=room, users=[UNKNOWN])
    await side.ask("itself", invite, "errors[].error", channel=room, users=[APP.user_id])
    await side.ask("101 people", invite, channel=room, users=[f"U{n}" for n in range(101)])
    await side.ask("nowhere", invite, channel=NOWHERE, users=[who["mika"]])
    await side.ask("where the app isn't", invite, channel=side.general, users=[who["mika"]])
    await side.ask("of a channel", "conversations.members", "members{}", channel=room)
    await side.ask("nowhere", "conversations.members", channel=NOWHERE)
    await side.ask("a member", kick, channel=room, user=who["dana"])
    await side.ask("who is gone", kick, channel=room, user=who["dana"])
    await side.ask("nobody's id", kick, channel=room, user=UNKNOWN)
    await side.ask("itself", kick, channel=room, user=APP.user_id)
    await side.ask("where the app isn't", kick, channel=side.general, user=who["mika"])
    await side.ask("a channel of others", join, "channel.is_member", channel=side.general)
    await side.ask("from the channel of all", kick, channel=side.general, user=who["mika"])
    await side.ask("afterwards", "conversations.members", "members{}", channel=room)
    await side.ask("where the app is", join, "channel.is_member", "warning", channel=room)
    await side.ask("nowhere", join, channel=NOWHERE)


async def direct(side: Side) -> None:
    """Direct messages with one or with several."""
    who = await people(side)
    opened = "conversations.open"
    one = await side.ask("with one", opened, "already_open", keep="channel.id", users=[who["omar"]])
    await side.ask("with one again", opened, "channel.id", "already_open", "no_op", users=[who["omar"]])
    shown = ("channel.id", "channel.is_im", "channel.user")
    await side.ask("the whole of it", opened, *shown, users=[who["omar"]], return_im=True)
    await side.ask("by its id", opened, "channel.id", channel=one)
    await side.ask("with two", opened, keep="channel.id", users=[who["omar"], who["paula"]])
    await side.ask("with nobody's id", opened, users=[UNKNOWN])
    await side.ask("with itself", opened, users=[APP.user_id])
    await side.ask("with nobody", opened, users=[])
    await side.ask("with nine", opened, users=[f"U{n}" for n in range(9)])
    await side.ask("by the id of nothing", opened, channel="D0NOTTHERE")
    room = await a_room(side, "no-direct-messages")
    await side.ask("by a channel's id", opened, channel=room)
    await side.ask("of direct messages", "conversations.info", "channel.is_im", "channel.user", channel=one)
    await side.ask("of direct messages", "conversations.setTopic", channel=one, topic="sev1")
    await side.ask("of direct messages", "conversations.archive", channel=one)
    await side.ask("of direct messages", "conversations.invite", channel=one, users=[who["dana"]])
    await side.ask("of direct messages", "conversations.join", channel=one)


async def tokens(side: Side) -> None:
    """Without one, with a wrong one, and with one that may too little."""
    client = side.client
    right, who = client.token, await people(side)
    room = await a_room(side, "tokens")
    ts = str((await client.chat_postMessage(channel=room, text="hello")).data["ts"])
    try:
        for case, token in (("no token", ""), ("a token of nobody", "what?")):
            client.token = token
            await side.ask(case, "auth.test")
            await side.ask(case, "chat.postMessage", channel=room, text="hello")
            await side.ask(case, "conversations.list")
    finally:
        client.token = right
    for method, arguments in every_call(room, ts, who["mika"]).items():
        await side.ask("no scope for it", method, "needed", powerless=True, arguments=arguments)


def every_call(room: str, ts: str, mika: str) -> dict[str, dict[str, Any]]:
    """A call of every method that asks for a scope."""
    this = {"channel": room, "timestamp": ts}
    return {
        "bookmarks.add": {"channel_id": room, "title": "a", "type": "link", "link": "https://a.example"},
        "bookmarks.edit": {"channel_id": room, "bookmark_id": "Bk1"},
        "bookmarks.list": {"channel_id": room}, "bookmarks.remove": {"channel_id": room, "bookmark_id": "Bk1"},
        "bots.info": {"bot": APP.bot_id}, "chat.delete": {"channel": room, "ts": ts},
        "chat.deleteScheduledMessage": {"channel": room, "scheduled_message_id": "Q1"},
        "chat.getPermalink": {"channel": room, "message_ts": ts},
        "chat.postEphemeral": {"channel": room, "user": mika, "text": "a"},
        "chat.postMessage": {"channel": room, "text": "a"}, "chat.scheduledMessages.list": {},
        "chat.scheduleMessage": {"channel": room, "text": "a", "post_at": 4_000_000_000},
        "chat.update": {"channel": room, "ts": ts, "text": "a"}, "conversations.archive": {"channel": room},
        "conversations.create": {"name": "b"}, "conversations.history": {"channel": room},
        "conversations.info": {"channel": room}, "conversations.invite": {"channel": room, "users": [mika]},
        "conversations.join": {"channel": room}, "conversations.kick": {"channel": room, "user": mika},
        "conversations.list": {}, "conversations.members": {"channel": room},
        "conversations.open": {"users": [mika]}, "conversations.rename": {"channel": room, "name": "b"},
        "conversations.replies": {"channel": room, "ts": ts},
        "conversations.setPurpose": {"channel": room, "purpose": "a"},
        "conversations.setTopic": {"channel": room, "topic": "a"}, "conversations.unarchive": {"channel": room},
        "files.completeUploadExternal": {"files": [{"id": "F1", "title": "a"}]}, "files.delete": {"file": "F1"},
        "files.getUploadURLExternal": {"filename": "a", "length": 1}, "files.info": {"file": "F1"},
        "pins.add": this, "pins.list": {"channel": room}, "pins.remove": this,
        "reactions.add": this | {"name": "eyes"}, "reactions.get": this, "reactions.remove": this | {"name": "eyes"},
        "team.info": {}, "users.getPresence": {"user": mika}, "users.info": {"user": mika},
        "users.list": {}, "users.lookupByEmail": {"email": "mika@ml.example"},
        "users.profile.get": {"user": mika},
    }  # fmt: skip
