"""A small Bolt app behind the page: it declares, asks, edits, refuses and answers, as any app would."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.blocks.card import card
from bot.slack.blocks.message import Message
from sandbox.server import serving
from sandbox.workspace.seed import APP
from sandbox.world import Sandbox
from tests.sandbox.page_world import as_json, declare_view, incident_view

Payload = dict[str, Any]
SEVERITY = {
    "type": "static_select", "action_id": "pick", "placeholder": {"type": "plain_text", "text": "Severity"},
    "options": [{"text": {"type": "plain_text", "text": "sev1"}, "value": "sev1"}],
}  # fmt: skip


@asynccontextmanager
async def living() -> AsyncIterator[tuple[Sandbox, str]]:
    """The sandbox at an address, with the app connected to it."""
    sandbox = Sandbox(limits="off")
    async with serving(sandbox) as url:
        client = AsyncWebClient(token=APP.bot_token, base_url=f"{url}/api/")
        app = AsyncApp(client=client, signing_secret=APP.signing_secret)
        _listen(app)
        handler = AsyncSocketModeHandler(app, APP.app_token)
        handler.client.web_client = AsyncWebClient(token=APP.app_token, base_url=f"{url}/api/")
        await handler.connect_async()
        try:
            yield sandbox, url
        finally:
            await handler.close_async()


def _listen(app: AsyncApp) -> None:
    @app.command("/mlops")
    async def command(ack: Any, body: Payload, client: AsyncWebClient) -> None:
        match body["text"].split():
            case ["declare"]:
                await ack()
                await client.views_open(trigger_id=body["trigger_id"], view=declare_view())
            case ["silent"]:
                return
            case ["ask"]:
                await ack()
                await client.views_open(trigger_id=body["trigger_id"], view=_asking("Nothing looked up yet."))
            case _:
                await ack(f"You are <@{body['user_id']}> and wrote `{body['text']}`.")

    @app.view("incident.declare")
    async def declared(ack: Any, body: Payload, view: Payload, client: AsyncWebClient) -> None:
        values = view["state"]["values"]
        title = values["title"]["title"]["value"]
        if len(title) < 10:
            await ack(response_action="errors", errors={"title": "Say it in at least ten characters."})
            return
        await ack()
        severity = values["severity"]["severity"]["selected_option"]["value"]
        message = as_json(_card(title))
        await client.chat_postMessage(channel="C0INCIDENT", **message)
        await client.chat_postEphemeral(channel="C0INCIDENT", user=body["user"]["id"], text=f"Declared as {severity}.")

    @app.action("look_up")
    async def look_up(ack: Any, body: Payload, client: AsyncWebClient) -> None:
        await ack()
        typed = body["view"]["state"]["values"]["note"]["note"]["value"]
        await client.views_update(
            view_id=body["view"]["id"], hash=body["view"]["hash"], view=_asking(f"Looked up: {typed}")
        )

    @app.options("model")
    async def models(ack: Any, body: Payload) -> None:
        names = [name for name in ("fraud-detector", "fraud-ranker", "churn") if body["value"] in name]
        await ack(options=[{"text": {"type": "plain_text", "text": name}, "value": name} for name in names])

    @app.view("asking")
    async def asked(ack: Any, body: Payload, view: Payload, client: AsyncWebClient) -> None:
        await ack()
        values = view["state"]["values"]
        told = {
            "note": values["note"]["note"]["value"],
            "model": values["model"]["model"]["selected_option"]["value"],
            "checks": [one["value"] for one in values["checks"]["checks"]["selected_options"]],
            "how": values["how"]["how"]["selected_option"]["value"],
            "day": values["day"]["day"]["selected_date"],
            "who": values["who"]["who"]["selected_users"],
        }
        await client.chat_postEphemeral(channel="C0INCIDENT", user=body["user"]["id"], text=json.dumps(told))

    @app.action("incident.acknowledge")
    async def acknowledge(ack: Any, body: Payload, client: AsyncWebClient) -> None:
        await ack()
        said = {"type": "section", "text": {"type": "mrkdwn", "text": f"Acknowledged by <@{body['user']['id']}>"}}
        roll_back = next(
            b for block in body["message"]["blocks"] for b in block.get("elements", ()) if b.get("confirm")
        )
        blocks = [said, {"type": "actions", "elements": [roll_back, SEVERITY]}]
        await client.chat_update(
            channel=body["channel"]["id"], ts=body["message"]["ts"], text="Acknowledged", blocks=blocks
        )

    @app.action("incident.rollback")
    async def rollback(ack: Any, body: Payload, client: AsyncWebClient) -> None:
        await ack()
        await client.chat_postMessage(
            channel=body["channel"]["id"], thread_ts=body["message"]["ts"], text="A plan is made."
        )

    @app.action("pick")
    async def pick(ack: Any, body: Payload, respond: Any) -> None:
        await ack()
        chosen = body["actions"][0]["selected_option"]["value"]
        await respond(f"You chose {chosen}.", replace_original=False)

    @app.shortcut("timeline.pin")
    async def pin(ack: Any, body: Payload, respond: Any) -> None:
        await ack()
        await respond(f"Added “{body['message']['text'][:20]}” to the timeline.", replace_original=False)

    @app.event("app_home_opened")
    async def home(event: Payload, client: AsyncWebClient) -> None:
        text = {"type": "mrkdwn", "text": f"Welcome, <@{event['user']}>."}
        await client.views_publish(
            user_id=event["user"], view={"type": "home", "blocks": [{"type": "section", "text": text}]}
        )

    @app.event("reaction_added")
    async def reaction(event: Payload, client: AsyncWebClient) -> None:
        item = event["item"]
        await client.chat_postMessage(
            channel=item["channel"], thread_ts=item["ts"], text=f"Pinned by <@{event['user']}>."
        )


def _asking(found: str) -> Payload:
    """A modal with a control of many kinds."""

    def text(words: str) -> Payload:
        return {"type": "plain_text", "text": words}

    def field(name: str, kind: str, **more: Any) -> Payload:
        element = {"type": kind, "action_id": name, **more}
        return {"type": "input", "block_id": name, "label": text(name), "element": element}

    options = [{"text": text(word), "value": word} for word in ("one", "two", "three")]
    look_up = {"type": "button", "action_id": "look_up", "text": text("Look up")}
    return {
        "type": "modal", "callback_id": "asking", "title": text("Ask"), "submit": text("Send"),
        "blocks": [
            field("note", "plain_text_input"),
            {"type": "section", "block_id": "found", "text": text(found), "accessory": look_up},
            field("model", "external_select", min_query_length=2),
            field("checks", "checkboxes", options=options),
            field("how", "radio_buttons", options=options, initial_option=options[0]),
            field("day", "datepicker", initial_date="2026-11-23"),
            field("who", "multi_users_select"),
        ],
    }  # fmt: skip


def _card(title: str) -> Message:
    view = incident_view()
    return card(replace(view, incident=replace(view.incident, title=title)))
