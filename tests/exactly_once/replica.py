"""A replica of the bot as it is put together, without Slack: store, engine, heartbeat, desk and executor.

Its clock runs fast, its systems are the world of the test. It is told line by line what people say, and answers.
"""

import asyncio
import json
import logging
import os
import socket
import ssl
import sys
import threading
import traceback
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta

from bot.domain.alert import AlertStatus
from bot.domain.models import Binding, Mirror, PipelineRef, Pointer, Propagation, Target, Training
from bot.domain.plan import OperationKind
from bot.engine.durable import Engine
from bot.engine.replicas import Heartbeat
from bot.kit.http import HttpClients
from bot.ports.clock import Clock
from bot.ports.manifest import Guarantees
from bot.ports.systems import Delivery
from bot.store.sqlstore import SqlStore
from bot.usecases import operate
from bot.usecases.desk import Desk
from bot.usecases.execute import Executor
from bot.usecases.ingest import Intake
from bot.usecases.once import Found, Once, Result, Step
from bot.usecases.setup import Mode, Policies, Policy, Setup
from bot.usecases.systems import Systems
from tests.exactly_once.boundaries import Boundaries, Doom
from tests.exactly_once.far import FarMetrics, FarOrchestrator, FarRegistry, FarServing
from tests.exactly_once.plots import PLOTS, Plot
from tests.exactly_once.world import ALIAS, MIRROR, MODEL, PIPELINE, SERVICE
from tests.usecases.world import PEOPLE, a_setup, an_alert

_EPOCH = datetime(2026, 11, 23, tzinfo=UTC)
_NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Whom the world's clients trust: it has no certificate, and each client would read all of the machine's for itself."""


@dataclass(frozen=True, slots=True)
class Spec:
    """What a replica is told when it begins. `speed`: how much faster than the machine's its clock runs."""

    database: str
    world: str
    name: str = "a"
    speed: float = 30.0
    repeatable: bool = True
    plot: str = "rollback"
    """What it is about; of a training, `repeatable` speaks of the run's start."""
    blind: bool = False
    """A mutant: it repeats what is in doubt without looking."""
    doom: Doom | None = None

    @property
    def what(self) -> Plot:
        """What it is about."""
        return PLOTS[self.plot]

    @property
    def json(self) -> str:
        return json.dumps(asdict(self))

    @staticmethod
    def parse(line: str) -> "Spec":
        fields = json.loads(line)
        doom = fields.pop("doom")
        return Spec(**fields, doom=Doom(**doom) if doom else None)


class FastClock(Clock):
    """The machine's clock, so many times as fast; alike in all processes of one speed."""

    def __init__(self, speed: float) -> None:
        self._speed = speed

    def now(self) -> datetime:
        return _EPOCH + (datetime.now(UTC) - _EPOCH) * self._speed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self._speed)


def setup_of(spec: Spec) -> Setup:
    """One model with one alias and one service; nothing here expires because a machine is slow."""
    plot = spec.what
    binding = Binding(
        MODEL, "production", Pointer("registry", MODEL, ALIAS), (Target("serving", SERVICE),),
        Propagation.REDEPLOY if plot.told else Propagation.WATCH,
        training=Training(PipelineRef("pipelines", PIPELINE)) if plot.trains else None,
        mirrors=(Mirror(Pointer("registry", MODEL, MIRROR)),) if plot.mirrored else (),
    )  # fmt: skip
    kinds = (OperationKind.ROLLBACK, OperationKind.SHIFT_TRAFFIC) if plot.undoes else ()
    patient = Policies(
        plan_ttl=timedelta(hours=5), confirm_within=timedelta(minutes=4) * spec.speed,
        watch_for=timedelta(hours=5) if plot.watched else timedelta(seconds=2),
        rules=tuple(Policy(f"takes a {kind.value} back", kind, Mode.SUGGEST, undo=True) for kind in kinds),
    )  # fmt: skip
    return replace(a_setup(policies=patient, delegates=("dana",)), bindings=(binding,))


def systems_of(spec: Spec, clock: Clock, http: HttpClients) -> Systems:
    """The world, by its adapters."""
    repeatable = spec.repeatable or spec.plot == "training"
    registry = FarRegistry(http(spec.world, system="registry", tls=_NOBODY), clock, repeatable=repeatable)
    serving = FarServing(http(spec.world, system="serving", tls=_NOBODY), clock, repeatable=repeatable)
    pipelines = FarOrchestrator(http(spec.world, system="pipelines", tls=_NOBODY), clock, repeatable=spec.repeatable)
    metrics = FarMetrics(http(spec.world, system="metrics", tls=_NOBODY), clock, repeatable=True)
    guarantees = Guarantees(idempotent_write=repeatable, idempotent_start=spec.repeatable)
    return Systems(
        registries={"registry": registry}, servings={"serving": serving},
        deployers={"serving": serving} if spec.what.told else {}, splitters={"serving": serving},
        orchestrators={"pipelines": pipelines}, switches={"pipelines": pipelines}, metrics={"metrics": metrics},
        guarantees=dict.fromkeys(("registry", "serving", "pipelines"), guarantees),
    )  # fmt: skip


