"""Other systems in memory, true to the ports' contracts (`tests/contracts`), with faults to order."""

import contextlib
import json
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from bot.domain.errors import Conflict, Indeterminate, NotFound, Refused, Unreachable
from bot.domain.models import Change, Column, Evidence, ModelVersion, Observation, Probe, Signature, VersionStatus
from bot.domain.plan import Call
from bot.kit.probing import versions_at
from bot.ports.clock import Clock
from bot.ports.systems import ChangeFeed, Deployer, Registry, Serving


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong in one call: before it has an effect, or `after`; or it only takes `seconds` longer."""

    error: BaseException | None
    after: bool = False
    seconds: float = 0.0


class Faults:
    """Faults by the name of the call; each ordered one is used up by one call, `always` ones stay."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._next: dict[str, deque[Fault]] = defaultdict(deque)
        self._always: dict[str, Fault] = {}

    def order(self, call: str, error: BaseException, *, after: bool = False, times: int = 1) -> None:
        self._next[call].extend([Fault(error, after)] * times)

    def always(self, call: str, error: BaseException) -> None:
        self._always[call] = Fault(error)

    def slow(self, call: str, seconds: float) -> None:
        self._next[call].append(Fault(None, seconds=seconds))

    def clear(self) -> None:
        self._next.clear()
        self._always.clear()

    @contextlib.asynccontextmanager
    async def around(self, call: str) -> AsyncIterator[None]:
        waiting = self._next[call]
        fault = waiting.popleft() if waiting else self._always.get(call)
        if fault is not None and fault.seconds:
            await self._clock.sleep(fault.seconds)
        if fault is not None and fault.error is not None and not fault.after:
            raise fault.error
        yield
        if fault is not None and fault.error is not None and fault.after:
            raise fault.error


class Killed(BaseException):
    """The process ended here: nothing catches it, as nothing catches kill -9."""


def down(system: str = "registry") -> Unreachable:
    return Unreachable(f"The {system} does not answer.", system=system, not_done="Nothing was sent.")


def unconfirmed(system: str = "registry") -> Indeterminate:
    return Indeterminate(f"The {system} was told and gave no answer.", system=system)


SIGNATURE = Signature((Column("amount", "double"), Column("country", "string")), (Column("score", "double"),))


@dataclass(frozen=True, slots=True)
class Move:
    """One alias that was moved, by us (`ours`) or by somebody else."""

    model: str
    alias: str
    before: str | None
    after: str
    ours: bool


@dataclass
class FakeRegistry(Registry):
    """Versions and aliases. `moves` is the log of every write that had an effect."""

    clock: Clock
    name: str = "registry"
    models: dict[str, dict[str, ModelVersion]] = field(default_factory=dict)
    aliases: dict[tuple[str, str], str] = field(default_factory=dict)
    moves: list[Move] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.faults = Faults(self.clock)

    # ------------------------------------------------------------ what the test arranges

    def register(self, model: str, *versions: ModelVersion) -> None:
        have = self.models.setdefault(model, {})
        for version in versions:
            have[version.version] = version

    def change(self, model: str, version: str, **what: object) -> None:
        self.models[model][version] = replace(self.models[model][version], **what)  # type: ignore[arg-type]

    def point(self, model: str, alias: str, version: str) -> None:
        """Somebody else moves the alias."""
        self.moves.append(Move(model, alias, self.aliases.get((model, alias)), version, ours=False))
        self.aliases[model, alias] = version

    @property
    def our_moves(self) -> list[Move]:
        return [move for move in self.moves if move.ours]

    # ------------------------------------------------------------ the port

    async def versions(self, model: str) -> Sequence[ModelVersion]:
        async with self._call("versions"):
            newest_first = sorted(self._model(model).values(), key=lambda v: int(v.version), reverse=True)
            return tuple(replace(self._named(v), signature=None, artifact_loadable=None) for v in newest_first)

    async def version(self, model: str, version: str) -> ModelVersion:
        async with self._call("version"):
            return self._named(self._version(model, version))

    async def resolve(self, model: str, alias: str) -> Observation:
        async with self._call("resolve"):
            self._model(model)
            return self._observed(model, alias)

    def plan_move(self, model: str, alias: str, to: str) -> Call:
        body = json.dumps({"name": model, "alias": alias, "version": to})
        return Call(self.name, "POST", "http://registry.example/alias", body, "It has no compare-and-set.")

    async def move(self, model: str, alias: str, to: str, *, expected: Observation) -> Observation:
        async with self._call("move"):
            now = self.aliases.get((model, alias))
            self._model(model)
            if now != expected.version:
                raise Conflict(
                    f"Alias {alias} of {model} points at version {now} now; the plan was made when it was version "
                    f"{expected.version}.",
                    not_done="Nothing was changed.",
                )
            if to not in self.models[model]:
                raise Refused(f"{model} has no version {to}.", system=self.name, not_done="Nothing was changed.")
            self.aliases[model, alias] = to
            self.moves.append(Move(model, alias, now, to, ours=True))
            return self._observed(model, alias)

    # ------------------------------------------------------------ pieces

    def _call(self, name: str) -> contextlib.AbstractAsyncContextManager[None]:
        self.asked.append(name)
        return self.faults.around(name)

    def _model(self, model: str) -> dict[str, ModelVersion]:
        if model not in self.models:
            raise NotFound(f"The registry has no model {model}.", not_done="Nothing was changed.")
        return self.models[model]

    def _version(self, model: str, version: str) -> ModelVersion:
        if version not in self._model(model):
            raise NotFound(f"The registry has no version {version} of {model}.", not_done="Nothing was changed.")
        return self.models[model][version]

    def _named(self, version: ModelVersion) -> ModelVersion:
        mine = sorted(a for (m, a), v in self.aliases.items() if m == version.model and v == version.version)
        return replace(version, aliases=tuple(mine))

    def _observed(self, model: str, alias: str) -> Observation:
        return Observation(self.aliases.get((model, alias)), Evidence.REGISTRY, self.clock.now())


