"""Modals lie on a stack of three, the App Home lies beneath; each view has a hash that changes with it."""

from copy import deepcopy

from sandbox.workspace.state import Workspace
from sandbox.workspace.values import Json, View

DEEPEST = 3
"""Modals that may lie on one another."""
BUTTONS = frozenset({"button", "workflow_button", "icon_button", "feedback_buttons"})
"""Elements that are pressed and hold no state; radio buttons do."""
TEMPLATE = {
    "private_metadata": "",
    "callback_id": "",
    "title": None,
    "submit": None,
    "close": None,
    "clear_on_close": False,
    "notify_on_close": False,
    "external_id": "",
}


def open_modal(workspace: Workspace, user_id: str, content: Json) -> View:
    """A new modal on top of what the person has open."""
    stack = workspace.modals.setdefault(user_id, [])
    below = stack[-1] if stack else None
    view = _new(workspace, user_id, content)
    view.body |= {
        "root_view_id": stack[0].id if stack else view.id,
        "previous_view_id": below.id if below else None,
    }
    stack.append(view)
    workspace.changed("view", user=user_id)
    return view


def update(workspace: Workspace, view: View, content: Json) -> None:
    """Show something else in the same place. What was typed stays where block and element kept their ids."""
    kept = {name: view.body[name] for name in ("id", "root_view_id", "previous_view_id")}
    view.body = _body(workspace, content, view.id) | kept
    fresh = initial_state(view.body)
    for block_id, elements in fresh.items():
        old = view.state.get(block_id, {})
        elements.update({action_id: old[action_id] for action_id in elements if action_id in old})
    view.state = fresh
    workspace.changed("home" if view.body["type"] == "home" else "view", user=view.user)


def publish(workspace: Workspace, user_id: str, content: Json) -> View:
    """The person's App Home."""
    view = workspace.homes.get(user_id)
    if view is None:
        view = _new(workspace, user_id, content)
        view.body |= {"root_view_id": view.id, "previous_view_id": None}
        workspace.homes[user_id] = view
        workspace.changed("home", user=user_id)
    else:
        update(workspace, view, content)
    return view


def close(workspace: Workspace, view: View) -> None:
    """Take a modal away, and what lies on it."""
    stack = workspace.modals.get(view.user, [])
    if view in stack:
        del stack[stack.index(view) :]
        workspace.changed("view", user=view.user)


def clear(workspace: Workspace, user_id: str) -> None:
    """Take every modal of a person away."""
    if workspace.modals.pop(user_id, None):
        workspace.changed("view", user=user_id)


def find(workspace: Workspace, *, view_id: str = "", external_id: str = "") -> View | None:
    """An open modal or a Home, by its id or the app's own name for it."""
    for view in (*(view for stack in workspace.modals.values() for view in stack), *workspace.homes.values()):
        if view_id and view.id == view_id:
            return view
        if external_id and view.body["external_id"] == external_id:
            return view
    return None


def initial_state(body: Json) -> Json:
    """The state that a view has before anybody has touched it: what the elements begin with."""
    state: Json = {}
    for block in body["blocks"]:
        for element in elements_of(block):
            if element.get("action_id") and element["type"] not in BUTTONS:
                state.setdefault(block["block_id"], {})[element["action_id"]] = _initial(element)
    return state


def elements_of(block: Json) -> list[Json]:
    """The interactive elements of a block, wherever its type keeps them."""
    found = [
        *(block.get("elements") or ()),
        block.get("element"),
        block.get("accessory"),
        *(block.get("actions") or ()),
    ]
    return [element for element in found if isinstance(element, dict) and element.get("type")]


def _initial(element: Json) -> Json:
    given = {name.removeprefix("initial_"): value for name, value in element.items() if name.startswith("initial_")}
    renamed = {
        "option": "selected_option",
        "options": "selected_options",
        "date": "selected_date",
        "time": "selected_time",
        "date_time": "selected_date_time",
        "user": "selected_user",
        "users": "selected_users",
        "conversation": "selected_conversation",
        "conversations": "selected_conversations",
        "channel": "selected_channel",
        "channels": "selected_channels",
        "value": "value",
    }
    state: Json = {"type": element["type"]}
    if element["type"].endswith("_input") and element["type"] != "file_input":
        state["value"] = None
    elif element["type"] == "checkboxes" or element["type"].startswith("multi_"):
        state["selected_options"] = []
    elif element["type"] in {"radio_buttons", "static_select", "external_select"}:
        state["selected_option"] = None
    return state | {renamed.get(name, name): deepcopy(value) for name, value in given.items()}


def _new(workspace: Workspace, user_id: str, content: Json) -> View:
    view_id = workspace.new_id("V")
    body = _body(workspace, content, view_id)
    return View(view_id, user_id, body, initial_state(body))


def _body(workspace: Workspace, content: Json, view_id: str) -> Json:
    app = workspace.app
    body: Json = {"id": view_id, "team_id": workspace.team.id} | deepcopy(TEMPLATE) | deepcopy(content)
    for block in body["blocks"]:
        block.setdefault("block_id", workspace.new_id("b").lower())
    made = {"app_id": app.id, "bot_id": app.bot_id, "app_installed_team_id": workspace.team.id}
    return body | made | {"hash": f"{int(workspace.clock.now())}.{workspace.new_id('h').lower()}"}
