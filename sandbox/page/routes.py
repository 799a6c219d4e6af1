"""The page's addresses: the whole page at `/`, and under `/page/` the fragments that its script fetches anew."""

from collections.abc import Callable

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from sandbox.page import panes, shell
from sandbox.page.gallery import gallery_html
from sandbox.page.html import el
from sandbox.page.origin import origin_html
from sandbox.page.reader import Reader, in_channel
from sandbox.page.views import home_html, modals_html
from sandbox.workspace import Channel, Workspace

NEWCOMER = "mika"
"""Who one is until one says otherwise: the person whom the README tells about."""


class Page(HTMLResponse):
    """HTML under the policy; a lone surrogate in somebody's text becomes a question mark, not an error."""

    def __init__(self, content: Markup, status_code: int = 200) -> None:
        super().__init__(content, status_code, headers=shell.HEADERS)

    def render(self, content: object) -> bytes:
        return str(content).encode("utf-8", "replace")


class Missing(Exception):
    """What was asked for isn't here, or not for this person."""


_Fragment = Callable[[Request, Reader], Markup | None]


def routes(workspace: Workspace, *, replaying: bool = False) -> list[BaseRoute]:
    """Everything that the page serves. What a person does goes to the control API, not through here."""

    def fragment(path: str, draw: _Fragment) -> Route:
        async def answer(request: Request) -> Response:
            try:
                drawn = draw(request, _reader(workspace, request))
            except Missing as missing:
                return Page(el("p", str(missing), class_="empty"), 404)
            return Response(status_code=204, headers=shell.HEADERS) if drawn is None else Page(drawn)

        return Route(path, answer)

    async def index(request: Request) -> Response:
        return _index(workspace, request, replaying=replaying)

    async def file(request: Request) -> Response:
        return _file(workspace, request)

    async def gallery(_request: Request) -> Response:
        return Page(gallery_html())

    return [
        Route("/", index),
        Route("/files/{id}", file),
        Route("/page/gallery", gallery),
        fragment("/page/main", _main),
        fragment("/page/sidebar", _sidebar),
        fragment("/page/messages", _messages),
        fragment("/page/message", _message),
        fragment("/page/thread", _thread),
        fragment("/page/call", _call),
        fragment("/page/views", lambda _request, reader: modals_html(reader)),
        fragment("/page/home", lambda _request, reader: home_html(reader)),
        Mount("/page/static", StaticFiles(packages=[("sandbox.page", "static")])),
    ]


# ---------------------------------------------------------------- whole pages


def _index(workspace: Workspace, request: Request, *, replaying: bool) -> Response:
    try:
        reader = _reader(workspace, request)
        at_home = "home" in request.query_params
        channel = _channel(reader, request) if request.query_params.get("channel") else reader.first_channel()
    except Missing as missing:
        people = [p for p in workspace.members.values() if not p.is_bot]
        links = el("ul", [el("li", el("a", f"{p.real_name}, {p.title}", href=f"/?as={p.name}")) for p in people])
        return Page(shell.sorry(str(missing), el("p", "Come in as:"), links), 404)
    thread = request.query_params.get("thread", "")
    side = panes.thread_html(reader, channel, thread) if thread else None
    main = panes.home_pane_html(reader) if at_home else panes.channel_html(reader, channel)
    here = "home" if at_home else channel.id
    state = {
        "as": reader.person.name, "me": reader.person.id, "channel": here, "thread": thread,
        "bot": workspace.app.user_id, "direct": workspace.direct(reader.person.id).id,
        "botName": workspace.members[workspace.app.user_id].name,
        "shortcuts": [{"id": s.callback_id, "name": s.name} for s in workspace.app.shortcuts if s.type == "message"],
        "replay": replaying,
    }  # fmt: skip
    title = f"{channel.name or 'App'} · {workspace.team.name}"
    return Page(shell.workspace_page(title, state, panes.sidebar_html(reader, here), main, side, modals_html(reader)))


def _file(workspace: Workspace, request: Request) -> Response:
    """A file's permalink: its bytes."""
    found = workspace.file(request.path_params["id"])
    if found is None:
        return Page(shell.sorry("This file isn't here, or was deleted."), 404)
    return RedirectResponse(found["url_private"], headers=shell.HEADERS)


# ---------------------------------------------------------------- fragments


def _main(request: Request, reader: Reader) -> Markup:
    if "home" in request.query_params:
        return panes.home_pane_html(reader)
    return panes.channel_html(reader, _channel(reader, request))


def _sidebar(request: Request, reader: Reader) -> Markup:
    return panes.sidebar_html(reader, request.query_params.get("channel", ""))


def _messages(request: Request, reader: Reader) -> Markup:
    thread, before = request.query_params.get("thread", ""), request.query_params.get("before", "")
    return panes.rows_html(reader, _channel(reader, request), thread, before)


def _message(request: Request, reader: Reader) -> Markup | None:
    """One message, for the channel or for the open thread; nothing when it doesn't stand there."""
    channel, thread = _channel(reader, request), request.query_params.get("thread", "")
    found = reader.message(channel, request.query_params.get("ts", ""))
    if found is None:
        return None
    here = thread in {found.ts, found.thread} if thread else in_channel(found)
    return panes.one_html(reader, channel, found, in_thread=bool(thread)) if here else None


def _thread(request: Request, reader: Reader) -> Markup:
    return panes.thread_html(reader, _channel(reader, request), request.query_params.get("thread", ""))


def _call(request: Request, reader: Reader) -> Markup:
    return origin_html(reader, _channel(reader, request), request.query_params.get("ts", ""))


def _reader(workspace: Workspace, request: Request) -> Reader:
    """Who looks: whom the address names, else the newcomer or the first one who sees the channel that it names."""
    name, channel = request.query_params.get("as"), request.query_params.get("channel")
    if name:
        person = workspace.person(name)
        if person is None or person.is_bot:
            raise Missing(f"There is nobody called “{name}” here.")
        return Reader(workspace, person)
    people = sorted((p for p in workspace.members.values() if not p.is_bot), key=lambda p: p.name != NEWCOMER)
    readers = [Reader(workspace, p) for p in people]
    return next((r for r in readers if not channel or r.channel(channel)), readers[0])


def _channel(reader: Reader, request: Request) -> Channel:
    name = request.query_params.get("channel", "")
    found = reader.channel(name) if name else None
    if found is None:
        raise Missing(f"There is no channel “{name}” that {reader.person.real_name} can see.")
    return found
