"""The everyday blocks: heading, text, small print, buttons, pictures, files, input."""

from markupsafe import Markup

from sandbox.page.blocks.controls import button, control, control_id
from sandbox.page.html import Json, el, items, obj, outward, safe_url, string
from sandbox.page.markdown import markdown
from sandbox.page.mrkdwn import text_object
from sandbox.page.sheet import Sheet

_LEVELS = {"info", "warning", "error", "success"}


def header(block: Json, sheet: Sheet) -> Markup:
    """A heading."""
    return el("h3", text_object(obj(block.get("text")), sheet.names))


def section(block: Json, sheet: Sheet) -> Markup:
    """Text, fields in two columns, and perhaps an element beside them."""
    text = obj(block.get("text"))
    fields = [el("div", text_object(field, sheet.names), class_="mrkdwn") for field in items(block.get("fields"))]
    words = el(
        "div",
        el("div", text_object(text, sheet.names), class_="mrkdwn") if text else None,
        el("div", fields, class_="fields") if fields else None,
        class_="section-text",
    )
    accessory = obj(block.get("accessory"))
    if not accessory:
        return el("div", words, class_="section")
    if accessory.get("type") == "image":
        beside = image(accessory, sheet, "accessory-image")
    else:
        beside = control(accessory, string(block.get("block_id")), sheet)
    return el("div", words, el("div", beside, class_="accessory"), class_="section")


def context(block: Json, sheet: Sheet) -> Markup:
    """Small print with small pictures."""
    drawn = [
        image(element, sheet, "context-image")
        if element.get("type") == "image"
        else el("span", text_object(element, sheet.names), class_="mrkdwn")
        for element in items(block.get("elements"))
    ]
    return el("div", drawn, class_="context")


def divider(_block: Json, _sheet: Sheet) -> Markup:
    """A line."""
    return el("hr")


def actions(block: Json, sheet: Sheet) -> Markup:
    """A row of elements."""
    block_id = string(block.get("block_id"))
    return el("div", [control(element, block_id, sheet) for element in items(block.get("elements"))], class_="actions")


def context_actions(block: Json, sheet: Sheet) -> Markup:
    """Thumbs up and down, and small buttons with a picture."""
    block_id = string(block.get("block_id"))
    drawn: list[Markup] = []
    for element in items(block.get("elements")):
        if element.get("type") == "feedback_buttons":
            for side, icon in (("positive_button", "👍 "), ("negative_button", "👎 ")):
                half = {**obj(element.get(side)), "type": "feedback_buttons", "action_id": element.get("action_id")}
                drawn.append(button(half, block_id, sheet, "btn small", icon))
        else:
            shown_to = element.get("visible_to_user_ids")
            if isinstance(shown_to, list) and sheet.me not in shown_to:
                continue
            icon = "🗑 " if element.get("icon") == "trash" else ""
            drawn.append(button(element, block_id, sheet, "btn small", icon))
    return el("div", drawn, class_="actions tight")


def image_block(block: Json, sheet: Sheet) -> Markup:
    """A picture with its title."""
    title = obj(block.get("title"))
    caption = el("figcaption", text_object(title, sheet.names)) if title else None
    return el("figure", caption, image(block, sheet), class_="picture")


def image(element: Json, sheet: Sheet, class_: str = "image") -> Markup:
    """A picture by address or by Slack file; one that can't be had shows its alternative text."""
    alt = string(element.get("alt_text"))
    slack_file = obj(element.get("slack_file"))
    url = element.get("image_url")
    if slack_file:
        kept = sheet.names.file(string(slack_file.get("id"))) if slack_file.get("id") else None
        url = obj(kept).get("url_private") or slack_file.get("url")
    address = safe_url(url)
    if not address or address.startswith("mailto:"):
        return el("span", "🖼 ", alt or "picture", class_="no-image")
    picture = el(
        "img", src=address, alt=alt, class_=class_, loading="lazy", decoding="async", referrerpolicy="no-referrer"
    )
    return picture if class_ != "image" else outward(address, picture, class_="image-link")


def video(block: Json, sheet: Sheet) -> Markup:
    """A video as its still: the page plays nothing from elsewhere."""
    title = text_object(obj(block.get("title")), sheet.names)
    still = image({"image_url": block.get("thumbnail_url"), "alt_text": block.get("alt_text")}, sheet, "still")
    by = " · ".join(filter(None, (string(block.get("author_name")), string(block.get("provider_name")))))
    about = obj(block.get("description"))
    return el(
        "figure",
        el(
            "figcaption",
            outward(block.get("title_url") or block.get("video_url"), title),
            el("small", by) if by else None,
        ),
        el("div", text_object(about, sheet.names), class_="mrkdwn") if about else None,
        outward(block.get("video_url"), still, el("span", "▶", class_="play", aria_hidden="true"), class_="video"),
        class_="picture",
    )


def file_block(block: Json, sheet: Sheet) -> Markup:
    """A remote file, by the id it has elsewhere."""
    kept = sheet.names.file(string(block.get("external_id")))
    name = string(obj(kept).get("title") or obj(kept).get("name") or block.get("external_id"))
    icon = el("span", "📄", aria_hidden="true", class_="file-icon")
    words = el("span", el("b", name), el("small", f"{string(block.get('source')) or 'remote'} file"))
    return el("div", outward(obj(kept).get("permalink"), icon, words, class_="file"), class_="files")


def markdown_block(block: Json, _sheet: Sheet) -> Markup:
    """Standard Markdown."""
    return el("div", markdown(string(block.get("text"))), class_="rich markdown")


def alert(block: Json, sheet: Sheet) -> Markup:
    """A note that must be seen; Slack shows it in modals only."""
    level = string(block.get("level"))
    known = level if level in _LEVELS else "default"
    return el("div", text_object(obj(block.get("text")), sheet.names), class_=f"alert mrkdwn {known}", role="note")


def input_block(block: Json, sheet: Sheet) -> Markup:
    """A question with its control, a hint, and room for what is wrong with the answer."""
    element = obj(block.get("element"))
    block_id = string(block.get("block_id"))
    key = control_id(element, block_id, sheet)
    optional = el("span", "optional", class_="optional") if block.get("optional") else None
    hint = obj(block.get("hint"))
    kind = string(element.get("type"))
    several = kind in {"radio_buttons", "checkboxes"} or kind.startswith("multi_")
    words = (text_object(obj(block.get("label")), sheet.names), optional)
    named: dict[str, str | None] = {"id": f"{key}-label"} if several else {"for_": key}
    return el(
        "div",
        el("div" if several else "label", words, class_="label", **named),
        control(element, block_id, sheet),
        el("p", text_object(hint, sheet.names), class_="hint", id=f"{key}-hint") if hint else None,
        el("p", class_="wrong", role="alert", hidden=True),
        class_="input",
        data_input=block_id,
        data_dispatch=bool(block.get("dispatch_action")),
        data_optional=bool(block.get("optional")),
    )  # fmt: skip
