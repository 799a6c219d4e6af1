"""The slash command, buttons, shortcuts and the modal."""

import contextlib
import json
import logging
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.respond.async_respond import AsyncRespond
from slack_sdk.errors import SlackApiError

from bot.domain.severity import Severity
from bot.slack.blocks import declare
from bot.slack.blocks.message import Message
from bot.slack.blocks.replies import reply_message
from bot.slack.listeners.edge import NETWORK, Answer, Edge, blocks_of
from bot.slack.listeners.messages import pin_message, show_home
from bot.slack.listeners.said import typed
from bot.usecases.desk import Place
from bot.usecases.grammar import USAGE
from bot.usecases.reply import Tone, say

COMMAND = "/mlops"
PIN_SHORTCUT = "timeline.pin"
DECLARE_SHORTCUT = "incident.declare"

_log = logging.getLogger(__name__)

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
        edge.go(_open_declare(edge, body, Place(), _whispering(edge, str(body["user"]["id"]))))

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
    user_id = str(command["user_id"])
    text = typed(str(command.get("text") or ""))
    answer = _responding(edge, respond, place, user_id)
    if text.strip().lower() == "declare":
        await _open_declare(edge, command, place, answer)
        return
    by = edge.desk.setup.people.by_slack(user_id, str(command.get("user_name") or ""))
    await edge.answer(edge.desk.command(text, by, place), answer, place, user_id)


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
    user_id = str(user["id"])
    in_message = body.get("response_url")
    answer = _responding(edge, respond, place, user_id) if in_message else _whispering(edge, user_id)
    await edge.answer(work, answer, place, user_id)
    if container.get("type") == "view":
        await show_home(edge, user_id)


async def _pin(edge: Edge, body: Payload, respond: AsyncRespond) -> None:
    message = body["message"]
    user = body["user"]
    by = edge.desk.setup.people.by_slack(str(user["id"]), str(user.get("name") or ""))
    place = Place(str(body["channel"]["id"]), str(message.get("thread_ts") or ""), str(message["ts"]))
    answer = _responding(edge, respond, place, str(user["id"]))
    await edge.answer(pin_message(edge, message, by, place), answer, place, str(user["id"]))


async def _open_declare(edge: Edge, body: Payload, place: Place, answer: Answer) -> None:
    """The modal; a trigger lives for three seconds, so that it may come too late: then it is said what to type."""
    where = json.dumps({"channel": place.channel_id})
    view = declare.modal(list(edge.desk.setup.models), where)
    try:
        await edge.client.views_open(trigger_id=str(body["trigger_id"]), view=view)
    except NETWORK as error:
        _log.warning("the form could not be opened: %s", error)
        sorry = say(
            "Slack did not open the form.",
            "No incident was declared.",
            f"Try again, or type: {COMMAND} {USAGE['declare']}",
            tone=Tone.FAULT,
        )
        await answer(reply_message(sorry, edge.desk.setup), False)


async def _declared(edge: Edge, body: Payload, view: Payload, title: str) -> None:
    user = body["user"]
    by = edge.desk.setup.people.by_slack(str(user["id"]), str(user.get("name") or ""))
    model = str((_state(view, declare.MODEL).get("selected_option") or {}).get("value") or declare.NO_MODEL)
    word = str((_state(view, declare.SEVERITY).get("selected_option") or {}).get("value") or "")
    severity = next((s for s in Severity if s.value == word), None)
    work = edge.desk.declare(title, None if model == declare.NO_MODEL else model, severity, by)
    channel = str(json.loads(view.get("private_metadata") or "{}").get("channel") or "")
    await edge.answer(work, _whispering(edge, str(user["id"]), channel), Place(channel), str(user["id"]))


# ---------------------------------------------------------------- answers


def _responding(edge: Edge, respond: AsyncRespond, place: Place, user_id: str) -> Answer:
    """By the response URL, which works everywhere; where it doesn't, to the person directly."""
    whisper = _whispering(edge, user_id, place.channel_id)

    async def answer(message: Message, public: bool) -> None:
        try:
            response = await respond(
                text=message.text,
                blocks=blocks_of(message),
                response_type="in_channel" if public else "ephemeral",
                replace_original=False,
            )
        except NETWORK:
            _log.warning("the response URL gives no answer: answering directly")
            await whisper(message, public)
            return
        if response.status_code != HTTPStatus.OK:
            _log.warning("the response URL answers %s: answering directly", response.status_code)
            await whisper(message, public)

    return answer


def _whispering(edge: Edge, user_id: str, channel: str = "") -> Answer:
    """Seen by this person only, where they are; where we can't write there, as a direct message."""

    async def answer(message: Message, public: bool) -> None:
        del public
        if channel:
            with contextlib.suppress(SlackApiError):
                await edge.client.chat_postEphemeral(
                    channel=channel, user=user_id, text=message.text, blocks=blocks_of(message)
                )
                return
        opened = await edge.client.conversations_open(users=[user_id])
        await edge.client.chat_postMessage(
            channel=str(opened["channel"]["id"]), text=message.text, blocks=blocks_of(message)
        )

    return answer


def _state(view: Payload, block: str) -> Payload:
    values = view["state"]["values"].get(block) or {}
    found: Payload = values.get(block) or {}
    return found
