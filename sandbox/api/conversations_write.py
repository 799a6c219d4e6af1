"""conversations.*: made, joined, described, opened, put away."""

from collections.abc import Mapping

from sandbox.api.ask import Ask
from sandbox.api.method import Handler
from sandbox.api.refused import Refused
from sandbox.workspace import channels
from sandbox.workspace.values import Channel, Json, Person

LONGEST_TOPIC = 250
MOST_INVITED = 100
MOST_IN_A_GROUP = 8


def create(ask: Ask) -> Json:
    """conversations.create."""
    private = ask.arguments.flag("is_private")
    ask.need(*(("groups:write",) if private else ("channels:manage", "channels:write")))
    name = _free_name(ask)
    channel = channels.create(ask.workspace, name, ask.bot, "private" if private else "public")
    return {"channel": channel.json(ask.bot.id)}


def rename(ask: Ask) -> Json:
    """conversations.rename."""
    channel = _ours(ask, "write")
    if channel.archived:
        raise Refused("is_archived")
    if channel.creator != ask.bot.id:
        raise Refused("not_authorized")
    channels.rename(ask.workspace, channel, ask.bot, _free_name(ask, but=channel))
    return {"channel": channel.json(ask.bot.id)}


def invite(ask: Ask) -> Json:
    """conversations.invite: all of them, or nobody, and each one's reason."""
    channel = _ours(ask, "write.invites")
    if channel.archived:
        raise Refused("is_archived")
    users = ask.arguments.names("users")
    if not users:
        raise Refused("no_user")
    if len(users) > MOST_INVITED:
        raise Refused("cant_invite", [f"[ERROR] at most {MOST_INVITED} at once"])
    reasons = {user: _no_invitation(ask, channel, user) for user in users}
    faults = [{"user": user, "ok": False, "error": reason} for user, reason in reasons.items() if reason]
    if faults and not (ask.arguments.flag("force") and len(faults) < len(users)):
        raise Refused(str(faults[0]["error"]), errors=faults)
    for user, reason in reasons.items():
        if not reason:
            channels.join(ask.workspace, channel, ask.workspace.members[user], inviter=ask.bot.id)
    return {"channel": channel.json(ask.bot.id)}


def kick(ask: Ask) -> Json:
    """conversations.kick."""
    channel = _ours(ask, "write")
    if channel.is_general:
        raise Refused("cant_kick_from_general")
    person = ask.person()
    if person.id == ask.bot.id:
        raise Refused("cant_kick_self")
    if not channels.leave(ask.workspace, channel, person):
        raise Refused("not_in_channel")
    return {}


def set_topic(ask: Ask) -> Json:
    """conversations.setTopic."""
    return _described(ask, "topic")


def set_purpose(ask: Ask) -> Json:
    """conversations.setPurpose."""
    return _described(ask, "purpose")


def archive(ask: Ask) -> Json:
    """conversations.archive."""
    channel = _ours(ask, "write")
    if channel.is_general:
        raise Refused("cant_archive_general")
    if not channels.archive(ask.workspace, channel, ask.bot, archived=True):
        raise Refused("already_archived")
    return {}


def unarchive(ask: Ask) -> Json:
    """conversations.unarchive."""
    channel = _a_channel(ask)
    ask.need_for(channel, "write")
    if not channels.archive(ask.workspace, channel, ask.bot, archived=False):
        raise Refused("not_archived")
    return {}


def join(ask: Ask) -> Json:
    """conversations.join: public channels only."""
    channel = _a_channel(ask)
    if channel.kind != "public":
        raise Refused("method_not_supported_for_channel_type")
    if channel.archived:
        raise Refused("is_archived")
    answer: Json = {"channel": channel.json(ask.bot.id) | {"is_member": True}}
    if not channels.join(ask.workspace, channel, ask.bot):
        ask.warnings.append("already_in_channel")
        return answer | {"warning": "already_in_channel"}
    return answer


def open_direct(ask: Ask) -> Json:
    """conversations.open: direct messages with one person, or with several."""
    if "channel" in ask.arguments:
        channel = ask.channel()
        if channel.kind not in {"im", "mpim"}:
            raise Refused("method_not_supported_for_channel_type")
        return _opened(ask, channel, known=True)
    users = [user for user in dict.fromkeys(ask.arguments.names("users")) if user != ask.bot.id]
    if not users:
        raise Refused("users_list_not_supplied" if "users" not in ask.arguments else "not_enough_users")
    if len(users) > MOST_IN_A_GROUP:
        raise Refused("too_many_users")
    ask.need("im:write" if len(users) == 1 else "mpim:write")
    for user in users:
        person = ask.workspace.members.get(user)
        if person is None:
            raise Refused("user_not_found")
        if person.deleted:
            raise Refused("user_disabled")
    before = set(ask.workspace.conversations)
    opened = ask.workspace.direct(users[0]) if len(users) == 1 else channels.open_group(ask.workspace, users)
    return _opened(ask, opened, known=opened.id in before)


def _opened(ask: Ask, channel: Channel, *, known: bool) -> Json:
    more = {"no_op": True, "already_open": True} if known else {}
    whole = ask.arguments.flag("return_im")
    return {"channel": channel.json(ask.bot.id) if whole else {"id": channel.id}} | more


def _described(ask: Ask, what: str) -> Json:
    channel = _ours(ask, "write.topic")
    if channel.archived:
        raise Refused("is_archived")
    text = ask.arguments.text(what)
    if len(text) > LONGEST_TOPIC:
        raise Refused("too_long")
    channels.describe(ask.workspace, channel, ask.bot, what, text)
    return {"channel": channel.json(ask.bot.id), what: text}


def _free_name(ask: Ask, but: Channel | None = None) -> str:
    name = ask.arguments.text("name").removeprefix("#")
    if fault := channels.name_fault(name):
        raise Refused(fault)
    if any(c.name == name and c is not but for c in ask.workspace.conversations.values()):
        raise Refused("name_taken")
    return name


def _a_channel(ask: Ask) -> Channel:
    channel = ask.channel()
    if channel.kind in {"im", "mpim"}:
        raise Refused("method_not_supported_for_channel_type")
    return channel


def _ours(ask: Ask, what: str) -> Channel:
    """A channel that the app is in and may do this to."""
    channel = _a_channel(ask)
    ask.need_for(channel, what)
    if not ask.is_member(channel):
        raise Refused("not_in_channel")
    return channel


def _no_invitation(ask: Ask, channel: Channel, user: str) -> str:
    person: Person | None = ask.workspace.members.get(user)
    if person is None or person.deleted:
        return "user_not_found"
    if person.id == ask.bot.id:
        return "cant_invite_self"
    return "already_in_channel" if person.id in channel.members else ""


METHODS: Mapping[str, Handler] = {
    "conversations.create": create,
    "conversations.rename": rename,
    "conversations.invite": invite,
    "conversations.kick": kick,
    "conversations.setTopic": set_topic,
    "conversations.setPurpose": set_purpose,
    "conversations.archive": archive,
    "conversations.unarchive": unarchive,
    "conversations.join": join,
    "conversations.open": open_direct,
}
