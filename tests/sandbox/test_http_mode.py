"""HTTP mode: signed deliveries, retries with their headers, refusals, and an app that is not there."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from sandbox.workspace.seed import APP

from .bolt import Told, listeners
from .conftest import EVERY_EVENT, EVERY_SCOPE, INCIDENTS, World, a_world
from .listening import AppServer, listening


@pytest.fixture
async def there() -> AsyncIterator[tuple[World, Told, AppServer]]:
    async with listening() as server, a_world(app_url=f"{server.url}/slack/events") as world:
        app = world.new_app()
        told = listeners(app)
        server.serve(app)
        yield world, told, server


async def ended(world: World) -> None:
    await asyncio.gather(*(one.ended.wait() for one in world.sandbox.deliveries.sent.values()))


async def test_deliveries_carry_a_signature_that_bolt_accepts(there: tuple[World, Told, AppServer]) -> None:
    world, told, server = there
    said = await world.act("message", user="mika", channel=INCIDENTS, text="hello")
    assert said["acknowledged"] is True
    assert told.all[0]["event"]["text"] == "hello"
    assert server.headers[0]["x-slack-signature"].startswith("v0=")
    assert server.headers[0]["content-type"] == "application/json"


async def test_the_address_gives_the_challenge_back(there: tuple[World, Told, AppServer]) -> None:
    world, _, server = there
    assert world.sandbox.http is not None
    assert await world.sandbox.http.verify() is True
    server.status = [500]
    assert await world.sandbox.http.verify() is False


async def test_another_secret_is_refused_by_the_app() -> None:
    other = replace(APP, signing_secret="another-secret", scopes=EVERY_SCOPE, events=EVERY_EVENT)
    async with listening() as server, a_world(app=other, app_url=f"{server.url}/slack/events") as world:
        app = world.new_app()
        listeners(app)
        server.serve(app)
        done = await world.act("command", user="mika", channel=INCIDENTS, command="/mlops", text="help")
        assert "http_error" in done["error"]


async def test_a_failed_event_comes_again_with_its_number_and_reason(there: tuple[World, Told, AppServer]) -> None:
    world, told, server = there
    server.status = [500, 503]
    await world.act("message", user="mika", channel=INCIDENTS, text="hello")
    await world.clock.until_asleep(60)
    world.clock.jump(60)
    await ended(world)
    retries = [(one.get("x-slack-retry-num"), one.get("x-slack-retry-reason")) for one in server.headers]
    assert retries == [(None, None), ("1", "http_error"), ("2", "http_error")]
    assert len({body["event_id"] for body in told.all}) == 1


async def test_the_app_may_ask_for_no_retry(there: tuple[World, Told, AppServer]) -> None:
    world, told, server = there
    server.status, server.answer_headers = [500], {"X-Slack-No-Retry": "1"}
    await world.act("message", user="mika", channel=INCIDENTS, text="hello")
    await ended(world)
    assert (len(server.headers), told.all) == (1, [])


async def test_an_app_that_is_not_there_is_a_failed_command() -> None:
    async with a_world(app_url="http://127.0.0.1:9/slack/events") as world:
        done = await world.act("command", user="mika", channel=INCIDENTS, command="/mlops", text="help")
        assert (done["acknowledged"], "connection_failed" in done["error"]) == (False, True)


async def test_a_slow_app_fails_the_command_and_the_event_is_tried_again(there: tuple[World, Told, AppServer]) -> None:
    world, told, _ = there
    asked = asyncio.create_task(world.act("command", user="mika", channel=INCIDENTS, command="/mlops", text="never"))
    await told.until(1)
    await world.clock.until_asleep(3)
    world.clock.jump(3)
    assert "operation_timeout" in (await asked)["error"]
