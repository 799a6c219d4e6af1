"""Adapters to the world of these tests, written as an integration is: over the kit's HTTP, with its errors."""

import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from bot.domain.alert import Alert
from bot.domain.errors import Conflict, Indeterminate, Unreadable
from bot.domain.models import Column, Evidence, ModelVersion, Observation, Probe, Signature, VersionStatus
from bot.domain.plan import Call
from bot.kit.http import Http, Request
from bot.ports.clock import Clock
from bot.ports.systems import (
    Deployer,
    Metrics,
    Orchestrator,
    Pipeline,
    PipelineSwitch,
    Registry,
    Run,
    RunState,
    Scalar,
    Series,
    Serving,
    Split,
    TrafficSplitter,
)

_SIGNATURE = Signature((Column("amount", "double"),), (Column("score", "double"),))
_MADE = datetime(2026, 10, 1, tzinfo=UTC)


class _Far:
    def __init__(self, http: Http, clock: Clock, *, repeatable: bool) -> None:
        self._http = http
        self._clock = clock
        self._repeatable = repeatable

    async def _read(self, path: str, word: str = "version", **params: str) -> Any:
        answer = await self._http.send(_request("GET", self._http.url(path), params=params))
        return _expected(answer.json(), word, self._http.system)

    async def _change(self, path: str, body: object, word: str = "version", method: str = "PUT") -> str:
        """A write, and what its answer names; whatever else is answered leaves a doubt."""
        answer = await self._http.send(_request(method, self._http.url(path), body, repeatable=self._repeatable))
        try:
            return str(_expected(answer.json(), word, self._http.system)[word])
        except Unreadable as error:
            raise Indeterminate(f"The change was sent, and {error.what}", system=self._http.system) from error

    def _observed(self, version: str | None, evidence: Evidence) -> Observation:
        return Observation(version, evidence, self._clock.now(), healthy=True)


class FarRegistry(_Far, Registry):
    """One model's versions and its alias.

    It reads before it moves, as there is no compare-and-set; where a write may not be repeated it doesn't, so that
    nothing but the bot itself stands between a repeat and its effect.
    """

    async def versions(self, model: str) -> Sequence[ModelVersion]:
        return tuple(_version(model, one["version"]) for one in await self._read("/versions"))

    async def version(self, model: str, version: str) -> ModelVersion:
        return _version(model, (await self._read(f"/versions/{version}"))["version"])

    async def resolve(self, model: str, alias: str) -> Observation:
        del model
        return self._observed((await self._read(f"/aliases/{alias}"))["version"], Evidence.REGISTRY)

    def plan_move(self, model: str, alias: str, to: str) -> Call:
        return Call(
            self._http.system,
            "PUT",
            self._http.url(f"/aliases/{alias}"),
            json.dumps({"version": to}),
            f"{model}@{alias}",
        )

    async def move(self, model: str, alias: str, to: str, *, expected: Observation) -> Observation:
        now = await self.resolve(model, alias) if self._repeatable else expected
        if now.version != expected.version:
            raise Conflict(f"The alias points at version {now.version} now.", not_done="Nothing was changed.")
        version = await self._change(f"/aliases/{alias}", {"version": to})
        if version != to:
            raise Indeterminate(f"The alias was moved, and reads {version}.", system=self._http.system)
        return self._observed(version, Evidence.REGISTRY)


