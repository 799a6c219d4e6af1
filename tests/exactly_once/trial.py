"""One operation from its request to its end, through as many processes as it takes, and what must be true then."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import sqlalchemy as sa

from bot.domain.alert import AlertStatus
from bot.domain.operation import Operation, OperationState
from bot.domain.timeline import Entry, Kind
from bot.ports.store import Transaction
from bot.store import database
from bot.store.sqlstore import SqlStore
from bot.usecases import operate
from bot.usecases.export import verify_chain
from tests.exactly_once import boundaries
from tests.exactly_once import world as outside
from tests.exactly_once.lives import Died, Life, Zygote
from tests.exactly_once.replica import FastClock, Spec
from tests.exactly_once.world import World

MUCH_WORSE = 0.9
"""What the alert's own query answers from then on."""
LOOK_EVERY = 0.01
"""Seconds between looks at the database, of those who wait for something to be true there."""
WITHIN = 45.0
"""Seconds; only a trial that fails takes so long."""

Ending = boundaries.Doom | outside.Doom | float
"""How a process ends: at a commit, at a call, or so many seconds after it is ready."""


class Ledger:
    """The database, as anybody may look at it."""

    def __init__(self, url: str, clock: FastClock) -> None:
        self._store = SqlStore(url, clock)
        self._engine = sa.create_engine(database.parse(url), poolclass=sa.NullPool)
        self._dbos = "workflow_status" if url.startswith("sqlite") else "dbos.workflow_status"

    async def open(self) -> None:
        await self._store.open()

    async def close(self) -> None:
        await self._store.close()

    async def operations(self) -> Sequence[Operation]:
        return await self._store.read(lambda tx: tx.operations.newest(limit=1_000))

    async def operation(self, number: int) -> Operation | None:
        return await self._store.read(lambda tx: tx.operations.get(number))

    async def timeline(self, incident: int) -> Sequence[Entry]:
        return await self._store.read(lambda tx: tx.timeline.of(incident))

    async def interrupted(self) -> bool:
        """Whether there is an operation that was begun and isn't at its end."""

        def look(tx: Transaction) -> bool:
            return any(
                tx.keys.get("story", f"{operate.EXECUTE}:{operation.number}") is not None
                for operation in tx.operations.newest(limit=10)
                if not operation.state.final
            )

        return await self._store.read(look)

    def workflows(self) -> list[tuple[str, str]]:
        """The durable engine's workflows and their states."""
        with self._engine.connect() as connection:
            rows = connection.execute(sa.text(f"SELECT workflow_uuid, status FROM {self._dbos} ORDER BY 1"))
            return [(str(name), str(status)) for name, status in rows]


