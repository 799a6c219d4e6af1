"""Interactive elements as real form controls: the page's script reads their `data-…` and tells what a person did."""

from datetime import UTC, datetime

from markupsafe import Markup

from sandbox.page.blocks.rich import rich_text
from sandbox.page.html import Json, el, items, join, obj, packed, safe_url, string
from sandbox.page.moments import when
from sandbox.page.mrkdwn import text_object
from sandbox.page.sheet import Sheet

_STATE = {
    "static_select": "selected_option", "external_select": "selected_option", "radio_buttons": "selected_option",
    "overflow": "selected_option", "users_select": "selected_user", "channels_select": "selected_channel",
    "conversations_select": "selected_conversation", "multi_static_select": "selected_options",
    "multi_external_select": "selected_options", "checkboxes": "selected_options",
    "multi_users_select": "selected_users",
    "multi_channels_select": "selected_channels", "multi_conversations_select": "selected_conversations",
    "datepicker": "selected_date", "timepicker": "selected_time", "datetimepicker": "selected_date_time",
    "rich_text_input": "rich_text_value", "file_input": "files",
}  # fmt: skip
_TYPED = {
    "plain_text_input": "text", "email_text_input": "email", "url_text_input": "url", "number_input": "number",
    "datepicker": "date", "timepicker": "time", "datetimepicker": "datetime-local",
}  # fmt: skip
_PICKERS = {"datepicker": "Date", "timepicker": "Time", "datetimepicker": "Date and time"}
"""They act at once, and have this name where no label stands above them."""
_STYLES = {"primary", "danger"}


def control(element: Json, block_id: str, sheet: Sheet) -> Markup:
    """Any element that a person can use."""
    kind = string(element.get("type"))
    if kind in {"button", "workflow_button"}:
        return button(element, block_id, sheet)
    if kind == "overflow":
        return _overflow(element, block_id, sheet)
    if kind in {"radio_buttons", "checkboxes"} or kind.startswith("multi_"):
        return _marks(element, block_id, sheet)
    if kind.endswith("_select"):
        return _select(element, block_id, sheet)
    if kind in {"plain_text_input", "rich_text_input"} and (kind == "rich_text_input" or element.get("multiline")):
        return _area(element, block_id, sheet)
    if kind in _TYPED:
        return _typed(element, block_id, sheet)
    if kind == "file_input":
        return _file_input(element, block_id, sheet)
    return el("code", f"[{kind or 'no type'}]", class_="unknown-element", title=packed(element))


def _hooks(element: Json, block_id: str, sheet: Sheet) -> dict[str, str | float | bool | None]:
    """What the script needs to know about a control."""
    kind = string(element.get("type"))
    action = string(element.get("action_id"))
    return {
        "id": control_id(element, block_id, sheet),
        "data_type": kind,
        "data_action": action,
        "data_block": block_id,
        "data_state": _STATE.get(kind, "value"),
        "data_focus": bool(element.get("focus_on_load")),
    }


def control_id(element: Json, block_id: str, sheet: Sheet) -> str:
    """The element's id in the page, which its label points to."""
    return f"{sheet.key}-{block_id}-{string(element.get('action_id'))}".replace(" ", "_")


# ---------------------------------------------------------------- pressed


def button(element: Json, block_id: str, sheet: Sheet, class_: str = "btn", icon: str = "") -> Markup:
    """A button; with a url it also opens that, as in Slack."""
    style = string(element.get("style"))
    label = string(element.get("accessibility_label")) or None
    url = safe_url(element.get("url"))
    named = f"{class_} {style}" if style in _STYLES else class_
    hooks = {**_hooks(element, block_id, sheet), "data_value": string(element.get("value")), "data_act": True}
    text = el("span", icon, text_object(obj(element.get("text")), sheet.names))
    if url:
        drawn = el(
            "a", text, class_=named, href=url, target="_blank", rel="noopener noreferrer", aria_label=label, **hooks
        )
    else:
        drawn = el("button", text, type="button", class_=named, aria_label=label, **hooks)
    return drawn + confirmation(element, sheet)


