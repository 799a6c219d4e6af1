"""The app with which people begin in Bolt: one listener of each kind that Slack's starter template has, written anew.

It knows its own manifest, and nothing of this project. Where Slack is it hears from the client that it is given.
"""

import re
from typing import Any

from slack_bolt.app.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

COMMAND, SHORTCUT, VIEW, BUTTON = "/wish", "make_a_wish", "wish", "another_title"
MANIFEST: dict[str, Any] = {
    "display_information": {"name": "Wishing well"},
    "features": {
        "app_home": {"home_tab_enabled": True},
        "bot_user": {"display_name": "wishing-well"},
        "shortcuts": [{"name": "Make a wish", "type": "global", "callback_id": SHORTCUT, "description": "Ask for it"}],
        "slash_commands": [{"command": COMMAND, "description": "Wish something", "usage_hint": "what"}],
    },
    "oauth_config": {"scopes": {"bot": ["channels:history", "chat:write", "commands"]}},
    "settings": {
        "event_subscriptions": {"bot_events": ["app_home_opened", "message.channels"]},
        "interactivity": {"is_enabled": True},
        "socket_mode_enabled": True,
    },
}


def starter(client: AsyncWebClient, signing_secret: str) -> AsyncApp:
    """The app with all of its listeners."""
    app = AsyncApp(client=client, signing_secret=signing_secret)
    app.message(re.compile(r"\b(hi|hello|hey)\b", re.IGNORECASE))(greet)
    app.command(COMMAND)(promise)
    app.shortcut(SHORTCUT)(open_form)
    app.action(BUTTON)(change_form)
    app.view(VIEW)(granted)
    app.event("app_home_opened")(show_home)
    return app


async def greet(context: Any, say: Any) -> None:
    """A message listener: the same word comes back."""
    await say(f"{context['matches'][0]}, what do you wish for?")


async def promise(ack: Any, command: Any, respond: Any) -> None:
    """A slash command."""
    await ack()
    await respond(f"You wished for {command['text'] or 'nothing'}.")


async def open_form(ack: Any, body: Any, client: Any) -> None:
    """A shortcut that opens a modal."""
    await ack()
    await client.views_open(trigger_id=body["trigger_id"], view=form("Make a wish"))


async def change_form(ack: Any, body: Any, client: Any) -> None:
    """A button in a modal, which changes it: unless somebody was faster, as the hash says."""
    await ack()
    view = body["view"]
    await client.views_update(view_id=view["id"], hash=view["hash"], view=form("Make another wish"))


async def granted(ack: Any, body: Any, view: Any, client: Any, respond: Any) -> None:
    """The modal comes in: all hear of it in the conversation that was chosen, and the person alone is thanked there."""
    await ack()
    values = view["state"]["values"]
    wish, place = values["wish"]["wish"]["value"], values["place"]["place"]["selected_conversation"]
    await client.chat_postMessage(channel=place, text=f"<@{body['user']['id']}> wishes for {wish}")
    await respond("Thank you!")


async def show_home(client: Any, event: Any) -> None:
    """An event: App Home."""
    if event["tab"] != "home":
        return
    text = {"type": "mrkdwn", "text": f"*Welcome home, <@{event['user']}>*"}
    await client.views_publish(
        user_id=event["user"], view={"type": "home", "blocks": [{"type": "section", "text": text}]}
    )


def form(title: str) -> dict[str, Any]:
    """The modal."""
    place = {"type": "conversations_select", "action_id": "place", "response_url_enabled": True}
    button = {"type": "button", "action_id": BUTTON, "text": plain("Another title")}
    return {
        "type": "modal",
        "callback_id": VIEW,
        "title": plain(title),
        "submit": plain("Wish"),
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": "Think well."}, "accessory": button},
            {
                "type": "input",
                "block_id": "wish",
                "label": plain("What is it?"),
                "element": {"type": "plain_text_input", "action_id": "wish", "multiline": True},
            },
            {"type": "input", "block_id": "place", "label": plain("Who may know?"), "element": place},
        ],
    }


def plain(text: str) -> dict[str, str]:
    """A plain text object."""
    return {"type": "plain_text", "text": text}
