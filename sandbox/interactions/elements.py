"""Finding the element that a person uses, and what it then says."""

from collections.abc import Iterator, Mapping

from sandbox.interactions.outcome import Impossible
from sandbox.workspace.values import Json
from sandbox.workspace.views import elements_of

ONE_OF = {"selected_option", "selected_options"}
CHOICES = (
    "selected_option",
    "selected_options",
    "selected_user",
    "selected_users",
    "selected_channel",
    "selected_channels",
    "selected_conversation",
    "selected_conversations",
    "selected_date",
    "selected_time",
    "selected_date_time",
    "rich_text_value",
    "value",
)


def find(blocks: list[Json], action_id: str, block_id: str | None) -> Json:
    """The element with this `action_id`, with its block's id. Raises Impossible."""
    for block in _every(blocks):
        for element in elements_of(block):
            if element.get("action_id") == action_id and block_id in {None, block.get("block_id")}:
                return element | {"block_id": block.get("block_id", "")}
    raise Impossible("no_such_element", f"There is nothing here with the action_id {action_id!r}.")


def used(element: Json, given: Mapping[str, object], ts: str) -> Json:
    """The entry in `actions` for an element that was used with what a person chose."""
    action: Json = {"type": element["type"], "action_id": element["action_id"], "block_id": element["block_id"]}
    if element["type"] in {"button", "workflow_button", "icon_button", "overflow", "feedback_buttons"}:
        kept = ("text", "value", "style", "confirm")
        action |= {name: element[name] for name in kept if name in element}
        if element["type"] == "feedback_buttons":
            action["value"] = str(given.get("value") or element["positive_button"]["value"])
    action |= {
        name: choice(element, name, value) for name, value in given.items() if name in CHOICES and name != "value"
    }
    if element["type"].endswith("_input"):
        action["value"] = given.get("value")
    if "placeholder" in element:
        action["placeholder"] = element["placeholder"]
    return action | {"action_ts": ts}


def choice(element: Json, name: str, value: object) -> object:
    """An option may be given by its value alone; Slack sends the whole of it."""
    if name not in ONE_OF or value is None:
        return value
    if isinstance(value, list):
        return [choice(element, name, one) for one in value]
    if isinstance(value, Mapping):
        return dict(value)
    found = next((option for option in _options(element) if option.get("value") == value), None)
    if found is None:
        known = ", ".join(str(option.get("value")) for option in _options(element)) or "none"
        raise Impossible("no_such_option", f"{element['action_id']!r} has no option {value!r}; it has: {known}.")
    return found


def state_of(element: Json, given: Mapping[str, object]) -> Json:
    """The state of an element after somebody filled it in."""
    return {"type": element["type"]} | {
        name: choice(element, name, value) for name, value in given.items() if name in CHOICES
    }


def is_empty(state: Json) -> bool:
    """Whether nothing was filled in."""
    return not any(value for name, value in state.items() if name != "type")


def _options(element: Json) -> list[Json]:
    grouped = [option for group in element.get("option_groups") or () for option in group["options"]]
    return [*(element.get("options") or ()), *grouped]


def _every(blocks: list[Json]) -> Iterator[Json]:
    """Blocks, and those that stand inside of others."""
    for block in blocks:
        yield block
        inner = block.get("elements") if block.get("type") == "carousel" else block.get("child_blocks")
        yield from _every(inner or [])
