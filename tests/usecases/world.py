"""A world to try the use cases in: the real store, five people, and the systems around us in memory."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from bot.config import shipped
from bot.config.runbook_files import load_directory
from bot.domain.alert import Alert, AlertStatus, Reading
from bot.domain.incident import Incident
from bot.domain.models import Binding, Change, Pointer, Propagation, Target
from bot.domain.operation import Operation
from bot.domain.people import Directory, Person
from bot.domain.routing import Filling, Role, Roster
from bot.domain.timeline import Entry, Kind, verify
from bot.ports.clock import Clock
from bot.ports.manifest import Guarantees
from bot.ports.systems import Delivery, Deployer
from bot.store.sqlstore import SqlStore
from bot.usecases import operate
from bot.usecases.clockwork import Clockwork
from bot.usecases.desk import NOWHERE, Desk, Place
from bot.usecases.execute import Executor
from bot.usecases.ingest import Intake
from bot.usecases.live import look_at_models
from bot.usecases.reply import Bullets, Code, Facts, Heading, Mentions, Paragraph, Reply, Table
from bot.usecases.setup import Policies, Setup
from bot.usecases.stories.watching import WATCH_EVERY
from bot.usecases.systems import Systems
from tests.fakes.clock import FakeClock
from tests.fakes.engine import FakeFence, SteppingEngine
from tests.fakes.systems import Endpoint, FakeChangeFeed, FakeRegistry, FakeServing, model_version

DANA = Person("dana", "Dana Sutter", "U0DATASCI", "dana@example.com", "Data scientist")
MIKA = Person("mika", "Mika Laine", "U0MLENG01", "mika@example.com", "ML engineer")
DEVI = Person("devi", "Devi Rao", "U0DEVOPS1", "devi@example.com", "DevOps engineer")
OMAR = Person("omar", "Omar Haddad", "U0DATAENG", "omar@example.com", "Data engineer")
PAULA = Person("paula", "Paula Brandt", "U0PRODMGR", "paula@example.com", "Product manager")
STRANGER = Person("slack:U0STRANGE", "Sam", "U0STRANGE")

ROLES = {
    Role.DATA_SCIENTIST: DANA, Role.ML_ENGINEER: MIKA, Role.DEVOPS: DEVI, Role.DATA_ENGINEER: OMAR,
    Role.PRODUCT_MANAGER: PAULA,
}  # fmt: skip
PEOPLE = tuple(ROLES.values())
FRAUD = "fraud-detector"


class JumpingClock(FakeClock):
    """Whoever sleeps moves it: an hour of waiting takes no time. `on_sleep` is what happens meanwhile, to its end."""

    on_sleep: Callable[[], object] | None = None

    slept = 0.0
    """The seconds of the newest sleep."""

    async def sleep(self, seconds: float) -> None:
        self.slept = seconds
        self.advance(max(seconds, 0))
        happens = None if self.on_sleep is None else self.on_sleep()
        if isinstance(happens, Awaitable):
            await happens
        await asyncio.sleep(0)


def a_setup(*, delegates: Sequence[str] = (), policies: Policies | None = None) -> Setup:
    """The shipped table, rules and runbooks; one person a role; `delegates` may approve in Devi's place."""
    fillings = {role: Filling((person.id,), f"filled by {person.id}") for role, person in ROLES.items()}
    fillings[Role.DEVOPS] = replace(fillings[Role.DEVOPS], delegates=tuple(delegates))
    directory = shipped.runbook_directory()
    assert directory is not None
    runbooks, problems = load_directory(directory)
    assert not problems
    return Setup(
        people=Directory(PEOPLE),
        table=shipped.table(),
        roster=Roster({"default": fillings}),
        rules=shipped.rules(),
        bindings=(
            _binding(FRAUD, "production", "champion", "fraud"),
            _binding(FRAUD, "staging", "candidate", "fraud-staging", production=False),
            _binding("churn", "production", "champion", "churn"),
            Binding("pricing", "production", None, (), Propagation.NONE),
        ),
        runbooks=runbooks,
        policies=policies or Policies(),
    )


