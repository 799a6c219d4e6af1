"""What an interaction hands to the app: a trigger that opens one view within 3 s, and an address to answer to."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field

from sandbox.clock import Clock
from sandbox.workspace.state import Workspace
from sandbox.workspace.values import Json, View

TRIGGER_SECONDS = 3.0
RESPONSE_USES = 5
RESPONSE_SECONDS = 30 * 60.0
KEPT = 5_000


@dataclass(slots=True)
class Exchange:
    """One interaction: who did it, where, and what the app answered so far."""

    id: str
    user: str
    channel: str
    begun: float
    trigger_id: str
    source_ts: str = ""
    """The message that was pressed, if any; it is what `replace_original` replaces."""
    thread_ts: str = ""
    exchanged: bool = False
    uses: int = 0
    last_ts: str = ""
    """The latest response, which later ones replace."""
    responses: list[Json] = field(default_factory=list)
    view: View | None = None
    more: asyncio.Event = field(default_factory=asyncio.Event)

    def progressed(self) -> None:
        """Wake whoever waits for an answer."""
        self.more.set()


class Refused(Exception):
    """A trigger or a response address that can't be used; the word is Slack's."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


class Exchanges:
    """All interactions, the newest ones kept."""

    def __init__(self, workspace: Workspace, clock: Clock) -> None:
        self._workspace = workspace
        self._clock = clock
        self._known: OrderedDict[str, Exchange] = OrderedDict()
        self._triggers: dict[str, Exchange] = {}

    def begin(self, user: str, channel: str = "", source_ts: str = "", thread_ts: str = "") -> Exchange:
        """A new interaction."""
        number = self._workspace.new_id("I")
        trigger = f"{int(self._clock.now())}.{int(number[1:], 36)}.{number.lower()}"
        made = Exchange(number, user, channel, self._clock.now(), trigger, source_ts, thread_ts)
        self._known[number] = self._triggers[trigger] = made
        while len(self._known) > KEPT:
            _, oldest = self._known.popitem(last=False)
            del self._triggers[oldest.trigger_id]
        return made

    def get(self, exchange_id: str) -> Exchange | None:
        """By its id."""
        return self._known.get(exchange_id)

    def redeem(self, trigger_id: str) -> Exchange:
        """Use a trigger, once, while it is fresh. Raises Refused."""
        exchange = self._triggers.get(trigger_id)
        if exchange is None:
            raise Refused("invalid_trigger_id")
        if self._clock.now() - exchange.begun > TRIGGER_SECONDS:
            raise Refused("expired_trigger_id")
        if exchange.exchanged:
            raise Refused("exchanged_trigger_id")
        exchange.exchanged = True
        return exchange

    def respond(self, exchange_id: str) -> Exchange:
        """Use a response address: five times within half an hour. Raises Refused."""
        exchange = self._known.get(exchange_id)
        if exchange is None or self._clock.now() - exchange.begun > RESPONSE_SECONDS:
            raise Refused("expired_url")
        if exchange.uses >= RESPONSE_USES:
            raise Refused("used_url")
        exchange.uses += 1
        return exchange

    def response_url(self, exchange: Exchange) -> str:
        """Where the app may answer."""
        return f"{self._workspace.address}/response/{self._workspace.team.id}/{exchange.id}"