def model_version(
    model: str, number: str, at: datetime, *, auc: float = 0.9, signature: Signature | None = SIGNATURE
) -> ModelVersion:
    return ModelVersion(
        model, number, VersionStatus.READY, at, metrics={"auc": auc, "precision": auc - 0.1}, signature=signature,
        artifact_loadable=True,
    )  # fmt: skip


@dataclass
class Endpoint:
    """One serving process. It follows an alias after `lag` more looks; never, when `follows` is off."""

    version: str
    model: str
    alias: str
    follows: bool = True
    lag: int = 1
    healthy: bool = True
    in_progress: bool = False


@dataclass
class FakeServing(Serving, Deployer):
    """Serving processes by name, which follow a registry's alias or are deployed to."""

    clock: Clock
    registry: FakeRegistry
    name: str = "serving"
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    deployments: list[tuple[str, str]] = field(default_factory=list)
    answers: dict[str, tuple[int, object]] = field(default_factory=dict)
    """What a path is answered with: status and JSON."""
    probed: list[Probe] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.faults = Faults(self.clock)

    def _endpoint(self, name: str) -> Endpoint:
        if name not in self.endpoints:
            raise Unreachable(f"Nothing answers at {name}.", system=self.name, not_done="Nothing was asked.")
        return self.endpoints[name]

    async def observe(self, name: str, *, probes: Sequence[Probe] = ()) -> Observation:
        """Every endpoint answers to `/version` by itself, and to `answers` as the test says; to nothing else."""
        async with self.faults.around("observe"):
            endpoint = self._endpoint(name)
            wanted = self.registry.aliases.get((endpoint.model, endpoint.alias), endpoint.version)
            if endpoint.follows and endpoint.version != wanted:
                endpoint.lag -= 1
                if endpoint.lag < 0:
                    endpoint.version, endpoint.lag = wanted, 1
            seen = Observation(
                endpoint.version, Evidence.ANSWER, self.clock.now(), healthy=endpoint.healthy,
                in_progress=endpoint.in_progress, detail="(it says so itself)",
            )  # fmt: skip
            return self._probed(seen, endpoint, probes)

    def _probed(self, seen: Observation, endpoint: Endpoint, probes: Sequence[Probe]) -> Observation:
        answers = {"/version": (200, {"model": {"version": endpoint.version}}), **self.answers}
        for probe in probes:
            self.probed.append(probe)
            status, value = answers.get(probe.path, (404, {}))
            if status != 200:
                seen = replace(seen, healthy=False, detail=f"({probe.path} is answered with {status})")
            elif probe.version:
                named = versions_at(value, probe.version)
                seen = replace(seen, version=named[0] if len(named) == 1 else None)
        return seen

    def plan_serve(self, name: str, version: str) -> Call:
        return Call(self.name, "PUT", f"http://serving.example/{name}", json.dumps({"version": version}))

    async def serve(self, name: str, version: str, *, expected: Observation) -> Observation:
        async with self.faults.around("serve"):
            endpoint = self._endpoint(name)
            if endpoint.version != expected.version:
                raise Conflict(
                    f"{name} answers with version {endpoint.version} now, not {expected.version}.",
                    not_done="Nothing was changed.",
                )
            endpoint.version = version
            self.deployments.append((name, version))
            return Observation(version, Evidence.CONTROL_PLANE, self.clock.now())


@dataclass
class FakeChangeFeed(ChangeFeed):
    """What a system remembers of changes."""

    clock: Clock
    changes: list[Change] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.faults = Faults(self.clock)

    async def changes_since(self, model: str, since: datetime) -> Sequence[Change]:
        async with self.faults.around("changes_since"):
            mine = [change for change in self.changes if change.model == model and change.at >= since]
            return tuple(sorted(mine, key=lambda change: change.at, reverse=True))
