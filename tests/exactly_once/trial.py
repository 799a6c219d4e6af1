"""One operation from its request to its end, through as many processes as it takes, and what must be true then."""

import asyncio
import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import sqlalchemy as sa

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
from tests.exactly_once.world import MODEL, World

TARGET = "2"
REQUEST = f"rollback {MODEL} --to {TARGET}"
RETRAIN = f"retrain {MODEL}"
ASKS, APPROVES = "mika", "devi"
"""Responsible and Accountable for deployments."""
TRAINS, ANSWERS = "dana", "mika"
"""Responsible and Accountable for trainings."""
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
        if self.number is None:
            title = await life.say(*((RETRAIN, TRAINS) if self.spec.trains else (REQUEST, ASKS)))
            assert title.startswith("OP-"), title
            self.number = int(title.split()[0].removeprefix("OP-"))
        if not self.approved:
            title = await life.say(f"approve OP-{self.number}", self.approver)
            assert "is approved and starts" in title or "already" in title, title
            self.approved = True
        await self.finished(life)

    @property
    def approver(self) -> str:
        return ANSWERS if self.spec.trains else APPROVES

    async def finished(self, life: Life) -> None:
        """Wait until the operation is at its end, and so is the engine's work on it. Raises Died."""
        async with asyncio.timeout(WITHIN):
            while not await self._finished():
                if life.gone:
                    raise Died
                operation = await self.ledger.operation(self.number or 0)
                if operation is not None and operation.state is OperationState.IN_DOUBT:
                    self.given_up = True
                    await life.say(f"cancel OP-{self.number}", self.approver)
                await asyncio.sleep(LOOK_EVERY)

    async def _finished(self) -> bool:
        assert self.number is not None
        operation = await self.ledger.operation(self.number)
        if operation is None or not operation.state.final:
            return False
        return await asyncio.to_thread(self.ledger.workflows) == [(f"{operate.EXECUTE}:{self.number}", "SUCCESS")]

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
        operations = await self.ledger.operations()
        assert [operation.number for operation in operations] == [self.number]
        operation = operations[0]
        if not self.spec.repeatable:
            once = "start" if self.spec.trains else "move"
            assert self.world.calls[once] <= 1, "what may not be repeated was repeated"
        if self.given_up:
            assert not self.spec.repeatable, "what may be repeated is not left in doubt"
            assert operation.state is OperationState.FAILED
            assert "does not know" in operation.outcome
        else:
            assert operation.state is OperationState.SUCCEEDED, operation.outcome
            effects = [(write.call, write.before, write.after) for write in self.world.effects]
            assert effects == self._expected()
            assert operation.outcome.startswith(self._said)
            assert self.spec.trains or (self.world.alias, self.world.served) == (TARGET, TARGET)
        assert operation.incident is not None
        self._check_timeline(await self.ledger.timeline(operation.incident), joined=len(operation.joined_by))

    def _expected(self) -> list[tuple[str, str, str]]:
        """Every effect, in its order."""
        if self.spec.trains:
            return [("start", "0", "1"), ("move", "", "4")]
        return [("move", "3", TARGET), *([("serve", "3", TARGET)] if self.spec.told else [])]

    @property
    def _said(self) -> str:
        return "Version 4 is the challenger" if self.spec.trains else f"Serving confirmed: version {TARGET} answers."

    @property
    def _story(self) -> list[Kind]:
        """What happens between the approval and the end."""
        if self.given_up:
            return [Kind.INTENDED, Kind.IN_DOUBT, Kind.FAILED]
        if self.spec.trains:
            return [Kind.INTENDED, Kind.CHANGED, Kind.VERIFIED, Kind.INTENDED, Kind.CHANGED, Kind.SUCCEEDED]
        told = [Kind.INTENDED] if self.spec.told else []
        return [Kind.INTENDED, Kind.CHANGED, *told, Kind.VERIFIED, Kind.SUCCEEDED]

    def _check_timeline(self, entries: Sequence[Entry], joined: int) -> None:
        chain = verify_chain(entries)
        assert chain.intact, chain.what
        assert [entry.learned_at for entry in entries] == sorted(entry.learned_at for entry in entries)
        kinds = [entry.kind for entry in entries]
        story = [kind for kind in kinds if kind in STORY]
        for _ in range(joined):  # who joined is told, too, whenever it was
            story.reverse()
            story.remove(Kind.REQUESTED)
            story.reverse()
        assert story == [Kind.REQUESTED, Kind.PLANNED, Kind.APPROVED, *self._story], kinds
        recovered = kinds.count(Kind.RECOVERED)
        assert bool(recovered) == bool(self.interrupted), f"{self.interrupted} interruptions, {recovered} told"
        assert recovered <= self.interrupted


STORY = frozenset(
    {
        Kind.REQUESTED, Kind.PLANNED, Kind.APPROVED, Kind.INTENDED, Kind.CHANGED, Kind.VERIFIED, Kind.SUCCEEDED,
        Kind.FAILED, Kind.IN_DOUBT, Kind.EXPIRED, Kind.CANCELLED, Kind.REJECTED,
    }
)  # fmt: skip
"""Kinds that each happen as often as the story says, and in its order."""
