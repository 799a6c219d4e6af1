"""The calls about what is said: messages, threads, what is said later, and what sticks to it."""

import time

from .asking import Side
from .rooms import NOWHERE, UNKNOWN, a_room, people

HEADER = {"type": "header", "text": {"type": "plain_text", "text": "INC-1"}}
META = {"event_type": "mlops_incident", "event_payload": {"incident": "INC-1"}}
MESSAGE = ("message.text", "message.user", "message.bot_id", "message.type")
NEVER = "1111111111.000001"


async def messages(side: Side) -> None:
    """Posted, refused, edited, deleted, linked to."""
    who = await people(side)
    room = await a_room(side, "talk", who["mika"])
    post = "chat.postMessage"
    ts = await side.ask("a text", post, "channel", *MESSAGE, keep="ts", channel=room, text="hello")
    await side.ask(
        "blocks", post, "#message.blocks", "message.metadata", channel=room, text="a", blocks=[HEADER], metadata=META
    )
    await side.ask("by the channel's name", post, "channel", channel="talk", text="hello")
    await side.ask("by the channel's name with a hash", post, "channel", channel="#talk", text="hello")
    await side.ask("to a person", post, "message.text", channel=who["dana"], text="hello")
    await side.ask("to nowhere", post, channel=NOWHERE, text="hello")
    await side.ask("where the app isn't", post, channel=side.general, text="hello")
    await side.ask("nothing in it", post, channel=room, text="")
    await side.ask("a block of no known type", post, channel=room, text="a", blocks=[{"type": "nonsense"}])
    await side.ask("a header without text", post, channel=room, text="a", blocks=[{"type": "header"}])
    await side.ask("51 blocks", post, channel=room, text="a", blocks=[{"type": "divider"}] * 51)
    await side.ask("blocks that are none", post, channel=room, text="a", blocks="what?")
    await side.ask("attachments that are none", post, channel=room, text="a", attachments="what?")
    await side.ask("metadata that is none", post, channel=room, text="a", metadata="what?")
    await side.ask("more text than fits", post, "#message.text", channel=room, text="a" * 40_001)
    await edits(side, room, ts, await side.says("mika", room, "mine"))
    await side.ask("the history", "conversations.history", "messages[].text", "has_more", channel=room, limit=1)
    await whispers(side, room, who)


async def edits(side: Side, room: str, ts: str, others: str) -> None:
    """Of the app's own, and of what is not its own."""
    edit = "chat.update"
    await side.ask(
        "a text", edit, "channel", "text", "message.text", "message.edited.user", channel=room, ts=ts, text="b"
    )
    await side.ask(
        "blocks come", edit, "#message.blocks", "message.text", channel=room, ts=ts, blocks=[HEADER], text="c"
    )
    await side.ask("text alone", edit, "message.blocks", "message.text", channel=room, ts=ts, text="d")
    await side.ask("blocks alone", edit, "message.text", "#message.blocks", channel=room, ts=ts, blocks=[HEADER])
    await side.ask("nothing given", edit, channel=room, ts=ts)
    await side.ask("more text than fits", edit, channel=room, ts=ts, text="a" * 4001)
    await side.ask("another's", edit, channel=room, ts=others, text="b")
    await side.ask("what never was", edit, channel=room, ts=NEVER, text="b")
    await side.ask("nowhere", edit, channel=NOWHERE, ts=ts, text="b")
    link, delete = "chat.getPermalink", "chat.delete"
    await side.ask("a message", link, "channel", channel=room, message_ts=ts)
    await side.ask("what never was", link, channel=room, message_ts=NEVER)
    await side.ask("nowhere", link, channel=NOWHERE, message_ts=ts)
    await side.ask("another's", delete, channel=room, ts=others)
    await side.ask("its own", delete, "channel", channel=room, ts=ts)
    await side.ask("its own again", delete, channel=room, ts=ts)
    await side.ask("nowhere", delete, channel=NOWHERE, ts=ts)


async def whispers(side: Side, room: str, who: dict[str, str]) -> None:
    """To one person alone."""
    whisper = "chat.postEphemeral"
    await side.ask("to a member", whisper, channel=room, user=who["mika"], text="psst")
    await side.ask("to somebody else", whisper, channel=room, user=who["paula"], text="psst")
    await side.ask("to nobody", whisper, channel=room, user=UNKNOWN, text="psst")
    await side.ask("nothing in it", whisper, channel=room, user=who["mika"], text="")
    await side.ask("nowhere", whisper, channel=NOWHERE, user=who["mika"], text="psst")
    await side.ask("after a whisper", "conversations.history", "messages[].text", channel=room, limit=1)