def _binding(model: str, environment: str, alias: str, target: str, *, production: bool = True) -> Binding:
    return Binding(
        model, environment, Pointer("registry", model, alias), (Target("serving", target),), Propagation.WATCH,
        production=production,
    )  # fmt: skip


class World:
    """Everything that a use case meets. `restarted` gives the same world with a new process in it."""

    def __init__(self, path: Path, setup: Setup | None = None, clock: FakeClock | None = None) -> None:
        self.path = path
        self.setup = setup or a_setup()
        self.clock = clock or JumpingClock()
        self.registry = FakeRegistry(self.clock)
        self.serving = FakeServing(self.clock, self.registry)
        self.feed = FakeChangeFeed(self.clock)
        self.fence = FakeFence()
        self.deployers: dict[str, Deployer] = {}
        self.nudges = 0
        self.on_nudge: Callable[[], None] = lambda: None
        self._populate()
        self._process()

    def _populate(self) -> None:
        now = self.clock.now()
        for number, days, auc in (("1", 90.0, 0.91), ("2", 40.0, 0.93), ("3", 42 / 1440, 0.94)):
            at = now - timedelta(days=days)
            self.registry.register(FRAUD, model_version(FRAUD, number, at, auc=auc))
            text = f"version {number} promoted by Mika Laine"
            self.feed.changes.append(Change(FRAUD, "promotion", text, at, "Mika Laine", number, "", "registry"))
        self.registry.register("churn", model_version("churn", "1", now - timedelta(days=5)))
        self.registry.aliases |= {(FRAUD, "champion"): "3", (FRAUD, "candidate"): "3", ("churn", "champion"): "1"}
        self.serving.endpoints |= {
            "fraud": Endpoint("3", FRAUD, "champion"),
            "fraud-staging": Endpoint("3", FRAUD, "candidate"),
            "churn": Endpoint("1", "churn", "champion"),
        }

    def _process(self) -> None:
        """What a process holds in memory."""
        self.engine = SteppingEngine(self.path)
        self.store = SqlStore(f"sqlite:///{self.path}", self.clock, self.engine.start_work)
        self.systems = Systems(
            registries={"registry": self.registry}, servings={"serving": self.serving}, feeds={"registry": self.feed},
            deployers=self.deployers,
            guarantees={"registry": Guarantees(idempotent_write=True), "serving": Guarantees(identity=True)},
            cannot={"registry": ("It has no compare-and-set.",)},
        )  # fmt: skip
        self.rebuild()

    def rebuild(self) -> None:
        """The use cases anew, after the setup or the systems were exchanged."""
        self.desk = Desk(self.store, self.setup, self.systems, self.clock, nudge=self._nudge)
        self.executor = Executor(self.store, self.setup, self.systems, self.clock, self.fence, self._nudge)
        self.clockwork = Clockwork(self.store, self.setup, self.systems, self.clock, self._nudge)
        self.intake = Intake(self.store, self.setup, self._nudge)

    def _nudge(self) -> None:
        self.nudges += 1
        self.on_nudge()

    async def open(self) -> None:
        await self.store.open()
        self.engine.prepare()

    async def close(self) -> None:
        await self.store.close()

    async def restart(self) -> None:
        """The process ends here, whatever it was doing, and another one begins on the same database."""
        await self.store.close()
        self.fence = FakeFence()
        self._process()
        await self.open()

    # ------------------------------------------------------------ what people and systems do

    async def say(self, text: str, by: Person, place: Place = NOWHERE) -> Reply:
        return await self.desk.command(text, by, place)

    async def press(self, action: str, value: str, by: Person) -> Reply:
        return await self.desk.press(action, value, by)

    async def learn(self) -> None:
        """One round of looking at models: the ledger knows what was live."""
        await look_at_models(self.store, self.setup, self.systems, self.clock)

    async def fire(self, name: str = "ModelErrorRateHigh", model: str | None = FRAUD, **more: object) -> int:
        """An alert arrives; gives its incident's number."""
        receipt = await self.send(an_alert(self.clock, name, model, **more))
        return receipt.incidents[0]

    async def send(self, *alerts: Alert):
        delivery = Delivery(repr(alerts).encode(), {}, self.clock.now(), {})
        return await self.intake.take("alertmanager", delivery, alerts)

    async def request(self, by: Person = MIKA, text: str = f"rollback {FRAUD}") -> int:
        """Ask for a rollback; gives the operation's number."""
        reply = await self.say(text, by)
        assert reply.ok, shown(reply)
        return int(reply.title.split()[0].removeprefix("OP-"))

    def ends_when_watched(self, name: str = "ModelErrorRateHigh", **more: object) -> None:
        """The alert ends as soon as somebody watches whether it does."""
        ended: list[Alert] = []

        async def look() -> None:
            if isinstance(self.clock, JumpingClock) and self.clock.slept == WATCH_EVERY and not ended:
                ended.append(an_alert(self.clock, name, status=AlertStatus.RESOLVED, **more))
                await self.send(*ended)

        assert isinstance(self.clock, JumpingClock)
        self.clock.on_sleep = look

    async def carry_out(self) -> int:
        """What was approved is done."""
        return await self.engine.run(self.executor.story)

    async def approved(self, by: Person = MIKA, approver: Person = DEVI) -> int:
        """A rollback that waits for the engine."""
        await self.learn()
        number = await self.request(by)
        reply = await self.say(f"approve OP-{number}", approver)
        assert reply.ok, shown(reply)
        return number

    # ------------------------------------------------------------ what is true

    async def incident(self, number: int) -> Incident:
        found = await self.store.read(lambda tx: tx.incidents.get(number))
        assert found is not None
        return found

    async def operation(self, number: int) -> Operation:
        return await self.store.read(lambda tx: operate.get(tx, number))

    async def operations(self) -> Sequence[Operation]:
        return await self.store.read(lambda tx: tx.operations.newest(limit=100))

    async def timeline(self, incident: int, *kinds: Kind) -> list[Entry]:
        """The entries (of some kinds); the chain is verified whenever it is looked at."""
        entries = await self.store.read(lambda tx: tx.timeline.of(incident))
        assert verify(entries) is None
        return [entry for entry in entries if not kinds or entry.kind in kinds]

    async def kinds(self, incident: int) -> list[Kind]:
        return [entry.kind for entry in await self.timeline(incident)]

    async def post(self, key: str):
        return await self.store.read(lambda tx: tx.posts.get(key))


