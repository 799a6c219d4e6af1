"""Charts in the workspace on this machine: a system that measures, somebody who draws, and the thread they hang in."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.domain.alert import Alert, Direction, Drift, DriftKind, FeatureDrift
from bot.domain.chart import Chart, Threshold
from bot.domain.errors import IntegrationError
from bot.ports.charts import Artist, NotDrawn
from bot.ports.store import Timer
from bot.ports.systems import Metrics, Series
from bot.usecases.charting.charter import Charter
from bot.usecases.charting.owed import KIND, Occasion, progress
from bot.usecases.clockwork import Clockwork
from tests.slack.office import INCIDENTS, Json, Office, until

URL = "http://prometheus:9090/graph?g0.expr=psi+%3E+0.2"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415478da63f8ffff3f0005fe02fe0def46b8"
    "0000000049454e44ae426082"
)
DRIFT = Drift(
    DriftKind.DATA, "psi", 0.4, 0.2, Direction.ABOVE,
    (FeatureDrift("amount", 0.4, 0.2, True), FeatureDrift("country", 0.1, 0.2, False)),
)  # fmt: skip


@dataclass
class Measuring(Metrics):
    """Knows the query of alerts that lead to it; its number rises when the incident begins."""

    fault: IntegrationError | None = None
    labels: Sequence[dict[str, str]] = ({"__name__": "psi", "model": "fraud-detector"},)
    asked: list[tuple[str, datetime, datetime, float]] = field(default_factory=list)

    def query_of(self, alert: Alert) -> str | None:
        return "psi" if alert.url == URL else None

    def threshold_of(self, alert: Alert) -> Threshold | None:
        return Threshold(0.2)

    async def value(self, query: str) -> float | None:
        return 0.31

    async def range(self, query: str, *, start: datetime, end: datetime, step: float) -> Sequence[Series]:
        self.asked.append((query, start, end, step))
        if self.fault is not None:
            raise self.fault
        count = round((end - start).total_seconds() / step)
        points = tuple((start.timestamp() + n * step, 0.31 if n > count - 8 else 0.06) for n in range(count + 1))
        return [Series(str(labels), points, labels) for labels in self.labels]


@dataclass
class Drawing(Artist):
    """Remembers what it was to draw."""

    drawn: list[Chart] = field(default_factory=list)
    fault: NotDrawn | None = None

    async def draw(self, chart: Chart) -> bytes:
        self.drawn.append(chart)
        if self.fault is not None:
            raise self.fault
        return PNG


class Exhibition:
    """An office whose incidents get charts. A new one is another process on the same store."""

    def __init__(self, here: Office, replica: str = "one") -> None:
        self.here = here
        world = here.world
        self.measuring = Measuring()
        self.drawing = Drawing()
        world.setup = replace(world.setup, charts=True)
        world.systems = replace(world.systems, metrics={"prometheus": self.measuring})
        world.rebuild()
        self.due: list[Timer] = []
        self.replica = replica
        self.clockwork = Clockwork(
            world.store, world.setup, world.systems, world.clock, lambda: None, self.due.append
        )  # fmt: skip

    def charter(self) -> Charter:
        world = self.here.world
        gallery = self.here.sides[-1].gallery
        return Charter(
            world.store, world.setup, world.systems, world.clock, self.drawing, gallery, self.replica
        )  # fmt: skip

    async def incident(self, **more: object) -> int:
        """With a card that is known."""
        values = {"url": URL, "annotations": {"summary": "psi is 0.31"}, **more}
        number = await self.here.world.fire("ModelFeatureDrift", **values)
        await self.here.caught_up()
        await self.here.known_card(number)
        return number

    async def ring(self) -> list[Occasion]:
        """What is due now is carried on its way."""
        self.due.clear()
        await self.clockwork.timers()
        charter, found = self.charter(), []
        for timer in self.due:
            assert timer.kind == KIND
            found.append(Occasion(timer.detail))
            await charter.carry(timer.ref, found[-1])
        return found

    async def ring_for(self, minutes: float) -> int:
        """As time goes by, in steps of fifteen seconds; gives how many were carried on."""
        count = 0
        for _ in range(round(minutes * 4)):
            self.here.world.clock.advance(15)
            await until(self._processed)
            count += len(await self.ring())
        return count

    async def _processed(self) -> bool:
        """Slack takes half a second for what was completed; the bot's clock does not know of it."""
        return all(file.processed for file in self.here.sandbox.workspace.files.values() if file.done)

    async def done(self, number: int, occasion: Occasion = Occasion.START) -> str:
        found = await self.here.world.store.read(lambda tx: progress(tx, number, occasion))
        return found.outcome if found is not None else "not begun"

    async def owed(self) -> Sequence[Timer]:
        """Every chart that is still owed; looked at, not taken."""
        far = self.here.world.clock.now() + timedelta(days=400)
        found: list[Timer] = []

        class Seen(Exception):
            pass

        def look(tx) -> None:
            found.extend(timer for timer in tx.timers.take_due(far, limit=1_000) if timer.kind == KIND)
            raise Seen

        with contextlib.suppress(Seen):
            await self.here.world.store.write(look)
        return found

    async def pictures(self, number: int, count: int | None = None) -> list[Json]:
        """Messages with files in the incident's thread; as soon as there are so many, when a number is given."""
        card = await self.here.card(number)

        async def look() -> list[Json]:
            thread = await self.here.messages(INCIDENTS, thread_ts=card["ts"])
            return [message for message in thread if message.get("files")]

        if count is None:
            return await look()

        async def enough() -> list[Json] | None:
            found = await look()
            assert len(found) <= count, "more pictures than owed"
            return found if len(found) == count else None

        return await until(enough)
