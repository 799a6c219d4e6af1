"""Serving systems in memory that can be told: a deployer and a traffic splitter, with faults to order.

`faults.order("serve", unconfirmed(), after=True)` loses the answer after the effect; without `after`, before it.
Both settle by themselves after so many looks, or when the test says so; somebody else may change them at any time.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot.domain.errors import BadInput, Conflict, Refused, Unreachable
from bot.domain.models import Evidence, Observation, Probe
from bot.domain.plan import Call
from bot.ports.clock import Clock
from bot.ports.systems import Deployer, Serving, Split, TrafficSplitter
from tests.fakes.systems import Faults

NOTHING = "Nothing was changed."


@dataclass
class Rollout:
    """One deployment: what it was told to serve, and what answers still while `looks` are left."""

    version: str
    answers: str = ""
    looks: int = 0
    revision: int = 1
    healthy: bool = True

    @property
    def settled(self) -> bool:
        return self.looks <= 0

    def tell(self, version: str, lag: int) -> None:
        self.answers = self.answers if not self.settled else self.version
        self.version, self.looks, self.revision = version, lag, self.revision + 1


@dataclass
class FakeDeployer(Serving, Deployer):
    """Deployments by name. `told` is the log of every write of ours that had an effect.

    It keeps compare-and-set by a revision. A change is on its way for `lag` looks: `in_progress`, and not yet an answer.
    """

    clock: Clock
    name: str = "serving"
    rollouts: dict[str, Rollout] = field(default_factory=dict)
    versions: frozenset[str] = frozenset("12345")
    """What there is to serve; anything else is declined."""
    lag: int = 0
    evidence: Evidence = Evidence.ANSWER
    """What a look is worth once it has settled."""
    told: list[tuple[str, str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.faults = Faults(self.clock)

    # ------------------------------------------------------------ what the test arranges

    def deploy(self, name: str, version: str) -> None:
        """Somebody else does it, at once."""
        have = self.rollouts.setdefault(name, Rollout(version))
        have.tell(version, 0)

    def settle(self) -> None:
        """Whatever is on its way arrives."""
        for rollout in self.rollouts.values():
            rollout.looks = 0

    # ------------------------------------------------------------ the ports

    async def observe(self, name: str, *, probes: Sequence[Probe] = ()) -> Observation:
        """What it was told is all it knows: probes have nobody to answer them."""
        del probes
        self.asked.append("observe")
        async with self.faults.around("observe"):
            rollout = self._rollout(name)
            rollout.looks -= not rollout.settled
            return self._seen(rollout)

    def plan_serve(self, name: str, version: str) -> Call:
        return Call(self.name, "PUT", f"http://serving.example/{name}", json.dumps({"version": version}))

    async def serve(self, name: str, version: str, *, expected: Observation) -> Observation:
        self.asked.append("serve")
        async with self.faults.around("serve"):
            rollout = self._rollout(name)
            if rollout.version != expected.version or expected.token not in {"", str(rollout.revision)}:
                raise Conflict(
                    f"{name} serves version {rollout.version} now, not {expected.version}.", not_done=NOTHING
                )
            if version not in self.versions:
                raise Refused(f"There is no version {version}.", system=self.name, not_done=NOTHING)
            rollout.tell(version, self.lag)
            self.told.append((name, version))
            return self._seen(rollout)

    # ------------------------------------------------------------ pieces

    def _rollout(self, name: str) -> Rollout:
        if name not in self.rollouts:
            raise Unreachable(f"Nothing answers at {name}.", system=self.name, not_done="Nothing was asked.")
        return self.rollouts[name]

    def _seen(self, rollout: Rollout) -> Observation:
        """What it was told, with a control plane's word only while that is on its way."""
        evidence = self.evidence if rollout.settled else Evidence.CONTROL_PLANE
        detail = "" if rollout.settled else f"(version {rollout.answers} answers still)"
        return Observation(
            rollout.version, evidence, self.clock.now(), healthy=rollout.healthy, in_progress=not rollout.settled,
            token=str(rollout.revision), detail=detail,
        )  # fmt: skip


@dataclass
class Shares:
    """One target: its deployed versions, the newest first, and what each gets."""

    percents: dict[str, int]
    looks: int = 0
    revision: int = 1


@dataclass
class FakeSplitter(TrafficSplitter):
    """Targets by name. `shifts` is the log of every write of ours that had an effect.

    `put` is somebody else's change. A shift is `in_progress` for `lag` looks; the shares are what was told.
    """

    clock: Clock
    name: str = "splitter"
    targets: dict[str, Shares] = field(default_factory=dict)
    lag: int = 0
    compare_and_set: bool = True
    """Whether a token that is out of date is refused, or only shares that differ."""
    shifts: list[tuple[str, str, int]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.faults = Faults(self.clock)

    # ------------------------------------------------------------ what the test arranges

    def put(self, name: str, percents: Mapping[str, int]) -> None:
        """Somebody else shares it like this, the newest version first."""
        assert sum(percents.values()) == 100, "shares add up to 100"
        have = self.targets.setdefault(name, Shares({}))
        have.percents, have.revision, have.looks = dict(percents), have.revision + 1, 0

    def settle(self) -> None:
        """Whatever is on its way arrives."""
        for shares in self.targets.values():
            shares.looks = 0

    def share(self, name: str, version: str) -> int:
        """What a version has now."""
        return self.targets[name].percents[version]

    # ------------------------------------------------------------ the port

    async def split(self, name: str) -> Split:
        self.asked.append("split")
        async with self.faults.around("split"):
            shares = self._target(name)
            shares.looks -= shares.looks > 0
            return self._seen(shares)

    def plan_shift(self, name: str, version: str, percent: int, *, expected: Split) -> Call:
        _possible(version, percent, expected)
        body = json.dumps({"version": version, "percent": percent})
        return Call(self.name, "PATCH", f"http://splitter.example/{name}", body)

    async def shift(self, name: str, version: str, percent: int, *, expected: Split) -> Split:
        self.asked.append("shift")
        _possible(version, percent, expected)
        async with self.faults.around("shift"):
            shares = self._target(name)
            now = self._seen(shares)
            stale = self.compare_and_set and expected.token not in {"", now.token}
            if stale or now.shares != expected.shares:
                raise Conflict(f"The requests of {name} are shared otherwise now.", not_done=NOTHING)
            shares.percents = {one: percent if one == version else 100 - percent for one in shares.percents}
            shares.revision, shares.looks = shares.revision + 1, self.lag
            self.shifts.append((name, version, percent))
            return self._seen(shares)

    # ------------------------------------------------------------ pieces

    def _target(self, name: str) -> Shares:
        if name not in self.targets:
            raise Refused(f"There is no target {name}.", system=self.name, not_done="Nothing was read.")
        return self.targets[name]

    def _seen(self, shares: Shares) -> Split:
        return Split(tuple(shares.percents.items()), self.clock.now(), shares.looks > 0, str(shares.revision))


def _possible(version: str, percent: int, expected: Split) -> None:
    if not 0 <= percent <= 100:
        raise BadInput(f"{percent} is no percentage.", not_done=NOTHING)
    if len(expected.shares) != 2 or version not in dict(expected.shares):
        raise BadInput(f"Version {version} is not one of two that are deployed.", not_done=NOTHING)