class FarServing(_Far, Serving, Deployer, TrafficSplitter):
    """One service, that says which version answers, can be told to serve another one, and to share its requests."""

    async def observe(self, name: str, *, probes: Sequence[Probe] = ()) -> Observation:
        del name, probes
        return self._observed(str((await self._read("/serving"))["version"]), Evidence.ANSWER)

    def plan_serve(self, name: str, version: str) -> Call:
        return Call(self._http.system, "PUT", self._http.url("/serving"), json.dumps({"version": version}), name)

    async def serve(self, name: str, version: str, *, expected: Observation) -> Observation:
        now = await self.observe(name) if self._repeatable else expected
        if now.version != expected.version:
            raise Conflict(f"{name} answers with version {now.version} now.", not_done="Nothing was changed.")
        return self._observed(await self._change("/serving", {"version": version}), Evidence.CONTROL_PLANE)

    async def split(self, name: str) -> Split:
        del name
        shares = (await self._read("/split", "shares"))["shares"]
        return Split(tuple((version, int(percent)) for version, percent in shares.items()), self._clock.now())

    def plan_shift(self, name: str, version: str, percent: int, *, expected: Split) -> Call:
        del expected
        body = json.dumps({"version": version, "percent": percent})
        return Call(self._http.system, "PUT", self._http.url("/split"), body, name)

    async def shift(self, name: str, version: str, percent: int, *, expected: Split) -> Split:
        now = await self.split(name) if self._repeatable else expected
        if now.shares != expected.shares:
            raise Conflict(f"{name} shares its requests otherwise now.", not_done="Nothing was changed.")
        read = int(await self._change("/split", {"version": version, "percent": percent}, "percent"))
        shares = tuple((one, read if one == version else 100 - read) for one, _ in now.shares)
        return Split(shares, self._clock.now())


class FarOrchestrator(_Far, Orchestrator, PipelineSwitch):
    """One pipeline. Where a start may be repeated, one key starts one run."""

    async def pipeline(self, name: str) -> Pipeline:
        paused = (await self._read("/schedule", "schedule"))["schedule"] == "off"
        return Pipeline(name, paused=paused, parameters=())

    def plan_pause(self, pipeline: str, *, paused: bool) -> Call:
        return Call(self._http.system, "PUT", self._http.url("/schedule"), json.dumps({"paused": paused}), pipeline)

    async def set_paused(self, pipeline: str, *, paused: bool) -> Pipeline:
        read = await self._change("/schedule", {"paused": paused}, "schedule")
        return Pipeline(pipeline, paused=read == "off", parameters=())

    def plan_start(self, pipeline: str, parameters: Mapping[str, Scalar], *, key: str) -> Call:
        return Call(
            self._http.system, "POST", self._http.url("/runs"), json.dumps({"key": key, **parameters}), pipeline
        )

    async def start(self, pipeline: str, parameters: Mapping[str, Scalar], *, key: str) -> Run:
        return _run(pipeline, await self._change("/runs", {"key": key, **parameters}, "run", "POST"), RunState.QUEUED)

    async def find(self, pipeline: str, *, key: str) -> Run | None:
        found = await self._read("/runs", "run", key=key)
        return _run(pipeline, found[0]["run"], RunState.RUNNING) if found else None

    async def run(self, pipeline: str, run: str) -> Run:
        return _run(pipeline, run, RunState((await self._read(f"/runs/{run}", "run"))["state"]))

    async def recent(self, pipeline: str, *, limit: int = 20) -> Sequence[Run]:
        del pipeline, limit
        return ()

    async def cancel(self, pipeline: str, run: str) -> None:
        raise AssertionError(f"nobody cancels {run} of {pipeline} here")


class FarMetrics(_Far, Metrics):
    """The value that an alert was about."""

    def query_of(self, alert: Alert) -> str | None:
        return f"the value of {alert.name}"

    async def value(self, query: str) -> float | None:
        del query
        return float((await self._read("/value", "value"))["value"])

    async def range(self, query: str, *, start: datetime, end: datetime, step: float) -> Sequence[Series]:
        raise AssertionError(f"nobody draws {query} from {start} to {end} by {step} here")


def _run(pipeline: str, run: str, state: RunState) -> Run:
    return Run(run, pipeline, state, None, None)


def _request(
    method: str, url: str, body: object = None, *, repeatable: bool = True, params: Mapping[str, str] | None = None
) -> Request:
    return Request(
        method, url, params or {}, None if body is None else json.dumps(body).encode(), method == "GET", repeatable, (),
        {"x-process": str(os.getpid()), "content-type": "application/json"},
    )  # fmt: skip


def _expected(answer: object, word: str, system: str) -> Any:
    """What is no object or list of ours is garbage, as it would be from a vendor."""
    if isinstance(answer, list) or (isinstance(answer, dict) and word in answer):
        return answer
    raise Unreadable(f"{system} answered with something else.", system=system)


def _version(model: str, version: str) -> ModelVersion:
    return ModelVersion(model, version, VersionStatus.READY, _MADE, signature=_SIGNATURE, artifact_loadable=True)