async def threads(side: Side) -> None:
    """Answers, answers to answers, and what the first message tells of them."""
    who = await people(side)
    room = await a_room(side, "threads", who["mika"])
    post, replies = "chat.postMessage", "conversations.replies"
    ts = await side.ask("the first", post, "message.thread_ts", keep="ts", name="first", channel=room, text="first")
    reply = ("message.thread_ts", "message.text")
    one = await side.ask("an answer", post, *reply, keep="ts", channel=room, text="one", thread_ts=ts)
    await side.says("mika", room, "two", ts)
    await side.ask(
        "an answer for all",
        post,
        *reply,
        "message.subtype",
        channel=room,
        text="four",
        thread_ts=ts,
        reply_broadcast=True,
    )
    shown = ("messages[].text", "messages[].thread_ts", "has_more")
    await side.ask(
        "the thread", replies, *shown, "messages[].reply_count", "messages[].reply_users", channel=room, ts=ts
    )
    await side.ask("by an answer", replies, *shown, channel=room, ts=one)
    await side.ask("two of it", replies, "messages[].text", "has_more", channel=room, ts=ts, limit=2)
    await side.ask("what never was", replies, channel=room, ts=NEVER)
    await side.ask("nowhere", replies, channel=NOWHERE, ts=ts)
    await side.ask(
        "what a channel shows",
        "conversations.history",
        "messages[].text",
        "messages[].reply_count",
        channel=room,
        limit=2,
    )
    await side.ask("to an answer", "chat.getPermalink", channel=room, message_ts=one)
    await side.ask("the first with answers", "chat.delete", channel=room, ts=ts)
    await side.ask("when the first is gone", replies, "messages[].text", channel=room, ts=ts)
    other = await side.ask("another first", post, keep="ts", channel=room, text="other")
    answer = await side.ask("its answer", post, *reply, keep="ts", channel=room, text="six", thread_ts=other)
    await side.ask("an answer to an answer", post, *reply, channel=room, text="seven", thread_ts=answer)
    await side.ask("under what never was", post, "message.thread_ts", channel=room, text="five", thread_ts=NEVER)


async def pages(side: Side) -> None:
    """A history in parts, and between two moments."""
    room = await a_room(side, "pages")
    stamps = [
        await side.ask(f"number {n}", "chat.postMessage", keep="ts", channel=room, text=f"n{n}") for n in range(4)
    ]
    history = "conversations.history"
    shown = ("messages[].text", "has_more")
    cursor = await side.ask(
        "a first page", history, *shown, keep="response_metadata.next_cursor", channel=room, limit=2
    )
    await side.ask("the next page", history, "messages[].text", channel=room, limit=2, cursor=cursor)
    await side.ask("a cursor of nobody", history, *shown, channel=room, limit=2, cursor="what?")
    await side.ask("after a moment", history, *shown, channel=room, oldest=stamps[1])
    await side.ask("from a moment on", history, *shown, channel=room, oldest=stamps[1], inclusive=True)
    await side.ask("before a moment", history, *shown, channel=room, latest=stamps[1], limit=1)
    await side.ask("a moment that is none", history, *shown, channel=room, oldest="yesterday", limit=1)
    await side.ask("nowhere", history, channel=NOWHERE)
    await side.ask("where the app isn't", history, channel=side.general)


async def later(side: Side) -> None:
    """Said when its time comes."""
    room = await a_room(side, "later")
    schedule, listed, gone = "chat.scheduleMessage", "chat.scheduledMessages.list", "chat.deleteScheduledMessage"
    now = int(time.time())
    shown = ("channel", "message.text", "message.type")
    given = {"channel": room, "text": "later"}
    one = await side.ask("in an hour", schedule, *shown, keep="scheduled_message_id", post_at=now + 3600, **given)
    await side.ask("an hour ago", schedule, post_at=now - 3600, **given)
    await side.ask("in 121 days", schedule, post_at=now + 121 * 86_400, **given)
    await side.ask("at no time", schedule, post_at=0, **given)
    await side.ask("nothing in it", schedule, post_at=now + 3600, channel=room, text="")
    await side.ask("nowhere", schedule, post_at=now + 3600, channel=NOWHERE, text="later")
    await side.ask("of a channel", listed, "scheduled_messages[].id", "scheduled_messages[].text", channel=room)
    await side.ask("of a channel that is none", listed, channel=NOWHERE)
    await side.ask("what never was", gone, channel=room, scheduled_message_id="Q1298393284")
    await side.ask("what is planned", gone, channel=room, scheduled_message_id=one)
    await side.ask("what is planned, again", gone, channel=room, scheduled_message_id=one)
    await side.ask("afterwards", listed, "scheduled_messages[].id", channel=room)
    await side.ask("in a minute", schedule, post_at=now + 60, **given)
    side.passes(61)
    await side.ask("when its time has come", listed, "scheduled_messages[].text", channel=room)
    await side.ask("when its time has come", "conversations.history", "messages[].text", channel=room, limit=1)


