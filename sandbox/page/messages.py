"""A message as a chat shows it: who, when, what, and what others made of it."""

from markupsafe import Markup

from sandbox.page.attachments import attachment_html, file_html
from sandbox.page.blocks import render
from sandbox.page.emoji import emoji
from sandbox.page.html import Json, el, items, join, obj, safe_url, string
from sandbox.page.moments import clock
from sandbox.page.mrkdwn import mrkdwn, plain
from sandbox.page.sheet import Sheet

QUICK = ("pushpin", "white_check_mark", "eyes")
"""Offered at every message; 📌 puts it on the timeline."""
_QUIET = {
    "channel_join", "channel_leave", "channel_topic", "channel_purpose", "channel_name", "channel_archive",
    "channel_unarchive", "group_join", "group_leave", "group_topic", "group_purpose", "tombstone", "pinned_item",
    "bot_add", "bot_remove",
}  # fmt: skip
_COLOURS = 8


def message_html(message: Json, sheet: Sheet, channel: str, *, in_thread: bool = False) -> Markup:
    """One message as a list item."""
    ts = string(message.get("ts"))
    subtype = string(message.get("subtype"))
    quiet, ephemeral = subtype in _QUIET, bool(message.get("is_ephemeral"))
    if quiet:
        message = _without_subject(message)
    kinds = ("msg", "quiet" if quiet else "", "ephemeral" if ephemeral else "")
    said = [_head(message, sheet), el("div", content(message, sheet), class_="content"), _reactions(message, sheet)]
    if ephemeral:
        said.insert(0, el("p", el("span", "👁", aria_hidden="true"), " Only visible to you", class_="only-you"))
    if not in_thread:
        said.append(_thread_foot(message, sheet))
    return el(
        "li",
        avatar(author_id(message), author_name(message, sheet), bot=_by_app(message), picture=_icon(message)),
        el("div", said, class_="said"),
        None if quiet else _tools(ephemeral=ephemeral, in_thread=in_thread),
        class_=" ".join(filter(None, kinds)),
        id=sheet.key,
        tabindex=-1,
        data_ts=ts,
        data_channel=channel,
        data_thread=string(message.get("thread_ts")) or None,
        data_author=f"{author_id(message)}{'*' if ephemeral else ''}",
    )


def _without_subject(message: Json) -> Json:
    """`<@U1> set the topic` below the name of U1 would say the name twice."""
    subject, text = f"<@{author_id(message)}>", string(message.get("text"))
    return {**message, "text": text.removeprefix(subject).lstrip()} if text.startswith(subject) else message


def content(message: Json, sheet: Sheet) -> Markup:
    """Blocks when there are any, else the text; then attachments and files."""
    blocks = message.get("blocks")
    edited = None
    if blocks:
        body = render(blocks, sheet)
    else:
        text = string(message.get("text"))
        words = plain(text) if message.get("mrkdwn") is False else mrkdwn(text, sheet.names)
        body = el("div", words, class_="mrkdwn") if text else Markup()
        edited = _edited(message)
    attachments = [attachment_html(a, sheet) for a in items(message.get("attachments"))]
    files = [file_html(file) for file in items(message.get("files"))]
    return join([body, edited, attachments, el("div", files, class_="files") if files else None])


# ---------------------------------------------------------------- who and when


def author_id(message: Json) -> str:
    """Who said it, as an id."""
    return string(message.get("user")) or string(message.get("bot_id"))


def author_name(message: Json, sheet: Sheet) -> str:
    """Who said it; an app may have given itself another name for one message."""
    given = string(message.get("username"))
    author = author_id(message)
    if given or author == "USLACKBOT":
        return given or "Slackbot"
    return sheet.names.user(author) or string(obj(message.get("bot_profile")).get("name")) or "somebody"


def _by_app(message: Json) -> bool:
    return bool(message.get("bot_id")) or message.get("subtype") == "bot_message"


def _icon(message: Json) -> str:
    return string(obj(message.get("icons")).get("image_48"))