@dataclass
class Trial:
    """`deaths`, and how often an operation was on its way at one of them."""

    zygote: Zygote
    spec: Spec
    world: World
    ledger: Ledger
    number: int | None = None
    fired: bool = False
    over: bool = False
    approved: bool = False
    given_up: bool = False
    deaths: int = 0
    interrupted: int = 0
    seconds: float = 0.0
    """From the last process's being ready to the end."""
    pids: list[int] = field(default_factory=list)
    commits: list[str] = field(default_factory=list)

    async def run(self, endings: Sequence[Ending] = ()) -> None:
        """Each process ends as it is said, and another one of its name goes on; the last one lives."""
        for ending in endings:
            if await self._life(ending):
                return
            self.deaths += 1
            self.interrupted += await self.ledger.interrupted()
        assert await self._life(None), f"the process ended by itself:\n{self.complaints}"

    async def _life(self, ending: Ending | None) -> bool:
        """Whether it came to the operation's end."""
        doom = ending if isinstance(ending, boundaries.Doom) else None
        self.world.doom = ending if isinstance(ending, outside.Doom) else None
        async with self.zygote.life(replace(self.spec, doom=doom)) as life:
            self.pids.append(life.pid)
            try:
                await life.word("ready")
                ready = time.monotonic()
                if isinstance(ending, float):
                    asyncio.get_running_loop().call_later(ending, life.kill)
                await self._to_the_end(life)
                self.seconds = time.monotonic() - ready
                if isinstance(ending, boundaries.Doom):
                    await life.dies()  # the last commit can be seen a moment before the process ends by it
                    return False
            except Died:
                return False
            finally:
                self.commits += life.commits
        return True

    async def _to_the_end(self, life: Life) -> None:
        """What people do: ask, and ask again when no answer came; approve; give up what stays in doubt."""
        plot = self.spec.what
        if plot.fires and not self.fired:
            await life.alert(AlertStatus.FIRING)
            self.fired = True
        if self.number is None:
            title = await life.say(plot.request, plot.asks)
            assert title.startswith("OP-"), title
            self.number = int(title.split()[0].removeprefix("OP-"))
        if not self.approved:
            title = await life.say(f"approve OP-{self.number}", plot.approves)
            assert "is approved and starts" in title or "already" in title, title
            self.approved = True
        await self.finished(life)

    async def finished(self, life: Life) -> None:
        """Wait until the operation is at its end, and so is the engine's work on it. Raises Died."""
        async with asyncio.timeout(WITHIN):
            while not await self._finished():
                if life.gone:
                    raise Died
                operation = await self.ledger.operation(self.number or 0)
                match operation.state if operation is not None else None:
                    case OperationState.IN_DOUBT:
                        self.given_up = True
                        await life.say(f"cancel OP-{self.number}", self.spec.what.approves)
                    case OperationState.WATCHING:
                        await self._while_watched(life)
                await asyncio.sleep(LOOK_EVERY)

    async def _while_watched(self, life: Life) -> None:
        """What it is watched for happens."""
        match self.spec.what.watched:
            case "worse":
                self.world.value = MUCH_WORSE
            case "over" if not self.over:
                await life.alert(AlertStatus.RESOLVED)
                self.over = True

    async def _finished(self) -> bool:
        assert self.number is not None
        operation = await self.ledger.operation(self.number)
        if operation is None or not operation.state.final:
            return False
        return await asyncio.to_thread(self.ledger.workflows) == [
            (f"{operate.EXECUTE}:{number}", "SUCCESS") for number in self._numbers
        ]

    @property
    def _numbers(self) -> Sequence[int]:
        """The operations that there may be: those of the plot before, and this one."""
        return (1, 2) if self.spec.what.after else (1,)

    @property
    def complaints(self) -> str:
        return self.zygote.complaints(*self.pids)

    @contextlib.contextmanager
    def noted(self, how: str) -> Iterator[None]:
        """A failure tells how this trial can be repeated, and what it has seen."""
        try:
            yield
        except BaseException as error:
            error.add_note(
                f"{how}\ncommits: {' · '.join(self.commits)}\ncalls: {' · '.join(self.world.order)}\n"
                f"writes: {self.world.writes}\n{self.complaints}"
            )
            raise

    # ------------------------------------------------------------ what must be true

    async def check(self) -> None:
        """One operation, one effect outside, the right end, a timeline that tells what happened."""
        plot = self.spec.what
        operations = await self.ledger.operations()
        assert [operation.number for operation in operations] == [*reversed(self._numbers)]
        operation = operations[0]
        assert operation.number == self.number
        effects = tuple((write.call, write.before, write.after) for write in self.world.effects)
        if not self.spec.repeatable:
            most = Counter(call for call, _, _ in plot.effects if call in self.world.counted)
            assert all(self.world.calls[call] <= times for call, times in most.items()), (
                "it was repeated, and may not be"
            )
        if self.given_up:
            assert not self.spec.repeatable, "what may be repeated is not left in doubt"
            assert operation.state is OperationState.FAILED
            assert "does not know" in operation.outcome
            assert effects == plot.effects[: len(effects)]
        else:
            assert operation.state is plot.state, operation.outcome
            assert effects == plot.effects, f"other effects than planned: {effects}"
            assert operation.outcome.startswith(plot.said), operation.outcome
            assert plot.trains or self.world.served == self.world.alias
        assert operation.incident is not None
        entries = await self.ledger.timeline(operation.incident)
        chain = verify_chain(entries)
        assert chain.intact, chain.what
        before = next(place for place, entry in enumerate(entries) if operation.ref in entry.text)
        self._check_timeline(entries[before:], joined=len(operation.joined_by))

    def _is_the_story(self, told: Sequence[Kind]) -> bool:
        """Whether this is what happened between the approval and the end."""
        story = [*self.spec.what.story]
        if not self.given_up:
            return [*told] == story
        calls = [place for place, kind in enumerate(story) if kind is Kind.INTENDED]
        return [*told] in [[*story[: place + 1], Kind.IN_DOUBT, Kind.FAILED] for place in calls]

    def _check_timeline(self, entries: Sequence[Entry], joined: int) -> None:
        assert [entry.learned_at for entry in entries] == sorted(entry.learned_at for entry in entries)
        kinds = [entry.kind for entry in entries]
        story = [kind for kind in kinds if kind in STORY]
        for _ in range(joined):  # who joined is told, too, whenever it was
            story.reverse()
            story.remove(Kind.REQUESTED)
            story.reverse()
        assert story[:3] == [Kind.REQUESTED, Kind.PLANNED, Kind.APPROVED], kinds
        assert self._is_the_story(story[3:]), kinds
        recovered = kinds.count(Kind.RECOVERED)
        assert bool(recovered) == bool(self.interrupted), f"{self.interrupted} interruptions, {recovered} told"
        assert recovered <= self.interrupted


STORY = frozenset(
    {
        Kind.REQUESTED, Kind.PLANNED, Kind.APPROVED, Kind.INTENDED, Kind.CHANGED, Kind.VERIFIED, Kind.SUCCEEDED,
        Kind.UNDONE, Kind.FAILED, Kind.IN_DOUBT, Kind.EXPIRED, Kind.CANCELLED, Kind.REJECTED,
    }
)  # fmt: skip
"""Kinds that each happen as often as the story says, and in its order."""
