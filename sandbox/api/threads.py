"""assistant.threads.*: what a thread says of itself while the app works."""

from collections.abc import Mapping

from sandbox.api.ask import Ask
from sandbox.api.method import Handler
from sandbox.api.refused import Refused
from sandbox.workspace.values import Channel, Json


def set_status(ask: Ask) -> Json:
    """assistant.threads.setStatus: “is looking at MLflow…”; empty to end it."""
    channel, ts = _thread(ask)
    status = ask.arguments.text("status")
    ask.workspace.thread_notes.setdefault((channel.id, ts), {})["status"] = status
    ask.workspace.changed("message", channel.id, ts)
    return {}


def set_title(ask: Ask) -> Json:
    """assistant.threads.setTitle."""
    channel, ts = _thread(ask)
    ask.workspace.thread_notes.setdefault((channel.id, ts), {})["title"] = ask.arguments.text("title")
    ask.workspace.changed("message", channel.id, ts)
    return {}


def set_suggested_prompts(ask: Ask) -> Json:
    """assistant.threads.setSuggestedPrompts."""
    channel = ask.channel("channel_id")
    ts = _thread(ask)[1] if "thread_ts" in ask.arguments else ""
    prompts = ask.arguments.structure("prompts")
    if not isinstance(prompts, list) or not all(_is_prompt(one) for one in prompts):
        raise Refused("invalid_arguments", ["[ERROR] each prompt has a title and a message [json-pointer:/prompts]"])
    ask.workspace.thread_notes.setdefault((channel.id, ts), {})["prompts"] = prompts
    ask.workspace.changed("message", channel.id, ts)
    return {}


def _is_prompt(one: object) -> bool:
    return isinstance(one, dict) and {"title", "message"} <= one.keys()


def _thread(ask: Ask) -> tuple[Channel, str]:
    channel = ask.channel("channel_id")
    ts = ask.arguments.text("thread_ts")
    if ts not in channel.messages:
        raise Refused("invalid_thread_ts")
    return channel, ts


METHODS: Mapping[str, Handler] = {
    "assistant.threads.setStatus": set_status,
    "assistant.threads.setTitle": set_title,
    "assistant.threads.setSuggestedPrompts": set_suggested_prompts,
}