class Channel:
    """Lines to and from the test."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._file = connection.makefile("r")

    def tell(self, word: str, **more: object) -> None:
        """One line, whole, from any thread."""
        line = json.dumps({"word": word, **more}) + "\n"
        with self._lock:
            self._connection.sendall(line.encode())

    def hear(self) -> str:
        """The next line; empty when the test is gone."""
        return self._file.readline()


class Replica:
    """One process of the bot."""

    def __init__(self, spec: Spec) -> None:
        self.clock = FastClock(spec.speed)
        self.engine = Engine(spec.database, spec.name)
        self.store = SqlStore(spec.database, self.clock, self.engine.start_work)
        self.heartbeat = Heartbeat(self.store, self.clock, spec.name, self.engine.continue_work_of)
        self.http = HttpClients(sleep=self.clock.sleep)
        setup, systems = setup_of(spec), systems_of(spec, self.clock, self.http)
        self.desk = Desk(self.store, setup, systems, self.clock, nudge=_nothing)
        self.executor = Executor(self.store, setup, systems, self.clock, self.heartbeat, _nothing)
        self.intake = Intake(self.store, setup, _nothing)
        if spec.blind:
            self.executor._course.once = Blind(self.store, self.clock, self.heartbeat)

    async def start(self) -> None:
        """In the order of the program."""
        await self.store.open()
        await self.heartbeat.start()
        self.engine.register(operate.EXECUTE, self.executor.story)
        await self.engine.launch()

    async def stop(self) -> None:
        await self.engine.stop()
        await self.heartbeat.stop()
        await self.store.close()
        await self.http.aclose()

    async def alert(self, status: AlertStatus) -> None:
        """The alert that it is all about, as its source tells it."""
        alert = an_alert(self.clock, status=status)
        await self.intake.take("alertmanager", Delivery(b"{}", {}, self.clock.now(), {}), (alert,))


class Blind(Once):
    """What must not be: a call that may have been made is made again."""

    async def do(self, step: Step) -> Result:
        async def look_away() -> Found:
            return Found.AS_BEFORE

        return await super().do(replace(step, find=look_away, repeatable=True))


def _nothing() -> None:
    pass


async def _live(spec: Spec, channel: Channel) -> None:
    replica = Replica(spec)
    await replica.start()
    channel.tell("ready")
    lost = asyncio.create_task(_until_lost(replica))
    answering: set[asyncio.Task[None]] = set()
    while line := await asyncio.to_thread(channel.hear):
        order = json.loads(line)
        if order["word"] == "stop":
            break
        answering.add(task := asyncio.create_task(_answer_or_end(replica, channel, order)))
        task.add_done_callback(answering.discard)
    else:
        os._exit(0)  # the test is gone
    lost.cancel()
    await replica.stop()
    channel.tell("stopped")


async def _answer_or_end(replica: Replica, channel: Channel, order: dict[str, str]) -> None:
    """A fault is no silence: the test sees that the process is gone, and why."""
    try:
        await _answer(replica, channel, order)
    except Exception:  # noqa: BLE001 - whatever it is
        sys.stderr.write("".join(f"{os.getpid()} {line}\n" for line in traceback.format_exc().splitlines()))
        sys.stderr.flush()
        os._exit(4)


async def _answer(replica: Replica, channel: Channel, order: dict[str, str]) -> None:
    """As a command's: nobody waits for another one's answer."""
    if order["word"] == "alert":
        await replica.alert(AlertStatus(order["status"]))
        channel.tell("reply", to=order["number"], title="")
        return
    by = next(person for person in PEOPLE if person.id == order["by"])
    reply = await replica.desk.command(order["text"], by)
    channel.tell("reply", to=order["number"], title=reply.title)


async def _until_lost(replica: Replica) -> None:
    """As the program does it: who was taken over touches nothing more."""
    await replica.heartbeat.lost.wait()
    os._exit(3)


def run(connection: socket.socket) -> None:
    """The life of a process, from its first line to its end."""
    channel = Channel(connection)
    channel.tell("born", pid=os.getpid())
    spec = Spec.parse(channel.hear())
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format=f"{os.getpid()} %(message)s", force=True)
    Boundaries(spec.doom, lambda name: channel.tell("commit", name=name)).install()
    asyncio.run(_live(spec, channel))
