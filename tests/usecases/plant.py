"""The world with everything that can be changed: a training pipeline, a gate, a fallback, shared traffic, a metric."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from bot.domain.alert import Alert
from bot.domain.errors import BotError
from bot.domain.models import PipelineRef, Target, Training
from bot.domain.routing import Right, may
from bot.ports.manifest import Guarantees
from bot.ports.systems import Metrics, Parameter, Series
from bot.usecases import operate
from bot.usecases.policy import POLICY, PolicyStory
from bot.usecases.setup import Policies
from tests.fakes.orchestrator import FakeOrchestrator
from tests.fakes.serving import FakeSplitter
from tests.fakes.systems import model_version
from tests.usecases.world import FRAUD, PEOPLE, JumpingClock, World, a_setup

PIPELINE = "retrain_fraud"
QUERY = "error_ratio"
AGE = "data_age_seconds"
PARAMETERS = (
    Parameter("rate", "number", default=0.1, minimum=0.001, maximum=1),
    Parameter("epochs", "integer", default=3, minimum=1, maximum=50),
    Parameter("mode", default="full", choices=("full", "quick")),
    Parameter("end", description="Data up to here is taken."),
    Parameter("dry", "boolean", default=False),
)


@dataclass
class FakeMetrics(Metrics):
    """Answers what the test says. An alert's query is the same for all."""

    values: dict[str, float | None] = field(default_factory=dict)
    fault: BotError | None = None

    def query_of(self, alert: Alert) -> str | None:
        return QUERY if QUERY in self.values else None

    async def value(self, query: str) -> float | None:
        if self.fault is not None:
            raise self.fault
        return self.values.get(query)

    async def range(self, query: str, *, start: datetime, end: datetime, step: float) -> Sequence[Series]:
        return ()


class Plant(World):
    """A world in which everything can be done to the fraud detector."""

    def __init__(self, path: Path, policies: Policies | None = None) -> None:
        clock = JumpingClock()
        self.orchestrator = FakeOrchestrator(clock)
        self.orchestrator.declare(PIPELINE, *PARAMETERS)
        self.splitter = FakeSplitter(clock)
        self.metrics = FakeMetrics({AGE: 3_600.0})
        setup = a_setup(policies=policies)
        training = Training(
            PipelineRef("orchestrator", PIPELINE), (("mode", "quick"),), window_end="end",
            fresh_query=AGE, fresh_metrics="metrics",
        )  # fmt: skip
        first = replace(
            setup.bindings[0], training=training, fallback="1", gate=(("auc", True),),
            serving=(*setup.bindings[0].serving,),
        )  # fmt: skip
        churn = next(b for b in setup.bindings if b.model == "churn")
        shared = replace(churn, serving=(*churn.serving, Target("splitter", "churn")))
        self.splitter.put("churn", {"2": 0, "1": 100})
        others = tuple(b for b in setup.bindings[1:] if b.model != "churn")
        super().__init__(path, replace(setup, bindings=(first, shared, *others)), clock)

    def _process(self) -> None:
        super()._process()
        self.systems = replace(
            self.systems,
            servings={**self.systems.servings, "splitter": self.serving},
            orchestrators={"orchestrator": self.orchestrator},
            switches={"orchestrator": self.orchestrator},
            splitters={"splitter": self.splitter},
            metrics={"metrics": self.metrics},
            guarantees={
                **self.systems.guarantees,
                "orchestrator": Guarantees(idempotent_start=self.orchestrator.idempotent_start),
                "splitter": Guarantees(compare_and_set=True),
            },
        )
        self.rebuild()

    def during(self, *happens: Callable[[], object]) -> None:
        """What happens outside at each sleep of who waits, one after the other."""
        waiting = list(happens)

        def step() -> None:
            if waiting:
                waiting.pop(0)()

        assert isinstance(self.clock, JumpingClock)
        self.clock.on_sleep = step

    def yields(self, version: str = "4", auc: float = 0.96, **tags: str) -> Callable[[], object]:
        """The run registers a version."""

        def register() -> None:
            made = model_version(FRAUD, version, self.clock.now(), auc=auc)
            self.registry.register(FRAUD, replace(made, tags=tags))

        return register

    async def wish(self, text: str, by=None) -> int:
        """Ask for it as somebody who may; gives the operation's number."""
        reply = await self.say(text, by or await self.requester(text))
        assert reply.ok, reply
        return int(reply.title.split()[0].removeprefix("OP-"))

    async def requester(self, text: str):
        """Somebody who may ask and is not the one who approves."""
        kind = next(k for k in operate.OperationKind if k.command == text.split(maxsplit=1)[0])
        route = operate.route_of(self.setup, kind, FRAUD)
        owner = route.accountable.person if route.accountable else ""
        who = next(p for p in may("", Right.REQUEST, route).who if p != owner)
        return next(p for p in PEOPLE if p.id == who)

    async def approve(self, number: int) -> None:
        """The Accountable says yes."""
        route = (await self.operation(number)).route
        assert route.accountable is not None
        owner = next(p for p in PEOPLE if p.id == route.accountable.person)
        reply = await self.say(f"approve OP-{number}", owner)
        assert reply.ok, reply

    async def done(self, text: str):
        """Asked for, approved, carried out."""
        number = await self.wish(text)
        await self.approve(number)
        assert await self.carry_out() == 1
        return await self.operation(number)

    async def policies(self) -> int:
        """What policies have started is done."""
        story = PolicyStory(self.store, self.setup, self.systems, self.clock, self._nudge)
        return await self.engine.run(story.story, POLICY)


HOUR = timedelta(hours=1)
