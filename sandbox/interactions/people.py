"""Everything that a person can do, each as one method that returns when the app has taken it, or after Slack's 3 s."""

import asyncio
import re
from collections.abc import Callable, Mapping

from sandbox.delivery import Ack, Deliveries, NotDelivered
from sandbox.delivery.deliveries import DEADLINE
from sandbox.delivery.transport import Kind
from sandbox.interactions import elements, payloads
from sandbox.interactions.exchanges import Exchange, Exchanges
from sandbox.interactions.modals import Modals
from sandbox.interactions.noted import act
from sandbox.interactions.outcome import Impossible, Outcome
from sandbox.interactions.responses import Responses
from sandbox.workspace import messages, views
from sandbox.workspace.state import Workspace
from sandbox.workspace.values import Channel, Json, Message, Person, View

TOKEN = re.compile(r"<(@[UW][A-Z0-9]+|#[CDG][A-Z0-9]+|!(here|channel|everyone)|https?://[^<>\s]+)(\|[^<>]*)?>")
MENTION = re.compile(r"(?<![\w<])@([a-z0-9._-]*[a-z0-9])")
REQUIRED = "Please complete this required field."


class Interactions:
    """People's hands. Whatever is not possible raises Impossible and reaches nobody."""

    def __init__(self, workspace: Workspace, deliveries: Deliveries) -> None:
        self.workspace = workspace
        self.deliveries = deliveries
        self.exchanges = Exchanges(workspace, workspace.clock)
        self.responses = Responses(workspace, self.exchanges)
        self._modals = Modals(workspace, self.exchanges)

    # ------------------------------------------------------------ typing

    @act
    async def command(self, user: str, channel: str, command: str, text: str = "", thread_ts: str = "") -> Outcome:
        """A slash command. Slack itself refuses those that no app has, and those in a thread."""
        person, where = self._person(user), self._channel(channel, user)
        workspace = self.workspace
        if command not in workspace.app.commands:
            known = ", ".join(sorted(workspace.app.commands)) or "none"
            raise Impossible("unknown_command", f"{command} is not a command here; the app has: {known}.")
        if thread_ts:
            what = f"{command} is not supported in threads. Sorry! Type it in the channel."
            raise Impossible("not_in_threads", what)
        exchange = self.exchanges.begin(person.id, where.id)
        url = self.exchanges.response_url(exchange)
        payload = payloads.command(workspace, exchange, where, command, self._command_text(text), url)
        outcome = await self._ask("slash_commands", payload, exchange, f"{command} failed with the error")
        if outcome.ack and outcome.ack.keys() & {"text", "blocks", "attachments"}:
            fault = self.responses.show(exchange, outcome.ack)
            return _faulty(outcome, fault) if fault else outcome
        return outcome

    @act
    async def message(self, user: str, channel: str, text: str, thread_ts: str = "") -> Outcome:
        """Say something. `@handle` becomes a mention, as in Slack's composer."""
        person, where = self._person(user), self._channel(channel, user)
        self._must_be_member(person, where)
        if not text.strip():
            raise Impossible("no_text", "There is nothing to send.")
        if thread_ts:
            thread_ts = self._message(where, thread_ts, user).thread or thread_ts
        content = {"text": self._composed(text)}
        return await self._causing(
            person, lambda: messages.post(self.workspace, where, person, content, thread_ts=thread_ts), where.id
        )

    @act
    async def react(self, user: str, channel: str, ts: str, name: str, *, remove: bool = False) -> Outcome:
        """Put an emoji on a message, or take it off."""
        person, where = self._person(user), self._channel(channel, user)
        message = self._message(where, ts, user)
        change = messages.unreact if remove else messages.react
        return await self._causing(
            person, lambda: change(self.workspace, message, person.id, name.strip(":")), where.id
        )

    # ------------------------------------------------------------ pressing

    @act
    async def click(
        self, /, user: str, channel: str, ts: str, action_id: str, block_id: str | None = None, **given: object
    ) -> Outcome:
        """Use an element of a message: a button as it is, a select with `selected_option` (an option or its value)."""
        person, where = self._person(user), self._channel(channel, user)
        message = self._message(where, ts, user)
        blocks = message.body.get("blocks") or []
        element = elements.find(blocks, action_id, block_id)
        action = elements.used(element, given, self.workspace.new_ts())
        exchange = self.exchanges.begin(person.id, where.id, ts, _answered_in(message))
        state = views.initial_state({"blocks": blocks})
        if element["type"] not in views.BUTTONS:
            state.setdefault(element["block_id"], {})[action_id] = elements.state_of(element, given)
        url = self.exchanges.response_url(exchange)
        payload = payloads.message_action(self.workspace, exchange, message, action, state, url)
        return await self._ask("interactive", payload, exchange, "This app did not take the click:")

    @act
    async def click_in_view(
        self,
        /,
        user: str,
        view_id: str,
        action_id: str,
        block_id: str | None = None,
        values: Json | None = None,
        **given: object,
    ) -> Outcome:
        """Use an element of a modal or of App Home. `values`: what else was filled in so far."""
        person, view = self._person(user), self._view(user, view_id)
        element = elements.find(view.body["blocks"], action_id, block_id)
        self._modals.fill(view, values or {})
        if element["type"] not in views.BUTTONS:
            state = elements.state_of(element, given)
            view.state.setdefault(element["block_id"], {})[action_id] = state
        action = elements.used(element, given, self.workspace.new_ts())
        exchange = self.exchanges.begin(person.id)
        payload = payloads.view_action(self.workspace, exchange, view, action)
        return await self._ask("interactive", payload, exchange, "This app did not take the click:")

    @act
    async def suggest(
        self, user: str, action_id: str, typed: str, *, view_id: str = "", channel: str = "", ts: str = ""
    ) -> Outcome:
        """Type into a select whose options come from the app; they are in the outcome's `ack`."""
        person = self._person(user)
        where: View | Message = (
            self._view(user, view_id) if view_id else self._message(self._channel(channel, user), ts, user)
        )
        element = elements.find(where.body.get("blocks") or [], action_id, None)
        exchange = self.exchanges.begin(person.id)
        payload = payloads.suggestion(self.workspace, exchange, where, element, typed)
        return await self._ask("interactive", payload, exchange, "The options could not be loaded:")

    @act
    async def shortcut(self, user: str, callback_id: str, channel: str = "", ts: str = "") -> Outcome:
        """Choose a shortcut of the app: from a message's menu when there is one, else from the workspace's."""
        person = self._person(user)
        kind = "message" if ts else "global"
        known = {shortcut.callback_id for shortcut in self.workspace.app.shortcuts if shortcut.type == kind}
        if callback_id not in known:
            names = ", ".join(sorted(known)) or "none"
            raise Impossible("unknown_shortcut", f"There is no {kind} shortcut {callback_id!r}; the app has: {names}.")
        failed = "This shortcut didn't work:"
        if not ts:
            exchange = self.exchanges.begin(person.id)
            payload = payloads.global_shortcut(self.workspace, exchange, callback_id)
            return await self._ask("interactive", payload, exchange, failed)
        where = self._channel(channel, user)
        message = self._message(where, ts, user)
        exchange = self.exchanges.begin(person.id, where.id, thread_ts=_answered_in(message))
        url = self.exchanges.response_url(exchange)
        payload = payloads.message_shortcut(self.workspace, exchange, message, callback_id, url)
        return await self._ask("interactive", payload, exchange, failed)

    # ------------------------------------------------------------ modals and App Home

    @act
    async def submit(self, user: str, view_id: str, values: Json) -> Outcome:
        """Submit a modal. It stays open until the app has acknowledged; what is required must be filled in first."""
        person, view = self._person(user), self._view(user, view_id)
        self._modals.fill(view, values)
        exchange = self.exchanges.begin(person.id)
        missing = self._modals.missing(view)
        if missing:
            errors = dict.fromkeys(missing, REQUIRED)
            return Outcome(exchange.id, False, 0.0, {"response_action": "errors", "errors": errors}, REQUIRED)
        payload = payloads.submission(self.workspace, exchange, view, self._modals.addresses(view))
        outcome = await self._ask("interactive", payload, exchange, "We had some trouble connecting. Try again?")
        fault = self._modals.answered(view, outcome.ack) if outcome.acknowledged else None
        exchange.view = self._modals.top(person.id)
        return _faulty(outcome, fault) if fault else outcome

    @act
    async def close(self, user: str, view_id: str) -> Outcome:
        """Close a modal; one that lies below others closes them all. The app hears of it if it wanted to."""
        person, view = self._person(user), self._view(user, view_id)
        cleared = self._modals.top(person.id) is not view
        exchange = self.exchanges.begin(person.id)
        payload = payloads.closed(self.workspace, exchange, view, cleared=cleared)
        wanted = view.body["notify_on_close"]
        views.close(self.workspace, view)
        if not wanted:
            return Outcome(exchange.id, True, 0.0)
        return await self._ask("interactive", payload, exchange, "The app did not hear of it:")

    @act
    async def home(self, user: str) -> Outcome:
        """Open the app's Home."""
        person = self._person(user)
        direct = self.workspace.direct(person.id)
        event: Json = {"type": "app_home_opened", "user": person.id, "channel": direct.id, "tab": "home"}
        view = self.workspace.home_of(person.id)
        event |= {"event_ts": self.workspace.new_ts()} | ({"view": view} if view else {})
        return await self._causing(person, lambda: self.workspace.happened(direct.id, event), direct.id)

    # ------------------------------------------------------------ asking and telling

    async def _ask(self, kind: Kind, payload: Json, exchange: Exchange, failed: str) -> Outcome:
        begun = asyncio.get_running_loop().time()
        ack: Ack | None = None
        error: str | None = None
        try:
            ack = await self.deliveries.ask(kind, payload)
        except TimeoutError:
            error = f"{failed} operation_timeout. The app did not acknowledge within {DEADLINE:g} seconds."
        except NotDelivered as reason:
            error = f"{failed} dispatch_failed. The app could not be reached ({reason.reason})."
        ms = (asyncio.get_running_loop().time() - begun) * 1000
        return Outcome(exchange.id, ack is not None, ms, ack.payload if ack else None, error)

    async def _causing(self, person: Person, work: Callable[[], object], channel: str) -> Outcome:
        """Do something that the app may hear of, and wait for the first attempt to tell it."""
        exchange = self.exchanges.begin(person.id, channel)
        begun = asyncio.get_running_loop().time()
        with self.deliveries.watching() as caused:
            made = work()
        results = await asyncio.gather(*(asyncio.shield(attempts.first) for attempts in caused))
        ms = (asyncio.get_running_loop().time() - begun) * 1000
        return Outcome(exchange.id, all(results), ms, ts=made.ts if isinstance(made, Message) else "")

    # ------------------------------------------------------------ finding, or saying what is not there

    def _person(self, name: str) -> Person:
        person = self.workspace.person(name)
        if person is None or person.is_bot:
            known = ", ".join(p["name"] for p in self.workspace.people())
            raise Impossible("unknown_user", f"There is no person {name!r} here; there are: {known}.")
        return person

    def _channel(self, name: str, viewer: str) -> Channel:
        person = self._person(viewer)
        channel = self.workspace.channel(name)
        if channel is None or (channel.is_private and person.id not in channel.members):
            raise Impossible("unknown_channel", f"{person.real_name} knows no channel {name!r}.")
        return channel

    def _must_be_member(self, person: Person, channel: Channel) -> None:
        if channel.archived:
            raise Impossible("is_archived", f"#{channel.name} is archived.")
        if person.id not in channel.members:
            raise Impossible("not_in_channel", f"{person.real_name} is not a member of #{channel.name}.")

    def _message(self, channel: Channel, ts: str, viewer: str) -> Message:
        person = self._person(viewer)
        own = (whisper for whisper in channel.whispers if whisper.ts == ts and whisper.only_for == person.id)
        found = channel.messages.get(ts) or next(own, None)
        if found is None:
            raise Impossible("unknown_message", f"There is no message {ts} that {person.real_name} sees here.")
        return found

    def _view(self, user: str, view_id: str) -> View:
        person = self._person(user)
        view = views.find(self.workspace, view_id=view_id)
        if view is None or view.user != person.id:
            raise Impossible("unknown_view", f"{person.real_name} has no view {view_id!r} open.")
        return view

    def _composed(self, text: str) -> str:
        """What Slack's composer makes of typed text: mentions are tokens, and everything else is escaped."""
        parts: list[str] = []
        end = 0
        for token in TOKEN.finditer(text):
            parts += [self._plain(text[end : token.start()]), token.group()]
            end = token.end()
        return "".join([*parts, self._plain(text[end:])])

    def _plain(self, text: str) -> str:
        escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return self._mentioned(escaped, "<@{0.id}>")

    def _command_text(self, text: str) -> str:
        return self._mentioned(text, "<@{0.id}|{0.name}>")

    def _mentioned(self, text: str, token: str) -> str:
        by_handle: Mapping[str, Person] = {person.name: person for person in self.workspace.members.values()}

        def mention(match: re.Match[str]) -> str:
            person = by_handle.get(match.group(1))
            return token.format(person) if person else match.group()

        return MENTION.sub(mention, text)


def _answered_in(message: Message) -> str:
    """The thread in which an answer stands: a reply's own. What stands in the channel is answered there."""
    return message.thread if message.is_reply else ""


def _faulty(outcome: Outcome, fault: str) -> Outcome:
    return Outcome(outcome.interaction, outcome.acknowledged, outcome.ms, outcome.ack, fault)
