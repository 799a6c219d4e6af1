"""What the app says to a response address: to the person or to everybody, new or in place of what was there."""

from sandbox.blocks import block_faults
from sandbox.interactions.exchanges import Exchange, Exchanges
from sandbox.workspace import messages
from sandbox.workspace.state import Workspace
from sandbox.workspace.values import Channel, Json, Message

CONTENT = ("text", "blocks", "attachments", "metadata", "mrkdwn")


class Responses:
    """Turns answers into messages."""

    def __init__(self, workspace: Workspace, exchanges: Exchanges) -> None:
        self._workspace = workspace
        self._exchanges = exchanges

    def show(self, exchange: Exchange, answer: Json) -> str | None:
        """Do what an answer says. Returns Slack's word for what is wrong with it, if anything is."""
        channel = self._workspace.conversations.get(exchange.channel)
        if channel is None:
            return "channel_not_found"
        source = self._source(channel, exchange)
        if answer.get("delete_original"):
            if source is not None:
                messages.delete(self._workspace, source)
            exchange.progressed()
            return None
        content = {name: answer[name] for name in CONTENT if answer.get(name) is not None}
        if not content.keys() & {"text", "blocks", "attachments"}:
            return "no_text"
        if content.get("blocks") and block_faults(content["blocks"], "message", "/blocks"):
            return "invalid_blocks"
        replacing = answer.get("replace_original", False)
        if replacing and source is not None:
            messages.edit(self._workspace, source, content, mark=not source.only_for)
            shown = source
        else:
            shown = self._post(channel, exchange, answer, content)
        exchange.last_ts = shown.ts
        exchange.responses.append(self._workspace.message_json(shown))
        exchange.progressed()
        return None

    def _source(self, channel: Channel, exchange: Exchange) -> Message | None:
        """What `replace_original` means: the message that was pressed, or else the latest answer."""
        ts = exchange.source_ts or exchange.last_ts
        own = (whisper for whisper in channel.whispers if whisper.ts == ts)
        return channel.messages.get(ts) or next(own, None)

    def _post(self, channel: Channel, exchange: Exchange, answer: Json, content: Json) -> Message:
        thread = str(answer.get("thread_ts") or "")
        if answer.get("response_type") != "in_channel":
            thread = thread or exchange.thread_ts
            return messages.whisper(self._workspace, channel, exchange.user, content, thread_ts=thread)
        bot = self._workspace.members[self._workspace.app.user_id]
        known = thread if thread in channel.messages else ""
        return messages.post(self._workspace, channel, bot, content, thread_ts=known)
