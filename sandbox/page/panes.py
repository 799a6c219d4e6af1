"""The parts of the page that are fetched anew on their own: side bar, channel, thread, what an API call said."""

from markupsafe import Markup

from sandbox.page.html import Child, el, join
from sandbox.page.messages import avatar, message_html
from sandbox.page.reader import Reader
from sandbox.page.views import home_html
from sandbox.workspace import Channel, Message


def sidebar_html(reader: Reader, here: str) -> Markup:
    """Who one is, and where one can go. `here` is the open channel's id, or `home`."""
    workspace, me = reader.workspace, reader.person
    channels = [c for c in workspace.conversations.values() if c.kind != "im" and reader.sees(c)]
    channels.sort(key=lambda c: (me.id not in c.members, c.archived, c.name))
    direct = workspace.direct(me.id)
    bot = workspace.members[workspace.app.user_id]
    app = el("img", src="/page/static/app.svg", alt="", class_="avatar small")
    rows = [_place(reader, c, el("span", "🔒" if c.is_private else "#", class_="sign"), c.name, here) for c in channels]
    return join(
        [
            _switcher(reader),
            el("button", el("span", "Go to…"), el("kbd", "Ctrl K"), type="button", class_="jump", data_jump=True),
            el("h2", "Channels"),
            el("ul", rows),
            el("h2", "Apps"),
            el(
                "ul",
                _place(reader, direct, app, bot.real_name, here, address=f"@{bot.name}"),
                el("li", _home_link(reader, here)),
            ),
            el("button", "Trouble…", type="button", class_="trouble-button", data_trouble=True),
            el(
                "p",
                el("span", class_="dot", aria_hidden="true"),
                el("span", "connecting…"),
                class_="link-state",
                role="status",
            ),
        ]
    )


def _switcher(reader: Reader) -> Markup:
    me = reader.person
    people = [p for p in reader.workspace.members.values() if not p.is_bot and not p.deleted]
    rows = [
        el(
            "a", avatar(p.id, p.real_name), el("span", el("b", p.real_name), el("small", p.title)),
            href=f"/?as={p.name}", data_as=p.name, aria_current="true" if p.id == me.id else None,
        )
        for p in people
    ]  # fmt: skip
    now = el("span", el("b", me.real_name), el("small", me.title))
    chevron = el("span", "⌄", class_="chevron", aria_hidden="true")
    label = f"You are {me.real_name}, {me.title}. Switch person"
    summary = el("summary", avatar(me.id, me.real_name), now, chevron, aria_label=label)
    return el("details", summary, el("div", el("small", "Be somebody else"), rows, class_="people"), class_="who")


def _place(reader: Reader, channel: Channel, sign: Markup, name: str, here: str, address: str = "") -> Markup:
    label = el("span", name, class_="place-name")
    kinds = ("place", "archived" if channel.archived else "", "" if reader.person.id in channel.members else "outside")
    return el(
        "li",
        el(
            "a", sign, label, el("span", class_="count", aria_hidden="true"), class_=" ".join(filter(None, kinds)),
            href=f"/?as={reader.person.name}&channel={address or channel.name}", data_go=channel.id,
            data_latest=reader.latest(channel), aria_current="page" if here == channel.id else None,
        ),
    )  # fmt: skip


def _home_link(reader: Reader, here: str) -> Markup:
    return el(
        "a", el("span", "⌂", class_="sign"), el("span", "Home of the app", class_="place-name"), class_="place",
        href=f"/?as={reader.person.name}&home=1", data_go="home", aria_current="page" if here == "home" else None,
    )  # fmt: skip


# ---------------------------------------------------------------- the middle


def channel_html(reader: Reader, channel: Channel) -> Markup:
    """A channel: its head, its last messages, a place to write."""
    title, about = title_of(reader, channel)
    member = reader.person.id in channel.members
    if channel.archived:
        write: Markup = el("p", "This channel is archived. Nothing can be written here.", class_="no-composer")
    elif not member:
        write = el("p", f"You only look at {title}: you are not a member.", class_="no-composer")
    else:
        write = composer_html(reader, f"Message {title}")
    tabs = _tabs(reader, channel.id) if channel.kind == "im" else None
    return join([_head(title, about, tabs), _log(reader, channel), write])


def home_pane_html(reader: Reader) -> Markup:
    """App Home in the middle."""
    bot = reader.workspace.members[reader.workspace.app.user_id]
    head = _head(bot.real_name, "App Home", _tabs(reader, "home"))
    return head + el("div", home_html(reader), class_="log home-pane", id="home", tabindex=0)


def _head(title: str, about: Child, tabs: Markup | None = None) -> Markup:
    menu = el(
        "button", "☰", type="button", class_="btn icon menu-button", data_menu=True, aria_label="Channels and people"
    )
    return el("header", menu, el("div", el("h1", title), el("p", about, class_="about")), tabs, class_="pane-head")


