"""The slash command, buttons, shortcuts and the modal."""

import json
import re
from collections.abc import Mapping
from typing import Any

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.respond.async_respond import AsyncRespond

from bot.domain.severity import Severity
from bot.slack.blocks import declare
from bot.slack.blocks.message import Message
from bot.slack.listeners.edge import Answer, Edge, blocks_of
from bot.slack.listeners.messages import pin_message
from bot.usecases.desk import Place

COMMAND = "/mlops"
PIN_SHORTCUT = "timeline.pin"
DECLARE_SHORTCUT = "incident.declare"

Payload = Mapping[str, Any]


def register(app: AsyncApp, edge: Edge) -> None:
    """Connect everything that a person presses or types."""

    @app.command(COMMAND)
    async def command(ack: AsyncAck, command: Payload, respond: AsyncRespond) -> None:
        await ack()
        edge.go(_command(edge, command, respond))

    @app.action(re.compile(r"^(incident|operation)\."))
    async def press(ack: AsyncAck, body: Payload, action: Payload, respond: AsyncRespond) -> None:
        await ack()
        edge.go(_press(edge, body, action, respond))

    @app.action(re.compile(r".*"))
    async def anything_else(ack: AsyncAck) -> None:
        # A select in a modal, a link button: nothing to do, but a dead click is never right.
        await ack()

    @app.shortcut(DECLARE_SHORTCUT)
    async def declare_shortcut(ack: AsyncAck, body: Payload) -> None:
        await ack()
        edge.go(_open_declare(edge, str(body["trigger_id"]), Place()))

    @app.shortcut(PIN_SHORTCUT)
    async def pin_shortcut(ack: AsyncAck, body: Payload, respond: AsyncRespond) -> None:
        await ack()
        edge.go(_pin(edge, body, respond))

    @app.view(declare.CALLBACK)
    async def declared(ack: AsyncAck, body: Payload, view: Payload) -> None:
        title = str(_state(view, declare.TITLE).get("value") or "").strip()
        if not title:
            await ack(response_action="errors", errors={declare.TITLE: "An incident needs a title."})
            return
        await ack()
        edge.go(_declared(edge, body, view, title))


# ---------------------------------------------------------------- the work


async def _command(edge: Edge, command: Payload, respond: AsyncRespond) -> None:
    place = Place(channel_id=str(command["channel_id"]), thread_ts=str(command.get("thread_ts") or ""))
    text = str(command.get("text") or "")
    if text.strip().lower() == "declare":
        await _open_declare(edge, str(command["trigger_id"]), place)
        return
    by = edge.desk.setup.people.by_slack(str(command["user_id"]), str(command.get("user_name") or ""))
    await edge.answer(edge.desk.command(text, by, place), _responding(respond), place, str(command["user_id"]))


async def _press(edge: Edge, body: Payload, action: Payload, respond: AsyncRespond) -> None:
    user = body["user"]
    container = body.get("container") or {}
    message = body.get("message") or {}
    place = Place(
        channel_id=str(container.get("channel_id") or ""),
        thread_ts=str(message.get("thread_ts") or ""),
        message_ts=str(container.get("message_ts") or ""),
    )
    by = edge.desk.setup.people.by_slack(str(user["id"]), str(user.get("name") or ""))
    work = edge.desk.press(str(action["action_id"]), str(action.get("value") or ""), by, place)
    answer = _responding(respond) if body.get("response_url") else _whispering(edge, str(user["id"]))
    await edge.answer(work, answer, place, str(user["id"]))


async def _pin(edge: Edge, body: Payload, respond: AsyncRespond) -> None:
    message = body["message"]
    user = body["user"]
    by = edge.desk.setup.people.by_slack(str(user["id"]), str(user.get("name") or ""))
    place = Place(str(body["channel"]["id"]), str(message.get("thread_ts") or ""), str(message["ts"]))
    await edge.answer(pin_message(edge, message, by, place), _responding(respond), place, str(user["id"]))


async def _open_declare(edge: Edge, trigger_id: str, place: Place) -> None:
    where = json.dumps({"channel": place.channel_id})
    await edge.client.views_open(trigger_id=trigger_id, view=declare.modal(list(edge.desk.setup.models), where))


async def _declared(edge: Edge, body: Payload, view: Payload, title: str) -> None:
    user = body["user"]
    by = edge.desk.setup.people.by_slack(str(user["id"]), str(user.get("name") or ""))
    model = str((_state(view, declare.MODEL).get("selected_option") or {}).get("value") or declare.NO_MODEL)
    word = str((_state(view, declare.SEVERITY).get("selected_option") or {}).get("value") or "")
    severity = next((s for s in Severity if s.value == word), None)
    work = edge.desk.declare(title, None if model == declare.NO_MODEL else model, severity, by)
    await edge.answer(work, _whispering(edge, str(user["id"])), Place(), str(user["id"]))


# ---------------------------------------------------------------- answers


def _responding(respond: AsyncRespond) -> Answer:
    async def answer(message: Message, public: bool) -> None:
        await respond(
            text=message.text,
            blocks=blocks_of(message),
            response_type="in_channel" if public else "ephemeral",
            replace_original=False,
        )

    return answer


def _whispering(edge: Edge, user_id: str) -> Answer:
    """Where there is no channel to answer in, a direct message."""

    async def answer(message: Message, public: bool) -> None:
        del public
        opened = await edge.client.conversations_open(users=[user_id])
        await edge.client.chat_postMessage(
            channel=str(opened["channel"]["id"]), text=message.text, blocks=blocks_of(message)
        )

    return answer


def _state(view: Payload, block: str) -> Payload:
    values = view["state"]["values"].get(block) or {}
    found: Payload = values.get(block) or {}
    return found
