"""A replica of the bot as it is put together, without Slack: store, engine, heartbeat, desk and executor.

Its clock runs fast, its systems are the world of the test. It is told line by line what people say, and answers.
"""

import asyncio
import json
import logging
import os
import socket
import sys
import threading
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta

from bot.domain.models import Binding, PipelineRef, Pointer, Propagation, Target, Training
from bot.engine.durable import Engine
from bot.engine.replicas import Heartbeat
from bot.kit.http import HttpClients
from bot.ports.clock import Clock
from bot.ports.manifest import Guarantees
from bot.store.sqlstore import SqlStore
from bot.usecases import operate
from bot.usecases.desk import Desk
from bot.usecases.execute import Executor
from bot.usecases.setup import Policies, Setup
from bot.usecases.systems import Systems
from tests.exactly_once.boundaries import Boundaries, Doom
from tests.exactly_once.far import FarOrchestrator, FarRegistry, FarServing
from tests.exactly_once.world import ALIAS, MODEL, PIPELINE, SERVICE
from tests.usecases.world import PEOPLE, a_setup

_EPOCH = datetime(2026, 11, 23, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Spec:
    """What a replica is told when it begins. `speed`: how much faster than the machine's its clock runs."""

    database: str
    world: str
    name: str = "a"
    speed: float = 30.0
    repeatable: bool = True
    told: bool = False
    """Whether the serving side must be told; else it follows the alias."""
    trains: bool = False
    """Whether it is about a training; then `repeatable` speaks of the run's start."""
    doom: Doom | None = None

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
    binding = Binding(
        MODEL, "production", Pointer("registry", MODEL, ALIAS), (Target("serving", SERVICE),),
        Propagation.REDEPLOY if spec.told else Propagation.WATCH,
        training=Training(PipelineRef("pipelines", PIPELINE)) if spec.trains else None,
    )  # fmt: skip
    patient = Policies(plan_ttl=timedelta(hours=5), confirm_within=timedelta(hours=2))
    return replace(a_setup(policies=patient, delegates=("dana",)), bindings=(binding,))


def systems_of(spec: Spec, clock: Clock, http: HttpClients) -> Systems:
    """The world, by its adapters."""
    repeatable = spec.repeatable or spec.trains
    registry = FarRegistry(http(spec.world, system="registry"), clock, repeatable=repeatable)
    serving = FarServing(http(spec.world, system="serving"), clock, repeatable=repeatable)
    pipelines = FarOrchestrator(http(spec.world, system="pipelines"), clock, repeatable=spec.repeatable)
    guarantees = Guarantees(idempotent_write=repeatable, idempotent_start=spec.repeatable)
    return Systems(
        registries={"registry": registry}, servings={"serving": serving},
        deployers={"serving": serving} if spec.told else {},
        orchestrators={"pipelines": pipelines},
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
        answering.add(task := asyncio.create_task(_answer(replica, channel, order)))
        task.add_done_callback(answering.discard)
    else:
        os._exit(0)  # the test is gone
    lost.cancel()
    await replica.stop()
    channel.tell("stopped")


async def _answer(replica: Replica, channel: Channel, order: dict[str, str]) -> None:
    """As a command's: nobody waits for another one's answer."""
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