def confirmation(element: Json, sheet: Sheet) -> Markup:
    """The question that is asked before the press counts: kept beside the control, shown by the script."""
    confirm = obj(element.get("confirm"))
    if not confirm:
        return Markup()
    style = string(confirm.get("style"))
    names = sheet.names
    yes = text_object(obj(confirm.get("confirm")), names) or Markup("Yes")
    strong = style if style in _STYLES else "primary"
    no = text_object(obj(confirm.get("deny")), names) or Markup("Cancel")
    return el(
        "template",
        el("h2", text_object(obj(confirm.get("title")), names) or "Are you sure?"),
        el("div", text_object(obj(confirm.get("text")), names), class_="mrkdwn"),
        el(
            "div",
            el("button", no, type="button", class_="btn", data_answer="no"),
            el("button", yes, type="button", class_=f"btn {strong}", data_answer="yes"),
            class_="dialog-foot",
        ),
        class_="confirm",
    )  # fmt: skip


def _overflow(element: Json, block_id: str, sheet: Sheet) -> Markup:
    rows: list[Markup] = []
    hooks = {key: value for key, value in _hooks(element, block_id, sheet).items() if key != "id"}
    for option in items(element.get("options")):
        text, url = _option_label(option, sheet), safe_url(option.get("url"))
        more = {**hooks, "role": "menuitem", "data_act": True, "data_choice": packed(option)}
        if url:
            rows.append(el("a", text, href=url, target="_blank", rel="noopener noreferrer", **more))
        else:
            rows.append(el("button", text, type="button", **more) + confirmation(element, sheet))
    summary = el("summary", "⋯", aria_label="More actions", class_="btn icon")
    return el("details", summary, el("div", rows, role="menu", class_="menu-list"), class_="menu")


# ---------------------------------------------------------------- chosen


def _select(element: Json, block_id: str, sheet: Sheet) -> Markup:
    kind = string(element.get("type"))
    initial = _initial(element)
    groups = _groups(element, sheet)
    holder = string(obj(element.get("placeholder")).get("text")) or "Choose…"
    options = [el("option", holder, value="", selected=not initial)]
    for label, choices in groups:
        drawn = [
            el("option", text, value=key, data_choice=packed(choice), selected=key in initial, title=about or None)
            for key, text, about, choice in choices
        ]
        options.append(el("optgroup", drawn, label=label) if label else join(drawn))
    hooks = {**_hooks(element, block_id, sheet), "data_act": True}
    # As a title, which gives way to the label of an input; an aria-label would hide it.
    box = el("select", options, class_="select", title=holder, **hooks) + confirmation(element, sheet)
    return _asked_for(element, box) if kind == "external_select" else box


def _asked_for(element: Json, drawn: Markup) -> Markup:
    """The app gives the options while one types; what it gave can then be chosen below."""
    least = element.get("min_query_length")
    field = el(
        "input", type="search", class_="field", placeholder="Type to ask the app…", aria_label="Type to ask the app",
        autocomplete="off", data_suggest=least if isinstance(least, int) else 3,
    )  # fmt: skip
    return el("div", field, drawn, class_="external")


def _marks(element: Json, block_id: str, sheet: Sheet) -> Markup:
    """Radio buttons, checkboxes and the selects that take several: all as marks to set."""
    kind = string(element.get("type"))
    initial = _initial(element)
    hooks = _hooks(element, block_id, sheet)
    name = str(hooks["id"])
    rows: list[Markup] = []
    for label, choices in _groups(element, sheet):
        rows += [el("div", label, class_="group-label")] if label else []
        for key, text, about, choice in choices:
            tick = el(
                "input", type="radio" if kind == "radio_buttons" else "checkbox", name=name, value=key,
                checked=key in initial, data_choice=packed(choice),
            )  # fmt: skip
            words = el("span", text, el("small", about) if about else None)
            rows.append(el("label", tick, words, class_="mark"))
    limit = element.get("max_selected_items")
    many = "marks many" if kind.startswith("multi_") else "marks"
    role = "radiogroup" if kind == "radio_buttons" else "group"
    more = {"data_max": limit if isinstance(limit, int) else None, "data_act": True, "aria_labelledby": f"{name}-label"}
    box = el("div", rows, class_=many, role=role, **hooks, **more) + confirmation(element, sheet)
    return _asked_for(element, box) if kind == "multi_external_select" else box


_Choice = tuple[str, Markup, Markup | None, object]
"""Its key, its text, what it says below, and what Slack would send for it."""


