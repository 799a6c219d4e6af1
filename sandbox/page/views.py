"""Modals and App Home: the app's views with the frame that Slack puts around them."""

from collections.abc import Sequence

from markupsafe import Markup

from sandbox.page.blocks import render
from sandbox.page.html import Json, el, obj, string
from sandbox.page.mrkdwn import text_object
from sandbox.page.reader import Reader


def modals_html(reader: Reader) -> Markup:
    """The modal that lies on top, or nothing."""
    views: Sequence[Json] = reader.workspace.views_of(reader.person.id)
    return modal_html(views[-1], reader, len(views)) if views else Markup()


def modal_html(view: Json, reader: Reader, deep: int = 1) -> Markup:
    """One modal as a dialog with a real form."""
    view_id = string(view.get("id"))
    sheet = reader.sheet(view_id, "modal")
    names = sheet.names
    title = text_object(obj(view.get("title")), names)
    close = text_object(obj(view.get("close")), names) or Markup("Cancel")
    submit = obj(view.get("submit"))
    close_sign = "←" if deep > 1 else "×"
    head = el(
        "header",
        el("img", src="/page/static/app.svg", alt="", class_="avatar small"),
        el("h2", title, id=f"{view_id}-title"),
        el(
            "button",
            close_sign,
            type="button",
            class_="btn icon",
            data_close_view=True,
            aria_label="Back" if deep > 1 else "Close",
        ),
    )
    foot = el(
        "footer",
        el("p", class_="form-wrong", role="alert", hidden=True),
        el("button", close, type="button", class_="btn", data_close_view=True),
        el("button", text_object(submit, names), type="submit", class_="btn primary") if submit else None,
    )
    form = el("form", head, el("div", render(view.get("blocks"), sheet), class_="modal-body"), foot, novalidate=True)
    return el(
        "div",
        form,
        class_="modal",
        role="dialog",
        aria_modal="true",
        aria_labelledby=f"{view_id}-title",
        data_view=view_id,
        data_hash=string(view.get("hash")),
    )


def home_html(reader: Reader) -> Markup:
    """App Home: what the app published for this person."""
    view = reader.workspace.home_of(reader.person.id)
    if view is None:
        words = el("p", "The app has not published a Home for you yet.")
        hint = el("small", "It does so when it hears that you opened this tab; is it connected?")
        return el("div", words, hint, class_="empty")
    view_id = string(view.get("id"))
    drawn = render(view.get("blocks"), reader.sheet(view_id, "home"))
    return el("div", drawn, class_="home", data_view=view_id, data_hash=string(view.get("hash")))