async def reactions(side: Side) -> None:
    """An emoji comes and goes."""
    room = await a_room(side, "reactions")
    ts = await side.ask("to react to", "chat.postMessage", keep="ts", channel=room, text="hello")
    add, remove, get = "reactions.add", "reactions.remove", "reactions.get"
    this = {"channel": room, "timestamp": ts}
    await _react(side, "eyes", add, "eyes", this)
    await _react(side, "eyes again", add, "eyes", this)
    other = await side.ask("another", "chat.postMessage", keep="ts", channel=room, text="hello")
    await _react(side, "no name of an emoji", add, "No Name!", this | {"timestamp": other})
    await _react(side, "to what never was", add, "eyes", this | {"timestamp": NEVER})
    await _react(side, "at no time", add, "eyes", this | {"timestamp": "noon"})
    await _react(side, "nowhere", add, "eyes", this | {"channel": NOWHERE})
    shown = ("type", "message.text", "message.reactions")
    await side.ask("eyes", get, *shown, **this)
    await side.ask("to what never was", get, channel=room, timestamp=NEVER)
    await _react(side, "eyes", remove, "eyes", this)
    await _react(side, "eyes again", remove, "eyes", this)
    await _react(side, "what nobody put", remove, "tada", this)
    await _react(side, "to what never was", remove, "eyes", this | {"timestamp": NEVER})
    await side.ask("none left", get, *shown, **this)


async def _react(side: Side, case: str, method: str, emoji: str, this: dict[str, str]) -> None:
    await side.ask(case, method, arguments={"name": emoji} | this)


async def pins(side: Side) -> None:
    """A message is pinned to its channel."""
    room = await a_room(side, "pins")
    ts = await side.ask("to pin", "chat.postMessage", keep="ts", channel=room, text="hello")
    add, remove, listed = "pins.add", "pins.remove", "pins.list"
    shown = (
        "items[].type",
        "items[].channel",
        "items[].created_by",
        "items[].message.text",
        "items[].message.pinned_to",
    )
    await side.ask("a message", add, channel=room, timestamp=ts)
    await side.ask("a message again", add, channel=room, timestamp=ts)
    await side.ask("what never was", add, channel=room, timestamp=NEVER)
    await side.ask("at no time", add, channel=room, timestamp="noon")
    await side.ask("nothing", add, channel=room)
    await side.ask("nowhere", add, channel=NOWHERE, timestamp=ts)
    await side.ask("where the app isn't", add, channel=side.general, timestamp=ts)
    await side.ask("one", listed, *shown, channel=room)
    await side.ask("nowhere", listed, channel=NOWHERE)
    await side.ask("where the app isn't", listed, channel=side.general)
    await side.ask("a message", remove, channel=room, timestamp=ts)
    await side.ask("a message again", remove, channel=room, timestamp=ts)
    await side.ask("what never was", remove, channel=room, timestamp=NEVER)
    await side.ask("none left", listed, *shown, channel=room)


async def bookmarks(side: Side) -> None:
    """Links at the top of a channel."""
    room = await a_room(side, "bookmarks")
    add, edit, listed, remove = "bookmarks.add", "bookmarks.edit", "bookmarks.list", "bookmarks.remove"
    fields = ("title", "link", "type", "emoji", "channel_id", "last_updated_by_user_id")
    shown = tuple(f"bookmark.{name}" for name in fields)
    given = {"channel_id": room, "title": "Runbook", "type": "link", "link": "https://runbooks.example/1"}
    one = await side.ask("a link", add, *shown, keep="bookmark.id", **given)
    await side.ask("no kind that there is", add, **given | {"type": "canvas"})
    await side.ask("no link", add, **given | {"link": "what?"})
    await side.ask("nowhere", add, **given | {"channel_id": NOWHERE})
    await side.ask("where the app isn't", add, **given | {"channel_id": side.general})
    await side.ask("another title", edit, *shown, channel_id=room, bookmark_id=one, title="Plan")
    await side.ask("no link", edit, channel_id=room, bookmark_id=one, link="what?")
    await side.ask("what never was", edit, channel_id=room, bookmark_id="Bk0000000X", title="Plan")
    await side.ask("one", listed, *(f"bookmarks[].{name}" for name in fields), channel_id=room)
    await side.ask("nowhere", listed, channel_id=NOWHERE)
    await side.ask("one", remove, channel_id=room, bookmark_id=one)
    await side.ask("one again", remove, channel_id=room, bookmark_id=one)
    await side.ask("none left", listed, "bookmarks[].title", channel_id=room)
