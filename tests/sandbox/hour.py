"""An hour of people, incidents and troubles at random, on clocks that are moved; and what was promised to whom."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from bot.domain.people import Person
from bot.slack.blocks.elements import ACKNOWLEDGE, RESOLVE
from bot.slack.side import SlackSide
from sandbox.clock import DrivenClock
from sandbox.interactions import Impossible, Outcome
from sandbox.workspace import channels
from tests.fakes.clock import FakeClock
from tests.slack.office import INCIDENTS, Office, incident_of
from tests.usecases.world import PEOPLE, an_alert

HOUR = 3600.0
CHANNEL = "C0INCIDENT"
FAULTS = ("http_500", "http_503", "rate_limited", "timeout", "invalid_json", "empty_body", "lost_answer", "slack_error")
METHODS = ("*", "chat.*", "chat.postMessage", "chat.update", "conversations.*", "apps.connections.open", "auth.test")
PATIENCE = 3.0
"""Seconds in which a person hears that something went wrong."""


@dataclass
class Done:
    """Something a person did: when, for how long, and what they saw."""

    what: str
    who: str
    title: str
    begun: float
    ended: float = -1.0
    outcome: Outcome | None = None
    impossible: str = ""


@dataclass
class Hour:
    """One run; the same seed gives the same troubles in the same order."""

    here: Office
    seed: int
    acts: list[Done] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    sides: list[SlackSide] = field(default_factory=list)
    lost: list[tuple[float, float]] = field(default_factory=list)
    """When the workspace was away, from and until."""
    jumps: list[float] = field(default_factory=list)
    restarts: list[float] = field(default_factory=list)
    tally: dict[str, int] = field(default_factory=dict)
    _tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    _later: list[tuple[float, Callable[[], Awaitable[object]]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        assert isinstance(self.here.world.clock, FakeClock)
        assert isinstance(self.here.sandbox.clock, DrivenClock)
        self.bot_clock, self.clock = self.here.world.clock, self.here.sandbox.clock

    # ------------------------------------------------------------ the hour

    async def run(self) -> None:
        """Begin, live through it, let all be well again, and catch up."""
        self.sides.append(await self.here.start(call_timeout=0.5))
        begun = self.clock.now()
        while self.clock.now() < begun + HOUR:
            for work in self._what_happens():
                await work()
            await self._settle()
            await self._pass(self.chance.choice((1.0, 2.0, 5.0)))
        await self._all_is_well()
        await self._caught_up()

    def _what_happens(self) -> list[Callable[[], Awaitable[object]]]:
        now = self.clock.now()
        due = [work for at, work in self._later if at <= now]
        self._later = [(at, work) for at, work in self._later if at > now]
        if self.chance.random() < 0.12:
            due.append(self.chance.choice((self._alert, self._command, self._press, self._mention, self._pin)))
        if self.chance.random() < 0.05:
            due.append(self.chance.choice(self._troubles()))
        return due

    async def _pass(self, seconds: float) -> None:
        """Time goes on for both, and everybody comes to what they do then; slowly while somebody waits."""
        while seconds > 0:
            step = 1.0 if self._tasks else seconds
            seconds -= step
            self.clock.jump(step)
            self.bot_clock.advance(step)
            self.here.world.on_nudge()
            await self._settle()

    async def _settle(self) -> None:
        """Let what is under way come through the sockets: until two looks see nothing new, or it takes long."""
        seen = -1
        for _ in range(12):
            await asyncio.sleep(0.002)  # sockets of this machine have to be read
            now = self.here.sandbox.workspace.call_number + sum(done.ended > 0 for done in self.acts)
            if now == seen:
                return
            seen = now

    async def _caught_up(self) -> None:
        for _ in range(2400):
            await self._pass(1.0)
            if not self._tasks and await self._quiet():
                return
        posts = await self.here.world.store.read(
            lambda tx: [(p.key, p.last_error) for p in tx.posts.due(tx.now + timedelta(days=1), by="", limit=5)]
        )
        events = [e["event_id"] for e in (await self.here.get("events"))["events"] if not e["done"]]
        raise AssertionError(
            f"after forty minutes: {posts} wait, {len(events)} events, fault: {self.sides[-1].fault()}"
        )

    async def _quiet(self) -> bool:
        """Nothing waits: no post, no event on its way or in the inbox; and the bot is connected."""
        store = self.here.world.store
        if await store.read(lambda tx: tx.posts.waiting() or len(tx.inbox.pending())):
            return False
        on_way = any(not one.ended.is_set() for one in self.here.sandbox.deliveries.sent.values())
        return not on_way and self.sides[-1].fault() is None and not self.sides[-1]._edge._tasks  # type: ignore[union-attr]

    async def _under_way(self) -> str:
        """What keeps it from being quiet, for a failure."""
        inbox = await self.here.world.store.read(lambda tx: tx.inbox.pending())
        sent = [one for one in self.here.sandbox.deliveries.sent.values() if not one.ended.is_set()]
        work = self.sides[-1]._edge._tasks  # type: ignore[union-attr]
        return f"inbox {[e.event_id for e in inbox]}, sent {sent}, at work {[task.get_stack() for task in work]}"

    async def _all_is_well(self) -> None:
        self.here.sandbox.faults.clear()
        self.here.sandbox.api.revoked = False
        self._archive(archived=False)
        self._member(member=True)
        self._later.clear()
        self.here.sandbox.sockets.abort()

    # ------------------------------------------------------------ what people and systems do

    def _did(self, what: str, who: Person, work: Awaitable[Outcome], title: str = "") -> None:
        done = Done(what, who.id, title, self.clock.now())
        self.acts.append(done)

        async def act() -> None:
            done.begun = self.clock.now()
            try:
                done.outcome = await work
            except Impossible as impossible:
                done.impossible = impossible.what
            done.ended = self.clock.now()

        task = asyncio.create_task(act())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _alert(self) -> None:
        place = self.chance.randint(0, 11)
        alert = an_alert(self.bot_clock, f"Odd{place}", None, fingerprint=f"f{place}/{len(self.numbers)}")
        self.numbers += (await self.here.world.send(alert)).incidents

    async def _command(self) -> None:
        who, people = self.chance.choice(PEOPLE), self.here.sandbox.interactions
        title = f"typed number {len(self.acts)}"
        text = self.chance.choice((f"declare {title}", "incidents", *(self._about(),) * 2))
        title = title if text.startswith("declare") else ""
        self._did("command", who, people.command(who.slack_id, INCIDENTS, "/mlops", text), title)

    def _about(self) -> str:
        if not self.numbers:
            return "incidents"
        ref = f"INC-{self.chance.choice(self.numbers)}"
        return self.chance.choice(
            (f"ack {ref}", f"severity {ref} sev{self.chance.randint(1, 4)}", f"resolve {ref} done")
        )

    async def _press(self) -> None:
        cards = [m for m in self.here.sandbox.workspace.messages(CHANNEL) if incident_of(m)]
        if not cards:
            return
        who, card = self.chance.choice(PEOPLE), self.chance.choice(cards[-12:])
        action = self.chance.choice((ACKNOWLEDGE, ACKNOWLEDGE, RESOLVE))
        self._did("press", who, self.here.sandbox.interactions.click(who.slack_id, CHANNEL, card["ts"], action))

    async def _mention(self) -> None:
        who, title = self.chance.choice(PEOPLE), f"mentioned number {len(self.acts)}"
        said = self.here.sandbox.interactions.message(who.slack_id, CHANNEL, f"@mlops declare {title}")
        self._did("mention", who, said, title)

    async def _pin(self) -> None:
        """Say something in a card's thread, and put 📌 on it."""
        cards = [m for m in self.here.sandbox.workspace.messages(CHANNEL) if incident_of(m)]
        if not cards:
            return
        who, people = self.chance.choice(PEOPLE), self.here.sandbox.interactions
        card, title = self.chance.choice(cards[-12:]), f"pinned number {len(self.acts)}"

        async def both() -> Outcome:
            said = await people.message(who.slack_id, CHANNEL, title, thread_ts=card["ts"])
            return await people.react(who.slack_id, CHANNEL, said.ts, "pushpin")

        self._did("pin", who, both(), title)

    # ------------------------------------------------------------ troubles

    def _troubles(self) -> tuple[Callable[[], Awaitable[object]], ...]:
        return (
            *(self._fault,) * 5, *(self._socket,) * 3, self._slow_ack, self._redeliver, self._redeliver, self._lose,
            self._revoke, self._throw_out, self._put_away, self._jump, self._restart,
        )  # fmt: skip

    def _met(self, what: str) -> None:
        self.tally[what] = self.tally.get(what, 0) + 1

    def _after(self, seconds: float, work: Callable[[], Awaitable[object]]) -> None:
        self._later.append((self.clock.now() + seconds, work))

    async def _fault(self) -> None:
        kind = self.chance.choice(FAULTS)
        count = self.chance.randint(1, 2 if kind == "timeout" else 6)
        error = self.chance.choice(("internal_error", "fatal_error", "service_unavailable"))
        self.here.sandbox.faults.add(
            kind, method=self.chance.choice(METHODS), count=count, seconds=self.chance.uniform(10, 120),
            retry_after=self.chance.randint(1, 30), error=error,
        )  # type: ignore[arg-type] # fmt: skip
        self._met(kind)

    async def _socket(self) -> None:
        sockets = self.here.sandbox.sockets
        what = self.chance.choice(("abort", "refresh_requested", "warning", "half_open"))
        self._met(what)
        if what == "abort":
            sockets.abort()
        elif what == "half_open":  # until the network notices
            sockets.go_deaf()
            self._after(40, self._cut)
        else:
            await sockets.announce(what)

    async def _cut(self) -> None:
        self.here.sandbox.sockets.abort()

    async def _slow_ack(self) -> None:
        self._met("slow_ack")
        self.here.sandbox.faults.slow_ack(self.chance.choice((2.0, 4.0, 8.0)), self.chance.randint(1, 5))

    async def _redeliver(self) -> None:
        if sent := self.here.sandbox.deliveries.sent:
            self._met("redeliver")
            event = self.chance.choice(list(sent)[-20:])
            task = asyncio.create_task(self.here.sandbox.deliveries.redeliver(event))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _lose(self) -> None:
        self._met("lose_workspace")
        seconds = self.chance.choice((30.0, 120.0, 600.0))
        self.lost.append((self.clock.now(), self.clock.now() + seconds))
        self.here.sandbox.lose_workspace(seconds)

    async def _revoke(self) -> None:
        self._met("revoke")
        self.here.sandbox.api.revoked = True

        async def back() -> None:
            self.here.sandbox.api.revoked = False

        self._after(self.chance.uniform(20, 200), back)

    async def _throw_out(self) -> None:
        self._met("thrown out")
        self._member(member=False)

        async def back() -> None:
            self._member(member=True)

        self._after(self.chance.uniform(10, 200), back)

    async def _put_away(self) -> None:
        self._met("archive")
        self._archive(archived=True)

        async def back() -> None:
            self._archive(archived=False)

        self._after(self.chance.uniform(10, 200), back)

    async def _jump(self) -> None:
        self._met("jump")
        seconds = self.chance.choice((10.0, 90.0, 400.0))
        self.clock.jump(seconds)
        self.bot_clock.advance(seconds)
        self.jumps.append(self.clock.now())

    async def _restart(self) -> None:
        self._met("restart")
        self.restarts.append(self.clock.now())
        await self.here.stop()
        side = SlackSide(
            self.here.settings(call_timeout=0.5), self.here.world.store, self.here.world.setup, self.bot_clock
        )
        self.here.sides.append(side)
        self.sides.append(side)
        self.here.world.on_nudge = side.nudge
        await side.start(self.here.world.desk)

    def _member(self, *, member: bool) -> None:
        workspace = self.here.sandbox.workspace
        bot = workspace.members[workspace.app.user_id]
        (channels.join if member else channels.leave)(workspace, workspace.conversations[CHANNEL], bot)

    def _archive(self, *, archived: bool) -> None:
        workspace = self.here.sandbox.workspace
        channel = workspace.conversations[CHANNEL]
        channels.archive(workspace, channel, workspace.members[channel.creator], archived=archived)