def an_alert(clock: Clock, name: str = "ModelErrorRateHigh", model: str | None = FRAUD, **more: object) -> Alert:
    labels = {"severity": "high", **({"model": model, "environment": "production"} if model else {})}
    values: dict[str, object] = {
        "fingerprint": f"{name}/{model}", "starts_at": clock.now() - timedelta(minutes=2), "labels": labels,
        "annotations": {"summary": f"{name} is true"}, "reading": Reading("error ratio", 0.31, 0.05), **more,
    }  # fmt: skip
    status = values.pop("status", AlertStatus.FIRING)
    return Alert("alertmanager", "http://am", name=name, status=status, **values)  # type: ignore[arg-type]


def shown(reply: Reply) -> str:
    """A reply as text, for assertions about what a person reads."""
    lines = [reply.title]
    for part in reply.parts:
        match part:
            case Paragraph(text) | Heading(text) | Code(text):
                lines.append(text)
            case Bullets(items):
                lines += items
            case Facts(pairs):
                lines += [f"{name}: {value}" for name, value in pairs]
            case Table(columns, rows):
                lines += [" | ".join(row) for row in (columns, *rows)]
            case Mentions(intro, people):
                lines.append(f"{intro} {' '.join(people)}")
            case _:
                lines.append(str(part))
    return "\n".join(lines)
