"""A modal between its person and the app: filled in, submitted, and then what the app's acknowledgement says."""

from sandbox.blocks import faults_of_view
from sandbox.interactions.elements import is_empty
from sandbox.interactions.exchanges import Exchanges
from sandbox.workspace import views
from sandbox.workspace.state import Workspace
from sandbox.workspace.values import Json, View

TROUBLE = "We had some trouble connecting. Try again?"


class Modals:
    """What happens to the stack of a person's modals."""

    def __init__(self, workspace: Workspace, exchanges: Exchanges) -> None:
        self._workspace = workspace
        self._exchanges = exchanges

    def top(self, user_id: str) -> View | None:
        """The modal that the person sees."""
        stack = self._workspace.modals.get(user_id)
        return stack[-1] if stack else None

    def fill(self, view: View, values: Json) -> None:
        """Take over what was typed and chosen: `{block_id: {action_id: state object}}`; unknown places are ignored."""
        for block_id, elements in values.items():
            for action_id, state in elements.items():
                if action_id in view.state.get(block_id, {}):
                    kind = view.state[block_id][action_id]["type"]
                    view.state[block_id][action_id] = {"type": kind} | dict(state)

    def missing(self, view: View) -> list[str]:
        """The blocks of required inputs that are empty; Slack does not send such a modal off."""
        required = [b for b in view.body["blocks"] if b["type"] == "input" and not b.get("optional")]
        return [
            block["block_id"]
            for block in required
            if all(is_empty(state) for state in view.state.get(block["block_id"], {}).values())
        ]

    def addresses(self, view: View) -> list[Json]:
        """Where the app may answer: in the conversation that was chosen in an element with `response_url_enabled`."""
        return [
            {
                "block_id": block["block_id"],
                "action_id": element["action_id"],
                "channel_id": channel,
                "response_url": self._exchanges.response_url(self._exchanges.begin(view.user, channel)),
            }
            for block in view.body["blocks"]
            for element in views.elements_of(block)
            if element.get("response_url_enabled")
            if (channel := _chosen(view, block["block_id"], element["action_id"])) in self._workspace.conversations
        ]

    def answered(self, view: View, ack: Json | None) -> str | None:
        """Do what the acknowledgement of a submission says. Returns what the person sees when it makes no sense."""
        match (ack or {}).get("response_action"):
            case None:
                views.close(self._workspace, view)
            case "clear":
                views.clear(self._workspace, view.user)
            case "errors":
                return self._errors(view, (ack or {}).get("errors"))
            case "update" | "push" as action:
                return self._show(view, action, (ack or {}).get("view"))
            case _:
                return TROUBLE
        return None

    def _errors(self, view: View, errors: object) -> str | None:
        """Errors belong to input blocks; others are a mistake of the app, and Slack says only that something failed."""
        inputs = {block["block_id"] for block in view.body["blocks"] if block["type"] == "input"}
        fits = isinstance(errors, dict) and bool(errors) and errors.keys() <= inputs
        return None if fits else TROUBLE

    def _show(self, view: View, action: str, content: object) -> str | None:
        if not isinstance(content, dict) or content.get("type") != "modal" or faults_of_view(content):
            return TROUBLE
        if action == "update":
            views.update(self._workspace, view, content)
        elif len(self._workspace.modals[view.user]) >= views.DEEPEST:
            return TROUBLE
        else:
            views.open_modal(self._workspace, view.user, content)
        return None


def _chosen(view: View, block_id: str, action_id: str) -> str:
    """The conversation or channel that was chosen in a select, or nothing."""
    state = view.state.get(block_id, {}).get(action_id, {})
    return str(state.get("selected_conversation") or state.get("selected_channel") or "")