def _groups(element: Json, sheet: Sheet) -> list[tuple[str, list[_Choice]]]:
    kind = string(element.get("type")).removeprefix("multi_")
    people = [(i, join(n), None, i) for i, n in sheet.names.users.items() if i not in sheet.names.bots]
    channels: list[_Choice] = [(i, Markup("#") + n, None, i) for i, n in sheet.names.channels.items()]
    if kind == "users_select":
        return [("", [*people])]
    if kind == "channels_select":
        return [("", channels)]
    if kind == "conversations_select":
        return [("Channels", channels), ("People", [*people])]
    if kind == "external_select":
        return [("", [_choice(option, sheet) for option in _initial_options(element)])]
    if groups := items(element.get("option_groups")):
        return [
            (string(obj(g.get("label")).get("text")), [_choice(o, sheet) for o in items(g.get("options"))])
            for g in groups
        ]
    return [("", [_choice(option, sheet) for option in items(element.get("options"))])]


def _choice(option: Json, sheet: Sheet) -> _Choice:
    about = obj(option.get("description"))
    return (
        string(option.get("value")),
        text_object(obj(option.get("text")), sheet.names),
        text_object(about, sheet.names) if about else None,
        option,
    )


def _option_label(option: Json, sheet: Sheet) -> Markup:
    return text_object(obj(option.get("text")), sheet.names)


def _initial_options(element: Json) -> list[Json]:
    first = obj(element.get("initial_option"))
    return [first] if first else items(element.get("initial_options"))


def _initial(element: Json) -> set[str]:
    """The keys of what is chosen at first."""
    chosen = {string(option.get("value")) for option in _initial_options(element)}
    for what in ("user", "channel", "conversation"):
        several = element.get(f"initial_{what}s")
        chosen |= {string(element.get(f"initial_{what}"))} - {""}
        chosen |= {string(one) for one in several} if isinstance(several, list) else set()
    return chosen


# ---------------------------------------------------------------- typed


def _typed(element: Json, block_id: str, sheet: Sheet) -> Markup:
    kind = string(element.get("type"))
    initial = next(
        (element.get(f"initial_{what}") for what in ("value", "date", "time") if element.get(f"initial_{what}")), ""
    )
    at = when(element.get("initial_date_time")) if kind == "datetimepicker" else None
    acts = kind in _PICKERS
    step = None
    if kind == "number_input":
        step = "any" if element.get("is_decimal_allowed") else "1"
    return el(
        "input", type=_TYPED[kind], class_="field", value=_local(at) if at else string(initial),
        data_unix=int(at.timestamp()) if at else None, step=step,
        min=string(element.get("min_value")) or None, max=string(element.get("max_value")) or None,
        data_act=acts, title=_PICKERS.get(kind), **_limits(element), **_hooks(element, block_id, sheet),
    ) + confirmation(element, sheet)  # fmt: skip


def _local(at: datetime) -> str:
    """For `datetime-local`; the script moves it into the reader's zone."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M}"


def _area(element: Json, block_id: str, sheet: Sheet) -> Markup:
    initial = element.get("initial_value")
    text = string(initial) if not obj(initial) else rich_text(obj(initial), sheet).striptags()
    # A first line break directly after the tag would be lost: HTML's rule.
    return el("textarea", "\n", text, class_="field", rows=4, **_limits(element), **_hooks(element, block_id, sheet))


def _limits(element: Json) -> dict[str, str | int | None]:
    longest, shortest = element.get("max_length"), element.get("min_length")
    return {
        "maxlength": longest if isinstance(longest, int) else None,
        "minlength": shortest if isinstance(shortest, int) else None,
        "placeholder": string(obj(element.get("placeholder")).get("text")) or None,
        "autocomplete": "off",
    }


def _file_input(element: Json, block_id: str, sheet: Sheet) -> Markup:
    kinds = element.get("filetypes")
    accept = ",".join(f".{string(kind)}" for kind in kinds) if isinstance(kinds, list) else None
    several = element.get("max_files") != 1
    field = el(
        "input", type="file", class_="field", accept=accept, multiple=several, **_hooks(element, block_id, sheet)
    )
    return el("div", field, el("small", "Files can't be sent from this page yet."), class_="external")
