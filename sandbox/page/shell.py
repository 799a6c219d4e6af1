"""The document around the panes. No inline script or style: the content security policy forbids them."""

from markupsafe import Markup

from sandbox.page.html import Child, Json, el, join, packed

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https: http: data:; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
}


def document(title: str, *body: Child, class_: str = "", script: bool = True) -> Markup:
    """A whole page."""
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1, viewport-fit=cover"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", title),
        el("link", rel="icon", href="/page/static/app.svg", type="image/svg+xml"),
        [
            el("link", rel="stylesheet", href=f"/page/static/{name}.css")
            for name in ("base", "layout", "message", "blocks")
        ],
        el("script", src="/page/static/page.js", type="module") if script else None,
    )
    return Markup("<!doctype html>") + el("html", head, el("body", *body, class_=class_ or None), lang="en")


def workspace_page(title: str, state: Json, sidebar: Child, main: Child, side: Child, modal: Child) -> Markup:
    """The workspace: side bar, middle, what is open beside it, and what lies on top."""
    return document(
        title,
        el("a", "To the messages", href="#main", class_="skip"),
        el("nav", sidebar, id="sidebar", aria_label="Channels and people"),
        el("main", main, id="main"),
        layers(side, modal),
        el("script", _json(state), type="application/json", id="state"),
        class_="workspace with-side" if side else "workspace",
    )


def layers(side: Child = None, modal: Child = None) -> Markup:
    """What the script puts beside and on top of the page."""
    return join(
        [
            el("aside", side, id="side", aria_label="Beside the channel", hidden=not side),
            el("div", modal, id="modals"),
            el("div", id="notes", role="status", aria_live="polite"),
            el("div", id="floating"),
        ]
    )


def _json(state: Json) -> Markup:
    """Data for the script: a block of JSON is no script, and nothing in it can end the element."""
    return Markup(packed(state).replace("<", "\\u003c").replace("&", "\\u0026"))  # noqa: S704 - `<` can't stand in it


def sorry(what: str, *more: Child) -> Markup:
    """A page that says what is not here."""
    return document("Not here", el("main", el("h1", what), *more, class_="sorry"), script=False)
