"""A small Bolt app as anybody would write it: it uses every kind of interaction, and notes what it was told."""

import asyncio
from typing import Any

from slack_bolt.app.async_app import AsyncApp

MODAL: dict[str, Any] = {
    "type": "modal",
    "callback_id": "declare",
    "title": {"type": "plain_text", "text": "Declare"},
    "submit": {"type": "plain_text", "text": "Declare"},
    "notify_on_close": True,
    "blocks": [
        {
            "type": "input",
            "block_id": "title",
            "label": {"type": "plain_text", "text": "Title"},
            "element": {"type": "plain_text_input", "action_id": "title"},
        },
        {
            "type": "input",
            "block_id": "severity",
            "optional": True,
            "label": {"type": "plain_text", "text": "Severity"},
            "element": {
                "type": "static_select",
                "action_id": "severity",
                "options": [{"text": {"type": "plain_text", "text": word}, "value": word} for word in ("sev1", "sev2")],
            },
        },
    ],
}
HOME = {"type": "home", "blocks": [{"type": "header", "text": {"type": "plain_text", "text": "Nothing burns"}}]}
CARD = [
    {
        "type": "actions",
        "block_id": "buttons",
        "elements": [
            {
                "type": "button",
                "action_id": "ack",
                "value": "INC-1",
                "text": {"type": "plain_text", "text": "Acknowledge"},
            },
            {
                "type": "static_select",
                "action_id": "severity",
                "options": [{"text": {"type": "plain_text", "text": word}, "value": word} for word in ("sev1", "sev2")],
            },
        ],
    }
]


class Told:
    """What the app was told, in order; a test may wait for it."""

    def __init__(self) -> None:
        self.all: list[Any] = []
        self._more = asyncio.Event()

    def note(self, what: Any) -> None:
        self.all.append(what)
        self._more.set()

    def of(self, kind: str) -> list[Any]:
        """Those payloads, or events, of one type."""
        return [one for one in self.all if kind in {one.get("type"), one.get("event", {}).get("type")}]

    async def until(self, count: int) -> list[Any]:
        while len(self.all) < count:
            self._more.clear()
            await self._more.wait()
        return self.all


def listeners(app: AsyncApp) -> Told:
    """Everything the app does."""
    told = Told()

    @app.command("/mlops")
    async def command(ack: Any, command: Any, client: Any, respond: Any) -> None:
        told.note(command)
        if command["text"] == "declare":
            await ack()
            await client.views_open(trigger_id=command["trigger_id"], view=MODAL)
        elif command["text"] == "never":
            return
        elif command["text"] == "at once":
            await ack("said at once")
        else:
            await ack()
            await respond(f"you said {command['text']}")

    @app.action("ack")
    async def press(ack: Any, body: Any, respond: Any) -> None:
        await ack()
        told.note(body)
        await respond(text=f"acknowledged by {body['user']['name']}", replace_original=True)

    @app.action("severity")
    async def choose(ack: Any, body: Any) -> None:
        await ack()
        told.note(body)

    @app.shortcut("incident.declare")
    async def declare(ack: Any, shortcut: Any, client: Any) -> None:
        await ack()
        told.note(shortcut)
        await client.views_open(trigger_id=shortcut["trigger_id"], view=MODAL)

    @app.shortcut("timeline.pin")
    async def pin(ack: Any, shortcut: Any, respond: Any) -> None:
        await ack()
        told.note(shortcut)
        await respond(f"pinned {shortcut['message']['text']}")

    @app.view("declare")
    async def submitted(ack: Any, view: Any, body: Any) -> None:
        title = view["state"]["values"]["title"]["title"]["value"]
        told.note(body)
        match title:
            case "bad":
                await ack(response_action="errors", errors={"title": "Say more."})
            case "clear":
                await ack(response_action="clear")
            case "push" | "update":
                await ack(response_action=title, view=MODAL | {"callback_id": "second"})
            case "wrong place":
                await ack(response_action="errors", errors={"nowhere": "?"})
            case _:
                await ack()

    @app.view_closed("declare")
    async def closed(ack: Any, body: Any) -> None:
        await ack()
        told.note(body)

    for kind in ("reaction_added", "member_joined_channel", "app_mention", "message"):

        @app.event(kind)
        async def event(body: Any) -> None:
            told.note(body)

    @app.event("app_home_opened")
    async def home(event: Any, client: Any, body: Any) -> None:
        told.note(body)
        await client.views_publish(user_id=event["user"], view=HOME)

    return told
