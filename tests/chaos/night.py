"""An hour of kills, of Slack's and the source's bad moments, and of people, on clocks that are moved."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from bot.domain.alert import Alert
from bot.domain.errors import BotError
from bot.ports.systems import Delivery
from bot.slack.side import SlackSide
from bot.usecases.reconcile import reconcile
from tests.chaos.life import MortalWorld
from tests.chaos.monitor import SLUG, Monitor
from tests.sandbox.hour import HOUR, Hour

STEPS = (5.0, 30.0, 45.0, 60.0)
"""Seconds between two looks of the world at what happens next."""
RECONCILE_EVERY = timedelta(seconds=30)
ROUNDS = 800
"""Of five seconds, until everything is quiet: what was taken may come again five times, ten minutes apart."""
KILLED_IN_A_DELIVERY = 0.06
CALL_TIMEOUT = 0.3
"""Seconds of the machine's clock: what does not answer then is not waited for."""


@dataclass
class Night(Hour):
    """One run; the same seed gives the same troubles in the same order."""

    kills: int = 0
    interrupted: int = 0
    """Kills in which something was under way."""
    _asked: float = field(default=0.0)
    _checked: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        assert isinstance(self.here.world, MortalWorld)
        self.world = self.here.world
        self.monitor = Monitor(self.bot_clock, self.chance)
        self._connect_source()

    # ------------------------------------------------------------ the hour

    async def run(self) -> None:
        await self._begin()
        begun = self.clock.now()
        while self.clock.now() < begun + HOUR:
            for work in self._what_happens():
                await work()
            await self._settle()
            await self._pass(self.chance.choice(STEPS))
        await self._all_is_well()
        await self._caught_up()

    def _what_happens(self) -> list[Callable[[], Awaitable[object]]]:
        now = self.clock.now()
        due = [work for at, work in self._later if at <= now]
        self._later = [(at, work) for at, work in self._later if at > now]
        if self.chance.random() < 0.6:
            due.append(self._alert)
        if self.chance.random() < 0.2:
            due.append(self.chance.choice((self._command, self._press, self._press, self._mention, self._pin)))
        if self.chance.random() < 0.35:
            due.append(self.chance.choice(self._troubles()))
        return due

    def _troubles(self) -> tuple[Callable[[], Awaitable[object]], ...]:
        return (
            *(self._kill,) * 8, *(self._fault,) * 6, *(self._source,) * 5, *(self._socket,) * 2, *(self._redeliver,) * 2,
            self._slow_ack, self._lose, self._revoke, self._throw_out, self._put_away, self._jump,
        )  # fmt: skip

    async def _pass(self, seconds: float) -> None:
        """Time goes on for everybody; what the bot does by the clock, it does."""
        while seconds > 0:
            step = min(1.0, seconds) if self._tasks else min(seconds, 30.0)
            seconds -= step
            self.clock.jump(step)
            self.bot_clock.advance(step)
            await self._by_the_clock()
            self.here.world.on_nudge()
            await self._settle()

    async def _by_the_clock(self) -> None:
        """Timers, the round of questions, and the source's deliveries."""
        life = self.world.life
        work = [self.world.clockwork.timers()]
        if self.clock.now() >= self._asked + RECONCILE_EVERY.total_seconds():
            self._asked = self.clock.now()
            world = self.world
            work.append(reconcile(world.store, world.setup, world.systems, world.clock, world._nudge))  # type: ignore[arg-type]
        for one in work:
            await life.run(one)
        await self.monitor.tell(self._take)
        await self._all_on_disk()

    async def _take(self, alerts: Sequence[Alert], body: bytes) -> object | None:
        """What the edge does with a delivery; nothing when it was not taken, or when nobody lived to say so."""
        delivery = Delivery(body, {}, self.bot_clock.now(), {})
        killed = self.chance.random() < KILLED_IN_A_DELIVERY
        if killed and self.chance.random() < 0.5:
            self.world.life.gate.clear()  # nothing is decided any more until it is killed
        taking = self.world.life.spawn(self.world.intake.take(SLUG, delivery, tuple(alerts)))
        if killed:
            await self._awaits(6)
            await self._kill()
        await asyncio.wait([taking])
        if taking.cancelled() or isinstance(taking.exception(), BotError):
            return None
        self.numbers += [number for number in taking.result().incidents if number not in self.numbers]
        return taking.result()

    async def _caught_up(self) -> None:
        for _ in range(ROUNDS):
            await self._pass(5.0)
            if not self._tasks and await self._quiet():
                return
        posts = await self.world.disk.read(
            lambda tx: [(p.key, p.last_error) for p in tx.posts.due(tx.now + timedelta(days=1), by="", limit=5)]
        )
        firing = await self.world.disk.read(lambda tx: {e.fingerprint: e for e in tx.episodes.firing_from(SLUG)})
        ours, theirs = set(firing), self.monitor.firing_now
        other = f"{[firing[name] for name in ours - theirs]} here and {sorted(theirs - ours)} there only"
        raise AssertionError(
            f"an hour later: {posts} wait, {self.monitor.letters}, {self.sides[-1].fault()}, firing {other}, "
            f"{await self._under_way()}"
        )

    async def _quiet(self) -> bool:
        disk = self.world.disk
        firing = await disk.read(lambda tx: {episode.fingerprint for episode in tx.episodes.firing_from(SLUG)})
        return not self.monitor.letters and firing == self.monitor.firing_now and await super()._quiet()

    async def _all_is_well(self) -> None:
        await super()._all_is_well()
        self.monitor.well_again()

    # ------------------------------------------------------------ what goes wrong

    async def _alert(self) -> None:
        self.monitor.change()

    async def _source(self) -> None:
        """It can't be asked, nothing of it gets through, or it does not hear the answers."""
        what = self.chance.choice(("away", "silent", "deaf"))
        self._met(f"source {what}")
        until = self.bot_clock.now() + timedelta(seconds=self.chance.choice((20, 90, 400)))
        if what == "away":
            self.monitor.away_until = until
        elif what == "silent":
            self.monitor.silent_until = until
        else:
            self.monitor.deaf += self.chance.randint(1, 4)

    async def _kill(self) -> None:
        """At whatever await it is at after so many turns of the loop; the next process begins at once or later."""
        self._met("kill")
        await self._awaits(30)
        self.kills += 1
        self.restarts.append(self.clock.now())
        self.interrupted += any(not task.done() for task in self.world.life.tasks)
        await self.world.life.kill()
        self.here.sandbox.sockets.abort()
        for side in self.here.sides:
            await side._connection.close()  # what the system does with a dead process's sockets
        self.here.sides.clear()
        if self.chance.random() < 0.3:
            seconds = self.chance.choice((5.0, 60.0))
            self.clock.jump(seconds)
            self.bot_clock.advance(seconds)
        await self.world.restart()
        await self._begin()

    async def _all_on_disk(self) -> None:
        """P3 at its hardest: all that was acknowledged is there, before the source is asked what fires."""
        fresh = self.monitor.acknowledged[self._checked :]
        self._checked = len(self.monitor.acknowledged)
        for alert in fresh:
            newest = await self.world.disk.read(
                lambda tx, a=alert: tx.episodes.newest(a.source, a.instance, a.fingerprint)
            )
            assert newest is not None, f"{alert} was acknowledged, and is not there"
            assert newest.starts_at >= alert.starts_at, f"{alert} was acknowledged; only {newest} is there"

    async def _awaits(self, most: int) -> None:
        for _ in range(self.chance.randint(0, most)):
            await asyncio.sleep(0)

    async def _begin(self) -> None:
        """A process starts."""
        self._connect_source()
        world = self.world
        settings = self.here.settings(call_timeout=CALL_TIMEOUT)
        side = SlackSide(settings, world.store, world.setup, self.bot_clock)  # type: ignore[arg-type]
        self.here.sides.append(side)
        self.sides.append(side)
        world.on_nudge = side.nudge
        await world.life.run(side.start(world.desk))

    def _connect_source(self) -> None:
        systems = self.world.systems
        self.world.systems = replace(systems, sources={SLUG: self.monitor}, polls={SLUG: self.monitor})
        self.world.rebuild()
