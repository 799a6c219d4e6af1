"""Where the sandbox and emulate 0.12.2 answer differently, and why the sandbox is right.

“Reference” is Slack's own, as `sandbox/specs` has it. Repositories with a number are issues in which somebody shows what
Slack itself answered.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from .asking import ANSWER

TEXTS, STAMPS = "messages[].text", "messages[].thread_ts"


@dataclass(frozen=True, slots=True)
class Difference:
    """One fact about one call."""

    method: str
    case: str
    fact: str
    ours: str
    theirs: str
    why: str

    @property
    def key(self) -> tuple[str, str, str]:
        return self.method, self.case, self.fact


UNLISTED = "the reference has no such code for this method as theirs"
MEMBERS = "a bot reads and posts only where it is a member: slackapi/deno-slack-sdk#128"
JOINED = "joining leaves a line in the channel: subtype channel_join of the reference"
NAMES = "reference: names with upper case or special characters are invalid_name_specials"
ONLY_BODY = "slack_sdk sends a flag as 1, which Slack takes for true; theirs knows the word only"
NO_VIEW = "Slack says invalid_arguments and points at the place: slackapi/node-slack-sdk#925"
CHECKED = "blocks are checked: reference of invalid_blocks, and Block Kit's own limits"
MOMENTS = "reference: oldest, latest and inclusive choose the messages"
PARENTS = "the example of the reference has thread_ts at the first message of a thread too"
GONE = "reference: file_deleted is for a file that has been deleted already"
NO_SCOPE_AT_ALL = (
    "without any of the scopes of the reference Slack names those of every kind of conversation, not only of this one: "
    "home-assistant/core#137567"
)


def _scopes(prefix: str, *methods: str, ours: str, theirs: str, why: str = NO_SCOPE_AT_ALL) -> tuple[Difference, ...]:
    names = (f"{prefix}.{method}" for method in methods)
    return tuple(Difference(name, "no scope for it", "needed", ours, theirs, why) for name in names)


IDENTITY = (
    Difference("bots.info", "the app", "bot.app_id", "A0MLOPSBOT", "None", "the example of the reference has it"),
    Difference("bots.info", "the app", "bot.user_id", "<the app>", "None", "the example of the reference has it"),
)
CHANNELS = (
    Difference("conversations.create", "a private one", "channel.is_private", "True", "False", ONLY_BODY),
    Difference("conversations.create", "in capitals", ANSWER, "invalid_name_specials", "ok", NAMES),
    Difference("conversations.create", "with spaces", ANSWER, "invalid_name_specials", "ok", NAMES),
    Difference("conversations.create", "without a name", ANSWER, "invalid_name_required", "invalid_name_specials",
               "reference: an empty name is invalid_name_required"),
    Difference("conversations.history", "the lines of what was done", "messages[].subtype",
               "['channel_purpose', 'channel_purpose', 'channel_purpose', 'channel_topic', 'channel_topic', "
               "'channel_topic', 'channel_name', 'channel_join']",
               "['channel_purpose', 'channel_purpose', 'channel_purpose', 'channel_topic', 'channel_topic', "
               "'channel_topic', 'channel_name']", JOINED),
    Difference("conversations.archive", "where the app isn't", ANSWER, "not_in_channel", "cant_archive_general",
               "both are true of this channel, and the reference gives no order; as for setTopic, membership comes first"),
    Difference("chat.update", "archived", ANSWER, "is_inactive", "ok",
               "reference: is_inactive is for an edit in an archived channel"),
    Difference("reactions.add", "archived", ANSWER, "is_archived", "ok", "reference: is_archived"),
    Difference("conversations.list", "of a kind that is none", ANSWER, "invalid_types", "ok", "reference: invalid_types"),
)  # fmt: skip
MEMBERS_OF = (
    Difference("conversations.invite", "101 people", ANSWER, "cant_invite", "too_many_users",
               f"reference: up to 100 may be listed, but {UNLISTED}"),
    Difference("conversations.kick", "who is gone", ANSWER, "not_in_channel", "user_not_in_channel",
               "reference: not_in_channel is “User was not in the channel”"),
    Difference("conversations.kick", "where the app isn't", ANSWER, "not_in_channel", "cant_kick_from_general",
               "both are true of this channel, and the reference gives no order; as for setTopic, membership comes first"),
    Difference("conversations.join", "where the app is", "warning", "already_in_channel", "None",
               "the example of the reference has the warning"),
)  # fmt: skip
DIRECT = (
    Difference("conversations.open", "with itself", ANSWER, "not_enough_users", "users_list_not_supplied",
               "reference: the latter is for a request without users, and there was one"),
    Difference("conversations.open", "by a channel's id", ANSWER, "method_not_supported_for_channel_type",
               "channel_not_found", "reference: the former is for a conversation of another type, and it does exist"),
)  # fmt: skip
TOKENS = (
    Difference("auth.test", "a token of nobody", ANSWER, "invalid_auth", "ok", "reference: invalid_auth"),
    Difference("chat.postMessage", "a token of nobody", ANSWER, "invalid_auth", "missing_scope", "reference: invalid_auth"),
    Difference("conversations.list", "a token of nobody", ANSWER, "invalid_auth", "missing_scope", "reference: invalid_auth"),
    Difference("chat.scheduledMessages.list", "no scope for it", ANSWER, "ok", "missing_scope",
               "the reference names no scope for it"),
    *_scopes("conversations", "archive", "create", "rename", "unarchive", theirs="channels:manage channels:write",
             ours="channels:manage channels:write groups:write im:write mpim:write"),
    *_scopes("conversations", "history", "replies", theirs="channels:history",
             ours="channels:history groups:history im:history mpim:history"),
    *_scopes("conversations", "info", "list", "members", theirs="channels:read",
             ours="channels:read groups:read im:read mpim:read"),
    *_scopes("conversations", "invite", theirs="channels:manage channels:write",
             ours="channels:manage channels:write.invites groups:write groups:write.invites im:write mpim:write"),
    *_scopes("conversations", "setPurpose", "setTopic", theirs="channels:manage channels:write",
             ours="channels:manage channels:write.topic groups:write groups:write.topic im:write im:write.topic "
             "mpim:write mpim:write.topic"),
    *_scopes("conversations", "join", ours="channels:join", theirs="channels:join channels:write",
             why="reference: a bot needs channels:join"),
    *_scopes("conversations", "kick", ours="channels:manage groups:write", theirs="channels:manage channels:write",
             why="reference: a bot needs channels:manage or groups:write"),
    *_scopes("conversations", "open", ours="channels:manage groups:write im:write mpim:write", theirs="im:write"),
)  # fmt: skip
MESSAGES = (
    Difference("chat.postMessage", "a text", "message.bot_id", "B0MLOPSBOT", "None", "the example of the reference has it"),
    Difference("chat.postMessage", "by the channel's name with a hash", ANSWER, "ok", "channel_not_found",
               'Slack takes #name: slackapi/python-slack-sdk, chat_postMessage(channel="#random") in its README'),
    Difference("chat.postMessage", "where the app isn't", ANSWER, "not_in_channel", "ok", MEMBERS),
    Difference("chat.postMessage", "a block of no known type", ANSWER, "invalid_blocks", "ok", CHECKED),
    Difference("chat.postMessage", "a header without text", ANSWER, "invalid_blocks", "ok", CHECKED),
    Difference("chat.postMessage", "51 blocks", ANSWER, "invalid_blocks", "ok", CHECKED),
    Difference("chat.postMessage", "blocks that are none", ANSWER, "invalid_blocks_format", "invalid_blocks",
               "reference: invalid_blocks_format is for blocks that are not JSON"),
    Difference("chat.postMessage", "attachments that are none", ANSWER, "invalid_arguments", "invalid_attachments", UNLISTED),
    Difference("chat.update", "more text than fits", ANSWER, "msg_too_long", "ok",
               "reference: the text of an edit cannot exceed 4,000 characters"),
    Difference("chat.update", "nowhere", ANSWER, "channel_not_found", "message_not_found", "reference: channel_not_found"),
    Difference("chat.delete", "nowhere", ANSWER, "channel_not_found", "message_not_found", "reference: channel_not_found"),
    Difference("chat.postEphemeral", "to nobody", ANSWER, "user_not_in_channel", "user_not_found", UNLISTED),
)  # fmt: skip
THREADS = (
    Difference("chat.postMessage", "an answer for all", "message.subtype", "thread_broadcast", "None",
               "reference: message event thread_broadcast"),
    Difference("conversations.replies", "the thread", STAMPS, "['<first>', '<first>', '<first>', '<first>']",
               "[None, '<first>', '<first>', '<first>']", PARENTS),
    Difference("conversations.replies", "two of it", TEXTS, "['first', 'one']", "['first', 'one', 'two', 'four']",
               "reference: limit"),
    Difference("conversations.replies", "two of it", "has_more", "True", "False", "reference: limit"),
    Difference("conversations.replies", "what never was", ANSWER, "thread_not_found", "ok", "reference: thread_not_found"),
    Difference("conversations.history", "what a channel shows", TEXTS, "['four', 'first']", "['first']",
               "reference of reply_broadcast: the answer is visible to everyone in the channel"),
    Difference("conversations.history", "what a channel shows", "messages[].reply_count", "[None, 3]", "[3]",
               "reference of reply_broadcast: the answer is visible to everyone in the channel"),
    Difference("conversations.replies", "when the first is gone", TEXTS,
               "['This message was deleted.', 'one', 'two', 'four']", "['one', 'two', 'four']",
               "a message with answers leaves a tombstone: hackclub/toriel#238"),
    Difference("chat.postMessage", "an answer to an answer", "message.thread_ts", "<another first>", "<its answer>",
               "a thread has one level; the reference only warns of it, and what Slack makes of it differs: "
               "discourse/discourse-chat-integration#159 saw it land in the thread"),
    Difference("chat.postMessage", "under what never was", "message.thread_ts", "None", "1111111111.000001",
               "Slack posts it outside of any thread: slack-go/slack#1571"),
)  # fmt: skip
PAGES = (
    Difference("conversations.history", "a cursor of nobody", ANSWER, "invalid_cursor", "ok", "reference: invalid_cursor"),
    Difference("conversations.history", "after a moment", TEXTS, "['n3', 'n2']", "['n3', 'n2', 'n1', 'n0']", MOMENTS),
    Difference("conversations.history", "from a moment on", TEXTS, "['n3', 'n2', 'n1']", "['n3', 'n2', 'n1', 'n0']", MOMENTS),
    Difference("conversations.history", "before a moment", TEXTS, "['n0']", "['n3']", MOMENTS),
    Difference("conversations.history", "a moment that is none", ANSWER, "invalid_ts_oldest", "ok",
               "reference: invalid_ts_oldest"),
    Difference("conversations.history", "where the app isn't", ANSWER, "not_in_channel", "ok", MEMBERS),
)  # fmt: skip
LATER = (
    Difference("chat.scheduledMessages.list", "of a channel that is none", ANSWER, "invalid_channel", "channel_not_found",
               UNLISTED),
    Difference("chat.scheduledMessages.list", "when its time has come", "scheduled_messages[].text", "[]", "['later']",
               "reference of chat.scheduleMessage: it is sent when its time comes; theirs never is"),
    Difference("conversations.history", "when its time has come", TEXTS, "['later']", "[]",
               "reference of chat.scheduleMessage: it is sent when its time comes; theirs never is"),
)  # fmt: skip
REACTIONS = (
    Difference("reactions.add", "no name of an emoji", ANSWER, "invalid_name", "ok", "reference: invalid_name"),
    Difference("reactions.add", "at no time", ANSWER, "bad_timestamp", "message_not_found", "reference: bad_timestamp"),
    Difference("reactions.add", "nowhere", ANSWER, "channel_not_found", "message_not_found", "reference: channel_not_found"),
    Difference("reactions.get", "none left", "message.reactions", "None", "[]",
               "a message without reactions has no such part: example of conversations.history in the reference"),
)  # fmt: skip
PINS = (
    Difference("pins.list", "where the app isn't", ANSWER, "channel_not_found", "ok",
               f"{MEMBERS}; the reference has no other code for it here"),
    Difference("pins.remove", "what never was", ANSWER, "message_not_found", "no_pin",
               "reference: message_not_found is for a message that does not exist"),
)  # fmt: skip
BOOKMARKS = (
    Difference("bookmarks.add", "where the app isn't", ANSWER, "permission_denied", "not_in_channel", UNLISTED),
)  # fmt: skip
FILES = (
    Difference("files.getUploadURLExternal", "of no length", ANSWER, "invalid_arguments", "ok",
               "reference: the least length is 1"),
    Difference("files.completeUploadExternal", "where the app isn't", ANSWER, "not_in_channel", "ok",
               "reference: membership is required for the channel"),
    Difference("conversations.history", "the message", "messages[].subtype", "[None]", "['file_share']",
               "the subtype is in the event, not in the history: slackapi/bolt-python#980"),
    Difference("conversations.replies", "with a file", STAMPS, "['<the first>', '<the first>']",
               "[None, '<the first>']", PARENTS),
    Difference("files.delete", "a chart again", ANSWER, "file_deleted", "file_not_found", GONE),
    Difference("files.info", "what is gone", ANSWER, "file_deleted", "file_not_found", GONE),
)  # fmt: skip
VIEWS = (
    Difference("views.open", "a block of no known type", ANSWER, "invalid_arguments", "ok", NO_VIEW),
    Difference("views.open", "a home", ANSWER, "invalid_arguments", "invalid_view", NO_VIEW),
    Difference("views.open", "without a title", ANSWER, "invalid_arguments", "invalid_view", NO_VIEW),
    Difference("views.open", "no view at all", ANSWER, "invalid_arguments", "invalid_view", NO_VIEW),
    Difference("views.open", "more than 250 kB", ANSWER, "view_too_large", "ok", "reference: view_too_large"),
    Difference("views.update", "into a home", ANSWER, "not_found", "invalid_view", UNLISTED),
    Difference("views.push", "on nothing", ANSWER, "not_found", "view_not_found", UNLISTED),
)  # fmt: skip
HOMES = (
    Difference("views.publish", "for nobody", ANSWER, "invalid_arguments", "user_not_found",
               "Slack says that the `user_id` is invalid: slackapi/bolt-python#954"),
    Difference("views.publish", "a modal", ANSWER, "invalid_arguments", "invalid_view", NO_VIEW),
    Difference("views.publish", "a block of no known type", ANSWER, "invalid_arguments", "ok", NO_VIEW),
    Difference("views.publish", "for the app", ANSWER, "invalid_arguments", "ok",
               "nobody has been seen to try it; a bot opens no App Home, so that it is more help to be told"),
)  # fmt: skip

DIFFERENCES: Mapping[str, tuple[Difference, ...]] = {
    "identity": IDENTITY, "channels": CHANNELS, "members": MEMBERS_OF, "direct": DIRECT, "tokens": TOKENS,
    "messages": MESSAGES, "threads": THREADS, "pages": PAGES, "later": LATER, "reactions": REACTIONS, "pins": PINS,
    "bookmarks": BOOKMARKS, "files": FILES, "views": VIEWS, "homes": HOMES,
}  # fmt: skip
"""By the chapter of the calls."""
