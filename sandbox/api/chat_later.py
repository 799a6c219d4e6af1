"""chat.scheduleMessage and its kin: said later."""

from collections.abc import Mapping

from sandbox.api.ask import Ask
from sandbox.api.chat import may_post, thread
from sandbox.api.content import content, must_show_something
from sandbox.api.method import Handler
from sandbox.api.refused import Refused
from sandbox.workspace.values import Channel, Json, Scheduled

FURTHEST = 120 * 24 * 3600
AT_ONCE = 30
"""Messages that may be scheduled for the same five minutes of a channel."""
WINDOW = 300


def schedule(ask: Ask) -> Json:
    """chat.scheduleMessage."""
    channel = ask.place()
    may_post(ask, channel)
    post_at = ask.arguments.number("post_at", 0)
    now = ask.workspace.clock.now()
    if post_at <= 0:
        raise Refused("invalid_time")
    if post_at <= now:
        raise Refused("time_in_past")
    if post_at > now + FURTHEST:
        raise Refused("time_too_far")
    near = [
        s for s in ask.workspace.scheduled.values() if s.channel == channel.id and abs(s.post_at - post_at) < WINDOW
    ]
    if len(near) >= AT_ONCE:
        raise Refused("restricted_too_many")
    made = content(ask, "later")
    must_show_something(made)
    if thread_ts := _thread(ask, channel):
        made["thread_ts"] = thread_ts
    scheduled = Scheduled(ask.workspace.new_id("Q"), channel.id, post_at, made, int(now))
    ask.later.add(scheduled)
    shown = {"text": made.get("text", ""), "type": "delayed_message", "bot_id": ask.workspace.app.bot_id}
    return {
        "channel": channel.id,
        "scheduled_message_id": scheduled.id,
        "post_at": post_at,
        "message": shown | {"user": ask.bot.id, "team": ask.workspace.team.id} | made,
    }


def delete_scheduled(ask: Ask) -> Json:
    """chat.deleteScheduledMessage: not within the last minute, and not what is posted already."""
    channel = ask.channel()
    found = ask.workspace.scheduled.get(ask.arguments.text("scheduled_message_id"))
    if found is None or found.channel != channel.id:
        raise Refused("invalid_scheduled_message_id")
    ask.later.remove(found.id)
    return {}


def list_scheduled(ask: Ask) -> Json:
    """chat.scheduledMessages.list."""
    if "channel" in ask.arguments and ask.arguments.text("channel") not in ask.workspace.conversations:
        raise Refused("invalid_channel")
    wanted = ask.arguments.text("channel")
    found = [s for s in ask.workspace.scheduled.values() if wanted in {"", s.channel}]
    page = ask.page(sorted(found, key=lambda s: s.post_at), default=100, key=lambda s: s.id)
    shown = [
        {
            "id": one.id,
            "channel_id": one.channel,
            "post_at": one.post_at,
            "date_created": one.created,
            "text": one.body.get("text", ""),
        }
        for one in page.items
    ]
    return {"scheduled_messages": shown} | page.metadata()


def _thread(ask: Ask, channel: Channel) -> str:
    """As for a message that is posted at once, but what can't be answered is ignored."""
    try:
        return thread(ask, channel)
    except Refused:
        return ""


METHODS: Mapping[str, Handler] = {
    "chat.scheduleMessage": schedule,
    "chat.deleteScheduledMessage": delete_scheduled,
    "chat.scheduledMessages.list": list_scheduled,
}