def _head(message: Json, sheet: Sheet) -> Markup:
    badge = el("span", "App", class_="badge") if _by_app(message) else None
    name = el("bdi", author_name(message, sheet), class_="name")
    also = None
    if message.get("subtype") == "thread_broadcast":
        also = el("span", "replied to a thread", class_="also")
    edited = _edited(message) if message.get("blocks") else None
    return el("div", name, badge, clock(message.get("ts")), edited, also, class_="head")


def _edited(message: Json) -> Markup | None:
    """At the end of a text, or beside the time when blocks follow."""
    return el("span", "(edited)", class_="edited") if message.get("edited") else None


def avatar(user_id: str, name: str, *, bot: bool = False, picture: str = "") -> Markup:
    """Initials on a colour that belongs to the id; the app has its own sign."""
    if picture and safe_url(picture):
        return el("img", class_="avatar", src=picture, alt="", loading="lazy", referrerpolicy="no-referrer")
    if bot:
        return el("img", class_="avatar", src="/page/static/app.svg", alt="")
    initials = "".join(word[0] for word in name.split()[:2]).upper() or "?"
    return el("span", initials, class_=f"avatar a{_colour(user_id)}", aria_hidden="true")


def _colour(user_id: str) -> int:
    """One of eight, the same everywhere; chosen so that the five people of the sandbox differ."""
    number = 0
    for byte in user_id.encode("utf-8", "replace"):
        number = (number * 3 + byte) % 1009
    return number % _COLOURS


# ---------------------------------------------------------------- what others made of it


def _reactions(message: Json, sheet: Sheet) -> Markup | None:
    chips = []
    for reaction in items(message.get("reactions")):
        name, users = string(reaction.get("name")), reaction.get("users")
        people = [string(user) for user in users] if isinstance(users, list) else []
        mine = sheet.me in people
        who = ", ".join(sheet.names.user(user) for user in people)
        chips.append(
            el(
                "button", emoji(name), el("span", string(reaction.get("count")) or len(people)), type="button",
                class_="chip", data_react=name, aria_pressed="true" if mine else "false",
                title=f"{who} with :{name}:", aria_label=f":{name}: by {who}",
            )
        )  # fmt: skip
    if not chips:
        return None
    add = el("button", "+", type="button", class_="chip add", data_pick=True, aria_label="Add a reaction")
    return el("div", chips, add, class_="reactions")


def _thread_foot(message: Json, sheet: Sheet) -> Markup | None:
    count = message.get("reply_count")
    if not isinstance(count, int) or count < 1:
        return None
    users = message.get("reply_users")
    faces = [
        avatar(string(u), sheet.names.user(string(u)), bot=string(u) in sheet.names.bots)
        for u in (users[:4] if isinstance(users, list) else ())
    ]
    label = f"{count} {'reply' if count == 1 else 'replies'}"
    last = el("span", "last ", clock(message.get("latest_reply")), class_="last")
    return el(
        "button",
        el("span", faces, class_="faces"),
        el("b", label),
        last,
        type="button",
        class_="replies",
        data_open_thread=True,
    )


def _tools(*, ephemeral: bool, in_thread: bool) -> Markup:
    """What one can do with a message; shown on hover, on focus, and by a long touch."""
    if ephemeral:
        return el("div", _tool("⋯", "More", data_more=True), class_="tools", role="toolbar", aria_label="Message")
    quick = [_tool(emoji(name), f"React with {name.replace('_', ' ')}", data_react=name) for name in QUICK]
    reply = None if in_thread else _tool(_REPLY, "Reply in thread", data_open_thread=True)
    return el(
        "div", quick, _tool("☺", "Other reaction", data_pick=True), reply, _tool("⋯", "More", data_more=True),
        class_="tools", role="toolbar", aria_label="Message",
    )  # fmt: skip


_REPLY = el(
    "svg",
    el("path", d="M4 5h16v11H10l-5 4v-4H4z", class_="line"),
    viewBox="0 0 24 24", class_="glyph", aria_hidden="true",
)  # fmt: skip


def _tool(sign: Markup | str, label: str, **hooks: str | bool) -> Markup:
    return el("button", sign, type="button", class_="tool", title=label, aria_label=label, **hooks)
