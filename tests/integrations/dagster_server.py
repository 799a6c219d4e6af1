"""The bot's adapter at the real Dagster, a person there as well, and a way between them for what can go wrong there."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from bot.kit.http import HttpClients, Limits
from bot.ports.clock import SystemClock
from bot.ports.systems import Run
from integrations.dagster.adapter import KEY_TAG, Dagster, build
from integrations.dagster.manifest import Settings
from tests.contracts.orchestrator import LOOKS
from tests.servers.dagster import LOCATION, REPOSITORY
from tests.servers.dagster import Dagster as Server
from tests.servers.proxy import Proxy, proxy

_COUNT = itertools.count(1)
_MINE = "query Q($f: RunsFilter!) { runsOrError(filter: $f) { ... on Runs { results { runId status } } } }"
_STOP = "mutation M($runs: [String!]!) { terminateRuns(runIds: $runs) { __typename } }"
_START = "mutation M($s: ScheduleSelector!) { startSchedule(scheduleSelector: $s) { __typename } }"
_SCHEDULES = """query Q($p: PipelineSelector!) {
  pipelineOrError(params: $p) { ... on Pipeline { schedules { scheduleState { id } } } }
}"""
_STOP_SCHEDULE = "mutation M($id: String!) { stopRunningSchedule(id: $id) { __typename } }"
_AGAIN = """mutation M($p: ReexecutionParams!) {
  launchRunReexecution(reexecutionParams: $p) { __typename ... on LaunchRunSuccess { run { runId } } }
}"""
_OVER = {"SUCCESS", "FAILURE", "CANCELED"}


class Person:
    """A person at Dagster itself, past the bot."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def ask(self, document: str, **variables: object) -> dict[str, dict[str, object]]:
        answer = await self._http.post("/graphql", json={"query": document, "variables": variables})
        assert answer.status_code == 200, answer.text
        data = answer.json()["data"]
        assert isinstance(data, dict)
        return data

    async def runs(self, key: str) -> list[dict[str, str]]:
        """All runs of a key, newest first."""
        found = (await self.ask(_MINE, f={"tags": [{"key": KEY_TAG, "value": key}]}))["runsOrError"]["results"]
        assert isinstance(found, list)
        return found

    async def stop(self, *runs: str) -> None:
        await self.ask(_STOP, runs=list(runs))

    async def again(self, run: str) -> str:
        """The page's button that lets a run run again."""
        launched = (await self.ask(_AGAIN, p={"parentRunId": run, "strategy": "ALL_STEPS"}))["launchRunReexecution"]
        assert isinstance(launched["run"], dict), launched
        return str(launched["run"]["runId"])

    async def start_schedule(self, name: str) -> None:
        where = {"repositoryName": REPOSITORY, "repositoryLocationName": LOCATION, "scheduleName": name}
        await self.ask(_START, s=where)

    async def stop_schedule(self, job: str) -> None:
        """All schedules of a job."""
        where = {"repositoryName": REPOSITORY, "repositoryLocationName": LOCATION, "pipelineName": job}
        schedules = (await self.ask(_SCHEDULES, p=where))["pipelineOrError"]["schedules"]
        assert isinstance(schedules, list)
        for one in schedules:
            await self.ask(_STOP_SCHEDULE, id=one["scheduleState"]["id"])


@pytest.fixture
async def person(dagster: Server) -> AsyncIterator[Person]:
    async with httpx.AsyncClient(base_url=dagster.url, trust_env=False, timeout=60) as http:
        yield Person(http)


@pytest.fixture
async def start_key(person: Person) -> AsyncIterator[str]:
    """A key that no run has; runs of keys that begin with it are asked to stop afterwards."""
    made = f"op-{os.getpid()}-{next(_COUNT):04}"
    yield made
    mine = [run for key in (made, f"{made}b") for run in await person.runs(key)]
    going = [run["runId"] for run in mine if run["status"] not in _OVER]
    if going:
        await person.stop(*going)


async def ended(at: Dagster, run: Run) -> Run:
    """Once it has."""
    for _ in range(LOOKS):
        seen = await at.run(run.pipeline, run.id)
        if seen.state.final:
            return seen
        await asyncio.sleep(0.1)
    raise AssertionError(f"it never ended: {seen}")


Connect = Callable[..., Dagster]


@pytest.fixture
async def connect_dagster() -> AsyncIterator[Connect]:
    """Makes an adapter of Dagster at an address; it tries once."""
    made: list[HttpClients] = []

    def adapter(url: str, **settings: object) -> Dagster:
        made.append(HttpClients(limits=Limits(read=30.0, attempts=1)))
        return build(Settings.model_validate({"url": url, "location": LOCATION, **settings}), made[-1], SystemClock())

    yield adapter
    for clients in made:
        await clients.aclose()


@pytest.fixture
async def at_dagster(dagster: Server, connect_dagster: Connect) -> Dagster:
    return connect_dagster(dagster.url)


@pytest.fixture
async def before_dagster(dagster: Server) -> AsyncIterator[Proxy]:
    """Between the bot and Dagster, for what can go wrong there."""
    async with proxy(dagster.url) as made:
        yield made