def _tabs(reader: Reader, here: str) -> Markup:
    direct = reader.workspace.direct(reader.person.id)
    bot = reader.workspace.members[reader.workspace.app.user_id]
    me = reader.person.name
    places = (("home", "Home", f"/?as={me}&home=1"), (direct.id, "Messages", f"/?as={me}&channel=@{bot.name}"))
    return el(
        "nav",
        [el("a", name, href=to, data_go=go, aria_current="page" if go == here else None) for go, name, to in places],
        class_="tabs",
        aria_label="App",
    )


def title_of(reader: Reader, channel: Channel) -> tuple[str, Child]:
    """What a conversation is called, and what is said about it."""
    if channel.kind == "im":
        bot = reader.workspace.members[reader.workspace.app.user_id]
        return bot.real_name, f"Direct messages of the app with {reader.person.real_name}"
    people = len(channel.members)
    count = f"{people} {'member' if people == 1 else 'members'}"
    topic = str(channel.topic.get("value") or "")
    bot_in = "" if reader.workspace.app.user_id in channel.members else " · the app is not here"
    sign = "🔒 " if channel.is_private else "#"
    return f"{sign}{channel.name}", f"{count}{bot_in}{' · ' if topic else ''}{topic}"


def _log(reader: Reader, channel: Channel) -> Markup:
    rows = rows_html(reader, channel)
    if not rows:
        rows = el("li", el("p", "Nothing has been said here yet."), class_="empty")
    return el(
        "ol", rows, class_="log", id="log", role="log", aria_label="Messages", tabindex=0, data_channel=channel.id
    )


def rows_html(reader: Reader, channel: Channel, thread: str = "", before: str = "") -> Markup:
    """A window of messages; when there are older ones, a mark that loads them stands first."""
    shown, older = reader.window(channel, thread, before)
    drawn = [one_html(reader, channel, message, in_thread=bool(thread)) for message in shown]
    if older and shown:
        load = el("button", "Earlier messages", type="button", class_="btn small", data_older=shown[0].ts)
        drawn.insert(0, el("li", load, class_="older"))
    return join(drawn)


def one_html(reader: Reader, channel: Channel, message: Message, *, in_thread: bool = False) -> Markup:
    """One message in the channel or in the open thread."""
    key = f"{'t' if in_thread else 'm'}-{message.ts}"
    return message_html(reader.json(message), reader.sheet(key), channel.id, in_thread=in_thread)


def composer_html(reader: Reader, holder: str, thread: str = "") -> Markup:
    """Where one writes. A line that begins with one of the app's commands is sent as that command."""
    commands = " ".join(sorted(reader.workspace.app.commands))
    shortcuts = [
        el("button", "⚡ ", s.name, type="button", role="menuitem", data_shortcut=s.callback_id)
        for s in reader.workspace.app.shortcuts
        if s.type == "global"
    ]
    menu = None
    if shortcuts and not thread:
        menu = el(
            "details", el("summary", "+", class_="btn icon", aria_label="Shortcuts of the app"),
            el("div", shortcuts, role="menu", class_="menu-list up"), class_="menu",
        )  # fmt: skip
    area = el("textarea", rows=1, placeholder=holder, aria_label=holder, data_commands=commands, maxlength=40_000)
    hint = el("p", class_="composer-hint", aria_live="polite")
    send = el("button", "➤", type="submit", class_="btn primary icon", aria_label="Send")
    return el(
        "form", hint, el("div", menu, area, send, class_="composer-row"), class_="composer", data_thread=thread or None
    )


# ---------------------------------------------------------------- beside it


def thread_html(reader: Reader, channel: Channel, thread: str) -> Markup:
    """A message with what was answered."""
    parent = reader.message(channel, thread)
    title, _ = title_of(reader, channel)
    if parent is None:
        gone = el("p", "This thread isn't here any more.", class_="empty")
        return beside("Thread", title) + gone
    count = len(channel.threads.get(thread, ()))
    first = el("ol", one_html(reader, channel, parent, in_thread=True), class_="thread-first")
    between = el("p", f"{count} {'reply' if count == 1 else 'replies'}", class_="between") if count else None
    rows = el(
        "ol", rows_html(reader, channel, thread), class_="thread-replies", role="log", aria_label="Replies",
        data_channel=channel.id, data_thread=thread,
    )  # fmt: skip
    may = reader.person.id in channel.members and not channel.archived
    write = composer_html(reader, "Reply…", thread) if may else None
    return (
        beside("Thread", title) + el("div", first, between, rows, class_="log", id="thread-log") + (write or Markup())
    )


def beside(title: str, where: str) -> Markup:
    """The head of what stands beside the channel."""
    close = el("button", "×", type="button", class_="btn icon", data_close_side=True, aria_label=f"Close: {title}")
    return el("header", el("div", el("h2", title), el("p", where, class_="about")), close, class_="pane-head")
